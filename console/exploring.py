"""`datrnet browse`: the explorer opened, as the person wants it and as its terminal can show it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from datrnet.console.picking import terminal_streams
from datrnet.console.terminal import forget_inherited_size, terminal_for, use_colours
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.preferences_file import read_preferences
from datrnet.tui.opening import Opening
from datrnet.tui.textual_patches.garbage import paused_gc
from datrnet.tui.wants import NOTHING_MORE, Wants


def run_explorer(
    workspace: Workspace,
    chosen: Mapping[str, Any] | None = None,
    *,
    tour: bool | None = None,
    wants: Wants = NOTHING_MORE,
) -> tuple[str, ...] | None:
    """Run the explorer until the person leaves; return the codes picked, None where none were.

    Args:
        workspace: Where the catalogue lies.
        chosen: Settings for this run by name; None takes the configuration file's.
        tour: Whether to begin with the tour; None leaves it to the settings and the first start.
        wants: What it is opened for, where that is not simply to look around.

    Raises:
        DatrnetError: There is no terminal, no catalogue, or what is wanted is not there.
    """
    settings, troubles = read_preferences()  # the explorer tells what is wrong with them
    given = {name: value for name, value in (chosen or {}).items() if value is not None}
    settings = replace(settings, **given)
    forget_inherited_size()
    with paused_gc(), terminal_streams(), Opening(workspace) as opening:
        terminal = terminal_for(settings)
        use_colours(settings.color, terminal)  # Textual looks for them when it is imported
        from datrnet.tui.app import explore

        return explore(
            opening, settings, terminal, settings_troubles=troubles, tour=tour, wants=wants
        )
