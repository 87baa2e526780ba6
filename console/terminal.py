"""The terminal before the explorer takes it over: its streams, abilities and colors."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from datrnet.core.errors import DatrnetError
from datrnet.core.graphics.terminal import Terminal, ask_terminal
from datrnet.core.preferences import Colors, Preferences

NO_COLOR = "NO_COLOR"
COLOR_SYSTEM = "TEXTUAL_COLOR_SYSTEM"
"""Read by Textual when it is imported."""

TERMINAL = "/dev/tty"
"""The terminal that started the program, wherever its streams lead."""

INHERITED_SIZE = ("COLUMNS", "LINES")


def forget_inherited_size() -> None:
    """Ignore a size that a shell exported; it would survive resizing."""
    for name in INHERITED_SIZE:
        os.environ.pop(name, None)


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
    terminal = _open_terminal()
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


def _open_terminal() -> int:
    try:
        return os.open(TERMINAL, os.O_RDWR)
    except OSError as error:
        raise DatrnetError(
            "The explorer needs a terminal.", hint="In scripts, use `datrnet search`."
        ) from error


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
