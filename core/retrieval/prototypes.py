"""Prototypes: the embeddings that represent attribute values, and predictions based on them.

A generic prototype is the mean embedding of all items that carry a value (section 3.3 of the paper:
the "generic representation"). A specific prototype is the mean among the items that also share a
value of another super-category (section 7 of the supplementary): black differs between shirts and
shoes. Methods that do not replace blocks by means have generic entries only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.catalog.value_sets import carried_values, count_values, paired_values
from datrnet.core.errors import IndexStaleError
from datrnet.core.retrieval.calibration import posteriors
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import (
    BoolArray,
    Floats,
    Replacement,
    WeightedReplacement,
    replaces_by_means,
)
from datrnet.core.text import fold
from datrnet.db.rows import SuperCategory

MIN_SPECIFIC = 5
"""Fewest items of a specific prototype; a mean of fewer describes the items, not the value."""

NO_MEAN = "the system's own entry, not a mean of items"


def mean_embeddings(
    embeddings: Floats, labels: NDArray[np.integer[Any]], num_values: int, *, unit_length: bool
) -> Floats:
    """Return the mean embedding of the items that carry each value.

    An item with several values counts for each of them.

    Args:
        embeddings: (N, E) embeddings of one super-category.
        labels: (N,) values, -1 where unlabeled; or (N, L) sets of values.
        num_values: V.
        unit_length: Whether to L2-normalize each mean.

    Returns:
        (V, E) prototypes; a row of NaN where no item carries the value.
    """
    items, values = carried_values(labels)
    counts = np.bincount(values, minlength=num_values)
    sums = np.zeros((num_values, embeddings.shape[1]))
    order = np.argsort(values, kind="stable")
    carried, starts = np.unique(values[order], return_index=True)
    # five times as fast as np.add.at, and the same to the last bit
    sums[carried] = np.add.reduceat(embeddings[items[order]], starts, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        means = sums / counts[:, None]
        if unit_length:
            means /= np.linalg.norm(means, axis=1, keepdims=True)
    return means.astype(np.float32)


def specific_mean_embeddings(
    embeddings: Floats,
    labels: NDArray[np.int16],
    num_values: int,
    within: NDArray[np.int16],
    num_within: int,
    *,
    unit_length: bool,
    min_items: int = 1,
) -> Floats:
    """Return the mean embedding of each value within each value of another super-category.

    Args:
        embeddings: (N, E) embeddings of one super-category.
        labels: (N,) its values, -1 where unlabeled; or (N, L) sets of values.
        num_values: V.
        within: (N,) values of the other super-category, or (N, K) sets.
        num_within: W.
        unit_length: Whether to L2-normalize each mean.
        min_items: Fewest items of a mean.

    Returns:
        (W, V, E) prototypes; NaN where fewer items carry both values.
    """
    pairs = paired_values(within, labels, num_values)
    means = mean_embeddings(embeddings, pairs, num_within * num_values, unit_length=unit_length)
    means[count_values(pairs, len(means)) < min_items] = np.nan
    return means.reshape(num_within, num_values, -1)


def prototype_items(
    catalog: Catalog, generation: Generation, indexed_rows: NDArray[np.int64]
) -> BoolArray:
    """Return which indexed items (n,) the generic prototypes of an index are means of."""
    return source_items(
        catalog.splits[indexed_rows],
        catalog.is_hidden[indexed_rows],
        only_training=generation.manifest.prototypes_from == "train",
    )


def source_items(
    splits: NDArray[np.str_], is_hidden: BoolArray, *, only_training: bool
) -> BoolArray:
    """Return which items (n,) prototypes are means of: never hidden ones.

    Args:
        splits: (n,).
        is_hidden: (n,).
        only_training: Whether only training items count, if there are any.
    """
    is_training: BoolArray = (splits == "train") & ~is_hidden
    return is_training if only_training and is_training.any() else ~is_hidden


def aligned(generation: Generation, catalog: Catalog) -> Generation:
    """Return an index as the catalog is now; see ``Generation.aligned_with``.

    The prototype of a value that others were merged into is the mean over the items of all of them,
    as it will be in the next index; those others, and dropped values, have none.

    Raises:
        IndexStaleError: The catalog lacks super-categories that the index cannot do without.
    """
    found = generation.aligned_with(catalog)
    if not isinstance(found.manipulation, Replacement | WeightedReplacement):
        return found
    stored, now = found.manifest.super_categories, found.super_categories
    gone = [_gone_values(catalog, *pair) for pair in zip(stored, now, strict=True)]
    if not any(gone):
        return found
    source = PrototypeSource(catalog, found, np.searchsorted(catalog.item_ids, found.item_ids))
    prototypes = []
    for block, (category, replaced) in enumerate(zip(now, gone, strict=True)):
        entries = found.prototypes_of(block).copy()
        for value in filter(None, dict.fromkeys(replaced.values())):
            number = _number_of(category.values, value)
            if found.manipulation.are_means:
                mean = source.mean(block, category.values[number])
                entries[number] = entries[number] if mean is None else mean
        entries[list(replaced)] = np.nan
        prototypes.append(entries)
    found.manipulation = replace(found.manipulation, prototypes=tuple(prototypes))
    return found


def _gone_values(catalog: Catalog, stored: SuperCategory, now: SuperCategory) -> dict[int, str]:
    """Return what values of an index were merged into, by number; nothing if dropped."""
    names = [catalog.synonyms.value(now.name, value) for value in stored.values]
    return {
        number: name
        for number, (name, own) in enumerate(zip(names, now.values, strict=True))
        if fold(name) != fold(own)
    }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prototype:
    """The embedding of a wanted value, and its origin."""

    super_category: str
    value: str
    embedding: Floats
    """(E,)."""
    num_items: int | None
    """Number of items, by current labels, that it is the mean of; None if it is not a mean."""
    among: str | None = None
    """For a specific prototype, the value of another super-category that these items share."""
    note: str = ""
    """Why it is generic although a specific prototype was requested."""

    @property
    def source(self) -> str:
        """Its origin in words."""
        if self.num_items is None:
            words = NO_MEAN
        else:
            words = f"{self.num_items:,} item{'' if self.num_items == 1 else 's'}"
        words += f" among {self.among}" if self.among is not None else ""
        return f"{words} ({self.note})" if self.note else words


class PrototypeSource:
    """Looks up generic prototypes in an index and computes specific ones."""

    def __init__(
        self, catalog: Catalog, generation: Generation, indexed_rows: NDArray[np.int64]
    ) -> None:
        """Combine current labels with indexed embeddings.

        Args:
            catalog: All items.
            generation: The index.
            indexed_rows: (n,) catalog row of each indexed item.
        """
        self._catalog = catalog
        self._generation = generation
        self._indexed_rows = indexed_rows
        self._generic: dict[tuple[int, str], Prototype] = {}

    def generic(self, block: int, value: str) -> Prototype:
        """Return the index's prototype of a value; it counts the items once.

        Args:
            block: Index of the super-category in the generation.
            value: What it is or was called, in any case.

        Raises:
            UnknownNameError: The super-category has no such value.
            IndexStaleError: The value has no prototype: no training item carried it.
        """
        key = block, value
        if key not in self._generic:
            self._generic[key] = self._counted(block, value)
        return self._generic[key]

    def _counted(self, block: int, value: str) -> Prototype:
        """Return the index's prototype of a value, and of how many items it is the mean."""
        category = self._generation.super_categories[block]
        manipulation = self._generation.manipulation
        idx = self._catalog.super_category_idx(category.name)
        number = _number_of(category.values, self._catalog.synonyms.value(category.name, value))
        if number == UNLABELED:
            now = self._catalog.value_idx(idx, value)  # raises with suggestions if it is unknown
            number = _number_of(category.values, self._catalog.super_categories[idx].values[now])
        if number != UNLABELED:
            value = category.values[number]
            embedding = manipulation.prototypes_of(block)[number]
            if not np.isnan(embedding).any():
                num_items = int(self._carries(idx, value).sum()) if manipulation.are_means else None
                return Prototype(
                    super_category=category.name,
                    value=value,
                    embedding=embedding,
                    num_items=num_items,
                )
        raise IndexStaleError(
            f"No training item is labeled {category.name} {value!r}, so it cannot be searched for.",
            hint="Label some training items with it, then run `datrnet train` and `datrnet index`.",
        )

    def specific(
        self, block: int, generic: Prototype, within: str, shared: str | None
    ) -> Prototype:
        """Return the prototype of the same value among the items that share another value.

        Args:
            block: Index of the prototype's super-category in the generation.
            generic: The generic prototype, returned with a note if too few items share both values.
            within: The other super-category, as the catalog spells it.
            shared: Its value; None if the query has none.
        """
        if not replaces_by_means(self._generation.manipulation):
            return replace(generic, note="this system has no others")
        if within == generic.super_category:
            return replace(generic, note=f"{within} itself changes")
        if shared is None:
            return replace(generic, note=f"the query has no {within}")
        own_idx, shared_idx = map(
            self._catalog.super_category_idx, (generic.super_category, within)
        )
        both = self._carries(own_idx, generic.value) & self._carries(shared_idx, shared)
        places = np.flatnonzero(both)
        if len(places) < MIN_SPECIFIC:
            few = f"only {len(places)}" if len(places) else "none"
            return replace(generic, note=f"{few} among {shared}")
        embedding = self._mean_of(block, places)
        return replace(generic, embedding=embedding, num_items=len(places), among=shared)

    def mean(self, block: int, value: str) -> Floats | None:
        """Return the mean embedding (E,) of the items that carry a value; None without any."""
        name = self._generation.super_categories[block].name
        places = np.flatnonzero(self._carries(self._catalog.super_category_idx(name), value))
        return self._mean_of(block, places) if len(places) else None

    def _mean_of(self, block: int, places: NDArray[np.intp]) -> Floats:
        manifest = self._generation.manifest
        means = mean_embeddings(
            self._generation.embeddings[places, block],
            np.zeros(len(places), dtype=np.int16),
            1,
            unit_length=manifest.unit_blocks and manifest.unit_prototypes,
        )
        mean: Floats = means[0]
        return mean

    @cached_property
    def _is_source(self) -> BoolArray:
        return prototype_items(self._catalog, self._generation, self._indexed_rows)

    def _carries(self, super_category_idx: int, value: str) -> BoolArray:
        """Return which of these items (n,) currently carry a value."""
        number = _number_of(self._catalog.super_categories[super_category_idx].values, value)
        if number == UNLABELED:  # the catalog no longer has the value
            return np.zeros(len(self._indexed_rows), dtype=bool)
        carried = self._catalog.carries(super_category_idx, number)[self._indexed_rows]
        return self._is_source & carried


def _number_of(values: tuple[str, ...], value: str) -> int:
    """Return the index of a value as people see it; UNLABELED if it is unknown."""
    folded = [fold(known) for known in values]
    wanted = fold(value)
    return folded.index(wanted) if wanted in folded else UNLABELED


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The predicted value of a super-category: the likeliest one.

    In an index that is not calibrated it is the one with the closest prototype.
    """

    value: str
    distance: float
    """To the prototype of the value."""
    second: str
    """The runner-up."""
    margin: float
    """1 - distance / distance to the runner-up: 0 for a tie, 1 at the prototype."""
    probability: float | None = None
    """Calibrated probability of the value; None if the index is not calibrated."""


def predict_values(generation: Generation, blocks: Floats) -> Mapping[str, Prediction]:
    """Return the predicted value of each super-category that has at least two prototypes.

    The result is empty for methods whose entries are not positions in the embedding space: ADDE-M
    adds its memory to blocks, AMNet fuses it.

    Args:
        generation: The index.
        blocks: (A, E) of one item, as embedded.
    """
    if not isinstance(generation.manipulation, Replacement | WeightedReplacement):
        return {}
    predictions, calibrations = {}, generation.manifest.match.calibrations
    for idx, category in enumerate(generation.super_categories):
        differences = generation.prototypes_of(idx) - blocks[idx]  # (V, E), NaN if no prototype
        distances = np.sqrt(np.einsum("ve,ve->v", differences, differences))
        order, likely = distances, None
        if calibrations and calibrations[idx].num_items:
            likely = posteriors(
                blocks[None, idx], generation.prototypes_of(idx), calibrations[idx]
            )[0]
            order = np.where(np.isnan(distances), np.nan, -likely)
        first, second = (*np.argsort(order)[:2].tolist(), -1, -1)[:2]  # NaN comes last
        if second < 0 or np.isnan(distances[second]):
            continue
        closest, runner_up = float(distances[first]), float(distances[second])
        predictions[category.name] = Prediction(
            value=category.values[first],
            distance=closest,
            second=category.values[second],
            margin=max(0.0, 1 - closest / runner_up) if runner_up else 0.0,
            probability=None if likely is None else float(likely[first]),
        )
    return predictions
