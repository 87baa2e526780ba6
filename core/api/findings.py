"""What a review of the catalog finds: doubtful labels."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, overload

from datrnet.core.api.frames import MOST_CARDS, PictureCard, Tabular, cards_html
from datrnet.core.api.items import Items
from datrnet.core.review.label_issues import LabelIssue


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A label that the model contradicts, or its suggestion for a missing one."""

    id: str
    """Of the item."""
    title: str
    super_category: str
    label: str | None
    """The current label, several values joined by a bar; None if there is none."""
    guess: str
    """The value predicted by the model."""
    margin: float
    """The model's confidence, from 0 to 1."""
    distance: float
    """To the closest prototype of the label; without a label, of the second closest value."""
    guess_distance: float
    """To the prototype of the guess."""

    def __repr__(self) -> str:
        """Return what is doubted of which item."""
        label = self.label or "no label"
        return (
            f"<Doubt {self.id}: {self.super_category} {label} or {self.guess}, {self.margin:.2f}>"
        )


class Doubts(Tabular, Sequence[Doubt]):
    """Doubtful labels, the strongest first: a sequence of ``Doubt``, with the same columns."""

    def __init__(self, items: Items, issues: Sequence[LabelIssue], num_relabeled: int) -> None:
        """Name the items of issues.

        Args:
            items: All items of the catalog.
            issues: The issues.
            num_relabeled: Labels that changed since the index was made.
        """
        self._items, self._issues = items, issues
        self.num_relabeled = num_relabeled
        """How many labels changed since the index was made, which does not know of them."""

    def __repr__(self) -> str:
        """Return how many there are, and the strongest."""
        return f"<{len(self):,} doubts{f', first {self[0]!r}' if self else ''}>"

    def _repr_html_(self) -> str:
        return cards_html(map(self._card, self[:MOST_CARDS]), total=len(self))

    def _card(self, doubt: Doubt) -> PictureCard:
        words = f"{doubt.super_category}: {doubt.label or 'no label'} → {doubt.guess}"
        picture = self._items[doubt.id].card().picture
        lines = [doubt.title, words, f"margin {doubt.margin:.2f}"]
        return PictureCard(picture=picture, heading=doubt.id, lines=lines)

    def __len__(self) -> int:
        return len(self._issues)

    @overload
    def __getitem__(self, place: int) -> Doubt: ...
    @overload
    def __getitem__(self, place: slice) -> list[Doubt]: ...
    def __getitem__(self, place: int | slice) -> Doubt | list[Doubt]:
        """Return a doubt by its place, from 0."""
        found = self._issues[place]
        return (
            self._doubt(found) if isinstance(found, LabelIssue) else list(map(self._doubt, found))
        )

    def _doubt(self, issue: LabelIssue) -> Doubt:
        item = self._items.at(issue.row)
        facts = {name: value for name, value in asdict(issue).items() if name != "row"}
        return Doubt(id=item.id, title=item.title, **facts)

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Return a row per doubt, with a column for each field of ``Doubt``."""
        names = list(Doubt.__dataclass_fields__)
        return names, [[getattr(doubt, name) for name in names] for doubt in self]
