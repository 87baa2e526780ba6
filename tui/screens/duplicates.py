"""Pairs of items that look like the same product, side by side."""

from dataclasses import replace
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from datrnet.core.progress import StepProgress
from datrnet.core.text import sanitize
from datrnet.db.rows import Verdict
from datrnet.tui.controllers.review import Did, Judgment, Pair, ReviewQueue, find_pairs, pair_key
from datrnet.tui.screens.review_screen import ReviewScreen
from datrnet.tui.snapshot import Snapshot
from datrnet.tui.widgets.detail_pane import UNLABELED
from datrnet.tui.widgets.picture_view import PictureView
from datrnet.tui.widgets.text import MUTED, fitted

SIDES = ("keep", "other")
WORDS: dict[Verdict, str] = {"duplicate": "duplicate", "distinct": "different products"}
NAME_WIDTH = 12


class DuplicatesScreen(ReviewScreen[Pair]):
    """Two pictures, and the labels of both items."""

    HELP_TITLE = "Near-duplicates"
    TAB = 1
    BUSY_TEXT = "Comparing items"
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
    def queue(self) -> ReviewQueue[Pair]:
        """The pairs."""
        return self.review.pairs

    @property
    def subject_words(self) -> str:
        """What the queue holds."""
        return "pairs"

    @property
    def row(self) -> int | None:
        """The item to keep."""
        return None if self.queue.current is None else self.review.sides(self.queue.current)[0]

    def find(self, snapshot: Snapshot, on_progress: StepProgress) -> list[Pair]:
        """Compare all items."""
        return find_pairs(snapshot, on_progress)

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

    def show_case(self, entry: Pair | None) -> None:
        """Show both sides."""
        self.query_one("#question", Static).update(self._question(entry))
        rows = (None, None) if entry is None else self.review.sides(entry)
        for side, row in zip(SIDES, rows, strict=True):
            self.show_picture(self.query_one(f"#{side}-picture", PictureView), row)
            name, facts = (self.query_one(f"#{side}-{part}", Static) for part in ("name", "facts"))
            name.update("" if row is None else self._heading(side, row))
            facts.update("" if row is None else self._facts(row, rows))

    def _question(self, entry: Pair | None) -> Content:
        if entry is None:
            return Content("No near-duplicates found." if self.queue.is_loaded else "")
        decision, difference = self.queue.decision_on(entry), entry.other.difference
        details = "" if difference is None else f"; the pictures differ by {difference:.2f}"
        question = f"Decided: {decision}." if decision else "Same product?"
        return Content.assemble(
            (entry.other.reason.capitalize(), "bold"), (f"{details}. {question}", MUTED)
        )

    def _heading(self, side: str, row: int) -> Content:
        catalog = self.snapshot.catalog
        word = "keep" if side == "keep" else "duplicate?"
        return Content.assemble(
            (f"{word}  ", "$text-accent"),
            (sanitize(catalog.codes[row]), "bold"),
            f"\n{sanitize(catalog.titles[row])}",
        )

    def _facts(self, row: int, rows: tuple[int | None, ...]) -> Content:
        """Return the labels of an item; those that the other item does not share stand out."""
        catalog = self.snapshot.catalog
        labels = [catalog.labels_of(side) for side in rows if side is not None]
        parts: list[str | tuple[str, str]] = []
        for name, value in catalog.labels_of(row).items():
            differs = len({of_side[name] for of_side in labels}) > 1
            parts.append((fitted(name, NAME_WIDTH), MUTED))
            style = "$text-warning" if differs else "" if value else MUTED
            parts.append((f"{sanitize(value or UNLABELED)}\n", style))
        return Content.assemble(*parts)

    # ── decisions ────────────────────────────────────────────────────────────

    def action_swap(self) -> None:
        """Keep the other item of the two."""
        if (entry := self.queue.current) is not None:
            self.review.swapped ^= {pair_key(entry)}
            self.rewrite_current()
            self.show_current()

    def action_judge(self, verdict: Verdict) -> None:
        """Decide whether both are the same product."""
        if (entry := self.queue.current) is not None:
            keep, other = self.review.sides(entry)
            judgment = Judgment(entry, keep, other, verdict, None)
            self._judge("judge", judgment, verdict)

    def action_undo(self) -> None:
        """Undo the last verdict of this review."""
        if self.review.judgments:
            last = self.review.judgments[-1]
            self._judge("undo", last, last.before)
        else:
            self.notify("Nothing to undo.", timeout=2)

    def action_redo(self) -> None:
        """Redo the last undone verdict."""
        if self.review.undone:
            last = self.review.undone[-1]
            self._judge("redo", last, last.verdict)
        else:
            self.notify("Nothing to redo.", timeout=2)

    def _judge(self, did: Did, judgment: Judgment, verdict: Verdict | None) -> None:
        ids, store = self.snapshot.catalog.item_ids, self.library.store
        keep, other = int(ids[judgment.kept]), int(ids[judgment.other])

        self.write(
            lambda: store.judge_pair(keep, other, verdict),
            partial(self._show_judged, did, judgment),
        )

    def _show_judged(self, did: Did, judgment: Judgment, before: Verdict | None) -> None:
        review, key = self.review, pair_key(judgment.pair)
        if did == "undo":
            review.judgments.remove(judgment)
            review.undone.append(judgment)
            self.queue.decisions.pop(key, None)
        else:
            if did == "redo":
                review.undone.remove(judgment)
            else:
                judgment = replace(judgment, before=before)
                review.undone.clear()
            review.judgments.append(judgment)
            self.queue.decisions[key] = WORDS[judgment.verdict]
        if not self.is_attached:
            return
        if did == "judge":
            self.show_decision()
        else:
            self.queue.go_to(key)
            self.rewrite_current()
            self.show_current()
