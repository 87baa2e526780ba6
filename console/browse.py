"""`datrnet browse`: open the explorer, and print what was picked in it."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from datrnet.console import options as opt
from datrnet.console.output import is_conversation, is_terminal, print_json
from datrnet.console.terminal import (
    forget_inherited_size,
    terminal_for,
    terminal_streams,
    use_colors,
)
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, DataError, DatrnetError
from datrnet.core.preferences import Blocks, Colors, Pictures
from datrnet.core.preferences_file import read_preferences
from datrnet.core.text import sanitize
from datrnet.tui.launch import DEFAULT_OPTIONS, LaunchOptions, Opening
from datrnet.tui.textual_patches.garbage import paused_gc

NOTHING_PICKED_EXIT = 130

app = opt.command_app()


@app.command(epilog="Example: datrnet browse --session last")
def browse(
    query: Annotated[str | None, typer.Argument(metavar="[ITEM|PICTURE]")] = None,
    session: Annotated[str | None, typer.Option("--session", metavar="NUMBER|NAME|last")] = None,
    pick: Annotated[bool, typer.Option("--pick")] = False,
    items: Annotated[str | None, typer.Option("--items", metavar="FILE")] = None,
    pictures: Annotated[
        Pictures | None, typer.Option(show_default="the setting, else auto")
    ] = None,
    blocks: Annotated[
        Blocks | None, typer.Option(show_default="the setting, else quadrants")
    ] = None,
    color: Annotated[Colors | None, typer.Option(show_default="the setting, else auto")] = None,
    tour: Annotated[
        bool | None, typer.Option("--tour/--no-tour", show_default="on the first start")
    ] = None,
    workspace: opt.Workspace = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
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
    codes = None if items is None else read_ids(items)
    settings, _ = read_preferences()  # the explorer reports what is wrong with them
    place = Workspace.locate(workspace, settings)
    picked = run_explorer(
        place,
        {"pictures": pictures, "blocks": blocks, "color": color},
        tour=tour,
        options=LaunchOptions(picks=pick, items=codes, session=session, query=query),
    )
    if pick and picked is None:
        raise typer.Exit(NOTHING_PICKED_EXIT)
    if pick and picked is not None:
        print_picked(place, picked, as_json=as_json)


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
    forget_inherited_size()
    with paused_gc(), terminal_streams(), Opening(workspace) as opening:
        terminal = terminal_for(settings)
        use_colors(settings.color, terminal)  # Textual looks for them when it is imported
        from datrnet.tui.app import explore

        return explore(opening, settings, terminal, problems=troubles, tour=tour, options=options)


def read_ids(source: str) -> tuple[str, ...]:
    """Return item ids from a file with one per line; ``-`` is standard input.

    Raises:
        ConfigError: Standard input is the keyboard, which the explorer needs.
        DataError: The file cannot be read.
    """
    if source == "-":
        if sys.stdin.isatty():
            raise ConfigError(
                "There are no ids on standard input.",
                hint="Pipe them in, one per line: cut -f1 ids.txt | datrnet browse --items -",
            )
        content = sys.stdin.buffer.read()
    else:
        try:
            content = Path(source).expanduser().read_bytes()
        except OSError as error:
            raise DataError(
                f"{source} cannot be read: {error.strerror}.",
                hint="Use a file with one id per line, or - for standard input.",
            ) from error
    lines = content.decode("utf-8-sig", "replace").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def print_picked(workspace: Workspace, codes: Sequence[str], *, as_json: bool) -> None:
    """Print the picked items: one id per line, or JSON with titles and labels.

    Raises:
        DatabaseError: The catalog cannot be read.
    """
    if not as_json:
        for code in codes:
            print(sanitize(code) if is_terminal() else code)
        return
    from datrnet.core.sessions.export import shortlist_facts

    with workspace.open_store() as store:
        print_json(shortlist_facts(Catalog.load(store), codes))
