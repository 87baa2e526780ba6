"""`datrnet report`: one page, whole, well formed and safe, whatever the workspace holds."""

import base64
import io
import json
import re
import shutil
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from datrnet.cli import app
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.research.experiments.result import ExperimentResult, Provenance, write_result

Run = Callable[..., Result]

HOSTILE = "<script>console.error('hit')</script> \"quoted\" & 'single' \x1b[31m\u202eback"
VOID = {"meta", "link", "img", "br", "hr", "input"}


class Page(HTMLParser):
    """A page taken apart: its elements, the rows of its tables, its visible text.

    ``right`` has the cells that stand to the right.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.tables: list[list[list[str]]] = []
        self.right: set[str] = set()
        self._is_right = False
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self.tables[-1][-1].append("")
            self._is_right = ("class", "figure") in attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text += data
        if "th" in self.open or "td" in self.open:
            self.tables[-1][-1][-1] += data
            if self._is_right:
                self.right.add(data)

    def attributes(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def filled(ready: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with something in every section; do not change it."""
    root = shutil.copytree(ready, tmp_path_factory.mktemp("filled") / "shop")
    with Workspace(root).open_store() as store, store.writing() as db:
        db.execute("UPDATE attribute_values SET name = ? WHERE name = 'Red'", [HOSTILE])
    assert report_of(root, "evaluate", "-k", 5, "--split", "all").exit_code == 0
    experiment(root, "my-own", rows=(("ten", 10, 0.125), (HOSTILE, None, float("nan"))))
    experiment(root, "table-3", pictures={"shirt-and-shoe": Image.new("RGB", (40, 30), "red")})
    assert report_of(root, "report").exit_code == 0
    return root


@pytest.fixture(scope="module")
def page(filled: Path) -> Page:
    return Page((filled / "report.html").read_text("utf-8"))


def report_of(root: Path, *arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments), "--workspace", str(root)])


def experiment(
    root: Path,
    name: str,
    rows: tuple[tuple[str | int | float | None, ...], ...] = (("one", 1, 0.5),),
    pictures: dict[str, Image.Image] | None = None,
) -> Path:
    """Write an outcome and return its folder."""
    folder = root / "experiments" / name
    result = ExperimentResult(
        title=f"The {name}",
        columns=("variant", "count", "share"),
        rows=rows,
        notes=(f"A note on {name}.", "Made with `small`."),
        pictures=pictures or {},
    )
    provenance = Provenance(
        name=name,
        kind="table",
        command=f"datrnet experiment {name} --workspace {root}",
        config={"settings": {"triplets": 20_000, "names": ["colour", "pattern"]}},
        facts={"split": "test", "num_items": 12},
        seconds=75.0,
    )
    write_result(folder, result, provenance)
    return folder


def test_the_page_lies_in_the_workspace_and_its_place_is_printed(
    run: Run, copied: Workspace
) -> None:
    result = run(copied.root, "report")
    assert result.exit_code == 0
    assert result.stdout == f"{copied.root / 'report.html'}\n"
    assert re.search(r"48 items, 1 run, \d evaluations? and 0 experiments", result.stderr)
    assert (copied.root / "report.html").is_file()


def test_another_file_may_be_named(run: Run, ready: Path, tmp_path: Path) -> None:
    result = run(ready, "report", "--output", tmp_path / "page.html")
    assert result.stdout == f"{tmp_path / 'page.html'}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    assert not (ready / "report.html").exists()


def test_everything_the_workspace_has_is_on_the_page(page: Page) -> None:
    for words in (
        "48 items",
        "pattern: 2 values",
        "Validation accuracy by epoch",
        "Loss by epoch",
        "train.batch_triplets",
        "recall@30",
        "all split top-5",
        "NDCG of the change",
        "The table-3",
        "A note on my-own.",
        "$ datrnet experiment table-3 --workspace WORKSPACE",
        "1 min",
        "settings.triplets",
        "Shirt and shoe".lower(),
        "torch",
    ):
        assert words in page.text, words
    assert "Made with small." in page.text
    assert page.text.index("A note on table-3.") < page.text.index("A note on my-own.")


def test_figures_stand_to_the_right_and_words_to_the_left(page: Page) -> None:
    (table,) = [table for table in page.tables if table[1][0] == "ten"]
    assert table[1:] == [["ten", "10", "0.125"], [shown(HOSTILE), "–", "–"]]
    assert page.right >= {"count", "10", "share", "0.125", "–", "items", "48"}
    assert page.right.isdisjoint({"ten", "variant", "split", "train", shown(HOSTILE)})


def test_every_row_has_a_cell_for_every_column(page: Page) -> None:
    assert len(page.tables) >= 7
    for table in page.tables:
        assert len(table) > 1
        assert {len(row) for row in table} == {len(table[0])}


def test_every_picture_is_in_the_page_and_is_described(page: Page) -> None:
    pictures = page.attributes("img")
    assert len(pictures) == 3  # two curves of the run, one picture of an experiment
    for attributes in pictures:
        head, data = attributes["src"].split(",", 1)
        assert head == "data:image/png;base64"
        with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as picture:
            picture.load()
            assert (str(picture.width), str(picture.height)) == (
                attributes["width"],
                attributes["height"],
            )
        assert len(attributes["alt"]) > 10


def test_the_page_needs_nothing_beside_it(filled: Path, page: Page) -> None:
    html = (filled / "report.html").read_text("utf-8")
    assert not re.search(r"https?:|@import|url\(", html, re.IGNORECASE)
    assert page.attributes("script") == []
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href"):
                assert value.startswith(("data:", "#"))


def test_the_page_is_in_order_for_readers_of_every_kind(page: Page) -> None:
    assert page.attributes("html") == [{"lang": "en"}]
    assert {"charset": "utf-8"} in page.attributes("meta")
    assert any(meta.get("name") == "viewport" for meta in page.attributes("meta"))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip([0, *levels], levels, strict=False))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [link["href"][1:] for link in page.attributes("a")]
    assert set(links) <= set(ids)
    assert {"catalog", "run-1", "evaluation-1", "experiment-2", "versions"} <= set(links)


def test_text_of_strangers_is_shown_and_does_nothing(filled: Path, page: Page) -> None:
    assert shown(HOSTILE) in page.text  # as a value of the catalog and in a table
    html = (filled / "report.html").read_text("utf-8")
    assert "<script" not in html
    assert "\x1b" not in html
    assert "\u202e" not in html


def shown(text: str) -> str:
    """Return hostile text as a reader sees it."""
    return text.replace("\x1b", "\N{SYMBOL FOR ESCAPE}").replace("\u202e", "")


def test_the_page_does_not_tell_where_files_lie(filled: Path) -> None:
    html = (filled / "report.html").read_text("utf-8")
    assert str(filled) not in html
    assert str(Path.home()) not in re.sub(r"base64,[^\"]*", "", html)


def test_empty_sections_name_the_command_that_fills_them(run: Run, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "empty")
    workspace.create_store().close()
    assert run(workspace.root, "report").exit_code == 0
    page = Page((workspace.root / "report.html").read_text("utf-8"))
    for command in ("import CATALOG", "train", "index", "evaluate", "experiment NAME"):
        assert f"datrnet {command} " in page.text
    assert page.tables == []


@pytest.mark.parametrize(
    "damage",
    [
        "",
        '{"name": "table-3"',
        "[]",
        "[" * 100_000,
        json.dumps({"rows": [], "columns": [], "notes": [], "pictures": []}),
    ],
)
def test_a_damaged_outcome_is_named_and_the_rest_goes_on(
    run: Run, copied: Workspace, damage: str
) -> None:
    (experiment(copied.root, "table-3") / "outcome.json").write_text(damage)
    experiment(copied.root, "my-own")
    result = run(copied.root, "report")
    assert result.exit_code == 0
    (line,) = [line for line in result.stderr.splitlines() if "table-3" in line]
    assert line.endswith("Run `datrnet experiment table-3` again.")
    page = Page((copied.root / "report.html").read_text("utf-8"))
    assert "Unreadable." in page.text
    assert "table-3" in page.text
    assert "A note on my-own." in page.text


WRONG_VALUES = (
    ("facts", ["a"]),
    ("config", None),
    ("made_at", 5),
    ("seconds", "long"),
    ("rows", [[1, 2]]),
    ("columns", 3),
    ("notes", [{}, 4]),
    ("title", {"a": "b"}),
    ("pictures", [3]),
    ("rows", [[["x"], {"y": 1}, True]]),
)


def test_values_of_the_wrong_kind_never_stop_the_report(run: Run, copied: Workspace) -> None:
    for number, (name, value) in enumerate(WRONG_VALUES):
        path = experiment(copied.root, f"wrong-{number}") / "outcome.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    result = run(copied.root, "report")
    assert result.exit_code == 0, result.stderr
    text = Page((copied.root / "report.html").read_text("utf-8")).text
    for number in range(len(WRONG_VALUES)):
        assert f"wrong-{number}" in text


@pytest.mark.parametrize("name", ["gone.png", "../../secret.png", "text.png", "photo.png"])
def test_a_picture_that_cannot_be_shown_is_named(run: Run, copied: Workspace, name: str) -> None:
    folder = experiment(copied.root, "table-3")
    Image.new("RGB", (4, 4)).save(copied.root / "secret.png")
    Image.new("RGB", (4, 4)).save(folder / "photo.png", "JPEG")
    (folder / "text.png").write_text("no picture")
    facts = json.loads((folder / "outcome.json").read_text())
    (folder / "outcome.json").write_text(json.dumps({**facts, "pictures": [name]}))
    result = run(copied.root, "report")
    assert result.exit_code == 0
    assert f"Its picture {name} cannot be shown" in result.stderr
    page = Page((copied.root / "report.html").read_text("utf-8"))
    assert "A note on table-3." in page.text
    assert len(page.attributes("img")) == 2


def test_damaged_lines_of_a_log_are_counted_and_left_out(run: Run, copied: Workspace) -> None:
    (log,) = copied.models.glob("*/log.jsonl")
    log.write_text(log.read_text() + '{"super_category": "colour", "epoch"\n[]\n')
    result = run(copied.root, "report")
    assert "Damaged lines of its log, skipped: 2." in result.stderr
    assert len(Page((copied.root / "report.html").read_text("utf-8")).attributes("img")) == 2


def test_a_run_without_log_has_no_curves(run: Run, copied: Workspace) -> None:
    (log,) = copied.models.glob("*/log.jsonl")
    log.unlink()
    result = run(copied.root, "report")
    assert "log" not in result.stderr
    page = Page((copied.root / "report.html").read_text("utf-8"))
    assert "There is no log of its training" in page.text
    assert page.attributes("img") == []


def test_a_damaged_index_is_told(run: Run, copied: Workspace) -> None:
    (file,) = copied.indexes.glob("*/manipulation.npz")
    file.unlink()
    result = run(copied.root, "report")
    assert result.exit_code == 0
    assert "The index is damaged" in result.stderr
    assert "The index is damaged" in Page((copied.root / "report.html").read_text("utf-8")).text


@pytest.mark.parametrize("library", ["jinja2", "matplotlib.figure"])
def test_without_the_extra_the_command_that_installs_it_is_named(
    run: Run, copied: Workspace, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    result = run(copied.root, "report")
    assert result.exit_code == 1
    assert 'pip install "datrnet[experiments]"' in result.stderr.splitlines()[-1]
    assert not (copied.root / "report.html").exists()


def test_a_place_that_cannot_be_written_to_is_told_in_one_line(
    run: Run, ready: Path, tmp_path: Path
) -> None:
    result = run(ready, "report", "--output", tmp_path / "none" / "page.html")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1] == (
        f"Error: The report cannot be written to {tmp_path / 'none' / 'page.html'}: "
        "No such file or directory. Choose another file with --output."
    )
    assert run(ready, "report", "--output", tmp_path).exit_code == 2
