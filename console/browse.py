"""`datrnet browse`: open the explorer on the terminal, and print what was picked in it."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any

import typer
from typer import Argument, Option

from datrnet.console import options as opt
from datrnet.console.output import is_conversation, print_ids, print_json
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, DatrnetError
from datrnet.core.graphics.terminal import Terminal, ask_terminal
from datrnet.core.preferences import Blocks, Colors, Pictures, Preferences
from datrnet.core.preferences_file import read_preferences
from datrnet.tui.launch import DEFAULT_OPTIONS, LaunchOptions, Opening, paused_gc

NOTHING_PICKED_EXIT = 130

NO_COLOR = "NO_COLOR"
COLOR_SYSTEM = "TEXTUAL_COLOR_SYSTEM"
"""Read by Textual when it is imported."""

TERMINAL = "/dev/tty"
"""The terminal that started the program, wherever its streams lead."""

app = opt.command_app()


@app.command(epilog="Example: datrnet browse --session last")
def browse(
    query: Annotated[str | None, Argument(metavar="[ITEM|PICTURE]")] = None,
    session: Annotated[str | None, Option(metavar="NUMBER|NAME|last")] = None,
    pick: Annotated[bool, Option("--pick")] = False,
    items: Annotated[str | None, Option(metavar="FILE")] = None,
    pictures: Annotated[Pictures | None, Option(show_default="the setting, else auto")] = None,
    blocks: Annotated[Blocks | None, Option(show_default="the setting, else quadrants")] = None,
    color: Annotated[Colors | None, Option(show_default="the setting, else auto")] = None,
    tour: Annotated[
        bool | None, Option("--tour/--no-tour", show_default="on the first start")
    ] = None,
    workspace: opt.Workspace = None,
    as_json: Annotated[bool, Option("--json")] = False,
) -> None:
    """Open the explorer: browse and search the catalog with pictures.

    `datrnet config` sets its colors, keys and other preferences.

    Args:
        query: Start with the substitutes of this item or picture file.
        session: Continue a session where it ended.
        pick: Print the ids of picked items: Enter picks the shortlist, or the item under the cursor
            if the list is empty. Quitting prints nothing and fails.
        items: Show only these items: a file with one id per line, or - for standard input.
        pictures: How to show the picture of an item: in pixels by a terminal protocol, in block
            characters, or not at all.
        blocks: Block characters of pictures; common fonts lack sextants.
        color: Color depth. tmux does not report more than 256 colors.
        tour: Start with a tour of the explorer.
        as_json: With --pick, print the items as JSON.
    """
    if as_json and not pick:
        raise ConfigError("--json works only with --pick.", hint="Add --pick.")
    if not (pick or items == "-" or is_conversation()):
        raise DatrnetError(
            "The explorer needs a terminal.",
            hint="In scripts and pipes, use `datrnet search` or `datrnet browse --pick`.",
        )
    codes = None if items is None else opt.read_ids(items)
    settings, _ = read_preferences()  # the explorer reports what is wrong with them
    place = Workspace.locate(workspace, settings)
    picked = run_explorer(
        place,
        {"pictures": pictures, "blocks": blocks, "color": color},
        tour=tour,
        options=LaunchOptions(picks=pick, items=codes, session=session, query=query),
    )
    if not pick:
        return
    if picked is None:
        raise typer.Exit(NOTHING_PICKED_EXIT)
    if as_json:
        from datrnet.core.sessions.export import shortlist_facts

        with place.open_store() as store:
            print_json(shortlist_facts(Catalog.load(store), picked))
    else:
        print_ids(picked)


def run_explorer(
    workspace: Workspace,
    chosen: Mapping[str, Any] | None = None,
    *,
    tour: bool | None = None,
    options: LaunchOptions = DEFAULT_OPTIONS,
) -> tuple[str, ...] | None:
    """Run the explorer until the user quits; return the picked ids, None if nothing was picked.

    Args:
        workspace: The workspace.
        chosen: Settings for this run, by name; None takes one from the configuration file.
        tour: Whether to start with the tour; None leaves it to the settings and the first start.
        options: What to open, if not the whole catalog.

    Raises:
        DatrnetError: There is no terminal, no catalog, or what is wanted does not exist.
    """
    settings, troubles = read_preferences()  # the explorer reports what is wrong with them
    given = {name: value for name, value in (chosen or {}).items() if value is not None}
    settings = replace(settings, **given)
    for name in ("COLUMNS", "LINES"):  # a size that a shell exported would survive resizing
        os.environ.pop(name, None)
    with paused_gc(), terminal_streams(), Opening(workspace) as opening:
        terminal = terminal_for(settings)
        use_colors(settings.color, terminal)  # Textual looks for them when it is imported
        from datrnet.tui.app import explore

        return explore(opening, settings, terminal, problems=troubles, tour=tour, options=options)


def terminal_for(settings: Preferences) -> Terminal:
    """Ask the terminal for its abilities, unless the settings decide everything."""
    if settings.pictures in ("blocks", "none") and settings.color != "auto":
        return Terminal()
    return ask_terminal()


def use_colors(colors: Colors, terminal: Terminal) -> None:
    """Set the color depth of the explorer. Textual must not be imported yet.

    Args:
        colors: The setting. "auto" follows $NO_COLOR and $COLORTERM, and uses true color if the
            terminal is known to support it.
        terminal: The terminal's abilities.
    """
    if colors == "none":
        os.environ[NO_COLOR] = "1"
    elif colors == "auto":
        if terminal.has_true_color:
            os.environ.setdefault(COLOR_SYSTEM, "truecolor")
    else:
        os.environ.pop(NO_COLOR, None)
        os.environ[COLOR_SYSTEM] = colors


@contextmanager
def terminal_streams() -> Iterator[None]:
    """Connect all three standard streams to the terminal, and restore them afterward.

    File descriptors 0, 1 and 2 are replaced, so that whatever asks for the terminal's size, keys
    or abilities finds it, in this program and in those that it starts.

    Raises:
        DatrnetError: There is no terminal.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, f"__{name}__") is None:  # closed by the caller
            setattr(sys, f"__{name}__", getattr(sys, name))
    redirected = [number for number in (0, 1, 2) if not os.isatty(number)]
    if not redirected:
        yield
        return
    _flush()
    try:
        terminal = os.open(TERMINAL, os.O_RDWR)
    except OSError as error:
        raise DatrnetError(
            "The explorer needs a terminal.", hint="In scripts, use `datrnet search`."
        ) from error
    kept = {number: os.dup(number) for number in redirected}
    try:
        for number in redirected:
            os.dup2(terminal, number)
        yield
    finally:
        _flush()
        for number, own in kept.items():
            os.dup2(own, number)
            os.close(own)
        os.close(terminal)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
