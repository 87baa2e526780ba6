"""The terminal before the explorer takes it: what it can do, and the colours it is written in."""

import os

from datrnet.core.graphics.terminal import Terminal, ask_terminal
from datrnet.core.preferences import Colors, Preferences

NO_COLOR = "NO_COLOR"
COLOUR_SYSTEM = "TEXTUAL_COLOR_SYSTEM"
"""Where Textual looks for the colours to write in, when it is imported."""

INHERITED_SIZE = ("COLUMNS", "LINES")


def forget_inherited_size() -> None:
    """Leave the size to the terminal: one that a shell exported would hold when it is resized."""
    for name in INHERITED_SIZE:
        os.environ.pop(name, None)


def terminal_for(settings: Preferences) -> Terminal:
    """Ask the terminal what it can do, where the settings leave that open."""
    if settings.pictures in ("blocks", "none") and settings.color != "auto":
        return Terminal()
    return ask_terminal()


def use_colours(colours: Colors, terminal: Terminal) -> None:
    """Let the explorer be written in the colours wanted; Textual must not be imported yet.

    Args:
        colours: The setting. "auto" follows $NO_COLOR and $COLORTERM, and takes true colours too
            where the terminal was seen to keep them.
        terminal: What is known of the terminal.
    """
    if colours == "none":
        os.environ[NO_COLOR] = "1"
    elif colours == "auto":
        if terminal.has_true_colours:
            os.environ.setdefault(COLOUR_SYSTEM, "truecolor")
    else:
        os.environ.pop(NO_COLOR, None)
        os.environ[COLOUR_SYSTEM] = colours
