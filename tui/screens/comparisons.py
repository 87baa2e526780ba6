"""The tabs of a review that compare two items: near-duplicates, and gaps in the assortment."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from datrnet.core.review.unmet_requests import ClosestMatch, UnmetRequest, closest_match
from datrnet.core.text import sanitize
from datrnet.db.rows import Verdict
from datrnet.tui.context import show_from_thread
from datrnet.tui.controllers.review import Did, Entry, Judgment, Pair
from datrnet.tui.query_state import History, QueryState
from datrnet.tui.screens.review_screen import ReviewScreen
from datrnet.tui.state import Visit
from datrnet.tui.widgets.detail_pane import UNLABELED
from datrnet.tui.widgets.picture_view import PictureView
from datrnet.tui.widgets.text import MUTED, fitted

SIDES = ("left", "right")
LABEL_WIDTH = 12
NUMBER_WIDTH = 9


class ComparisonScreen(ReviewScreen[Entry]):
    """Two items side by side, below a question."""

    def compose_case(self) -> ComposeResult:
        """The question above both sides."""
        with Vertical(id="case"):
            yield Static(id="question", markup=False)
            with Horizontal(id="sides"):
                for side in SIDES:
                    with Vertical(classes="side"):
                        yield Static(id=f"{side}-name", classes="side-name", markup=False)
                        yield PictureView(id=f"{side}-picture")
                        yield Static(id=f"{side}-facts", classes="side-facts", markup=False)

    def show_sides(
        self, rows: Sequence[int | None], headings: Sequence[str], absent: str = ""
    ) -> None:
        """Show the pictures of two items below their headings.

        Args:
            rows: The catalog rows of the items; None for no item.
            headings: What each item is.
            absent: Shown in place of an item.
        """
        catalog = self.snapshot.catalog
        for side, row, heading in zip(SIDES, rows, headings, strict=True):
            name = Content(absent)
            if row is not None:
                name = Content.assemble(
                    (f"{heading}  ", "$text-accent"),
                    (sanitize(catalog.codes[row]), "bold"),
                    f"\n{sanitize(catalog.titles[row])}",
                )
            self.query_one(f"#{side}-name", Static).update(name)
            self.show_picture(self.query_one(f"#{side}-picture", PictureView), row)


class DuplicatesScreen(ComparisonScreen[Pair]):
    """Two pictures, and the labels of both items."""

    HELP_TITLE = "Near-duplicates"
    TAB = 1
    EMPTY_TEXT = "No near-duplicates found."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter,m", "judge('duplicate')", "Duplicate", key_display="m", id="duplicates.mark"
        ),
        Binding("x", "judge('distinct')", "Keep both", id="duplicates.keep_both"),
        Binding("w", "swap", "Swap", id="duplicates.swap"),
        Binding("u", "undo", "Undo", id="duplicates.undo"),
        Binding("r,ctrl+r", "redo", "Redo", key_display="r", id="duplicates.redo"),
    ]

    @property
    def row(self) -> int | None:
        """The item to keep."""
        return None if self.queue.current is None else self.review.sides(self.queue.current)[0]

    def line(self, entry: Pair, width: int) -> Content:
        """Return both codes, and why the items look the same or what was decided."""
        decision, codes = self.queue.decision_on(entry), self.snapshot.catalog.codes
        keep, other = self.review.sides(entry)
        words = decision or entry.other.reason
        room = max(4, width - len(words) - 3)
        return Content.assemble(
            ("  " if decision is None else "✓ ", "$text-success"),
            fitted(f"{sanitize(codes[keep])}  {sanitize(codes[other])}", room),
            (f" {words}", MUTED),
        )

    def question(self, entry: Pair) -> Content:
        """Return why the items look the same, and what was decided."""
        decision, difference = self.queue.decision_on(entry), entry.other.difference
        details = "" if difference is None else f"; the pictures differ by {difference:.2f}"
        question = f"Decided: {decision}." if decision else "Same product?"
        return Content.assemble(
            (entry.other.reason.capitalize(), "bold"), (f"{details}. {question}", MUTED)
        )

    def show_case(self, entry: Pair | None) -> None:
        """Show both sides; labels that differ stand out."""
        rows = (None, None) if entry is None else self.review.sides(entry)
        labels = [{} if row is None else self.snapshot.catalog.label_texts(row) for row in rows]
        self.show_sides(rows, ("keep", "duplicate?"))
        for side, own, other in zip(SIDES, labels, reversed(labels), strict=True):
            parts: list[tuple[str, str]] = []
            for name, value in own.items():
                style = "$text-warning" if value != other[name] else "" if value else MUTED
                parts.append((fitted(name, LABEL_WIDTH), MUTED))
                parts.append((f"{sanitize(value or UNLABELED)}\n", style))
            self.query_one(f"#{side}-facts", Static).update(Content.assemble(*parts))

    def action_swap(self) -> None:
        """Keep the other item of the two."""
        if (entry := self.queue.current) is not None:
            self.review.swapped ^= {entry.key}
            self.rewrite_current()
            self.show_current()

    def action_judge(self, verdict: Verdict) -> None:
        """Decide whether both are the same product."""
        if (entry := self.queue.current) is not None:
            self._judge("set", Judgment(entry, *self.review.sides(entry), verdict), verdict)

    def action_undo(self) -> None:
        """Undo the last verdict of this review."""
        self._restore("undo", self.review.judgments)

    def action_redo(self) -> None:
        """Redo the last undone verdict."""
        self._restore("redo", self.review.undone)

    def _restore(self, did: Did, judgments: Sequence[Judgment]) -> None:
        if judgments:
            last = judgments[-1]
            self._judge(did, last, last.before if did == "undo" else last.verdict)
        else:
            self.notify(f"Nothing to {did}.", timeout=2)

    def _judge(self, did: Did, judgment: Judgment, verdict: Verdict | None) -> None:
        ids, store = self.snapshot.catalog.item_ids, self.library.store
        kept, other = int(ids[judgment.kept]), int(ids[judgment.other])

        def show(before: Verdict | None) -> None:
            self.review.record_verdict(did, judgment, before)
            self.show_change(did, judgment.pair.key)

        self.write(lambda: store.judge_pair(kept, other, verdict), show)


class GapsScreen(ComparisonScreen[UnmetRequest]):
    """A table of gaps, and the search that comes closest to the current gap."""

    HELP_TITLE = "Gaps in the assortment"
    TAB = 2
    EMPTY_TEXT = "No gaps found."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "search", "Search for it", key_display="enter", id="gaps.ask"),
    ]

    _opens_when_found = False
    """Whether to open the search as soon as the closest match is known."""

    @property
    def row(self) -> int | None:
        """The item to search with."""
        entry = self.queue.current
        closest = None if entry is None else self.review.closest.get(entry.key)
        return None if closest is None else closest.row

    def line(self, entry: UnmetRequest, width: int) -> Content:
        """Return the combination, and how often it was searched for or would be expected."""
        demand = f"asked {entry.sessions}×" if entry.sessions else f"≈ {entry.expected:,.0f}"
        values = " + ".join(sanitize(value) for _, value in entry.wanted)
        room = max(4, width - NUMBER_WIDTH)
        return Content.assemble(fitted(values, room), (f"{demand:>{NUMBER_WIDTH}}", MUTED))

    def question(self, entry: UnmetRequest) -> Content:
        """Return the combination, how popular its values are, and how often it was requested."""
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

    def show_case(self, entry: UnmetRequest | None) -> None:
        """Show the item to search with and the closest match, once that is found."""
        self._opens_when_found = False
        is_known = entry is not None and entry.key in self.review.closest
        if entry is not None and not is_known:
            searcher = self.snapshot.searcher
            show_from_thread(
                self,
                "closest",
                lambda: None if searcher is None else closest_match(searcher, entry),
                partial(self._show_closest, entry),
            )
        closest = None if entry is None else self.review.closest.get(entry.key)
        nearest = None if closest is None else closest.nearest
        rows = (self.row, None if nearest is None else nearest.row)
        heading = "" if nearest is None else f"closest match, {nearest.distance:.2f}"
        self.show_sides(rows, ("query", heading), "No close match." if is_known else "")

    def _show_closest(self, entry: UnmetRequest, closest: ClosestMatch | None) -> None:
        self.review.closest[entry.key] = closest
        opens, current = self._opens_when_found, self.queue.current
        if current is not None and current.key == entry.key:
            self.show_case(current)
            if opens:
                self.action_search()

    def action_search(self) -> None:
        """Search for the combination."""
        entry = self.queue.current
        if self.snapshot.index_error is not None:
            self.show_error(self.snapshot.index_error)
        elif entry is None or entry.key not in self.review.closest:
            self._opens_when_found = entry is not None
        elif (closest := self.review.closest[entry.key]) is None or closest.nearest is None:
            self.notify("The index has no item to search with.", timeout=3)
        else:
            history = History([QueryState(), QueryState(closest.changes)])
            self.open_visit(Visit(self.snapshot.query_of(closest.row), history))
