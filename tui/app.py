"""The explorer: the app that opens a workspace, keeps the session and shows the first screen."""

import asyncio
import signal
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import ClassVar

from textual import events, on, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input

from datrnet.core.data.catalog import Catalog
from datrnet.core.data.inert_text import inert
from datrnet.core.data.workspace import Workspace
from datrnet.core.errors import DatabaseError
from datrnet.core.settings import Settings
from datrnet.tui.library import Holdings, Library
from datrnet.tui.messages import HoldingsRead, NewsCame, WorkFailed
from datrnet.tui.opening import Opening
from datrnet.tui.renewing import News, Watch
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.screens.help_screen import is_ours
from datrnet.tui.session_log import SessionLog
from datrnet.tui.steady_output import steady_output
from datrnet.tui.widgets.too_small import SMALLEST_HEIGHT, SMALLEST_WIDTH

SESSION_NAME = "explorer"

WARM_UP_AFTER_SECONDS = 0.3
"""After the start, when the first page is there and nobody has found the enter key yet."""

LOOK_EVERY_SECONDS = 2.0
"""Between two looks at whether another program has changed the workspace."""

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
    with opening, steady_output():
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
        Binding("I", "renew", "Show what is new", id="program.renew"),
        Binding("ctrl+z", "suspend_process", "To the shell", show=False, id="program.suspend"),
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
        self._watch = Watch(opened.store)
        self._news: News | None = None
        """What another program has changed and the explorer does not show yet."""
        self.session = SessionLog(opened.store, SESSION_NAME, self._tell_unwritten)
        self.animation_level = "none"

    def get_default_screen(self) -> Screen[None]:
        """Begin with the catalogue: an empty screen before it would be drawn too."""
        return BrowseScreen(self.library, self.session)

    def on_mount(self) -> None:
        """Look out for what other programs do to the workspace, and to this one."""
        self.set_timer(WARM_UP_AFTER_SECONDS, self._warm_up)
        self.set_interval(LOOK_EVERY_SECONDS, self._look_for_news)
        # whatever was in the terminal meanwhile, all of the page must come again
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh())
        if not self.is_headless:
            self._listen_to_signals()

    @work(thread=True, group="warm-up")
    def _warm_up(self) -> None:
        self.library.warm_up()

    def _listen_to_signals(self) -> None:
        """Leave in order when the system or a closed terminal ends the program."""
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                number = getattr(signal, name)
                with suppress(NotImplementedError):  # on Windows
                    loop.add_signal_handler(number, partial(self.exit, return_code=128 + number))

    def on_key(self, event: events.Key) -> None:
        """Give a field what was typed in one go with the key that leads there.

        Textual hands every key to the widget that has the focus when it comes; the key that moves
        the focus acts only when it has found its way up to here.
        """
        field = self.focused
        if isinstance(field, Input) and event.is_printable:  # a field lets none of its own through
            event.prevent_default()
            field.post_message(events.Key(event.key, event.character))

    # ── what other programs change ───────────────────────────────────────────

    @work(thread=True, exclusive=True, group="news")
    def _look_for_news(self) -> None:
        try:
            news = self._watch.look()
        except DatabaseError:
            return  # in use just now: the next look will tell
        if news is not None:
            self.post_message(NewsCame(news))

    @on(NewsCame)
    def _offer_news(self, message: NewsCame) -> None:
        if message.news != self._news:
            self._news = message.news
            self.refresh_bindings()
            self.notify(f"{message.news.words} I shows it.", timeout=10)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what is new only where there is something, and on a screen that can show it."""
        if action == "renew":
            return self._news is not None and isinstance(self.screen, ExplorerScreen)
        return super().check_action(action, parameters)

    @work(thread=True, exclusive=True, group="renew")
    def action_renew(self) -> None:
        """Go over to the catalogue and the index as they are now."""
        library = self.library
        try:
            watch = Watch(library.store)
            catalog = Catalog.load(library.store)
            holdings = Holdings.of(library.workspace, library.store, catalog)
        except DatabaseError as error:
            self.post_message(WorkFailed(error))
            return
        self.post_message(HoldingsRead(holdings, watch))

    @on(HoldingsRead)
    async def _renew(self, message: HoldingsRead) -> None:
        """Show what was read, in every screen that is open."""
        trouble = message.holdings.trouble
        if trouble is not None and self.library.searcher is not None:
            told = inert(f"The explorer stays with the old index. {trouble}")
            self.notify(told, severity="error", markup=False)
            return
        self._watch, self._news = message.watch, None
        moved = self.library.renew(message.holdings)
        self._warm_up()
        for screen in self.screen_stack:
            if isinstance(screen, ExplorerScreen):
                await screen.renewed(moved)
        self.refresh_bindings()
        self.clear_notifications()  # what was offered is done
        self.notify("This is the newest state.", timeout=2)

    @on(WorkFailed)
    def _tell_failure(self, message: WorkFailed) -> None:
        self.notify(inert(str(message.error)), severity="error", markup=False)

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
