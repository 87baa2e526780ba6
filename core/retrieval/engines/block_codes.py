"""Block codes: an approximate search for embeddings of a few short blocks, with weights that move.

Each block of an item is kept twice, in coordinates along the principal axes of that block: as the
nearest of 256 cells, and as a sketch, the first 32 coordinates in int8. A query is answered in
three steps, each on fewer items:

1. Two blocks share a 16-bit code. The query makes a table of 65,536 sums w_a q_a·c_a + w_b q_b·c_b
   for each pair, so that an item's score is a look-up per pair. Items stand in the order of coarse
   groups; where there are many, only the groups nearest to the query are scored.
2. The best few thousand are scored by their sketches.
3. The best few hundred are the candidates, which the search ranks exactly.

Weights enter with the query, so one file serves them all.
"""

from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from datrnet.core.retrieval.engines.codebook import Codebook
from datrnet.core.retrieval.engines.engine import EngineName, IndexedItems, Places, best
from datrnet.core.retrieval.manipulation import BoolArray, Floats

CODEBOOK, CODES, SKETCHES = "codebook.npz", "codes.npy", "sketches.npy"
CODE_PLACES, GROUP_STARTS = "code_places.npy", "group_starts.npy"
CODE_FILES = (CODEBOOK, CODES, SKETCHES, CODE_PLACES, GROUP_STARTS)

CHUNK = 1 << 13
"""Items scored at once: what is computed for them stays in the processor's cache, and is so small
that its memory is not taken from the system and given back for each."""

SKETCHES_AT_ONCE = 512
ENCODED_AT_ONCE = 8192

MOST_TIES = 4
"""How many times as many items go to the next step if their scores are equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much a query looks at; chosen by measured recall when the index is built."""

    share: float
    """Share of the items whose groups are visited."""
    num_sketched: int
    """Items scored by their sketches, for 30 results."""
    num_ranked: int
    """Candidates, for 30 results."""

    def nanoseconds(self, num_items: int) -> float:
        """Return about what a query takes, without what is the same for every effort."""
        return 5 * self.share * num_items + 40 * self.num_sketched + 330 * self.num_ranked


SHARES = (0.02, 0.05, 0.1, 0.2, 0.4, 1.0)
RANKINGS = ((500, 80), (1000, 150), (1500, 300), (3000, 500), (6000, 1000), (6000, 2000))
EFFORTS = tuple(
    Effort(share=share, num_sketched=sketched, num_ranked=ranked)
    for share, (sketched, ranked) in (
        *product(SHARES, RANKINGS),
        (0.2, (16_000, 4000)),
        (1.0, (16_000, 4000)),
    )
)
"""How much a query may look at; see ``efforts_for``."""

EFFORT_K = 30
"""Number of results that an effort is stated for; more results look at more items."""

NEIGHBOR_EFFORT = Effort(share=0.05, num_sketched=500, num_ranked=20)
"""What finds an item's own neighbors, such as near-duplicates: they are in its group."""

FEW = 5_000
"""Items below which visiting fewer groups saves no time."""

SPARSE = 0.1
"""Share of allowed items below which they are listed, not looked for in the nearest groups."""


def efforts_for(num_items: int) -> list[Effort]:
    """Return the efforts that differ in an index of so many items, from the least to the most."""
    differ = [effort for effort in EFFORTS if effort.share == 1 or effort.share * num_items >= FEW]
    return sorted(differ, key=lambda effort: effort.nanoseconds(num_items))


class BlockCodes:
    """The codes of all items, in the order of their groups."""

    name: ClassVar[EngineName] = "blocks"

    def __init__(
        self,
        codebook: Codebook,
        codes: NDArray[np.uint16],
        sketches: NDArray[np.int8],
        places: Places,
        starts: Places,
    ) -> None:
        """Search codes.

        Args:
            codebook: What they were encoded with.
            codes: (P, M), a code for each pair of blocks.
            sketches: (M, A·S).
            places: (M,) place of each item in the index, -1 for those that are gone.
            starts: (G + 1,) where each group starts, and M.
        """
        self.codebook, self.places, self.effort = codebook, places, EFFORTS[-1]
        self._codes, self._sketches, self._starts = codes, sketches, starts

    @classmethod
    def build(cls, items: IndexedItems) -> Self:
        """Learn a codebook and encode all items."""
        codebook = Codebook.learn(items)
        return cls._encoded(codebook, items, np.arange(len(items)))

    @classmethod
    def _encoded(cls, codebook: Codebook, items: IndexedItems, places: Places) -> Self:
        """Encode some items."""
        parts = [
            codebook.encode(items.blocks_at(places[start : start + ENCODED_AT_ONCE]))
            for start in range(0, len(places), ENCODED_AT_ONCE)
        ]
        codes, sketches, groups = zip(*parts, strict=True)
        return cls._in_order(
            codebook,
            np.concatenate(codes, axis=1),
            np.concatenate(sketches),
            places,
            np.concatenate(groups),
        )

    @classmethod
    def _in_order(
        cls,
        codebook: Codebook,
        codes: NDArray[np.uint16],
        sketches: NDArray[np.int8],
        places: Places,
        groups: Places,
    ) -> Self:
        order = np.argsort(groups, kind="stable")
        starts = np.searchsorted(groups[order], np.arange(len(codebook.groups) + 1))
        places = places[order].astype(np.int32)
        return cls(codebook, codes.take(order, axis=1), sketches[order], places, starts)

    def updated(self, items: IndexedItems) -> Self:
        """Return the codes of all items, of which only those that are not here are encoded.

        ``places`` says where the items of these codes are among ``items`` now.
        """
        kept = np.flatnonzero(self.places >= 0)
        new = np.setdiff1d(np.arange(len(items)), self.places)
        both = [self] if not len(new) else [self, self._encoded(self.codebook, items, new)]
        chosen = [kept, np.arange(len(new))][: len(both)]
        return self._in_order(
            self.codebook,
            np.concatenate([a._codes[:, b] for a, b in zip(both, chosen, strict=True)], axis=1),
            np.concatenate([a._sketches[b] for a, b in zip(both, chosen, strict=True)]),
            np.concatenate([a.places[b] for a, b in zip(both, chosen, strict=True)]),
            np.concatenate([a._groups[b] for a, b in zip(both, chosen, strict=True)]),
        )

    @cached_property
    def _groups(self) -> NDArray[np.uint16]:
        """The group (M,) of each item."""
        return np.repeat(np.arange(len(self._sizes), dtype=np.uint16), self._sizes)

    def write(self, folder: Path) -> None:
        """Write the files."""
        np.savez(folder / CODEBOOK, allow_pickle=False, **asdict(self.codebook))
        for name, array in (
            (CODES, self._codes),
            (SKETCHES, self._sketches),
            (CODE_PLACES, self.places),
            (GROUP_STARTS, self._starts),
        ):
            np.save(folder / name, array)

    @classmethod
    def open(cls, folder: Path, places: Places) -> Self:
        """Map the files into memory; see ``__init__`` for the places.

        Raises:
            OSError, ValueError, KeyError: A file is missing or damaged.
        """
        with (folder / CODEBOOK).open("rb") as stream, np.load(stream) as stored:
            codebook = Codebook(
                means=stored["means"],
                axes=stored["axes"],
                cells=stored["cells"],
                steps=stored["steps"],
                groups=stored["groups"],
                spreads=stored["spreads"],
                typical_length=float(stored["typical_length"]),
                num_items=int(stored["num_items"]),
                recall=float(stored.get("recall", 1.0)),
            )
        codes, sketches = (
            np.load(folder / name, mmap_mode="r").view(np.ndarray) for name in (CODES, SKETCHES)
        )
        return cls(codebook, codes, sketches, places, np.load(folder / GROUP_STARTS))

    def candidates(
        self,
        blocks: Floats,
        weights: Floats,
        k: int,
        allowed: BoolArray | None = None,
        effort: Effort | None = None,
    ) -> Places:
        """Return the best places by their sketches; see ``Engine``.

        Args:
            blocks: (A, E) of the query.
            weights: (A,).
            k: Number of results wanted.
            allowed: (N,) which items may be results.
            effort: How much to look at; by default what the index chose.
        """
        effort = effort or self.effort
        growth = max(1.0, k / EFFORT_K)
        num_sketched, num_ranked = (
            int(growth * effort.num_sketched),
            int(growth * effort.num_ranked),
        )
        query = self.codebook.project(blocks, weights)
        late = None
        if allowed is not None and 0 < len(allowed) - np.count_nonzero(allowed) <= num_ranked - k:
            allowed, late = None, allowed  # so few are left out that there are enough without them
        chosen = self._visited(query, growth * effort.share, allowed)
        num_visited = len(self.places) if chosen is None else len(chosen)
        if num_visited > num_sketched:
            near = _about_best(self._code_scores(query, chosen), num_sketched)
            chosen = near if chosen is None else chosen[near]
        elif chosen is None:
            chosen = np.arange(num_visited)
        if len(chosen) > num_ranked:
            chosen = chosen[_best(self._sketch_scores(query, chosen), num_ranked)]
        places = self.places[chosen].astype(np.int64)
        return places if late is None else places[late[places]]

    def _visited(self, query: Floats, share: float, allowed: BoolArray | None) -> Places | None:
        """Return the allowed items in the groups nearest to a query; None is all items."""
        total = len(self.places)
        wanted = max(int(share * total), FEW)
        if allowed is None:
            if self._is_whole:
                return self._in_groups(self._nearest(query, wanted)) if wanted < total else None
            allowed = np.ones(total, dtype=bool)
        num_allowed = int(np.count_nonzero(allowed))
        if num_allowed > max(SPARSE * total, wanted):
            visited = self._in_groups(self._nearest(query, wanted * total // num_allowed))
            visited = visited[self._allows(allowed, self.places[visited])]
            if len(visited) > wanted // 2:  # else what is allowed is elsewhere
                return visited
        if num_allowed > total // 2:
            return np.flatnonzero(self._allows(allowed, self.places))
        listed = self._positions.take(np.flatnonzero(allowed)).astype(np.int64)
        if len(listed) < 2 * wanted:
            return listed
        groups = self._groups.take(listed)
        sizes = np.bincount(groups, minlength=len(self._sizes))
        is_near = np.zeros(len(sizes), dtype=bool)
        is_near[self._nearest(query, wanted, sizes)] = True
        return listed[is_near.take(groups)]

    def _nearest(self, query: Floats, wanted: int, sizes: Places | None = None) -> Places:
        """Return the groups nearest to a query, as many as hold so many items.

        Args:
            query: (A, S), projected.
            wanted: Number of items.
            sizes: (G,) of the groups; by default with all their items.
        """
        sizes = self._sizes if sizes is None else sizes
        scores = self.codebook.group_scores(query)
        # of groups of equal size, half would do
        near = best(scores, 1 + 2 * wanted * len(sizes) // max(1, int(sizes.sum())))
        while True:
            order = near[np.argsort(-scores[near])]
            ends = sizes[order].cumsum()
            if ends[-1] >= wanted or len(order) == len(sizes):
                return order[: np.searchsorted(ends, wanted) + 1]
            near = np.arange(len(sizes))

    def _in_groups(self, groups: Places) -> Places:
        """Return the items of some groups, ascending."""
        groups = np.sort(groups)
        sizes = self._sizes[groups]
        ends = sizes.cumsum()
        found = np.repeat(self._starts[groups] - ends + sizes, sizes)
        found += np.arange(len(found))
        return found

    def _allows(self, allowed: BoolArray, places: Places) -> BoolArray:
        """Tell which places (n,) are allowed and not gone."""
        found: BoolArray = allowed[places]
        return found if self._is_whole else found & (places >= 0)

    @cached_property
    def _is_whole(self) -> bool:
        """Whether no item is gone."""
        return bool((self.places >= 0).all())

    @cached_property
    def _positions(self) -> NDArray[np.int32]:
        """(N,) where each place of the index is here."""
        kept = np.flatnonzero(self.places >= 0).astype(np.int32)
        positions = np.empty(len(kept), dtype=np.int32)
        positions[self.places[kept]] = kept
        return positions

    @cached_property
    def _sizes(self) -> Places:
        """(G,) the number of items of each group."""
        return np.diff(self._starts)

    def _code_scores(self, query: Floats, chosen: Places | None) -> Floats:
        """Return the scores (n,) of the chosen items, or of all, by their codes."""
        total = len(self.places) if chosen is None else len(chosen)
        scores = np.zeros(total, dtype=np.float32)
        looked_up = np.empty(min(CHUNK, total), dtype=np.float32)
        for table, codes in zip(self.codebook.tables(query), self._codes, strict=True):
            for start in range(0, total, CHUNK):
                part = scores[start : start + CHUNK]
                of_part = slice(start, start + CHUNK)
                some = codes[of_part] if chosen is None else codes.take(chosen[of_part])
                part += table.take(some, out=looked_up[: len(part)], mode="clip")
        return scores

    def _sketch_scores(self, query: Floats, chosen: Places) -> Floats:
        """Return the scores (n,) of the chosen items by their sketches."""
        scaled = (query * self.codebook.steps).ravel()
        scores = np.empty(len(chosen), dtype=np.float32)
        for start in range(0, len(chosen), SKETCHES_AT_ONCE):
            part = slice(start, start + SKETCHES_AT_ONCE)
            scores[part] = self._sketches.take(chosen[part], axis=0).astype(np.float32) @ scaled
        return scores


def _best(scores: Floats, count: int) -> Places:
    """Return where the largest scores (n,) are, and not too many that equal the last of them."""
    return best(scores, count)[: MOST_TIES * count]


def _about_best(scores: Floats, count: int) -> Places:
    """Return where the largest scores (n,) are, and some more: a limit from a sample will do."""
    step = len(scores) // (8 * count)
    if step > 1:
        sample = scores[::step]
        rank = count // step
        rank = len(sample) - rank - 2 * int(rank**0.5) - 2
        found = np.flatnonzero(scores >= np.partition(sample, rank)[rank])
        if count <= len(found) <= MOST_TIES * count:
            return found
    return _best(scores, count)
