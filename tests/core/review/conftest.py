"""A shop of made-up embeddings that follow the labels, with some labels wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import IndexConfig
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.indexing.generation_writer import Embedded, write_generation
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import Addition, Fusion, Manipulation, Replacement
from datrnet.core.retrieval.prototypes import mean_embeddings
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import NewItem

COLORS, SLEEVES = ("black", "blue", "red"), ("long", "short")
SIZE = 6
MakeShop = Callable[..., "Shop"]


@dataclass
class Shop:
    workspace: Workspace
    searcher: Searcher
    wrong: set[int]
    """Rows whose colour is not the one that they were embedded with."""


@pytest.fixture
def make_shop(tmp_path: Path) -> MakeShop:
    """Make a shop of 120 items, of which every 15th has a wrong colour."""

    def make(manipulation: str = "replacement", noise: float = 0.25) -> Shop:
        rng = np.random.default_rng(0)
        true = [COLORS[rng.integers(3)] for _ in range(120)]
        labels = list(true)
        wrong = set(range(7, 120, 15))
        for row in wrong:
            labels[row] = COLORS[(COLORS.index(true[row]) + 1) % 3]
        place = Workspace(tmp_path)
        with place.create_store() as store:
            store.upsert_items(
                NewItem(
                    code=f"S{row:03}",
                    title=f"Shirt {row}",
                    picture_path=f"{row}.jpg",
                    split="train",
                    labels={
                        "colour": labels[row] if row % 10 else None,
                        "sleeve": SLEEVES[rng.integers(2)],
                    },
                )
                for row in range(120)
            )
            catalog = Catalog.load(store)
            write_generation(
                place, store, _embedded(catalog, true, manipulation, noise), IndexConfig(trees=8)
            )
            searcher = Searcher(catalog, Generation.current(place, store))
        return Shop(place, searcher, {row for row in wrong if row % 10})

    return make


def _embedded(catalog: Catalog, true: list[str], kind: str, noise: float) -> Embedded:
    rng = np.random.default_rng(1)
    blocks, prototypes = [], []
    for idx, category in enumerate(catalog.super_categories):
        labels = catalog.labels[:, idx]
        meant = np.array([COLORS.index(value) for value in true]) if idx == 0 else labels
        centers = rng.normal(size=(len(category.values), SIZE))
        block = centers[meant] + noise * rng.normal(size=(len(labels), SIZE))
        block = (block / np.linalg.norm(block, axis=1, keepdims=True)).astype(np.float32)
        blocks.append(block)
        prototypes.append(mean_embeddings(block, labels, len(category.values), unit_length=True))
    embeddings = np.stack(blocks, axis=1)
    counts = tuple(len(category.values) for category in catalog.super_categories)
    manipulations: dict[str, Manipulation] = {
        "replacement": Replacement(tuple(prototypes)),
        # what is added to a block is nowhere near where blocks lie
        "addition": Addition(rng.normal(size=(2 * SIZE, sum(counts))).astype(np.float32), counts),
        "fusion": Fusion(
            rng.normal(size=(SIZE, sum(counts))).astype(np.float32),
            counts,
            rng.normal(size=(SIZE, 2 * SIZE)).astype(np.float32),
            np.zeros(SIZE, dtype=np.float32),
        ),
    }
    if kind == "fusion":
        embeddings = embeddings[:, :1]
    return Embedded(
        run_name="made-up",
        super_categories=catalog.super_categories,
        item_ids=catalog.item_ids,
        embeddings=embeddings,
        manipulation=manipulations[kind],
        weights=Weights.equal(embeddings.shape[1]),
    )


@pytest.fixture
def look() -> NDArray[np.uint8]:
    """A thumbnail with some contrast."""
    return np.random.default_rng(3).integers(0, 255, size=(32, 32, 3), dtype=np.uint8)
