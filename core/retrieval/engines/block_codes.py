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

CHUNK = 1 << 15
"""Items scored at once: their scores stay in the processor's cache."""

SKETCHES_AT_ONCE = 1024
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


EFFORTS = tuple(
    Effort(share=share, num_sketched=sketched, num_ranked=ranked)
    for share, sketched, ranked in (
        (0.05, 1000, 150),
        (0.1, 1000, 150),
        (0.1, 2000, 300),
        (0.2, 3000, 300),
        (1.0, 3000, 300),
        (1.0, 6000, 600),
        (1.0, 16_000, 1500),
    )
)
"""From the least to the most."""

EFFORT_K = 30
"""Number of results that an effort is stated for; more results look at more items."""

NEIGHBOR_EFFORT = Effort(share=0.05, num_sketched=500, num_ranked=20)
"""What finds an item's own neighbors, such as near-duplicates: they are in its group."""

FEW = 20_000
"""Items below which visiting fewer groups saves no time."""


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
        return cls(codebook, codes[:, order], sketches[order], places, starts)

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

    @property
    def _groups(self) -> Places:
        """The group (M,) of each item."""
        return np.repeat(np.arange(len(self._starts) - 1), np.diff(self._starts))

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
        chosen = self._visited(query, growth * effort.share, num_sketched, allowed)
        num_visited = len(self.places) if chosen is None else len(chosen)
        if num_visited > num_sketched:
            near = _best(self._code_scores(query, chosen), num_sketched)
            chosen = near if chosen is None else chosen[near]
        elif chosen is None:
            chosen = np.arange(num_visited)
        if len(chosen) > num_ranked:
            chosen = chosen[_best(self._sketch_scores(query, chosen), num_ranked)]
        places = self.places[chosen].astype(np.int64)
        return places if late is None else places[late[places]]

    def _visited(
        self, query: Floats, share: float, fewest: int, allowed: BoolArray | None
    ) -> Places | None:
        """Return the allowed items in the groups nearest to a query; None is all items."""
        total = len(self.places)
        if allowed is None and self._is_whole:
            num_allowed = total
        else:
            allowed = np.ones(total, dtype=bool) if allowed is None else allowed
            num_allowed = int(np.count_nonzero(allowed))
        if num_allowed > FEW:
            # the share grows where few are allowed, so that as many are scored
            wanted = max(share * total * total / num_allowed, FEW)
            if wanted < total:
                visited = self._in_nearest_groups(query, int(wanted))
                if allowed is not None:
                    visited = visited[self._allows(allowed, self.places[visited])]
                if len(visited) >= fewest:
                    return visited
        if allowed is None:
            return None
        if self._is_whole and num_allowed < total // 8:
            return self._positions[np.flatnonzero(allowed)].astype(np.int64)
        return np.flatnonzero(self._allows(allowed, self.places))

    def _in_nearest_groups(self, query: Floats, wanted: int) -> Places:
        """Return the items of the nearest groups, as many groups as hold so many items."""
        order = np.argsort(-(self.codebook.groups @ query.ravel()))
        sizes = np.diff(self._starts)
        ends = sizes[order].cumsum()
        visited = np.sort(order[: np.searchsorted(ends, wanted) + 1])
        sizes = sizes[visited]
        ends = sizes.cumsum()
        return np.repeat(self._starts[visited] - ends + sizes, sizes) + np.arange(ends[-1])

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
        positions = np.empty(len(self.places), dtype=np.int32)
        positions[self.places] = np.arange(len(self.places))
        return positions

    def _code_scores(self, query: Floats, chosen: Places | None) -> Floats:
        """Return the scores (n,) of the chosen items, or of all, by their codes."""
        tables = self.codebook.tables(query)
        total = self._codes.shape[1] if chosen is None else len(chosen)
        scores = np.empty(total, dtype=np.float32)
        for start in range(0, total, CHUNK):
            part = slice(start, start + CHUNK)
            parts = [
                table.take(codes[part] if chosen is None else codes.take(chosen[part]))
                for table, codes in zip(tables, self._codes, strict=True)
            ]
            for other in parts[1:]:
                parts[0] += other
            scores[part] = parts[0]
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
