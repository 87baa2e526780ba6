"""Embed pictures with all that a run has trained, and build the current index generation."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog, group_numbers, validation_rows
from datrnet.core.catalog.pictures import Picture, picture_pixels
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import CheckpointError, DataError
from datrnet.core.evaluation.ranking import Gallery, Weights, choose_weights
from datrnet.core.indexing.generation_writer import Embedded, write_generation
from datrnet.core.models.embedding import compute_device, embed, read_pixels
from datrnet.core.models.registry import comparison_systems
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.progress import Progress, no_progress
from datrnet.core.retrieval.generation import Manifest
from datrnet.core.retrieval.manipulation import Manipulation, Replacement, load_manipulation
from datrnet.core.retrieval.prototypes import mean_embeddings, source_items
from datrnet.core.retrieval.request import Query
from datrnet.db.store import Store

CHUNK = 256
"""Pictures decoded and embedded at a time; limits memory."""


class Embedder:
    """A run's loaded weights: a network for each super-category, or a comparison system."""

    def __init__(self, run: RunFolder) -> None:
        """Load the networks.

        Raises:
            CheckpointError: Weights are missing, damaged, or of another architecture.
        """
        self._run = run
        self.image_size = run.config.model.image_size
        device = compute_device()
        self._networks = (
            [run.load_network(idx).to(device) for idx in range(len(run.super_categories))]
            if run.config.system.is_datrnet
            else [comparison_systems().load_method(run).to(device)]
        )

    @property
    def num_parameters(self) -> int:
        """Number of parameters of all networks."""
        return sum(weight.numel() for network in self._networks for weight in network.parameters())

    def embed(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed pictures.

        Args:
            pixels: (N, S, S, 3), uint8.

        Returns:
            (N, A, E) embeddings, normalized as the run's config says.
        """
        blocks = [embed(network, pixels) for network in self._networks]
        if not self._run.config.system.is_datrnet:
            return blocks[0]
        embeddings = np.stack(blocks, axis=1)
        if self._run.config.model.normalize == "whole":
            embeddings /= np.linalg.norm(embeddings, axis=(1, 2), keepdims=True)
        return embeddings


def query_of_picture(run: RunFolder, picture: Path | Picture) -> Query:
    """Return the query of a picture that is not in the catalog; it carries no labels.

    Raises:
        DataError: The picture cannot be read.
        CheckpointError: The run's weights cannot be loaded.
    """
    pixels = picture_pixels(picture, run.config.model.image_size)
    blocks = Embedder(run).embed(pixels[None])[0]
    labels = {category.name: None for category in run.super_categories}
    return Query(blocks=blocks, labels=labels, title=picture.name)


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
    if not np.isfinite(embeddings).all():
        raise CheckpointError(
            f"The run {run.name} produces embeddings that are not finite: its training diverged.",
            hint="Train again with a lower learning rate, or index another run with --run.",
        )
    sets = catalog.encode_value_sets(run.super_categories)[rows]
    is_source = source_items(
        catalog.splits[rows],
        catalog.is_hidden[rows],
        only_training=run.config.index.prototypes_from == "train",
    )
    manipulation = run_manipulation(run, embeddings[is_source], sets[is_source])
    if weights is None:
        validation = np.isin(rows, validation_rows(catalog))
        gallery = Gallery(
            embeddings=embeddings[validation],
            labels=sets[validation, :, 0],
            all_values=sets[validation],
            manipulation=manipulation,
            groups=group_numbers(catalog, rows[validation]),
        )
        weights = choose_weights(gallery, on_progress=partial(on_progress, "Choosing weights"))
    embedded = Embedded(
        run_name=run.name,
        super_categories=run.super_categories,
        item_ids=catalog.item_ids[rows],
        embeddings=embeddings,
        manipulation=manipulation,
        weights=weights,
        unit_prototypes=run.config.model.unit_prototypes,
    )
    manifest = write_generation(
        workspace, store, embedded, run.config.index, lambda step: on_progress(step, 0, 1)
    )
    unreadable = sorted(set(range(catalog.num_items)).difference(rows.tolist()))
    return IndexReport(manifest=manifest, unreadable=tuple(catalog.codes[r] for r in unreadable))


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
        return load_manipulation(run.manipulation_path)
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
    if not rows:
        what = "readable picture" if pictures else "item"
        raise DataError(f"The catalog has no {what}.", hint="Run `datrnet import`.")
    return np.array(rows, dtype=np.int64), np.concatenate(parts)
