"""Embed pictures with all that a run has trained, and build the current index generation.

An update embeds only what the current generation of the same run lacks or has of other pictures.
Block codes encode new items with the codebook that they have. Annoy cannot take in items, so its
file is kept with the new ones beside it, as a part that every search ranks exactly, until that part
has grown too large.
"""

from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import SPLITS, Catalog, group_numbers, validation_rows
from datrnet.core.catalog.pictures import Picture
from datrnet.core.catalog.value_sets import count_values
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import PrecisionChoice, RankingChoice
from datrnet.core.errors import CheckpointError, ConfigError, DataError
from datrnet.core.evaluation.ranking import Gallery, Weights
from datrnet.core.indexing.earlier_index import (
    index_of_run,
    index_to_update,
    is_same,
    joined_embeddings,
    kept_engine,
    kept_items,
)
from datrnet.core.indexing.embedder import Embedder, mean_by_item
from datrnet.core.indexing.engine_choice import engine_for
from datrnet.core.indexing.generation_writer import Embedded, write_generation
from datrnet.core.indexing.ranking_choice import (
    MOST_CALIBRATED,
    RankedWith,
    choose_ranking,
    evenly_spaced,
)
from datrnet.core.indexing.shards import EmbeddedShards
from datrnet.core.models.pixels import read_ahead, read_pixels
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.progress import Progress, no_progress
from datrnet.core.retrieval.engines.block_codes import CODEBOOK
from datrnet.core.retrieval.engines.engine import EngineChoice
from datrnet.core.retrieval.engines.milvus_server import checked_uri
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.index_lag import (
    item_content,
    item_stamp,
    picture_paths,
)
from datrnet.core.retrieval.item_map import moved_points
from datrnet.core.retrieval.manifest import FLOAT32, Manifest, UnreadableItem
from datrnet.core.retrieval.manipulation import (
    Manipulation,
    Replacement,
    load_manipulation,
    restricted,
)
from datrnet.core.retrieval.prototypes import mean_embeddings, source_items
from datrnet.db.store import Store

CHUNK = 256
"""Pictures decoded and embedded at a time; limits memory."""

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


def run_of(workspace: Workspace, generation: Generation) -> RunFolder:
    """Return the run that made an index, with the super-categories that the index has.

    Raises:
        CheckpointError: It is gone or damaged.
    """
    run = RunFolder.open(workspace.models / generation.manifest.run_name)
    numbers = {category.name: number for number, category in enumerate(run.super_categories)}
    return run.of([numbers[category.name] for category in generation.manifest.super_categories])


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReport:
    """What was done to build an index."""

    manifest: Manifest
    unreadable: tuple[str, ...]
    """Codes of items whose picture cannot be read; they are not in the index."""
    num_embedded: int
    num_from_shards: int
    """Items that ``embed_shard`` embedded before."""
    num_copied: int
    """Items whose embedding is that of the generation before."""
    num_exact: int
    """Items beside Annoy, which every search ranks exactly."""
    is_engine_new: bool
    """Whether the engine was built, and not kept or updated."""
    is_new: bool = True
    """False if the generation before was current, and nothing was written."""

    def __repr__(self) -> str:
        """Return the name and the counts."""
        done = f"{self.num_embedded:,} embedded, {self.num_copied:,} copied"
        return f"<IndexReport {self.manifest.name}: {done}>"


def newest_run(workspace: Workspace, store: Store) -> RunFolder:
    """Return the newest finished run.

    Raises:
        CheckpointError: There is none.
    """
    row = store.latest_run("finished")
    if row is None:
        raise CheckpointError("There is no finished run.", hint="Run `datrnet train` first.")
    return RunFolder.open(workspace.models / row.name)


def build_index(
    workspace: Workspace,
    store: Store,
    catalog: Catalog,
    run: RunFolder,
    on_progress: Progress = no_progress,
    *,
    weights: Weights | None = None,
    rebuild: bool = False,
    choose: bool = False,
    ranking: RankingChoice | None = None,
    engine: EngineChoice | None = None,
    uri: str | None = None,
    precision: PrecisionChoice | None = None,
) -> IndexReport:
    """Embed the catalog with a run's networks, as far as needed, and make the result current.

    Args:
        workspace: The workspace.
        store: Its database.
        catalog: Its items.
        run: The run that embeds them.
        on_progress: Called with the progress of each step.
        weights: Weights of the blocks; by default those of the run's current index, else chosen on
            the validation items.
        rebuild: Whether to embed every item and build the engine again.
        choose: Whether to choose the weights, and what ranks, again.
        ranking: What orders the items; by default what does in the run's current index, else what
            the run's config says.
        engine: What searches; by default what the run's current index was asked for, else auto.
        uri: Milvus' address; by default that of the run's current index.
        precision: Arithmetic of the embeddings; by default what the run's current index was asked
            for, else auto. Where another is named than that of the index, every item is embedded.

    Raises:
        ConfigError: Milvus has no address, another engine has one, or Annoy is asked for and cannot
            be imported.
        MissingPackageError: The engine asked for is not installed.
        CheckpointError: The run's weights are missing or damaged, or its embeddings are not finite.
        DataError: The catalog has no readable picture.
        IndexStaleError: The catalog has none of the run's super-categories, or lacks one of those
            that share a block; or Milvus does not answer.
    """
    on_progress("Looking for changes", 0, 1)
    run = run_of_catalog(run, catalog)
    current = index_of_run(workspace, store, run)
    asked = engine or ("auto" if current is None else current.manifest.engine_asked)
    engine_for(asked, catalog.num_items)  # raises early
    if asked == "milvus":
        workspace.indexes.mkdir(exist_ok=True)
        before = None if current is None else current.folder
        uri = checked_uri(uri, before, workspace.indexes)
    elif uri is not None:
        raise ConfigError("Only the engine milvus has an address.", hint="Add --engine milvus.")
    base = None if rebuild else index_to_update(current, precision)
    kept_rows, kept_places, kept_stamps = kept_items(workspace, catalog, base)
    wanted = np.setdiff1d(np.arange(catalog.num_items), kept_rows)
    arithmetic = FLOAT32 if current is None else current.manifest.arithmetic
    arithmetic = replace(arithmetic, precision_asked=precision or arithmetic.precision_asked)
    wants = arithmetic.precision if len(kept_rows) else arithmetic.precision_asked
    shards = EmbeddedShards(workspace.shards / run.name, run)
    wants = shards.precision_of(wants)
    shared = shards.read(workspace, catalog, wanted, wants)
    if len(rest := np.setdiff1d(wanted, shared.seen)):
        shards.check_complete()
    stamps = np.zeros((catalog.num_items, 2), dtype=np.int64)
    stamps[kept_rows, 0] = kept_stamps
    stamps[wanted, 0] = [item_stamp(workspace, catalog, row) for row in wanted.tolist()]
    stamps[shared.seen, 1] = shared.contents
    stamps[rest, 1] = [item_content(workspace, catalog, row) for row in rest.tolist()]
    if base is not None and base.picture_stamps is not None and base.picture_stamps.ndim == 2:
        stamps[kept_rows, 1] = base.picture_stamps[kept_places, 1]
    rest_rows, rest_new, embedder = embed_items(workspace, catalog, run, rest, wants, on_progress)
    new_rows, new = shared.with_others(rest_rows, rest_new)
    if len(new_rows) and not len(kept_rows):
        used, reason = wants, "by shards"
        if embedder is not None:
            used, reason = embedder.precision, embedder.reason
        arithmetic = replace(
            arithmetic,
            precision="float32" if used == "auto" else used,
            precision_reason=reason,
        )
    rows = np.union1d(kept_rows, new_rows)
    if not len(rows):
        what = "readable picture" if catalog.num_items else "item"
        raise DataError(f"The catalog has no {what}.", hint="Run `datrnet import`.")
    embeddings, engine_places = joined_embeddings(rows, base, kept_rows, kept_places, new_rows, new)
    engine_before = None
    if base is not None and base.is_whole and len(kept_rows):
        engine_before = kept_engine(base, engine_places, len(rows), asked, uri)
    sets = catalog.encode_value_sets(run.super_categories)[rows]
    is_source = source_items(
        catalog.splits[rows],
        catalog.is_hidden[rows],
        only_training=run.config.index.prototypes_from == "train",
    )
    manipulation = run_manipulation(run, embeddings[is_source], sets[is_source])
    kept = None if current is None or choose else RankedWith.of(current.manifest)
    validation = np.flatnonzero(np.isin(rows, validation_rows(catalog)))
    if kept is not None and kept.match.calibrations:  # no weights are chosen
        validation = evenly_spaced(validation, MOST_CALIBRATED)
    gallery = Gallery(
        embeddings=embeddings[validation],
        labels=sets[validation, :, 0],
        all_values=sets[validation],
        manipulation=manipulation,
        groups=group_numbers(catalog, rows[validation]),
    )
    counts = [
        count_values(sets[is_source, idx], num) for idx, num in enumerate(manipulation.counts)
    ]
    ranked_with = choose_ranking(
        gallery,
        counts,
        kept,
        weights=weights,
        asked=ranking,
        default=run.config.index.ranking,
        on_progress=on_progress,
    )
    unreadable = np.setdiff1d(wanted, new_rows)
    split = sum(n * (catalog.splits[rows] == name) for n, name in enumerate(SPLITS))
    embedded = Embedded(
        run_name=run.name,
        super_categories=run.super_categories,
        item_ids=catalog.item_ids[rows],
        embeddings=embeddings,
        manipulation=manipulation,
        weights=ranked_with.weights,
        match=ranked_with.match,
        ranking=ranked_with.ranking,
        ranking_reason=ranked_with.reason,
        unit_prototypes=run.config.model.unit_prototypes,
        picture_stamps=stamps[rows],
        map_points=None
        if base is None
        else moved_points(base, kept_places, np.searchsorted(rows, kept_rows), len(rows)),
        unreadable=tuple(
            UnreadableItem(item_id=int(catalog.item_ids[row]), stamp=int(stamps[row, 0]))
            for row in unreadable
        ),
        kept_engine=engine_before,
        engine=asked,
        arithmetic=arithmetic,
        scalars=np.column_stack([split, sets[:, :, 0]]).astype(np.int16),
        uri=uri or "",
    )
    # a label that moves no prototype makes a new generation too: it is then newer than the label
    is_new = (
        base is None
        or not is_same(embedded, base)
        or store.num_relabeled_since(base.manifest.created_at) > 0
    )
    if base is None or is_new:
        manifest = write_generation(
            workspace, store, embedded, run.config.index, lambda step: on_progress(step, 0, 1)
        )
    else:
        manifest = base.manifest
    is_kept = engine_before is not None and (
        manifest.files.get(CODEBOOK) == engine_before.generation.manifest.files.get(CODEBOOK)
    )
    is_beside = is_kept and manifest.engine == "annoy"
    if len(wanted) or not shards.has_parts:  # parts that nothing lacked are for a rebuild
        shards.delete()
    return IndexReport(
        manifest=manifest,
        unreadable=tuple(catalog.codes[row] for row in unreadable),
        num_embedded=len(rest_rows),
        num_from_shards=len(new_rows) - len(rest_rows),
        num_copied=len(kept_rows),
        num_exact=len(rows) - int((engine_places >= 0).sum()) if is_beside else 0,
        is_engine_new=not is_kept,
        is_new=is_new,
    )


def run_of_catalog(run: RunFolder, catalog: Catalog) -> RunFolder:
    """Return the run with the super-categories that the catalog has; see ``build_index``."""
    run = run.of(catalog.kept_of(run.super_categories))
    if run.kept is not None and not run.config.system.is_datrnet:
        restricted(load_manipulation(run.manipulation_path), run.kept)  # raises early
    return run


def run_manipulation(
    run: RunFolder, embeddings: NDArray[np.float32], value_sets: NDArray[np.int16]
) -> Manipulation:
    """Return the manipulation of a run's queries: the stored one of its system, or prototypes.

    Args:
        run: The run.
        embeddings: (n, A, E) of the items that DAtRNet's prototypes are means of.
        value_sets: (n, A, L) of the same items.

    Raises:
        CheckpointError: The stored manipulation is missing or damaged.
    """
    if not run.config.system.is_datrnet:
        stored = load_manipulation(run.manipulation_path)
        return stored if run.kept is None else restricted(stored, run.kept)
    return Replacement(
        tuple(
            mean_embeddings(
                embeddings[:, column],
                value_sets[:, column],
                len(category.values),
                unit_length=run.config.model.unit_prototypes,
            )
            for column, category in enumerate(run.super_categories)
        )
    )


def embed_items(
    workspace: Workspace,
    catalog: Catalog,
    run: RunFolder,
    rows: Rows,
    precision: PrecisionChoice,
    on_progress: Progress,
) -> tuple[Rows, Floats, Embedder | None]:
    """Embed items, each as the mean of its pictures.

    Returns:
        The rows of which a picture is readable, their embeddings (n, A, E), and what embedded them.

    Raises:
        CheckpointError: The run's weights are missing or damaged, or an embedding is not finite.
    """
    owners: list[int] = []
    pictures: list[Picture] = []
    for row in rows.tolist():
        for stored in picture_paths(catalog, row):
            with suppress(DataError):  # a malformed box
                pictures.append(workspace.picture(stored))
                owners.append(row)
    seen: list[int] = []
    parts: list[Floats] = []
    embedder: Embedder | None = None

    def read(start: int) -> tuple[int, NDArray[np.uint8], list[int]]:
        chunk = pictures[start : start + CHUNK]
        return start, *read_pixels(chunk, run.config.model.image_size)

    for start, pixels, readable in read_ahead(read, range(0, len(pictures), CHUNK)):
        if readable:  # else the networks need not be loaded
            if embedder is None:
                embedder = Embedder(run, precision)
                embedder.choose(pixels, len(pictures))
            seen += [owners[start + place] for place in readable]
            parts.append(embedder.embed(pixels))
        on_progress("Embedding", min(start + CHUNK, len(pictures)), len(pictures))
    if not seen:
        return rows[:0], np.empty((0, 0, 0), dtype=np.float32), None
    items, means = mean_by_item(np.array(seen, dtype=np.int64), np.concatenate(parts))
    if not np.isfinite(means).all():
        raise CheckpointError(
            f"The run {run.name} produces embeddings that are not finite: its training diverged.",
            hint="Train again with a lower learning rate, or index another run with --run.",
        )
    return items, means, embedder
