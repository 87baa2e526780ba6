"""Gaps in the assortment: combinations that no item has, the demand, and the closest match."""

from collections.abc import Hashable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from datrnet.core.progress import StepProgress
from datrnet.core.retrieval.search import Searcher
from datrnet.core.review.unmet_requests import UnmetRequest, closest_match
from datrnet.core.text import sanitize
from datrnet.tui.context import in_thread, start
from datrnet.tui.controllers.review import ReviewQueue, find_gaps
from datrnet.tui.history import History
from datrnet.tui.screens.review_screen import ReviewScreen
from datrnet.tui.snapshot import Snapshot
from datrnet.tui.state import QueryState, Visit
from datrnet.tui.widgets.picture_view import PictureView
from datrnet.tui.widgets.text import MUTED, fitted

SIDES = ("asked", "nearest")
NUMBER_WIDTH = 9


class GapsScreen(ReviewScreen[UnmetRequest]):
    """A table of gaps, and the search that comes closest to the current gap."""

    HELP_TITLE = "Gaps in the assortment"
    TAB = 2
    BUSY_TEXT = "Looking for gaps"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "search", "Search for it", key_display="enter", id="gaps.ask"),
    ]

    _opens_when_found = False
    """Whether to open the search as soon as the closest match is known."""

    @property
    def queue(self) -> ReviewQueue[UnmetRequest]:
        """The gaps."""
        return self.review.gaps

    @property
    def subject_words(self) -> str:
        """What the queue holds."""
        return "gaps"

    @property
    def row(self) -> int | None:
        """The item to search with."""
        entry = self.queue.current
        closest = None if entry is None else self.review.closest.get(entry.wanted)
        return None if closest is None else closest.row

    def find(self, snapshot: Snapshot, on_progress: StepProgress) -> list[UnmetRequest]:
        """Count which popular values never occur together."""
        return find_gaps(snapshot)

    def compose_case(self) -> ComposeResult:
        """The gap, above the item to search with and the closest match."""
        with Vertical(id="case"):
            yield Static(id="question", markup=False)
            with Horizontal(id="sides"):
                for side in SIDES:
                    with Vertical(classes="side"):
                        yield Static(id=f"{side}-name", classes="side-name", markup=False)
                        yield PictureView(id=f"{side}-picture")

    def line(self, entry: UnmetRequest, width: int) -> Content:
        """Return the combination, and how often it was searched for or would be expected."""
        demand = f"asked {entry.sessions}×" if entry.sessions else f"≈ {entry.expected:,.0f}"
        values = " + ".join(sanitize(value) for _, value in entry.wanted)
        room = max(4, width - NUMBER_WIDTH)
        return Content.assemble(fitted(values, room), (f"{demand:>{NUMBER_WIDTH}}", MUTED))

    def show_case(self, entry: UnmetRequest | None) -> None:
        """Show the gap, and find the closest match."""
        self._opens_when_found = False
        self.query_one("#question", Static).update(self._question(entry))
        if entry is not None and entry.wanted not in self.review.closest:
            start(self, "closest", self._find_closest, self.snapshot.searcher, entry)
        self._show_sides(entry)

    def _question(self, entry: UnmetRequest | None) -> Content:
        if entry is None:
            return Content("No gaps found." if self.queue.is_loaded else "")
        wanted = " and ".join(f"{sanitize(name)} {sanitize(value)}" for name, value in entry.wanted)
        values = dict(entry.wanted)
        popular = ", ".join(
            f"{number:,} have {sanitize(values[name])}" for name, number in entry.counts.items()
        )
        sessions = "1 session" if entry.sessions == 1 else f"{entry.sessions:,} sessions"
        asked = f"\n{sessions} searched for it in vain." if entry.sessions else ""
        return Content.assemble(
            "No item has ",
            (wanted, "bold $text-accent"),
            "\n",
            (f"{popular}; by chance, {entry.expected:,.0f} would combine them.{asked}", MUTED),
        )

    async def _find_closest(self, searcher: Searcher | None, gap: UnmetRequest) -> None:
        closest = None if searcher is None else await in_thread(self, closest_match, searcher, gap)
        self.review.closest[gap.wanted] = closest
        entry = self.queue.current
        if entry is not None and gap.wanted == entry.wanted:
            self._show_sides(entry)
            if self._opens_when_found:
                self.action_search()

    def _show_sides(self, entry: UnmetRequest | None) -> None:
        key: Hashable = None if entry is None else entry.wanted
        is_known, closest = key in self.review.closest, self.review.closest.get(key)
        nearest = None if closest is None else closest.nearest
        rows = (
            None if closest is None else closest.row,
            None if nearest is None else nearest.row,
        )
        headings = (
            "query",
            "closest match" if nearest is None else f"closest match, {nearest.distance:.2f}",
        )
        for side, row, heading in zip(SIDES, rows, headings, strict=True):
            self.show_picture(self.query_one(f"#{side}-picture", PictureView), row)
            name = self.query_one(f"#{side}-name", Static)
            if row is not None:
                name.update(self._heading(heading, row))
            else:
                name.update("No close match." if is_known and entry is not None else "")

    def _heading(self, heading: str, row: int) -> Content:
        catalog = self.snapshot.catalog
        return Content.assemble(
            (f"{heading}  ", "$text-accent"),
            (sanitize(catalog.codes[row]), "bold"),
            f"\n{sanitize(catalog.titles[row])}",
        )

    def action_search(self) -> None:
        """Search for the combination."""
        if self.snapshot.index_error is not None:
            self.show_error(self.snapshot.index_error)
            return
        entry = self.queue.current
        if entry is None:
            return
        self._opens_when_found = entry.wanted not in self.review.closest
        if self._opens_when_found:
            return
        closest = self.review.closest[entry.wanted]
        if closest is None or closest.nearest is None:
            self.notify("The index has no item to search with.", timeout=3)
            return
        history = History([QueryState(), QueryState(closest.changes)])
        self.open_visit(Visit(self.snapshot.query_of(closest.row), history))
