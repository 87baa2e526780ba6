"""What the README and the docs promise runs: the library's examples, links, command lines."""

import csv
import doctest
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

import datrnet
from datrnet.cli import app
from datrnet.core.api import catalog, export, gallery, review, shop

README = Path(__file__).resolve().parent.parent / "README.md"
PAGES = [README, *sorted(README.parent.glob("docs/**/*.md"))]


@pytest.fixture
def beside(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a copy of the demo workspace, a picture and a table: the current one."""
    shutil.copytree(demo, tmp_path / "workspace")
    pictures = sorted((demo / "demo" / "images").iterdir())
    shutil.copy(pictures[0], tmp_path / "photo.jpg")
    with (tmp_path / "catalog.csv").open("w", newline="") as file:
        rows = [
            [path.stem, path, ("black", "white")[n % 2], "long"] for n, path in enumerate(pictures)
        ]
        csv.writer(file).writerows([["id", "image", "color", "sleeve"], *rows[:12]])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scripts(page: Path) -> list[str]:
    """Return the Python scripts of a page, in order."""
    return re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


def printed(script: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines that a script prints."""
    exec(compile(script, "script", "exec"), {})
    return capsys.readouterr().out.splitlines()


def test_the_library_example_finds_black_substitutes(
    beside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = scripts(README)
    lines = printed(example, capsys)
    assert [line.split()[0] for line in lines] == ["1", "2", "3", "4", "5"]
    assert "'color': True" in lines[0]


def test_the_scripts_of_the_library_do_what_they_say(
    beside: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, frame, nearest, picture, importing, doubts = scripts(README.parent / "docs" / "api.md")
    for script in (frame, nearest, picture, importing, doubts):
        assert len(list(filter(None, script.splitlines()))) <= 6
    every = printed(nearest, capsys)
    assert len(every) == 200
    assert every[0].split()[0] == "D00001"
    assert {len(line.split()) for line in every} == {6}
    assert printed(picture, capsys)[0].count("D00") == 5
    strong = [doubt for doubt in datrnet.open("workspace").doubts("sleeve") if doubt.margin > 0.5]
    printed(doubts, capsys)
    items = datrnet.open("workspace").items
    assert strong
    assert all(items[doubt.id].labels["sleeve"] == doubt.guess for doubt in strong)
    pytest.importorskip("pandas", reason="pandas is not installed")
    assert len(printed(frame, capsys)) == 11
    assert "12 added" in printed(importing, capsys)[0]


@pytest.mark.parametrize("module", [catalog, export, gallery, review, shop])
def test_the_examples_of_docstrings_hold(beside: Path, module: object) -> None:
    names = {"shop": datrnet.open("workspace"), "datrnet": datrnet}
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in doctest.DocTestFinder().find(module, globs=names):
        runner.run(test)
    assert runner.summarize(verbose=False).failed == 0


def test_every_link_leads_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"


def test_every_command_line_in_the_docs_names_a_command_and_options_that_exist() -> None:
    lines = [(page.name, words) for page in PAGES for words in command_lines(page)]
    assert len(lines) > 50
    wrong = [f"{page}: {shlex.join(words)}" for page, words in lines if not is_understood(words)]
    assert not wrong


def command_lines(page: Path) -> Iterator[list[str]]:
    """Yield the words behind each ``datrnet`` in the page's shell blocks and inline code."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"```(?:sh|text)?\n(.*?)```", text, re.DOTALL)
    inline = re.findall(r"`(datrnet [^`]+)`", text.replace("\n", " "))
    for block in [*(part.replace("\\\n", " ") for part in blocks), *inline]:
        for found in re.findall(r"(?:^|[$|(] ?|xargs -n1 )datrnet ([^\n|)]+)", block, re.MULTILINE):
            words = shlex.split(found, comments=True)
            if words and not words[0].startswith(("[", "-")):
                yield words


def is_understood(words: list[str]) -> bool:
    """Tell whether the words lead to a command, and whether it knows each long option."""
    command = typer.main.get_command(app)
    for word in words:
        if not hasattr(command, "get_command"):
            break
        context = command.make_context("datrnet", [], resilient_parsing=True)
        if (found := command.get_command(context, word.split("|")[0])) is None:
            return False
        command = found.load() if hasattr(found, "load") else found
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    return all(
        word.split("=")[0] in known | {"--help"} for word in words if re.match(r"--[a-z]", word)
    )
