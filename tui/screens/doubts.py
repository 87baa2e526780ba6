"""Labels that the model doubts: accept its value, keep the label, or choose another."""

from collections.abc import Callable
from functools import partial
from typing import ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from datrnet.core.progress import StepProgress
from datrnet.core.retrieval.search import Searcher
from datrnet.core.review.label_issues import LabelIssue, typical_rows
from datrnet.core.text import sanitize
from datrnet.db.rows import LabelChange
from datrnet.tui.context import in_thread, start
from datrnet.tui.controllers.review import (
    NUM_TYPICAL,
    Did,
    ReviewQueue,
    count_relabeled,
    doubt_key,
    find_doubts,
)
from datrnet.tui.keymap import hidden
from datrnet.tui.screens.dialogs import ValuePicker
from datrnet.tui.screens.review_screen import ReviewScreen
from datrnet.tui.snapshot import Snapshot
from datrnet.tui.widgets.detail_pane import DetailPane
from datrnet.tui.widgets.text import MUTED, fitted
from datrnet.tui.widgets.thumb_grid import Listing, ThumbGrid

NO_LABEL = "no label"
NONE_APPLIES = "none applies"
KEPT = "kept"
NAME_WIDTH = 10
MARGIN_WIDTH = 5
SIDES = ("label", "guess")


class DoubtsScreen(ReviewScreen[LabelIssue]):
    """A doubtful label with its picture, and typical items of both values."""

    HELP_TITLE = "Doubtful labels"
    TAB = 0
    BUSY_TEXT = "Checking labels"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "accept", "Accept", key_display="y", id="doubts.accept"),
        Binding("x", "keep", "Keep label", id="doubts.keep"),
        Binding("e", "other", "Other value", id="doubts.other_value"),
        Binding("n", "none", "None applies", id="doubts.none_holds"),
        Binding("u", "undo", "Undo", id="doubts.undo"),
        Binding("r,ctrl+r", "redo", "Redo", key_display="r", id="doubts.redo"),
        hidden("t", "unlabeled", "Doubtful/missing labels", id="doubts.unlabeled"),
        hidden("f", "only", "Only the next super-category", id="doubts.only"),
        hidden("a", "look(1)", "Next heatmap", id="doubts.look_next"),
        hidden("A", "look(-1)", "Previous heatmap", id="doubts.look_previous"),
    ]

    @property
    def queue(self) -> ReviewQueue[LabelIssue]:
        """The doubtful labels."""
        return self.review.doubts

    @property
    def subject_words(self) -> str:
        """Which labels are reviewed, and of which super-category."""
        kind = "missing" if self.review.unlabeled else "doubtful"
        return kind if self.review.only is None else f"{kind}, {self.review.only}"

    @property
    def row(self) -> int | None:
        """The item whose label is doubtful."""
        return None if self.queue.current is None else self.queue.current.row

    def find(self, snapshot: Snapshot, on_progress: StepProgress) -> list[LabelIssue]:
        """Find doubtful or missing labels."""
        review = self.review
        return find_doubts(snapshot, unlabeled=review.unlabeled, only=review.only)

    def compose_case(self) -> ComposeResult:
        """The item, and beside it typical items of the two values."""
        with Vertical(id="case"):
            yield Static(id="question", markup=False)
            yield DetailPane(id="detail")
        with Vertical(id="typical"):
            for side in SIDES:
                yield Static(id=f"{side}-name", classes="typical-name", markup=False)
                grid = self.new_grid(f"{side}-items")
                grid.can_focus = False
                yield grid

    def line(self, entry: LabelIssue, width: int) -> Content:
        """Return super-category, label, predicted value and margin, or the decision."""
        decision = self.queue.decision_on(entry)
        outcome = entry.guess if decision is None else decision
        room = max(4, width - NAME_WIDTH - MARGIN_WIDTH - 4)
        words = fitted(f"{sanitize(entry.label or NO_LABEL)} → {sanitize(outcome)}", room)
        return Content.assemble(
            ("  " if decision is None else "✓ ", "$text-success"),
            (f"{fitted(entry.super_category, NAME_WIDTH)} ", MUTED),
            (words, "" if decision is None else MUTED),
            (f"{entry.margin:>{MARGIN_WIDTH}.2f}", MUTED),
        )

    def show_case(self, entry: LabelIssue | None) -> None:
        """Show the item, the question, and typical items."""
        self.warn(self._outdated_words)
        self.query_one("#question", Static).update(self._question(entry))
        self.detail.show(None if entry is None else self.subject(entry.row))
        self.show_picture(self.detail.picture, None if entry is None else entry.row)
        self._show_typical(entry)

    def _question(self, entry: LabelIssue | None) -> Content:
        if entry is None:
            return Content(sanitize(self._empty_words))
        decision = self.queue.decision_on(entry)
        label = "has no label" if entry.label is None else f"is labeled {sanitize(entry.label)}"
        against = "the next value" if entry.label is None else sanitize(entry.label)
        details = (
            f"margin {entry.margin:.2f}: {entry.guess_distance:.2f} from {sanitize(entry.guess)}, "
            f"{entry.distance:.2f} from {against}"
            if decision is None
            else f"Decided: {sanitize(decision)}. u undoes it."
        )
        return Content.assemble(
            (sanitize(entry.super_category), "bold"),
            f" {label}; the model sees ",
            (sanitize(entry.guess), "bold $text-accent"),
            "\n",
            (details, MUTED),
        )

    @property
    def _empty_words(self) -> str:
        if self.snapshot.index_error is not None:
            return f"{self.snapshot.index_error} Labels are checked against the index."
        if not self.queue.is_loaded:
            return "The labels cannot be checked."
        kind = "missing" if self.review.unlabeled else "doubtful"
        where = "" if self.review.only is None else f" in {self.review.only}"
        return f"No {kind} labels{where}. t and f show others."

    @property
    def _outdated_words(self) -> str:
        number = self.review.num_relabeled
        if not number:
            return ""
        labels = "1 label is" if number == 1 else f"{number:,} labels are"
        return f"{labels} newer than the index: `datrnet index` updates it."

    # ── typical items ────────────────────────────────────────────────────────

    def _show_typical(self, entry: LabelIssue | None) -> None:
        """Show typical items of both values, as far as they are known, and find the others."""
        values = (None, None) if entry is None else (entry.label, entry.guess)
        missing = []
        for side, value in zip(SIDES, values, strict=True):
            if entry is None or value is None:
                self._list_typical(side, "", [])
            elif (rows := self.review.typical.get((entry.super_category, value))) is not None:
                others = [row for row in rows if row != entry.row]
                self._list_typical(side, f"Typical: {value}", others)
            else:
                missing.append(value)
        searcher = self.snapshot.searcher
        if entry is not None and missing and searcher is not None:
            start(self, "typical", self._find_typical, searcher, entry.super_category, missing)

    async def _find_typical(self, searcher: Searcher, name: str, values: list[str]) -> None:
        def find() -> dict[str, list[int]]:
            return {value: typical_rows(searcher, name, value, NUM_TYPICAL) for value in values}

        for value, rows in (await in_thread(self, find)).items():
            self.review.typical[name, value] = rows
        entry = self.queue.current
        if entry is not None and entry.super_category == name:
            self._show_typical(entry)

    def _list_typical(self, side: str, heading: str, rows: list[int]) -> None:
        catalog = self.snapshot.catalog
        self.query_one(f"#{side}-name", Static).update(sanitize(heading))
        listing = Listing.of_items(catalog, np.array(rows, dtype=np.intp))
        self.query_one(f"#{side}-items", ThumbGrid).show(listing)

    # ── decisions ────────────────────────────────────────────────────────────

    def action_accept(self) -> None:
        """Give the item the value that the model predicts."""
        if (entry := self.queue.current) is not None:
            self._label(entry, entry.guess)

    def action_keep(self) -> None:
        """Confirm the label, or that there is none."""
        if (entry := self.queue.current) is not None:
            self._label(entry, entry.label)

    def action_none(self) -> None:
        """Remove the label, because no value applies."""
        if (entry := self.queue.current) is not None:
            self._label(entry, None)

    def action_other(self) -> None:
        """Choose another value from a list."""
        entry = self.queue.current
        if entry is None:
            return
        catalog = self.snapshot.catalog
        notes = {entry.guess: "the model"}
        if entry.label is not None:
            notes[entry.label] = "the label"
        picker = ValuePicker(
            f"{entry.super_category} of {catalog.codes[entry.row]}",
            catalog.super_categories[catalog.super_category_idx(entry.super_category)],
            self.snapshot.value_counts[entry.super_category],
            notes,
            entry.guess,
        )

        def label(value: str | None) -> None:
            if value is not None:
                self._label(entry, value)

        self.app.push_screen(picker, label)

    def _label(self, entry: LabelIssue, value: str | None) -> None:
        store, name = self.library.store, entry.super_category
        item_id = int(self.snapshot.catalog.item_ids[entry.row])
        self._change("set", lambda: store.set_label(item_id, name, value, "person"))

    def action_undo(self) -> None:
        """Undo the last change of a label, even one of an earlier review."""
        self._change("undo", self.library.store.undo_label)

    def action_redo(self) -> None:
        """Redo the last undone change."""
        self._change("redo", self.library.store.redo_label)

    def _change(self, did: Did, change: Callable[[], LabelChange | None]) -> None:
        snapshot = self.snapshot

        def write() -> tuple[LabelChange | None, int]:
            return change(), count_relabeled(snapshot)

        self.write(write, partial(self._show_change, did))

    def _show_change(self, did: Did, written: tuple[LabelChange | None, int]) -> None:
        """Switch to the changed label, and show it if the screen is still open."""
        change, self.review.num_relabeled = written
        value = None
        if change is not None:
            value = change.old_value if did == "undo" else change.new_value
            self.library.relabel(change.item_id, change.super_category, value)
            self.review.forget_typical(change)
        if not self.is_attached:
            return
        if did == "set":
            if self.queue.current is not None:
                key = doubt_key(self.queue.current)
                self.queue.decisions[key] = KEPT if change is None else _decision(change)
            self.show_decision()
        elif change is None:
            self.notify(f"Nothing to {did}.", timeout=2)
        else:
            self._show_moved(did, change, value)

    def _show_moved(self, did: Did, change: LabelChange, value: str | None) -> None:
        """Show an undone or redone change, and its place in the list."""
        row = int(np.searchsorted(self.snapshot.catalog.item_ids, change.item_id))
        key = (row, change.super_category)
        if did == "redo":
            self.queue.decisions[key] = _decision(change)
        else:
            self.queue.decisions.pop(key, None)
        self.notify(
            f"{sanitize(change.code)}: {sanitize(change.super_category)} is "
            f"{sanitize(value or NO_LABEL)} again",
            markup=False,
            timeout=3,
        )
        if self.queue.go_to(key):
            self.rewrite_current()
        self.show_current()

    # ── which labels ─────────────────────────────────────────────────────────

    def action_unlabeled(self) -> None:
        """Review missing labels, or doubtful ones again."""
        if self.is_free():
            self.review.unlabeled = not self.review.unlabeled
            self.reload()

    def action_only(self) -> None:
        """Review only the labels of the next super-category; after the last, all."""
        searcher = self.snapshot.searcher
        if searcher is not None and self.is_free():
            names = [None, *searcher.names]
            self.review.only = names[(names.index(self.review.only) + 1) % len(names)]
            self.reload()


def _decision(change: LabelChange) -> str:
    """Return a decision in words."""
    if change.new_value is None:
        return NONE_APPLIES
    return KEPT if change.new_value == change.old_value else change.new_value
