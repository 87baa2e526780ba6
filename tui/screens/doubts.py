"""Labels that the model doubts, one by one: accept its value, keep the label, or say another."""

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual.worker import get_current_worker

from datrnet.core.errors import DatrnetError
from datrnet.core.review.doubts import Doubt
from datrnet.core.review.duplicates import Progress
from datrnet.core.text import inert
from datrnet.db.rows import LabelChange
from datrnet.tui.fitting import fitted
from datrnet.tui.messages import LabelWritten, TypicalFound
from datrnet.tui.review_desk import Pile, doubt_key
from datrnet.tui.screens.review_screen import ReviewScreen
from datrnet.tui.screens.value_picker import ValuePicker
from datrnet.tui.text_styles import MUTED
from datrnet.tui.widgets.detail_pane import DetailPane
from datrnet.tui.widgets.thumb_grid import EMPTY, Listing, ThumbGrid

NO_LABEL = "no label"
NONE_HOLDS = "none holds"
NAME_WIDTH = 10
MARGIN_WIDTH = 5

Did = Literal["set", "undo", "redo"]


class DoubtsScreen(ReviewScreen[Doubt]):
    """A doubted label with its picture, and what is typical of both values."""

    HELP_TITLE = "Doubted labels"
    TAB = 0
    WHILE_FINDING = "Looking for doubts"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "accept", "Accept", key_display="y", id="doubts.accept"),
        Binding("x", "keep", "Keep", id="doubts.keep"),
        Binding("e", "other", "Other value", id="doubts.other_value"),
        Binding("n", "none", "None holds", id="doubts.none_holds"),
        Binding("u", "undo", "Undo", id="doubts.undo"),
        Binding("r,ctrl+r", "redo", "Redo", key_display="r", id="doubts.redo"),
        Binding("t", "unlabelled", "Doubted or unlabelled", show=False, id="doubts.unlabelled"),
        Binding("f", "only", "Only one super-category", show=False, id="doubts.only"),
        Binding("a", "look(1)", "Where the next network looks", show=False, id="doubts.look_next"),
        Binding(
            "A", "look(-1)", "Where the network before looks", show=False, id="doubts.look_previous"
        ),
    ]

    _is_writing = False

    @property
    def pile(self) -> Pile[Doubt]:
        """The doubts."""
        return self.desk.doubts

    @property
    def row(self) -> int | None:
        """The item whose label is doubted."""
        return None if self.pile.current is None else self.pile.current.row

    def find(self, on_progress: Progress) -> list[Doubt]:
        """Find what is doubted."""
        return self.desk.find_doubts()

    def compose_case(self) -> ComposeResult:
        """The item in the middle, what is typical of the two values beside it."""
        thumbnails = self.library.thumbnails
        with Vertical(id="case"):
            yield Static(id="question", markup=False)
            yield DetailPane(id="detail")
        with Vertical(id="typical"):
            for side in ("label", "guess"):
                yield Static(id=f"{side}-name", classes="typical-name", markup=False)
                grid = ThumbGrid(thumbnails, id=f"{side}-items")
                grid.can_focus = False
                yield grid

    # ── what is shown ────────────────────────────────────────────────────────

    def line(self, entry: Doubt, width: int) -> Content:
        """Return super-category, label, guess and margin, or what was said."""
        said = self.pile.word_on(entry)
        mark = "  " if said is None else "✓ "
        outcome = entry.guess if said is None else said
        room = max(4, width - NAME_WIDTH - MARGIN_WIDTH - 4)
        words = fitted(f"{inert(entry.label or NO_LABEL)} → {inert(outcome)}", room)
        return Content.assemble(
            (mark, "$text-success"),
            (f"{fitted(entry.super_category, NAME_WIDTH)} ", MUTED),
            (words, "" if said is None else MUTED),
            (f"{entry.margin:>{MARGIN_WIDTH}.2f}", MUTED),
        )

    def show_case(self, entry: Doubt | None) -> None:
        """Show the item, the question, and what is typical."""
        self.warn(self._stale_words)
        self.query_one("#question", Static).update(self._question(entry))
        self.detail.show(None if entry is None else self.subject(entry.row))
        self.show_picture(self.detail.picture, None if entry is None else entry.row)
        if entry is None:
            for side in ("label", "guess"):
                self._show_typical(side, "", [])
        else:
            self._find_typical(entry)

    def _question(self, entry: Doubt | None) -> Content:
        if entry is None:
            return Content(inert(self._nothing_words))
        said = self.pile.word_on(entry)
        label = "has no label" if entry.label is None else f"is labelled {inert(entry.label)}"
        first = Content.assemble(
            (inert(entry.super_category), "bold"),
            f" {label}; the model says ",
            (inert(entry.guess), "bold $text-accent"),
        )
        against = "the next value" if entry.label is None else inert(entry.label)
        second = (
            f"margin {entry.margin:.2f}: {entry.guess_distance:.2f} from {inert(entry.guess)}, "
            f"{entry.distance:.2f} from {against}"
            if said is None
            else f"You said: {inert(said)}. u takes the last word back."
        )
        return Content.assemble(first, "\n", (second, MUTED))

    @property
    def _nothing_words(self) -> str:
        if self.library.trouble is not None:
            return f"{self.library.trouble} Until then no label can be doubted."
        if not self.pile.is_found:
            return "The labels cannot be looked at."
        which = "item without a label" if self.desk.unlabelled else "label is doubted"
        where = "" if self.desk.only is None else f" in {self.desk.only}"
        return f"No {which}{where}. t and f show others."

    @property
    def _stale_words(self) -> str:
        number = self.desk.num_relabelled
        if not number:
            return ""
        labels = "1 label is" if number == 1 else f"{number:,} labels are"
        return f"{labels} newer than the prototypes: `datrnet index` renews them."

    @work(thread=True, exclusive=True, group="typical")
    def _find_typical(self, entry: Doubt) -> None:
        worker = get_current_worker()
        values = [one for one in (entry.label, entry.guess) if one is not None]
        rows = {one: self.desk.typical(entry.super_category, one) for one in values}
        if not worker.is_cancelled:
            self.post_message(TypicalFound(entry.super_category, rows))

    @on(TypicalFound)
    def _show_both(self, message: TypicalFound) -> None:
        entry = self.pile.current
        if entry is None or message.super_category != entry.super_category:
            return
        for side, value in (("label", entry.label), ("guess", entry.guess)):
            rows = [row for row in message.rows.get(value or "", []) if row != entry.row]
            self._show_typical(side, "" if value is None else f"Typical: {value}", rows)

    def _show_typical(self, side: str, heading: str, rows: list[int]) -> None:
        catalog = self.library.catalog
        self.query_one(f"#{side}-name", Static).update(inert(heading))
        listing = Listing(
            rows=np.array(rows, dtype=np.intp),
            caption=lambda place: (catalog.titles[rows[place]], catalog.codes[rows[place]]),
        )
        self.query_one(f"#{side}-items", ThumbGrid).show(listing if rows else EMPTY)

    # ── what is said ─────────────────────────────────────────────────────────

    def action_accept(self) -> None:
        """Give the item the model's value."""
        if (entry := self.pile.current) is not None:
            self._say(entry, entry.guess)

    def action_keep(self) -> None:
        """Confirm the label; an item without one is left without."""
        if (entry := self.pile.current) is not None:
            self._say(entry, entry.label)

    def action_none(self) -> None:
        """Say that none of the values holds."""
        if (entry := self.pile.current) is not None:
            self._say(entry, None)

    def action_other(self) -> None:
        """Choose another value."""
        entry = self.pile.current
        if entry is None:
            return
        catalog = self.library.catalog
        notes = {entry.guess: "the model's"}
        if entry.label is not None:
            notes[entry.label] = "the label"
        picker = ValuePicker(
            f"{entry.super_category} of {catalog.codes[entry.row]}",
            catalog.super_categories[catalog.super_category_idx(entry.super_category)],
            self.library.value_counts[entry.super_category],
            notes,
            entry.guess,
        )

        def chosen(value: str | None) -> None:
            if value is not None:
                self._say(entry, value)

        self.app.push_screen(picker, chosen)

    def _say(self, entry: Doubt, value: str | None) -> None:
        """Write a person's label; the list goes on when it is written."""
        store = self.library.store
        item_id = int(self.library.catalog.item_ids[entry.row])
        self._write("set", lambda: store.set_label(item_id, entry.super_category, value, "person"))

    def action_undo(self) -> None:
        """Take back the last change of a label, of this visit or of one before."""
        self._write("undo", self.library.store.undo_label)

    def action_redo(self) -> None:
        """Make the change again that was taken back last."""
        self._write("redo", self.library.store.redo_label)

    def _write(self, did: Did, change: Callable[[], LabelChange | None]) -> None:
        if self._is_writing:
            self.notify("The word before is still being written.", timeout=2)
            return
        self._is_writing = True
        self.run_worker(lambda: self._write_now(did, change), thread=True, group="label")

    def _write_now(self, did: Did, change: Callable[[], LabelChange | None]) -> None:
        """Change the database and then the catalogue in memory, in a thread."""
        try:
            made = change()
            if made is not None:
                value = made.old_value if did == "undo" else made.new_value
                self.library.relabel(self._row_of(made), made.super_category, value)
                self.desk.relabelled(made)
            self.desk.count_relabelled()
            message = LabelWritten(made, did)
        except DatrnetError as error:
            message = LabelWritten(None, did, error)
        self.post_message(message)

    def _row_of(self, change: LabelChange) -> int:
        return int(np.searchsorted(self.library.catalog.item_ids, change.item_id))

    @on(LabelWritten)
    def _go_on(self, message: LabelWritten) -> None:
        self._is_writing = False
        change, did = message.change, message.did
        if message.error is not None:
            self.tell(message.error)
        elif did == "set":
            entry = self.pile.current
            if change is not None:
                self.pile.said[self._row_of(change), change.super_category] = _words(change)
            elif entry is not None:
                self.pile.said[doubt_key(entry)] = entry.label or NONE_HOLDS
            self.decided()
        elif change is None:
            self.notify(f"There is nothing to {did}.", timeout=2)
        else:
            self._show_moved(change, did)

    def _show_moved(self, change: LabelChange, did: Did) -> None:
        """Show a label that was taken back or set again, where it is in the list."""
        key = (self._row_of(change), change.super_category)
        if did == "redo":
            self.pile.said[key] = _words(change)
        else:
            self.pile.said.pop(key, None)
        value = change.old_value if did == "undo" else change.new_value
        self.notify(
            f"{inert(change.code)}: {inert(change.super_category)} is "
            f"{inert(value or NO_LABEL)} again",
            markup=False,
            timeout=3,
        )
        if self.pile.go_to(key):
            self.rewrite_current()
        self.show_current()

    def may_leave(self) -> bool:
        """Tell whether everything said is written."""
        if self._is_writing:
            self.notify("The last word is still being written.", timeout=2)
        return not self._is_writing

    # ── which are offered ────────────────────────────────────────────────────

    def action_unlabelled(self) -> None:
        """Offer items without a label, or labels that are doubted."""
        self.desk.unlabelled = not self.desk.unlabelled
        self._seek_others()

    def action_only(self) -> None:
        """Offer only the labels of the next super-category, after the last one all."""
        searcher = self.library.searcher
        if searcher is not None:
            names = [None, *searcher.names]
            self.desk.only = names[(names.index(self.desk.only) + 1) % len(names)]
            self._seek_others()

    def _seek_others(self) -> None:
        if self.may_leave():
            self.seek()

    @property
    def which(self) -> str:
        """What is offered: doubted or unlabelled, and of which super-category."""
        kind = "unlabelled" if self.desk.unlabelled else "doubted"
        return kind if self.desk.only is None else f"{kind}, {self.desk.only}"


def _words(change: LabelChange) -> str:
    """Return what a person said."""
    if change.new_value is None:
        return NONE_HOLDS
    return f"{change.new_value}, kept" if change.new_value == change.old_value else change.new_value
