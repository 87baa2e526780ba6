"""`datrnet info`: what a workspace holds, even if the index is damaged or missing."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.filesize import decimal

from datrnet.console import options as opt
from datrnet.console.output import (
    counted,
    fits,
    local_time,
    new_table,
    percent,
    print_json,
    results,
    show_table,
)
from datrnet.core.api.json_facts import RunFacts, WorkspaceFacts
from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.catalog.workspace import Workspace, num_bytes_of
from datrnet.core.errors import DatrnetError
from datrnet.core.models.run_folder import DIVERGENCE_FILE, is_being_trained
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.index_lag import LISTED, IndexLag
from datrnet.core.retrieval.search import Searcher
from datrnet.core.text import sanitize
from datrnet.db.rows import RunRow
from datrnet.db.store import Store

STEPS_TO_INDEX = {
    "running": "A run is training; run `datrnet index` when it is finished.",
    "finished": "Run `datrnet index`.",
    "interrupted": "Run `datrnet train --resume` and `datrnet index`.",
    "": "Run `datrnet train` and `datrnet index`.",
}
"""What leads to an index, by the status of a run: the first that there is, else the last."""

app = opt.command_app()


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
    damaged_files: tuple[str, ...] | None = None
    """Files that fail their checksum; None if not checked."""


@app.command(epilog="Example: datrnet info --check")
def info(
    check: opt.Check = False, workspace: opt.Workspace = None, as_json: opt.Json = False
) -> None:
    """Show items, super-categories, runs, the index and disk use.

    With --check, the exit code is 1 if the index is missing or damaged.
    """
    place = Workspace.locate(workspace)
    with place.open_store() as store:
        catalog = Catalog.load(store)
        index = look_at_index(place, store, catalog, check=check)
        facts = _facts(place, store, catalog)
    if as_json:
        print_json({**facts, "index": index})
    else:
        _show(facts, index)
    if check and (index.problem or index.damaged_files):
        raise typer.Exit(1)


def _facts(workspace: Workspace, store: Store, catalog: Catalog) -> WorkspaceFacts:
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
        recall_at_30=manifest.recall_at_30,
        weights=dict(zip(searcher.block_names, searcher.generation.manifest.weights, strict=True)),
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


def _show(facts: WorkspaceFacts, index: IndexState) -> None:
    out = results()
    out.print(f"Workspace {sanitize(facts['workspace'])}")
    splits = ", ".join(f"{name} {count:,}" for name, count in facts["items_by_split"].items())
    out.print(counted(facts["num_items"], "item") + (f": {splits}" if splits else ""))
    if hidden := facts["num_hidden"]:
        verb = "is" if hidden == 1 else "are"
        out.print(
            f"{counted(hidden, 'item')} {verb} hidden: no search finds them. "
            "To show them: datrnet unhide --all"
        )
    if facts["super_categories"]:
        columns = ("super-category", "values", "labeled")
        rows = [
            (category["name"], f"{category['num_values']:,}", percent(category["share_labeled"]))
            for category in facts["super_categories"]
        ]
        show_table(columns, rows, numbers=columns[1:])
    show_table(("index", index.name or "none"), _index_rows(index))
    if facts["runs"]:
        _show_runs(out, facts["runs"])
    experiments = facts["experiments"]
    if facts["num_evaluations"] or experiments:
        names = f" ({sanitize(', '.join(experiments))})" if experiments else ""
        out.print(
            f"{counted(facts['num_evaluations'], 'evaluation')}, "
            f"{counted(len(experiments), 'experiment')}{names}. To see them: datrnet report"
        )
    sizes = ", ".join(f"{name} {decimal(size)}" for name, size in facts["bytes_by_part"].items())
    out.print(f"On disk: {sizes}")


def _index_rows(state: IndexState) -> Iterator[tuple[str, str]]:
    if state.problem:
        yield "problem", state.problem
    if state.run is not None:
        yield "run", state.run
    if state.num_items is not None:
        yield "items", f"{state.num_items:,}"
        yield "not yet indexed", f"{state.num_unindexed:,}"
        counts = {
            "with a new picture": state.num_replaced,
            "removed since": state.num_removed,
            "ranked exactly beside Annoy": state.num_exact,
        }
        yield from ((name, f"{number:,}") for name, number in counts.items() if number)
        if state.unreadable:
            more = ", …" if len(state.unreadable) > LISTED else ""
            codes = ", ".join(state.unreadable[:LISTED])
            yield "without a readable picture", f"{len(state.unreadable):,}: {codes}{more}"
        yield "recall@30", percent(state.recall_at_30)
        for name, weight in (state.weights or {}).items():
            yield f"weight of {name}", f"{weight:g}"
        yield "extra weight of a change", f"{state.changed_weight:g}"
    if state.damaged_files is not None:
        damaged = ", ".join(state.damaged_files)
        yield "checksums", f"wrong: {damaged}" if damaged else "correct"


def _show_runs(out: Console, runs: list[RunFacts]) -> None:
    """Print a row per run, or a line per fact in a narrow terminal."""
    table = new_table("run", "status", "started", "validation accuracy")
    for run in runs:
        accuracies = (
            f"{sanitize(name)} {percent(share)}"
            for name, share in run["validation_accuracy"].items()
        )
        table.add_row(
            sanitize(run["name"]),
            run["status"],
            local_time(run["started_at"]),
            # a figure and its sign stay on one line
            ", ".join(accuracies).replace(" %", "\N{NO-BREAK SPACE}%"),
        )
    for column in table.columns[:-1]:
        column.no_wrap = True  # only the accuracies fold
        column.min_width = max(cell_len(str(cell)) for cell in column.cells)
    if fits(out, table):
        out.print(table)
        return
    for name, status, started, shares in zip(
        *(column.cells for column in table.columns), strict=True
    ):
        out.print(f"\nrun {name}\n{status}, started {started}")
        if shares:
            out.print(f"validation accuracy {shares}")
    out.print()
