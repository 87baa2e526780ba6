"""The sessions of a workspace as a grid: looked at, gone on with, named, deleted, exported."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static
from textual.worker import get_current_worker

from datrnet.core.errors import DatrnetError
from datrnet.core.sessions.export import SessionSheet, export_session
from datrnet.core.sessions.steps import Step, file_stem, replay, steps_of
from datrnet.core.text import inert
from datrnet.db.rows import SessionRow, SessionSummary
from datrnet.tui.keymap import key_for
from datrnet.tui.library import Library
from datrnet.tui.messages import Exported, SessionRead, SessionsListed, WorkFailed
from datrnet.tui.screens.dialogs import Prompt
from datrnet.tui.screens.file_prompt import FilePrompt
from datrnet.tui.screens.replay import ReplayScreen
from datrnet.tui.session_log import SessionLog
from datrnet.tui.snapshot import Snapshot
from datrnet.tui.text_styles import MUTED
from datrnet.tui.widgets.key_line import KeyLine
from datrnet.tui.widgets.thumb_grid import Listing, ThumbGrid
from datrnet.tui.widgets.title_bar import TitleBar
from datrnet.tui.widgets.too_small import TooSmall

EXPORTED_SUBSTITUTES = 12
"""Of each step, as `datrnet session export` writes."""

LIST_EVERY_SECONDS = 2.0
"""Between two looks at what other programs have done to the sessions."""

PATIENCE = 3.0
"""Seconds that a list waits for the last steps to be written."""


class SessionsScreen(Screen[int | None]):
    """All sessions; gives the number of the one to go on with."""

    HELP_TITLE = "Sessions"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "choose", "Go on with it", id="sessions.resume"),
        Binding("v", "replay", "Replay", id="sessions.replay"),
        Binding("r", "rename", "Rename", id="sessions.rename"),
        Binding("x,delete", "delete", "Delete", key_display="x", id="sessions.delete"),
        Binding("u", "bring_back", "Bring back", id="sessions.undo"),
        Binding("e", "export", "Export", id="sessions.export"),
        Binding("B", "begin_new", "Begin a new one", id="sessions.new"),
        Binding("escape,backspace", "back", "Back", id="sessions.back"),
    ]
    AUTO_FOCUS = "ThumbGrid"

    debounce: ClassVar[float] = 0.03

    def __init__(self, library: Library, session: SessionLog) -> None:
        super().__init__()
        self.library = library
        self.session = session
        self._summaries: list[SessionSummary] = []
        self._is_listed = False
        self._read: SessionRead | None = None
        """The session under the cursor, once its steps are there."""

    def compose(self) -> ComposeResult:
        """A card for each session, and the steps of the one under the cursor."""
        yield TitleBar()
        with Horizontal(id="body"):
            with Vertical(id="middle"):
                yield ThumbGrid(self.library.thumbnails, id="sessions")
            with VerticalScroll(id="session-detail"):
                yield Static(id="session-words", markup=False)
        yield KeyLine()
        yield TooSmall()

    def on_mount(self) -> None:
        """List them."""
        self.query_one(TitleBar).trail = ("Sessions",)
        self.grid.sign = self._sign
        self.list_again()
        self.set_interval(LIST_EVERY_SECONDS, self.list_again)

    @property
    def snapshot(self) -> Snapshot:
        """The catalog and index to show."""
        return self.library.snapshot

    @property
    def grid(self) -> ThumbGrid:
        """The cards."""
        return self.query_one(ThumbGrid)

    @property
    def summary(self) -> SessionSummary | None:
        """The session under the cursor."""
        return self._summaries[self.grid.cursor] if self._summaries else None

    # ── the list ─────────────────────────────────────────────────────────────

    @work(thread=True, exclusive=True, group="sessions")
    def list_again(self) -> None:
        """Read the sessions as they are now."""
        self.session.wait_until_written(PATIENCE)
        self._tell_outcome(lambda: SessionsListed(self.library.store.session_summaries()))

    @on(SessionsListed)
    def _show_sessions(self, message: SessionsListed) -> None:
        if self._is_listed and message.summaries == self._summaries:
            return
        before, self._summaries, self._is_listed = self.summary, message.summaries, True
        numbers = [one.session.id for one in self._summaries]
        at = numbers.index(before.session.id) if before and before.session.id in numbers else None
        self.query_one(
            TitleBar
        ).facts = f"{len(numbers):,} session{'' if len(numbers) == 1 else 's'}"
        self.grid.show(
            Listing(
                rows=np.array([self._row(one) for one in self._summaries], dtype=np.intp),
                caption=self._caption,
            ),
            cursor=self.grid.cursor if at is None else at,
            empty_text="No session yet: one begins with the first substitutes or shortlisted item.",
        )

    def _row(self, summary: SessionSummary) -> int:
        """Return the row of the item that was looked at last, else of the first one listed.

        Returns:
            -1 where there is none in the catalogue.
        """
        try:
            code = str(json.loads(summary.last_request_json or "{}")["item"])
        except (ValueError, KeyError, TypeError):
            code = summary.first_listed or ""
        row = self.snapshot.catalog.find_code(code)
        return -1 if row is None else row

    def _caption(self, position: int) -> tuple[str, str]:
        summary = self._summaries[position]
        return summary.session.name, f"{_counted(summary)}, {_moment(summary.session.updated_at)}"

    def _sign(self, position: int) -> str:
        is_this = self._summaries[position].session.id == self.session.id
        return "this one" if is_this else ""

    # ── the session under the cursor ─────────────────────────────────────────

    @on(ThumbGrid.Highlighted)
    def _show_session(self) -> None:
        summary = self.summary
        self.query_one("#session-words", Static).update(
            "" if summary is None else _words(summary, None)
        )
        if summary is not None:
            self.set_timer(self.debounce, partial(self._read_if_still, summary))

    def _read_if_still(self, summary: SessionSummary) -> None:
        if self.summary is summary:
            self._read_steps(summary.session)

    @work(thread=True, exclusive=True, group="steps")
    def _read_steps(self, session: SessionRow) -> None:
        store = self.library.store
        self._tell_outcome(
            lambda: SessionRead(session, steps_of(store, session), store.shortlist(session.id))
        )

    @on(SessionRead)
    def _show_steps(self, message: SessionRead) -> None:
        message.stop()  # it is to be looked at here, not to be gone on with
        summary = self.summary
        if summary is not None and summary.session.id == message.session.id:
            self._read = message
            words = _words(summary, message)
            self.query_one("#session-words", Static).update(words)

    @on(ThumbGrid.Entered)
    def action_choose(self) -> None:
        """Go on with the session under the cursor."""
        if (summary := self.summary) is not None:
            self.dismiss(summary.session.id)

    def action_replay(self) -> None:
        """Show the steps of the session under the cursor one by one, asked of today's index."""
        summary, read = self.summary, self._read
        if summary is None:
            return
        if self.snapshot.index_error is not None:
            self._tell(self.snapshot.index_error)
        elif read is None or read.session.id != summary.session.id or not read.steps:
            self.notify("It has no steps to replay.", timeout=2)
        else:
            self.app.push_screen(ReplayScreen(self.library, self.session, read.session, read.steps))

    def action_rename(self) -> None:
        """Ask for another name."""
        if (summary := self.summary) is not None:
            session = summary.session
            prompt = Prompt("Name of the session", value=session.name)
            self.app.push_screen(prompt, partial(self._rename, session))

    def _rename(self, session: SessionRow, name: str | None) -> None:
        if name is None or name == session.name:
            return
        if session.id == self.session.id:
            self.session.rename(name)
            self.list_again()
        else:
            self._write(partial(self.library.store.rename_session, session.id, name))

    def action_delete(self) -> None:
        """Take the session under the cursor out of the list; it can be brought back."""
        if (summary := self.summary) is None:
            return
        session = summary.session
        if session.id == self.session.id:
            self.session.begin_new()
        self._write(partial(self.library.store.delete_session, session.id))
        key = key_for(self, "sessions.undo")
        told = f"Deleted “{inert(session.name)}” ({_counted(summary)}). {key} brings it back."
        self.notify(told, markup=False, timeout=4)

    def action_bring_back(self) -> None:
        """Bring the session back that was deleted last."""
        self.app.clear_notifications()
        self._write(self._restore)

    def _restore(self) -> None:
        back = self.library.store.restore_session()
        told = "No session is deleted." if back is None else f"“{inert(back.name)}” is back."
        self.app.call_from_thread(self.notify, told, markup=False, timeout=3)

    @work(thread=True, group="sessions")
    def _write(self, change: Callable[[], object]) -> None:
        """Change a session, and list all of them again."""
        self.session.wait_until_written(PATIENCE)

        def changed() -> Message:
            change()
            return SessionsListed(self.library.store.session_summaries())

        self._tell_outcome(changed)

    def action_export(self) -> None:
        """Ask for a file, and write the session with what is found for each step into it."""
        if (summary := self.summary) is None:
            return
        if self.snapshot.index_error is not None:
            self._tell(self.snapshot.index_error)
            return
        session = summary.session
        prompt = FilePrompt(f"Export “{session.name}” to", file_stem(session.name))
        self.app.push_screen(prompt, partial(self._export_to, session))

    def _export_to(self, session: SessionRow, name: str | None) -> None:
        if name is not None:
            self.notify("Asking every step again …", timeout=3)
            self._export(session, Path(name))

    @work(thread=True, group="export")
    def _export(self, session: SessionRow, path: Path) -> None:
        library = self.library

        def exported() -> Message:
            assert library.snapshot.searcher is not None
            steps = steps_of(library.store, session)
            answers = replay(
                library.workspace, library.snapshot.searcher, steps, EXPORTED_SUBSTITUTES
            )
            export_session(
                path,
                SessionSheet(
                    workspace=library.workspace,
                    catalog=library.snapshot.catalog,
                    session=session,
                    steps=answers,
                ),
            )
            return Exported(path)

        self._tell_outcome(exported)

    def _tell_outcome(self, work: Callable[[], Message]) -> None:
        """Do something in a thread, and tell the screen what came of it."""
        worker = get_current_worker()
        try:
            outcome = work()
        except DatrnetError as error:
            outcome = WorkFailed(error)
        if not worker.is_cancelled:
            self.post_message(outcome)

    @on(Exported)
    def _tell_exported(self, message: Exported) -> None:
        self.notify(f"Written: {inert(str(message.path.absolute()))}", markup=False)

    @on(WorkFailed)
    def _tell_failure(self, message: WorkFailed) -> None:
        message.stop()
        self._tell(message.error)

    def _tell(self, error: DatrnetError) -> None:
        self.notify(inert(str(error)), severity="error", markup=False)

    def action_begin_new(self) -> None:
        """Leave the session one is in; the next step begins another."""
        self.session.begin_new()
        self.notify("The next query begins a new session.", timeout=3)
        self.grid.redraw()

    def action_back(self) -> None:
        """Go back without going on with any."""
        self.dismiss(None)


def _moment(stamp: str) -> str:
    """Return a time as a person here reads it: the hour today, else the day."""
    try:
        moment, today = datetime.fromisoformat(stamp).astimezone(), datetime.now().astimezone()
    except ValueError:
        return stamp
    if moment.date() == today.date():
        return f"{moment:%H:%M}"
    return f"{moment:%d %b}" if moment.year == today.year else f"{moment:%Y-%m-%d}"


def _counted(summary: SessionSummary) -> str:
    steps = f"{summary.num_steps} step{'' if summary.num_steps == 1 else 's'}"
    listed = f"{summary.num_listed} listed" if summary.num_listed else ""
    return ", ".join(filter(None, (steps if summary.num_steps or not listed else "", listed)))


def _words(summary: SessionSummary, read: SessionRead | None) -> Content:
    """Return what there is to say about a session; with its steps, once they are read."""
    session = summary.session
    begun, used = _moment(session.started_at), _moment(session.updated_at)
    parts = [
        (inert(session.name), "bold"),
        (f"\nSession {session.id}, begun {begun}, last used {used}\n", MUTED),
    ]
    if read is not None:
        for step in read.steps:
            parts += [("\n", ""), *_step_words(step)]
        if read.shortlist:
            parts += [("\n\nShortlist: ", MUTED), (inert(", ".join(read.shortlist)), "")]
    return Content.assemble(*parts)


def _step_words(step: Step) -> list[tuple[str, str]]:
    return [
        (f"{step.position:>3}. ", MUTED),
        (f"{inert(step.subject)} ", "bold"),
        (f"{inert(step.action)}: ", MUTED),
        (inert(step.words) or "as it is", ""),
    ]
