"""The part of the app that knows sessions: listed, named, left, gone on with; and the shortlist.

Screens are loaded when they are opened, or a moment after the first page (``AppWithNews.warm_up``).
"""

from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.message import Message

from datrnet.core.errors import DatabaseError, DatrnetError
from datrnet.core.sessions.steps import LAST, session_of, steps_of
from datrnet.core.text import inert
from datrnet.tui.app_settings import AppWithSettings
from datrnet.tui.library import Library
from datrnet.tui.messages import LastSessionFound, OpenSubstitutes, SessionFound, WorkFailed
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.dialogs import Prompt
from datrnet.tui.session_log import SessionLog

OWN = "own"
"""Names the session that one is in."""


class AppWithSessions(AppWithSettings):
    """An app that keeps what a person does."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("L", "show_shortlist", "Show shortlist", id="program.shortlist"),
        Binding("S", "show_sessions", "Sessions", id="program.sessions"),
        Binding("R", "resume_last", "Go on with the last session", show=False, id="program.resume"),
    ]

    library: Library
    session: SessionLog

    def action_show_shortlist(self) -> None:
        """Show the shortlist."""
        from datrnet.tui.screens.shortlist import ShortlistScreen

        if not isinstance(self.screen, ShortlistScreen):
            self.push_screen(ShortlistScreen(self.library, self.session))

    def action_show_sessions(self) -> None:
        """Show all sessions."""
        from datrnet.tui.screens.sessions import SessionsScreen

        if not isinstance(self.screen, SessionsScreen):
            self.push_screen(SessionsScreen(self.library, self.session), self._go_on_with_chosen)

    def action_resume_last(self) -> None:
        """Go on where the queries were left; while one looks at them, with the session before."""
        is_left = isinstance(self.screen, BrowseScreen) and self.session.has_steps
        self.go_on_with(OWN if is_left else LAST)

    def action_name_session(self) -> None:
        """Ask for the name of the session one is in."""
        prompt = Prompt("Name of this session", value=self.session.name)
        self.push_screen(prompt, self._name_session)

    def _name_session(self, name: str | None) -> None:
        if name is not None:
            self.session.rename(name)
            self.notify(f"This session is called {inert(name)}", markup=False, timeout=2)

    async def action_begin_session(self) -> None:
        """Leave the session one is in, and the screens of it."""
        await self._back_to_catalogue()
        self.session.begin_new()
        self.notify("The next query begins a new session.", timeout=3)

    @work(thread=True, group="last-session")
    def speak_of_last_session(self) -> None:
        """Say how to go on with the session used last, where there is one."""
        try:
            summaries = self.library.store.session_summaries()
        except DatabaseError:
            return  # in use just now: the list of sessions will tell
        if summaries:
            self.post_message(LastSessionFound(summaries[0].session))

    @on(LastSessionFound)
    def _offer_last_session(self, message: LastSessionFound) -> None:
        name, key = inert(message.session.name), self.key_of("program.resume")
        self.notify(f"Last session: {name} — {key} goes on with it", markup=False, timeout=6)

    def _go_on_with_chosen(self, number: int | None) -> None:
        if number is not None:
            self.go_on_with(str(number))

    @work(thread=True, exclusive=True, group="session")
    def go_on_with(self, wanted: str) -> None:
        """Read a session and take it up.

        Args:
            wanted: Its number; `LAST` is the one used last before this one, `OWN` is this one.
        """
        from datrnet.tui.resuming import resumed
        from datrnet.tui.screens.sessions import PATIENCE

        store = self.library.store
        self.session.wait_until_written(PATIENCE)
        try:
            wanted = str(self.session.id) if wanted == OWN else wanted
            session = session_of(store, wanted, other_than=self.session.id)
            steps, shortlist = steps_of(store, session), store.shortlist(session.id)
            back = resumed(steps, self.library, store.result_position(session.id))
            read: Message = SessionFound(session, back, shortlist)
        except DatrnetError as error:
            read = WorkFailed(error)
        self.post_message(read)

    @on(SessionFound)
    async def _resume(self, message: SessionFound) -> None:
        """Take a session up where it was left."""
        library, session = self.library, message.session
        self.clear_notifications()  # what was said of another session, or offered, is past
        # what the screens leave behind still belongs to the one before
        await self._back_to_catalogue()
        back = message.back
        self.session.go_on(session, message.shortlist, has_steps=bool(back.trail))
        if library.snapshot.index_error is not None:
            self.notify(
                inert(f"{library.snapshot.index_error} Only the shortlist is back."),
                severity="error",
                markup=False,
            )
            return
        told = f"Going on with {session.name}"
        if back.gone:
            told += f". Gone since then: {', '.join(back.gone[:5])}"
            told += f" and {len(back.gone) - 5} more" if len(back.gone) > 5 else ""
        self.notify(inert(told), markup=False, severity="warning" if back.gone else "information")
        if back.trail:
            self.post_message(OpenSubstitutes(tuple(back.trail), is_resumed=True))
        elif len(self.session.shortlist):
            self.action_show_shortlist()

    async def _back_to_catalogue(self) -> None:
        while not isinstance(self.screen, BrowseScreen):
            await self.pop_screen()
