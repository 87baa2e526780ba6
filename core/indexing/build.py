"""Build the current index generation from a trained run."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog, validation_rows
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import CheckpointError, DataError
from datrnet.core.evaluation.ranking import Gallery, Weights
from datrnet.core.evaluation.weight_search import choose_weights
from datrnet.core.indexing.embedder import Embedder
from datrnet.core.indexing.generation_writer import Embedded, write_generation
from datrnet.core.models.pixels import read_pixels
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.progress import Progress, no_progress
from datrnet.core.retrieval.generation import Manifest
from datrnet.core.retrieval.manipulation import Manipulation, Replacement, load_manipulation
from datrnet.core.retrieval.prototypes import mean_embeddings
from datrnet.db.store import Store

CHUNK = 256
"""Pictures decoded and embedded at a time; limits memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReport:
    """Summary of a built index."""

    manifest: Manifest
    unreadable: tuple[str, ...]
    """Codes of items whose picture cannot be read; they are not in the index."""


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
) -> IndexReport:
    """Embed the whole catalog with a run's networks and make the result current.

    Args:
        workspace: The workspace.
        store: Its database.
        catalog: Its items.
        run: The run that embeds them.
        on_progress: Called with the progress of each step.
        weights: Weights of the blocks; by default chosen on the validation items.

    Raises:
        CheckpointError: The run's weights are missing or damaged, or its embeddings are not finite.
        DataError: The catalog has no readable picture.
        UnknownNameError: A super-category of the run is no longer in the catalog.
    """
    rows, embeddings = _embed_catalog(workspace, catalog, run, on_progress)
    if len(rows) == 0:
        raise DataError("The catalog has no readable picture.", hint="Run `datrnet import`.")
    if not np.isfinite(embeddings).all():
        raise CheckpointError(
            f"The run {run.name} produces embeddings that are not finite: its training diverged.",
            hint="Train again with a lower learning rate, or index another run with --run.",
        )
    labels = catalog.encode_labels(run.super_categories)[rows]
    manipulation = run_manipulation(run, embeddings, labels, catalog.splits[rows])
    if weights is None:
        validation = np.isin(rows, validation_rows(catalog))
        gallery = Gallery(
            embeddings=embeddings[validation], labels=labels[validation], manipulation=manipulation
        )
        weights = choose_weights(
            gallery,
            on_progress=lambda done, total: on_progress("Choosing weights", done, total),
        )
    embedded = Embedded(
        run_name=run.name,
        super_categories=run.super_categories,
        item_ids=catalog.item_ids[rows],
        embeddings=embeddings,
        manipulation=manipulation,
        unit_blocks=_have_length_one(manipulation.to_metric_space(embeddings)),
        weights=weights.blocks,
        changed_weight=weights.changed,
        unit_prototypes=run.config.model.unit_prototypes,
    )
    manifest = write_generation(
        workspace, store, embedded, run.config.index, lambda step: on_progress(step, 0, 1)
    )
    unreadable = np.setdiff1d(np.arange(catalog.num_items), rows)
    return IndexReport(
        manifest=manifest, unreadable=tuple(catalog.codes[row] for row in unreadable)
    )


def _have_length_one(blocks: NDArray[np.float32]) -> bool:
    """Tell whether all blocks (N, A, E) have length 1, as Annoy's candidates require."""
    lengths = np.einsum("nae,nae->na", blocks, blocks)
    return bool(np.allclose(lengths, 1, atol=1e-3))


def run_manipulation(
    run: RunFolder,
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int16],
    splits: NDArray[np.str_],
) -> Manipulation:
    """Return the manipulation of a run's queries: the stored one of its system, or prototypes.

    DAtRNet's prototypes are means of the items that ``index.prototypes_from`` names.

    Raises:
        CheckpointError: The stored manipulation is missing or damaged.
    """
    if not run.config.system.is_datrnet:
        return load_manipulation(run.manipulation_path)
    used = np.full(len(splits), True)
    if run.config.index.prototypes_from == "train" and (splits == "train").any():
        used = splits == "train"
    return Replacement(
        tuple(
            mean_embeddings(
                embeddings[used, column],
                labels[used, column],
                len(category.values),
                unit_length=run.config.model.unit_prototypes,
            )
            for column, category in enumerate(run.super_categories)
        )
    )


def _embed_catalog(
    workspace: Workspace, catalog: Catalog, run: RunFolder, on_progress: Progress
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the rows whose picture is readable and their embeddings (n, A, E)."""
    embedder = Embedder(run)
    pictures = [workspace.picture(stored) for stored in catalog.picture_paths]
    rows: list[int] = []
    parts: list[NDArray[np.float32]] = []
    for start in range(0, len(pictures), CHUNK):
        chunk = pictures[start : start + CHUNK]
        pixels, readable = read_pixels(chunk, embedder.image_size)
        rows += [start + place for place in readable]
        parts.append(embedder.embed(pixels))
        on_progress("Embedding", start + len(chunk), len(pictures))
    if not parts:
        raise DataError("The catalog has no item.", hint="Run `datrnet import`.")
    return np.array(rows, dtype=np.int64), np.concatenate(parts)
