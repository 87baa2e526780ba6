"""Writing an index generation and making it current in one step."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.config import IndexConfig
from datrnet.core.data.workspace import Workspace
from datrnet.core.retrieval.annoy_index import CandidateIndex, build_annoy
from datrnet.core.retrieval.generation import FORMAT, MANIFEST, FileFacts, Manifest
from datrnet.core.retrieval.search import CANDIDATES_PER_ANSWER, candidate_vector
from datrnet.db.rows import SuperCategory
from datrnet.db.store import Store

KEPT_GENERATIONS = 2
"""The current one and the one before it, which an explorer may still have open."""

ABANDONED_SECONDS = 24 * 3600
"""Age at which a folder that was never finished is taken for a killed build's."""

RECALL_QUERIES = 200
RECALL_K = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedded:
    """What a generation is made of."""

    run_name: str
    super_categories: tuple[SuperCategory, ...]
    item_ids: NDArray[np.int64]
    """(N,), ascending."""
    embeddings: NDArray[np.float32]
    """(N, A, E)."""
    prototypes: tuple[NDArray[np.float32], ...]
    """(V, E) for each super-category."""
    unit_blocks: bool
    weights: tuple[float, ...]
    changed_weight: float
    unit_prototypes: bool = True
    """Whether the prototypes were brought to the length of a block."""


def write_generation(
    workspace: Workspace,
    store: Store,
    embedded: Embedded,
    config: IndexConfig,
    on_step: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """Write a generation's folder, publish it as current, and remove the oldest ones.

    An interrupt at any moment leaves the previous generation current and whole.
    """
    name = _free_name(workspace.indexes, {row.name for row in store.generations()})
    partial = workspace.indexes / f".{name}.partial"
    partial.mkdir(parents=True)
    try:
        on_step("Writing embeddings")
        np.save(partial / "embeddings.npy", embedded.embeddings)
        np.save(partial / "item_ids.npy", embedded.item_ids)
        np.save(partial / "prototypes.npy", np.concatenate(embedded.prototypes))
        on_step("Building the Annoy index")
        vectors = embedded.embeddings.reshape(len(embedded.item_ids), -1)
        build_annoy(vectors, partial / "index.ann", trees=config.trees, seed=1)
        on_step("Measuring recall")
        nodes, recall = _nodes_for_recall(partial / "index.ann", embedded, config)
        manifest = _manifest(name, embedded, config, partial, nodes, recall)
        (partial / MANIFEST).write_text(manifest.to_json(), "utf-8")
        partial.rename(workspace.indexes / name)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    store.publish_generation(name, embedded.run_name, manifest.num_items, manifest.to_json())
    _remove_old(workspace.indexes, [row.name for row in store.generations()])
    return manifest


def _free_name(indexes: Path, taken: set[str]) -> str:
    indexes.mkdir(parents=True, exist_ok=True)
    stem = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    names = [stem, *(f"{stem}-{number}" for number in range(2, 1000))]
    return next(
        name for name in names if name not in taken and not (indexes / f".{name}.partial").exists()
    )


def _manifest(
    name: str, embedded: Embedded, config: IndexConfig, folder: Path, nodes: int, recall: float
) -> Manifest:
    return Manifest(
        format=FORMAT,
        name=name,
        run_name=embedded.run_name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        super_categories=embedded.super_categories,
        num_items=len(embedded.item_ids),
        embedding_size=embedded.embeddings.shape[2],
        unit_blocks=embedded.unit_blocks,
        weights=embedded.weights,
        changed_weight=embedded.changed_weight,
        nodes=nodes,
        recall_at_30=recall,
        files={path.name: FileFacts.of(path) for path in sorted(folder.iterdir())},
        prototypes_from=config.prototypes_from,
        unit_prototypes=embedded.unit_prototypes,
    )


def _nodes_for_recall(path: Path, embedded: Embedded, config: IndexConfig) -> tuple[int, float]:
    """Return the nodes to visit, doubled until recall@30 against exact search is reached.

    What is asked is what a search asks: candidates for weighted queries, every other one changed.
    """
    num_items, num_blocks, size = embedded.embeddings.shape
    if not embedded.unit_blocks:
        return 0, 1.0  # such an index is always ranked exactly
    index = CandidateIndex(path, dimension=num_blocks * size, num_items=num_items)
    queries = _recall_queries(embedded)
    k = min(RECALL_K, num_items)
    exact = [_exact_neighbors(embedded, blocks, weights, k) for blocks, weights in queries]
    vectors = [candidate_vector(blocks, weights) for blocks, weights in queries]
    nodes = config.trees * k
    while True:
        count = CANDIDATES_PER_ANSWER * k
        found = [index.candidates(vector, count, max(nodes, count)) for vector in vectors]
        hits = sum(len(np.intersect1d(a, b)) for a, b in zip(found, exact, strict=True))
        recall = hits / (k * len(queries))
        if recall >= config.recall_target or nodes >= config.trees * num_items:
            return nodes, recall
        nodes *= 2


def _recall_queries(
    embedded: Embedded,
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return blocks (A, E) and weights (A,) of queries; every other has one changed block."""
    rng = np.random.default_rng(0)
    queries = []
    for number, place in enumerate(rng.permutation(len(embedded.item_ids))[:RECALL_QUERIES]):
        blocks = embedded.embeddings[place].copy()
        weights = np.array(embedded.weights, dtype=np.float32)
        changed = int(rng.integers(len(blocks)))
        known = np.flatnonzero(~np.isnan(embedded.prototypes[changed][:, 0]))
        if number % 2 and len(known):
            blocks[changed] = embedded.prototypes[changed][rng.choice(known)]
            weights[changed] *= embedded.changed_weight
        queries.append((blocks, weights))
    return queries


def _exact_neighbors(
    embedded: Embedded, blocks: NDArray[np.float32], weights: NDArray[np.float32], k: int
) -> NDArray[np.intp]:
    """Return the k nearest places by the weighted distance; blocks have length 1."""
    vectors = embedded.embeddings.reshape(len(embedded.item_ids), -1)
    nearness = vectors @ (weights[:, None] * blocks).ravel()
    return np.argpartition(-nearness, k - 1)[:k]


def _remove_old(indexes: Path, published: list[str]) -> None:
    """Remove all published generations but the newest, and what interrupted builds left behind."""
    for name in published[:-KEPT_GENERATIONS]:
        shutil.rmtree(indexes / name, ignore_errors=True)
    abandoned = time.time() - ABANDONED_SECONDS
    for partial in indexes.glob(".*.partial"):
        if partial.stat().st_mtime < abandoned:
            shutil.rmtree(partial, ignore_errors=True)
