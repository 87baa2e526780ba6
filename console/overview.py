"""`datrnet info`: what a workspace holds, told even where the index is damaged or absent."""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.filesize import decimal

from datrnet.console.output import counted, fits, new_table, percent, print_json, results
from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DatrnetError
from datrnet.core.models.run_folder import is_being_trained
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.search import Searcher
from datrnet.core.text import inert
from datrnet.db.rows import RunRow
from datrnet.db.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A super-category and how many items carry a value of it."""

    name: str
    num_values: int
    share_labelled: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """The current index, as far as it can be read."""

    name: str | None = None
    run: str | None = None
    num_items: int | None = None
    num_unindexed: int | None = None
    recall_at_30: float | None = None
    weights: dict[str, float] | None = None
    changed_weight: float | None = None
    problem: str = ""
    """What is wrong with it, and what to do; empty where nothing is."""
    damaged_files: tuple[str, ...] | None = None
    """Files that fail their checksum; None where that was not checked."""

    @property
    def is_sound(self) -> bool:
        """Whether searches can use it."""
        return not self.problem and not self.damaged_files


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What a workspace holds."""

    workspace: str
    num_items: int
    items_by_split: dict[str, int]
    super_categories: tuple[Labelled, ...]
    index: IndexState
    runs: tuple[dict[str, Any], ...]
    num_evaluations: int
    experiments: tuple[str, ...]
    """Names of those that have an outcome."""
    bytes_by_part: dict[str, int]


def run_overview(workspace: Workspace, *, check: bool, as_json: bool) -> bool:
    """Print what a workspace holds.

    Returns:
        False where the checksums were asked for and the index is not sound.

    Raises:
        DatabaseError: There is no catalogue, or it cannot be read.
    """
    with workspace.open_store() as store:
        overview = _look(workspace, store, check=check)
    if as_json:
        print_json(asdict(overview))
    else:
        _show(overview)
    return overview.index.is_sound or not check


def _look(workspace: Workspace, store: Store, *, check: bool) -> Overview:
    catalog = Catalog.load(store)
    share = (catalog.labels != UNLABELED).mean(axis=0) if catalog.num_items else None
    return Overview(
        workspace=str(workspace.root),
        num_items=catalog.num_items,
        items_by_split=dict(Counter(str(split) or "none" for split in catalog.splits)),
        super_categories=tuple(
            Labelled(
                name=one.name,
                num_values=len(one.values),
                share_labelled=0.0 if share is None else float(share[idx]),
            )
            for idx, one in enumerate(catalog.super_categories)
        ),
        index=look_at_index(workspace, store, catalog, check=check),
        runs=tuple(_run_facts(workspace, run) for run in store.runs()),
        num_evaluations=len(store.evaluations()),
        experiments=tuple(
            sorted(path.parent.name for path in workspace.experiments.glob("*/outcome.json"))
        ),
        bytes_by_part={
            path.name: _num_bytes(path)
            for path in (
                workspace.catalog_path,
                workspace.models,
                workspace.indexes,
                workspace.thumbnails,
                workspace.experiments,
                workspace.demo,
            )
            if path.exists()
        },
    )


def look_at_index(
    workspace: Workspace, store: Store, catalog: Catalog, *, check: bool
) -> IndexState:
    """Return how the current index is.

    Args:
        workspace: Where it lies.
        store: The workspace's database.
        catalog: What is to be found in it.
        check: Whether its files are read to verify their checksums.

    Raises:
        DatabaseError: The database cannot be read.
    """
    row = store.current_generation()
    if row is None:
        return IndexState(problem="There is none yet. Run `datrnet train` and `datrnet index`.")
    try:
        generation = Generation.current(workspace, store)
        searcher = Searcher(catalog, generation)
    except DatrnetError as error:
        return IndexState(name=row.name, run=row.run_name, problem=str(error))
    manifest = generation.manifest
    return IndexState(
        name=manifest.name,
        run=manifest.run_name,
        num_items=manifest.num_items,
        num_unindexed=searcher.num_unindexed,
        recall_at_30=manifest.recall_at_30,
        weights=dict(zip(searcher.block_names, manifest.weights, strict=True)),
        changed_weight=manifest.changed_weight,
        damaged_files=tuple(generation.damaged_files()) if check else None,
    )


def _run_facts(workspace: Workspace, run: RunRow) -> dict[str, Any]:
    metrics = json.loads(run.metrics_json) if run.metrics_json else {}
    return {
        "name": run.name,
        "status": _status(workspace, run),
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "validation_accuracy": {name: one["accuracy"] for name, one in metrics.items()},
    }


def _status(workspace: Workspace, run: RunRow) -> str:
    """Return how a run is: a program that was killed could not say so, nor who deletes a folder."""
    folder = workspace.models / run.name
    if not folder.is_dir():
        return "missing"
    if run.status == "running" and not is_being_trained(folder):
        return "interrupted"
    return run.status


def _num_bytes(path: Path) -> int:
    """Return the space taken on disk: files with holes take less than their length."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(_on_disk(one) for one in files)


def _on_disk(path: Path) -> int:
    status = path.stat()
    blocks = getattr(status, "st_blocks", None)  # absent on Windows
    return status.st_size if blocks is None else blocks * 512


def _show(overview: Overview) -> None:
    out = results()
    out.print(f"Workspace {inert(overview.workspace)}")
    splits = ", ".join(f"{name} {count:,}" for name, count in overview.items_by_split.items())
    out.print(counted(overview.num_items, "item") + (f": {splits}" if splits else ""))
    if overview.super_categories:
        table = new_table("super-category", "values", "labelled", numbers=("values", "labelled"))
        for one in overview.super_categories:
            table.add_row(inert(one.name), f"{one.num_values:,}", percent(one.share_labelled))
        out.print(table)
    _show_index(overview.index)
    if overview.runs:
        _show_runs(out, [_run_cells(run) for run in overview.runs])
    if overview.num_evaluations or overview.experiments:
        names = f" ({inert(', '.join(overview.experiments))})" if overview.experiments else ""
        out.print(
            f"{counted(overview.num_evaluations, 'evaluation')}, "
            f"{counted(len(overview.experiments), 'experiment')}{names}. All of it: datrnet report"
        )
    sizes = ", ".join(f"{name} {decimal(size)}" for name, size in overview.bytes_by_part.items())
    out.print(f"On disk: {sizes}")


def _show_runs(out: Console, rows: list[tuple[str, ...]]) -> None:
    """Print a line for each run, or a line for each fact where the terminal is narrow."""
    table = new_table("run", "status", "started", "validation accuracy")
    for idx, column in enumerate(table.columns[:-1]):
        column.no_wrap = True  # only the accuracies fold
        column.min_width = max(cell_len(row[idx]) for row in rows)
    for row in rows:
        table.add_row(*row)
    if fits(out, table):
        out.print(table)
        return
    for name, status, started, accuracies in rows:
        out.print(f"\nrun {name}\n{status}, started {started}")
        if accuracies:
            out.print(f"validation accuracy {accuracies}")
    out.print()


def _run_cells(run: dict[str, Any]) -> tuple[str, ...]:
    started = datetime.fromisoformat(run["started_at"]).strftime("%Y-%m-%d %H:%M")
    # the figure stays with its sign, so that a line breaks between words
    accuracies = (
        f"{inert(name)} {percent(share)}".replace(" %", "\N{NO-BREAK SPACE}%")
        for name, share in run["validation_accuracy"].items()
    )
    return inert(run["name"]), run["status"], started, ", ".join(accuracies)


def _show_index(state: IndexState) -> None:
    table = new_table("index", inert(state.name or "none"))
    if state.problem:
        table.add_row("problem", inert(state.problem), style="red")
    if state.run is not None:
        table.add_row("run", inert(state.run))
    if state.num_items is not None:
        table.add_row("items", f"{state.num_items:,}")
        table.add_row("not yet indexed", f"{state.num_unindexed:,}")
        table.add_row("recall@30", percent(state.recall_at_30))
        for name, weight in (state.weights or {}).items():
            table.add_row(f"weight of {inert(name)}", f"{weight:g}")
        table.add_row("further weight of a change", f"{state.changed_weight:g}")
    if state.damaged_files is not None:
        damaged = ", ".join(state.damaged_files)
        table.add_row("checksums", f"wrong: {damaged}" if damaged else "right")
    results().print(table)
