"""What a workspace can do without: old indexes, unfinished runs, and what killed commands left."""

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from datrnet.core.catalog.picture_check import remove_scratch_folders, scratch_folders
from datrnet.core.catalog.workspace import Workspace, num_bytes_of
from datrnet.core.indexing.generation_writer import ABANDONED_SECONDS, remove_generation
from datrnet.core.models.run_folder import LOCK_FILE, is_held
from datrnet.db.store import Store

Kind = Literal["index", "run", "import", "features", "history", "database"]

MIN_FREE_BYTES = 1 << 20
"""Free space that is worth the time to rewrite the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surplus:
    """Something that a workspace can do without."""

    kind: Kind
    name: str
    reason: str
    path: Path
    """A folder, or the database; the folder of a run may be gone already."""
    num_bytes: int
    last_step: int = 0
    """Of the history: the last step that can then no longer be undone."""


def find_surplus(
    workspace: Workspace,
    store: Store,
    *,
    old_runs: bool = False,
    features: bool = False,
    history_days: int | None = None,
) -> list[Surplus]:
    """Return what can be deleted without loss of anything in use.

    Args:
        workspace: The workspace.
        store: Its database.
        old_runs: Also the finished runs that neither the index nor the next one is made with.
        features: Also what backbones computed; it is computed again when needed.
        history_days: Also what undo needs for older steps; None for none of them.
    """
    found = [*_indexes(workspace, store), *_runs(workspace, store, old_runs=old_runs)]
    found += _leftovers(workspace, store)
    if features and workspace.features.is_dir():
        reason = "computed again when needed"
        found.append(_surplus("features", workspace.features, reason))
    if history_days is not None:
        found += _history(workspace, store, history_days)
    if (free := store.num_free_bytes()) >= MIN_FREE_BYTES:
        path, reason = workspace.catalog_path, "free space in it"
        found.append(
            Surplus(kind="database", name=path.name, reason=reason, path=path, num_bytes=free)
        )
    return found


def delete_surplus(workspace: Workspace, store: Store, surplus: Surplus) -> None:
    """Delete one of them; what is in use again in the meantime stays."""
    match surplus.kind:
        case "run" if surplus.path.is_dir():
            # whoever resumes it meanwhile holds the lock
            with suppress(Timeout), FileLock(surplus.path / LOCK_FILE).acquire(timeout=0):
                store.remove_run(surplus.name)
                shutil.rmtree(surplus.path, ignore_errors=True)
        case "run":
            store.remove_run(surplus.name)
        case "database":
            store.vacuum()
        case "history":
            store.forget_steps(surplus.last_step)
            store.vacuum()
        case "import":
            remove_scratch_folders(workspace.root)
        case "index":
            remove_generation(surplus.path)
        case _:
            shutil.rmtree(surplus.path, ignore_errors=True)


def _indexes(workspace: Workspace, store: Store) -> Iterator[Surplus]:
    current = store.current_generation()
    published = {row.name for row in store.generations()}
    for folder in sorted(workspace.indexes.glob("*")):
        is_old = folder.name in published and (current is None or folder.name != current.name)
        if is_old and folder.is_dir():
            yield _surplus("index", folder, "an earlier index")


def _runs(workspace: Workspace, store: Store, *, old_runs: bool) -> Iterator[Surplus]:
    current, newest = store.current_generation(), store.latest_run("finished")
    used = {row.run_name for row in (current,) if row} | {row.name for row in (newest,) if row}
    for run in store.runs():
        folder = workspace.models / run.name
        if run.name in used or (folder.is_dir() and is_held(folder / LOCK_FILE)):
            continue
        if not folder.is_dir():
            yield _surplus("run", folder, "its folder is gone")
        elif run.status != "finished":
            yield _surplus("run", folder, "interrupted; `datrnet train --resume` continues it")
        elif old_runs:
            yield _surplus("run", folder, "not used by the index")


def _leftovers(workspace: Workspace, store: Store) -> Iterator[Surplus]:
    latest = time.time() - ABANDONED_SECONDS
    for folder in sorted(workspace.indexes.glob(".*.partial")):
        if folder.stat().st_mtime < latest:
            yield _surplus("index", folder, "left by an interrupted command")
    newest = store.latest_run("finished")
    for folder in sorted(workspace.shards.glob("*")):
        if newest is None or folder.name != newest.name:
            yield _surplus("index", folder, "embedded by shards of an earlier run")
    for folder in scratch_folders(workspace.root):
        lock = folder.with_suffix(".lock")
        if not (lock.exists() and is_held(lock)):
            yield _surplus("import", folder, "left by an interrupted command")


def _history(workspace: Workspace, store: Store, days: int) -> Iterator[Surplus]:
    oldest = datetime.now(UTC) - timedelta(days=days)
    last_step, num_bytes = store.forgettable(oldest.isoformat(timespec="seconds"))
    if last_step:
        yield Surplus(
            kind="history",
            name=f"up to step {last_step}",
            reason=f"{days} days old; can then no longer be undone",
            path=workspace.catalog_path,
            num_bytes=num_bytes,
            last_step=last_step,
        )


def _surplus(kind: Kind, path: Path, reason: str) -> Surplus:
    num_bytes = num_bytes_of(path, is_shared=False)
    return Surplus(kind=kind, name=path.name, reason=reason, path=path, num_bytes=num_bytes)
