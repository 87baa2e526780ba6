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
from datrnet.core.errors import DatabaseError, DataError
from datrnet.core.graphics.blocks import alphabet
from datrnet.core.graphics.terminal import Terminal, ask_terminal, drawing_for
from datrnet.core.preferences import Blocks, Preferences
from datrnet.core.text import sanitize
from datrnet.db.schema import SCHEMA_VERSION

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
    hint: str = ""
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
        old = {"has_true_colours": terminal.has_true_color}  # until 0.3 (spelling:keep)
        print_json({**found, "answers": {**asdict(terminal), **old}})
    else:
        _show(found)
    if any(finding.sign == "problem" for findings in found.values() for finding in findings):
        raise typer.Exit(1)


def _ok(about: str, text: str) -> Finding:
    return Finding(about=about, sign="ok", text=text)


def _note(about: str, text: str, hint: str = "") -> Finding:
    return Finding(about=about, sign="note", text=text, hint=hint)


def _problem(about: str, text: str, hint: str) -> Finding:
    return Finding(about=about, sign="problem", text=text, hint=hint)


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
    parts = (sanitize(name), f"TERM={os.environ.get('TERM', '')}")
    text = " · ".join(part for part in parts if part)
    if not terminal.is_late:
        return _ok("name", text)
    hint = "To skip the question: `datrnet browse --pictures blocks --color truecolor`."
    return _note("name", f"{text}; no answer within a second", hint)


def _connection() -> list[Finding]:
    """Return what lies between the program and the terminal that the user sees."""
    found = []
    if os.environ.get("TMUX"):
        text = "tmux; shows pictures in pixels from version 3.4, if built with sixel support"
        found.append(_note("within", text))
    elif os.environ.get("STY"):
        found.append(_note("within", "GNU screen"))
    if os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"):
        found.append(_note("over", "ssh; copying needs a terminal that supports OSC 52"))
    return found


def _size() -> Finding:
    if not sys.stdout.isatty():
        return _note("size", NO_TERMINAL)
    size = shutil.get_terminal_size()
    return _ok("size", f"{size.columns} x {size.lines} characters")


def _cell(terminal: Terminal) -> Finding:
    if terminal.cell is not None:
        width, height = terminal.cell
        return _ok("cell", f"{width} x {height} pixels")
    asked = "the terminal does not report it"
    return _note("cell", asked if terminal.is_asked else NO_TERMINAL)


def _protocols(terminal: Terminal) -> Finding:
    if not terminal.is_asked:
        return _note("pictures", NO_TERMINAL)
    protocols = {"sixel": terminal.has_sixel, "kitty": terminal.has_kitty}
    can = [name for name, is_supported in protocols.items() if is_supported]
    taken = drawing_for(
        Preferences(), terminal, color_system=_color_system(terminal), no_color=_is_gray()
    ).protocol
    text = f"supports {' and '.join(can) or 'no pixels'}; the explorer uses {taken}"
    if can and taken == "blocks":
        return _note("pictures", text, f"Try `datrnet browse --pictures {can[0]}`.")
    return _ok("pictures", text)


def _colors(terminal: Terminal) -> Finding:
    if _is_gray():
        hint = "To use colors anyway: `datrnet browse --color truecolor`."
        return _note("colors", "none: NO_COLOR is set", hint)
    if not sys.stdout.isatty():
        return _note("colors", NO_TERMINAL)
    system = _color_system(terminal)
    if system == "truecolor":
        return _ok("colors", "16 million")
    return _note(
        "colors",
        "256" if system == "256" else "few or none",
        "If the terminal supports more: `datrnet browse --color truecolor`, "
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
        return _ok("encoding", "UTF-8")
    return _problem(
        "encoding",
        f"{encoding or 'unknown'}: lacks the characters that pictures are drawn with",
        "Set a UTF-8 locale: `export LC_ALL=C.UTF-8`.",
    )


# ── the installation ─────────────────────────────────────────────────────────


def _software() -> list[Finding]:
    python = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    found = [
        _ok("datrnet", __version__),
        _ok("python", python),
        _ok("sqlite", sqlite3.sqlite_version),
    ]
    for name in LIBRARIES:
        try:
            found.append(_ok(name, version(name)))
        except PackageNotFoundError:
            found.append(_problem(name, "not installed", f"Run `pip install {name}`."))
    return found


# ── the workspace ────────────────────────────────────────────────────────────


def _workspace_findings(workspace: Workspace, *, check: bool) -> list[Finding]:
    """Return the checks of a workspace, whatever its state.

    Args:
        workspace: The workspace.
        check: Whether to read the index files and verify their checksums.
    """
    folder = _ok("folder", str(workspace.root))
    try:
        with workspace.open_store() as store:
            catalog = Catalog.load(store)
            index = look_at_index(workspace, store, catalog, check=check)
    except DatabaseError as error:
        return [folder, _problem("catalog", error.message, error.hint)]
    items = counted(catalog.num_items, "item")
    text = f"{items}, {len(catalog.super_categories):,} super-categories"
    return [
        folder,
        _ok("catalog", text)
        if catalog.num_items
        else _note("catalog", text, "Run `datrnet import CATALOG`."),
        _ok("schema", f"version {SCHEMA_VERSION}, current"),
        _pictures(workspace, catalog),
        _thumbnails(workspace, catalog),
        _index(index),
        *_checksums(index),
    ]


def _pictures(workspace: Workspace, catalog: Catalog) -> Finding:
    paths = zip(catalog.codes, catalog.picture_paths, strict=True)
    missing = [code for code, path in paths if not _is_there(workspace, path)]
    if not missing:
        return _ok("pictures", "complete")
    return _problem(
        "pictures",
        f"{len(missing):,} of {catalog.num_items:,} missing; first: {missing[0]}",
        "Restore the files, or import the catalog again with their new paths.",
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
        return _problem("thumbnails", error.message, error.hint)
    finally:
        store.close()
    if not absent:
        return _ok("thumbnails", "complete")
    text = f"{absent:,} of {catalog.num_items:,} missing; the explorer creates them when needed"
    return _note("thumbnails", text, "Run the same `datrnet import` again.")


def _index(state: IndexState) -> Finding:
    if state.problem and state.name is None:
        return _note("index", state.problem)
    if state.problem:
        return _problem("index", state.problem, "")
    text = f"{state.name} of run {state.run}, {counted(state.num_items or 0, 'item')}"
    if not state.num_unindexed:
        return _ok("index", f"{text}, current")
    missing = counted(state.num_unindexed, "item")
    return _note("index", f"{text}; {missing} not indexed", "Run `datrnet index`.")


def _checksums(state: IndexState) -> list[Finding]:
    if state.damaged_files is None:
        return []
    if not state.damaged_files:
        return [_ok("checksums", "correct")]
    files = ", ".join(state.damaged_files)
    return [_problem("checksums", f"wrong: {files}", "Run `datrnet index` to rebuild the index.")]


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
        text = "\n".join(sanitize(part) for part in (finding.text, finding.hint) if part)
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
