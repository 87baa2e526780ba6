"""The explorer: the app that opens a workspace, keeps the session and shows the first screen."""

import asyncio
import signal
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, DatabaseError
from datrnet.core.graphics.terminal import Terminal, cell_size, drawing_for
from datrnet.core.preferences import Preferences
from datrnet.core.preferences_file import is_first_start, read_preferences, remember_start
from datrnet.core.sessions.steps import session_of
from datrnet.core.text import inert
from datrnet.tui.app_news import AppWithNews
from datrnet.tui.app_sessions import AppWithSessions
from datrnet.tui.library import Library
from datrnet.tui.messages import (
    LabelWritten,
    OpenReview,
    OpenSubstitutes,
    Picked,
    WorkFailed,
    WriteFailed,
)
from datrnet.tui.opening import Opening
from datrnet.tui.renewing import Watch
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.help_screen import HelpScreen, is_ours, keys_of, signs_of
from datrnet.tui.session_log import SessionLog
from datrnet.tui.textual_patches.garbage import resume_gc
from datrnet.tui.textual_patches.install import install
from datrnet.tui.textual_patches.late_replies import LateReplies
from datrnet.tui.textual_patches.output import steady_output
from datrnet.tui.wants import NOTHING_MORE, Wants
from datrnet.tui.widgets.picture_view import PictureView
from datrnet.tui.widgets.too_small import SMALLEST_HEIGHT, SMALLEST_WIDTH

WARM_UP_AFTER_SECONDS = 0.3
"""After the start, when the first page is there and nobody has found the enter key yet."""

TEXTUALS_OWN = {"Theme", "Quit", "Screenshot"}
"""Of what Textual offers in the palette: its key panel and the like know nothing of our screens."""

WIDTHS = [
    (0, "-tiny"),
    (SMALLEST_WIDTH, "-narrow"),
    (100, "-middling"),
    (120, "-wide"),
    (140, "-very-wide"),
]
HEIGHTS = [(0, "-flat"), (SMALLEST_HEIGHT, "-low"), (32, "-high")]
"""The classes that a screen gets by its size, for the style sheet."""


def explore(
    opening: Opening,
    settings: Preferences | None = None,
    terminal: Terminal | None = None,
    *,
    settings_troubles: Sequence[ConfigError] = (),
    tour: bool | None = None,
    wants: Wants = NOTHING_MORE,
) -> tuple[str, ...] | None:
    """Run the explorer on a workspace until the person leaves.

    Args:
        opening: The workspace, whose catalogue is being read.
        settings: How the person wants the explorer; without them, their file is read.
        terminal: What is known of the terminal; without it, pictures are drawn in cells.
        settings_troubles: What was wrong with the settings, to be told.
        tour: Whether to begin with the tour; None leaves it to the settings and the first start.
        wants: What it is opened for, where that is not simply to look around.

    Returns:
        The codes of the items that were picked; None where none were.

    Raises:
        DatabaseError: The catalogue cannot be read.
        UnknownNameError: There is no such session, or none of the items given.
        SystemExit: A fault or a signal ended it.
    """
    if settings is None:
        settings, settings_troubles = read_preferences()
    if tour is None:
        tour = settings.tour and not wants.picks and is_first_start()
    with steady_output():
        app = ExplorerApp(
            opening.workspace,
            opening=opening,
            settings=settings,
            settings_troubles=settings_troubles,
            terminal=terminal,
            tour=tour,
            wants=wants,
        )
        app.run()
    if app.return_code:  # a fault, told on the screen that it left; or a signal
        raise SystemExit(app.return_code)
    return app.picked


class ExplorerApp(AppWithNews, AppWithSessions):
    """The explorer."""

    TITLE = "datrnet"
    CSS_PATH = "styles.tcss"
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "colon",
            "command_palette",
            "Commands",
            key_display=":",
            show=False,
            id="program.commands",
        ),
        Binding("question_mark,f1", "help", "Help", key_display="?", id="program.help"),
        Binding("ctrl+z", "suspend_process", show=False),
        Binding("q", "quit", "Quit", id="program.quit"),
    ]

    def __init__(
        self,
        workspace: Workspace,
        *,
        opening: Opening | None = None,
        settings: Preferences | None = None,
        settings_troubles: Sequence[ConfigError] = (),
        terminal: Terminal | None = None,
        tour: bool = False,
        wants: Wants = NOTHING_MORE,
    ) -> None:
        """Open the workspace, so that what is wrong with it is said before the screen is taken.

        Args:
            workspace: Where the catalogue lies.
            opening: It, being read already; without that, it is opened here, and closed at the end.
            settings: How the person wants the explorer.
            settings_troubles: What was wrong with them, to be told.
            terminal: What is known of the terminal.
            tour: Whether to begin with the tour.
            wants: What it is opened for.

        Raises:
            DatabaseError: The workspace has no catalogue, or it cannot be read.
            UnknownNameError: There is no such session, none of the items given, or no item or
                picture to begin with.
        """
        install()
        super().__init__(settings, settings_troubles)
        self._with_tour = tour
        terminal = terminal or Terminal()
        self.drawing = drawing_for(
            self.settings,
            terminal,
            color_system=self.console.color_system,
            no_color=self.no_color,
        )
        self._late_replies = LateReplies() if terminal.is_late else None
        self._own = None if opening else Opening(workspace)
        opened = opening or self._own
        assert opened is not None
        if wants.picks:
            self.title = f"{self.TITLE}, enter picks"
        self.picked: tuple[str, ...] | None = None
        self._asked_for = None if wants.session is None else session_of(opened.store, wants.session)
        self.library = Library(
            workspace, opened.store, opened.catalog(), self.settings.results, wants
        )
        self._watch = Watch(opened.store)
        self.session = SessionLog(
            opened.store, self._tell_unwritten, lambda code: self.library.snapshot.title_of(code)
        )
        self.animation_level = "none"

    def get_default_screen(self) -> Screen[None]:
        """Begin with the catalogue: an empty screen before it would be drawn too."""
        return BrowseScreen(self.library, self.session)

    def on_mount(self) -> None:
        """Look out for what other programs do to the workspace, and to this one."""
        self.set_timer(WARM_UP_AFTER_SECONDS, self.warm_up)
        self.set_timer(WARM_UP_AFTER_SECONDS, resume_gc)
        self.look_out()
        # whatever was in the terminal meanwhile, all of the page must come again
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh())
        if not self.is_headless:
            self._listen_to_signals()
        self.tell_settings_troubles()
        if self._with_tour:
            self.action_tour()
        if self._asked_for is not None:
            self.go_on_with(str(self._asked_for.id))
        elif not self.library.wants.picks and self.library.begins_with is None:
            self.speak_of_last_session()

    async def on_event(self, event: events.Event) -> None:
        """Keep answers of the terminal from doing what keys do."""
        late = self._late_replies
        if late is not None and isinstance(event, events.Key) and late.swallows(event):
            return
        await super().on_event(event)

    def on_resize(self) -> None:
        """Draw pictures in pixels anew where the size of a cell is another."""
        cell = cell_size() if self.drawing.is_in_pixels and not self.is_headless else None
        if cell not in (None, self.drawing.cell):
            self.drawing = replace(self.drawing, cell=cell)
            for view in self.screen.query(PictureView):
                view.on_resize()

    @on(Picked)
    def _leave_with(self, message: Picked) -> None:
        """Leave with the shortlist, or else with one item."""
        self.picked = self.session.shortlist.codes or (message.code,)
        self.exit()

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

    @on(OpenSubstitutes)
    def _open_substitutes(self, message: OpenSubstitutes) -> None:
        from datrnet.tui.screens.substitutes import SubstitutesScreen

        self.push_screen(
            SubstitutesScreen(
                self.library, self.session, message.trail, is_resumed=message.is_resumed
            )
        )

    @on(OpenReview)
    def _open_review(self, message: OpenReview) -> None:
        from datrnet.tui.screens.doubts import DoubtsScreen
        from datrnet.tui.screens.duplicates import DuplicatesScreen
        from datrnet.tui.screens.gaps import GapsScreen

        tab = (DoubtsScreen, DuplicatesScreen, GapsScreen)[message.tab]
        screen = tab(self.library, self.session, message.review)
        if isinstance(self.screen, DoubtsScreen | DuplicatesScreen | GapsScreen):
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    @on(LabelWritten)
    def _keep_label(self, message: LabelWritten) -> None:
        """Take over a label that was saved after the screen for it had closed."""
        if (change := message.change) is not None:
            self.library.relabel(change.item_id, change.super_category, message.value)

    @on(WriteFailed)
    @on(WorkFailed)
    def _tell_failure(self, message: WorkFailed | WriteFailed) -> None:
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
        yield SystemCommand("Tour", "What the explorer can do, in a few cards", self.action_tour)
        yield SystemCommand(
            "Name this session", "So that it is found again", self.action_name_session
        )
        yield SystemCommand(
            "Begin a new session", "What comes next is kept apart", self.action_begin_session
        )
        for command in super().get_system_commands(screen):
            if command.title in TEXTUALS_OWN:
                yield command

    def action_help(self) -> None:
        """List the keys that work where one stands."""
        groups = keys_of(self.screen) + signs_of(self.screen)
        self.push_screen(HelpScreen(groups, self.key_of))

    def action_tour(self) -> None:
        """Show what the explorer can do."""
        from datrnet.tui.screens.tour import TourScreen

        self.push_screen(TourScreen(self.key_of), lambda _: remember_start())

    def _tell_unwritten(self, error: DatabaseError) -> None:
        """Say from the writing thread that a step is not in the session."""
        self.call_later(
            self.notify,
            inert(f"The session is not saved yet. {error}"),
            severity="error",
            markup=False,
        )
