"""Label issues: labels that the model contradicts, and proposals for missing labels.

Where the index is calibrated, the probabilities p(v|x) of an item's values judge its label l. They
do not know of the label, which is evidence too: most labels are right, and a wrong one is some
value, drawn as often as values occur (their shares s). If a share η of the labels is wrong,

    p(v|x, l) = p(v|x) (η s_l + (1 - η) [v = l]) / (η s_l + (1 - η) p(l|x))

is the probability that v is right. The confidence of an issue is that of the likeliest other value,
the self-confidence that of the label. So a rare label, which hardly anyone sets by mistake, needs
a clearer contradiction than a frequent one. The proposal for a missing label is the likeliest
value, with its probability p(v|x).

Without calibration the closest prototype is the guess, and a margin says how sure it is:

    margin = (d²(own) - d²(other)) / (d²(own) + d²(other) + spread)

with the squared distances from the block to the prototypes of its label and of the guess, and the
super-category's spread, the mean of d²(own) over all labeled items. The margin is 0 for a tie and
approaches 1 if the block is at the other prototype and far from its own. The spread normalizes
"far": super-categories whose blocks are far from their prototypes anyway need a larger difference
than tight ones. (Plain differences, differences over the spread, and a spread per value ranked
fewer wrong labels at the top; see docs/results/review.md.)

Of an item with several values the likeliest, or closest, counts: its label is an issue only if no
value fits. See ``reference_points`` for what counts as a prototype. Labels that the user has set or
confirmed are never issues. Indexes with an entangled block are refused.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED
from datrnet.core.catalog.export import Recognition
from datrnet.core.catalog.value_sets import as_sets, count_values, trimmed
from datrnet.core.errors import ConfigError, IndexStaleError
from datrnet.core.retrieval.engines.engine import CHUNK
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import Floats, Replacement, WeightedReplacement
from datrnet.core.retrieval.match import has_match_scores
from datrnet.core.retrieval.prototypes import mean_embeddings
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import joined, split_values

EPS = 1e-12
"""Lower bound of the margin's denominator: all distances can be 0."""


SHARE_WRONG = 0.05
"""η: the share of labels that are taken to be wrong. The order of issues hardly depends on it."""

LEAST_CONFIDENCE = 0.01
"""Of an issue; below, the label is almost certainly right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelIssue:
    """A label to check."""

    row: int
    """Catalog row of the item."""
    super_category: str
    label: str | None
    """The current label, several values joined by a bar; None if there is none."""
    guess: str
    """The value predicted by the model."""
    confidence: float | None
    """Probability that the guess is right; None if the index is not calibrated."""
    self_confidence: float | None
    """Probability that the label is right; without a label, of the second likeliest value."""
    margin: float
    """How much closer the guess is than the label, in [-1, 1]; see above."""
    distance: float
    """To the closest prototype of the label; without a label, of the second closest value."""
    guess_distance: float
    """To the prototype of the guess."""

    @property
    def key(self) -> tuple[int, str]:
        """What identifies the label."""
        return self.row, self.super_category

    @property
    def strength(self) -> float:
        """What issues are sorted by: the confidence, or the margin where there is none."""
        return self.margin if self.confidence is None else self.confidence


def label_issues(
    searcher: Searcher,
    settled: Set[tuple[int, str]],
    super_categories: Sequence[str] = (),
    *,
    unlabeled: bool = False,
    proposed: Set[tuple[int, str]] = frozenset(),
) -> list[LabelIssue]:
    """Return the labels that the model contradicts, the most confident first.

    Labels with a value that the index does not know are skipped.

    Args:
        searcher: The catalog and its index.
        settled: Labels to skip, which the user has set or confirmed: item id and super-category.
        super_categories: Restrict the search to these, in any case.
        unlabeled: Return proposals for items without a label instead.
        proposed: Labels that count as missing: item id and super-category.

    Raises:
        ConfigError: The index has an entangled block.
        UnknownNameError: There is no such super-category.
        IndexStaleError: The index does not cover it.
    """
    if searcher.is_entangled:
        raise ConfigError(
            "The system of this index has one block for all super-categories: distances in it do "
            "not depend on a single label.",
            hint="Index a run of another system, such as DAtRNet.",
        )
    blocks = [searcher.block_index(name) for name in super_categories] or range(len(searcher.names))
    issues = [
        issue
        for block in dict.fromkeys(blocks)
        for issue in _issues_of_block(searcher, block, proposed, unlabeled=unlabeled)
        if (int(searcher.catalog.item_ids[issue.row]), issue.super_category) not in settled
    ]
    return sorted(issues, key=lambda issue: (-issue.strength, -issue.margin, issue.row))


def is_calibrated(searcher: Searcher, block: int) -> bool:
    """Tell whether the values of a super-category have calibrated probabilities."""
    calibrations = searcher.generation.manifest.match.calibrations
    return bool(calibrations) and calibrations[block].num_items > 0


def check_probabilities(generation: Generation) -> None:
    """Refuse an index whose system has no probabilities of values.

    Raises:
        ConfigError: It has none.
    """
    if not has_match_scores(generation.manipulation):
        raise ConfigError(
            "The system of this index has no probabilities of values: its entries are not "
            "positions among the embeddings.",
            hint="Index a run of another system, such as DAtRNet.",
        )


def calibrated_names(
    searcher: Searcher, super_categories: Sequence[str] = ()
) -> tuple[list[str], list[str]]:
    """Return the super-categories that have calibrated probabilities, and those that have not.

    Args:
        searcher: The catalog and its index.
        super_categories: Which to look at, in any case; by default all.

    Raises:
        UnknownNameError: There is no such super-category.
        IndexStaleError: The index does not cover it, or none of them is calibrated.
        ConfigError: The system of the index has no probabilities.
    """
    generation = searcher.generation
    check_probabilities(generation)
    blocks = [searcher.block_index(name) for name in super_categories] or range(len(searcher.names))
    found: tuple[list[str], list[str]] = [], []
    for block in dict.fromkeys(blocks):
        found[not is_calibrated(searcher, block)].append(searcher.names[block])
    if not found[0]:
        few = generation.manifest.match.calibrations
        raise IndexStaleError(
            f"The probabilities of {', '.join(found[1])} are not calibrated, so nothing can be "
            "proposed.",
            hint="Label validation items with at least two values, then run `datrnet index`."
            if few
            else "Run `datrnet index`, which calibrates them on the validation items.",
        )
    return found


def _issues_of_block(
    searcher: Searcher, block: int, proposed: Set[tuple[int, str]], *, unlabeled: bool
) -> list[LabelIssue]:
    catalog, category = searcher.catalog, searcher.generation.super_categories[block]
    labels, rows = index_labels(searcher, block), searcher.indexed_rows
    sets = labels
    name = catalog.super_categories[catalog.super_category_idx(category.name)].name
    if unlabeled:  # a value added after indexing is a label, although the index does not know it
        is_proposed = np.isin(catalog.item_ids[rows], [at for at, of in proposed if of == name])
        is_subject = catalog.labels[rows, catalog.super_category_idx(name)] == UNLABELED
        is_subject |= is_proposed
        sets = np.where(is_proposed[:, None], UNLABELED, sets)
    else:
        is_subject = sets[:, 0] != UNLABELED
    is_subject &= ~catalog.is_hidden[rows]
    embeddings = searcher.generation.embeddings[:, block]
    chances = None
    if is_calibrated(searcher, block):
        chances = compute_confidences(searcher.value_posteriors(block), sets)
    guesses = None if chances is None else chances.guesses
    found = compute_margins(embeddings, sets, reference_points(searcher, block), guesses)
    is_issue = found.margins > 0
    if chances is not None:  # a margin is unknown where the label has no prototype
        is_issue = np.isfinite(found.margins) & (chances.confidences > LEAST_CONFIDENCE)
    return [
        LabelIssue(
            row=int(rows[place]),
            super_category=category.name,
            label=joined(
                category.values[v] for v in dict.fromkeys(labels[place].tolist()) if v >= 0
            ),
            guess=category.values[found.guesses[place]],
            confidence=None if chances is None else float(chances.confidences[place]),
            self_confidence=None if chances is None else float(chances.self_confidences[place]),
            margin=float(found.margins[place]),
            distance=float(np.sqrt(found.own[place])),
            guess_distance=float(np.sqrt(found.other[place])),
        )
        for place in np.flatnonzero(is_subject & is_issue)
    ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Confidences:
    """What probabilities say of the labels of a super-category."""

    guesses: NDArray[np.intp]
    """(n,) likeliest value that is not among the labels."""
    confidences: NDArray[np.float64]
    """(n,) probability of the guess; 0 where no other value has a prototype."""
    self_confidences: NDArray[np.float64]
    """(n,) probability of the label's likeliest value; without a label, of the second likeliest."""


def compute_confidences(posteriors: NDArray[np.float32], labels: NDArray[np.int16]) -> Confidences:
    """Compute how probable the labels of a super-category and other values are.

    Args:
        posteriors: (n, V) probabilities of the values, which do not know of the labels.
        labels: (n,), -1 where unlabeled; or (n, L) sets of values.
    """
    chances, places = posteriors.astype(np.float64), np.arange(len(labels))
    sets = as_sets(labels, 1)
    is_labeled = sets[:, 0] != UNLABELED
    carried = chances[places[:, None], np.maximum(sets, 0)]
    likeliest = carried.argmax(axis=1)
    own, label = carried[places, likeliest], np.maximum(sets, 0)[places, likeliest]
    chances[places[is_labeled, None], sets[is_labeled]] = 0
    guesses = chances.argmax(axis=1)
    others = chances[places, guesses]
    chances[places, guesses] = 0
    second = chances.max(axis=1)
    counts = count_values(sets, chances.shape[1]) + 1
    by_mistake = SHARE_WRONG * (counts / counts.sum())[label]
    of_label = (1 - SHARE_WRONG) * own + by_mistake
    return Confidences(
        guesses=guesses,
        confidences=np.where(is_labeled, others * by_mistake / of_label, others),
        self_confidences=np.where(
            is_labeled, own * (1 - SHARE_WRONG + by_mistake) / of_label, second
        ),
    )


def recognitions(searcher: Searcher) -> dict[str, Recognition]:
    """Return what the model takes every item for, by super-category: the nearest prototype's value.

    Returns:
        Nothing for an index with an entangled block.
    """
    found: dict[str, Recognition] = {}
    categories = () if searcher.is_entangled else searcher.generation.super_categories
    for block, category in enumerate(categories):
        embeddings = searcher.generation.embeddings[:, block]
        points = reference_points(searcher, block)
        margins = compute_margins(embeddings, index_labels(searcher, block), points).margins
        nearest = squared_distances(embeddings, points).argmin(axis=1)
        values: list[str | None] = [None] * searcher.catalog.num_items
        confidences = np.full(len(values), np.nan, dtype=np.float32)
        confidences[searcher.indexed_rows] = np.abs(margins)
        for row, value_idx in zip(searcher.indexed_rows.tolist(), nearest.tolist(), strict=True):
            if np.isfinite(confidences[row]):
                values[row] = category.values[value_idx]
        name = searcher.catalog.super_categories[
            searcher.catalog.super_category_idx(category.name)
        ].name
        found[name] = Recognition(values=values, confidences=confidences)
    return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Margins:
    """Margins of the items of a super-category."""

    guesses: NDArray[np.intp]
    """(n,) the closest value that is not among the labels, or what was guessed."""
    own: NDArray[np.float32]
    """(n,) d² to the label's closest prototype; without a label, to the second closest."""
    other: NDArray[np.float32]
    """(n,) d² to the guess's prototype."""
    margins: NDArray[np.float32]
    """(n,) in [-1, 1]; NaN where a distance is unknown or there is no other value."""


def compute_margins(
    blocks: NDArray[np.float32],
    labels: NDArray[np.int16],
    points: NDArray[np.float32],
    guesses: NDArray[np.intp] | None = None,
) -> Margins:
    """Compute the margins of a super-category.

    Args:
        blocks: (n, E).
        labels: (n,), -1 where unlabeled; or (n, L) sets of values.
        points: (V, E) prototypes; NaN where a value has none.
        guesses: (n,) values that are not among the labels; by default the closest.
    """
    distances = squared_distances(blocks, points)
    places, sets = np.arange(len(labels)), as_sets(labels, 1)
    is_labeled = sets[:, 0] != UNLABELED
    carried = distances[places[:, None], np.where(is_labeled[:, None], sets, 0)]
    own = np.where(is_labeled, carried.min(axis=1), np.inf)
    distances[places[is_labeled, None], sets[is_labeled]] = np.inf
    guesses = distances.argmin(axis=1) if guesses is None else guesses
    other = distances[places, guesses]
    distances[places, guesses] = np.inf
    own = np.where(is_labeled, own, distances.min(axis=1))
    known = is_labeled & np.isfinite(own)
    spread = float(own[known].mean()) if known.any() else 0.0
    with np.errstate(invalid="ignore"):
        margins = (own - other) / np.maximum(own + other + spread, EPS)
    return Margins(guesses=guesses, own=own, other=other, margins=margins)


def reference_points(searcher: Searcher, super_category_idx: int) -> Floats:
    """Return the points (V, E) that represent the values of a super-category; NaN where unknown.

    These are the vectors that replace a block in a search: prototypes in DAtRNet and
    FashionSearchNet, one-hot vectors in attribute-based retrieval. ADDE-M's memory is added to
    blocks and is not a position among them, so the means of the currently labeled items are used.

    Args:
        searcher: Its index must have a block for each super-category.
        super_category_idx: Index of the super-category in the generation.
    """
    generation = searcher.generation
    if isinstance(generation.manipulation, Replacement | WeightedReplacement):
        return generation.prototypes_of(super_category_idx)
    return mean_embeddings(
        np.asarray(generation.embeddings[:, super_category_idx]),
        index_labels(searcher, super_category_idx),
        len(generation.super_categories[super_category_idx].values),
        unit_length=False,
    )


def index_labels(searcher: Searcher, super_category_idx: int) -> NDArray[np.int16]:
    """Return the current values (n, L) of the indexed items in the index's encoding, else -1."""
    category = searcher.generation.super_categories[super_category_idx]
    sets = searcher.catalog.encode_value_sets([category])[:, 0]
    return trimmed(sets[searcher.indexed_rows])


def squared_distances(blocks: Floats, points: Floats) -> Floats:
    """Return d² (n, V) from blocks (n, E) to points (V, E); infinite for a point of NaN."""
    known = ~np.isnan(points).any(axis=1)
    distances = np.full((len(blocks), len(points)), np.inf, dtype=np.float32)
    finite = points[known]
    lengths = np.einsum("ve,ve->v", finite, finite)
    for start in range(0, len(blocks), CHUNK):
        part = np.asarray(blocks[start : start + CHUNK])
        own = np.einsum("ne,ne->n", part, part)[:, None]
        squares = own + lengths - 2 * (part @ finite.T)
        distances[start : start + CHUNK, known] = np.maximum(squares, 0)
    return distances


def typical_rows(searcher: Searcher, super_category: str, value: str, count: int) -> list[int]:
    """Return the catalog rows of the items that carry a value, the closest to it first.

    Args:
        searcher: The catalog and its index.
        super_category: As the index spells it.
        value: One of its values; of several, joined by a bar, one has to be carried.
        count: Maximum number of rows.

    Returns:
        No rows if the index does not know the value.
    """
    idx = searcher.names.index(super_category)
    values = searcher.generation.super_categories[idx].values
    numbers = [values.index(name) for name in split_values(value, values) if name in values]
    if not numbers:
        return []
    is_typical = np.isin(index_labels(searcher, idx), numbers).any(axis=1)
    places = np.flatnonzero(is_typical & ~searcher.catalog.is_hidden[searcher.indexed_rows])
    points = reference_points(searcher, idx)[numbers]
    distances = squared_distances(searcher.generation.embeddings[places, idx], points).min(axis=1)
    order = np.argsort(distances, kind="stable")[:count]
    return [int(row) for row in searcher.indexed_rows[places[order]]]
