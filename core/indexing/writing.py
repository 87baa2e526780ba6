"""Writing an index generation and making it current in one step."""

import shutil
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
from datrnet.db.rows import SuperCategory
from datrnet.db.store import Store

KEPT_GENERATIONS = 2
"""The current one and the one before it, which an explorer may still have open."""

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
        nodes, recall = _nodes_for_recall(partial / "index.ann", vectors, config)
        manifest = _manifest(name, embedded, partial, nodes, recall)
        (partial / MANIFEST).write_text(manifest.to_json(), "utf-8")
        partial.rename(workspace.indexes / name)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    store.publish_generation(name, embedded.run_name, manifest.num_items, manifest.to_json())
    _remove_old(workspace.indexes, keep=name)
    return manifest


def _free_name(indexes: Path, taken: set[str]) -> str:
    indexes.mkdir(parents=True, exist_ok=True)
    stem = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    names = [stem, *(f"{stem}-{number}" for number in range(2, 1000))]
    return next(
        name for name in names if name not in taken and not (indexes / f".{name}.partial").exists()
    )


def _manifest(name: str, embedded: Embedded, folder: Path, nodes: int, recall: float) -> Manifest:
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
    )


def _nodes_for_recall(
    path: Path, vectors: NDArray[np.float32], config: IndexConfig
) -> tuple[int, float]:
    """Return the nodes to visit, doubled until recall@30 against exact search is reached."""
    num_items, dimension = vectors.shape
    index = CandidateIndex(path, dimension=dimension, num_items=num_items)
    queries = np.random.default_rng(0).permutation(num_items)[:RECALL_QUERIES]
    k = min(RECALL_K, num_items)
    exact = _exact_neighbors(vectors, queries, k)
    nodes = config.trees * k
    while True:
        found = [index.candidates(vectors[query], k, nodes) for query in queries]
        hits = sum(len(np.intersect1d(a, b)) for a, b in zip(found, exact, strict=True))
        recall = hits / (k * len(queries))
        if recall >= config.recall_target or nodes >= config.trees * num_items:
            return nodes, recall
        nodes *= 2


def _exact_neighbors(
    vectors: NDArray[np.float32], queries: NDArray[np.int64], k: int
) -> list[NDArray[np.intp]]:
    lengths = np.einsum("nd,nd->n", vectors, vectors)
    neighbors = []
    for query in queries:
        distances = lengths - 2 * (vectors @ vectors[query])
        neighbors.append(np.argpartition(distances, k - 1)[:k])
    return neighbors


def _remove_old(indexes: Path, *, keep: str) -> None:
    names = sorted(path.name for path in indexes.iterdir() if not path.name.startswith("."))
    for name in [one for one in names if one != keep][: -(KEPT_GENERATIONS - 1)]:
        shutil.rmtree(indexes / name, ignore_errors=True)
