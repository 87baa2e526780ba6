"""`datrnet doctor`: what the terminal can do, and whether software and workspace are well."""

import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console
from rich.table import Table
from rich.text import Text

from datrnet import __version__
from datrnet.console.health import Finding, workspace_findings
from datrnet.console.output import print_json, results
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.graphics.blocks import alphabet
from datrnet.core.graphics.drawing import drawing_for
from datrnet.core.graphics.terminal import Terminal, ask_terminal
from datrnet.core.preferences import Blocks, Preferences
from datrnet.core.text import inert

LIBRARIES = ("textual", "rich", "typer", "pillow", "numpy", "sqlite-utils", "annoy", "torch")
STYLES = {"well": "green", "note": "yellow", "problem": "red"}
SAMPLES: tuple[Blocks, ...] = ("quadrants", "sextants")
NOT_ASKED = "not known: there is no terminal to ask"


def run_doctor(workspace: Workspace, *, check: bool, as_json: bool) -> bool:
    """Print how everything is.

    Args:
        workspace: The workspace to look at.
        check: Whether the index files are read to verify their checksums.
        as_json: Print JSON instead of tables.

    Returns:
        Whether there is no problem.
    """
    terminal = ask_terminal()
    found = {
        "terminal": terminal_findings(terminal),
        "software": _software(),
        "workspace": workspace_findings(workspace, check=check),
    }
    if as_json:
        facts = {name: [asdict(one) for one in findings] for name, findings in found.items()}
        print_json({**facts, "answers": asdict(terminal)})
    else:
        _show(found)
    return all(one.sign != "problem" for findings in found.values() for one in findings)


def terminal_findings(terminal: Terminal) -> list[Finding]:
    """Return what there is to say of the terminal.

    Args:
        terminal: What it said of itself.
    """
    return [
        _name(terminal),
        *_on_the_way(),
        _size(),
        _cell(terminal),
        _protocols(terminal),
        _colours(terminal),
        _encoding(),
    ]


def _name(terminal: Terminal) -> Finding:
    name = terminal.name or os.environ.get("TERM_PROGRAM", "")
    text = " · ".join(part for part in (inert(name), f"TERM={os.environ.get('TERM', '')}") if part)
    if not terminal.is_late:
        return Finding(about="name", sign="well", text=text)
    return Finding(
        about="name",
        sign="note",
        text=f"{text}; it did not answer within a second",
        mend="`datrnet browse --pictures blocks --color truecolor` does not ask it.",
    )


def _on_the_way() -> list[Finding]:
    """Return what stands between the program and the terminal that a person sees."""
    found = []
    if os.environ.get("TMUX"):
        text = "tmux; it shows pictures in pixels only from 3.4 on, and where built to"
        found.append(Finding(about="within", sign="note", text=text))
    elif os.environ.get("STY"):
        found.append(Finding(about="within", sign="note", text="GNU screen"))
    if os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"):
        text = "ssh; what is copied reaches the clipboard where the terminal takes OSC 52"
        found.append(Finding(about="over", sign="note", text=text))
    return found


def _size() -> Finding:
    if not sys.stdout.isatty():
        return Finding(about="size", sign="note", text=NOT_ASKED)
    size = shutil.get_terminal_size()
    return Finding(about="size", sign="well", text=f"{size.columns} x {size.lines} characters")


def _cell(terminal: Terminal) -> Finding:
    if terminal.cell is not None:
        width, height = terminal.cell
        return Finding(about="cell", sign="well", text=f"{width} x {height} pixels")
    text = "the terminal does not say" if terminal.is_asked else NOT_ASKED
    return Finding(about="cell", sign="note", text=text)


def _protocols(terminal: Terminal) -> Finding:
    if not terminal.is_asked:
        return Finding(about="pictures", sign="note", text=NOT_ASKED)
    can = [
        name for name, has in (("sixel", terminal.has_sixel), ("kitty", terminal.has_kitty)) if has
    ]
    taken = drawing_for(
        Preferences(), terminal, color_system=_color_system(terminal), no_color=_is_grey()
    ).protocol
    text = f"can {' and '.join(can) or 'no pixels'}; the explorer takes {taken}"
    if can and taken == "blocks":
        return Finding(
            about="pictures",
            sign="note",
            text=text,
            mend=f"Try `datrnet browse --pictures {can[0]}`.",
        )
    return Finding(about="pictures", sign="well", text=text)


def _colours(terminal: Terminal) -> Finding:
    if _is_grey():
        text = "none: NO_COLOR is set"
        mend = "`datrnet browse --color truecolor` uses them all the same."
        return Finding(about="colours", sign="note", text=text, mend=mend)
    if not sys.stdout.isatty():
        return Finding(about="colours", sign="note", text=NOT_ASKED)
    system = _color_system(terminal)
    if system == "truecolor":
        return Finding(about="colours", sign="well", text="16 million")
    return Finding(
        about="colours",
        sign="note",
        text="256" if system == "256" else "few or none",
        mend="If the terminal can do more: `datrnet browse --color truecolor`, "
        "or `export COLORTERM=truecolor`.",
    )


def _color_system(terminal: Terminal) -> str | None:
    """Return the colours that the explorer takes, as Rich calls them."""
    return "truecolor" if terminal.has_true_colours else Console().color_system


def _is_grey() -> bool:
    return "NO_COLOR" in os.environ


def _encoding() -> Finding:
    encoding = (sys.stdout.encoding or "").lower()
    if encoding.replace("-", "") == "utf8":
        return Finding(about="encoding", sign="well", text="UTF-8")
    return Finding(
        about="encoding",
        sign="problem",
        text=f"{encoding or 'unknown'}: pictures are drawn in characters that it lacks",
        mend="Set a locale with UTF-8, as in `export LC_ALL=C.UTF-8`.",
    )


def _software() -> list[Finding]:
    python = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    own = [("datrnet", __version__), ("python", python), ("sqlite", sqlite3.sqlite_version)]
    found = [Finding(about=name, sign="well", text=text) for name, text in own]
    for name in LIBRARIES:
        try:
            found.append(Finding(about=name, sign="well", text=version(name)))
        except PackageNotFoundError:
            mend = "Install datrnet again."
            found.append(Finding(about=name, sign="problem", text="absent", mend=mend))
    return found


def _show(found: dict[str, list[Finding]]) -> None:
    out = results()
    for title, findings in found.items():
        out.print(title.capitalize(), style="bold")
        out.print(_table(findings))
        if title == "terminal":
            _show_samples(out)
        out.print()


def _table(findings: Sequence[Finding]) -> Table:
    """Return a line for each finding, and what to do about it below."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, min_width=12)
    table.add_column(overflow="fold")
    for one in findings:
        text = "\n".join(inert(part) for part in (one.text, one.mend) if part)
        table.add_row(Text(f"  {one.sign}", style=STYLES[one.sign]), one.about, text)
    return table


def _show_samples(out: Console) -> None:
    """Print what a person must judge: whether the font has the characters of pictures."""
    for glyphs in SAMPLES:
        letters = "".join(alphabet(glyphs).characters[1:].tolist())
        out.print(f"        {glyphs:<12}  {letters}")
    out.print(
        "        If each sextant above is a pattern, not a gap or a box with digits, the font has "
        "them:\n        `datrnet browse --blocks sextants` shows more detail."
    )
