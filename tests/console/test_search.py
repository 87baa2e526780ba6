"""`datrnet search`: the same facts as rows, as JSON and as a table with pictures."""

import io
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from typer.testing import Result

from datrnet.console.search import answer_of
from datrnet.console.substitutes import (
    COLUMNS,
    ROWS,
    drawn_picture,
    show_answer,
    show_plain_answer,
)
from datrnet.core.api.answer import Answer
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import IndexConfig
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.indexing.generation_writer import Embedded, write_generation
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import Fusion
from datrnet.db.rows import FactKind, NewItem, NewVariant

Run = Callable[..., Result]


def test_rows_into_a_pipe_have_a_header_and_one_line_each(run: Run, ready: Path) -> None:
    result = run(ready, "search", "item-1", "--set", "colour=black")
    assert result.exit_code == 0
    header, *rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert header[:5] == ["rank", "id", "distance", "title", "picture"]
    assert len(rows) == 30
    assert {len(row) for row in rows} == {len(header)}
    assert [row[0] for row in rows] == [str(rank) for rank in range(1, 31)]
    assert "item-1" not in [row[1] for row in rows]


def test_rows_and_json_tell_the_same(run: Run, ready: Path) -> None:
    asked = ("search", "item-1", "--set", "colour=black", "-k", 4, "--weight", "pattern=2")
    rows = [line.split("\t") for line in run(ready, *asked).stdout.splitlines()[1:]]
    facts = json.loads(run(ready, *asked, "--json").stdout)
    assert facts["changes"] == {"colour": "Black"}
    assert facts["query"]["id"] == "item-1"
    assert [row[1] for row in rows] == [substitute["id"] for substitute in facts["substitutes"]]
    for row, substitute in zip(rows, facts["substitutes"], strict=True):
        assert float(row[2]) == pytest.approx(substitute["distance"], abs=1e-6)
        parts = substitute["distance_squared_by_super_category"]
        assert sum(parts.values()) == pytest.approx(substitute["distance"] ** 2, abs=1e-5)
        assert set(substitute["agreement"]) == {"colour", "pattern"}


def test_a_super_category_of_another_item_is_told_in_every_form(run: Run, ready: Path) -> None:
    asked = ("search", "item-1", "--take", "Colour=item-3", "--set", "pattern=striped", "-k", 4)
    facts = json.loads(run(ready, *asked, "--json").stdout)
    assert facts["taken"] == {"colour": "item-3"}
    assert facts["changes"] == {"pattern": "striped"}
    rows = [line.split("\t") for line in run(ready, *asked).stdout.splitlines()[1:]]
    assert [row[1] for row in rows] == [substitute["id"] for substitute in facts["substitutes"]]
    for substitute in facts["substitutes"]:  # item-3 is black
        assert substitute["agreement"]["colour"] is (substitute["labels"]["colour"] == "Black")
    answer = answer_of(
        Workspace(ready),
        "item-1",
        taken=("colour=item-3",),
        changes=("pattern=striped",),
        top=4,
    )
    for show in (
        lambda out: show_answer(out, answer, pictures=False),
        lambda o: show_plain_answer(o, answer),
    ):
        out = Console(file=io.StringIO(), width=120)
        show(out)
        assert "Red → as in item-3" in out.file.getvalue()  # type: ignore[attr-defined]
    out = Console(file=io.StringIO(), width=120)
    show_answer(out, answer, pictures=False)
    assert "colour comes from item-3." in out.file.getvalue()  # type: ignore[attr-defined]


def test_a_picture_may_be_what_is_taken_from(run: Run, ready: Path, shop: Path) -> None:
    photo = next(shop.parent.rglob("*.png"))
    facts = json.loads(run(ready, "search", "item-1", "--take", f"colour={photo}", "--json").stdout)
    assert facts["taken"] == {"colour": photo.name}
    assert {substitute["agreement"]["colour"] for substitute in facts["substitutes"]} == {None}


def test_several_items_are_one_query(run: Run, copied: Workspace) -> None:
    result = run(copied.root, "search", "item-1", "item-3", "item-4", "--json")
    facts = json.loads(result.stdout)
    assert (facts["query"]["id"], facts["query"]["ids"]) == (None, ["item-1", "item-3", "item-4"])
    assert not {substitute["id"] for substitute in facts["substitutes"]} & {*facts["query"]["ids"]}
    assert sum(facts["agreement"].values()) == pytest.approx(2)
    piped = run(copied.root, "search", "item-1", "item-3", "item-4")
    assert "Weights by what the 3 items agree on: " in piped.stderr
    with copied.open_store() as store:
        store.set_shortlist(store.start_session("Ideas"), ["item-1", "gone", "item-3", "item-4"])
    listed = run(copied.root, "search", "--shortlist", "ideas", "--json")
    assert json.loads(listed.stdout) == facts
    assert "No longer in the catalog: gone" in listed.stderr
    out = Console(file=io.StringIO(), width=120)
    show_answer(out, answer_of(copied, ("item-1", "item-3")), pictures=False)
    assert "item-1, item-3" in out.file.getvalue()  # type: ignore[attr-defined]


def test_nots_marks_and_pages_are_told(run: Run, ready: Path) -> None:
    asked = ("search", "item-1", "--where", "colour!=red", "--unlike", "pattern=item-3")
    asked += ("--liked", "item-5", "--disliked", "item-6", "--max-distance", "9", "-k", "4")
    first = json.loads(run(ready, *asked, "--page", "1", "--json").stdout)
    second = json.loads(run(ready, *asked, "--page", "2", "--json").stdout)
    assert (first["where_others"], first["unlike"]) == (["colour!=red"], {"pattern": ["item-3"]})
    assert (first["liked"], first["disliked"]) == (["item-5"], ["item-6"])
    assert set(first["feedback"]) == {"colour", "pattern"}
    assert (second["offset"], second["max_distance"]) == (4, 9)
    assert [substitute["rank"] for substitute in second["substitutes"]] == [5, 6, 7, 8]
    both = first["substitutes"] + second["substitutes"]
    assert len({substitute["id"] for substitute in both}) == 8
    assert "Red" not in {substitute["labels"]["colour"] for substitute in both}
    assert "Weights by what is liked and disliked: " in run(ready, *asked).stderr


def test_a_saved_search_tells_what_is_new(run: Run, copied: Workspace) -> None:
    asked = ("search", "item-1", "--set", "colour=black", "-k", "3", "--json")
    first = run(copied.root, *asked, "--save", "Black ones")
    assert "datrnet search --saved 'Black ones'" in first.stderr
    found = json.loads(first.stdout)
    assert (found["since"], found["new"]) == (None, [])
    again = run(copied.root, "search", "--saved", "black ones")
    assert "New since 20" in again.stderr
    assert again.stderr.rstrip().endswith(": nothing")
    gone = found["substitutes"][0]["id"]
    with copied.open_store() as store:
        catalog = answer_of(copied, "item-1").searcher.catalog
        store.hide_items([int(catalog.item_ids[catalog.row_of_code(gone)])], "hide one")
    later = json.loads(run(copied.root, "search", "--saved", "black ones", "--json").stdout)
    assert later["new"] == [later["substitutes"][-1]["id"]]
    assert later["changes"] == {"colour": "Black"}
    assert "Black ones" in run(copied.root, "session", "list").stdout
    refused = run(copied.root, "search", "item-1", "--saved", "black ones")
    assert "leave out its options" in " ".join(refused.output.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "ITEM|PICTURE is missing"),
        (("item-1", "--weight", "colour=-1"), "use --unlike colour=ITEM"),
        (("item-1", "--liked", "item-5", "--disliked", "item-5"), "both liked and disliked"),
        (("item-1", "--liked", "item-99"), "No item is called 'item-99'"),
        (("item-1", "--unlike", "colour"), "not of the form SUPER-CATEGORY=VALUE"),
        (("--shortlist", "none"), "No session is called 'none'"),
        (("item-1", "--set", "colour!=black"), 'To leave out items: --where "colour!=black"'),
        (("item-1", "--weight", "price<=50"), 'To leave out items: --where "price<=50"'),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    run: Run, ready: Path, words: tuple[str, ...], said: str
) -> None:
    result = run(ready, "search", *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--take", "colour"), "not of the form SUPER-CATEGORY=VALUE"),
        (("--take", "colour=item-99"), "No item is called 'item-99'"),
        (("--take", "color=item-3"), "Did you mean colour"),
        (("--take", "colour=item-3", "--set", "colour=red"), "Keep one of the two"),
        (("--take", "colour=item-3", "--take", "Colour=item-4"), "names 'Colour' twice"),
    ],
)
def test_what_cannot_be_taken_is_one_line(
    run: Run, ready: Path, words: tuple[str, ...], said: str
) -> None:
    result = run(ready, "search", "item-1", *words)
    assert result.exit_code in (1, 2)
    assert said in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr


def test_conditions_on_one_super_category_mean_any_of_them(run: Run, ready: Path) -> None:
    asked = ("search", "item-0", "--where", "colour=red", "--where", "Colour=BLUE")
    options = ("--where", "pattern=plain", "--split", "train", "--json")
    facts = json.loads(run(ready, *asked, *options).stdout)
    assert facts["where"] == {"colour": ["red", "BLUE"], "pattern": ["plain"]}
    assert {substitute["labels"]["colour"] for substitute in facts["substitutes"]} == {
        "Red",
        "Blue",
    }
    assert {substitute["labels"]["pattern"] for substitute in facts["substitutes"]} == {"plain"}


def test_facts_are_conditions_and_shown_in_every_form(run: Run, copied: Workspace) -> None:
    with copied.open_store() as store:
        stamps = store.picture_stamps()
        items = [
            NewItem(
                code=code,
                title=f"Item {number}",
                picture_path=stamps[code].path,
                split="train",
                facts={"price": f"{10 + number}.00 EUR"},
                variants=tuple(
                    NewVariant(code=f"{code}-{size}", facts={"size": size, "in stock": is_in_stock})
                    for size, is_in_stock in (("S", "no"), ("M", "yes"))
                ),
            )
            for number, code in enumerate(("item-2", "item-3", "item-4"))
        ]
        kinds: dict[str, FactKind] = {"price": "money", "size": "text", "in stock": "boolean"}
        store.upsert_items(items, kinds)
    conditions = ("--where", "price<12", "--where", "in_stock=true", "--where", "size=M")
    asked = ("search", "item-1", "-k", 2, *conditions)
    facts = json.loads(run(copied.root, *asked, "--json").stdout)
    assert facts["where_others"] == ["price<12", "in_stock=true", "size=M"]
    assert {substitute["id"] for substitute in facts["substitutes"]} == {"item-2", "item-3"}
    first = facts["substitutes"][0]
    assert first["facts"]["price"] in ("10.00 EUR", "11.00 EUR")
    assert first["variants"][1]["facts"] == {"size": "M", "in stock": "yes"}
    header, *rows = [line.split("\t") for line in run(copied.root, *asked).stdout.splitlines()]
    told = dict(zip(header, rows[0], strict=True))
    assert (told["size"], told["in stock"]) == ("S, M", "yes (1 of 2)")
    answer = answer_of(copied, "item-1", where=("price<12",), top=2)
    for width in (40, 120):
        text = _shown(answer, width=width, pictures=False, color_system=None)
        assert "size S, M" in text
        assert f"price {first['facts']['price']}" in text
    none = run(copied.root, "search", "item-1", "--where", "size=S", "--where", "in_stock=true")
    assert "No item meets the conditions." in none.stderr
    past = run(copied.root, "search", "item-1", "--page", str(10**20))
    assert past.stderr.startswith("No further item meets the conditions.")
    wrong = run(copied.root, "search", "item-1", "--where", "prise<12")
    assert "Did you mean price?" in " ".join(wrong.stderr.split())


def test_a_picture_must_be_a_regular_file(run: Run, ready: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.png")
    result = run(ready, "search", str(tmp_path / "fifo.png"))
    assert result.exit_code == 1
    assert "is not a regular file" in " ".join(result.output.split())


def test_a_picture_that_is_in_no_catalog_can_be_searched_with(
    run: Run, ready: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (30, 30), (200, 30, 30)).save(tmp_path / "mine.png")
    result = run(ready, "search", tmp_path / "mine.png", "--set", "pattern=striped", "--json")
    assert result.exit_code == 0
    assert "Loading the networks" in result.stderr
    facts = json.loads(result.stdout)
    assert facts["query"]["id"] is None
    assert facts["query"]["picture"] == str(tmp_path / "mine.png")
    assert {substitute["agreement"]["colour"] for substitute in facts["substitutes"]} == {None}


def test_items_that_came_after_the_index_are_counted(
    run: Run, copied: Workspace, shop: Path, tmp_path: Path
) -> None:
    header = shop.read_text().splitlines()[0]
    table = tmp_path / "more.csv"
    table.write_text(f"{header}\nnew,images/0.png,New,train,Red,plain\n")
    assert run(copied.root, "import", table, "--images", shop.parent).exit_code == 0
    result = run(copied.root, "search", "item-1")
    assert "1 item is not indexed yet" in result.stderr
    result = run(copied.root, "search", "new")
    assert result.exit_code == 1
    assert "datrnet index" in result.stderr


def test_the_weights_in_force_are_told(run: Run, copied: Workspace) -> None:
    path = next(copied.indexes.iterdir()) / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "weights": [0.5, 1.5], "changed_weight": 3.0}))
    asked = ("search", "item-1", "--set", "colour=black", "--weight", "colour=2", "--json")
    facts = json.loads(run(copied.root, *asked).stdout)
    assert facts["requested_weights"] == {"colour": 2.0}
    assert facts["weights"] == {"colour": 0.5 * 3 * 2, "pattern": 1.5}


def test_weights_that_leave_nothing_are_refused(run: Run, ready: Path) -> None:
    result = run(ready, "search", "item-1", "--weight", "colour=0", "--weight", "pattern=0")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "has weight 0" in result.stderr


def test_rows_without_an_answer_are_explained_beside_them(run: Run, copied: Workspace) -> None:
    with copied.open_store() as store:
        path = store.picture_stamps()["item-4"].path
        labels = {"colour": "Green"}
        item = NewItem(code="new", title="New", picture_path=path, split="train", labels=labels)
        store.upsert_items([item])
    result = run(copied.root, "search", "item-1", "--where", "colour=green")
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr.startswith("No item meets the conditions.\n")


def test_the_prototypes_within_a_super_category_are_told_in_every_form(
    run: Run, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datrnet.core.retrieval.prototypes.MIN_SPECIFIC", 4)  # the shop is small
    asked = ("search", "item-1", "--set", "colour=black", "--within", "PATTERN")
    facts = json.loads(run(ready, *asked, "--json").stdout)
    assert facts["query"]["labels"]["pattern"] == "plain"
    assert facts["within"] == "pattern"
    prototype = facts["prototypes"]["colour"]
    assert (prototype["among"], prototype["note"]) == ("plain", "")
    words = f"colour Black is the mean of {prototype['items']} items among plain."
    result = run(ready, *asked)
    assert words in result.stderr
    assert len(result.stdout.splitlines()) == 31
    answer = answer_of(
        Workspace(ready), "item-1", changes=("colour=black",), within="pattern", top=1
    )
    assert words in _shown(answer, width=120, pictures=False, color_system=None)


def test_a_generic_prototype_is_told_with_its_reason(run: Run, ready: Path) -> None:
    asked = ("search", "item-1", "--set", "colour=black", "--json")
    generic = json.loads(run(ready, *asked).stdout)
    assert generic["within"] is None
    assert generic["prototypes"]["colour"]["among"] is None
    same = json.loads(run(ready, *asked, "--within", "colour").stdout)
    assert same["prototypes"]["colour"]["note"] == "colour itself changes"
    assert same["substitutes"] == generic["substitutes"]


def test_an_unknown_super_category_to_stay_within_brings_the_nearest(run: Run, ready: Path) -> None:
    result = run(ready, "search", "item-1", "--within", "patern")
    assert result.exit_code == 2
    assert "Did you mean pattern?" in result.stderr


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 130])
@pytest.mark.parametrize("pictures", [True, False])
def test_id_title_and_distance_are_whole_at_any_width(
    ready: Path, width: int, pictures: bool
) -> None:
    answer = answer_of(Workspace(ready), "item-1", changes=("colour=black",), top=3)
    text = re.sub("\x1b\\[[0-9;]*m", "", _shown(answer, width=width, pictures=pictures))
    assert max(map(len, text.splitlines())) <= width
    for substitute in answer.substitutes:
        assert f"distance {substitute.distance:.3f}" in text
        for word in (
            substitute.code,
            *substitute.title.split(),
            *(f"{part:.3f}" for part in substitute.parts.values()),
        ):
            assert word in text


def test_a_narrow_terminal_loses_the_bars_then_the_pictures(ready: Path) -> None:
    answer = answer_of(Workspace(ready), "item-1", changes=("colour=black",), top=3)
    texts = [_shown(answer, width=width, pictures=True) for width in (40, 60, 80, 100)]
    assert ["48;2;" in text for text in texts] == [False, False, True, True]
    assert ["▇" in text for text in texts] == [False, False, False, True]


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_shows_pictures(ready: Path, width: int) -> None:
    answer = answer_of(Workspace(ready), "item-1", changes=("colour=black",), top=3)
    text = _shown(answer, width=width, pictures=True)
    assert "48;2;" in text  # pictures have colors of their own
    plain = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in text.splitlines()]
    assert max(map(len, plain)) <= width


def test_the_table_says_in_words_what_agrees(ready: Path) -> None:
    answer = answer_of(Workspace(ready), "item-1", changes=("colour=black",), top=30)
    text = _shown(answer, width=120, pictures=False, color_system=None)
    for words in ("Query", "Red → Black", "does not match", "same", "[red]Red"):
        assert words in text


def test_a_hostile_title_is_shown_as_text(run: Run, copied: Workspace) -> None:
    hostile = "\x1b[2J\x1b]0;gone\x07 \u202eesrever\n\t[bold]x[/nothing]"
    with copied.open_store() as store:
        stored = store.picture_stamps()["item-4"].path
        item = NewItem(code="item-4", title=hostile, picture_path=stored, split="train")
        store.upsert_items([item])
    answer = answer_of(copied, "item-1", top=47)
    for text in (
        _shown(answer, width=200, pictures=False, color_system=None),
        run(copied.root, "search", "item-1", "-k", 47).stdout,
    ):
        assert "␛[2J␛]0;gone␇ esrever [bold]x[/nothing]" in text
        assert not set("\x1b\x07\u202e") & set(text)
    assert "\\u001b[2J" in run(copied.root, "search", "item-1", "-k", 47, "--json").stdout


def test_no_picture_is_drawn_where_there_are_no_colors(ready: Path) -> None:
    answer = answer_of(Workspace(ready), "item-1", top=2)
    assert "▄" not in _shown(answer, width=120, pictures=True, color_system=None)


def test_the_plain_table_has_one_line_per_substitute(ready: Path) -> None:
    answer = answer_of(Workspace(ready), "item-1", changes=("colour=black",), top=5)
    stream = io.StringIO()
    out = Console(file=stream, width=120, markup=False)
    show_plain_answer(out, answer)
    assert sum(substitute.code in stream.getvalue() for substitute in answer.substitutes) == 5
    assert "colour Red → Black" in stream.getvalue()


def test_a_change_is_named_as_the_index_spells_it(ready: Path) -> None:
    answer = answer_of(Workspace(ready), "ITEM-1", changes=("Colour=BLACK",), top=1)
    assert answer.plan.changes == {"colour": "Black"}
    assert answer.to_facts()["query"]["labels"] == {"colour": "Red", "pattern": "plain"}  # type: ignore[index]


def test_a_picture_fills_its_cells(ready: Path) -> None:
    answer = answer_of(Workspace(ready), "item-1", top=1)
    lines = drawn_picture(answer, answer.query.row).plain.split("\n")
    assert len(lines) == ROWS
    assert {len(line) for line in lines} == {COLUMNS}


def test_a_picture_that_is_gone_becomes_words(copied: Workspace) -> None:
    item = NewItem(code="item-1", title="Gone", picture_path="none.png", split="train")
    with copied.open_store() as store:
        store.upsert_items([item])
    shutil.rmtree(copied.thumbnails)
    answer = answer_of(copied, "item-1", top=1)
    assert drawn_picture(answer, answer.query.row).plain == "no picture"


@pytest.fixture
def entangled(copied: Workspace) -> Workspace:
    """Return a workspace whose index has one block for all super-categories."""
    rng = np.random.default_rng(0)
    with copied.open_store() as store:
        before = Generation.current(copied, store)
        num_items, counts = len(before.item_ids), before.manipulation.counts
        memory, weight, bias = (
            rng.normal(size=shape).astype(np.float32) for shape in ((4, sum(counts)), (4, 8), 4)
        )
        embedded = Embedded(
            run_name=before.manifest.run_name,
            super_categories=before.super_categories,
            item_ids=before.item_ids,
            embeddings=rng.normal(size=(num_items, 1, 4)).astype(np.float32),
            manipulation=Fusion(memory, counts, weight, bias),
            weights=Weights.equal(1),
        )
        write_generation(copied, store, embedded, IndexConfig(trees=2))
    return copied


def test_a_distance_of_all_super_categories_as_one_is_told_as_one(
    run: Run, entangled: Workspace
) -> None:
    asked = ("search", "item-1", "--set", "colour=black", "-k", 3)
    result = run(entangled.root, *asked)
    header, *rows = [line.split("\t") for line in result.stdout.splitlines()]
    names = ["colour", "colour agrees", "pattern", "pattern agrees", "all distance²"]
    assert header[5:] == names
    assert all(float(row[-1]) == pytest.approx(float(row[2]) ** 2, abs=1e-5) for row in rows)
    assert {len(row) for row in rows} == {len(header)}
    facts = json.loads(run(entangled.root, *asked, "--json").stdout)
    assert facts["weights"] == {"all": 1}
    assert facts["prototypes"]["colour"] == {"among": None, "items": None, "note": ""}
    for substitute in facts["substitutes"]:
        assert substitute["share_by_super_category"] == {"all": 1}


@pytest.mark.parametrize("width", [120, 60, 30])
def test_a_table_has_no_figures_where_super_categories_have_no_part(
    entangled: Workspace, width: int
) -> None:
    answer = answer_of(entangled, "item-1", changes=("colour=black",), top=2)
    text = _shown(answer, width=width, pictures=False, color_system=None)
    assert re.findall(r"\d\.\d{3}", text) == [
        f"{substitute.distance:.3f}" for substitute in answer.substitutes
    ]
    assert "distance²" not in text
    assert "colour Black is the system's own entry, not a mean of items." in " ".join(text.split())
    assert "all super-categories as a whole" in " ".join(text.split())


def test_a_super_category_without_a_part_cannot_be_weighed(run: Run, entangled: Workspace) -> None:
    result = run(entangled.root, "search", "item-1", "--weight", "colour=2")
    assert result.exit_code == 2
    assert "colour cannot have its own weight" in result.stderr


def test_every_overview_names_the_one_block(run: Run, entangled: Workspace) -> None:
    facts = json.loads(run(entangled.root, "info", "--json").stdout)
    assert facts["index"]["weights"] == {"all": 1}
    assert "weight of all" in run(entangled.root, "info").stdout
    result = run(entangled.root, "evaluate", "--equal-weights")
    assert result.exit_code == 0
    assert "Weights: all 1; a changed one × 1." in result.stdout
    assert run(entangled.root, "report").exit_code == 0
    assert "weight of all" in (entangled.root / "report.html").read_text("utf-8")


def _shown(
    answer: Answer,
    *,
    width: int,
    pictures: bool,
    color_system: Literal["truecolor"] | None = "truecolor",
) -> str:
    stream = io.StringIO()
    out = Console(
        file=stream,
        width=width,
        force_terminal=color_system is not None,
        color_system=color_system,
        markup=False,
        no_color=False,
    )
    show_answer(out, answer, pictures=pictures)
    return stream.getvalue()


def test_ids_and_names_are_found_however_they_are_typed(run: Run, ready: Path) -> None:
    plain = run(ready, "search", "item-1", "--set", "colour=black", "--weight", "pattern=2")
    for item, change, weight in (
        ("ＩＴＥＭ-1", "ＣＯＬＯＵＲ=ｂｌａｃｋ", "ＰATTERN=2"),
        ("Item-1 ", " Colour = BLACK", " pattern =2"),
    ):
        typed = run(ready, "search", item, "--set", change, "--weight", weight)
        assert typed.exit_code == 0
        assert typed.stdout == plain.stdout


def test_many_items_are_answered_as_each_of_them(run: Run, ready: Path, tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("item-1\n\nitem-2\nitem-3\nitem-4\nitem-5\n", "utf-8")
    given = ("--set", "colour=black", "-k", 3)
    many = ("search", "--items", file)
    lines = run(ready, *many, *given, "--json").stdout.splitlines()
    numbers = range(1, 6)
    alone = [run(ready, "search", f"item-{n}", *given, "--json").stdout for n in numbers]
    assert [json.loads(line) for line in lines] == list(map(json.loads, alone))
    header, *rows = run(ready, *many, *given).stdout.splitlines()
    assert header.split("\t")[:3] == ["query", "rank", "id"]
    assert [row.split("\t")[0] for row in rows[::3]] == [f"item-{n}" for n in numbers]
    file.write_text("id\nitem-2\n", "utf-8")  # with the header line that cut leaves
    result = run(ready, *many, *given)
    assert [row.split("\t")[0] for row in result.stdout.splitlines()[1:]] == ["item-2"] * 3
    assert "1 of the given ids is not in the catalog: id" in result.stderr
    file.write_text("id\n", "utf-8")
    result = run(ready, *many, *given)
    assert (result.exit_code, "No item is called 'id'" in result.stderr) == (2, True)
    result = run(ready, *many, "item-1")
    assert (result.exit_code, "queries of its own" in result.stderr) == (2, True)


def test_a_sentence_says_the_item_and_the_changes(run: Run, ready: Path) -> None:
    by_options = ("item-1", "--set", "colour=black", "--where", "pattern!=Striped", "-k", 3)
    wanted = json.loads(run(ready, "search", *by_options, "--json").stdout)
    result = run(ready, "search", "like item-1 but blakc, no stripes", "-k", 3, "--json")
    facts = json.loads(result.stdout)
    assert facts["changes"] == wanted["changes"] == {"colour": "Black"}
    assert facts["substitutes"] == wanted["substitutes"]
    assert facts["understood"]["words"] == "colour Black · pattern not striped"
    assert [term["how"] for term in facts["understood"]["terms"]] == ["typo", "synonym"]
    assert wanted["understood"] is None
    assert "Understood: like item-1, colour Black (“blakc”)" in result.stderr


def test_words_list_the_items_that_are_so(run: Run, ready: Path) -> None:
    for words in (["red striped"], ["red", "striped"]):
        result = run(ready, "search", *words, "-k", 2)
        header, *rows = [line.split("\t") for line in result.stdout.splitlines()]
        assert header == ["id", "title", "colour", "pattern"]
        assert [row[2:] for row in rows] == [["Red", "striped"]] * 2
        assert "Understood: colour Red · pattern striped" in result.stderr
    facts = json.loads(run(ready, "search", "red striped", "--json", "-k", 1).stdout)
    assert (len(facts["items"]), facts["total"] > 1) == (1, True)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (("item-l",), "No item is called 'item-l'. Did you mean"),
        (("item-1", "nothing"), "No item is called 'nothing'"),
        (("like item-999 but red",), "No item is called 'item-999'"),
        (("like item-1 but redd oxford",), "'oxford' is no value of the catalog"),
        (("like item-1 but stripes or black",), "A change cannot be one of two super-categories"),
        (("red striped", "--set", "colour=black"), "begin with: like ITEM"),
    ],
)
def test_what_is_not_understood_is_told(
    run: Run, ready: Path, asked: tuple[str, ...], words: str
) -> None:
    result = run(ready, "search", *asked)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
