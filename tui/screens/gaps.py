"""Requests without an answer: what no item is, how much it is missed, and what comes nearest."""

from collections.abc import Hashable
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static
from textual.worker import get_current_worker

from datrnet.core.review.duplicates import Progress
from datrnet.core.review.gaps import Gap, stopgap_of
from datrnet.core.text import inert
from datrnet.tui.fitting import fitted
from datrnet.tui.history import History, Visit
from datrnet.tui.messages import StopgapFound
from datrnet.tui.review_desk import Pile
from datrnet.tui.screens.review_screen import ReviewScreen
from datrnet.tui.text_styles import MUTED
from datrnet.tui.widgets.picture_view import PictureView

SIDES = ("asked", "nearest")
NUMBER_WIDTH = 9


class GapsScreen(ReviewScreen[Gap]):
    """A table of gaps, and of the one at hand the request that comes nearest."""

    HELP_TITLE = "Requests without an answer"
    TAB = 2
    WHILE_FINDING = "Looking for gaps"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "ask", "Ask for it", key_display="enter", id="gaps.ask"),
    ]

    _is_awaited = False
    """Whether the request at hand is to be asked as soon as it is known."""

    @property
    def pile(self) -> Pile[Gap]:
        """The gaps."""
        return self.desk.gaps

    @property
    def which(self) -> str:
        """What is in the list."""
        return "gaps"

    @property
    def row(self) -> int | None:
        """The item that would be asked with."""
        entry = self.pile.current
        stopgap = None if entry is None else self.desk.stopgaps.get(entry.wanted)
        return None if stopgap is None else stopgap.row

    def find(self, on_progress: Progress) -> list[Gap]:
        """Count which values never come together."""
        return self.desk.find_gaps()

    def compose_case(self) -> ComposeResult:
        """The question over the item asked with and the nearest one."""
        with Vertical(id="case"):
            yield Static(id="question", markup=False)
            with Horizontal(id="sides"):
                for side in SIDES:
                    with Vertical(classes="side"):
                        yield Static(id=f"{side}-name", classes="side-name", markup=False)
                        yield PictureView(id=f"{side}-picture")

    def line(self, entry: Gap, width: int) -> Content:
        """Return what is wanted, and by how much it is missed."""
        asked = f"asked {entry.sessions}×" if entry.sessions else f"≈ {entry.expected:,.0f}"
        values = " + ".join(inert(value) for _, value in entry.wanted)
        room = max(4, width - NUMBER_WIDTH)
        return Content.assemble(fitted(values, room), (f"{asked:>{NUMBER_WIDTH}}", MUTED))

    def show_case(self, entry: Gap | None) -> None:
        """Show the gap, and look for what comes nearest."""
        self._is_awaited = False
        self.query_one("#question", Static).update(self._question(entry))
        if entry is not None and entry.wanted not in self.desk.stopgaps:
            self._find_stopgap(entry)
        self._show_sides(entry)

    def _question(self, entry: Gap | None) -> Content:
        if entry is None:
            return Content("All that is popular is there." if self.pile.is_found else "")
        wanted = ", ".join(f"{inert(name)} {inert(value)}" for name, value in entry.wanted)
        counts = dict(entry.wanted)
        popular = ", ".join(
            f"{number:,} are {inert(counts[name])}" for name, number in entry.counts.items()
        )
        sessions = "1 session" if entry.sessions == 1 else f"{entry.sessions:,} sessions"
        asked = f"\n{sessions} asked for it in vain." if entry.sessions else ""
        return Content.assemble(
            "No item is ",
            (wanted, "bold $text-accent"),
            "\n",
            (
                f"{popular}; spread evenly, {entry.expected:,.0f} would be so.{asked}",
                MUTED,
            ),
        )

    @work(thread=True, exclusive=True, group="stopgap")
    def _find_stopgap(self, entry: Gap) -> None:
        worker, searcher = get_current_worker(), self.library.searcher
        self.desk.stopgaps[entry.wanted] = None if searcher is None else stopgap_of(searcher, entry)
        if not worker.is_cancelled:
            self.post_message(StopgapFound(entry.wanted))

    @on(StopgapFound)
    def _show_stopgap(self, message: StopgapFound) -> None:
        entry = self.pile.current
        if entry is not None and message.wanted == entry.wanted:
            self._show_sides(entry)
            if self._is_awaited:
                self.action_ask()

    def _show_sides(self, entry: Gap | None) -> None:
        key: Hashable = None if entry is None else entry.wanted
        is_known, stopgap = key in self.desk.stopgaps, self.desk.stopgaps.get(key)
        nearest = None if stopgap is None else stopgap.nearest
        rows = (
            None if stopgap is None else stopgap.row,
            None if nearest is None else nearest.row,
        )
        headings = (
            "asked with",
            "nearest" if nearest is None else f"nearest, {nearest.distance:.2f}",
        )
        for side, row, heading in zip(SIDES, rows, headings, strict=True):
            self.show_picture(self.query_one(f"#{side}-picture", PictureView), row)
            name = self.query_one(f"#{side}-name", Static)
            if row is not None:
                name.update(self._heading(heading, row))
            else:
                name.update("Nothing comes near." if is_known and entry is not None else "")

    def _heading(self, heading: str, row: int) -> Content:
        catalog = self.library.catalog
        return Content.assemble(
            (f"{heading}  ", "$text-accent"),
            (inert(catalog.codes[row]), "bold"),
            f"\n{inert(catalog.titles[row])}",
        )

    def action_ask(self) -> None:
        """Ask for it, and see what comes nearest."""
        if self.library.trouble is not None:
            self.tell(self.library.trouble)
            return
        entry = self.pile.current
        if entry is None:
            return
        self._is_awaited = entry.wanted not in self.desk.stopgaps
        if self._is_awaited:
            return  # it is being looked for, and opens when it is there
        stopgap = self.desk.stopgaps[entry.wanted]
        if stopgap is None or stopgap.nearest is None:
            self.notify("The index has nothing to answer this with.", timeout=3)
            return
        history = History()
        history.propose(stopgap.changes)
        history.settle()
        self.visit_next(Visit(self.library.query_of(stopgap.row), history))
