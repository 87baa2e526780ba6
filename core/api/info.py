"""What a workspace holds, even if its index is damaged or missing."""

import json
from collections import Counter
from dataclasses import dataclass

from datrnet.core.api.json_facts import RunFacts, WorkspaceFacts
from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.catalog.workspace import Workspace, num_bytes_of
from datrnet.core.errors import DatrnetError
from datrnet.core.models.run_folder import DIVERGENCE_FILE, is_being_trained
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.index_lag import IndexLag
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import RunRow
from datrnet.db.store import Store

STEPS_TO_INDEX = {
    "running": "A run is training; run `datrnet index` when it is finished.",
    "finished": "Run `datrnet index`.",
    "interrupted": "Run `datrnet train --resume` and `datrnet index`.",
    "": "Run `datrnet train` and `datrnet index`.",
}
"""What leads to an index, by the status of a run: the first that there is, else the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """The current index, as far as it can be read."""

    name: str | None = None
    run: str | None = None
    num_items: int | None = None
    num_unindexed: int | None = None
    num_replaced: int | None = None
    """Items whose picture was replaced since they were embedded."""
    num_removed: int | None = None
    """Indexed items that the catalog no longer has."""
    num_exact: int | None = None
    """Items beside Annoy, which every search ranks exactly."""
    unreadable: tuple[str, ...] = ()
    """Items without a readable picture."""
    outdated: str = ""
    """What `datrnet index` would mend; empty if nothing."""
    recall_at_30: float | None = None
    weights: dict[str, float] | None = None
    changed_weight: float | None = None
    problem: str = ""
    """What is wrong and what to do; empty if nothing is."""
    engine_problem: str = ""
    """What keeps the engine from being used, and what to do; empty if nothing does."""
    damaged_files: tuple[str, ...] | None = None
    """Files that fail their checksum; None if not checked."""


class InfoFacts(WorkspaceFacts):
    """``datrnet info``."""

    index: IndexState


def info_of(workspace: Workspace, *, check: bool) -> InfoFacts:
    """Return what a workspace holds.

    Args:
        workspace: The workspace.
        check: Whether to read the index files and verify their checksums.

    Raises:
        DatabaseError: The database cannot be read.
    """
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        index = look_at_index(workspace, store, catalog, check=check)
        return {**_workspace_facts(workspace, store, catalog), "index": index}


def _workspace_facts(workspace: Workspace, store: Store, catalog: Catalog) -> WorkspaceFacts:
    """Return what a workspace holds besides the index, for JSON."""
    shown = catalog.shown_rows
    share = (catalog.labels[shown] != UNLABELED).sum(axis=0) / max(len(shown), 1)
    return {
        "workspace": str(workspace.root),
        "num_items": catalog.num_items,
        "num_hidden": catalog.num_items - len(shown),
        "items_by_split": Counter(str(split) or "none" for split in catalog.splits),
        "super_categories": [
            {
                "name": category.name,
                "num_values": len(category.values),
                "share_labeled": float(share[idx]),
                "share_labelled": float(share[idx]),  # until 0.3 (spelling:keep)
            }
            for idx, category in enumerate(catalog.super_categories)
        ],
        "runs": [_run_facts(workspace, run) for run in store.runs()],
        "num_evaluations": len(store.evaluations()),
        "experiments": sorted(
            path.parent.name for path in workspace.experiments.glob("*/outcome.json")
        ),
        "bytes_by_part": {
            path.name: num_bytes_of(path) for path in workspace.parts if path.exists()
        },
    }


def look_at_index(
    workspace: Workspace, store: Store, catalog: Catalog, *, check: bool
) -> IndexState:
    """Return the state of the current index.

    Args:
        workspace: The workspace.
        store: Its database.
        catalog: Its catalog.
        check: Whether to read the index files and verify their checksums.

    Raises:
        DatabaseError: The database cannot be read.
    """
    row = store.current_generation()
    if row is None:
        states = {_status(workspace, run) for run in store.runs()}
        step = next(step for status, step in STEPS_TO_INDEX.items() if status in {*states, ""})
        return IndexState(problem=f"There is no index yet. {step}")
    try:
        generation = Generation.current(workspace, store)
        searcher = Searcher(catalog, generation)
    except DatrnetError as error:
        return IndexState(name=row.name, run=row.run_name, problem=str(error))
    manifest = generation.manifest
    lag = IndexLag.of(workspace, catalog, generation)
    return IndexState(
        name=manifest.name,
        run=manifest.run_name,
        num_items=manifest.num_items,
        num_unindexed=len(lag.new),
        num_replaced=len(lag.replaced),
        num_removed=lag.num_removed,
        num_exact=generation.num_beside,
        unreadable=tuple(catalog.codes[row] for row in lag.unreadable),
        outdated=lag.outdated,
        engine_problem=generation.engine_problem,
        recall_at_30=manifest.recall_at_30,
        weights=dict(zip(searcher.block_names, manifest.weights, strict=True)),
        changed_weight=manifest.changed_weight,
        damaged_files=tuple(generation.damaged_files()) if check else None,
    )


def _run_facts(workspace: Workspace, run: RunRow) -> RunFacts:
    metrics = json.loads(run.metrics_json) if run.metrics_json else {}
    return {
        "name": run.name,
        "status": _status(workspace, run),
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "validation_accuracy": {name: figures["accuracy"] for name, figures in metrics.items()},
    }


def _status(workspace: Workspace, run: RunRow) -> str:
    """Return the status of a run; the database does not know of kills and deleted folders."""
    folder = workspace.models / run.name
    if not folder.is_dir():
        return "missing"
    if run.status == "running" and not is_being_trained(folder):
        return "interrupted"
    is_diverged = run.status == "interrupted" and (folder / DIVERGENCE_FILE).exists()
    return "diverged" if is_diverged else run.status
