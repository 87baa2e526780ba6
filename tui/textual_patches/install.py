"""Replaces parts of Textual by patched ones, once for all apps of the process."""

import textual.screen
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList

from datrnet.tui.textual_patches import crash_guards
from datrnet.tui.textual_patches.compositor import SteadyCompositor

PATCHES = (
    (textual.screen, "Compositor", SteadyCompositor),
    (Screen, "dismiss", crash_guards.dismiss),
    (OptionList, "_move_page", crash_guards.move_page),
    (OptionList, "_on_click", crash_guards.on_click),
    (Content, "get_height", crash_guards.get_height),
)
"""What is replaced: the owner, the name, the patched part."""


def install() -> None:
    """Patch Textual; calling it again changes nothing."""
    for owner, name, patched in PATCHES:
        setattr(owner, name, patched)
