"""Evaluate an index on a split and store the figures."""

import json
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog, split_rows
from datrnet.core.errors import ConfigError, DataError, UnknownNameError
from datrnet.core.evaluation.protocol import (
    Match,
    Protocol,
    UseCase,
    evaluate,
    evaluate_queries,
)
from datrnet.core.evaluation.queries import GivenQueries
from datrnet.core.evaluation.ranking import Gallery, Weights
from datrnet.core.progress import Progress, no_progress
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import Replacement, SpecificPrototypes, replaces_by_means
from datrnet.core.retrieval.prototypes import (
    MIN_SPECIFIC,
    prototype_items,
    specific_mean_embeddings,
)
from datrnet.db.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The figures of an index on a split."""

    run_name: str
    generation: str
    split: str
    num_items: int
    super_categories: tuple[str, ...]
    blocks: tuple[str, ...]
    """Names of the blocks that the weights refer to."""
    weights: Weights
    protocol: Protocol
    use_cases: tuple[UseCase, ...]
    queries: str | None = None
    """Where given queries came from; None for all valid queries of the split."""
    num_left_out: int = 0
    """Given queries that could not be evaluated."""

    def keep(self, store: Store) -> None:
        """Store the figures with their run and index."""
        settings = {
            "protocol": asdict(self.protocol),
            "weights": asdict(self.weights),
            "queries": self.queries,
        }
        store.add_evaluation(
            self.run_name,
            self.generation,
            self.split,
            json.dumps(settings, sort_keys=True),
            json.dumps(asdict(self)),
        )


def assess(
    catalog: Catalog,
    generation: Generation,
    split: str,
    protocol: Protocol,
    *,
    weights: Weights | None = None,
    queries: GivenQueries | None = None,
    on_progress: Progress = no_progress,
) -> Assessment:
    """Evaluate an index by exact ranking, without Annoy.

    Args:
        catalog: Items and labels.
        generation: The index.
        split: The gallery, whose items are also the queries; ``all`` for the whole catalog.
        protocol: Evaluation settings.
        weights: Weights of the blocks; those of the index by default.
        queries: Evaluated instead of all valid queries.
        on_progress: Called with a step's name, the work done and the total.

    Raises:
        DataError: The split has no indexed item.
        UnknownNameError: The protocol names a super-category that does not exist.
        ConfigError: The protocol requires prototypes that the index's system lacks.
    """
    gallery = gallery_of(catalog, generation, split, match=protocol.match, within=protocol.within)
    manifest = generation.manifest
    weights = weights or weights_of(generation)
    names = tuple(category.name for category in generation.super_categories)
    protocol = replace(protocol, max_changes=min(protocol.max_changes, len(names)))
    if queries is None:
        use_cases = evaluate(gallery, names, weights, protocol, on_progress)
    else:
        sets = queries.query_sets
        use_cases = evaluate_queries(gallery, names, sets, weights, protocol, on_progress)
    return Assessment(
        run_name=manifest.run_name,
        generation=manifest.name,
        split=split,
        num_items=len(gallery.labels),
        super_categories=names,
        blocks=generation.block_names,
        weights=weights,
        protocol=protocol,
        use_cases=tuple(use_cases),
        queries=queries.source if queries else None,
        num_left_out=queries.num_left_out if queries else 0,
    )


def weights_of(generation: Generation) -> Weights:
    """Return the weights chosen when the index was built."""
    manifest = generation.manifest
    return Weights(blocks=manifest.weights, changed=manifest.changed_weight)


def equal_weights_of(generation: Generation) -> Weights:
    """Return weights of 1 for all blocks of an index."""
    return Weights.equal(len(generation.block_names))


def gallery_of(
    catalog: Catalog,
    generation: Generation,
    split: str,
    *,
    match: Match = "used",
    within: str | None = None,
) -> Gallery:
    """Return the indexed items of a split with their current labels.

    Items with a value that the index does not know are omitted.

    Args:
        catalog: Items and labels.
        generation: The index.
        split: A split, or ``all``.
        match: ``all`` adds the labels of super-categories that are not indexed.
        within: Super-category for specific prototypes.

    Raises:
        DataError: The gallery is empty.
        UnknownNameError: The index has no such super-category.
        ConfigError: The index's system does not replace blocks by means.
    """
    rows = np.searchsorted(catalog.item_ids, generation.item_ids)
    labels = catalog.encode_labels(generation.super_categories)[rows]
    in_gallery = _in_gallery(catalog, generation, split)
    manipulation = generation.manipulation
    if within is not None:
        manipulation = _manipulation_within(catalog, generation, labels, rows, within)
    if match == "all":
        others = np.setdiff1d(np.arange(catalog.labels.shape[1]), _columns(catalog, generation))
        labels = np.concatenate([labels, catalog.labels[rows][:, others]], axis=1)
    return Gallery(
        embeddings=np.asarray(generation.embeddings[in_gallery]),
        labels=labels[in_gallery],
        manipulation=manipulation,
    )


def gallery_rows(catalog: Catalog, generation: Generation, split: str) -> NDArray[np.int64]:
    """Return the catalog rows of the items of ``gallery_of``, in order.

    Raises:
        DataError: The gallery is empty.
    """
    rows = np.searchsorted(catalog.item_ids, generation.item_ids)
    return rows[_in_gallery(catalog, generation, split)]


def _in_gallery(catalog: Catalog, generation: Generation, split: str) -> NDArray[np.bool_]:
    """Return which indexed items (n,) are in a split and carry only values that the index knows."""
    rows = np.searchsorted(catalog.item_ids, generation.item_ids)
    labels = catalog.encode_labels(generation.super_categories)[rows]
    # a value added after indexing is encoded as -1 too, but its item is not unlabeled
    unknown = (labels < 0) & (catalog.labels[rows][:, _columns(catalog, generation)] >= 0)
    in_gallery: NDArray[np.bool_] = np.logical_not(unknown.any(axis=1))
    in_gallery &= np.isin(rows, split_rows(catalog, split))
    if not in_gallery.any():
        raise DataError(
            f"The index has no item of the split {split!r}.",
            hint="Choose --split train, validation, test or all.",
        )
    return in_gallery


def _columns(catalog: Catalog, generation: Generation) -> list[int]:
    """Return the catalog's index of each indexed super-category."""
    return [catalog.super_category_idx(category.name) for category in generation.super_categories]


def _manipulation_within(
    catalog: Catalog,
    generation: Generation,
    labels: NDArray[np.int16],
    rows: NDArray[np.int64],
    within: str,
) -> Replacement:
    """Return the index's manipulation, extended by specific prototypes.

    They are means of the same items as the generic prototypes.
    """
    manipulation = generation.manipulation
    if not replaces_by_means(manipulation):
        raise ConfigError(
            f"The system of this index has no prototypes within {within}: it does not replace "
            "blocks by means.",
            hint="Omit --within to use generic prototypes.",
        )
    categories = generation.super_categories
    names = [category.name for category in categories]
    folded = [name.casefold() for name in names]
    if within.casefold() not in folded:
        raise UnknownNameError("indexed super-category", within, names)
    column, manifest = folded.index(within.casefold()), generation.manifest
    is_source = prototype_items(catalog, generation, rows)
    shared, num_shared = labels[is_source, column], len(categories[column].values)
    means = tuple(
        specific_mean_embeddings(
            generation.embeddings[is_source, block],
            labels[is_source, block],
            len(category.values),
            shared,
            num_shared,
            unit_length=manifest.unit_blocks and manifest.unit_prototypes,
            min_items=MIN_SPECIFIC,
        )
        for block, category in enumerate(categories)
    )
    return Replacement(manipulation.prototypes, SpecificPrototypes(column=column, means=means))
