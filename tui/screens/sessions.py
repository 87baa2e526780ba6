"""All sessions as a grid: resume, replay, rename, delete, export."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from datrnet.core.errors import DatrnetError
from datrnet.core.sessions.export import SessionSheet, export_session
from datrnet.core.sessions.steps import Step, file_stem, replay, steps_of
from datrnet.core.text import sanitize
from datrnet.db.rows import SessionRow, SessionSummary
from datrnet.tui.context import ExplorerContext, OpenReplay, in_thread, start, start_another
from datrnet.tui.controllers.sessions import SAVE_SECONDS
from datrnet.tui.keymap import key_for
from datrnet.tui.screens.dialogs import FilePrompt, Prompt
from datrnet.tui.widgets.bars import KeyLine, TitleBar, TooSmall
from datrnet.tui.widgets.text import MUTED
from datrnet.tui.widgets.thumb_grid import Listing, ThumbGrid

NUM_EXPORTED = 12
"""Substitutes per step in an export, as `datrnet session export` writes."""

LIST_SECONDS = 2.0
"""Between two looks at what other programs have changed."""


@dataclass(frozen=True, slots=True)
class Details:
    """What the pane shows of a session."""

    session: SessionRow
    steps: tuple[Step, ...]
    shortlist: Sequence[str]


class SessionsScreen(Screen[int | None]):
    """All sessions; returns the number of the one to resume."""

    HELP_TITLE = "Sessions"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "choose", "Resume", id="sessions.resume"),
        Binding("v", "replay", "Replay", id="sessions.replay"),
        Binding("r", "rename", "Rename", id="sessions.rename"),
        Binding("x,delete", "delete", "Delete", key_display="x", id="sessions.delete"),
        Binding("u", "restore", "Restore", id="sessions.undo"),
        Binding("e", "export", "Export", id="sessions.export"),
        Binding("B", "begin_new", "New session", id="sessions.new"),
        Binding("escape,backspace", "back", "Back", id="sessions.back"),
    ]
    AUTO_FOCUS = "ThumbGrid"

    debounce: ClassVar[float] = 0.03

    def __init__(self, context: ExplorerContext) -> None:
        super().__init__()
        self.context, self.library, self.session = context, context.library, context.session
        self._summaries: list[SessionSummary] = []
        self._is_listed = False
        self._details: Details | None = None
        """The session under the cursor, once its steps have been read."""

    def compose(self) -> ComposeResult:
        """A card for each session, and the steps of the one under the cursor."""
        yield TitleBar()
        with Horizontal(id="body"):
            with Vertical(id="middle"):
                glyphs = self.context.drawing.glyphs
                yield ThumbGrid(self.library.thumbnails, glyphs, id="sessions")
            with VerticalScroll(id="session-detail"):
                yield Static(id="session-words", markup=False)
        yield KeyLine()
        yield TooSmall()

    def on_mount(self) -> None:
        """List the sessions."""
        self.query_one(TitleBar).trail = ("Sessions",)
        self.grid.sign = self._sign
        self.reload()
        self.set_interval(LIST_SECONDS, self.reload)

    @property
    def grid(self) -> ThumbGrid:
        """The cards."""
        return self.query_one(ThumbGrid)

    @property
    def summary(self) -> SessionSummary | None:
        """The session under the cursor."""
        return self._summaries[self.grid.cursor] if self._summaries else None

    def show_error(self, error: DatrnetError) -> None:
        """Show an error as a notice."""
        self.notify(sanitize(str(error)), severity="error", markup=False)

    # ── the list ─────────────────────────────────────────────────────────────

    def reload(self) -> None:
        """Read the sessions again."""
        start(self, "sessions", self._reload)

    async def _reload(self) -> None:
        await self._change_and_list(lambda: None)

    def _change(self, change: Callable[[], str | None]) -> None:
        """Change a session in a thread; the change returns what to notify."""
        start_another(self, "changes", self._change_and_list, change)

    async def _change_and_list(self, change: Callable[[], str | None]) -> None:
        def run() -> tuple[str | None, list[SessionSummary]]:
            self.session.wait_until_written(SAVE_SECONDS)
            return change(), self.library.store.session_summaries()

        try:
            message, summaries = await in_thread(self, run)
        except DatrnetError as error:
            self.show_error(error)
            return
        if message:
            self.notify(message, markup=False, timeout=3)
        self._list(summaries)

    def _list(self, summaries: list[SessionSummary]) -> None:
        if self._is_listed and summaries == self._summaries:
            return
        before, self._summaries, self._is_listed = self.summary, summaries, True
        numbers = [summary.id for summary in summaries]
        place = self.grid.cursor
        if before is not None and before.id in numbers:
            place = numbers.index(before.id)
        plural = "" if len(numbers) == 1 else "s"
        self.query_one(TitleBar).facts = f"{len(numbers):,} session{plural}"
        self.grid.show(
            Listing(
                rows=np.array([self._row(summary) for summary in summaries], dtype=np.intp),
                caption=self._caption,
            ),
            cursor=place,
            empty_text="No sessions yet. Searching or shortlisting starts one.",
        )

    def _row(self, summary: SessionSummary) -> int:
        """Return the row of the item viewed last, else of the first on the shortlist.

        Returns:
            -1 if the catalog has none of them.
        """
        try:
            code = str(json.loads(summary.last_request_json or "{}")["item"])
        except (ValueError, KeyError, TypeError):
            code = summary.first_listed or ""
        row = self.library.snapshot.catalog.find_code(code)
        return -1 if row is None else row

    def _caption(self, position: int) -> tuple[str, str]:
        summary = self._summaries[position]
        return summary.name, f"{_counts(summary)}, {_time(summary.updated_at)}"

    def _sign(self, position: int) -> str:
        is_current = self._summaries[position].id == self.session.id
        return "current" if is_current else ""

    # ── the session under the cursor ─────────────────────────────────────────

    @on(ThumbGrid.Highlighted)
    def _show_session(self) -> None:
        summary = self.summary
        text = "" if summary is None else _description(summary, None)
        self.query_one("#session-words", Static).update(text)
        if summary is not None:
            self.set_timer(self.debounce, partial(self._read_details, summary))

    def _read_details(self, summary: SessionSummary) -> None:
        if self.summary is summary:
            start(self, "details", self._show_details, summary)

    async def _show_details(self, session: SessionRow) -> None:
        store = self.library.store
        try:
            details = await in_thread(
                self,
                lambda: Details(session, steps_of(store, session), store.shortlist(session.id)),
            )
        except DatrnetError as error:
            self.show_error(error)
            return
        summary = self.summary
        if summary is not None and summary.id == session.id:
            self._details = details
            self.query_one("#session-words", Static).update(_description(summary, details))

    @on(ThumbGrid.Entered)
    def action_choose(self) -> None:
        """Resume the session under the cursor."""
        if (summary := self.summary) is not None:
            self.dismiss(summary.id)

    def action_replay(self) -> None:
        """Show the steps of the session one by one, searched again in today's index."""
        summary, details = self.summary, self._details
        if summary is None:
            return
        if self.library.snapshot.index_error is not None:
            self.show_error(self.library.snapshot.index_error)
        elif details is None or details.session.id != summary.id or not details.steps:
            self.notify("This session has no steps to replay.", timeout=2)
        else:
            self.post_message(OpenReplay(details.session, details.steps))

    def action_rename(self) -> None:
        """Ask for another name."""
        if (summary := self.summary) is not None:
            session = summary
            prompt = Prompt("Session name", value=session.name)
            self.app.push_screen(prompt, partial(self._rename, session))

    def _rename(self, session: SessionRow, name: str | None) -> None:
        if name is None or name == session.name:
            return
        if session.id == self.session.id:
            self.session.rename(name)
            self.reload()
        else:
            self._change(lambda: self.library.store.rename_session(session.id, name))

    def action_delete(self) -> None:
        """Delete the session under the cursor; it can be restored."""
        if (summary := self.summary) is None:
            return
        session = summary
        if session.id == self.session.id:
            self.session.begin_new()
        self._change(lambda: self.library.store.delete_session(session.id))
        key = key_for(self, "sessions.undo")
        message = f"Deleted “{sanitize(session.name)}” ({_counts(summary)}). {key} restores it."
        self.notify(message, markup=False, timeout=4)

    def action_restore(self) -> None:
        """Restore the session deleted last."""
        self.app.clear_notifications()
        self._change(self._restore)

    def _restore(self) -> str:
        restored = self.library.store.restore_session()
        return (
            "Nothing to restore." if restored is None else f"Restored “{sanitize(restored.name)}”"
        )

    def action_export(self) -> None:
        """Ask for a file, and write the session with the results of each step to it."""
        if (summary := self.summary) is None:
            return
        if self.library.snapshot.index_error is not None:
            self.show_error(self.library.snapshot.index_error)
            return
        session = summary
        prompt = FilePrompt(f"Export “{session.name}” to", file_stem(session.name))
        self.app.push_screen(prompt, partial(self._export_to, session))

    def _export_to(self, session: SessionRow, name: str | None) -> None:
        if name is not None:
            self.notify("Searching for every step again …", timeout=3)
            start_another(self, "export", self._export, session, Path(name))

    async def _export(self, session: SessionRow, path: Path) -> None:
        workspace, store = self.library.workspace, self.library.store
        snapshot = self.library.snapshot
        searcher = snapshot.searcher
        assert searcher is not None

        def export() -> None:
            steps = steps_of(store, session)
            sheet = SessionSheet(
                workspace=workspace,
                catalog=snapshot.catalog,
                session=session,
                steps=replay(workspace, searcher, steps, NUM_EXPORTED),
            )
            export_session(path, sheet)

        try:
            await in_thread(self, export)
        except DatrnetError as error:
            self.show_error(error)
        else:
            self.notify(f"Saved {sanitize(str(path.absolute()))}", markup=False)

    def action_begin_new(self) -> None:
        """Leave the current session; the next step starts another."""
        self.session.begin_new()
        self.notify("The next query starts a new session.", timeout=3)
        self.grid.redraw()

    def action_back(self) -> None:
        """Go back without resuming a session."""
        self.dismiss(None)


def _time(stamp: str) -> str:
    """Return a time in local terms: the hour today, else the day."""
    try:
        moment, today = datetime.fromisoformat(stamp).astimezone(), datetime.now().astimezone()
    except ValueError:
        return stamp
    if moment.date() == today.date():
        return f"{moment:%H:%M}"
    return f"{moment:%d %b}" if moment.year == today.year else f"{moment:%Y-%m-%d}"


def _counts(summary: SessionSummary) -> str:
    steps = f"{summary.num_steps} step{'' if summary.num_steps == 1 else 's'}"
    listed = f"{summary.num_listed} listed" if summary.num_listed else ""
    return ", ".join(filter(None, (steps if summary.num_steps or not listed else "", listed)))


def _description(summary: SessionSummary, details: Details | None) -> Content:
    """Return what is known of a session; with its steps, once they have been read."""
    session = summary
    started, used = _time(session.started_at), _time(session.updated_at)
    parts = [
        (sanitize(session.name), "bold"),
        (f"\nSession {session.id}, started {started}, last used {used}\n", MUTED),
    ]
    if details is not None:
        for step in details.steps:
            parts += [
                (f"\n{step.position:>3}. ", MUTED),
                (f"{sanitize(step.subject)} ", "bold"),
                (f"{sanitize(step.action)}: ", MUTED),
                (sanitize(step.words) or "as it is", ""),
            ]
        if details.shortlist:
            parts += [("\n\nShortlist: ", MUTED), (sanitize(", ".join(details.shortlist)), "")]
    return Content.assemble(*parts)
