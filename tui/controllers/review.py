"""A review of the catalog: queues of findings and the decisions on them. No screen, no threads."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from datrnet.core.progress import StepProgress
from datrnet.core.review.duplicates import Duplicate, duplicates_of
from datrnet.core.review.label_issues import LabelIssue, label_issues
from datrnet.core.review.unmet_requests import (
    ClosestMatch,
    UnmetRequest,
    session_requests,
    unmet_requests,
)
from datrnet.db.rows import LabelChange, Verdict
from datrnet.tui.snapshot import Snapshot

MAX_FINDINGS = 1000
"""Findings per queue, the surest first. More come once these are decided."""

NUM_TYPICAL = 12
"""Typical items shown per value."""

Entry = TypeVar("Entry")

Did = Literal["set", "judge", "undo", "redo"]
"""What a change to the database was."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two items that look like the same product."""

    keep: int
    other: Duplicate


@dataclass(frozen=True, slots=True)
class Judgment:
    """A verdict on a pair, and the verdict before it."""

    pair: Pair
    kept: int
    other: int
    verdict: Verdict
    before: Verdict | None


class ReviewQueue(Generic[Entry]):
    """Findings of one kind, one of them current."""

    def __init__(self, key: Callable[[Entry], Hashable]) -> None:
        """Start empty.

        Args:
            key: Identifies a finding, also after the queue is loaded again.
        """
        self.key = key
        self.entries: list[Entry] = []
        self.is_loaded = False
        self.position = 0
        self.decisions: dict[Hashable, str] = {}
        """Decisions in words, by the key of the finding."""
        self._seen: set[Hashable] = set()

    def load(self, entries: Sequence[Entry]) -> None:
        """Replace the findings; which ones have been seen is kept."""
        self.entries, self.position, self.is_loaded = list(entries), 0, True

    @property
    def current(self) -> Entry | None:
        """The finding being reviewed."""
        return self.entries[self.position] if self.entries else None

    @property
    def num_seen(self) -> int:
        """How many findings have been current."""
        return sum(self.key(entry) in self._seen for entry in self.entries)

    def decision_on(self, entry: Entry) -> str | None:
        """Return the decision on a finding."""
        return self.decisions.get(self.key(entry))

    def mark_seen(self) -> None:
        """Count the current finding as seen."""
        if self.current is not None:
            self._seen.add(self.key(self.current))

    def go(self, position: int) -> None:
        """Make another finding current, or the nearest there is."""
        self.position = max(0, min(position, len(self.entries) - 1))

    def go_to(self, key: Hashable) -> bool:
        """Make the finding with a key current; return whether there is one."""
        for position, entry in enumerate(self.entries):
            if self.key(entry) == key:
                self.position = position
                return True
        return False

    def advance(self) -> None:
        """Go to the next undecided finding, from the end to the first such; stay without one."""
        positions = [*range(self.position + 1, len(self.entries)), *range(self.position)]
        undecided = (place for place in positions if self.decision_on(self.entries[place]) is None)
        self.position = next(undecided, self.position)


DoubtKey = tuple[int, str]


def doubt_key(doubt: LabelIssue) -> DoubtKey:
    """Return what identifies a doubtful label."""
    return doubt.row, doubt.super_category


def pair_key(pair: Pair) -> tuple[int, int]:
    """Return what identifies a pair."""
    return pair.keep, pair.other.row


def gap_key(gap: UnmetRequest) -> Hashable:
    """Return what identifies a gap."""
    return gap.wanted


@dataclass
class ReviewSession:
    """Everything that the tabs of a review share."""

    doubts: ReviewQueue[LabelIssue] = field(default_factory=lambda: ReviewQueue(doubt_key))
    pairs: ReviewQueue[Pair] = field(default_factory=lambda: ReviewQueue(pair_key))
    gaps: ReviewQueue[UnmetRequest] = field(default_factory=lambda: ReviewQueue(gap_key))
    closest: dict[Hashable, ClosestMatch | None] = field(default_factory=dict)
    """The closest match to a gap, by its key."""
    judgments: list[Judgment] = field(default_factory=list)
    """Verdicts of this review, for undo."""
    undone: list[Judgment] = field(default_factory=list)
    """Undone verdicts, for redo."""
    swapped: set[Hashable] = field(default_factory=set)
    """Keys of the pairs whose other item is to be kept."""
    unlabeled: bool = False
    """Whether missing labels are reviewed rather than doubtful ones."""
    only: str | None = None
    """The only super-category whose labels are reviewed; None for all."""
    num_relabeled: int = 0
    """Labels changed since the index was built."""
    typical: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """Rows of typical items, by super-category and value."""

    def forget_typical(self, change: LabelChange) -> None:
        """Drop the typical items of the values of a changed label."""
        for value in (change.old_value, change.new_value):
            if value is not None:
                self.typical.pop((change.super_category, value), None)

    def sides(self, pair: Pair) -> tuple[int, int]:
        """Return the rows of a pair: the item to keep, and the other."""
        rows = (pair.keep, pair.other.row)
        return rows[::-1] if pair_key(pair) in self.swapped else rows


def find_doubts(snapshot: Snapshot, *, unlabeled: bool, only: str | None) -> list[LabelIssue]:
    """Return doubtful labels, or what the model predicts where a label is missing.

    Raises:
        DatrnetError: There is no index, or it cannot judge labels.
    """
    if snapshot.searcher is None:
        assert snapshot.index_error is not None
        raise snapshot.index_error
    settled, names = snapshot.store.labels_by_person(), () if only is None else (only,)
    return label_issues(snapshot.searcher, settled, names, unlabeled=unlabeled)[:MAX_FINDINGS]


def find_pairs(snapshot: Snapshot, on_progress: StepProgress) -> list[Pair]:
    """Return pairs of items that look like the same product.

    Raises:
        DatrnetError: The catalog or the index cannot be read.
    """
    verdicts = snapshot.store.pair_verdicts()
    groups = duplicates_of(
        snapshot.workspace, snapshot.catalog, snapshot.searcher, verdicts, on_progress
    )
    return [Pair(group.keep, other) for group in groups for other in group.others][:MAX_FINDINGS]


def find_gaps(snapshot: Snapshot) -> list[UnmetRequest]:
    """Return popular combinations of values that no item has.

    Raises:
        DatabaseError: The catalog cannot be read.
    """
    return unmet_requests(snapshot.catalog, session_requests(snapshot.store))[:MAX_FINDINGS]


def count_relabeled(snapshot: Snapshot) -> int:
    """Return how many labels have changed since the index was built; 0 without an index.

    Raises:
        DatabaseError: The database cannot be read.
    """
    if snapshot.searcher is None:
        return 0
    return snapshot.store.num_relabeled_since(snapshot.searcher.generation.manifest.created_at)
