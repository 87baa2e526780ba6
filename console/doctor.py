"""`datrnet doctor`: check terminal, installation and workspace, and suggest fixes."""

import os
import platform
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from datrnet import __version__
from datrnet.console import options as opt
from datrnet.console.output import counted, print_json, results
from datrnet.core.api.info import IndexState, look_at_index
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.thumbnails import ThumbnailStore
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DatabaseError, DataError
from datrnet.core.graphics.blocks import alphabet
from datrnet.core.graphics.terminal import Terminal, ask_terminal, drawing_for
from datrnet.core.preferences import Blocks, Preferences
from datrnet.core.retrieval.engines.annoy_file import annoy_imports
from datrnet.core.text import sanitize
from datrnet.db.schema import SCHEMA_VERSION

LIBRARIES = ("textual", "rich", "typer", "pillow", "numpy", "sqlite-utils")
STYLES = {"ok": "green", "note": "yellow", "problem": "red"}
SAMPLES: tuple[Blocks, ...] = ("quadrants", "sextants")
NO_TERMINAL = "unknown: not run in a terminal"

OPTIONAL_LIBRARIES = {
    "torch": ("train", "only training and embedding pictures need it"),
    "openvino": ("fast", "it embeds pictures faster on many processors"),
}
"""The extra that installs each, and what for."""

Sign = Literal["ok", "note", "problem"]

app = opt.command_app()


@dataclass(frozen=True, slots=True)
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
        "software": list(_software()),
        "workspace": list(_workspace_findings(Workspace.locate(workspace), check=check)),
    }
    if as_json:
        old = {"has_true_colours": terminal.has_true_color}  # until 0.3 (spelling:keep)
        print_json({**found, "answers": {**asdict(terminal), **old}})
    else:
        _show(found)
    if any(finding.sign == "problem" for findings in found.values() for finding in findings):
        raise typer.Exit(1)


# ── the terminal ─────────────────────────────────────────────────────────────


def terminal_findings(terminal: Terminal) -> list[Finding]:
    """Return the checks of the terminal, from its answers."""
    if sys.stdout.isatty():
        columns, lines = shutil.get_terminal_size()
        size = Finding("size", "ok", f"{columns} x {lines} characters")
    else:
        size = Finding("size", "note", NO_TERMINAL)
    if terminal.cell is not None:
        width, height = terminal.cell
        cell = Finding("cell", "ok", f"{width} x {height} pixels")
    else:
        asked = "the terminal does not report it"
        cell = Finding("cell", "note", asked if terminal.is_asked else NO_TERMINAL)
    own = (_protocols(terminal), _colors(terminal), _encoding())
    return [_name(terminal), *_connection(), size, cell, *own]


def _name(terminal: Terminal) -> Finding:
    name = sanitize(terminal.name or os.environ.get("TERM_PROGRAM", ""))
    text = f"{name}{' · ' if name else ''}TERM={os.environ.get('TERM', '')}"
    if not terminal.is_late:
        return Finding("name", "ok", text)
    hint = "To skip the question: `datrnet browse --pictures blocks --color truecolor`."
    return Finding("name", "note", f"{text}; no answer within a second", hint)


def _connection() -> Iterator[Finding]:
    """Yield what lies between the program and the terminal that the user sees."""
    if os.environ.get("TMUX"):
        text = "tmux; shows pictures in pixels from version 3.4, if built with sixel support"
        yield Finding("within", "note", text)
    elif os.environ.get("STY"):
        yield Finding("within", "note", "GNU screen")
    if os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"):
        text = "ssh; copying needs a terminal that supports OSC 52"
        yield Finding("over", "note", text)


def _protocols(terminal: Terminal) -> Finding:
    if not terminal.is_asked:
        return Finding("pictures", "note", NO_TERMINAL)
    protocols = {"sixel": terminal.has_sixel, "kitty": terminal.has_kitty}
    can = [name for name, is_supported in protocols.items() if is_supported]
    taken = drawing_for(
        Preferences(), terminal, color_system=_color_system(terminal), no_color=_is_gray()
    ).protocol
    text = f"supports {' and '.join(can) or 'no pixels'}; the explorer uses {taken}"
    if can and taken == "blocks":
        return Finding("pictures", "note", text, f"Try `datrnet browse --pictures {can[0]}`.")
    return Finding("pictures", "ok", text)


def _colors(terminal: Terminal) -> Finding:
    if _is_gray():
        hint = "To use colors anyway: `datrnet browse --color truecolor`."
        return Finding("colors", "note", "none: NO_COLOR is set", hint)
    if not sys.stdout.isatty():
        return Finding("colors", "note", NO_TERMINAL)
    system = _color_system(terminal)
    if system == "truecolor":
        return Finding("colors", "ok", "16 million")
    return Finding(
        "colors",
        "note",
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
        return Finding("encoding", "ok", "UTF-8")
    text = f"{encoding or 'unknown'}: lacks the characters that pictures are drawn with"
    return Finding("encoding", "problem", text, "Set a UTF-8 locale: `export LC_ALL=C.UTF-8`.")


# ── the installation ─────────────────────────────────────────────────────────


def _software() -> Iterator[Finding]:
    yield Finding("datrnet", "ok", __version__)
    python = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding("python", "ok", python)
    yield Finding("sqlite", "ok", sqlite3.sqlite_version)
    for name in LIBRARIES:
        try:
            yield Finding(name, "ok", version(name))
        except PackageNotFoundError:
            yield Finding(name, "problem", "not installed", f"Run `pip install {name}`.")
    yield _annoy()
    for name, (extra, use) in OPTIONAL_LIBRARIES.items():
        try:
            yield Finding(name, "ok", version(name))
        except PackageNotFoundError:
            hint = f'Run `pip install "datrnet[{extra}]"`.'
            yield Finding(name, "note", f"not installed; {use}", hint)


def _annoy() -> Finding:
    """Return whether Annoy can be used; compiled for another processor, it is there but fails."""
    if annoy_imports():
        return Finding("annoy", "ok", version("annoy"))
    text = "cannot be imported; searches of small catalogs rank all items instead"
    return Finding("annoy", "note", text, "Run `pip install --force-reinstall annoy`.")


# ── the workspace ────────────────────────────────────────────────────────────


def _workspace_findings(workspace: Workspace, *, check: bool) -> Iterator[Finding]:
    """Yield the checks of a workspace, whatever its state.

    Args:
        workspace: The workspace.
        check: Whether to read the index files and verify their checksums.
    """
    yield Finding("folder", "ok", str(workspace.root))
    try:
        with workspace.open_store() as store:
            catalog = Catalog.load(store)
            index = look_at_index(workspace, store, catalog, check=check)
    except DatabaseError as error:
        yield Finding("catalog", "problem", error.message, error.hint)
        return
    items = counted(catalog.num_items, "item")
    text = f"{items}, {len(catalog.super_categories):,} super-categories"
    if catalog.num_items:
        yield Finding("catalog", "ok", text)
    else:
        yield Finding("catalog", "note", text, "Run `datrnet import CATALOG`.")
    yield Finding("schema", "ok", f"version {SCHEMA_VERSION}, current")
    yield _pictures(workspace, catalog, index.unreadable)
    yield _thumbnails(workspace, catalog)
    yield _index(index)
    if index.engine_problem:
        yield Finding("engine", "note", index.engine_problem)
    if index.damaged_files:
        text = f"wrong: {', '.join(index.damaged_files)}"
        hint = "Run `datrnet index` to rebuild the index."
        yield Finding("checksums", "problem", text, hint)
    elif index.damaged_files is not None:
        yield Finding("checksums", "ok", "correct")


def _pictures(workspace: Workspace, catalog: Catalog, unreadable: Sequence[str]) -> Finding:
    """Return which pictures are missing, and which others no index could read."""
    paths = zip(catalog.codes, catalog.picture_paths, strict=True)
    missing = [code for code, path in paths if not workspace.has_picture(path)]
    damaged = sorted({*unreadable}.difference(missing))
    texts = [
        f"{len(codes):,} of {catalog.num_items:,} {what}; first: {codes[0]}"
        for what, codes in (("missing", missing), ("unreadable", damaged))
        if codes
    ]
    if not texts:
        return Finding("pictures", "ok", "complete")
    hint = "Restore the files, or import the catalog again with their new paths."
    return Finding("pictures", "problem", "; ".join(texts), hint)


def _thumbnails(workspace: Workspace, catalog: Catalog) -> Finding:
    try:
        with closing(ThumbnailStore(workspace.thumbnails)) as store:
            absent = len(set(catalog.item_ids.tolist()) - store.item_ids())
    except DataError as error:
        return Finding("thumbnails", "problem", error.message, error.hint)
    if not absent:
        return Finding("thumbnails", "ok", "complete")
    text = f"{absent:,} of {catalog.num_items:,} missing; the explorer creates them when needed"
    return Finding("thumbnails", "note", text, "Run the same `datrnet import` again.")


def _index(state: IndexState) -> Finding:
    if state.problem:
        return Finding("index", "problem" if state.name else "note", state.problem)
    text = f"{state.name} of run {state.run}, {counted(state.num_items or 0, 'item')}"
    if not state.outdated:
        return Finding("index", "ok", f"{text}, current")
    return Finding("index", "note", f"{text}; {state.outdated}", "Run `datrnet index`.")


# ── printing ─────────────────────────────────────────────────────────────────


def _show(found: dict[str, list[Finding]]) -> None:
    """Print a row per finding, with its fix below."""
    out = results()
    for title, findings in found.items():
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, min_width=12)
        table.add_column(overflow="fold")
        for finding in findings:
            text = "\n".join(sanitize(part) for part in (finding.text, finding.hint) if part)
            sign = Text(f"  {finding.sign}", style=STYLES[finding.sign])
            table.add_row(sign, finding.about, text)
        out.print(title.capitalize(), style="bold")
        out.print(table)
        if title == "terminal":
            _show_samples(out)
        out.print()


def _show_samples(out: Console) -> None:
    """Print what only the user can see: whether the font has the characters of pictures."""
    for glyphs in SAMPLES:
        letters = "".join(alphabet(glyphs).characters[1:].tolist())
        out.print(f"        {glyphs:<12}  {letters}")
    out.print(
        "        If every sextant above is a pattern, not a gap or a box with digits, your font "
        "has them.\n        `datrnet browse --blocks sextants` then shows more detail."
    )
