"""What an update reuses of the current index: its embeddings and its engine."""

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import PrecisionChoice
from datrnet.core.errors import IndexStaleError
from datrnet.core.indexing.engine_choice import engine_for
from datrnet.core.indexing.generation_writer import Embedded, KeptEngine
from datrnet.core.indexing.ranking_choice import RankedWith
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.retrieval.engines.engine import EngineChoice
from datrnet.core.retrieval.engines.milvus import MilvusEngine
from datrnet.core.retrieval.generation import Generation, moved
from datrnet.core.retrieval.index_lag import has_same_pictures, item_stamp, known_rows
from datrnet.db.store import Store

MAX_EXACT_SHARE = 0.1
"""Largest share of items beside Annoy, and of Annoy's items that are gone, without a new build."""

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


def index_of_run(workspace: Workspace, store: Store, run: RunFolder) -> Generation | None:
    """Return the current generation if it is the run's and can be read."""
    try:
        generation = Generation.current(workspace, store)
    except IndexStaleError:
        return None
    manifest = generation.manifest
    if manifest.run_name != run.name:
        return None
    numbers = {category: number for number, category in enumerate(manifest.super_categories)}
    kept = [numbers.get(category, -1) for category in run.super_categories]
    if -1 in kept or (len(kept) < len(numbers) and run.config.model.normalize == "whole"):
        return None  # lengths depend on all blocks
    return generation.of(kept)


def index_to_update(
    current: Generation | None, precision: PrecisionChoice | None
) -> Generation | None:
    """Return the current index if it has the precision that is wanted, and is whole."""
    if current is None or precision not in (None, "auto", current.manifest.arithmetic.precision):
        return None
    return None if current.damaged_files() else current


def kept_items(
    workspace: Workspace, catalog: Catalog, base: Generation | None
) -> tuple[Rows, Rows, Rows]:
    """Return the rows, ascending, whose embeddings are reused; their places in the base; stamps.

    The stamps are what ``item_stamp`` gives now.
    """
    if base is None or base.picture_stamps is None:
        return (np.empty(0, dtype=np.int64),) * 3
    rows, is_known = known_rows(catalog, base.item_ids)
    places = np.flatnonzero(is_known)
    rows = rows[places]
    stamps = np.array([item_stamp(workspace, catalog, row) for row in rows.tolist()], np.int64)
    before = base.picture_stamps.reshape(len(base.item_ids), -1)[places]
    is_kept = before[:, 0] == stamps
    for number in np.flatnonzero(~is_kept).tolist():  # their contents may be the same
        is_kept[number] = has_same_pictures(workspace, catalog, int(rows[number]), before[number])
    return rows[is_kept], places[is_kept], stamps[is_kept]


def joined_embeddings(
    rows: Rows,
    base: Generation | None,
    kept_rows: Rows,
    kept_places: Rows,
    new_rows: Rows,
    new: Floats,
) -> tuple[Floats, Rows]:
    """Return the embeddings (n, A, E) of rows, and where the items of the base's engine are."""
    if base is None or not len(kept_rows):
        return new, rows[:0]
    new_place = np.full(len(base.item_ids), -1, dtype=np.int64)
    new_place[kept_places] = np.searchsorted(rows, kept_rows)
    engine_places = moved(base.engine_places, new_place)
    if np.array_equal(new_place, np.arange(len(rows))):
        return base.embeddings, engine_places
    embeddings = np.empty((len(rows), *base.embeddings.shape[1:]), dtype=np.float32)
    embeddings[new_place[kept_places]] = base.embeddings[kept_places]
    if len(new_rows):
        embeddings[np.searchsorted(rows, new_rows)] = new
    return embeddings, engine_places


def kept_engine(
    base: Generation, places: Rows, num_items: int, asked: EngineChoice, uri: str | None
) -> KeptEngine | None:
    """Return the engine of a generation if it still serves so many items."""
    manifest = base.manifest
    if engine_for(asked, num_items)[0] != manifest.engine or asked != manifest.engine_asked:
        return None
    if manifest.engine == "annoy":
        num_served = int((places >= 0).sum())
        shares = (1 - num_served / number for number in (num_items, len(places)))
        if max(shares) > MAX_EXACT_SHARE:
            return None
    if uri is not None and not MilvusEngine.can_update(
        base.folder, uri, num_scalars=1 + len(manifest.super_categories)
    ):
        return None
    return KeptEngine(generation=base, places=places)


def is_same(embedded: Embedded, base: Generation) -> bool:
    """Tell whether an update would write the same generation again."""
    manifest = base.manifest
    before, after = base.manipulation.to_arrays(), embedded.manipulation.to_arrays()
    kept = RankedWith.of(manifest)
    return (
        embedded.kept_engine is not None
        and embedded.embeddings is base.embeddings
        and embedded.picture_stamps is not None
        and base.picture_stamps is not None
        and np.array_equal(embedded.picture_stamps, base.picture_stamps)
        and embedded.unreadable == manifest.unreadable
        and embedded.arithmetic == manifest.arithmetic
        and (embedded.weights, embedded.match) == (kept.weights, kept.match)
        and (embedded.ranking, embedded.ranking_reason) == (kept.ranking, kept.reason)
        and before.keys() == after.keys()
        and all(np.array_equal(before[name], after[name], equal_nan=True) for name in before)
    )
