"""What a person reviews: what was found, where they are in it, what they have said. No screen."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from datrnet.core.review.doubts import Doubt, doubts_of, guesses_of
from datrnet.core.review.duplicates import Duplicate, Progress, duplicates_of
from datrnet.core.review.gaps import Gap, Stopgap, asked_in, gaps_of
from datrnet.core.review.nearness import typical_rows
from datrnet.db.rows import LabelChange, Verdict
from datrnet.tui.library import Library

MOST = 1000
"""Findings of one kind that are offered: the surest ones. More come when these are settled."""

NUM_TYPICAL = 12

Entry = TypeVar("Entry")


@dataclass(frozen=True, slots=True)
class PairFound:
    """Two items that seem to be one."""

    keep: int
    other: Duplicate


class Pile(Generic[Entry]):
    """Findings of one kind, with the one at hand."""

    def __init__(self, key: Callable[[Entry], Hashable]) -> None:
        """Begin without any.

        Args:
            key: What tells one finding from another.
        """
        self.key = key
        self.entries: list[Entry] = []
        self.is_found = False
        self.at = 0
        self.said: dict[Hashable, str] = {}
        """What was decided, in words, by a finding's key."""
        self._looked: set[Hashable] = set()

    def fill(self, entries: Sequence[Entry]) -> None:
        """Take what was found; what has been looked at stays so."""
        self.entries, self.at, self.is_found = list(entries), 0, True

    @property
    def current(self) -> Entry | None:
        """The finding at hand."""
        return self.entries[self.at] if self.entries else None

    @property
    def num_looked(self) -> int:
        """How many of them a person has had before them."""
        return sum(self.key(one) in self._looked for one in self.entries)

    @property
    def num_said(self) -> int:
        """How many of them are decided."""
        return sum(self.key(one) in self.said for one in self.entries)

    def word_on(self, entry: Entry) -> str | None:
        """Return what was decided of a finding."""
        return self.said.get(self.key(entry))

    def look(self) -> None:
        """Count the one at hand as looked at."""
        if self.current is not None:
            self._looked.add(self.key(self.current))

    def go(self, at: int) -> None:
        """Take another one to hand, or the nearest there is."""
        self.at = max(0, min(at, len(self.entries) - 1))

    def go_to(self, key: Hashable) -> bool:
        """Take the one with a key to hand; return whether there is one."""
        places = [place for place, one in enumerate(self.entries) if self.key(one) == key]
        if places:
            self.at = places[0]
        return bool(places)

    def go_on(self) -> None:
        """Take the next one to hand that is not decided; at the end the first such, or stay."""
        places = [*range(self.at + 1, len(self.entries)), *range(self.at)]
        undecided = (place for place in places if self.word_on(self.entries[place]) is None)
        self.at = next(undecided, self.at)


DoubtKey = tuple[int, str]


@dataclass
class Judged:
    """A verdict given here, and what had been said before."""

    pair: PairFound
    kept: int
    other: int
    verdict: Verdict
    before: Verdict | None


@dataclass
class Desk:
    """All that is reviewed in one visit, shared by the three lists."""

    library: Library
    doubts: Pile[Doubt] = field(default_factory=lambda: Pile(lambda one: doubt_key(one)))
    pairs: Pile[PairFound] = field(
        default_factory=lambda: Pile(lambda one: (one.keep, one.other.row))
    )
    gaps: Pile[Gap] = field(default_factory=lambda: Pile(lambda one: one.wanted))
    stopgaps: dict[Hashable, Stopgap | None] = field(default_factory=dict)
    """What comes nearest to a gap, by its key."""
    judged: list[Judged] = field(default_factory=list)
    """Verdicts of this visit, for undo."""
    taken_back: list[Judged] = field(default_factory=list)
    """Those that redo gives again."""
    swapped: set[Hashable] = field(default_factory=set)
    """Pairs of which the other one is to be kept."""
    unlabelled: bool = False
    """Whether items without a label are offered, rather than labels that are doubted."""
    only: str | None = None
    """The super-category whose labels alone are offered."""
    num_relabelled: int = 0
    """Labels that have changed since the index was built."""
    _typical: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def find_doubts(self) -> list[Doubt]:
        """Return the labels that are doubted, or what the model would say where none is.

        Raises:
            DatrnetError: There is no index, or it can tell nothing.
        """
        library = self.library
        if library.searcher is None:
            assert library.trouble is not None
            raise library.trouble
        find = guesses_of if self.unlabelled else doubts_of
        only = () if self.only is None else (self.only,)
        found = find(library.searcher, library.store.labels_by_person(), only)
        self.count_relabelled()
        return found[:MOST]

    def count_relabelled(self) -> None:
        """See how many labels have changed since the index was built.

        Raises:
            DatabaseError: The catalogue cannot be read.
        """
        library = self.library
        if library.searcher is not None:
            created_at = library.searcher.generation.manifest.created_at
            self.num_relabelled = library.store.num_relabelled_since(created_at)

    def find_pairs(self, on_progress: Progress) -> list[PairFound]:
        """Return items that seem to be in the catalogue twice.

        Raises:
            DatrnetError: The catalogue or the index cannot be read.
        """
        library = self.library
        verdicts = library.store.pair_verdicts()
        groups = duplicates_of(
            library.workspace, library.catalog, library.searcher, verdicts, on_progress
        )
        pairs = [PairFound(group.keep, other) for group in groups for other in group.others]
        return pairs[:MOST]

    def find_gaps(self) -> list[Gap]:
        """Return requests without an answer.

        Raises:
            DatabaseError: The catalogue cannot be read.
        """
        return gaps_of(self.library.catalog, asked_in(self.library.store))[:MOST]

    def typical(self, super_category: str, value: str) -> list[int]:
        """Return rows of items that carry a value as the index knows it, the nearest first."""
        searcher, key = self.library.searcher, (super_category, value)
        if searcher is None:
            return []
        if key not in self._typical:
            self._typical[key] = typical_rows(searcher, *key, NUM_TYPICAL)
        return self._typical[key]

    def relabelled(self, change: LabelChange) -> None:
        """Forget what was typical of the values of a label that changed."""
        for value in (change.old_value, change.new_value):
            if value is not None:
                self._typical.pop((change.super_category, value), None)

    def sides(self, pair: PairFound) -> tuple[int, int]:
        """Return the rows of a pair: the one to keep, and the other."""
        rows = (pair.keep, pair.other.row)
        return rows[::-1] if self.pairs.key(pair) in self.swapped else rows


def doubt_key(doubt: Doubt) -> DoubtKey:
    """Return what tells one doubt from another."""
    return doubt.row, doubt.super_category
