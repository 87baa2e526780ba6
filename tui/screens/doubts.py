"""Labels that the model doubts: accept its value, keep the label, or choose another."""

from collections.abc import Callable, Hashable
from functools import partial
from typing import ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from datrnet.core.review.label_issues import LabelIssue, typical_rows
from datrnet.core.text import sanitize
from datrnet.db.rows import LabelChange, split_values
from datrnet.tui.context import show_from_thread
from datrnet.tui.controllers.review import NUM_TYPICAL, Did, count_relabeled
from datrnet.tui.keymap import hidden
from datrnet.tui.screens.dialogs import ValuePicker
from datrnet.tui.screens.review_screen import ReviewScreen
from datrnet.tui.widgets.detail_pane import UNLABELED, DetailPane
from datrnet.tui.widgets.text import MUTED, fitted
from datrnet.tui.widgets.thumb_grid import Listing, ThumbGrid

NAME_WIDTH = 10
MARGIN_WIDTH = 5
SIDES = ("label", "guess")
"""The values of an issue whose typical items are shown."""


class DoubtsScreen(ReviewScreen[LabelIssue]):
    """A doubtful label with its picture, and typical items of both values."""

    HELP_TITLE = "Doubtful labels"
    TAB = 0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "label('guess')", "Accept", key_display="y", id="doubts.accept"),
        Binding("x", "label('label')", "Keep label", id="doubts.keep"),
        Binding("e", "other", "Other value", id="doubts.other_value"),
        Binding("n", "label('none')", "None applies", id="doubts.none_holds"),
        Binding("u", "undo", "Undo", id="doubts.undo"),
        Binding("r,ctrl+r", "redo", "Redo", key_display="r", id="doubts.redo"),
        hidden("t", "unlabeled", "Doubtful/missing labels", id="doubts.unlabeled"),
        hidden("f", "only", "Only the next super-category", id="doubts.only"),
        hidden("a", "look(1)", "Next heatmap", id="doubts.look_next"),
        hidden("A", "look(-1)", "Previous heatmap", id="doubts.look_previous"),
    ]

    @property
    def subject_words(self) -> str:
        """Which labels are reviewed, and of which super-category."""
        return self._kind if self.review.only is None else f"{self._kind}, {self.review.only}"

    @property
    def _kind(self) -> str:
        return "missing" if self.review.unlabeled else "doubtful"

    @property
    def empty_words(self) -> str:
        """Why there is no such label."""
        if self.snapshot.index_error is not None:
            return f"{self.snapshot.index_error} Labels are checked against the index."
        if not self.queue.is_loaded:
            return "The labels cannot be checked."
        where = "" if self.review.only is None else f" in {self.review.only}"
        return f"No {self._kind} labels{where}. t and f show others."

    @property
    def row(self) -> int | None:
        """The item whose label is doubtful."""
        return None if self.queue.current is None else self.queue.current.row

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
        words = fitted(f"{sanitize(entry.label or UNLABELED)} → {sanitize(outcome)}", room)
        return Content.assemble(
            ("  " if decision is None else "✓ ", "$text-success"),
            (f"{fitted(entry.super_category, NAME_WIDTH)} ", MUTED),
            (words, "" if decision is None else MUTED),
            (f"{entry.margin:>{MARGIN_WIDTH}.2f}", MUTED),
        )

    def question(self, entry: LabelIssue) -> Content:
        """Return the label and the predicted value, and how far both are or what was decided."""
        decision, guess = self.queue.decision_on(entry), sanitize(entry.guess)
        if entry.label is None:
            label, against = "has no label", "the next value"
        else:
            against = sanitize(entry.label)
            label = f"is labeled {against}"
        details = (
            f"margin {entry.margin:.2f}: {entry.guess_distance:.2f} from {guess}, "
            f"{entry.distance:.2f} from {against}"
            if decision is None
            else f"Decided: {sanitize(decision)}. u undoes it."
        )
        return Content.assemble(
            (sanitize(entry.super_category), "bold"),
            f" {label}; the model sees ",
            (guess, "bold $text-accent"),
            "\n",
            (details, MUTED),
        )

    def show_case(self, entry: LabelIssue | None) -> None:
        """Show the item, typical items, and how many labels the index does not know."""
        number = self.review.num_relabeled
        labels = "1 label is" if number == 1 else f"{number:,} labels are"
        self.warn(f"{labels} newer than the index: `datrnet index` updates it." if number else "")
        self.detail.show(None if entry is None else self.subject(entry.row))
        self.show_picture(self.detail.picture, None if entry is None else entry.row)
        self._show_typical(entry)

    # ── typical items ────────────────────────────────────────────────────────

    def _show_typical(self, entry: LabelIssue | None) -> None:
        """Show typical items of both values, as far as they are known, and find the others."""
        missing = []
        for side in SIDES:
            value = getattr(entry, side, None)
            if entry is None or value is None:
                self._list_typical(side, "", [])
            elif (rows := self.review.typical.get((entry.super_category, value))) is not None:
                others = [row for row in rows if row != entry.row]
                self._list_typical(side, f"Typical: {value}", others)
            else:
                missing.append((entry.super_category, value))
        searcher = self.snapshot.searcher
        if missing and searcher is not None:
            show_from_thread(
                self,
                "typical",
                lambda: {key: typical_rows(searcher, *key, NUM_TYPICAL) for key in missing},
                self._keep_typical,
            )

    def _keep_typical(self, found: dict[tuple[str, str], list[int]]) -> None:
        self.review.typical.update(found)
        self._show_typical(self.queue.current)

    def _list_typical(self, side: str, heading: str, rows: list[int]) -> None:
        catalog = self.snapshot.catalog
        self.query_one(f"#{side}-name", Static).update(sanitize(heading))
        listing = Listing.of_items(catalog, np.array(rows, dtype=np.intp))
        self.query_one(f"#{side}-items", ThumbGrid).show(listing)

    # ── decisions ────────────────────────────────────────────────────────────

    def action_label(self, choice: str) -> None:
        """Give the item the predicted value, keep its label, or remove it, as none applies."""
        if (entry := self.queue.current) is not None:
            self._label(entry, getattr(entry, choice, None))

    def action_other(self) -> None:
        """Choose another value from a list."""
        entry = self.queue.current
        if entry is None:
            return
        catalog = self.snapshot.catalog
        category = catalog.super_categories[catalog.super_category_idx(entry.super_category)]
        notes = {entry.guess: "the model"}
        notes |= dict.fromkeys(split_values(entry.label, category.values), "the label")
        picker = ValuePicker(
            f"{category.name} of {catalog.codes[entry.row]}",
            category,
            self.snapshot.value_counts[category.name],
            notes,
            entry.guess,
        )

        def label(position: int | None) -> None:
            if position is not None:
                self._label(entry, category.values[position])

        self.app.push_screen(picker, label)

    def _label(self, entry: LabelIssue, value: str | None) -> None:
        store, name = self.library.store, entry.super_category
        item_id = int(self.snapshot.catalog.item_ids[entry.row])
        self._change(
            "set", lambda: store.set_label(item_id, name, value, "person"), of_key=entry.key
        )

    def action_undo(self) -> None:
        """Undo the last change of a label, even one of an earlier review."""
        self._change("undo", self.library.store.undo_label)

    def action_redo(self) -> None:
        """Redo the last undone change."""
        self._change("redo", self.library.store.redo_label)

    def _change(
        self, did: Did, change: Callable[[], LabelChange | None], of_key: Hashable = None
    ) -> None:
        """Change a label in the database.

        Args:
            did: What the change is.
            change: Makes it; called in a thread.
            of_key: The finding whose label is set.
        """
        snapshot = self.snapshot
        self.write(
            lambda: (change(), count_relabeled(snapshot)), partial(self._show_change, did, of_key)
        )

    def _show_change(
        self, did: Did, key: Hashable, written: tuple[LabelChange | None, int]
    ) -> None:
        """Switch to the changed label, and show it if the screen is still open."""
        change, self.review.num_relabeled = written
        if change is None and did != "set":
            self.notify(f"Nothing to {did}.", timeout=2)
            return
        value = None
        if change is not None:
            value = change.old_value if did == "undo" else change.new_value
            self.library.relabel(change.item_id, change.super_category, value)
            row = int(np.searchsorted(self.snapshot.catalog.item_ids, change.item_id))
            key = (row, change.super_category)
        self.review.record_label(did, key, change)
        if change is not None and did != "set":
            self.notify(
                f"{sanitize(change.code)}: {sanitize(change.super_category)} is "
                f"{sanitize(value or UNLABELED)} again",
                markup=False,
                timeout=3,
            )
        self.show_change(did, key)

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
