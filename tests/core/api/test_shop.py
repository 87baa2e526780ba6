"""The library: queries in every form, answers in every form, changes, and bad input."""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import Result

import datrnet
from datrnet.core.api.frames import PictureCard, cards_html
from datrnet.core.catalog.export import TableSummary
from datrnet.core.catalog.like import LikeSummary
from datrnet.core.catalog.picture_sets import PictureSetSummary
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import (
    ConfigError,
    DatabaseError,
    DataError,
    DatrnetError,
    IndexStaleError,
    ShapeError,
    UnknownNameError,
)

Run = Callable[..., Result]

FRAME = [
    {"id": f"new-{number}", "image": f"{number}.png", "colour": colour}
    for number, colour in enumerate(("Red", "Blue", None))
]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with the three pictures of ``FRAME``."""
    for number, color in enumerate(((200, 0, 0), (0, 0, 200), (9, 9, 9))):
        Image.new("RGB", (24, 32), color).save(tmp_path / f"{number}.png")
    return tmp_path


# ── queries ──────────────────────────────────────────────────────────────────


def test_one_id_does_where_several_do(ready: Path) -> None:
    shop = datrnet.open(ready)
    (answer,) = shop.search_many("item-1", k=2)
    assert answer.ids == shop.search("item-1", k=2).ids
    assert shop.search("item-1", liked="item-2").ids == shop.search("item-1", liked=["item-2"]).ids


def test_words_that_are_no_choice_are_refused_and_harm_nothing(ready: Path) -> None:
    shop = datrnet.open(ready)
    wrong: Any = "fast"
    for told in (
        lambda: shop.search("item-1", match=wrong),
        lambda: shop.index(engine=wrong),
        lambda: shop.index(precision=wrong),
        lambda: shop.embed_shard("1/2", precision=wrong),
    ):
        with pytest.raises(ConfigError, match=r"There is no .* 'fast'\. Use "):
            told()
    assert shop.search("item-1", k=1)


def test_what_has_another_type_is_refused_with_the_right_one(ready: Path) -> None:
    shop: Any = datrnet.open(ready)
    for call, message in (
        (lambda: shop.items[0], r'by their id, a text, not by 0\. For example: items\["10045"\]'),
        (lambda: shop.search("item-1", k=2.5), "k is 2.5; it must be a whole number"),
        *(
            (partial(shop.search, "item-1", **{name: "colour=black"}), f'{name}={{"colour": …}}')
            for name in ("set", "take", "any", "weight", "unlike")
        ),
    ):
        with pytest.raises(ConfigError, match=message):
            call()
    assert len(shop.search("item-1", k=np.int64(2))) == 2


def test_a_search_saved_as_last_would_replace_another(ready: Path) -> None:
    with pytest.raises(ConfigError, match="not a number or last"):
        datrnet.open(ready).search("item-1").save("Last")


def test_a_saved_search_goes_on_without_a_liked_item_that_is_gone(copied: Workspace) -> None:
    shop = datrnet.open(copied.root)
    shop.search("item-1", liked=["item-2", "item-3"], disliked="item-4", k=3).save("mine")
    shop.remove(["item-2", "item-4"])
    for _ in range(2):
        answer = shop.search_saved("mine")
        assert answer.left_out == ("item-2", "item-4")
        assert answer.notes[-1] == "Liked or disliked, but no longer available: item-2, item-4"
    assert answer.ids == shop.search("item-1", liked="item-3", k=3).ids


def test_a_picture_is_the_same_query_in_every_form(ready: Path) -> None:
    shop = datrnet.open(ready)
    item = shop.items["item-1"]
    path = item.picture_file.path
    with Image.open(path) as opened:
        opened.load()
    forms = (path, str(path), path.read_bytes(), opened, item.picture, np.asarray(item.picture))
    steps: list[str] = []
    for form in forms:
        answer = shop.search(form, k=3, on_progress=lambda step, *_: steps.append(step))
        assert answer.query_id is None
        assert answer[0].distance == pytest.approx(0, abs=1e-6)
    assert steps == ["Loading the networks"]


def test_an_item_is_a_query_by_its_id_and_as_what_the_items_yield(ready: Path) -> None:
    shop = datrnet.open(ready)
    answers = [shop.search(query, k=3) for query in ("item-1", shop.items["item-1"])]
    assert [answer.query_id for answer in answers] == ["item-1"] * 2
    assert answers[0].ids == answers[1].ids
    black = shop.items.where("colour=black")
    several = [shop.search(query, k=3) for query in ([*black.ids], tuple(black), black)]
    assert several[0].query_ids == black.ids
    assert several[0].ids == several[1].ids == several[2].ids


def test_many_queries_are_answered_like_each_of_them(ready: Path) -> None:
    shop = datrnet.open(ready)
    every = {answer.query_id: answer.ids for answer in shop.search_many(k=2, set={"colour": "red"})}
    assert list(every) == list(shop.embeddings.ids)
    assert every["item-5"] == shop.search("item-5", k=2, set={"colour": "red"}).ids


def test_conditions_are_texts_or_values_by_name(ready: Path) -> None:
    shop = datrnet.open(ready)
    by_text = shop.search("item-1", where=["Colour=red", "colour=blue", "pattern=plain"], k=48)
    by_name = shop.search("item-1", where={"colour": ["red", "BLUE"], "pattern": "plain"}, k=48)
    assert by_text.ids == by_name.ids
    assert {item.labels["colour"] for item in by_name} == {"Red", "Blue"}
    assert shop.search("item-1", where="colour=red", k=48).ids
    assert set(shop.items.where("colour=red", "pattern=plain").ids) <= {*by_name.ids, "item-1"}


@pytest.mark.parametrize(
    ("asked", "options", "error", "words"),
    [
        ("item-99", {}, UnknownNameError, "Did you mean item-9"),
        (2.5, {}, ConfigError, "A float is no query"),
        (b"no picture", {}, DataError, "<10 bytes> is not a picture"),
        (np.zeros((3, 8, 8)), {}, ShapeError, "(3, 8, 8) of float64"),
        (np.zeros((0, 8, 3), np.uint8), {}, ShapeError, "(0, 8, 3)"),
        ("item-1", {"set": {"colur": "red"}}, UnknownNameError, "Did you mean colour"),
        ("item-1", {"set": {"colour": "rde"}}, UnknownNameError, "Did you mean Red"),
        ("item-1", {"set": {"colour": ["red", "blue"]}}, ConfigError, "use `any`"),
        ("item-1", {"weight": {"colour": -1}}, ConfigError, "colour=-1"),
        ("item-1", {"weight": {"colour": float("nan")}}, ConfigError, "colour=nan"),
        ("item-1", {"k": 0}, ConfigError, "1 or more"),
        ("item-1", {"split": "tset"}, ConfigError, "'tset'"),
    ],
)
def test_a_bad_query_says_what_is_wrong(
    ready: Path, asked: object, options: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as caught:
        datrnet.open(ready).search(asked, **options)
    assert words in str(caught.value)


# ── answers ──────────────────────────────────────────────────────────────────


def test_an_answer_tells_what_the_command_prints(run: Run, ready: Path, tmp_path: Path) -> None:
    asked = ("search", "item-1", "--set", "colour=black", "--weight", "pattern=2", "-k", 4)
    shop = datrnet.open(ready)
    answer = shop.search("item-1", set={"colour": "black"}, weight={"pattern": 2}, k=4)
    assert answer.to_json(tmp_path / "answer.json") == run(ready, *asked, "--json").stdout.strip()
    assert json.loads((tmp_path / "answer.json").read_text())["index"]
    header = run(ready, *asked).stdout.splitlines()[0].split("\t")
    rows = answer.to_dicts()
    assert list(rows[0]) == header
    assert [row["id"] for row in rows] == [found.id for found in answer] == list(answer.ids)
    for found, row in zip(answer, rows, strict=True):
        assert sum(found.parts.values()) == pytest.approx(found.distance**2, abs=1e-5)
        assert row["colour agrees"] is found.agreement["colour"]
    assert len(repr(answer)) < 200
    assert answer[-1].rank == 4


def test_a_notebook_shows_pictures_and_no_markup_of_the_catalog(ready: Path) -> None:
    shop = datrnet.open(ready)
    for shown in (shop.search("item-1", k=3), shop.items, shop.items["item-1"], shop.doubts()):
        html = shown._repr_html_()
        assert html.count("<img") == html.count("base64,/9j/") == html.count("<figure")
    lines = ["<script>alert(1)</script>", 'a "b" & c']
    html = cards_html([PictureCard(picture=None, heading="<b>", lines=lines)], total=9)
    assert "<script" not in html
    assert "&lt;b&gt;" in html
    assert "8 more" in html


def test_without_pandas_an_error_says_so(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match="pip install pandas"):
        datrnet.open(ready).items.to_pandas()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_rows_become_a_frame(ready: Path, library: str) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed")
    shop = datrnet.open(ready)
    for rows in (shop.items, shop.search("item-1", k=3), shop.doubts()):
        frame = getattr(rows, f"to_{library}")()
        assert len(frame) == len(rows)
        assert frame["id"][0] == rows.to_dicts()[0]["id"]


def test_embeddings_and_prototypes_go_by_names(ready: Path) -> None:
    shop = datrnet.open(ready)
    embeddings, row = shop.embeddings, shop.embeddings.ids.index("item-7")
    assert embeddings.names == ("colour", "pattern")
    assert np.array_equal(embeddings["item-7"], np.asarray(embeddings)[row])
    assert np.array_equal(embeddings.block("Pattern")[row], embeddings["item-7"][1])
    prototypes = shop.prototypes("COLOUR")
    assert sorted(prototypes) == ["Black", "Blue", "Red"]
    assert all(np.isfinite(prototype).all() for prototype in prototypes.values())


# ── changes ──────────────────────────────────────────────────────────────────


def test_a_label_is_seen_at_once_and_undone(copied: Workspace) -> None:
    shop = datrnet.open(copied.root)
    other = datrnet.open(copied.root)
    assert other.items["item-2"].labels["colour"] == "Blue"
    (change,) = shop.label("item-2", {"colour": "red"})
    assert (change.old_value, change.new_value) == ("Blue", "Red")
    assert shop.items["item-2"].labels["colour"] == "Red"
    assert shop.label(["item-2"], {"colour": ["Red"]}) == []
    red = shop.search("item-1", where="colour=red", k=48).ids
    assert "item-2" in red
    other.refresh()
    assert other.items["item-2"].labels["colour"] == "Red"
    shop.undo_label()
    assert shop.items["item-2"].labels["colour"] == "Blue"


def test_a_wrong_label_changes_nothing(copied: Workspace) -> None:
    shop = datrnet.open(copied.root)
    for items, labels in (
        (["item-2", "item-99"], {"colour": "red"}),
        (["item-2"], {"colour": "red", "pattern": "plane"}),
    ):
        with pytest.raises(UnknownNameError):
            shop.label(items, labels)
    assert shop.items["item-2"].labels["colour"] == "Blue"


def test_items_go_and_come_back(copied: Workspace) -> None:
    shop = datrnet.open(copied.root)
    moved = shop.remove(where=["colour=red", "pattern=plain"], hide=True)
    assert moved.num_items == 8
    assert sum(item.is_hidden for item in shop.items) == 8
    assert shop.unhide(all=True).num_items == 8
    shop.remove("item-1")
    assert "item-1" not in shop.items
    assert shop.undo() is not None
    assert "item-1" in shop.items
    assert shop.remove(["item-1"], where=["colour=black"]).step is None
    with pytest.raises(ConfigError, match="Nothing says which items"):
        shop.remove()


def test_a_frame_becomes_a_shop(photos: Path) -> None:
    shop = datrnet.open(photos / "new", create=True)
    steps: list[tuple[str, int, int]] = []
    summary = shop.import_frame(
        FRAME, images=photos, attribute=["colour"], on_progress=lambda *step: steps.append(step)
    )
    assert (summary.added, shop.items.ids) == (3, ("new-0", "new-1", "new-2"))
    assert steps[-1] == ("Checking pictures", 3, 3)
    with pytest.raises(IndexStaleError, match="no index yet"):
        shop.search("new-0")


def test_a_frame_without_ids_is_told_of(photos: Path) -> None:
    shop = datrnet.open(photos / "new", create=True)
    rows = [{"image": row["image"], "colour": row["colour"]} for row in FRAME]
    summary = shop.import_frame(rows, images=photos)
    assert shop.items.ids == ("0", "1", "2")
    assert "No id column: the picture's file name" in repr(summary)


def test_the_index_of_a_frame_is_its_ids(photos: Path) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    shop = datrnet.open(photos / "new", create=True)
    shop.import_frame(pandas.DataFrame(FRAME).set_index("id"), images=photos)
    assert shop.items.ids == ("new-0", "new-1", "new-2")


def test_what_cannot_be_imported_is_refused(photos: Path) -> None:
    shop = datrnet.open(photos / "new", create=True)
    for rows, options, words in (
        (FRAME, {"imags": photos}, "Did you mean images"),
        (FRAME, {"images": photos / "none"}, "none"),
        (FRAME, {"images": photos, "attribute": ["color"]}, "Did you mean colour"),
        ([{"id": "a"}], {"images": photos}, "picture"),
    ):
        with pytest.raises(DatrnetError, match=words):
            shop.import_frame(rows, **options)
    assert not len(shop.items)


def test_a_shop_is_trained_indexed_and_written(copied: Workspace, tiny_config: Path) -> None:
    shop = datrnet.open(copied.root)
    before, steps = shop.embeddings, set()
    trained = shop.train(
        tiny_config, super_category="Colour", epochs=1, on_progress=lambda *step: steps.add(step)
    )
    assert [result.super_category for result in trained.results] == ["colour"]
    assert {("Reading pictures", 36, 36), ("colour", 1000, 1000)} <= steps
    report = shop.index(on_progress=lambda *step: steps.add(step))
    assert (report.manifest.run_name, report.num_embedded) == (trained.run, 48)
    assert ("Embedding", 48, 48) in steps
    assert len(repr(report)) < 100
    assert (before.names, shop.embeddings.names) == (("colour", "pattern"), ("colour",))
    assert shop.export(copied.root / "out.csv").num_items == 48
    with pytest.raises(UnknownNameError, match="Did you mean tiny"):
        shop.index(run=trained.run[:-1])


def test_a_shop_is_reviewed_and_exported(copied: Workspace, shop: Path, tmp_path: Path) -> None:
    library = datrnet.open(copied.root)
    assert library.info()["index"].problem == ""
    first, second = (group["keep"] for group in library.duplicates()[:2])
    library.judge(first, second, "duplicate")
    assert [pair["duplicate"] for pair in library.marked_duplicates()] == [second]
    assert library.gaps() == []
    library.search(first, k=3).save("Three")
    (session,) = library.sessions()
    assert session["name"] == "Three"
    assert [len(step.substitutes) for step in library.replay("three", k=4).steps] == [4]
    pictures = library.export(tmp_path / "coco", format="coco")
    assert isinstance(pictures, PictureSetSummary)
    table = library.export(tmp_path / "all.csv")
    again = library.export(tmp_path / "again.csv", like=shop, encoding="utf-8")
    assert (type(table), type(again)) == (TableSummary, LikeSummary)
    assert (tmp_path / "again.csv").read_bytes() == shop.read_bytes()
    with pytest.raises(ConfigError, match="--seed is for --format adde only"):
        library.export(tmp_path / "more.csv", seed=0)


def test_a_folder_without_a_catalog_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="create=True"):
        datrnet.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_the_package_offers_what_it_lists() -> None:
    assert all(getattr(datrnet, name) for name in (*datrnet.__all__, "open", "__version__"))
    assert set(datrnet.__all__) <= set(dir(datrnet))
    assert "open" not in datrnet.__all__
