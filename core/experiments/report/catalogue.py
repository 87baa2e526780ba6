"""What the report says of the catalogue and of the index over it."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DatrnetError
from datrnet.core.experiments.report.parts import Table, moment, percent
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import GenerationRow
from datrnet.db.store import Store

SPLITS = ("train", "validation", "test", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The values of one super-category with the items that carry each, the most frequent first."""

    super_category: str
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CataloguePart:
    """The items and their labels."""

    num_items: int
    splits: Table
    super_categories: Table
    values: tuple[Values, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPart:
    """The current index, as far as it can be read."""

    name: str
    facts: tuple[tuple[str, str], ...] = ()
    weights: Table | None = None
    problem: str = ""
    """What is wrong with it, and what to do; empty where nothing is."""


def look_at_catalogue(catalog: Catalog) -> CataloguePart:
    """Count items and labels."""
    counts = Counter(str(split) for split in catalog.splits)
    values = tuple(_values(catalog, idx) for idx in range(len(catalog.super_categories)))
    return CataloguePart(
        num_items=catalog.num_items,
        splits=Table.of(
            ("split", "items", "share"),
            [
                (split or "none", counts[split], percent(counts[split] / catalog.num_items))
                for split in SPLITS
                if counts[split]
            ],
        ),
        super_categories=Table.of(
            ("super-category", "values", "items labelled", "share labelled", "most frequent"),
            [_summary(one, catalog.num_items) for one in values],
        ),
        values=values,
    )


def _values(catalog: Catalog, idx: int) -> Values:
    category = catalog.super_categories[idx]
    labels = catalog.labels[:, idx]
    counts = np.bincount(labels[labels != UNLABELED], minlength=len(category.values)).tolist()
    pairs = sorted(zip(category.values, counts, strict=True), key=lambda pair: -pair[1])
    return Values(super_category=category.name, counts=tuple(pairs))


def _summary(values: Values, num_items: int) -> tuple[str | int, ...]:
    labelled = sum(count for _, count in values.counts)
    share = percent(labelled / num_items if num_items else None)
    frequent = ", ".join(value for value, count in values.counts[:3] if count)
    return values.super_category, len(values.counts), labelled, share, frequent


def look_at_index(
    workspace: Workspace, store: Store, catalog: Catalog, row: GenerationRow | None
) -> IndexPart | None:
    """Return what the current index is, or None where there is none."""
    if row is None:
        return None
    try:
        generation = Generation.current(workspace, store)
        num_unindexed = Searcher(catalog, generation).num_unindexed
    except DatrnetError as error:
        return IndexPart(name=row.name, problem=str(error))
    manifest = generation.manifest
    # of an entangled block no super-category has a weight alone
    weights = dict(zip(manifest.block_names, manifest.weights, strict=True))
    return IndexPart(
        name=manifest.name,
        facts=(
            ("run", manifest.run_name),
            ("made", moment(manifest.created_at)),
            ("items", f"{manifest.num_items:,}"),
            ("items not yet indexed", f"{num_unindexed:,}"),
            ("length of an embedding", f"{manifest.embedding_size:,}"),
            ("recall@30 of Annoy against exact search", percent(manifest.recall_at_30)),
            ("nodes that Annoy visits", f"{manifest.nodes:,}"),
            ("further weight of a change", f"{manifest.changed_weight:g}"),
        ),
        weights=Table.of(
            ("super-category", "values", "weight"),
            [
                (one.name, len(one.values), weights.get(one.name, "shared"))
                for one in manifest.super_categories
            ],
        ),
    )
