"""One of several processes embeds its share of the items."""

from dataclasses import dataclass

import numpy as np

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import Precision, PrecisionChoice
from datrnet.core.indexing.build import embed_items, run_of_catalog
from datrnet.core.indexing.earlier_index import index_of_run, index_to_update, kept_items
from datrnet.core.indexing.shards import PART, EmbeddedShards, Shard
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.progress import Progress, no_progress
from datrnet.core.retrieval.index_lag import item_content, item_stamp
from datrnet.core.retrieval.manifest import FLOAT32
from datrnet.db.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardReport:
    """What a shard embedded."""

    shard: str
    """As "2/4"."""
    num_items: int
    """Items of its share."""
    num_embedded: int
    """Items embedded now; others were before."""
    unreadable: tuple[str, ...]
    """Codes of items whose picture cannot be read."""


def embed_shard(
    workspace: Workspace,
    store: Store,
    catalog: Catalog,
    run: RunFolder,
    shard: Shard,
    on_progress: Progress = no_progress,
    *,
    rebuild: bool = False,
    precision: PrecisionChoice | None = None,
) -> ShardReport:
    """Embed one of several shares of what the index lacks; ``build_index`` then takes it in.

    Args:
        workspace: The workspace.
        store: Its database.
        catalog: Its items.
        run: The run that embeds them.
        shard: Which share.
        on_progress: Called with the progress.
        rebuild: Whether the index is to lack every item.
        precision: Arithmetic of the embeddings; by default that of the index that is updated, else
            what it was asked for, else float32. All shards must have the same, so none tries
            which is faster.

    Raises:
        CheckpointError: The run's weights are missing or damaged, or its embeddings are not finite.
    """
    run = run_of_catalog(run, catalog)
    current = index_of_run(workspace, store, run)
    base = None if rebuild else index_to_update(current, precision)
    kept_rows, *_ = kept_items(workspace, catalog, base)
    arithmetic = FLOAT32 if current is None else current.manifest.arithmetic
    asked = precision or arithmetic.precision_asked
    wants: Precision = "float32" if asked == "auto" else asked
    if len(kept_rows):
        wants = arithmetic.precision
    share = shard.rows(np.setdiff1d(np.arange(catalog.num_items), kept_rows))
    shards = EmbeddedShards(workspace.shards / run.name, run)
    done = shards.read(workspace, catalog, share, wants, whole=False).seen
    rest = np.setdiff1d(share, done)
    unreadable: list[str] = []
    for start in range(0, len(rest), PART):
        rows = rest[start : start + PART]
        embedded, embeddings, embedder = embed_items(
            workspace, catalog, run, rows, wants, no_progress
        )
        is_embedded = np.isin(rows, embedded)
        stamps = [
            (item_stamp(workspace, catalog, row), item_content(workspace, catalog, row))
            for row in rows.tolist()
        ]
        shards.write(
            shard,
            catalog.item_ids[rows],
            np.array(stamps),
            np.flatnonzero(is_embedded),
            embeddings,
            wants if embedder is None else embedder.precision,
        )
        unreadable += [catalog.codes[row] for row in rows[~is_embedded]]
        on_progress("Embedding", start + len(rows), len(rest))
    shards.finish(shard)
    return ShardReport(
        shard=str(shard),
        num_items=len(share),
        num_embedded=len(rest) - len(unreadable),
        unreadable=tuple(unreadable),
    )
