"""The part of the app that follows the person's settings: themes, keys, what is wrong with them."""

from collections.abc import Sequence

from textual import on
from textual.app import App
from textual.binding import Binding
from textual.command import Command, CommandPalette

from datrnet.core.errors import ConfigError, SettingError
from datrnet.core.preferences import Preferences, RenamedKeyError
from datrnet.core.preferences_file import PreferencesFile
from datrnet.core.text import inert
from datrnet.tui.keymap import Keymap, checked_keymap, entries_with
from datrnet.tui.themes import check_theme, own_themes

MOST_TROUBLES = 5
"""Of the settings that are told at the start; a list would cover the page."""


class AppWithSettings(App[None]):
    """An app that looks and is steered as a person wants it."""

    HELP_TITLE = "Program"

    def __init__(self, settings: Preferences | None, troubles: Sequence[ConfigError]) -> None:
        """Take the settings over.

        Args:
            settings: Without them, the defaults hold.
            troubles: What was wrong with them, to be told.
        """
        super().__init__()
        self.settings = settings or Preferences()
        self._settings_troubles = list(troubles)
        self._theme_before: str | None = None
        """The theme to go back to, while another one is only tried."""
        self._apply_settings()

    def _apply_settings(self) -> None:
        """Take over themes and keys; what is wrong with them stays as it is without settings."""
        for theme in own_themes(self.settings):
            self.register_theme(theme)
        try:
            check_theme(self.settings, self.settings.theme)
            self.theme = self.settings.theme
        except SettingError as error:
            self._settings_troubles.append(error)
        self._own_keys: Keymap = {}
        if self.settings.keys:
            self._own_keys, problems = checked_keymap(self.settings.keys)
            self._settings_troubles += problems
            self.set_keymap(self._own_keys)

    def tell_settings_troubles(self) -> None:
        """Say what is wrong with the settings."""
        troubles = self._settings_troubles
        if not troubles:
            return
        told = [inert(str(one)) for one in troubles[:MOST_TROUBLES]]
        if len(troubles) > len(told):
            told.append(
                f"And {len(troubles) - len(told)} more: `datrnet config show` has them all."
            )
        if not all(isinstance(trouble, RenamedKeyError) for trouble in troubles):
            told.append("What is wrong has its default; all else is as set.")
        self.notify("\n".join(told), severity="warning", markup=False, timeout=20)

    def key_of(self, name: str) -> str:
        """Return how the key that is in force for the id of a binding is shown."""
        own = self._own_keys.get(name, "").split(",")[0]
        key = own or self._key_of_program(name) or self._any_key(name)
        return self.get_key_display(Binding(key, ""))

    def _key_of_program(self, name: str) -> str | None:
        """Return a key that works everywhere, without loading all that have keys."""
        own = self._bindings.key_to_bindings.items()
        return next((key for key, some in own if any(one.id == name for one in some)), None)

    def _any_key(self, name: str) -> str:
        keys = {one.id: one.keys for one in entries_with(self._own_keys)}
        return keys[name][0]

    def get_key_display(self, binding: Binding) -> str:
        """Name the enter key in letters: its sign is missing from many fonts."""
        if binding.key == "enter" and not binding.key_display:
            return "enter"
        return super().get_key_display(binding)

    def search_themes(self) -> None:
        """Offer all themes, each shown while the cursor is on it."""
        self._theme_before = self.theme
        super().search_themes()

    @on(CommandPalette.OptionHighlighted)
    def _try_theme(self, event: CommandPalette.OptionHighlighted) -> None:
        option = event.highlighted_event.option
        if self._theme_before is not None and isinstance(option, Command):
            self.theme = str(option.hit.text)

    @on(CommandPalette.Closed)
    def _keep_theme(self, event: CommandPalette.Closed) -> None:
        """Write the theme chosen into the configuration file, or go back to the one before."""
        before, self._theme_before = self._theme_before, None
        if before is None:
            return
        if event.option_selected:
            self.call_later(self._write_theme)  # after the palette has set it
        else:
            self.theme = before

    def _write_theme(self) -> None:
        try:
            PreferencesFile.locate().set(("theme",), self.theme)
        except ConfigError as error:
            said = inert(f"The theme is not kept. {error}")
            self.notify(said, severity="error", markup=False)
