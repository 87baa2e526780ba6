"""Items that seem to be in the catalogue twice: one file, the same pixels, or pictures much alike.

Two items are alike where they are near in every block of the index and in their thumbnails too.
Blocks alone do not suffice: a network is taught to put all long-sleeved black dresses in one place.
In a block, near is what is a small part of the squared distance that two items drawn at random have
there on average. Candidates are Annoy's neighbours of each item, so that a large catalogue takes
time in proportion to its size; without an index only files and pixels are compared.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.catalog.thumbnails import ThumbnailStore
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.progress import StepProgress, no_progress
from datrnet.core.retrieval.search import Searcher
from datrnet.core.review.grouping import joined
from datrnet.db.rows import PairVerdict

Reason = Literal["same file", "same pixels", "alike"]
Pair = tuple[int, int]
"""Two rows of the catalogue, the lower one first."""
NEAR = 0.02
"""Of the mean squared distance in a block, what two items alike have at most."""

SAME_LOOK = 0.12
"""Difference of two thumbnails up to which they look the same: the root mean square of their
pixels' differences, as a share of their contrast. A picture saved again as a small JPEG differs by
0.02 to 0.1, one of half the size by less; white garments on white have little contrast and must be
nearer each other than others."""

NEIGHBOURS = 8
"""Neighbours of an item that are compared with it."""

NODES_PER_NEIGHBOUR = 40
"""How much of Annoy's trees is looked at; what is nearly equal lies in the same leaves anyway."""

LEAST_CONTRAST = 1.0
"""Of 255; a picture of one colour has none to measure by."""

SUREST_FIRST: Sequence[Reason] = ("same file", "same pixels", "alike")

REPORT_EVERY = 2048
RANDOM_PAIRS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """One item that seems to be another once more."""

    row: int
    reason: Reason
    difference: float | None
    """Of the two thumbnails, as a share of their contrast; None without both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateGroup:
    """An item to keep and those that seem to be the same."""

    keep: int
    """Row of the one with the most labels; of several such, of the one that came first."""
    others: tuple[Duplicate, ...]
    """The surest first."""


def duplicates_of(
    workspace: Workspace,
    catalog: Catalog,
    searcher: Searcher | None,
    verdicts: Iterable[PairVerdict],
    on_progress: StepProgress = no_progress,
) -> list[DuplicateGroup]:
    """Return the groups of items that seem to be one, the surest first.

    A pair that a person has judged is left out, and so is an item marked as another's duplicate.

    Args:
        workspace: Where pictures and thumbnails lie.
        catalog: All items.
        searcher: The index; None where there is none.
        verdicts: What a person has said before.
        on_progress: Told how far the comparison is.

    Raises:
        IndexStaleError: Annoy's file is damaged.
    """
    verdicts = list(verdicts)
    looks = Looks(ThumbnailStore(workspace.thumbnails), catalog)
    try:
        reasons: dict[Pair, Reason] = {}
        if searcher is not None:
            near = _near_pairs(searcher, on_progress)
            reasons |= dict.fromkeys(filter(looks.are_alike, near), "alike")
        reasons |= dict.fromkeys(looks.equal_pairs(), "same pixels")
        reasons |= dict.fromkeys(_same_file_pairs(workspace, catalog), "same file")
        groups = list(_groups(catalog, reasons, verdicts, looks))
    finally:
        looks.close()
    return sorted(groups, key=_unsureness)


def _unsureness(group: DuplicateGroup) -> tuple[int, float, int]:
    differences = [one.difference for one in group.others if one.difference is not None]
    first = min(SUREST_FIRST.index(one.reason) for one in group.others)
    return first, min(differences, default=0.0), group.keep


def _unsureness_of_one(other: Duplicate) -> tuple[int, float, int]:
    return SUREST_FIRST.index(other.reason), other.difference or 0.0, other.row


def _groups(
    catalog: Catalog,
    reasons: Mapping[Pair, Reason],
    verdicts: Sequence[PairVerdict],
    looks: "Looks",
) -> Iterator[DuplicateGroup]:
    rows = {int(item_id): row for row, item_id in enumerate(catalog.item_ids)}
    judged = {frozenset((rows[one.kept_id], rows[one.other_id])) for one in verdicts}
    marked = {rows[one.other_id] for one in verdicts if one.verdict == "duplicate"}
    for connected in joined(reasons):
        group = [row for row in connected if row not in marked]
        if not group:
            continue
        keep = _to_keep(catalog, group)
        others = [
            Duplicate(
                row=row,
                # connected through a third one, and not compared itself
                reason=reasons.get(_pair(keep, row), "alike"),
                difference=looks.difference(keep, row),
            )
            for row in group
            if row != keep and frozenset((keep, row)) not in judged
        ]
        if others:
            in_order = tuple(sorted(others, key=_unsureness_of_one))
            yield DuplicateGroup(keep=keep, others=in_order)


def _to_keep(catalog: Catalog, rows: Sequence[int]) -> int:
    num_labels = (catalog.labels[rows] != UNLABELED).sum(axis=1)
    return rows[int(num_labels.argmax())]


def _pair(one: int, other: int) -> Pair:
    return (one, other) if one < other else (other, one)


def _near_pairs(searcher: Searcher, on_progress: StepProgress) -> set[Pair]:
    """Return the pairs of catalogue rows that are near in all blocks."""
    generation = searcher.generation
    embeddings, compared = generation.embeddings, generation.manipulation.to_metric_space
    total = len(embeddings)
    if total < 2:
        return set()
    limits = NEAR * _mean_distances(searcher)
    nodes = NODES_PER_NEIGHBOUR * NEIGHBOURS
    pairs: set[Pair] = set()
    for start in range(0, total, REPORT_EVERY):
        on_progress(start, total)
        places = np.arange(start, min(start + REPORT_EVERY, total))
        found = [
            generation.candidate_index.neighbors(int(place), NEIGHBOURS + 1, nodes)
            for place in places
        ]
        own = np.repeat(places, [len(some) for some in found])
        other = np.concatenate(found)
        differences = compared(embeddings[own]) - compared(embeddings[other])  # (n, A, E)
        parts = np.einsum("nae,nae->na", differences, differences)
        near = (parts <= limits).all(axis=1) & (own != other)
        rows = searcher.indexed_rows
        pairs.update(
            _pair(int(one), int(two))
            for one, two in zip(rows[own[near]], rows[other[near]], strict=True)
        )
    on_progress(total, total)
    return pairs


def _mean_distances(searcher: Searcher) -> NDArray[np.float32]:
    """Return the mean d² (A,) of two items in each block."""
    generation, rng = searcher.generation, np.random.default_rng(0)
    total = len(generation.embeddings)
    one, other = rng.integers(total, size=(2, RANDOM_PAIRS))
    compared = generation.manipulation.to_metric_space
    apart = one != other
    one, other = np.sort(one[apart]), other[apart]
    differences = compared(generation.embeddings[one]) - compared(generation.embeddings[other])
    means: NDArray[np.float32] = np.einsum("nae,nae->na", differences, differences).mean(axis=0)
    return means


def _same_file_pairs(workspace: Workspace, catalog: Catalog) -> Iterator[Pair]:
    """Yield pairs of rows that name one picture, each with the first that names it."""
    first: dict[str, int] = {}
    for row, stored in enumerate(catalog.picture_paths):
        try:
            named = str(workspace.picture(stored).normalized())
        except DataError:
            continue  # a malformed box names no picture
        before = first.setdefault(named, row)
        if before != row:
            yield before, row


class Looks:
    """Thumbnails held against each other."""

    def __init__(self, store: ThumbnailStore, catalog: Catalog) -> None:
        """Read nothing yet.

        Args:
            store: The workspace's thumbnails; closed by ``close``.
            catalog: Whose items they are of.
        """
        self._store = store
        self._catalog = catalog

    def difference(self, one: int, other: int) -> float | None:
        """Return how much two rows' thumbnails differ; None without both.

        The root mean square of the differences, as a share of the lesser contrast of the two.
        """
        ids = self._catalog.item_ids
        first, second = self._store.get(int(ids[one])), self._store.get(int(ids[other]))
        if first is None or second is None:
            return None
        one_look, other_look = first.astype(np.float32), second.astype(np.float32)
        contrast = min(_deviation(look - look.mean((0, 1))) for look in (one_look, other_look))
        return _deviation(one_look - other_look) / max(contrast, LEAST_CONTRAST)

    def are_alike(self, pair: Pair) -> bool:
        """Tell whether two thumbnails look the same; where one is absent, the blocks decide."""
        difference = self.difference(*pair)
        return difference is None or difference <= SAME_LOOK

    def equal_pairs(self) -> Iterator[Pair]:
        """Yield pairs of rows with the same pixels, each with the first that has them."""
        first: dict[bytes, int] = {}
        for row, item_id in enumerate(self._catalog.item_ids):
            pixels = self._store.get(int(item_id))
            if pixels is None:
                continue
            before = first.setdefault(
                hashlib.blake2b(pixels.tobytes(), digest_size=16).digest(), row
            )
            if before != row:
                yield before, row

    def close(self) -> None:
        """Let go of the thumbnails' file."""
        self._store.close()


def _deviation(differences: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(differences**2)))
