"""Write an index generation and make it current in one step."""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import IndexConfig
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.indexing.engine_choice import (
    EngineFacts,
    RecallQueries,
    build_engine,
    engine_for,
    milvus_facts,
)
from datrnet.core.retrieval.engines.annoy_file import ANNOY, ANNOY_PLACES
from datrnet.core.retrieval.engines.block_codes import BlockCodes
from datrnet.core.retrieval.engines.engine import EngineChoice, IndexedItems
from datrnet.core.retrieval.engines.milvus import MilvusEngine
from datrnet.core.retrieval.engines.milvus_server import Scalars, delete_items, drop_collection
from datrnet.core.retrieval.generation import (
    EMBEDDINGS,
    ITEM_IDS,
    MANIPULATION,
    PICTURE_STAMPS,
    Generation,
)
from datrnet.core.retrieval.item_map import MAP
from datrnet.core.retrieval.manifest import (
    FLOAT32,
    FORMAT,
    MANIFEST,
    Arithmetic,
    FileFacts,
    Manifest,
    UnreadableItem,
)
from datrnet.core.retrieval.manipulation import Manipulation
from datrnet.core.retrieval.match import UNCALIBRATED, MatchModel
from datrnet.core.retrieval.request import Ranking
from datrnet.db.rows import SuperCategory
from datrnet.db.store import Store

KEPT_GENERATIONS = 2
"""The current one and the one before it, which an explorer may still have open."""

ABANDONED_SECONDS = 24 * 3600
"""Age at which an unfinished folder is considered left over from a killed build."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeptEngine:
    """The engine of an earlier generation of the same run, which goes on being used."""

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
    match: MatchModel = UNCALIBRATED
    ranking: Ranking = "distance"
    ranking_reason: str = ""
    unit_prototypes: bool = True
    """Whether prototypes are L2-normalized."""
    picture_stamps: NDArray[np.int64] | None = None
    """(N, 2) what the picture files of each item were; None if nobody knows."""
    map_points: NDArray[np.float16] | None = None
    """(N, A, 2) of the items that the generation before has on its map; None if it has none."""
    unreadable: tuple[UnreadableItem, ...] = ()
    kept_engine: KeptEngine | None = None
    """None to build the engine from the embeddings."""
    engine: EngineChoice = "auto"
    """What was asked for."""
    arithmetic: Arithmetic = FLOAT32
    """Of the embeddings."""
    scalars: Scalars | None = None
    """(N, S) what Milvus may filter by: numbers of splits and of values; None for nothing."""
    uri: str = ""
    """Milvus' address."""


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
        kept = embedded.kept_engine
        if kept is not None and embedded.embeddings is kept.generation.embeddings:
            _link(kept.generation.folder / EMBEDDINGS, partial)
        else:
            np.save(partial / EMBEDDINGS, embedded.embeddings)
        np.save(partial / ITEM_IDS, embedded.item_ids)
        np.savez(partial / MANIPULATION, allow_pickle=False, **embedded.manipulation.to_arrays())
        if embedded.picture_stamps is not None:
            np.save(partial / PICTURE_STAMPS, embedded.picture_stamps)
        unit_blocks, facts = _write_engine(partial, embedded, config, on_step)
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
            ranking=embedded.ranking,
            ranking_reason=embedded.ranking_reason,
            match=embedded.match,
            files={path.name: FileFacts.of(path) for path in sorted(partial.iterdir())},
            prototypes_from=config.prototypes_from,
            unit_prototypes=embedded.unit_prototypes,
            manipulation=embedded.manipulation.kind,
            unreadable=embedded.unreadable,
            arithmetic=embedded.arithmetic,
            **{field.name: getattr(facts, field.name) for field in fields(facts)},
        )
        (partial / MANIFEST).write_text(manifest.to_json(), "utf-8")
        if embedded.map_points is not None:
            np.save(partial / MAP, embedded.map_points)  # not in the manifest: it is filled later
        partial.rename(workspace.indexes / name)
    except BaseException:
        remove_generation(partial)
        raise
    store.publish_generation(name, embedded.run_name, manifest.num_items, manifest.to_json())
    if kept is not None and manifest.engine == "milvus":
        delete_items(
            workspace.indexes / name, np.setdiff1d(kept.generation.item_ids, embedded.item_ids)
        )
    _remove_old(workspace.indexes, [row.name for row in store.generations()])
    return manifest


def _link(file: Path, folder: Path) -> None:
    """Put a file that never changes into another folder too, if possible without a copy."""
    try:
        os.link(file, folder / file.name)
    except OSError:  # the file system has no links
        shutil.copyfile(file, folder / file.name)


def _write_engine(
    folder: Path, embedded: Embedded, config: IndexConfig, on_step: Callable[[str], None]
) -> tuple[bool, EngineFacts]:
    """Write the engine's files, or keep them; return whether all blocks have length 1 too."""
    kept, manipulation = embedded.kept_engine, embedded.manipulation
    scalars = embedded.scalars
    if scalars is None:
        scalars = np.empty((len(embedded.item_ids), 0), dtype=np.int16)
    if kept is not None and not kept.generation.has_codes:
        before = kept.generation.manifest
        if before.engine == "annoy":
            _link(kept.generation.folder / ANNOY, folder)
            np.save(folder / ANNOY_PLACES, kept.places)
        elif before.engine == "milvus":
            on_step("Sending what is new to Milvus")
            items = IndexedItems(embedded.embeddings, manipulation, before.unit_blocks)
            MilvusEngine.update(
                folder, kept.generation.folder, items, embedded.item_ids, scalars, kept.places
            )
        facts = {field.name: getattr(before, field.name) for field in fields(EngineFacts)}
        return before.unit_blocks, EngineFacts(**facts)
    items = IndexedItems(embedded.embeddings, manipulation, unit_blocks=False)
    if unit_blocks := _has_unit_blocks(items):
        items = replace(items, unit_blocks=True)
    engine, _ = engine_for(embedded.engine, len(items))
    queries = RecallQueries.draw(
        embedded.embeddings,
        manipulation,
        embedded.weights,
        # Annoy answers weights that differ only if blocks have length 1
        move_weights=unit_blocks or engine != "annoy",
    )
    if engine == "milvus":
        on_step("Sending the embeddings to Milvus")
        server = MilvusEngine.build(folder, items, embedded.item_ids, scalars, embedded.uri)
        on_step("Measuring recall")
        return unit_blocks, milvus_facts(server, items, queries, config)
    codes = None
    if kept is not None:
        with suppress(OSError, ValueError, KeyError, BadZipFile):  # damaged codes are learned again
            codes = BlockCodes.open(kept.generation.folder, kept.places)
            codes.effort = kept.generation.manifest.effort
    return unit_blocks, build_engine(
        folder, items, embedded.engine, queries, config, on_step, codes
    )


def _has_unit_blocks(items: IndexedItems) -> bool:
    """Tell whether every block has length 1 in the metric space."""
    return bool(np.allclose(items.squared_lengths, 1, atol=1e-3))


def _free_name(indexes: Path, taken: set[str]) -> str:
    indexes.mkdir(parents=True, exist_ok=True)
    stem = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    taken |= {path.name[1:].removesuffix(".partial") for path in indexes.glob(".*.partial")}
    names = chain([stem], (f"{stem}-{number}" for number in count(2)))
    return next(name for name in names if name not in taken)


def _remove_old(indexes: Path, published: list[str]) -> None:
    """Remove all but the newest published generations, and leftovers of interrupted builds."""
    abandoned = time.time() - ABANDONED_SECONDS
    partials = [path for path in indexes.glob(".*.partial") if path.stat().st_mtime < abandoned]
    for folder in (*(indexes / name for name in published[:-KEPT_GENERATIONS]), *partials):
        remove_generation(folder)


def remove_generation(folder: Path) -> None:
    """Delete a generation's folder, finished or not, and what it has on a server."""
    drop_collection(folder)
    shutil.rmtree(folder, ignore_errors=True)
