"""What the tabs of a review share: finding in a thread, stepping, saving decisions, progress."""

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import ClassVar, Generic

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.worker import get_current_worker

from datrnet.core.errors import DatrnetError
from datrnet.core.progress import StepProgress
from datrnet.core.text import inert
from datrnet.tui.library import Library
from datrnet.tui.messages import Found, FoundSoFar, OpenReview, WorkFailed, WriteFailed
from datrnet.tui.review_session import Entry, ReviewQueue, ReviewSession, count_relabeled
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.session_log import SessionLog
from datrnet.tui.snapshot import Snapshot
from datrnet.tui.widgets.key_line import KeyLine
from datrnet.tui.widgets.review_list import ReviewList
from datrnet.tui.widgets.tab_line import TabLine
from datrnet.tui.widgets.title_bar import TitleBar
from datrnet.tui.widgets.too_small import TooSmall

TAB_NAMES = ("Labels", "Duplicates", "Gaps")


class _CancelledError(Exception):
    """The screen no longer waits for these findings."""


class ReviewScreen(ExplorerScreen, Generic[Entry], inherit_bindings=False):
    """A list of findings beside the current one."""

    can_renew = False
    HELP_TITLE = "Review"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "tab(0)", "Doubtful labels", show=False, id="review.labels"),
        Binding("2", "tab(1)", "Near-duplicates", show=False, id="review.duplicates"),
        Binding("3", "tab(2)", "Gaps in the assortment", show=False, id="review.gaps"),
        Binding("s,j,down,space", "step(1)", "Skip", key_display="s", id="review.skip"),
        Binding("k,up", "step(-1)", "Previous", show=False, id="review.before"),
        Binding("pagedown,ctrl+d,d", "step(10)", "Ten down", show=False, id="review.page_down"),
        Binding("pageup,ctrl+u,D", "step(-10)", "Ten up", show=False, id="review.page_up"),
        Binding("g,home", "end(0)", "First", show=False, id="review.first"),
        Binding("G,end", "end(1)", "Last", show=False, id="review.last"),
        Binding("c", "copy_code", "Copy code", show=False, id="review.copy_code"),
        Binding(
            "o", "open_picture", "Open picture in viewer", show=False, id="review.open_picture"
        ),
        Binding("escape,backspace", "back", "Back", id="review.back"),
    ]

    TAB: ClassVar[int]
    """The number of its tab, from 0."""
    BUSY_TEXT: ClassVar[str]
    """What the title says while findings are computed."""

    _is_writing = False

    def __init__(self, library: Library, session: SessionLog, review: ReviewSession) -> None:
        """Show a tab.

        Args:
            library: The open workspace.
            session: Where the screens opened from here log their steps.
            review: What the tabs share.
        """
        super().__init__(library, session)
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
        self._find(self.snapshot)

    @work(thread=True, exclusive=True, group="review")
    def _find(self, snapshot: Snapshot) -> None:
        worker = get_current_worker()

        def report(done: int, total: int) -> None:
            if worker.is_cancelled:
                raise _CancelledError
            self.post_message(FoundSoFar(done, total))

        try:
            found = self.find(snapshot, report)
            message: Found | WorkFailed = Found(found, count_relabeled(snapshot))
        except _CancelledError:
            return
        except DatrnetError as error:
            message = WorkFailed(error)
        if not worker.is_cancelled:
            self.post_message(message)

    @on(FoundSoFar)
    def _show_progress(self, message: FoundSoFar) -> None:
        share = message.done / max(message.total, 1)
        self.query_one(TitleBar).facts = f"{self.BUSY_TEXT} … {share:.0%}"

    @on(Found)
    def _load(self, message: Found) -> None:
        self.review.num_relabeled = message.num_relabeled
        self.queue.load(message.entries)
        self.write_list()

    def write_list(self) -> None:
        """Write the list, and show the current finding."""
        self.query_one(ReviewList).show(len(self.queue.entries), self.queue.position)
        self.show_current()

    @on(WorkFailed)
    def _show_nothing(self) -> None:
        if not self.queue.is_loaded:
            self.query_one(TitleBar).facts = ""
            self.show_case(None)

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

    def write(self, change: Callable[[], Message]) -> None:
        """Change the database in a thread, and post what the change returns.

        Args:
            change: Called in the thread; changes nothing but the database.
        """
        if self.is_free():
            self._is_writing = True
            self.run_worker(partial(self._write, change), thread=True, group="write")

    def _write(self, change: Callable[[], Message]) -> None:
        try:
            message = change()
        except DatrnetError as error:
            message = WriteFailed(error)
        if not self.post_message(message):
            self.app.post_message(message)  # the screen has been closed meanwhile

    def written(self) -> None:
        """Allow the next change."""
        self._is_writing = False

    @on(WriteFailed)
    def _report_failed_write(self, message: WriteFailed) -> None:
        message.stop()
        self.written()
        self.tell(message.error)

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
        notice.update(inert(text))
