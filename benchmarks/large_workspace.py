"""A workspace as large as wanted: the demo's garments over and over, each with its own name."""

import shutil
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.thumbnails import ThumbnailStore
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import IndexConfig
from datrnet.core.demo.prepare import prepare_demo
from datrnet.core.errors import IndexStaleError
from datrnet.core.evaluation.protocol import weights_of
from datrnet.core.indexing.generation_writer import Embedded, write_generation
from datrnet.core.retrieval.generation import Generation
from datrnet.db.rows import NewItem
from datrnet.db.store import Store

NUM_DRAWN = 500
"""Garments that are drawn; every further item repeats one of them."""

NOISE = 0.4
"""Length of what is added to a repeated block of length 1, so that no two items are the same."""

Say = Callable[[str], None]


def make_workspace(workspace: Workspace, num_items: int, say: Say) -> None:
    """Fill a workspace, unless an earlier call has.

    Args:
        workspace: Where.
        num_items: How many items.
        say: Told each step.
    """
    drawn = Workspace(workspace.root.parent / f"drawn-{NUM_DRAWN}")
    with workspace.create_store() as store:
        try:
            if Generation.current(workspace, store).manifest.num_items == num_items:
                return
        except IndexStaleError:
            pass  # not made, or not to its end
        say("Drawing garments")
        prepare_demo(drawn, NUM_DRAWN)
        shutil.copytree(drawn.demo, workspace.demo, dirs_exist_ok=True)
        with drawn.open_store() as known:
            few, index = Catalog.load(known), Generation.current(drawn, known)
        say(f"Writing {num_items:,} items")
        store.upsert_items(_items(few, num_items))
        catalog = Catalog.load(store)
        say("Writing thumbnails")
        _copy_thumbnails(drawn, few, workspace, catalog)
        _write_index(workspace, store, catalog, index, say)


def _items(few: Catalog, num_items: int) -> Iterator[NewItem]:
    for number in range(num_items):
        row = number % few.num_items
        yield NewItem(
            code=f"L{number:06}",
            title=f"{few.titles[row]} No. {number}",
            picture_path=few.picture_paths[row],
            split=str(few.splits[row]),
            labels=few.labels_of(row),
        )


def _copy_thumbnails(
    drawn: Workspace, few: Catalog, workspace: Workspace, catalog: Catalog
) -> None:
    known, target = ThumbnailStore(drawn.thumbnails), ThumbnailStore(workspace.thumbnails)
    jpegs = [known.get(int(item_id)) or b"" for item_id in few.item_ids]
    target.put(
        (int(item_id), jpegs[row % few.num_items]) for row, item_id in enumerate(catalog.item_ids)
    )
    known.close()
    target.close()


def _write_index(
    workspace: Workspace, store: Store, catalog: Catalog, index: Generation, say: Say
) -> None:
    embedded = Embedded(
        run_name=index.manifest.run_name,
        super_categories=index.super_categories,
        item_ids=catalog.item_ids,
        embeddings=_repeated(index.embeddings, catalog.num_items),
        manipulation=index.manipulation,
        weights=weights_of(index),
    )
    write_generation(workspace, store, embedded, IndexConfig(), say)


def _repeated(embeddings: NDArray[np.float32], num_items: int) -> NDArray[np.float32]:
    """Return blocks (N, A, E) of length 1, those given over and over with noise."""
    rng = np.random.default_rng(0)
    size = embeddings.shape[2]
    repeated = np.empty((num_items, *embeddings.shape[1:]), dtype=np.float32)
    for start in range(0, num_items, len(embeddings)):
        part = repeated[start : start + len(embeddings)]
        noise = rng.standard_normal(part.shape, dtype=np.float32) * (NOISE / np.sqrt(size))
        part[:] = embeddings[: len(part)] + noise
        part /= np.linalg.norm(part, axis=2, keepdims=True)
    return repeated
