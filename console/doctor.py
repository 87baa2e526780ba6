"""`datrnet doctor`: check terminal, installation and workspace, and suggest fixes."""

import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from datrnet import __version__
from datrnet.console import options as opt
from datrnet.console.info import IndexState, look_at_index
from datrnet.console.output import counted, print_json, results
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.thumbnails import ThumbnailStore
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DatabaseError, DataError, DatrnetError
from datrnet.core.graphics.blocks import alphabet
from datrnet.core.graphics.terminal import Terminal, ask_terminal, drawing_for
from datrnet.core.preferences import Blocks, Preferences
from datrnet.core.text import sanitize
from datrnet.db.schema import SCHEMA_VERSION
from datrnet.db.store import Store

LIBRARIES = ("textual", "rich", "typer", "pillow", "numpy", "sqlite-utils", "annoy", "torch")
STYLES = {"ok": "green", "note": "yellow", "problem": "red"}
SAMPLES: tuple[Blocks, ...] = ("quadrants", "sextants")
NO_TERMINAL = "unknown: not run in a terminal"

Sign = Literal["ok", "note", "problem"]

app = opt.command_app()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check."""

    about: str
    sign: Sign
    text: str
    mend: str = ""
    """What to do; empty if nothing."""


@app.command(epilog="Example: datrnet doctor --check")
def doctor(
    check: opt.Check = False, workspace: opt.Workspace = None, as_json: opt.Json = False
) -> None:
    """Check terminal, installation and workspace; suggest fixes.

    The exit code is 1 if there is a problem. Notes do not count.
    """
    terminal = ask_terminal()
    found = {
        "terminal": terminal_findings(terminal),
        "software": _software(),
        "workspace": _workspace_findings(Workspace.locate(workspace), check=check),
    }
    if as_json:
        facts = {name: [asdict(f) for f in findings] for name, findings in found.items()}
        old = {"has_true_colours": terminal.has_true_color}  # until 0.3 (spelling:keep)
        print_json({**facts, "answers": {**asdict(terminal), **old}})
    else:
        _show(found)
    if any(finding.sign == "problem" for findings in found.values() for finding in findings):
        raise typer.Exit(1)


# ── the terminal ─────────────────────────────────────────────────────────────


def terminal_findings(terminal: Terminal) -> list[Finding]:
    """Return the checks of the terminal, from its answers."""
    return [
        _name(terminal),
        *_connection(),
        _size(),
        _cell(terminal),
        _protocols(terminal),
        _colors(terminal),
        _encoding(),
    ]


def _name(terminal: Terminal) -> Finding:
    name = terminal.name or os.environ.get("TERM_PROGRAM", "")
    text = " · ".join(
        part for part in (sanitize(name), f"TERM={os.environ.get('TERM', '')}") if part
    )
    if not terminal.is_late:
        return Finding(about="name", sign="ok", text=text)
    return Finding(
        about="name",
        sign="note",
        text=f"{text}; no answer within a second",
        mend="To skip the question: `datrnet browse --pictures blocks --color truecolor`.",
    )


def _connection() -> list[Finding]:
    """Return what lies between the program and the terminal that the user sees."""
    found = []
    if os.environ.get("TMUX"):
        text = "tmux; shows pictures in pixels from version 3.4, if built with sixel support"
        found.append(Finding(about="within", sign="note", text=text))
    elif os.environ.get("STY"):
        found.append(Finding(about="within", sign="note", text="GNU screen"))
    if os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"):
        text = "ssh; copying needs a terminal that supports OSC 52"
        found.append(Finding(about="over", sign="note", text=text))
    return found


def _size() -> Finding:
    if not sys.stdout.isatty():
        return Finding(about="size", sign="note", text=NO_TERMINAL)
    size = shutil.get_terminal_size()
    return Finding(about="size", sign="ok", text=f"{size.columns} x {size.lines} characters")


def _cell(terminal: Terminal) -> Finding:
    if terminal.cell is not None:
        width, height = terminal.cell
        return Finding(about="cell", sign="ok", text=f"{width} x {height} pixels")
    text = "the terminal does not report it" if terminal.is_asked else NO_TERMINAL
    return Finding(about="cell", sign="note", text=text)


def _protocols(terminal: Terminal) -> Finding:
    if not terminal.is_asked:
        return Finding(about="pictures", sign="note", text=NO_TERMINAL)
    can = [
        name for name, has in (("sixel", terminal.has_sixel), ("kitty", terminal.has_kitty)) if has
    ]
    taken = drawing_for(
        Preferences(), terminal, color_system=_color_system(terminal), no_color=_is_gray()
    ).protocol
    text = f"supports {' and '.join(can) or 'no pixels'}; the explorer uses {taken}"
    if can and taken == "blocks":
        return Finding(
            about="pictures",
            sign="note",
            text=text,
            mend=f"Try `datrnet browse --pictures {can[0]}`.",
        )
    return Finding(about="pictures", sign="ok", text=text)


def _colors(terminal: Terminal) -> Finding:
    if _is_gray():
        text = "none: NO_COLOR is set"
        mend = "To use colors anyway: `datrnet browse --color truecolor`."
        return Finding(about="colors", sign="note", text=text, mend=mend)
    if not sys.stdout.isatty():
        return Finding(about="colors", sign="note", text=NO_TERMINAL)
    system = _color_system(terminal)
    if system == "truecolor":
        return Finding(about="colors", sign="ok", text="16 million")
    return Finding(
        about="colors",
        sign="note",
        text="256" if system == "256" else "few or none",
        mend="If the terminal supports more: `datrnet browse --color truecolor`, "
        "or `export COLORTERM=truecolor`.",
    )


def _color_system(terminal: Terminal) -> str | None:
    """Return the colors that the explorer uses, as Rich calls them."""
    return "truecolor" if terminal.has_true_color else Console().color_system


def _is_gray() -> bool:
    return "NO_COLOR" in os.environ


def _encoding() -> Finding:
    encoding = (sys.stdout.encoding or "").lower()
    if encoding.replace("-", "") == "utf8":
        return Finding(about="encoding", sign="ok", text="UTF-8")
    return Finding(
        about="encoding",
        sign="problem",
        text=f"{encoding or 'unknown'}: lacks the characters that pictures are drawn with",
        mend="Set a UTF-8 locale: `export LC_ALL=C.UTF-8`.",
    )


# ── the installation ─────────────────────────────────────────────────────────


def _software() -> list[Finding]:
    python = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    own = [("datrnet", __version__), ("python", python), ("sqlite", sqlite3.sqlite_version)]
    found = [Finding(about=name, sign="ok", text=text) for name, text in own]
    for name in LIBRARIES:
        try:
            found.append(Finding(about=name, sign="ok", text=version(name)))
        except PackageNotFoundError:
            mend = f"Run `pip install {name}`."
            found.append(Finding(about=name, sign="problem", text="not installed", mend=mend))
    return found


# ── the workspace ────────────────────────────────────────────────────────────


def _workspace_findings(workspace: Workspace, *, check: bool) -> list[Finding]:
    """Return the checks of a workspace, whatever its state.

    Args:
        workspace: The workspace.
        check: Whether to read the index files and verify their checksums.
    """
    place = Finding(about="folder", sign="ok", text=str(workspace.root))
    try:
        with workspace.open_store() as store:
            catalog = Catalog.load(store)
            return [
                place,
                _catalog(catalog),
                Finding(about="schema", sign="ok", text=f"version {SCHEMA_VERSION}, current"),
                _pictures(workspace, catalog),
                _thumbnails(workspace, catalog),
                *_index(workspace, store, catalog, check=check),
            ]
    except DatabaseError as error:
        return [place, _problem("catalog", error)]


def _catalog(catalog: Catalog) -> Finding:
    text = (
        f"{counted(catalog.num_items, 'item')}, {len(catalog.super_categories):,} super-categories"
    )
    if catalog.num_items:
        return Finding(about="catalog", sign="ok", text=text)
    return Finding(about="catalog", sign="note", text=text, mend="Run `datrnet import CATALOG`.")


def _pictures(workspace: Workspace, catalog: Catalog) -> Finding:
    missing = [
        code
        for code, path in zip(catalog.codes, catalog.picture_paths, strict=True)
        if not _is_there(workspace, path)
    ]
    if not missing:
        return Finding(about="pictures", sign="ok", text="complete")
    return Finding(
        about="pictures",
        sign="problem",
        text=f"{len(missing):,} of {catalog.num_items:,} missing; first: {missing[0]}",
        mend="Restore the files, or import the catalog again with their new paths.",
    )


def _is_there(workspace: Workspace, path: str) -> bool:
    try:
        return workspace.picture(path).path.is_file()
    except DataError:
        return False


def _thumbnails(workspace: Workspace, catalog: Catalog) -> Finding:
    store = ThumbnailStore(workspace.thumbnails)
    try:
        absent = sum(int(item_id) not in store for item_id in catalog.item_ids)
    except DataError as error:
        return _problem("thumbnails", error)
    finally:
        store.close()
    if not absent:
        return Finding(about="thumbnails", sign="ok", text="complete")
    return Finding(
        about="thumbnails",
        sign="note",
        text=f"{absent:,} of {catalog.num_items:,} missing; the explorer creates them when needed",
        mend="Run the same `datrnet import` again.",
    )


def _index(workspace: Workspace, store: Store, catalog: Catalog, *, check: bool) -> list[Finding]:
    state = look_at_index(workspace, store, catalog, check=check)
    found = [_currency(state)]
    if state.damaged_files is not None:
        found.append(_checksums(state.damaged_files))
    return found


def _currency(state: IndexState) -> Finding:
    if state.problem:
        sign: Sign = "note" if state.name is None else "problem"
        return Finding(about="index", sign=sign, text=state.problem)
    text = f"{state.name} of run {state.run}, {counted(state.num_items or 0, 'item')}"
    if not state.num_unindexed:
        return Finding(about="index", sign="ok", text=f"{text}, current")
    return Finding(
        about="index",
        sign="note",
        text=f"{text}; {counted(state.num_unindexed, 'item')} not indexed",
        mend="Run `datrnet index`.",
    )


def _checksums(damaged: tuple[str, ...]) -> Finding:
    if not damaged:
        return Finding(about="checksums", sign="ok", text="correct")
    return Finding(
        about="checksums",
        sign="problem",
        text=f"wrong: {', '.join(damaged)}",
        mend="Run `datrnet index` to rebuild the index.",
    )


def _problem(about: str, error: DatrnetError) -> Finding:
    return Finding(about=about, sign="problem", text=error.message, mend=error.mend)


# ── printing ─────────────────────────────────────────────────────────────────


def _show(found: dict[str, list[Finding]]) -> None:
    out = results()
    for title, findings in found.items():
        out.print(title.capitalize(), style="bold")
        out.print(_table(findings))
        if title == "terminal":
            _show_samples(out)
        out.print()


def _table(findings: Sequence[Finding]) -> Table:
    """Return a row per finding, with its fix below."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, min_width=12)
    table.add_column(overflow="fold")
    for finding in findings:
        text = "\n".join(sanitize(part) for part in (finding.text, finding.mend) if part)
        sign = Text(f"  {finding.sign}", style=STYLES[finding.sign])
        table.add_row(sign, finding.about, text)
    return table


def _show_samples(out: Console) -> None:
    """Print what only the user can see: whether the font has the characters of pictures."""
    for glyphs in SAMPLES:
        letters = "".join(alphabet(glyphs).characters[1:].tolist())
        out.print(f"        {glyphs:<12}  {letters}")
    out.print(
        "        If every sextant above is a pattern, not a gap or a box with digits, your font "
        "has them.\n        `datrnet browse --blocks sextants` then shows more detail."
    )
