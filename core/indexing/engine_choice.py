"""Choose, build and calibrate the engine of a generation, by measured recall."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED
from datrnet.core.config import IndexConfig
from datrnet.core.errors import ConfigError
from datrnet.core.evaluation.ranking import Weights, apply_weighted
from datrnet.core.retrieval.engines.annoy_file import (
    ANNOY,
    AnnoyEngine,
    annoy_imports,
    build_annoy,
)
from datrnet.core.retrieval.engines.block_codes import (
    EFFORTS,
    BlockCodes,
    Effort,
    efforts_for,
)
from datrnet.core.retrieval.engines.engine import (
    Engine,
    EngineChoice,
    EngineName,
    ExactEngine,
    IndexedItems,
)
from datrnet.core.retrieval.engines.milvus import MOST_CANDIDATES, MilvusEngine
from datrnet.core.retrieval.manipulation import Manipulation

ANNOY_UP_TO = 4096
"""Items up to which Annoy is chosen: searches then rank every item, and Annoy finds duplicates."""

MAX_NEW_SHARE = 0.5
"""Largest share of the items that came since the codebook was learned."""

LEAST_EF = 64
"""Least that a query visits of Milvus' graph."""

RECALL_QUERIES = 200
UPDATE_STEP = 4
"""At an update every fourth of them is asked; enough to notice that the codebook is outgrown."""

TOLERANCE = 0.02
"""What recall on so few queries may be below what the codebook reached when it was learned."""

RECALL_K = 30
MOST_CHANGES = 3
LARGEST_FACTOR = 4.0
"""Random weights are up to this many times as large, or as small, as those of the index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """What a manifest says about its engine."""

    engine: EngineName
    engine_asked: EngineChoice
    engine_reason: str
    nodes: int = 0
    effort: Effort = EFFORTS[-1]
    recall_at_30: float = 1.0


def engine_for(asked: EngineChoice, num_items: int) -> tuple[EngineName, str]:
    """Return the engine for so many items, and why.

    Raises:
        ConfigError: Annoy is asked for and cannot be imported.
    """
    if asked == "annoy" and not annoy_imports():
        raise ConfigError(
            "Annoy cannot be imported.",
            hint="Install it with `pip install annoy`, or index with --engine blocks.",
        )
    if asked != "auto":
        return asked, "asked for"
    if num_items > ANNOY_UP_TO:
        return "blocks", f"more than {ANNOY_UP_TO:,} items"
    if annoy_imports():
        return "annoy", f"at most {ANNOY_UP_TO:,} items"
    return "exact", f"at most {ANNOY_UP_TO:,} items, and Annoy cannot be imported"


def build_engine(
    folder: Path,
    items: IndexedItems,
    asked: EngineChoice,
    queries: "RecallQueries",
    config: IndexConfig,
    on_step: Callable[[str], None],
    kept: BlockCodes | None = None,
) -> EngineFacts:
    """Write an engine's files, and choose how much a query looks at.

    Args:
        folder: Of the generation.
        items: The indexed items.
        asked: The engine, or auto.
        queries: What recall is measured on.
        config: The wanted recall, and the number of Annoy's trees.
        on_step: Called with what happens.
        kept: Block codes to update, with their effort, instead of learning new ones.
    """
    engine, reason = engine_for(asked, len(items))
    facts = EngineFacts(engine=engine, engine_asked=asked, engine_reason=reason)
    if engine == "exact":
        return facts
    if engine == "annoy":
        on_step("Building the Annoy index")
        build_annoy(
            items.blocks_at(slice(None)).reshape(len(items), -1),
            folder / ANNOY,
            trees=config.trees,
            seed=1,
        )
        on_step("Measuring recall")
        every = np.arange(len(items))
        nodes, recall = _nodes_for_recall(
            AnnoyEngine(items, folder / ANNOY, every, nodes=1),
            items,
            queries,
            config,
            least=config.trees * queries.k,
            most=config.trees * len(items),
        )
        return replace(facts, nodes=nodes, recall_at_30=recall)
    if kept is not None and kept.codebook.num_items >= (1 - MAX_NEW_SHARE) * len(items):
        on_step("Encoding blocks")
        codes = kept.updated(items)
        recall = _calibrate(codes, items, queries.few(), config, least=kept.effort)
        # where the codebook fell short of the target, another one would too
        if recall >= min(config.recall_target, codes.codebook.recall) - TOLERANCE:
            codes.write(folder)
            return replace(facts, effort=codes.effort, recall_at_30=recall)
    on_step("Learning block codes")
    codes = BlockCodes.build(items)
    on_step("Measuring recall")
    recall = _calibrate(codes, items, queries, config)
    codes.codebook = replace(codes.codebook, recall=recall)
    codes.write(folder)
    return replace(facts, effort=codes.effort, recall_at_30=recall)


def milvus_facts(
    engine: MilvusEngine, items: IndexedItems, queries: "RecallQueries", config: IndexConfig
) -> EngineFacts:
    """Choose how much of its graph Milvus visits, by measured recall."""
    nodes, recall = _nodes_for_recall(
        engine, items, queries, config, least=LEAST_EF, most=MOST_CANDIDATES
    )
    return EngineFacts(
        engine="milvus",
        engine_asked="milvus",
        engine_reason="asked for",
        nodes=nodes,
        recall_at_30=recall,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecallQueries:
    """Queries as people ask them: all have changes, and their weights move."""

    blocks: NDArray[np.float32]
    """(Q, A, E) in the metric space."""
    weights: NDArray[np.float32]
    """(Q, A)."""
    k: int

    @classmethod
    def draw(
        cls,
        embeddings: NDArray[np.float32],
        manipulation: Manipulation,
        weights: Weights,
        *,
        move_weights: bool,
    ) -> "RecallQueries":
        """Draw items, one to three changes of each, and a factor of each weight.

        The queries have no labels, as pictures from disk.

        Args:
            embeddings: (N, A, E) of the index.
            manipulation: What changes do.
            weights: Of the index.
            move_weights: Whether weights are multiplied at random.
        """
        rng = np.random.default_rng(0)
        items = np.sort(rng.permutation(len(embeddings))[:RECALL_QUERIES])
        labels = np.full((len(items), len(manipulation.counts)), UNLABELED, dtype=np.int16)
        targets, changed = labels.copy(), np.zeros(labels.shape, dtype=bool)
        known = [
            np.flatnonzero(~np.isnan(manipulation.prototypes_of(idx)[:, 0]))
            for idx in range(labels.shape[1])
        ]
        for number in range(len(items)):
            num_changes = rng.integers(1, min(MOST_CHANGES, len(known)) + 1)
            for idx in rng.choice(len(known), num_changes, replace=False):
                if len(known[idx]):
                    targets[number, idx], changed[number, idx] = rng.choice(known[idx]), True
        blocks, factors = apply_weighted(
            manipulation, embeddings[items], labels, targets, changed, weights
        )
        if move_weights:
            spread = np.log(LARGEST_FACTOR)
            factors = factors * np.exp(rng.uniform(-spread, spread, factors.shape))
        return cls(
            blocks=blocks.astype(np.float32),
            weights=factors.astype(np.float32),
            k=min(RECALL_K, len(embeddings)),
        )

    def few(self) -> "RecallQueries":
        """Return the queries that an update asks."""
        return replace(self, blocks=self.blocks[::UPDATE_STEP], weights=self.weights[::UPDATE_STEP])

    def exact(self, items: IndexedItems) -> NDArray[np.float64]:
        """Return the squared distances (Q, k) of the k nearest items of each query."""
        found = ExactEngine(items).candidates_of_many(
            self.blocks, self.weights, self.k, [None] * len(self.blocks)
        )
        nearest = [
            items.nearest(blocks, weights, self.k, places)[1].sum(axis=1)
            for blocks, weights, places in zip(self.blocks, self.weights, found, strict=True)
        ]
        return np.array(nearest)

    def recall(
        self, engine: Engine, items: IndexedItems, exact: NDArray[np.float64]
    ) -> float | None:
        """Return the share of the nearest items that an engine finds; None if it answers none.

        An item as far as the k-th nearest will do: of items with one picture, any is as good.
        """
        hits = asked = 0
        for blocks, weights, expected in zip(self.blocks, self.weights, exact, strict=True):
            found = engine.candidates(blocks, weights, self.k)
            if found is not None:
                distances = items.nearest(blocks, weights, self.k, found)[1].sum(axis=1)
                hits += int((distances <= expected[-1]).sum())
                asked += len(expected)
        return hits / asked if asked else None


def _calibrate(
    codes: BlockCodes,
    items: IndexedItems,
    queries: RecallQueries,
    config: IndexConfig,
    least: Effort | None = None,
) -> float:
    """Set the least effort that reaches the recall, else the most, and return the recall.

    It misses nine tenths of what it may, which leaves the rest to queries unlike these.
    """
    exact, recall, efforts = queries.exact(items), 0.0, efforts_for(len(items))
    first = efforts.index(least) if least and least in efforts else 0  # another version had others
    for effort in efforts[first:]:
        codes.effort = effort
        recall = queries.recall(codes, items, exact) or 0.0
        if recall >= config.recall_target + (1 - config.recall_target) / 10:
            break
    return recall


def _nodes_for_recall(
    engine: AnnoyEngine | MilvusEngine,
    items: IndexedItems,
    queries: RecallQueries,
    config: IndexConfig,
    *,
    least: int,
    most: int,
) -> tuple[int, float]:
    """Return the nodes to visit, doubled until the recall is reached, and the recall.

    0 nodes if Annoy can answer none of the queries, as a search then never uses it.
    """
    exact = queries.exact(items)
    engine.nodes = least
    while True:
        recall = queries.recall(engine, items, exact)
        if recall is None:
            return 0, 1.0
        if recall >= config.recall_target or engine.nodes >= most:
            return engine.nodes, recall
        engine.nodes *= 2
