"""What the tabs of a review share: finding in a thread, stepping, saving decisions, progress."""

from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import OptionList, Static

from datrnet.core.errors import DatrnetError
from datrnet.core.text import sanitize
from datrnet.tui.context import ExplorerContext, OpenReview, show_from_thread
from datrnet.tui.controllers.review import (
    TABS,
    Did,
    Entry,
    ReviewQueue,
    ReviewSession,
    count_relabeled,
)
from datrnet.tui.keymap import hidden
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.widgets.bars import TabLine, TitleBar, foot

T = TypeVar("T")


class ReviewScreen(ExplorerScreen, Generic[Entry], inherit_bindings=False):
    """A list of findings beside the current one."""

    can_renew = False
    HELP_TITLE = "Review"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("1", "tab(0)", "Doubtful labels", id="review.labels"),
        hidden("2", "tab(1)", "Near-duplicates", id="review.duplicates"),
        hidden("3", "tab(2)", "Gaps in the assortment", id="review.gaps"),
        hidden("4", "tab(3)", "Proposals for missing labels", id="review.proposals"),
        Binding("s,j,down,space", "step(1)", "Skip", key_display="s", id="review.skip"),
        hidden("k,up", "step(-1)", "Previous", id="review.before"),
        hidden("pagedown,ctrl+d,d", "step(10)", "Ten down", id="review.page_down"),
        hidden("pageup,ctrl+u,D", "step(-10)", "Ten up", id="review.page_up"),
        hidden("g,home", "end(0)", "First", id="review.first"),
        hidden("G,end", "end(1)", "Last", id="review.last"),
        hidden("o", "open_picture", "Open picture in viewer", id="review.open_picture"),
        Binding("escape,backspace", "back", "Back", id="review.back"),
    ]

    TAB: ClassVar[int]
    """Its position in ``TABS``."""
    EMPTY_TEXT: ClassVar[str] = ""

    _is_writing = False

    def __init__(self, context: ExplorerContext, review: ReviewSession) -> None:
        """Show a tab.

        Args:
            context: The workspace and the session.
            review: What the tabs share.
        """
        super().__init__(context)
        self.review = review
        self.tab = TABS[self.TAB]
        self.queue: ReviewQueue[Entry] = review.queues[self.TAB]

    @property
    def subject_words(self) -> str:
        """What the queue holds, in a word or two."""
        return self.tab.subject

    @property
    def empty_words(self) -> str:
        """Why there is no finding."""
        return self.EMPTY_TEXT if self.queue.is_loaded else ""

    @abstractmethod
    def line(self, entry: Entry, width: int) -> Content:
        """Return a finding as a line of the list."""

    @abstractmethod
    def question(self, entry: Entry) -> Content:
        """Return what is to be decided, in two lines."""

    @abstractmethod
    def show_case(self, entry: Entry | None) -> None:
        """Show the current finding below the question."""

    @abstractmethod
    def compose_case(self) -> ComposeResult:
        """Yield the widgets beside the list, the question among them."""

    def compose(self) -> ComposeResult:
        """Tabs, the list, and the current finding."""
        yield TitleBar()
        yield TabLine([tab.name for tab in TABS], self.TAB)
        with Horizontal(id="body"):
            yield FindingList(self._draw, id="findings")
            yield from self.compose_case()
        yield Static(id="trouble", markup=False, classes="-untroubled")
        yield from foot()

    def on_mount(self) -> None:
        """Show earlier findings, or compute them."""
        bar = self.query_one(TitleBar)
        bar.trail, bar.num_own = ("Catalog", "Review", self.tab.name), 2
        if self.queue.is_loaded:
            self.write_list()
        else:
            self.reload()

    def reload(self) -> None:
        """Compute the findings; canceling that leaves the screen."""
        snapshot, jobs = self.snapshot, self.context.jobs
        self.query_one(TitleBar).facts = f"{self.tab.busy_text} …"

        def find() -> tuple[Sequence[Any], int]:
            with jobs.job(self.tab.busy_text, self.action_back) as job:
                found = self.tab.find(self.review, snapshot, job.report)
                return found, count_relabeled(snapshot)

        show_from_thread(self, "review", find, self._load, self._show_failure)

    def _load(self, found: tuple[Sequence[Any], int]) -> None:
        entries, self.review.num_relabeled = found
        self.queue.load(entries)
        self.write_list()

    def _show_failure(self, error: DatrnetError) -> None:
        self.show_error(error)
        if not self.queue.is_loaded:
            self.query_one(TitleBar).facts = ""
            self._show_finding()

    def write_list(self) -> None:
        """Write the list, and show the current finding."""
        self.findings.show(len(self.queue.entries))
        self.show_current()

    def _draw(self, position: int, width: int) -> Content:
        return self.line(self.queue.entries[position], width)

    @property
    def findings(self) -> "FindingList":
        """The list."""
        return self.query_one(FindingList)

    # ── the current finding ──────────────────────────────────────────────────

    def show_current(self) -> None:
        """Show the current finding, and which of how many it is."""
        queue = self.queue
        total = len(queue.entries)
        progress = f"{queue.position + 1:,} of {total:,}" if total else "none"
        self.findings.highlighted = queue.position
        self.query_one(TitleBar).facts = f"{self.subject_words} · {progress}"
        self._show_finding()

    def _show_finding(self) -> None:
        entry = self.queue.current
        text = Content(sanitize(self.empty_words)) if entry is None else self.question(entry)
        self.query_one("#question", Static).update(text)
        self.show_case(entry)

    def show_change(self, did: Did, key: Hashable) -> None:
        """Show a decision that was made, undone or redone; after one made, the next finding."""
        if not self.is_attached:
            return
        if self.queue.go_to(key):
            self.rewrite_current()
        if did == "set":
            self.queue.advance()
        self.show_current()

    def rewrite_current(self) -> None:
        """Update the line of the current finding."""
        if self.queue.entries:
            self.findings.redraw(self.queue.position)

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
        if not self.is_free():
            return
        self._is_writing = True

        def end(result: T) -> None:
            self._is_writing = False
            show(result)

        def fail(error: DatrnetError) -> None:
            self._is_writing = False
            self.show_error(error)

        show_from_thread(self.app, "save", change, end, fail, exclusive=False)

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


MARGINS = 3
"""Cells of a line that margins and the scroll bar take."""


class FindingList(OptionList, can_focus=False, inherit_bindings=False):
    """Findings, one a line."""

    def __init__(self, draw: Callable[[int, int], Content], *, id: str) -> None:
        """Start empty.

        Args:
            draw: Returns the line of a finding by its position and width in cells.
            id: The id of the widget.
        """
        super().__init__(id=id, compact=True)
        self._draw = draw

    def show(self, count: int) -> None:
        """Show so many findings."""
        self.set_options([self._line(place) for place in range(count)])

    def redraw(self, place: int) -> None:
        """Write the line of a finding again."""
        self.replace_option_prompt_at_index(place, self._line(place))

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        at = self.highlighted
        self.show(self.option_count)
        self.highlighted = at

    def _line(self, place: int) -> Content:
        return self._draw(place, max(10, self.size.width - MARGINS))
