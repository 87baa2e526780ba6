"""What the README and the docs promise runs: the library example, links, command lines."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from datrnet.cli import app
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.demo.prepare import prepare_demo

README = Path(__file__).resolve().parent.parent / "README.md"
PAGES = [README, *sorted(README.parent.glob("docs/**/*.md"))]


def test_the_library_example_finds_black_substitutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    prepare_demo(Workspace(tmp_path / "workspace"), num_items=200)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, str(README), "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "3", "4", "5"]
    assert "'color': True" in lines[0]


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
