"""What the three lists of the review share: finding in a thread, stepping, tabs, progress."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.worker import get_current_worker

from datrnet.core.errors import DatrnetError
from datrnet.core.review.duplicates import Progress
from datrnet.core.text import inert
from datrnet.tui.history import Visit
from datrnet.tui.messages import Found, FoundSoFar, WorkFailed
from datrnet.tui.review_desk import MOST, Desk, Entry, Pile
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.screens.substitutes import SubstitutesScreen
from datrnet.tui.session_log import SessionLog
from datrnet.tui.widgets.key_line import KeyLine
from datrnet.tui.widgets.review_list import ReviewList
from datrnet.tui.widgets.tab_line import TabLine
from datrnet.tui.widgets.title_bar import TitleBar
from datrnet.tui.widgets.too_small import TooSmall

if TYPE_CHECKING:
    from collections.abc import Sequence

TAB_NAMES = ("Labels", "Duplicates", "Gaps")


class _AbandonedError(Exception):
    """Nobody waits for these findings any more."""


class ReviewScreen(ExplorerScreen, Generic[Entry], inherit_bindings=False):
    """A list of findings, and the one at hand."""

    can_renew = False
    HELP_TITLE = "Review"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("1", "tab(0)", "Doubted labels", show=False, id="review.labels"),
        Binding("2", "tab(1)", "Near-duplicates", show=False, id="review.duplicates"),
        Binding("3", "tab(2)", "Requests without an answer", show=False, id="review.gaps"),
        Binding("s,j,down,space", "step(1)", "Skip", key_display="s", id="review.skip"),
        Binding("k,up", "step(-1)", "The one before", show=False, id="review.before"),
        Binding("pagedown,ctrl+d,d", "step(10)", "Ten further", show=False, id="review.page_down"),
        Binding("pageup,ctrl+u,D", "step(-10)", "Ten back", show=False, id="review.page_up"),
        Binding("g,home", "end(0)", "The first", show=False, id="review.first"),
        Binding("G,end", "end(1)", "The last", show=False, id="review.last"),
        Binding("c", "copy_code", "Copy code", show=False, id="review.copy_code"),
        Binding(
            "o", "open_picture", "Open picture in its viewer", show=False, id="review.open_picture"
        ),
        Binding("escape,backspace", "back", "Back", id="review.back"),
    ]

    TAB: ClassVar[int]
    """Which of the tabs this is."""
    WHILE_FINDING: ClassVar[str]
    """What is being done, for as long as it takes."""

    def __init__(
        self, desk: Desk, session: SessionLog, tabs: Sequence[type[ReviewScreen[Any]]]
    ) -> None:
        """Sit down at a desk.

        Args:
            desk: What is reviewed, shared with the other tabs.
            session: What the screens reached from here write to.
            tabs: The screens of all tabs, this one's among them.
        """
        super().__init__(desk.library, session)
        self.desk = desk
        self._tabs = tabs

    @property
    @abstractmethod
    def pile(self) -> Pile[Entry]:
        """The findings."""

    @abstractmethod
    def find(self, on_progress: Progress) -> list[Entry]:
        """Return the findings; called from a thread."""

    @abstractmethod
    def line(self, entry: Entry, width: int) -> Content:
        """Return a finding in one line."""

    @abstractmethod
    def show_case(self, entry: Entry | None) -> None:
        """Show the finding at hand, or that there is none."""

    @abstractmethod
    def compose_case(self) -> ComposeResult:
        """Yield what stands beside the list."""

    def compose(self) -> ComposeResult:
        """Tabs, list and case."""
        yield TitleBar()
        yield TabLine(TAB_NAMES, self.TAB)
        with Horizontal(id="body"):
            yield ReviewList(self._draw, id="findings")
            yield from self.compose_case()
        yield Static(id="trouble", markup=False, classes="-untroubled")
        yield KeyLine()
        yield TooSmall()

    def on_mount(self) -> None:
        """Show what was found before, or find it."""
        self.query_one(TitleBar).trail = ("Catalogue", "Review", TAB_NAMES[self.TAB])
        if self.pile.is_found:
            self.write_list()
        else:
            self.seek()

    def seek(self) -> None:
        """Find anew."""
        self.query_one(TitleBar).facts = f"{self.WHILE_FINDING} …"
        self._find()

    @work(thread=True, exclusive=True, group="review")
    def _find(self) -> None:
        worker = get_current_worker()

        def tell(done: int, total: int) -> None:
            if worker.is_cancelled:
                raise _AbandonedError
            self.post_message(FoundSoFar(done, total))

        try:
            message: Found | WorkFailed = Found(self.find(tell))
        except _AbandonedError:
            return
        except DatrnetError as error:
            message = WorkFailed(error)
        if not worker.is_cancelled:
            self.post_message(message)

    @on(FoundSoFar)
    def _show_progress(self, message: FoundSoFar) -> None:
        share = message.done / max(message.total, 1)
        self.query_one(TitleBar).facts = f"{self.WHILE_FINDING} … {share:.0%}"

    @on(Found)
    def _take_found(self, message: Found) -> None:
        self.pile.fill(message.entries)
        self.write_list()

    def write_list(self) -> None:
        """Write the list, and show the one at hand."""
        self.query_one(ReviewList).show(len(self.pile.entries), self.pile.at)
        self.show_current()

    @on(WorkFailed)
    def _show_nothing(self) -> None:
        if not self.pile.is_found:
            self.query_one(TitleBar).facts = ""
            self.show_case(None)

    def _draw(self, place: int, width: int) -> Content:
        return self.line(self.pile.entries[place], width)

    # ── the one at hand ──────────────────────────────────────────────────────

    def show_current(self) -> None:
        """Show the finding at hand and how far one is."""
        pile = self.pile
        pile.look()
        self.query_one(ReviewList).point(pile.at)
        self.query_one(TitleBar).facts = f"{self.which} · {self._progress_words}"
        self.show_case(pile.current)

    @property
    @abstractmethod
    def which(self) -> str:
        """What is in the list, in a word or two."""

    @property
    def _progress_words(self) -> str:
        total = len(self.pile.entries)
        if not total:
            return "nothing to look at"
        first = "the first " if total == MOST else ""
        return f"{self.pile.num_looked:,} of {first}{total:,} looked at"

    def decided(self) -> None:
        """Show what has just been said of the one at hand, and go on to the next."""
        self.rewrite_current()
        self.pile.go_on()
        self.show_current()

    def rewrite_current(self) -> None:
        """Write the line of the one at hand anew."""
        if self.pile.entries:
            self.query_one(ReviewList).redraw(self.pile.at)

    @on(OptionList.OptionSelected, "#findings")
    def _go_to_clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.pile.go(event.option_index)
        self.show_current()

    @on(OptionList.OptionHighlighted, "#findings")
    def _leave_highlight(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()

    def action_step(self, steps: int) -> None:
        """Go on, or back, without a word."""
        if self.pile.entries:
            self.pile.go(self.pile.at + steps)
            self.show_current()

    def action_end(self, last: int) -> None:
        """Go to the first, or the last."""
        self.action_step(len(self.pile.entries) * (1 if last else -1))

    # ── where else to go ─────────────────────────────────────────────────────

    @on(TabLine.Chosen)
    def _open_tab(self, message: TabLine.Chosen) -> None:
        self.action_tab(message.place)

    def action_tab(self, place: int) -> None:
        """Open another list."""
        if place != self.TAB and self.may_leave():
            self.app.switch_screen(self._tabs[place](self.desk, self.session, self._tabs))

    def action_back(self) -> None:
        """Back to the catalogue."""
        if self.may_leave():
            self.dismiss()

    def visit_next(self, visit: Visit) -> None:
        """Show the substitutes of a query."""
        self.app.push_screen(SubstitutesScreen(self.library, self.session, visit))

    def may_leave(self) -> bool:
        """Tell whether nothing is left half done here."""
        return True

    def warn(self, text: str) -> None:
        """Say below what one should know; nothing takes the line away."""
        notice = self.query_one("#trouble", Static)
        notice.set_class(not text, "-untroubled")
        notice.update(inert(text))
