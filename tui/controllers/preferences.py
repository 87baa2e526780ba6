"""Applies preferences to the app: themes, keys, and notices about what is wrong with them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from textual.app import App
from textual.binding import Binding
from textual.command import Command, CommandPalette
from textual.theme import BUILTIN_THEMES, Theme

from datrnet.core.errors import ConfigError, SettingError, nearest
from datrnet.core.preferences import CustomTheme, Preferences, RenamedKeyError
from datrnet.core.preferences_file import PreferencesFile
from datrnet.tui.keymap import Keymap, checked_keymap, entries_with

MAX_PROBLEMS = 5
"""Problems shown at the start; a longer list would cover the screen."""


class PreferencesController:
    """Applies preferences, and saves the theme when another is chosen."""

    def __init__(
        self, app: App[Any], preferences: Preferences, problems: Sequence[ConfigError] = ()
    ) -> None:
        """Apply themes and keys; defaults replace what is wrong.

        Args:
            app: What to apply them to.
            preferences: What the user has set.
            problems: What is wrong with the file, to be reported.
        """
        self._app = app
        self._problems = list(problems)
        self._theme_before: str | None = None
        """The theme to return to while others are previewed."""
        for theme in custom_themes(preferences):
            app.register_theme(theme)
        try:
            check_theme(preferences, preferences.theme)
            app.theme = preferences.theme
        except SettingError as error:
            self._problems.append(error)
        self._keymap: Keymap = {}
        if preferences.keys:
            self._keymap, key_problems = checked_keymap(preferences.keys)
            self._problems += key_problems
            app.set_keymap(self._keymap)

    def report_problems(self) -> None:
        """Show what is wrong with the preferences."""
        if not self._problems:
            return
        lines = [str(problem) for problem in self._problems[:MAX_PROBLEMS]]
        if (num_more := len(self._problems) - len(lines)) > 0:
            lines.append(f"And {num_more} more: `datrnet config show` lists them all.")
        if not all(isinstance(problem, RenamedKeyError) for problem in self._problems):
            lines.append("Defaults replace these; all other settings apply.")
        self._app.notify("\n".join(lines), severity="warning", timeout=20)

    def key_of(self, name: str) -> str:
        """Return the key for the id of a binding, as it is shown."""
        key = self._keymap.get(name, "").split(",")[0] or self._app_key(name) or self._any_key(name)
        return self._app.get_key_display(Binding(key, ""))

    def _app_key(self, name: str) -> str | None:
        """Return a key of the app's own; finding it does not load the screens."""
        for key, bindings in self._app._bindings.key_to_bindings.items():
            if any(binding.id == name for binding in bindings):
                return key
        return None

    def _any_key(self, name: str) -> str:
        keys = {entry.id: entry.keys for entry in entries_with(self._keymap)}
        return keys[name][0]

    # ── choosing a theme ─────────────────────────────────────────────────────

    def start_preview(self) -> None:
        """Remember the theme while the palette lists others."""
        self._theme_before = self._app.theme

    def preview(self, event: CommandPalette.OptionHighlighted) -> None:
        """Show the highlighted theme."""
        option = event.highlighted_event.option
        if self._theme_before is not None and isinstance(option, Command):
            self._app.theme = str(option.hit.text)

    def end_preview(self, event: CommandPalette.Closed) -> None:
        """Save the chosen theme, or return to the one before."""
        before, self._theme_before = self._theme_before, None
        if before is None:
            return
        if event.option_selected:
            self._app.call_later(self._save_theme)  # after the palette has set it
        else:
            self._app.theme = before

    def _save_theme(self) -> None:
        try:
            PreferencesFile.locate().set(("theme",), self._app.theme)
        except ConfigError as error:
            self._app.notify(f"The theme could not be saved. {error}", severity="error")


def custom_themes(preferences: Preferences) -> Iterable[Theme]:
    """Return the themes of the configuration file."""
    return [_theme(name, custom) for name, custom in preferences.themes.items()]


def theme_names(preferences: Preferences) -> list[str]:
    """Return the names of all themes, the user's own first."""
    builtin = [name for name in BUILTIN_THEMES if name not in preferences.themes]
    return [*preferences.themes, *builtin]


def check_theme(preferences: Preferences, name: str) -> None:
    """Refuse an unknown theme.

    Raises:
        SettingError: There is no such theme; the message suggests similar names.
    """
    known = theme_names(preferences)
    if name not in known:
        message = f"theme is {name!r}, which does not exist."
        raise SettingError(("theme",), message, hint=nearest(name, known))


def _theme(name: str, custom: CustomTheme) -> Theme:
    colors: dict[str, Any] = {part: color for part, color in asdict(custom).items() if color != ""}
    return Theme(name=name, **colors)
