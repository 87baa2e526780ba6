"""What a review of the catalog finds: doubtful labels, and proposals for missing ones."""

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
    confidence: float | None
    """Probability that the prediction is right; None if the index is not calibrated."""
    self_confidence: float | None
    """Probability that the label is right; without a label, of the second likeliest value."""
    margin: float
    """How much closer the prediction is than the label, from -1 to 1."""
    distance: float
    """To the closest prototype of the label; without a label, of the second closest value."""
    guess_distance: float
    """To the prototype of the guess."""

    def __repr__(self) -> str:
        """Return what is doubted of which item."""
        label, strength = self.label or "no label", self.strength
        return f"<Doubt {self.id}: {self.super_category} {label} or {self.guess}, {strength:.2f}>"

    @property
    def strength(self) -> float:
        """What doubts are sorted by: the confidence, or the margin where there is none."""
        return self.margin if self.confidence is None else self.confidence


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
        kind = "margin" if doubt.confidence is None else "confidence"
        lines = [doubt.title, words, f"{kind} {doubt.strength:.2f}"]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A value that the model proposes for an item."""

    id: str
    """Of the item."""
    title: str
    super_category: str
    value: str
    confidence: float
    """Calibrated probability of the value."""
    second: float
    """Probability of the runner-up."""
    label: str | None
    """The earlier proposal that was accepted; None if there is no label."""

    def __repr__(self) -> str:
        """Return what is proposed for which item."""
        return f"<Suggestion {self.id}: {self.super_category} {self.value}, {self.confidence:.2f}>"


class Suggestions(Tabular, Sequence[Suggestion]):
    """Proposed labels, the surest first: a sequence of ``Suggestion``, with the same columns."""

    def __init__(
        self,
        items: Items,
        issues: Sequence[LabelIssue],
        *,
        num_unsure: int,
        uncalibrated: Sequence[str],
    ) -> None:
        """Name the items of proposals.

        Args:
            items: All items of the catalog.
            issues: The proposals, each with a confidence.
            num_unsure: Proposals that are less sure than what was asked for.
            uncalibrated: Super-categories without calibrated probabilities.
        """
        self._items, self._issues = items, issues
        self.num_unsure = num_unsure
        """How many more there are, less sure than what was asked for."""
        self.uncalibrated = tuple(uncalibrated)
        """Super-categories of which the probabilities are not calibrated: nothing is proposed."""

    def __repr__(self) -> str:
        """Return how many there are, and the surest."""
        return f"<{len(self):,} suggestions{f', first {self[0]!r}' if self else ''}>"

    def _repr_html_(self) -> str:
        return cards_html(map(self._card, self[:MOST_CARDS]), total=len(self))

    def _card(self, found: Suggestion) -> PictureCard:
        words = f"{found.super_category}: {found.value}, {found.confidence:.0%}"
        picture = self._items[found.id].card().picture
        return PictureCard(picture=picture, heading=found.id, lines=[found.title, words])

    def __len__(self) -> int:
        return len(self._issues)

    @overload
    def __getitem__(self, place: int) -> Suggestion: ...
    @overload
    def __getitem__(self, place: slice) -> list[Suggestion]: ...
    def __getitem__(self, place: int | slice) -> Suggestion | list[Suggestion]:
        """Return a proposal by its place, from 0."""
        found = self._issues[place]
        return (
            self._named(found) if isinstance(found, LabelIssue) else list(map(self._named, found))
        )

    def _named(self, issue: LabelIssue) -> Suggestion:
        item = self._items.at(issue.row)
        assert issue.confidence is not None
        assert issue.self_confidence is not None
        return Suggestion(
            id=item.id,
            title=item.title,
            super_category=issue.super_category,
            value=issue.guess,
            confidence=issue.confidence,
            second=issue.self_confidence,
            label=issue.label,
        )

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Return a row per proposal, with a column for each field of ``Suggestion``."""
        names = list(Suggestion.__dataclass_fields__)
        return names, [[getattr(found, name) for name in names] for found in self]
