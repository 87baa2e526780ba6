"""What the tabs of a review share: finding in a thread, stepping, saving decisions, progress."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import get_current_worker

from datrnet.core.errors import DatrnetError
from datrnet.core.progress import StepProgress
from datrnet.core.text import sanitize
from datrnet.tui.context import ExplorerContext, OpenReview, in_thread, start, start_another
from datrnet.tui.controllers.review import Entry, ReviewQueue, ReviewSession, count_relabeled
from datrnet.tui.keymap import hidden
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.snapshot import Snapshot
from datrnet.tui.widgets.bars import KeyLine, TabLine, TitleBar, TooSmall

T = TypeVar("T")

TAB_NAMES = ("Labels", "Duplicates", "Gaps")


class _CancelledError(Exception):
    """The screen no longer waits for these findings."""


class ReviewScreen(ExplorerScreen, Generic[Entry], inherit_bindings=False):
    """A list of findings beside the current one."""

    can_renew = False
    HELP_TITLE = "Review"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("1", "tab(0)", "Doubtful labels", id="review.labels"),
        hidden("2", "tab(1)", "Near-duplicates", id="review.duplicates"),
        hidden("3", "tab(2)", "Gaps in the assortment", id="review.gaps"),
        Binding("s,j,down,space", "step(1)", "Skip", key_display="s", id="review.skip"),
        hidden("k,up", "step(-1)", "Previous", id="review.before"),
        hidden("pagedown,ctrl+d,d", "step(10)", "Ten down", id="review.page_down"),
        hidden("pageup,ctrl+u,D", "step(-10)", "Ten up", id="review.page_up"),
        hidden("g,home", "end(0)", "First", id="review.first"),
        hidden("G,end", "end(1)", "Last", id="review.last"),
        hidden("c", "copy_code", "Copy id", id="review.copy_code"),
        hidden("o", "open_picture", "Open picture in viewer", id="review.open_picture"),
        Binding("escape,backspace", "back", "Back", id="review.back"),
    ]

    TAB: ClassVar[int]
    """The number of its tab, from 0."""
    BUSY_TEXT: ClassVar[str]
    """What the title says while findings are computed."""

    _is_writing = False

    def __init__(self, context: ExplorerContext, review: ReviewSession) -> None:
        """Show a tab.

        Args:
            context: The workspace and the session.
            review: What the tabs share.
        """
        super().__init__(context)
        self.review = review

    @property
    @abstractmethod
    def queue(self) -> ReviewQueue[Entry]:
        """The findings."""

    @property
    @abstractmethod
    def subject_words(self) -> str:
        """What the queue holds, in a word or two."""

    @abstractmethod
    def find(self, snapshot: Snapshot, on_progress: StepProgress) -> list[Entry]:
        """Return the findings; called in a thread."""

    @abstractmethod
    def line(self, entry: Entry, width: int) -> Content:
        """Return a finding as a line of the list."""

    @abstractmethod
    def show_case(self, entry: Entry | None) -> None:
        """Show the current finding, or that there is none."""

    @abstractmethod
    def compose_case(self) -> ComposeResult:
        """Yield the widgets beside the list."""

    def compose(self) -> ComposeResult:
        """Tabs, the list, and the current finding."""
        yield TitleBar()
        yield TabLine(TAB_NAMES, self.TAB)
        with Horizontal(id="body"):
            yield ReviewList(self._draw, id="findings")
            yield from self.compose_case()
        yield Static(id="trouble", markup=False, classes="-untroubled")
        yield KeyLine()
        yield TooSmall()

    def on_mount(self) -> None:
        """Show earlier findings, or compute them."""
        self.query_one(TitleBar).trail = ("Catalog", "Review", TAB_NAMES[self.TAB])
        if self.queue.is_loaded:
            self.write_list()
        else:
            self.reload()

    def reload(self) -> None:
        """Compute the findings."""
        self.query_one(TitleBar).facts = f"{self.BUSY_TEXT} …"
        start(self, "review", self._find)

    async def _find(self) -> None:
        snapshot, worker = self.snapshot, get_current_worker()

        def report(done: int, total: int) -> None:
            if worker.is_cancelled:
                raise _CancelledError
            self.call_later(self._show_progress, done, total)

        def find() -> tuple[list[Entry], int]:
            return self.find(snapshot, report), count_relabeled(snapshot)

        try:
            entries, self.review.num_relabeled = await in_thread(self, find)
        except DatrnetError as error:
            self.show_error(error)
            if not self.queue.is_loaded:
                self.query_one(TitleBar).facts = ""
                self.show_case(None)
            return
        self.queue.load(entries)
        self.write_list()

    def _show_progress(self, done: int, total: int) -> None:
        share = done / max(total, 1)
        self.query_one(TitleBar).facts = f"{self.BUSY_TEXT} … {share:.0%}"

    def write_list(self) -> None:
        """Write the list, and show the current finding."""
        self.query_one(ReviewList).show(len(self.queue.entries), self.queue.position)
        self.show_current()

    def _draw(self, position: int, width: int) -> Content:
        return self.line(self.queue.entries[position], width)

    # ── the current finding ──────────────────────────────────────────────────

    def show_current(self) -> None:
        """Show the current finding and the progress of the review."""
        queue = self.queue
        queue.mark_seen()
        total = len(queue.entries)
        progress = f"{queue.num_seen:,} of {total:,}" if total else "none"
        self.query_one(ReviewList).point(queue.position)
        self.query_one(TitleBar).facts = f"{self.subject_words} · {progress}"
        self.show_case(queue.current)

    def show_decision(self) -> None:
        """Show the decision just made, and go to the next finding."""
        self.rewrite_current()
        self.queue.advance()
        self.show_current()

    def rewrite_current(self) -> None:
        """Update the line of the current finding."""
        if self.queue.entries:
            self.query_one(ReviewList).redraw(self.queue.position)

    @on(OptionList.OptionSelected, "#findings")
    def _go_to_clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.queue.go(event.option_index)
        self.show_current()

    @on(OptionList.OptionHighlighted, "#findings")
    def _ignore_highlight(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()

    def action_step(self, steps: int) -> None:
        """Move without a decision."""
        if self.queue.entries:
            self.queue.go(self.queue.position + steps)
            self.show_current()

    def action_end(self, last: int) -> None:
        """Go to the first finding, or to the last."""
        self.action_step(len(self.queue.entries) * (1 if last else -1))

    # ── saving ───────────────────────────────────────────────────────────────

    def write(self, change: Callable[[], T], show: Callable[[T], None]) -> None:
        """Change the database in a thread, even if the screen is closed meanwhile.

        Args:
            change: Called in the thread; changes nothing but the database.
            show: Called with its result; the screen may have been closed.
        """
        if self.is_free():
            self._is_writing = True
            start_another(self.app, "save", self._write, change, show)

    async def _write(self, change: Callable[[], T], show: Callable[[T], None]) -> None:
        try:
            result = await asyncio.to_thread(change)
        except DatrnetError as error:
            self.show_error(error)
        else:
            show(result)
        finally:
            self._is_writing = False

    def is_free(self) -> bool:
        """Return whether everything is saved; if not, say so."""
        if self._is_writing:
            self.notify("Still saving …", timeout=2)
        return not self._is_writing

    # ── other screens ────────────────────────────────────────────────────────

    @on(TabLine.Chosen)
    def _open_tab(self, message: TabLine.Chosen) -> None:
        self.action_tab(message.place)

    def action_tab(self, place: int) -> None:
        """Open another tab."""
        if place != self.TAB and self.is_free():
            self.post_message(OpenReview(self.review, place))

    def action_back(self) -> None:
        """Go back to the catalog."""
        if self.is_free():
            self.dismiss()

    def warn(self, text: str) -> None:
        """Show a lasting warning below the list; none for empty text."""
        notice = self.query_one("#trouble", Static)
        notice.set_class(not text, "-untroubled")
        notice.update(sanitize(text))


Draw = Callable[[int, int], Content]
"""Gives the line of a finding, by its place, in so many cells."""

BESIDES = 3
"""Cells of a line that margins and the scroll bar take."""


class ReviewList(OptionList, can_focus=False, inherit_bindings=False):
    """Findings, one a line."""

    BINDINGS: ClassVar[list[BindingType]] = []

    def __init__(self, draw: Draw, *, id: str) -> None:
        super().__init__(id=id, compact=True)
        self._draw = draw
        self._at = 0

    def show(self, count: int, at: int) -> None:
        """Show so many findings, with the cursor on one of them."""
        self._at = at
        self.set_options([Option(self._draw(place, self._room)) for place in range(count)])
        self.point(at)

    def redraw(self, place: int) -> None:
        """Write the line of a finding again."""
        self.replace_option_prompt_at_index(place, self._draw(place, self._room))

    def point(self, at: int) -> None:
        """Put the cursor on one of them."""
        self._at = at
        self.highlighted = at if self.option_count else None

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self.show(self.option_count, self._at)

    @property
    def _room(self) -> int:
        return max(10, self.size.width - BESIDES)
