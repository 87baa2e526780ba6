"""Labels that the model doubts or misses: accept its value, keep the label, or choose another."""

from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import ClassVar, Literal

import numpy as np
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from datrnet.core.review.label_issues import LabelIssue, typical_rows
from datrnet.core.text import sanitize
from datrnet.db.rows import LabelChange, ProposedLabel, split_values
from datrnet.tui.context import show_from_thread
from datrnet.tui.controllers.review import NUM_TYPICAL, SURE, Did, count_relabeled, sure_of
from datrnet.tui.keymap import hidden
from datrnet.tui.screens.dialogs import Prompt, ValuePicker
from datrnet.tui.screens.review_screen import ReviewScreen
from datrnet.tui.widgets.detail_pane import UNLABELED, DetailPane
from datrnet.tui.widgets.picture_view import PictureView
from datrnet.tui.widgets.text import MUTED, fitted

NAME_WIDTH = 10
MARGIN_WIDTH = 5
SIDES = ("label", "guess")
"""The values of an issue whose typical items are shown."""
NUM_PICTURES = NUM_TYPICAL - 1
"""Pictures of typical items per value."""


class DoubtsScreen(ReviewScreen[LabelIssue]):
    """A doubtful label with its picture, and typical items of both values.

    Enter keeps the label: what is right cannot be spoiled in passing.
    """

    HELP_TITLE = "Doubtful labels"
    TAB = 0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "label('guess')", "Accept", id="doubts.accept"),
        Binding("x,enter", "keep", "Keep", key_display="enter", id="doubts.keep"),
        Binding("Y", "accept_sure", "Accept all sure ones", id="doubts.accept_sure"),
        Binding("e", "other", "Other value", id="doubts.other_value"),
        Binding("n", "label('none')", "None applies", id="doubts.none_holds"),
        Binding("u", "undo", "Undo", id="doubts.undo"),
        Binding("r,ctrl+r", "redo", "Redo", key_display="r", id="doubts.redo"),
        hidden("t", "unlabeled", "Doubtful labels/proposals", id="doubts.unlabeled"),
        hidden("f", "only", "Only the next super-category", id="doubts.only"),
        hidden("a", "look(1)", "Next heatmap", id="doubts.look_next"),
        hidden("A", "look(-1)", "Previous heatmap", id="doubts.look_previous"),
    ]

    @property
    def subject_words(self) -> str:
        """Which labels are reviewed, and of which super-category."""
        return self._kind if self.review.only is None else f"{self._kind}, {self.review.only}"

    _kind: ClassVar[str] = "doubtful"
    _other_tab: ClassVar[int] = 3
    _source: ClassVar[Literal["person", "model"]] = "person"
    """Of labels that are accepted together: a correction is the user's, who overrules the shop."""

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
        """The question, and below it the item beside typical items of the two values."""
        with Vertical(id="case"):
            yield Static(id="question", markup=False)
            with Horizontal(id="evidence"):
                yield DetailPane(id="detail")
                with Vertical(id="typical"):
                    for side in SIDES:
                        yield Static(id=f"{side}-name", classes="typical-name", markup=False)
                        with Horizontal(id=f"{side}-items"):
                            for number in range(NUM_PICTURES):
                                yield PictureView(id=f"{side}-item-{number}")

    def line(self, entry: LabelIssue, width: int) -> Content:
        """Return super-category, label, predicted value and confidence, or the decision."""
        decision = self.queue.decision_on(entry)
        outcome = entry.guess if decision is None else decision
        room = max(4, width - NAME_WIDTH - MARGIN_WIDTH - 4)
        words = fitted(f"{sanitize(entry.label or UNLABELED)} → {sanitize(outcome)}", room)
        return Content.assemble(
            ("  " if decision is None else "✓ ", "$text-success"),
            (f"{fitted(entry.super_category, NAME_WIDTH)} ", MUTED),
            (words, "" if decision is None else MUTED),
            (f"{_figure(entry):>{MARGIN_WIDTH}}", MUTED),
        )

    def question(self, entry: LabelIssue) -> Content:
        """Return the label and the predicted value, and how far both are or what was decided."""
        decision, guess = self.queue.decision_on(entry), sanitize(entry.guess)
        if entry.label is None:
            label, against = "has no label", "the next value"
        else:
            against = sanitize(entry.label)
            label = f"is labeled {against}"
        if decision is not None:
            details = f"Decided: {sanitize(decision)}. u undoes it."
        elif entry.confidence is None or entry.self_confidence is None:
            details = (
                f"margin {entry.margin:.2f}: {entry.guess_distance:.2f} from {guess}, "
                f"{entry.distance:.2f} from {against}"
            )
        else:
            details = (
                f"{guess} is right with {entry.confidence:.1%}, "
                f"{against} with {entry.self_confidence:.1%}"
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
        self.query_one(f"#{side}-name", Static).update(sanitize(heading))
        for number in range(NUM_PICTURES):
            row = rows[number] if number < len(rows) else None
            self.show_picture(self.query_one(f"#{side}-item-{number}", PictureView), row)

    # ── decisions ────────────────────────────────────────────────────────────

    def action_label(self, choice: str) -> None:
        """Give the item the predicted value, keep its label, or remove it, as none applies."""
        if (entry := self.queue.current) is not None:
            self._label(entry, getattr(entry, choice, None))

    def action_keep(self) -> None:
        """Keep the label, confirmed."""
        self.action_label("label")

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

    def action_accept_sure(self) -> None:
        """Accept all predictions above a confidence, as one step."""
        if not sure_of(self.queue, 0):
            self.notify("Nothing here has a calibrated confidence.", timeout=3)
            return

        def explain(least: float) -> str:
            number = len(sure_of(self.queue, least))
            return f"{number:,} label{'s' * (number != 1)} would be set; u undoes all at once."

        def accept(text: str | None) -> None:
            least = None if text is None else share_of(text)
            if least is not None and (entries := sure_of(self.queue, least)):
                self._accept(entries)

        question = f"Accept all {self._kind} labels with a confidence of at least"
        self.app.push_screen(SharePrompt(question, SURE, explain), accept)

    def _accept(self, entries: Sequence[LabelIssue]) -> None:
        store, item_ids = self.library.store, self.snapshot.catalog.item_ids
        proposals = [
            ProposedLabel(
                item_id=int(item_ids[entry.row]),
                super_category=entry.super_category,
                value=entry.guess,
                confidence=entry.confidence or 0.0,
            )
            for entry in entries
        ]
        self._change("set", lambda: store.accept_labels(proposals, self._source))

    def _label(self, entry: LabelIssue, value: str | None) -> None:
        store, name = self.library.store, entry.super_category
        item_id = int(self.snapshot.catalog.item_ids[entry.row])

        def label() -> list[LabelChange]:
            change = store.set_label(item_id, name, value, "person")
            return [] if change is None else [change]

        self._change("set", label, of_key=entry.key)

    def action_undo(self) -> None:
        """Undo the last change of a label, even one of an earlier review."""
        self._change("undo", self.library.store.undo_label)

    def action_redo(self) -> None:
        """Redo the last undone change."""
        self._change("redo", self.library.store.redo_label)

    def _change(
        self, did: Did, change: Callable[[], list[LabelChange]], of_key: Hashable = None
    ) -> None:
        """Change labels in the database.

        Args:
            did: What is done.
            change: Does it; called in a thread.
            of_key: The finding whose label is set; None if there are several.
        """
        snapshot = self.snapshot
        self.write(
            lambda: (change(), count_relabeled(snapshot)), partial(self._show_change, did, of_key)
        )

    def _show_change(self, did: Did, key: Hashable, written: tuple[list[LabelChange], int]) -> None:
        """Switch to the changed labels, and show them if the screen is still open."""
        changes, self.review.num_relabeled = written
        if not changes and key is None:
            self.notify(f"Nothing to {did}.", timeout=2)
            return
        labels = [
            (it.item_id, it.super_category, it.old_value if did == "undo" else it.new_value)
            for it in changes
        ]
        self.library.relabel(*labels)
        if not changes:
            self.review.record_label(did, key, None)
        for change in changes:
            row = int(np.searchsorted(self.snapshot.catalog.item_ids, change.item_id))
            key = (row, change.super_category)
            self.review.record_label(did, key, change)
        if len(changes) > 1:
            done = {"set": "set; u undoes all at once", "undo": "undone", "redo": "set again"}
            self.notify(f"{len(changes):,} labels {done[did]}.", timeout=3)
            if self.is_attached:
                if did == "set":
                    self.queue.advance()
                self.write_list()
            return
        if changes and did != "set":
            self.notify(
                f"{sanitize(changes[0].code)}: {sanitize(changes[0].super_category)} is "
                f"{sanitize(labels[0][2] or UNLABELED)} again",
                markup=False,
                timeout=3,
            )
        self.show_change(did, key)

    # ── which labels ─────────────────────────────────────────────────────────

    def action_unlabeled(self) -> None:
        """Review proposals for missing labels, or doubtful labels again."""
        self.action_tab(self._other_tab)

    def action_only(self) -> None:
        """Review only the labels of the next super-category; after the last, all."""
        searcher = self.snapshot.searcher
        if searcher is not None and self.is_free():
            names = [None, *searcher.names]
            self.review.only = names[(names.index(self.review.only) + 1) % len(names)]
            self.review.proposals.is_loaded = self.review.doubts.is_loaded = False
            self.reload()


class ProposalsScreen(DoubtsScreen):
    """A proposal for a missing label: the item, and typical items of the value.

    Enter leaves the item without a label.
    """

    HELP_TITLE = "Proposals"
    TAB = 3
    _kind = "missing"
    _other_tab = 0
    _source = "model"  # nobody looked at them: nothing is learned from them

    def action_keep(self) -> None:
        """Leave the item without a label, undecided."""
        self.action_step(1)


def _figure(entry: LabelIssue) -> str:
    """Return the confidence as a percentage, or the margin where there is none."""
    if entry.confidence is None:
        return f"{entry.margin:.2f}"
    return f"{int(entry.confidence * 100)}%"


class SharePrompt(Prompt):
    """Asks for a share, such as a confidence; returns its text."""

    def __init__(self, question: str, share: float, explain: Callable[[float], str]) -> None:
        """Ask.

        Args:
            question: What to ask for.
            share: The initial share.
            explain: Returns what a share means, in words.
        """
        super().__init__(question, value=f"{share:g}", hint=explain(share))
        self._words = explain

    def typed(self, text: str) -> None:
        """Say what the share means."""
        share = share_of(text)
        self.explain("Type a share, such as 90%." if share is None else self._words(share))

    def submit(self, text: str) -> None:
        """Accept a share only."""
        if share_of(text) is not None:
            self.dismiss(text)


def share_of(text: str) -> float | None:
    """Return the share that a text names: ".6", "0,6", "60%" or "60"; None for any other text."""
    number = text.strip()
    try:
        share = float(number.removesuffix("%").replace(",", "."))
    except ValueError:
        return None
    if number.endswith("%") or share > 1:
        share /= 100
    return share if 0 <= share <= 1 else None
