"""The explorer: the app that opens a workspace, keeps the session and shows the first screen."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual import events, on, work
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.command import Command, CommandPalette
from textual.message import Message
from textual.screen import Screen

from datrnet.core.configuration.file import SettingsFile, settings_or_defaults
from datrnet.core.configuration.first_start import is_first_start, remember_start
from datrnet.core.data.inert_text import inert
from datrnet.core.data.workspace import Workspace
from datrnet.core.errors import ConfigError, DatabaseError, DatrnetError, SettingError
from datrnet.core.sessions.steps import session_of, steps_of
from datrnet.core.settings import Settings
from datrnet.core.terminal.answers import Terminal
from datrnet.core.terminal.asking import cell_size
from datrnet.core.terminal.drawing import drawing_for
from datrnet.db.store import Store
from datrnet.tui.keymap import Keymap, checked_keymap, entries_with
from datrnet.tui.late_answers import LateAnswers
from datrnet.tui.library import Library
from datrnet.tui.messages import Picked, SessionFound, WorkFailed
from datrnet.tui.resuming import resumed
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.dialogs import Prompt
from datrnet.tui.screens.help_screen import HelpScreen, is_ours, keys_of
from datrnet.tui.screens.sessions import PATIENCE, SessionsScreen
from datrnet.tui.screens.shortlist import ShortlistScreen
from datrnet.tui.screens.substitutes import SubstitutesScreen
from datrnet.tui.screens.tour import TourScreen
from datrnet.tui.session_log import SessionLog
from datrnet.tui.themes import check_theme, own_themes
from datrnet.tui.wants import NOTHING_MORE, Wants
from datrnet.tui.widgets.picture_view import PictureView
from datrnet.tui.widgets.too_small import SMALLEST_HEIGHT, SMALLEST_WIDTH

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
    workspace: Workspace,
    settings: Settings | None = None,
    terminal: Terminal | None = None,
    *,
    settings_trouble: ConfigError | None = None,
    tour: bool | None = None,
    wants: Wants = NOTHING_MORE,
) -> tuple[str, ...] | None:
    """Run the explorer on a workspace until the person leaves.

    Args:
        workspace: Where the catalogue lies.
        settings: How the person wants the explorer; without them, their file is read.
        terminal: What is known of the terminal; without it, pictures are drawn in cells.
        settings_trouble: What was wrong with the settings, to be told.
        tour: Whether to begin with the tour; None leaves it to the settings and the first start.
        wants: What it is opened for, where that is not simply to look around.

    Returns:
        The codes of the items that were picked; None where none were.

    Raises:
        DatabaseError: The workspace has no catalogue, or it cannot be read.
        UnknownNameError: There is no such session, or none of the items given.
    """
    if settings is None:
        settings, settings_trouble = settings_or_defaults()
    if tour is None:
        tour = settings.tour and not wants.picks and is_first_start()
    with workspace.open_store() as store:
        app = ExplorerApp(
            workspace,
            store=store,
            settings=settings,
            settings_trouble=settings_trouble,
            terminal=terminal,
            tour=tour,
            wants=wants,
        )
        app.run()
        return app.picked


class ExplorerApp(App[None]):
    """The explorer."""

    TITLE = "datrnet"
    HELP_TITLE = "Program"
    CSS_PATH = "styles.tcss"
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("L", "show_shortlist", "Show shortlist", id="program.shortlist"),
        Binding("S", "show_sessions", "Sessions", id="program.sessions"),
        Binding("R", "resume_last", "Go on with the last session", show=False, id="program.resume"),
        Binding(
            "colon",
            "command_palette",
            "Commands",
            key_display=":",
            show=False,
            id="program.commands",
        ),
        Binding("question_mark,f1", "help", "Help", key_display="?", id="program.help"),
        Binding("q", "quit", "Quit", id="program.quit"),
    ]

    def __init__(
        self,
        workspace: Workspace,
        *,
        store: Store | None = None,
        settings: Settings | None = None,
        settings_trouble: ConfigError | None = None,
        terminal: Terminal | None = None,
        tour: bool = False,
        wants: Wants = NOTHING_MORE,
    ) -> None:
        """Open the workspace, so that what is wrong with it is said before the screen is taken.

        Args:
            workspace: Where the catalogue lies.
            store: Its open database; without one, it is opened here, and closed at the end.
            settings: How the person wants the explorer.
            settings_trouble: What was wrong with them, to be told.
            terminal: What is known of the terminal.
            tour: Whether to begin with the tour.
            wants: What it is opened for.

        Raises:
            DatabaseError: The workspace has no catalogue, or it cannot be read.
            UnknownNameError: There is no such session, or none of the items given.
        """
        super().__init__()
        self.settings = settings or Settings()
        self._settings_troubles = [] if settings_trouble is None else [settings_trouble]
        self._theme_before: str | None = None
        """The theme to go back to, while another one is only tried."""
        self._with_tour = tour
        self._apply_settings()
        terminal = terminal or Terminal()
        self.drawing = drawing_for(
            self.settings,
            terminal,
            color_system=self.console.color_system,
            no_color=self.no_color,
        )
        self._late_answers = LateAnswers() if terminal.is_late else None
        self._own_store = workspace.open_store() if store is None else None
        opened = store or self._own_store
        assert opened is not None
        if wants.picks:
            self.title = f"{self.TITLE}, enter picks"
        self.picked: tuple[str, ...] | None = None
        self._asked_for = session_of(opened, wants.session) if wants.resumes else None
        self.library = Library(workspace, opened, self.settings.results, wants)
        self.session = SessionLog(opened, self._tell_unwritten, self.library.title_of)
        self.animation_level = "none"

    def on_mount(self) -> None:
        """Show the catalogue."""
        self.push_screen(BrowseScreen(self.library, self.session))
        for trouble in self._settings_troubles:
            self.notify(inert(str(trouble)), severity="warning", markup=False, timeout=20)
        if self._with_tour:
            self.action_tour()
        if self._asked_for is not None:
            self._read_session(self._asked_for.id)
        elif not self.library.wants.picks:
            self._speak_of_last_session()

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

    def key_of(self, name: str) -> str:
        """Return how the key that is in force for the id of a binding is shown."""
        keys = {one.id: one.keys for one in entries_with(self._own_keys)}
        return self.get_key_display(Binding(keys[name][0], ""))

    async def on_event(self, event: events.Event) -> None:
        """Keep answers of the terminal from doing what keys do."""
        late = self._late_answers
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

    # ── sessions ─────────────────────────────────────────────────────────────

    def action_show_shortlist(self) -> None:
        """Show the shortlist."""
        if not isinstance(self.screen, ShortlistScreen):
            self.push_screen(ShortlistScreen(self.library, self.session))

    def action_show_sessions(self) -> None:
        """Show all sessions."""
        if not isinstance(self.screen, SessionsScreen):
            self.push_screen(SessionsScreen(self.library, self.session), self._go_on_with)

    def action_resume_last(self) -> None:
        """Go on with the session that was used last before this one."""
        self._read_session(None)

    def action_name_session(self) -> None:
        """Ask for the name of the session one is in."""
        prompt = Prompt("Name of this session", value=self.session.name)
        self.push_screen(prompt, self._name_session)

    def _name_session(self, name: str | None) -> None:
        if name is not None:
            self.session.rename(name)
            self.notify(f"This session is called {inert(name)}", markup=False, timeout=2)

    def action_begin_session(self) -> None:
        """Leave the session one is in, and the screens of it."""
        self.session.begin_new()
        self._back_to_catalogue()
        self.notify("The next query begins a new session.", timeout=3)

    def _speak_of_last_session(self) -> None:
        summaries = self.library.store.session_summaries()
        if summaries:
            name = inert(summaries[0].session.name)
            key = self.key_of("program.resume")
            self.notify(f"Last session: {name} — {key} goes on with it", markup=False, timeout=6)

    def _go_on_with(self, number: int | None) -> None:
        if number is not None:
            self._read_session(number)

    @work(thread=True, exclusive=True, group="session")
    def _read_session(self, number: int | None) -> None:
        """Read a session; None for the one used last before this one."""
        store = self.library.store
        self.session.wait_until_written(PATIENCE)
        try:
            session = session_of(store, number, other_than=self.session.id)
            steps, shortlist = steps_of(store, session), store.shortlist(session.id)
            read: Message = SessionFound(session, resumed(steps, self.library), shortlist)
        except DatrnetError as error:
            read = WorkFailed(error)
        self.post_message(read)

    @on(WorkFailed)
    def _tell_failure(self, message: WorkFailed) -> None:
        self.notify(inert(str(message.error)), severity="error", markup=False)

    @on(SessionFound)
    def _resume(self, message: SessionFound) -> None:
        """Take a session up where it was left."""
        library, session = self.library, message.session
        self._back_to_catalogue()  # what the screens leave behind still belongs to the one before
        self.session.go_on(session, message.shortlist)
        if library.trouble is not None:
            self.notify(
                inert(f"{library.trouble} Only the shortlist is back."),
                severity="error",
                markup=False,
            )
            return
        back = message.back
        told = f"Going on with {session.name}"
        if back.gone:
            told += f". Gone since then: {', '.join(back.gone[:5])}"
            told += f" and {len(back.gone) - 5} more" if len(back.gone) > 5 else ""
        self.notify(inert(told), markup=False, severity="warning" if back.gone else "information")
        if back.trail:
            self.push_screen(SubstitutesScreen.resuming(library, self.session, back.trail))
        elif len(self.session.shortlist):
            self.action_show_shortlist()

    def _back_to_catalogue(self) -> None:
        while not isinstance(self.screen, BrowseScreen):
            self.pop_screen()

    def on_unmount(self) -> None:
        """Write what is not written yet, and let everything go."""
        self.session.close()
        self.library.thumbnails.close()
        if self._own_store is not None:
            self._own_store.close()

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
        yield from super().get_system_commands(screen)

    def get_key_display(self, binding: Binding) -> str:
        """Name the enter key in letters: its sign is missing from many fonts."""
        if binding.key == "enter" and not binding.key_display:
            return "enter"
        return super().get_key_display(binding)

    def action_help(self) -> None:
        """List the keys that work where one stands."""
        self.push_screen(HelpScreen(keys_of(self.screen), self.key_of))

    def action_tour(self) -> None:
        """Show what the explorer can do."""
        self.push_screen(TourScreen(self.key_of), lambda _: remember_start())

    # ── themes ───────────────────────────────────────────────────────────────

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
            SettingsFile.locate().state(("theme",), self.theme)
        except ConfigError as error:
            said = inert(f"The theme is not kept. {error}")
            self.notify(said, severity="error", markup=False)

    def _tell_unwritten(self, error: DatabaseError) -> None:
        """Say from the writing thread that a step is not in the session."""
        self.call_later(
            self.notify,
            inert(f"The session is not saved yet. {error}"),
            severity="error",
            markup=False,
        )
