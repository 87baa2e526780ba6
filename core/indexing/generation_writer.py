"""Write an index generation and make it current in one step."""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import UNLABELED
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import IndexConfig
from datrnet.core.evaluation.ranking import Weights, apply_weighted
from datrnet.core.retrieval.generation import (
    ANNOY,
    ANNOY_PLACES,
    CANDIDATES_PER_RESULT,
    EMBEDDINGS,
    FORMAT,
    ITEM_IDS,
    MANIFEST,
    MANIPULATION,
    PICTURE_STAMPS,
    CandidateIndex,
    FileFacts,
    Generation,
    Manifest,
    UnreadableItem,
    build_annoy,
    candidate_vector,
)
from datrnet.core.retrieval.manipulation import Manipulation
from datrnet.db.rows import SuperCategory
from datrnet.db.store import Store

KEPT_GENERATIONS = 2
"""The current one and the one before it, which an explorer may still have open."""

ABANDONED_SECONDS = 24 * 3600
"""Age at which an unfinished folder is considered left over from a killed build."""

RECALL_QUERIES = 200
RECALL_K = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeptAnnoy:
    """The Annoy file of an earlier generation of the same run, which goes on being used."""

    generation: Generation
    places: NDArray[np.int64]
    """(M,) place of each of its items among the new embeddings, -1 for those that are gone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedded:
    """The content of a generation."""

    run_name: str
    super_categories: tuple[SuperCategory, ...]
    item_ids: NDArray[np.int64]
    """(N,), ascending."""
    embeddings: NDArray[np.float32]
    """(N, A, E), as the system computes them."""
    manipulation: Manipulation
    weights: Weights
    unit_prototypes: bool = True
    """Whether prototypes are L2-normalized."""
    picture_stamps: NDArray[np.int64] | None = None
    """(N,) what the picture files of each item were; None if nobody knows."""
    unreadable: tuple[UnreadableItem, ...] = ()
    kept_annoy: KeptAnnoy | None = None
    """None to build Annoy's file from the embeddings."""


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
        kept = embedded.kept_annoy
        if kept is not None and embedded.embeddings is kept.generation.embeddings:
            _link(kept.generation.folder / EMBEDDINGS, partial)
        else:
            np.save(partial / EMBEDDINGS, embedded.embeddings)
        np.save(partial / ITEM_IDS, embedded.item_ids)
        np.savez(partial / MANIPULATION, allow_pickle=False, **embedded.manipulation.to_arrays())
        if embedded.picture_stamps is not None:
            np.save(partial / PICTURE_STAMPS, embedded.picture_stamps)
        if kept is None:
            unit_blocks, nodes, recall = _build_and_measure(partial, embedded, config, on_step)
        else:
            _link(kept.generation.folder / ANNOY, partial)
            np.save(partial / ANNOY_PLACES, kept.places)
            before = kept.generation.manifest
            unit_blocks, nodes, recall = before.unit_blocks, before.nodes, before.recall_at_30
        manifest = Manifest(
            format=FORMAT,
            name=name,
            run_name=embedded.run_name,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            super_categories=embedded.super_categories,
            num_items=len(embedded.item_ids),
            embedding_size=embedded.embeddings.shape[2],
            unit_blocks=unit_blocks,
            weights=embedded.weights.blocks,
            changed_weight=embedded.weights.changed,
            nodes=nodes,
            recall_at_30=recall,
            files={path.name: FileFacts.of(path) for path in sorted(partial.iterdir())},
            prototypes_from=config.prototypes_from,
            unit_prototypes=embedded.unit_prototypes,
            manipulation=embedded.manipulation.kind,
            unreadable=embedded.unreadable,
        )
        (partial / MANIFEST).write_text(manifest.to_json(), "utf-8")
        partial.rename(workspace.indexes / name)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    store.publish_generation(name, embedded.run_name, manifest.num_items, manifest.to_json())
    _remove_old(workspace.indexes, [row.name for row in store.generations()])
    return manifest


def _link(file: Path, folder: Path) -> None:
    """Put a file that never changes into another folder too, if possible without a copy."""
    try:
        os.link(file, folder / file.name)
    except OSError:  # the file system has no links
        shutil.copyfile(file, folder / file.name)


def _build_and_measure(
    folder: Path, embedded: Embedded, config: IndexConfig, on_step: Callable[[str], None]
) -> tuple[bool, int, float]:
    """Write Annoy's file; return whether blocks are of length 1, the nodes to visit, and recall."""
    on_step("Building the Annoy index")
    compared = embedded.manipulation.to_metric_space(embedded.embeddings)
    lengths = np.einsum("nae,nae->na", compared, compared)
    unit_blocks = bool(np.allclose(lengths, 1, atol=1e-3))
    path = folder / ANNOY
    build_annoy(compared.reshape(len(compared), -1), path, trees=config.trees, seed=1)
    on_step("Measuring recall")
    nodes, recall = _nodes_for_recall(
        path, embedded, compared, lengths, config, unit_blocks=unit_blocks
    )
    return unit_blocks, nodes, recall


def _free_name(indexes: Path, taken: set[str]) -> str:
    indexes.mkdir(parents=True, exist_ok=True)
    stem = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    taken |= {path.name[1:].removesuffix(".partial") for path in indexes.glob(".*.partial")}
    names = chain([stem], (f"{stem}-{number}" for number in count(2)))
    return next(name for name in names if name not in taken)


def _nodes_for_recall(
    path: Path,
    embedded: Embedded,
    compared: NDArray[np.float32],
    lengths: NDArray[np.float32],
    config: IndexConfig,
    *,
    unit_blocks: bool,
) -> tuple[int, float]:
    """Return the nodes to visit, doubled until recall@30 against exact search is reached.

    The queries are weighted as in a search; every other query has a change. 0 nodes if Annoy can
    answer none of them, as a search then never uses it.
    """
    num_items, num_blocks, size = compared.shape
    index = CandidateIndex(path, dimension=num_blocks * size, num_items=num_items)
    k = min(RECALL_K, num_items)
    vectors, exact = [], []
    for blocks, weights in zip(*_recall_queries(embedded), strict=True):
        vector = candidate_vector(blocks, weights, unit_blocks=unit_blocks)
        if vector is not None:
            vectors.append(vector)
            # the weighted distance without its constant term
            products = compared.reshape(num_items, -1) @ (weights[:, None] * blocks).ravel()
            exact.append(np.argpartition(lengths @ weights - 2 * products, k - 1)[:k])
    if not vectors:
        return 0, 1.0
    nodes = config.trees * k
    while True:
        count = CANDIDATES_PER_RESULT * k
        found = [index.candidates(vector, count, max(nodes, count)) for vector in vectors]
        hits = sum(len(np.intersect1d(a, b)) for a, b in zip(found, exact, strict=True))
        recall = hits / (k * len(vectors))
        if recall >= config.recall_target or nodes >= config.trees * num_items:
            return nodes, recall
        nodes *= 2


def _recall_queries(embedded: Embedded) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return blocks (Q, A, E) and weights (Q, A) of queries; every other query has a change.

    The queries have no labels, as images from disk.
    """
    rng = np.random.default_rng(0)
    items = rng.permutation(len(embedded.item_ids))[:RECALL_QUERIES]
    labels = np.full((len(items), len(embedded.super_categories)), UNLABELED, dtype=np.int16)
    targets, changed = labels.copy(), np.zeros(labels.shape, dtype=bool)
    for number in range(1, len(items), 2):
        idx = int(rng.integers(labels.shape[1]))
        known = np.flatnonzero(~np.isnan(embedded.manipulation.prototypes_of(idx)[:, 0]))
        if len(known):
            targets[number, idx], changed[number, idx] = rng.choice(known), True
    blocks = embedded.embeddings[items]
    return apply_weighted(embedded.manipulation, blocks, labels, targets, changed, embedded.weights)


def _remove_old(indexes: Path, published: list[str]) -> None:
    """Remove all but the newest published generations, and leftovers of interrupted builds."""
    abandoned = time.time() - ABANDONED_SECONDS
    partials = [path for path in indexes.glob(".*.partial") if path.stat().st_mtime < abandoned]
    for folder in (*(indexes / name for name in published[:-KEPT_GENERATIONS]), *partials):
        shutil.rmtree(folder, ignore_errors=True)
