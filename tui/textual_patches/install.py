"""Replaces parts of Textual by patched ones, once for all apps of the process."""

import textual.screen
from textual.screen import Screen
from textual.widgets import OptionList

from datrnet.tui.textual_patches import crash_guards
from datrnet.tui.textual_patches.compositor import SteadyCompositor


def install() -> None:
    """Patch Textual; calling it again changes nothing."""
    textual.screen.Compositor = SteadyCompositor  # type: ignore[misc]
    Screen.dismiss = crash_guards.dismiss  # type: ignore[method-assign]
    OptionList._on_click = crash_guards.on_click  # type: ignore[method-assign]
    OptionList._move_page = crash_guards.move_page  # type: ignore[method-assign]
