"""A workspace of 120 items with an index of made-up embeddings, and its search."""

from pathlib import Path

import numpy as np
import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import IndexConfig
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.indexing.generation_writer import Embedded, write_generation
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import Replacement
from datrnet.core.retrieval.prototypes import mean_embeddings
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import NewItem

COLORS, SLEEVES = ("black", "blue", "red"), ("long", "short")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a workspace of 120 items with an index of made-up embeddings."""
    place = Workspace(tmp_path)
    rng = np.random.default_rng(0)
    with place.create_store() as store:
        items = [
            NewItem(
                code=f"S{number:03}",
                title=f"Shirt {number}",
                picture_path=f"{number}.jpg",
                split=("train", "validation", "test")[number % 3],
                labels={
                    "colour": COLORS[rng.integers(3)],
                    "sleeve": None if number % 10 == 0 else SLEEVES[rng.integers(2)],
                },
            )
            for number in range(120)
        ]
        store.upsert_items(items)
        catalog = Catalog.load(store)
        write_generation(place, store, embedded(catalog), IndexConfig(trees=30))
    return place


def embedded(catalog: Catalog) -> Embedded:
    rng = np.random.default_rng(1)
    embeddings = np.zeros((catalog.num_items, 2, 6), dtype=np.float32)
    prototypes = []
    for block, category in enumerate(catalog.super_categories):
        centers = rng.normal(size=(len(category.values) + 1, 6))
        drawn = centers[catalog.labels[:, block]] + 0.7 * rng.normal(size=(catalog.num_items, 6))
        embeddings[:, block] = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        prototypes.append(
            mean_embeddings(
                embeddings[:, block],
                catalog.labels[:, block],
                len(category.values),
                unit_length=True,
            )
        )
    return Embedded(
        run_name="made-up",
        super_categories=catalog.super_categories,
        item_ids=catalog.item_ids,
        embeddings=embeddings,
        manipulation=Replacement(tuple(prototypes)),
        weights=Weights(blocks=(0.5, 1.5), changed=2.0),
    )


@pytest.fixture
def searcher(workspace: Workspace) -> Searcher:
    with workspace.open_store() as store:
        return Searcher(Catalog.load(store), Generation.current(workspace, store))
