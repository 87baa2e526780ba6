"""Evaluating the current index of a workspace on one of its splits."""

from dataclasses import dataclass

import numpy as np

from datrnet.core.data.catalog import Catalog
from datrnet.core.errors import DataError
from datrnet.core.evaluation.protocol import Progress, Protocol, UseCase, evaluate
from datrnet.core.evaluation.ranking import Gallery, Weights
from datrnet.core.retrieval.generation import Generation

ALL = "all"
"""In place of a split's name: every item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """The figures of one index on one split."""

    run_name: str
    generation: str
    split: str
    num_items: int
    super_categories: tuple[str, ...]
    weights: Weights
    protocol: Protocol
    use_cases: tuple[UseCase, ...]


def assess(
    catalog: Catalog,
    generation: Generation,
    split: str,
    protocol: Protocol,
    *,
    weights: Weights | None = None,
    on_progress: Progress = lambda done, total: None,
) -> Assessment:
    """Evaluate an index exactly, without Annoy.

    Args:
        catalog: The items and their labels.
        generation: Their embeddings and the prototypes.
        split: The gallery, every item of which is a query too; ``all`` for the whole catalogue.
        protocol: What the sources leave open.
        weights: Weights of the blocks; those of the index where none are given.
        on_progress: Told the queries done and their total.

    Raises:
        DataError: The split has no indexed item.
    """
    gallery = gallery_of(catalog, generation, split)
    manifest = generation.manifest
    weights = weights or Weights(blocks=manifest.weights, changed=manifest.changed_weight)
    names = tuple(one.name for one in generation.super_categories)
    return Assessment(
        run_name=manifest.run_name,
        generation=manifest.name,
        split=split,
        num_items=len(gallery.labels),
        super_categories=names,
        weights=weights,
        protocol=protocol,
        use_cases=tuple(evaluate(gallery, names, weights, protocol, on_progress)),
    )


def gallery_of(catalog: Catalog, generation: Generation, split: str) -> Gallery:
    """Return the indexed items of a split with their labels as they are now.

    Items with a value that the index does not know are left out.

    Raises:
        DataError: There are none.
    """
    rows = np.searchsorted(catalog.item_ids, generation.item_ids)
    labels = catalog.labels_numbered_as(generation.super_categories)[rows]
    there = np.full(len(rows), True) if split == ALL else catalog.splits[rows] == split
    # a value given since the index was built has no number in it, which is not to lack a label
    now = [catalog.super_category_idx(one.name) for one in generation.super_categories]
    there &= ~((labels < 0) & (catalog.labels[rows][:, now] >= 0)).any(axis=1)
    if not there.any():
        raise DataError(
            f"The index has no item of the split {split!r}.",
            mend="Choose --split train, validation, test or all.",
        )
    return Gallery(
        embeddings=np.asarray(generation.embeddings[there]),
        labels=labels[there],
        prototypes=tuple(
            generation.prototypes_of(idx) for idx in range(len(generation.super_categories))
        ),
    )
