"""Near-duplicates: items with the same file, the same pixels, or similar pictures.

Two pictures are similar if they are close in every block of the index and their thumbnails are
similar too. Blocks alone do not suffice, because a network is trained to map all black dresses with
long sleeves to the same place. In a block, close means a small fraction of the mean squared
distance between random items. Candidates are Annoy's neighbors of each item, so the time grows
linearly with the catalog. Without an index only files and pixels are compared.
"""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.catalog.pictures import picture_pixels
from datrnet.core.catalog.thumbnails import ThumbnailStore
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.progress import StepProgress, no_progress
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import PairVerdict

Reason = Literal["same file", "same pixels", "alike"]
Pair = tuple[int, int]
"""Two rows of the catalog, the lower one first."""

MAX_DISTANCE = 0.02
"""Largest squared distance of duplicates in a block, relative to the mean of random pairs."""

MAX_DIFFERENCE = 0.12
"""Largest difference of similar pictures: root mean square of the pixel differences, relative to
the contrast. Saving a picture as a small JPEG changes it by 0.02 to 0.1, halving its size by less.
White garments on white have little contrast and must be more similar than others."""

COMPARED_SIZE = 32
"""Side length in pixels at which pictures are compared."""

MOST_PIXELS = 10_000
"""Pictures of that size that are kept, 3 kB each."""

NUM_NEIGHBORS = 8
"""Neighbors compared with each item."""

NUM_NODES = 40 * NUM_NEIGHBORS
"""Annoy nodes inspected per item; near-duplicates share leaves, so a few suffice."""

MIN_CONTRAST = 1.0
"""Of 255; a picture of a single color has none."""

REASONS: Sequence[Reason] = ("same file", "same pixels", "alike")
"""The strongest evidence first."""

REPORT_EVERY = 2048
RANDOM_PAIRS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """An item that duplicates the one to keep."""

    row: int
    reason: Reason
    difference: float | None
    """Difference of the thumbnails relative to their contrast; None if one is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DuplicateGroup:
    """An item to keep and its duplicates."""

    keep: int
    """Row of the item with the most labels, the first in a tie."""
    others: tuple[Duplicate, ...]
    """The strongest evidence first."""


def duplicates_of(
    workspace: Workspace,
    catalog: Catalog,
    searcher: Searcher | None,
    verdicts: Iterable[PairVerdict],
    on_progress: StepProgress = no_progress,
) -> list[DuplicateGroup]:
    """Return the groups of near-duplicates, the strongest evidence first.

    Pairs that the user has judged and items marked as duplicates are skipped.

    Args:
        workspace: Has the pictures and thumbnails.
        catalog: All items.
        searcher: The index; None if there is none.
        verdicts: Earlier judgments of the user.
        on_progress: Called with the items compared and their total.

    Raises:
        IndexStaleError: Annoy's file is damaged.
    """
    with closing(ThumbnailStore(workspace.thumbnails)) as store:

        @lru_cache(maxsize=MOST_PIXELS)
        def pixels_of(row: int) -> NDArray[np.uint8] | None:
            """Return a whole picture, since thumbnails are trimmed, each at its own edges.

            Where it has gone, its thumbnail; None if there is none.
            """
            thumbnail = store.get(int(catalog.item_ids[row]))
            with suppress(DataError):
                return picture_pixels(workspace.picture(catalog.picture_paths[row]), COMPARED_SIZE)
            return None if thumbnail is None else picture_pixels(thumbnail, COMPARED_SIZE)

        def difference(a: int, b: int) -> float | None:
            first, second = pixels_of(a), pixels_of(b)
            return None if first is None or second is None else _difference(first, second)

        def is_similar(pair: Pair) -> bool:
            """Tell whether two pictures are similar; if one is missing, the blocks decide."""
            return (difference(*pair) or 0.0) <= MAX_DIFFERENCE

        near = () if searcher is None else _near_pairs(searcher, on_progress)
        pixels = (_pixel_key(store, int(item_id)) for item_id in catalog.item_ids)
        files = (_file_key(workspace, stored) for stored in catalog.picture_paths)
        reasons: dict[Pair, Reason] = {
            **dict.fromkeys(filter(is_similar, near), "alike"),
            **dict.fromkeys(_repeats(pixels), "same pixels"),
            **dict.fromkeys(_repeats(files), "same file"),
        }
        return sorted(_groups(catalog, reasons, list(verdicts), difference), key=_group_order)


def _group_order(group: DuplicateGroup) -> tuple[int, float, int]:
    differences = [other.difference for other in group.others if other.difference is not None]
    reason = min(REASONS.index(other.reason) for other in group.others)
    return reason, min(differences, default=0.0), group.keep


def _item_order(other: Duplicate) -> tuple[int, float, int]:
    return REASONS.index(other.reason), other.difference or 0.0, other.row


def _groups(
    catalog: Catalog,
    reasons: Mapping[Pair, Reason],
    verdicts: Sequence[PairVerdict],
    difference: Callable[[int, int], float | None],
) -> Iterator[DuplicateGroup]:
    rows = {int(item_id): row for row, item_id in enumerate(catalog.item_ids)}
    judged = {frozenset((rows[pair.kept_id], rows[pair.other_id])) for pair in verdicts}
    marked = {rows[pair.other_id] for pair in verdicts if pair.verdict == "duplicate"}
    for connected in connected_components(reasons):
        group = [row for row in connected if row not in marked and not catalog.is_hidden[row]]
        if not group:
            continue
        keep = group[int((catalog.labels[group] != UNLABELED).sum(axis=1).argmax())]
        others = [
            Duplicate(
                row=row,
                # a pair connected through a third item was not compared itself
                reason=reasons.get((min(keep, row), max(keep, row)), "alike"),
                difference=difference(keep, row),
            )
            for row in group
            if row != keep and frozenset((keep, row)) not in judged
        ]
        if others:
            yield DuplicateGroup(keep=keep, others=tuple(sorted(others, key=_item_order)))


def connected_components(pairs: Iterable[Pair]) -> list[list[int]]:
    """Return the connected rows of a graph of pairs, each ascending, ordered by the first row."""
    component_of: dict[int, set[int]] = {}
    for pair in pairs:
        small, large = sorted((component_of.setdefault(row, {row}) for row in pair), key=len)
        if small is not large:
            large |= small
            component_of.update(dict.fromkeys(small, large))
    components = {id(component): component for component in component_of.values()}
    return sorted(map(sorted, components.values()))


def _near_pairs(searcher: Searcher, on_progress: StepProgress) -> set[Pair]:
    """Return the pairs of catalog rows that are close in all blocks."""
    generation = searcher.generation
    total = len(generation.embeddings)
    if total < 2:
        return set()
    limits = MAX_DISTANCE * _mean_distances(searcher)
    pairs: set[Pair] = set()
    for start in range(0, total, REPORT_EVERY):
        on_progress(start, total)
        places = np.arange(start, min(start + REPORT_EVERY, total))
        found = generation.neighbors(places, NUM_NEIGHBORS + 1, NUM_NODES)
        own = np.repeat(places, [len(neighbors) for neighbors in found])
        other = np.concatenate(found)
        near = (_block_distances(searcher, own, other) <= limits).all(axis=1) & (own != other)
        rows = np.sort(searcher.indexed_rows[np.stack([own[near], other[near]], axis=1)], axis=1)
        pairs.update((a, b) for a, b in rows.tolist())
    on_progress(total, total)
    return pairs


def _mean_distances(searcher: Searcher) -> NDArray[np.float32]:
    """Return the mean d² (A,) of random items in each block."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(len(searcher.generation.embeddings), size=(2, RANDOM_PAIRS))
    differ = a != b
    distances = _block_distances(searcher, np.sort(a[differ]), b[differ])
    means: NDArray[np.float32] = distances.mean(axis=0)
    return means


def _block_distances(
    searcher: Searcher, a: NDArray[np.int64], b: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return d² (n, A) between pairs of indexed items in each block."""
    embeddings = searcher.generation.embeddings
    to_metric_space = searcher.generation.manipulation.to_metric_space
    differences = to_metric_space(embeddings[a]) - to_metric_space(embeddings[b])  # (n, A, E)
    distances: NDArray[np.float32] = np.einsum("nae,nae->na", differences, differences)
    return distances


def _repeats(keys: Iterable[Hashable]) -> Iterator[Pair]:
    """Yield the rows with a key that an earlier row has, after the first such row; None is none."""
    first: dict[Hashable, int] = {}
    for row, key in enumerate(keys):
        if key is not None and (before := first.setdefault(key, row)) != row:
            yield before, row


def _file_key(workspace: Workspace, stored: str) -> str | None:
    """Return what equals for the same part of the same file; None for a malformed box."""
    try:
        return str(workspace.picture(stored).normalized())
    except DataError:
        return None


def _pixel_key(store: ThumbnailStore, item_id: int) -> bytes | None:
    """Return the hash of a thumbnail; None if there is none."""
    jpeg = store.get(item_id)
    return None if jpeg is None else hashlib.blake2b(jpeg, digest_size=16).digest()


def _difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Return the root mean square of the pixel differences, relative to the lower contrast."""
    pixels = (first.astype(np.float32), second.astype(np.float32))
    contrast = min(_rms(image - image.mean((0, 1))) for image in pixels)
    return _rms(pixels[0] - pixels[1]) / max(contrast, MIN_CONTRAST)


def _rms(differences: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(differences**2)))
