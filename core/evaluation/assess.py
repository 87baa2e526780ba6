"""Evaluating the current index of a workspace on one of its splits, and keeping the figures."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog, split_rows
from datrnet.core.errors import ConfigError, DataError, UnknownNameError
from datrnet.core.evaluation.given_queries import given_queries
from datrnet.core.evaluation.protocol import (
    Match,
    Progress,
    Protocol,
    UseCase,
    evaluate,
    evaluate_queries,
)
from datrnet.core.evaluation.ranking import Gallery, Weights
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import Replacement, SpecificPrototypes, replaces_by_means
from datrnet.core.retrieval.prototypes import MIN_SPECIFIC, specific_mean_embeddings
from datrnet.db.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The figures of one index on one split."""

    run_name: str
    generation: str
    split: str
    num_items: int
    super_categories: tuple[str, ...]
    blocks: tuple[str, ...]
    """What the weights are of: the super-categories, or one block for all of them."""
    weights: Weights
    protocol: Protocol
    use_cases: tuple[UseCase, ...]
    queries: str | None = None
    """Folder whose queries were asked; None where all valid ones were."""
    num_left_out: int = 0
    """Queries of the folder that could not be asked."""

    def keep(self, store: Store) -> None:
        """Store the figures with the run and index that they are of."""
        made_in = {
            "protocol": asdict(self.protocol),
            "weights": asdict(self.weights),
            "queries": self.queries,
        }
        store.add_evaluation(
            self.run_name,
            self.generation,
            self.split,
            json.dumps(made_in, sort_keys=True),
            json.dumps(asdict(self)),
        )


def assess(
    catalog: Catalog,
    generation: Generation,
    split: str,
    protocol: Protocol,
    *,
    weights: Weights | None = None,
    queries: Path | None = None,
    on_progress: Progress = lambda step, done, total: None,
) -> Assessment:
    """Evaluate an index exactly, without Annoy.

    Args:
        catalog: The items and their labels.
        generation: Their embeddings and how queries are changed.
        split: The gallery, every item of which is a query too; ``all`` for the whole catalogue.
        protocol: What the sources leave open.
        weights: Weights of the blocks; those of the index where none are given.
        queries: A split folder in ADDE's format whose queries are asked, in place of all.
        on_progress: Told the steps and how far they are.

    Raises:
        DataError: The split has no indexed item, or the folder no queries.
        UnknownNameError: The protocol names a super-category that does not exist.
        ConfigError: The protocol asks for prototypes that the index's system does not have.
    """
    gallery = gallery_of(catalog, generation, split, match=protocol.match, within=protocol.within)
    manifest = generation.manifest
    weights = weights or weights_of(generation)
    names = tuple(one.name for one in generation.super_categories)
    protocol = replace(protocol, max_changes=min(protocol.max_changes, len(names)))
    if queries is None:
        num_left_out = 0
        use_cases = evaluate(gallery, names, weights, protocol, on_progress)
    else:
        given = given_queries(
            queries, catalog, gallery_rows(catalog, generation, split), gallery.labels, len(names)
        )
        num_left_out, sets = given.num_left_out, given.query_sets
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
        queries=queries.name if queries else None,
        num_left_out=num_left_out,
    )


def weights_of(generation: Generation) -> Weights:
    """Return the weights that were chosen when an index was built."""
    manifest = generation.manifest
    return Weights(blocks=manifest.weights, changed=manifest.changed_weight)


def equal_weights_of(generation: Generation) -> Weights:
    """Return weights that leave the distance as the system of an index has it."""
    return Weights.equal(len(generation.block_names))


def gallery_of(
    catalog: Catalog,
    generation: Generation,
    split: str,
    *,
    match: Match = "used",
    within: str | None = None,
) -> Gallery:
    """Return the indexed items of a split with their labels as they are now.

    Items with a value that the index does not know are left out.

    Args:
        catalog: The items and their labels.
        generation: Their embeddings and how queries are changed.
        split: A split, or ``all``.
        match: ``all`` adds the labels of super-categories that have no network.
        within: Super-category within whose values prototypes are taken too.

    Raises:
        DataError: There are none.
        UnknownNameError: The index has no such super-category.
        ConfigError: The index's system does not replace blocks by means.
    """
    rows = np.searchsorted(catalog.item_ids, generation.item_ids)
    labels = catalog.labels_numbered_as(generation.super_categories)[rows]
    there = _in_gallery(catalog, generation, split)
    manipulation = generation.manipulation
    if within is not None:
        manipulation = _manipulation_within(catalog, generation, labels, rows, within)
    if match == "all":
        now = [catalog.super_category_idx(one.name) for one in generation.super_categories]
        others = np.setdiff1d(np.arange(catalog.labels.shape[1]), now)
        labels = np.concatenate([labels, catalog.labels[rows][:, others]], axis=1)
    return Gallery(
        embeddings=np.asarray(generation.embeddings[there]),
        labels=labels[there],
        manipulation=manipulation,
    )


def gallery_rows(catalog: Catalog, generation: Generation, split: str) -> NDArray[np.int64]:
    """Return the rows of the catalogue that the items of ``gallery_of`` have, in their order.

    Raises:
        DataError: There are none.
    """
    rows = np.searchsorted(catalog.item_ids, generation.item_ids)
    return rows[_in_gallery(catalog, generation, split)]


def _in_gallery(catalog: Catalog, generation: Generation, split: str) -> NDArray[np.bool_]:
    """Return which items of the index (n,) are of a split and carry only values that it knows."""
    rows = np.searchsorted(catalog.item_ids, generation.item_ids)
    labels = catalog.labels_numbered_as(generation.super_categories)[rows]
    # a value given since the index was built has no number in it, which is not to lack a label
    now = [catalog.super_category_idx(one.name) for one in generation.super_categories]
    unknown = (labels < 0) & (catalog.labels[rows][:, now] >= 0)
    there: NDArray[np.bool_] = np.logical_not(unknown.any(axis=1))
    there &= np.isin(rows, split_rows(catalog, split))
    if not there.any():
        raise DataError(
            f"The index has no item of the split {split!r}.",
            mend="Choose --split train, validation, test or all.",
        )
    return there


def _manipulation_within(
    catalog: Catalog,
    generation: Generation,
    labels: NDArray[np.int16],
    rows: NDArray[np.int64],
    within: str,
) -> Replacement:
    """Return the index's manipulation with specific prototypes besides the generic ones.

    They are made from the items that the generic ones are the means of.
    """
    manipulation = generation.manipulation
    if not replaces_by_means(manipulation):
        raise ConfigError(
            f"The system of this index has no prototypes within {within}: it does not replace "
            "blocks by means.",
            mend="Ask for generic ones: leave --within away.",
        )
    categories = generation.super_categories
    folded = [one.name.casefold() for one in categories]
    if within.casefold() not in folded:
        raise UnknownNameError("indexed super-category", within, [one.name for one in categories])
    column, manifest = folded.index(within.casefold()), generation.manifest
    taught = catalog.splits[rows] == "train"
    if manifest.prototypes_from != "train" or not taught.any():
        taught = np.ones(len(rows), dtype=bool)
    shared, num_shared = labels[taught, column], len(categories[column].values)
    means = tuple(
        _means_of_enough(
            generation.embeddings[taught, block],
            labels[taught, block],
            len(category.values),
            shared,
            num_shared,
            unit_length=manifest.unit_blocks and manifest.unit_prototypes,
        )
        for block, category in enumerate(categories)
    )
    return Replacement(manipulation.prototypes, SpecificPrototypes(column=column, means=means))


def _means_of_enough(
    embeddings: NDArray[np.float32],
    carried: NDArray[np.int16],
    num_values: int,
    shared: NDArray[np.int16],
    num_shared: int,
    *,
    unit_length: bool,
) -> NDArray[np.float32]:
    """Return specific prototypes, NaN where too few items carry both values."""
    found = specific_mean_embeddings(
        embeddings, carried, num_values, shared, num_shared, unit_length=unit_length
    )
    both = (shared >= 0) & (carried >= 0)
    pairs = shared[both].astype(np.int64) * num_values + carried[both]
    counts = np.bincount(pairs, minlength=num_shared * num_values)
    found[counts.reshape(num_shared, num_values) < MIN_SPECIFIC] = np.nan
    return found
