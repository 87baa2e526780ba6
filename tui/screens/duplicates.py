"""Items that seem to be in the catalogue twice, side by side: one thing, or two."""

from collections.abc import Callable
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from datrnet.core.errors import DatrnetError
from datrnet.core.review.duplicates import Progress
from datrnet.core.text import inert
from datrnet.db.rows import Verdict
from datrnet.tui.fitting import fitted
from datrnet.tui.messages import PairJudged
from datrnet.tui.review_desk import Judged, PairFound, Pile
from datrnet.tui.screens.review_screen import ReviewScreen
from datrnet.tui.text_styles import MUTED
from datrnet.tui.widgets.facts import UNLABELED
from datrnet.tui.widgets.picture_view import PictureView

SIDES = ("keep", "other")
WORDS: dict[Verdict, str] = {"duplicate": "marked as duplicate", "distinct": "two items"}
NAME_WIDTH = 12

Did = Literal["judge", "undo", "redo"]


class DuplicatesScreen(ReviewScreen[PairFound]):
    """Two pictures, and what the catalogue says of both."""

    HELP_TITLE = "Near-duplicates"
    TAB = 1
    WHILE_FINDING = "Comparing items"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter,m", "judge('duplicate')", "Mark right", key_display="m", id="duplicates.mark"
        ),
        Binding("x", "judge('distinct')", "Keep both", id="duplicates.keep_both"),
        Binding("w", "swap", "Swap", id="duplicates.swap"),
        Binding("u", "undo", "Undo", id="duplicates.undo"),
        Binding("r,ctrl+r", "redo", "Redo", key_display="r", id="duplicates.redo"),
    ]

    _is_writing = False

    @property
    def pile(self) -> Pile[PairFound]:
        """The pairs."""
        return self.desk.pairs

    @property
    def which(self) -> str:
        """What is in the list."""
        return "pairs"

    @property
    def row(self) -> int | None:
        """The item that would be kept."""
        return None if self.pile.current is None else self.desk.sides(self.pile.current)[0]

    def find(self, on_progress: Progress) -> list[PairFound]:
        """Compare all items."""
        return self.desk.find_pairs(on_progress)

    def compose_case(self) -> ComposeResult:
        """The question over the two sides."""
        with Vertical(id="case"):
            yield Static(id="question", markup=False)
            with Horizontal(id="sides"):
                for side in SIDES:
                    with Vertical(classes="side"):
                        yield Static(id=f"{side}-name", classes="side-name", markup=False)
                        yield PictureView(id=f"{side}-picture")
                        yield Static(id=f"{side}-facts", classes="side-facts", markup=False)

    def line(self, entry: PairFound, width: int) -> Content:
        """Return the two codes and why they seem to be one, or what was said."""
        said, codes = self.pile.word_on(entry), self.library.catalog.codes
        keep, other = self.desk.sides(entry)
        words = said or entry.other.reason
        room = max(4, width - len(words) - 3)
        return Content.assemble(
            ("  " if said is None else "✓ ", "$text-success"),
            fitted(f"{inert(codes[keep])}  {inert(codes[other])}", room),
            (f" {words}", MUTED),
        )

    def show_case(self, entry: PairFound | None) -> None:
        """Show both sides."""
        self.query_one("#question", Static).update(self._question(entry))
        rows = (None, None) if entry is None else self.desk.sides(entry)
        for side, row in zip(SIDES, rows, strict=True):
            self.show_picture(self.query_one(f"#{side}-picture", PictureView), row)
            name, facts = (self.query_one(f"#{side}-{part}", Static) for part in ("name", "facts"))
            name.update("" if row is None else self._heading(side, row))
            facts.update("" if row is None else self._facts(row, rows))

    def _question(self, entry: PairFound | None) -> Content:
        if entry is None:
            return Content("No two items seem to be one." if self.pile.is_found else "")
        said, difference = self.pile.word_on(entry), entry.other.difference
        how = "" if difference is None else f", pictures differ by {difference:.2f}"
        tail = f"You said: {said}." if said else "Is the right one the left one again?"
        return Content.assemble(
            (entry.other.reason.capitalize(), "bold"), (f"{how}. {tail}", MUTED)
        )

    def _heading(self, side: str, row: int) -> Content:
        catalog = self.library.catalog
        word = "keep" if side == "keep" else "duplicate?"
        return Content.assemble(
            (f"{word}  ", "$text-accent"),
            (inert(catalog.codes[row]), "bold"),
            f"\n{inert(catalog.titles[row])}",
        )

    def _facts(self, row: int, rows: tuple[int | None, ...]) -> Content:
        """Return an item's labels, with those marked that the other one does not share."""
        catalog = self.library.catalog
        labels = [catalog.labels_of(one) for one in rows if one is not None]
        parts: list[str | tuple[str, str]] = []
        for name, value in catalog.labels_of(row).items():
            differs = len({one[name] for one in labels}) > 1
            parts.append((fitted(name, NAME_WIDTH), MUTED))
            style = "$text-warning" if differs else "" if value else MUTED
            parts.append((f"{inert(value or UNLABELED)}\n", style))
        return Content.assemble(*parts)

    # ── what is said ─────────────────────────────────────────────────────────

    def action_swap(self) -> None:
        """Keep the other one of the two."""
        if (entry := self.pile.current) is not None:
            self.desk.swapped ^= {self.pile.key(entry)}
            self.rewrite_current()
            self.show_current()

    def action_judge(self, verdict: Verdict) -> None:
        """Say that the right one is the left one again, or that they are two items."""
        if (entry := self.pile.current) is None:
            return
        keep, other = self.desk.sides(entry)

        def judge() -> None:
            before = self._judge(keep, other, verdict)
            self.desk.judged.append(Judged(entry, keep, other, verdict, before))
            self.desk.taken_back.clear()

        self._write("judge", judge)

    def action_undo(self) -> None:
        """Take the last verdict of this visit back."""
        if not self.desk.judged:
            self.notify("There is nothing to undo.", timeout=2)
            return
        last = self.desk.judged[-1]

        def take_back() -> None:
            self._judge(last.kept, last.other, last.before)
            self.desk.taken_back.append(self.desk.judged.pop())

        self._write("undo", take_back)

    def action_redo(self) -> None:
        """Give the verdict again that was taken back."""
        if not self.desk.taken_back:
            self.notify("There is nothing to redo.", timeout=2)
            return
        last = self.desk.taken_back[-1]

        def give_again() -> None:
            self._judge(last.kept, last.other, last.verdict)
            self.desk.judged.append(self.desk.taken_back.pop())

        self._write("redo", give_again)

    def _judge(self, keep: int, other: int, verdict: Verdict | None) -> Verdict | None:
        ids = self.library.catalog.item_ids
        return self.library.store.judge_pair(int(ids[keep]), int(ids[other]), verdict)

    def _write(self, did: Did, change: Callable[[], None]) -> None:
        if self._is_writing:
            self.notify("The word before is still being written.", timeout=2)
            return
        self._is_writing = True
        self.run_worker(lambda: self._write_now(did, change), thread=True, group="verdict")

    def _write_now(self, did: Did, change: Callable[[], None]) -> None:
        try:
            change()
            message = PairJudged(did)
        except DatrnetError as error:
            message = PairJudged(did, error)
        self.post_message(message)

    @on(PairJudged)
    def _go_on(self, message: PairJudged) -> None:
        self._is_writing = False
        if message.error is not None:
            self.tell(message.error)
            return
        last = self.desk.taken_back[-1] if message.did == "undo" else self.desk.judged[-1]
        key = self.pile.key(last.pair)
        if message.did == "undo":
            self.pile.said.pop(key, None)
        else:
            self.pile.said[key] = WORDS[last.verdict]
        if message.did == "judge":
            self.decided()
        else:
            self.pile.go_to(key)
            self.rewrite_current()
            self.show_current()

    def may_leave(self) -> bool:
        """Tell whether everything said is written."""
        if self._is_writing:
            self.notify("The last word is still being written.", timeout=2)
        return not self._is_writing
