"""The themes that can be chosen: Textual's, and a person's own from the configuration file."""

from collections.abc import Iterable
from typing import Any

from textual.theme import BUILTIN_THEMES, Theme

from datrnet.core.errors import SettingError, nearest
from datrnet.core.preferences import CustomTheme, Preferences

COLOURS = (
    "secondary",
    "accent",
    "foreground",
    "background",
    "surface",
    "panel",
    "success",
    "warning",
    "error",
)


def own_themes(settings: Preferences) -> Iterable[Theme]:
    """Return the themes of the configuration file."""
    return [_theme(name, one) for name, one in settings.themes.items()]


def theme_names(settings: Preferences) -> list[str]:
    """Return the names of all themes, a person's own first."""
    return [*settings.themes, *(name for name in BUILTIN_THEMES if name not in settings.themes)]


def check_theme(settings: Preferences, name: str) -> None:
    """Refuse a theme that does not exist.

    Raises:
        SettingError: The message has the nearest ones.
    """
    known = theme_names(settings)
    if name not in known:
        message = f"theme is {name!r}, which does not exist."
        raise SettingError(("theme",), message, mend=nearest(name, known))


def _theme(name: str, own: CustomTheme) -> Theme:
    colours: dict[str, Any] = {part: getattr(own, part) or None for part in COLOURS}
    return Theme(name=name, primary=own.primary, dark=own.dark, **colours)
