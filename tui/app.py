"""The explorer: the app that opens a workspace, keeps the session and shows the first screen."""

from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from datrnet.core.data.inert_text import inert
from datrnet.core.data.workspace import Workspace
from datrnet.core.errors import DatabaseError
from datrnet.core.settings import Settings
from datrnet.tui.library import Library
from datrnet.tui.opening import Opening
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.help_screen import is_ours
from datrnet.tui.session_log import SessionLog
from datrnet.tui.widgets.too_small import SMALLEST_HEIGHT, SMALLEST_WIDTH

SESSION_NAME = "explorer"

WIDTHS = [
    (0, "-tiny"),
    (SMALLEST_WIDTH, "-narrow"),
    (100, "-middling"),
    (120, "-wide"),
    (140, "-very-wide"),
]
HEIGHTS = [(0, "-flat"), (SMALLEST_HEIGHT, "-low"), (32, "-high")]
"""The classes that a screen gets by its size, for the style sheet."""


def explore(opening: Opening, settings: Settings | None = None) -> None:
    """Run the explorer on a workspace until the person leaves.

    Args:
        opening: The workspace, whose catalogue is being read.
        settings: How the person wants the explorer.

    Raises:
        DatabaseError: The catalogue cannot be read.
    """
    with opening:
        ExplorerApp(opening.workspace, opening=opening, settings=settings).run()


class ExplorerApp(App[None]):
    """The explorer."""

    TITLE = "datrnet"
    HELP_TITLE = "Program"
    CSS_PATH = "styles.tcss"
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("colon", "command_palette", "Commands", key_display=":", show=False),
        Binding("q,ctrl+q", "quit", "Quit", key_display="q"),
    ]

    def __init__(
        self,
        workspace: Workspace,
        *,
        opening: Opening | None = None,
        settings: Settings | None = None,
    ) -> None:
        """Open the workspace, so that what is wrong with it is said before the screen is taken.

        Args:
            workspace: Where the catalogue lies.
            opening: It, being read already; without that, it is opened here, and closed at the end.
            settings: How the person wants the explorer.

        Raises:
            DatabaseError: The workspace has no catalogue, or it cannot be read.
        """
        super().__init__()
        self.settings = settings or Settings()
        self.theme = self.settings.theme
        self._own = None if opening else Opening(workspace)
        opened = opening or self._own
        assert opened is not None
        self.library = Library(workspace, opened.store, opened.catalog())
        self.session = SessionLog(opened.store, SESSION_NAME, self._tell_unwritten)
        self.animation_level = "none"

    def get_default_screen(self) -> Screen[None]:
        """Begin with the catalogue: an empty screen before it would be drawn too."""
        return BrowseScreen(self.library, self.session)

    def on_unmount(self) -> None:
        """Write what is not written yet, and let everything go."""
        self.session.close()
        self.library.thumbnails.close()
        if self._own is not None:
            self._own.close()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer what the keys do in the command palette as well."""
        offered = {
            active.binding.action: active
            for active in screen.active_bindings.values()
            if active.node in {screen, self} and is_ours(active.binding)
        }
        for action, active in offered.items():
            if action not in {"command_palette", "quit"}:  # the palette has its own
                yield SystemCommand(
                    active.binding.description,
                    f"Key {self.get_key_display(active.binding)}",
                    partial(self.run_action, action, active.node),
                )
        yield from super().get_system_commands(screen)

    def get_key_display(self, binding: Binding) -> str:
        """Name the enter key in letters: its sign is missing from many fonts."""
        if binding.key == "enter" and not binding.key_display:
            return "enter"
        return super().get_key_display(binding)

    def _tell_unwritten(self, error: DatabaseError) -> None:
        """Say from the writing thread that a step is not in the session."""
        self.call_later(
            self.notify,
            inert(f"The session is not saved yet. {error}"),
            severity="error",
            markup=False,
        )
