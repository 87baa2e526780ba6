"""The explorer's app: owns the workspace, the session and the controllers, and opens screens."""

import asyncio
import signal
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from textual import events, on
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.screen import Screen

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, DatabaseError, DatrnetError
from datrnet.core.graphics.terminal import Terminal, cell_size, drawing_for
from datrnet.core.preferences import Preferences
from datrnet.core.preferences_file import is_first_start, read_preferences, remember_start
from datrnet.core.sessions.steps import LAST, session_of
from datrnet.core.text import sanitize
from datrnet.tui.commands import ExplorerCommands
from datrnet.tui.context import (
    ExplorerContext,
    Notice,
    OpenSubstitutes,
    Picked,
    in_thread,
    start,
    start_another,
)
from datrnet.tui.controllers.jobs import Jobs
from datrnet.tui.controllers.preferences import PreferencesController
from datrnet.tui.controllers.session_log import SessionLog
from datrnet.tui.controllers.sessions import CURRENT, SessionController, read_session
from datrnet.tui.controllers.updates import UpdateWatcher
from datrnet.tui.key_queue import KeyQueue
from datrnet.tui.keymap import hidden
from datrnet.tui.launch import DEFAULT_OPTIONS, LaunchOptions, Opening, resume_gc
from datrnet.tui.screen_opener import ScreenOpener
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.dialogs import Prompt
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.snapshot import Library
from datrnet.tui.textual_patches import LateReplies, install
from datrnet.tui.widgets.bars import HEIGHTS, WIDTHS, TitleBar
from datrnet.tui.widgets.picture_view import PictureView
from datrnet.tui.widgets.text import fitted
from datrnet.tui.widgets.thumb_grid import ThumbGrid

WARM_UP_SECONDS = 0.3
"""After the start: the first page is there, and nobody has found the enter key yet."""

STAYS = 24 * 3600.0
"""Seconds that an error is shown: until somebody has seen it."""

KEPT_NOTICES = 100

MOST_TOLD = 40
"""Cells of a copied text that a notice shows."""

TEXTUAL_COMMANDS = {"Theme", "Screenshot"}
"""Textual's own palette commands to keep; the others do not fit the explorer's screens."""


def explore(
    opening: Opening,
    preferences: Preferences | None = None,
    terminal: Terminal | None = None,
    *,
    problems: Sequence[ConfigError] = (),
    tour: bool | None = None,
    options: LaunchOptions = DEFAULT_OPTIONS,
) -> tuple[str, ...] | None:
    """Run the explorer until the user quits.

    Args:
        opening: The workspace, whose catalog is being read.
        preferences: The user's preferences; None reads their file.
        terminal: What the terminal can do; None draws pictures in character cells.
        problems: What is wrong with the preferences, to be reported.
        tour: Whether to start with the tour; None leaves it to the preferences and first start.
        options: What to open.

    Returns:
        The codes of the picked items; None if none were picked.

    Raises:
        DatabaseError: The catalog cannot be read.
        UnknownNameError: There is no such session, or none of the given items.
        SystemExit: An error or a signal ended the explorer.
    """
    if preferences is None:
        preferences, problems = read_preferences()
    if tour is None:
        tour = preferences.tour and not options.picks and is_first_start()
    app = ExplorerApp(
        opening.workspace,
        opening=opening,
        preferences=preferences,
        problems=problems,
        terminal=terminal,
        tour=tour,
        options=options,
    )
    app.run()
    if app.return_code:  # an error, shown on the screen that it left; or a signal
        raise SystemExit(app.return_code)
    return app.picked


class ExplorerApp(ScreenOpener):
    """The explorer."""

    TITLE = "datrnet"
    HELP_TITLE = "Program"
    CSS_PATH = "styles.tcss"
    COMMANDS: ClassVar[set[Any]] = {ExplorerCommands}
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding('colon', 'command_palette', 'Commands', key_display=':', id='program.commands'),
        Binding('I', 'renew', 'Show update', id='program.renew'),
        Binding('L', 'show_shortlist', 'Show shortlist', id='program.shortlist'),
        Binding('S', 'show_sessions', 'Sessions', id='program.sessions'),
        hidden('R', 'resume_last', 'Resume last session', id='program.resume'),
        Binding('question_mark,f1', 'help', 'Help', key_display='?', id='program.help'),
        Binding("ctrl+z", "suspend_process", show=False),
        hidden('C', 'copy', 'Copy id or text', id='program.copy'),
        hidden('H', 'notices', 'Last notices', id='program.notices'),
        hidden('escape', 'cancel_job', 'Cancel what runs', priority=True, id='job.cancel'),
        Binding('q', 'quit', 'Quit', id='program.quit'),
    ]  # fmt: skip

    def __init__(
        self,
        workspace: Workspace,
        *,
        opening: Opening | None = None,
        preferences: Preferences | None = None,
        problems: Sequence[ConfigError] = (),
        terminal: Terminal | None = None,
        tour: bool = False,
        options: LaunchOptions = DEFAULT_OPTIONS,
    ) -> None:
        """Open the workspace, so that errors appear before the screen is taken; see ``explore``.

        Raises:
            DatabaseError: The workspace has no catalog, or it cannot be read.
            UnknownNameError: There is no such session, item or picture.
        """
        install()
        super().__init__()
        preferences, terminal = preferences or Preferences(), terminal or Terminal()
        self.animation_level = "none"
        if options.picks:
            self.title = f"{self.TITLE}, enter picks"
        self.picked: tuple[str, ...] | None = None
        self._has_tour = tour
        self._keys = KeyQueue(self, super().on_event)
        self._late_replies = LateReplies() if terminal.is_late else None
        self._opening = opening or Opening(workspace)
        store = self._opening.store
        self._session_to_resume = (
            None if options.session is None else str(session_of(store, options.session).id)
        )
        self.library = Library(
            workspace, store, self._opening.catalog(), preferences.results, options
        )
        self.session = SessionLog(
            store, self._report_unsaved, lambda code: self.library.snapshot.title_of(code)
        )
        self.preferences = PreferencesController(self, preferences, problems)
        drawing = drawing_for(
            preferences, terminal, color_system=self.console.color_system, no_color=self.no_color
        )
        self.jobs = Jobs(self, self.key_of)
        self.context = ExplorerContext(self.library, self.session, preferences, drawing, self.jobs)
        self._notices: deque[Notice] = deque(maxlen=KEPT_NOTICES)
        self.sessions = SessionController(self, self.context)
        self.updates = UpdateWatcher(self, self.library, self.key_of)

    def get_default_screen(self) -> Screen[None]:
        """Start with the catalog: an empty screen before it would be drawn too."""
        return BrowseScreen(self.context)

    def on_mount(self) -> None:
        """Start what runs beside the screens."""
        self.set_timer(WARM_UP_SECONDS, self.warm_up)
        self.set_timer(WARM_UP_SECONDS, resume_gc)
        self.updates.start()
        # other programs may have written to the terminal: draw everything again
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh())
        if not self.is_headless:
            self._handle_signals()
        self.preferences.report_problems()
        if self._has_tour:
            self.action_tour()
        if self._session_to_resume is not None:
            self.resume(self._session_to_resume)
        elif not self.library.options.picks and self.library.first_query is None:
            start_another(self, "offer", self.sessions.offer_last, self.key_of("program.resume"))

    def on_unmount(self) -> None:
        """Save what is not saved yet, and close everything."""
        self.session.close()
        self.library.thumbnails.close()
        self._opening.close()

    def _handle_signals(self) -> None:
        """Quit in order when the system or a closed terminal ends the program."""
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                number = getattr(signal, name)
                with suppress(NotImplementedError):  # on Windows
                    loop.add_signal_handler(number, partial(self.exit, return_code=128 + number))

    # ── notices ──────────────────────────────────────────────────────────────

    def notify(self, message: str, **options: Any) -> None:
        """Show a notice; text of a catalog can be in it, and does not steer it.

        An error stays until it is clicked, or until the last notices are listed.
        """
        text = "\n".join(map(sanitize, message.split("\n")))
        severity = options.get("severity", "information")
        self._notices.appendleft(Notice(f"{datetime.now():%H:%M:%S}", text, severity))
        if severity == "error":
            options["timeout"] = STAYS
            text += f"\nPress {self.key_of('program.notices')} to list and dismiss it."
        super().notify(text, **{**options, "markup": False})

    def notices_changed(self, number: int) -> None:
        """Count the notices besides the one that is shown in the title."""
        for bar in self.screen.query(TitleBar):
            bar.num_waiting = max(0, number - 1)

    def action_notices(self) -> None:
        """List the last notices, and close them."""
        from datrnet.tui.screens.menus import NoticeList

        notices = tuple(self._notices)
        self.clear_notifications()
        self.push_screen(NoticeList(notices), partial(self._copy_notice, notices))

    def _copy_notice(self, notices: Sequence[Notice], place: int | None) -> None:
        if place is not None and notices:
            self.copy(notices[place].message, "Copied the notice")

    def copy(self, text: str, done: str) -> None:
        """Copy text, through the terminal also from a distant machine, and say so."""
        self.copy_to_clipboard(text)
        self.notify(done, timeout=2)

    def action_copy(self) -> None:
        """Copy the id or the text under the cursor."""
        if text := getattr(self.screen, "text_to_copy", ""):
            self.copy(text, f"Copied {fitted(text, min(len(text), MOST_TOLD)).rstrip()}")
        else:
            self.notify("Nothing to copy here.", timeout=2)

    def action_cancel_job(self) -> None:
        """Cancel the work that takes long."""
        self.jobs.cancel()

    def action_help_quit(self) -> None:
        """Tell whoever presses ctrl+c how to quit."""
        self.notify("Press ctrl+q to quit.", timeout=3)

    # ── input ────────────────────────────────────────────────────────────────

    async def on_event(self, event: events.Event) -> None:
        """Let keys act in order; drop late replies of the terminal, and input after the end."""
        if not self.screen_stack and isinstance(event, events.InputEvent | events.Resize):
            return
        late = self._late_replies
        if late is not None and isinstance(event, events.Key) and late.swallows(event):
            return
        if not await self._keys.takes(event):
            await super().on_event(event)

    def on_resize(self) -> None:
        """Draw pictures in pixels again if the size of a cell has changed."""
        drawing = self.context.drawing
        cell = cell_size() if drawing.is_in_pixels and not self.is_headless else None
        if cell not in (None, drawing.cell):
            self.context.drawing = replace(drawing, cell=cell)
            for view in self.screen.query(PictureView):
                view.on_resize()
            for grid in self.screen.query(ThumbGrid):
                grid.fit()

    # ── keys, themes, commands ───────────────────────────────────────────────

    def key_of(self, name: str) -> str:
        """Return the key for the id of a binding, as it is shown."""
        return self.preferences.key_of(name)

    def get_key_display(self, binding: Binding) -> str:
        """Spell out the enter key: many fonts lack its symbol."""
        if binding.key == "enter" and not binding.key_display:
            return "enter"
        return super().get_key_display(binding)

    def search_themes(self) -> None:
        """Offer all themes, and show each while it is highlighted."""
        self.preferences.start_preview()
        super().search_themes()

    @on(CommandPalette.OptionHighlighted)
    def _preview_theme(self, event: CommandPalette.OptionHighlighted) -> None:
        self.preferences.preview(event)

    @on(CommandPalette.Closed)
    def _end_preview(self, event: CommandPalette.Closed) -> None:
        self.preferences.end_preview(event)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Offer in the command palette what has no key; ``tui.commands`` offers the rest."""
        yield SystemCommand("Tour", "Show what the explorer can do", self.action_tour)
        yield SystemCommand(
            "Name this session",
            "Choose the name that the list of sessions shows",
            self.action_name_session,
        )
        yield SystemCommand(
            "Begin a new session", "Log the next steps separately", self.action_begin_session
        )
        for command in super().get_system_commands(screen):
            if command.title in TEXTUAL_COMMANDS:
                yield command

    def action_help(self) -> None:
        """List the keys of the current screen."""
        from datrnet.tui.screens.help import HelpScreen, keys_of, signs_of

        groups = keys_of(self.screen) + signs_of(self.screen)
        self.push_screen(HelpScreen(groups, self.key_of))

    def action_tour(self) -> None:
        """Show what the explorer can do."""
        from datrnet.tui.screens.help import TourScreen

        self.push_screen(TourScreen(self.key_of), lambda _: remember_start())

    @on(Picked)
    def _quit_with(self, message: Picked) -> None:
        """Quit with the shortlist, or without one with an item."""
        self.picked = self.session.shortlist.codes or (message.code,)
        self.exit()

    # ── updates ──────────────────────────────────────────────────────────────

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer an update where there is one and a screen that can show it; canceling, of work."""
        if action == "cancel_job":
            return self.jobs.shown is not None and not self.screen.is_modal
        if action == "renew":
            return self.updates.update is not None and isinstance(self.screen, ExplorerScreen)
        return super().check_action(action, parameters)

    def action_renew(self) -> None:
        """Show the catalog and the index as they are now."""
        screens = [screen for screen in self.screen_stack if isinstance(screen, ExplorerScreen)]
        if all(screen.can_renew for screen in screens):
            start(self, "renew", self._renew)
        else:
            self.notify("Close this list first: it shows the catalog before the update.", timeout=3)

    async def _renew(self) -> None:
        row_map = await self.updates.renew()
        if row_map is None:
            return
        self.warm_up()
        for screen in self.screen_stack:
            if isinstance(screen, ExplorerScreen):
                await screen.renewed(row_map)
        self.refresh_bindings()
        self.clear_notifications()  # the offer is done with
        self.notify("Updated", timeout=2)

    # ── sessions ─────────────────────────────────────────────────────────────

    def action_resume_last(self) -> None:
        """Return to the queries just left; on their screen, resume the session before."""
        has_left = isinstance(self.screen, BrowseScreen) and self.session.has_steps
        self.resume(CURRENT if has_left else LAST)

    def resume_chosen(self, number: int | None) -> None:
        """Continue the session that was chosen from the list."""
        if number is not None:
            self.resume(str(number))

    def resume(self, name: str) -> None:
        """Continue a session by its number or name."""
        start(self, "session", self._resume, name)

    async def _resume(self, name: str) -> None:
        snapshot, log = self.library.snapshot, self.session
        try:
            with self.jobs.job("Opening the session"):
                saved = await in_thread(self, read_session, snapshot, log, name)
        except DatrnetError as error:
            self.notify(str(error), severity="error")
            return
        self.clear_notifications()  # they were about another session
        await self.back_to_catalog()  # what the screens still log belongs to the one before
        if not self.sessions.resume(saved):
            return
        if saved.trail:
            self.post_message(OpenSubstitutes(saved.trail, is_resumed=True))
        elif saved.shortlist:
            self.action_show_shortlist()

    def action_name_session(self) -> None:
        """Ask for a name of the current session."""
        self.push_screen(Prompt("Session name", value=self.session.name), self.sessions.rename)

    async def action_begin_session(self) -> None:
        """Leave the current session and its screens."""
        await self.back_to_catalog()
        self.sessions.begin()

    def _report_unsaved(self, error: DatabaseError) -> None:
        """Show that a step is not saved; called in the writing thread."""
        message = f"The session is not saved yet. {error}"
        self.call_later(self.notify, message, severity="error")
