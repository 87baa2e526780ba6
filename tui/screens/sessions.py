"""All sessions as a grid: resume, replay, rename, delete, export; and a session step by step."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from datrnet.core.sessions.export import SessionSheet, export_session
from datrnet.core.sessions.steps import ReplayedStep, Step, file_stem, replay, steps_of
from datrnet.core.text import sanitize
from datrnet.db.rows import SessionRow, SessionSummary
from datrnet.tui.context import ExplorerContext, OpenReplay, show_from_thread
from datrnet.tui.controllers.sessions import SAVE_SECONDS
from datrnet.tui.keymap import key_for
from datrnet.tui.match_words import card_words
from datrnet.tui.screens.dialogs import Prompt, export_from
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.screens.menus import open_menu
from datrnet.tui.widgets.bars import TitleBar, framed
from datrnet.tui.widgets.detail_pane import DetailPane
from datrnet.tui.widgets.text import MUTED
from datrnet.tui.widgets.thumb_grid import EMPTY, Listing, ThumbGrid

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
        Binding("e,E", "export", "Export", key_display="e", id="sessions.export"),
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
        grid = ThumbGrid(self.library.thumbnails, lambda: self.context.drawing, id="sessions")
        words = Static(id="session-words", markup=False)
        yield from framed(Vertical(grid, id="middle"), VerticalScroll(words, id="session-detail"))

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
    def text_to_copy(self) -> str:
        """The name of the session under the cursor."""
        return "" if self.summary is None else self.summary.name

    def on_click(self, event: events.Click) -> None:
        """Open a menu with the right button."""
        open_menu(self, event)

    @property
    def summary(self) -> SessionSummary | None:
        """The session under the cursor."""
        return self._summaries[self.grid.cursor] if self._summaries else None

    def _show_index_error(self) -> None:
        error = sanitize(str(self.library.snapshot.index_error))
        self.notify(error, severity="error", markup=False)

    # ── the list ─────────────────────────────────────────────────────────────

    def reload(self) -> None:
        """Read the sessions again."""
        self._change(lambda: None, "sessions", exclusive=True)

    def _change(
        self, change: Callable[[], str | None], group: str = "changes", *, exclusive: bool = False
    ) -> None:
        """Change a session in a thread; the change returns what to notify."""

        def run() -> tuple[str | None, list[SessionSummary]]:
            self.session.wait_until_written(SAVE_SECONDS)
            return change(), self.library.store.session_summaries()

        show_from_thread(self, group, run, self._list, exclusive=exclusive)

    def _list(self, found: tuple[str | None, list[SessionSummary]]) -> None:
        message, summaries = found
        if message:
            self.notify(message, markup=False, timeout=3)
        if self._is_listed and summaries == self._summaries:
            return
        before, self._summaries, self._is_listed = self.summary, summaries, True
        numbers = [summary.id for summary in summaries]
        place = self.grid.cursor
        if before is not None and before.id in numbers:
            place = numbers.index(before.id)
        self.query_one(TitleBar).facts = _counted(len(numbers), "session")
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
        store = self.library.store

        def read() -> Details:
            return Details(summary, steps_of(store, summary), store.shortlist(summary.id))

        if self.summary is summary:
            show_from_thread(self, "details", read, self._show_details)

    def _show_details(self, details: Details) -> None:
        summary = self.summary
        if summary is not None and summary.id == details.session.id:
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
        if self.library.snapshot.searcher is None:
            self._show_index_error()
        elif details is None or details.session.id != summary.id or not details.steps:
            self.notify("This session has no steps to replay.", timeout=2)
        else:
            self.post_message(OpenReplay(details.session, details.steps))

    def action_rename(self) -> None:
        """Ask for another name."""
        if (session := self.summary) is not None:
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
        if (session := self.summary) is None:
            return
        if session.id == self.session.id:
            self.session.begin_new()
        self._change(lambda: self.library.store.delete_session(session.id))
        key = key_for(self, "sessions.undo")
        message = f"Deleted “{sanitize(session.name)}” ({_counts(session)}). {key} restores it."
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
        session, snapshot = self.summary, self.library.snapshot
        if session is None:
            return
        if (searcher := snapshot.searcher) is None:
            self._show_index_error()
            return
        workspace, store = self.library.workspace, self.library.store

        def write(path: Path) -> None:
            with self.context.jobs.job("Searching for every step again") as job:
                steps = replay(
                    workspace, searcher, steps_of(store, session), NUM_EXPORTED, job.report
                )
            sheet = SessionSheet(
                workspace=workspace, catalog=snapshot.catalog, session=session, steps=steps
            )
            export_session(path, sheet)

        question, stem = f"Export “{session.name}” to", file_stem(session.name)
        export_from(self, question, stem, write)

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
    listed = [f"{summary.num_listed} listed"] if summary.num_listed else []
    steps = [_counted(summary.num_steps, "step")] if summary.num_steps or not listed else []
    return ", ".join(steps + listed)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _description(summary: SessionSummary, details: Details | None) -> Content:
    """Return what is known of a session; with its steps, once they have been read."""
    started, used = _time(summary.started_at), _time(summary.updated_at)
    parts = [
        (sanitize(summary.name), "bold"),
        (f"\nSession {summary.id}, started {started}, last used {used}\n", MUTED),
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


# ── replay ───────────────────────────────────────────────────────────────────


class ReplayScreen(ExplorerScreen):
    """The results of a step, and the way to the next."""

    can_renew = False
    HELP_TITLE = "Replay"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right_square_bracket", "go(1)", "Next step", key_display="n", id="replay.next"),
        Binding(
            "N,left_square_bracket",
            "go(-1)",
            "Previous step",
            key_display="N",
            id="replay.previous",
        ),
        Binding("s", "substitutes", "Substitutes", id="replay.substitutes"),
        Binding("escape,backspace", "back", "Back", id="replay.back"),
    ]
    AUTO_FOCUS = "ThumbGrid"

    def __init__(
        self, context: ExplorerContext, session: SessionRow, steps: Sequence[Step]
    ) -> None:
        """Start with the first step.

        Args:
            context: The workspace and the current session, to which a replay adds nothing.
            session: The session to show.
            steps: Its steps, at least one.
        """
        super().__init__(context)
        self._session_name, self._steps = session.name, steps
        self._position = 0
        self._answer: ReplayedStep | None = None

    def compose(self) -> ComposeResult:
        """The results, and the item under the cursor."""
        yield from framed(Vertical(self.new_grid("replay"), id="middle"), DetailPane(id="detail"))

    def on_mount(self) -> None:
        """Search for the first step."""
        self._search()

    def action_go(self, steps: int) -> None:
        """Go to the next step, or to the previous one."""
        position = self._position + steps
        if 0 <= position < len(self._steps):
            self._position = position
            self._search()
        else:
            self.notify("That was the last step." if steps > 0 else "This is the first step.")

    def _search(self) -> None:
        searcher, number = self.snapshot.searcher, self.library.num_substitutes
        workspace, steps = self.library.workspace, (self._steps[self._position],)
        assert searcher is not None
        show_from_thread(
            self, "replay", lambda: replay(workspace, searcher, steps, number)[0], self._show
        )

    def _show(self, answer: ReplayedStep) -> None:
        step, found, bar = answer.step, answer.substitutes, self.query_one(TitleBar)
        bar.trail = (
            self._session_name,
            f"{step.action}: {step.subject} {answer.title}, {step.words or 'as it is'}",
        )
        bar.facts = f"step {self._position + 1} of {len(self._steps)}"
        self._answer = answer
        if answer.problem:
            self.grid.show(EMPTY, empty_text=answer.problem)
            return
        self.grid.show(
            Listing(
                rows=np.array([result.row for result in found], dtype=np.intp),
                caption=lambda at: (found[at].title, card_words(found[at], self.grid.page.size)),
            ),
            empty_text="No results.",
        )

    @on(ThumbGrid.Highlighted)
    def _show_item(self) -> None:
        row, subject = self.grid.row, None
        if row is not None and self._answer is not None:
            result = self._answer.substitutes[self.grid.cursor]
            subject = replace(self.subject(row), labels=result.label_texts, substitute=result)
        self.detail.show(subject)
        self.show_picture(self.detail.picture, row)

    def action_back(self) -> None:
        """Go back to the sessions."""
        self.dismiss()
