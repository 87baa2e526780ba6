"""A review of the catalog: queues of findings and the decisions on them. No screen, no threads."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, Protocol, TypeVar

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

NUM_TYPICAL = 4
"""Typical items found per value: one more than is shown, as the item itself is none of them."""

SURE = 0.95
"""Confidence from which all proposals are accepted at once, unless another is typed."""

NONE_APPLIES = "none applies"
KEPT = "kept"
VERDICTS: dict[Verdict, str] = {"duplicate": "duplicate", "distinct": "different products"}

Did = Literal["set", "undo", "redo"]
"""What was done to a decision."""


class Keyed(Protocol):
    """What a queue holds."""

    @property
    def key(self) -> Hashable:
        """What identifies the finding, also after its queue is loaded again."""


Entry = TypeVar("Entry", bound=Keyed)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two items that look like the same product."""

    keep: int
    other: Duplicate

    @property
    def key(self) -> tuple[int, int]:
        """The rows of both items."""
        return self.keep, self.other.row


@dataclass(frozen=True, slots=True)
class Judgment:
    """A verdict on a pair, and the verdict before it."""

    pair: Pair
    kept: int
    other: int
    verdict: Verdict
    before: Verdict | None = None


def sure_of(queue: "ReviewQueue[LabelIssue]", least: float) -> list[LabelIssue]:
    """Return the undecided labels of which the model is at least as sure."""
    return [
        entry
        for entry in queue.entries
        if queue.decision_on(entry) is None
        and entry.confidence is not None
        and entry.confidence >= least
    ]


class ReviewQueue(Generic[Entry]):
    """Findings of one kind, one of them current."""

    def __init__(self) -> None:
        """Start empty."""
        self.entries: list[Entry] = []
        self.is_loaded = False
        self.position = 0
        self.decisions: dict[Hashable, str] = {}
        """Decisions in words, by the key of the finding."""

    def load(self, entries: Sequence[Entry]) -> None:
        """Replace the findings; decisions are kept."""
        self.entries, self.position, self.is_loaded = list(entries[:MAX_FINDINGS]), 0, True

    @property
    def current(self) -> Entry | None:
        """The finding being reviewed."""
        return self.entries[self.position] if self.entries else None

    def decision_on(self, entry: Entry) -> str | None:
        """Return the decision on a finding."""
        return self.decisions.get(entry.key)

    def go(self, position: int) -> None:
        """Make another finding current, or the nearest there is."""
        self.position = max(0, min(position, len(self.entries) - 1))

    def go_to(self, key: Hashable) -> bool:
        """Make the finding with a key current; return whether there is one."""
        positions = (place for place, entry in enumerate(self.entries) if entry.key == key)
        position = next(positions, None)
        self.position = self.position if position is None else position
        return position is not None

    def advance(self) -> None:
        """Go to the next undecided finding, from the end to the first such; stay without one."""
        positions = [*range(self.position + 1, len(self.entries)), *range(self.position)]
        undecided = (place for place in positions if self.decision_on(self.entries[place]) is None)
        self.position = next(undecided, self.position)


@dataclass
class ReviewSession:
    """Everything that the tabs of a review share."""

    doubts: ReviewQueue[LabelIssue] = field(default_factory=ReviewQueue)
    pairs: ReviewQueue[Pair] = field(default_factory=ReviewQueue)
    gaps: ReviewQueue[UnmetRequest] = field(default_factory=ReviewQueue)
    proposals: ReviewQueue[LabelIssue] = field(default_factory=ReviewQueue)
    closest: dict[Hashable, ClosestMatch | None] = field(default_factory=dict)
    """The closest match to a gap, by its key."""
    judgments: list[Judgment] = field(default_factory=list)
    """Verdicts of this review, for undo."""
    undone: list[Judgment] = field(default_factory=list)
    """Undone verdicts, for redo."""
    swapped: set[Hashable] = field(default_factory=set)
    """Keys of the pairs whose other item is to be kept."""
    only: str | None = None
    """The only super-category whose labels are reviewed; None for all."""
    num_relabeled: int = 0
    """Labels changed since the index was built."""
    typical: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    """Rows of typical items, by super-category and value."""

    @property
    def queues(self) -> tuple[ReviewQueue[Any], ...]:
        """The queues in the order of the tabs."""
        return self.doubts, self.pairs, self.gaps, self.proposals

    def sides(self, pair: Pair) -> tuple[int, int]:
        """Return the rows of a pair: the item to keep, and the other."""
        keep, other = pair.key
        return (other, keep) if pair.key in self.swapped else (keep, other)

    def record_label(self, did: Did, key: Hashable, change: LabelChange | None) -> None:
        """Record a label that has been set, undone or redone; None if it was the same before."""
        for queue in (self.doubts, self.proposals):  # only one of them has the label
            if did == "undo":
                queue.decisions.pop(key, None)
            else:
                queue.decisions[key] = _decision(change)
        self.typical.clear()

    def record_verdict(self, did: Did, judgment: Judgment, before: Verdict | None) -> None:
        """Record a verdict that has been given, or the last one undone or redone."""
        key = judgment.pair.key
        if did == "undo":
            self.undone.append(self.judgments.pop())
            self.pairs.decisions.pop(key, None)
            return
        if did == "redo":
            self.undone.pop()
        else:
            self.undone.clear()
            judgment = replace(judgment, before=before)
        self.judgments.append(judgment)
        self.pairs.decisions[key] = VERDICTS[judgment.verdict]

    # ── finding, in a thread ─────────────────────────────────────────────────

    def find_doubts(self, snapshot: Snapshot, on_progress: StepProgress) -> list[LabelIssue]:
        """Return doubtful labels.

        Raises:
            DatrnetError: There is no index, or it cannot judge labels.
        """
        return self._find_labels(snapshot, unlabeled=False)

    def find_proposals(self, snapshot: Snapshot, on_progress: StepProgress) -> list[LabelIssue]:
        """Return what the model predicts where a label is missing.

        Raises:
            DatrnetError: There is no index, or it cannot judge labels.
        """
        return self._find_labels(snapshot, unlabeled=True)

    def _find_labels(self, snapshot: Snapshot, *, unlabeled: bool) -> list[LabelIssue]:
        if snapshot.searcher is None:
            assert snapshot.index_error is not None
            raise snapshot.index_error
        names = () if self.only is None else (self.only,)
        settled = snapshot.store.labels_by_person()
        return label_issues(snapshot.searcher, settled, names, unlabeled=unlabeled)

    def find_pairs(self, snapshot: Snapshot, on_progress: StepProgress) -> list[Pair]:
        """Return pairs of items that look like the same product.

        Raises:
            DatrnetError: The catalog or the index cannot be read.
        """
        verdicts = snapshot.store.pair_verdicts()
        groups = duplicates_of(
            snapshot.workspace, snapshot.catalog, snapshot.searcher, verdicts, on_progress
        )
        return [Pair(group.keep, other) for group in groups for other in group.others]

    def find_gaps(self, snapshot: Snapshot, on_progress: StepProgress) -> list[UnmetRequest]:
        """Return popular combinations of values that no item has.

        Raises:
            DatabaseError: The catalog cannot be read.
        """
        return unmet_requests(snapshot.catalog, session_requests(snapshot.store))


def _decision(change: LabelChange | None) -> str:
    """Return a decision on a label in words."""
    if change is None:
        return KEPT
    if change.new_value is None:
        return NONE_APPLIES
    return KEPT if change.new_value == change.old_value else change.new_value


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of the review."""

    name: str
    subject: str
    """What its queue holds, in a word."""
    busy_text: str
    """What the title says while findings are computed."""
    find: Callable[[ReviewSession, Snapshot, StepProgress], Sequence[Keyed]]
    """Computes the findings, the surest first; called in a thread."""


TABS = (
    Tab("Labels", "labels", "Checking labels", ReviewSession.find_doubts),
    Tab("Duplicates", "pairs", "Comparing items", ReviewSession.find_pairs),
    Tab("Gaps", "gaps", "Looking for gaps", ReviewSession.find_gaps),
    Tab("Proposals", "proposals", "Looking for missing labels", ReviewSession.find_proposals),
)


def count_relabeled(snapshot: Snapshot) -> int:
    """Return how many labels have changed since the index was built; 0 without an index.

    Raises:
        DatabaseError: The database cannot be read.
    """
    if snapshot.searcher is None:
        return 0
    return snapshot.store.num_relabeled_since(snapshot.searcher.generation.manifest.created_at)
