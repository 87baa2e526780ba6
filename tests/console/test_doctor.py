"""What `datrnet doctor` finds, in a terminal, in a pipe, and in workspaces in all states."""

import json
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from datrnet.console import doctor
from datrnet.console.doctor import Finding, terminal_findings
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.graphics.terminal import Terminal

Run = Callable[..., Result]

XTERM = Terminal(
    is_asked=True,
    is_answered=True,
    name="XTerm(379)",
    has_sixel=True,
    cell=(8, 17),
    has_true_color=True,
)


def found(run: Run, root: Path, *arguments: str) -> dict[str, dict[str, str]]:
    """Return what there is to say of a workspace, by what it is about."""
    facts = json.loads(run(root, "doctor", "--json", *arguments).stdout)
    return {finding["about"]: finding for finding in facts["workspace"]}


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("NO_COLOR", "TMUX", "STY", "SSH_CONNECTION", "SSH_TTY", "TERM_PROGRAM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    return monkeypatch


def terminal(told: Terminal) -> dict[str, Finding]:
    return {finding.about: finding for finding in terminal_findings(told)}


def test_a_sound_workspace_is_well(run: Run, ready: Path) -> None:
    result = run(ready, "doctor", "--check")
    assert result.exit_code == 0
    assert "problem" not in result.stdout
    facts = found(run, ready, "--check")
    assert {finding["sign"] for finding in facts.values()} == {"ok"}
    assert facts["checksums"]["text"] == "correct"
    assert "48 items" in facts["catalog"]["text"]
    assert "checksums" not in found(run, ready)


def test_in_a_pipe_it_says_what_it_cannot_ask(run: Run, ready: Path) -> None:
    lines = run(ready, "doctor").stdout.splitlines()
    assert sum("not run in a terminal" in line for line in lines) == 3
    facts = json.loads(run(ready, "doctor", "--json").stdout)
    assert facts["answers"]["is_asked"] is False


def test_software_is_told_with_versions(run: Run, ready: Path) -> None:
    software = json.loads(run(ready, "doctor", "--json").stdout)["software"]
    versions = {finding["about"]: finding["text"] for finding in software}
    assert versions["torch"].startswith("2.")
    assert versions["python"].startswith("3.")


def test_an_annoy_that_cannot_be_imported_is_noted(
    run: Run, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "annoy", None)
    result = run(ready, "doctor", "--json")
    assert result.exit_code == 0
    facts = json.loads(result.stdout)
    signs = {found["about"]: found["sign"] for found in facts["software"] + facts["workspace"]}
    assert (signs["annoy"], signs["engine"], signs["index"]) == ("note", "note", "ok")
    told = " ".join(run(ready, "info").stdout.split())
    assert "engine Annoy cannot be imported, so every search ranks all items." in told


def test_without_a_catalog_the_mend_is_told(run: Run, tmp_path: Path) -> None:
    result = run(tmp_path, "doctor")
    assert result.exit_code == 1
    assert "datrnet import" in result.stdout
    assert found(run, tmp_path)["catalog"]["sign"] == "problem"


def test_a_database_that_is_none_is_a_problem_in_words(run: Run, copied: Workspace) -> None:
    copied.catalog_path.write_bytes(b"no database at all" * 100)
    assert found(run, copied.root)["catalog"]["sign"] == "problem"


def test_a_newer_schema_is_told(run: Run, copied: Workspace) -> None:
    with sqlite3.connect(copied.catalog_path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    assert "Update datrnet" in found(run, copied.root)["catalog"]["hint"]


def test_missing_pictures_are_counted(run: Run, shop: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(shop.parent, tmp_path / "shop"))
    run(tmp_path, "import", own / "catalog.csv")
    (own / "images" / "3.png").unlink()
    (own / "images" / "5.png").unlink()
    facts = found(run, tmp_path)
    assert facts["pictures"]["text"] == "2 of 48 missing; first: item-3"
    assert facts["pictures"]["sign"] == "problem"
    assert facts["index"]["sign"] == "note"  # there is none yet, which is no fault
    assert "datrnet train" in facts["index"]["text"]


def test_missing_thumbnails_are_a_note(run: Run, copied: Workspace) -> None:
    shutil.rmtree(copied.thumbnails)
    thumbnails = found(run, copied.root)["thumbnails"]
    assert thumbnails["sign"] == "note"
    assert thumbnails["text"].startswith("48 of 48")
    assert run(copied.root, "doctor").exit_code == 0


def test_an_index_older_than_the_catalog_is_a_note(
    run: Run, copied: Workspace, shop: Path, tmp_path: Path
) -> None:
    header, first, *_ = shop.read_text().splitlines()
    more = tmp_path / "more.csv"
    more.write_text(f"{header}\n{first.replace('item-0', 'item-new')}\n")
    run(copied.root, "import", more, "--images", shop.parent)
    index = found(run, copied.root)["index"]
    assert index["sign"] == "note"
    assert "1 item is not indexed yet" in index["text"]
    assert index["hint"] == "Run `datrnet index`."


def test_damaged_index_files_are_told_with_check(run: Run, copied: Workspace) -> None:
    (generation,) = copied.indexes.iterdir()
    path = generation / "embeddings.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    facts = found(run, copied.root, "--check")
    assert facts["checksums"]["sign"] == "problem"
    assert "embeddings.npy" in facts["checksums"]["text"]
    assert run(copied.root, "doctor", "--check").exit_code == 1
    assert run(copied.root, "doctor").exit_code == 0


def test_a_terminal_that_can_do_all_is_well(at_a_terminal: pytest.MonkeyPatch) -> None:
    facts = terminal(XTERM)
    assert {finding.sign for finding in facts.values()} == {"ok"}
    assert facts["pictures"].text == "supports sixel; the explorer uses sixel"
    assert facts["cell"].text == "8 x 17 pixels"
    assert facts["colors"].text == "16 million"
    assert "XTerm(379)" in facts["name"].text


def test_tmux_and_ssh_are_told_with_what_they_keep_back(
    at_a_terminal: pytest.MonkeyPatch,
) -> None:
    at_a_terminal.setenv("TMUX", "/tmp/x,1,0")
    at_a_terminal.setenv("SSH_CONNECTION", "1 2 3 4")
    at_a_terminal.delenv("COLORTERM")
    facts = terminal(Terminal(is_asked=True, is_answered=True, name="tmux 3.3a"))
    assert "tmux" in facts["within"].text
    assert "OSC 52" in facts["over"].text
    assert facts["colors"].text == "256"
    assert "--color truecolor" in facts["colors"].hint


def test_a_terminal_that_did_not_answer_can_be_left_alone(
    at_a_terminal: pytest.MonkeyPatch,
) -> None:
    assert "--pictures blocks" in terminal(Terminal(is_asked=True))["name"].hint


def test_sixels_without_the_size_of_a_cell_can_be_asked_for(
    at_a_terminal: pytest.MonkeyPatch,
) -> None:
    told = Terminal(is_asked=True, is_answered=True, has_sixel=True, has_true_color=True)
    assert terminal(told)["pictures"].hint == "Try `datrnet browse --pictures sixel`."


def test_no_color_is_told(at_a_terminal: pytest.MonkeyPatch) -> None:
    at_a_terminal.setenv("NO_COLOR", "1")
    assert "NO_COLOR" in terminal(XTERM)["colors"].text


def test_a_locale_without_unicode_is_a_problem(at_a_terminal: pytest.MonkeyPatch) -> None:
    class Ascii:
        encoding = "ascii"

        def isatty(self) -> bool:
            return True

    at_a_terminal.setattr(doctor.sys, "stdout", Ascii())
    assert terminal(XTERM)["encoding"].sign == "problem"


def test_samples_of_the_characters_are_shown_to_be_judged(run: Run, ready: Path) -> None:
    shown = run(ready, "doctor").stdout
    assert "▝▖▞▗▐▄▟" in shown
    assert "\N{BLOCK SEXTANT-23456}" in shown
