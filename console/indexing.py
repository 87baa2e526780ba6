"""`datrnet index`: from a trained run to the current index, and what it came to."""

from pathlib import Path

from datrnet.console.output import counted, new_table, percent, print_json, results, say
from datrnet.console.progress import StepProgress
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import UnknownNameError
from datrnet.core.indexing.build import IndexReport, build_index, newest_run
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.text import inert
from datrnet.db.store import Store

LISTED = 10
"""Unreadable pictures listed by name; the rest is counted."""


def run_indexing(workspace: Workspace, run_name: str | None, *, as_json: bool) -> None:
    """Build an index and print what it came to.

    Raises:
        DatrnetError: See ``core.indexing.build``.
    """
    with workspace.open_store() as store:
        run = _chosen_run(workspace, store, run_name)
        say(f"Indexing with the run {run.name}.")
        with StepProgress() as progress:
            report = build_index(workspace, store, Catalog.load(store), run, progress)
    if as_json:
        print_json(facts_of(report))
    else:
        _show(report)
    if report.unreadable:
        some = ", ".join(report.unreadable[:LISTED])
        more = ", …" if len(report.unreadable) > LISTED else ""
        say(
            f"Not in the index: {counted(len(report.unreadable), 'item')} whose picture "
            f"cannot be read: {some}{more}",
            "yellow",
        )
    say("Next: datrnet search ITEM, datrnet browse or datrnet evaluate")


def facts_of(report: IndexReport) -> dict[str, object]:
    """Return what an index came to as plain values, for JSON."""
    manifest = report.manifest
    return {
        "index": manifest.name,
        "run": manifest.run_name,
        "num_items": manifest.num_items,
        "recall_at_30": manifest.recall_at_30,
        "nodes": manifest.nodes,
        "weights": dict(zip(manifest.block_names, manifest.weights, strict=True)),
        "changed_weight": manifest.changed_weight,
        "unreadable": list(report.unreadable),
    }


def _chosen_run(workspace: Workspace, store: Store, name: str | None) -> RunFolder:
    if name is None:
        return newest_run(workspace, store)
    known = [run.name for run in store.runs() if run.status == "finished"]
    if name not in known:
        raise UnknownNameError("finished run", name, known)
    return RunFolder.open(workspace.models / Path(name).name)


def _show(report: IndexReport) -> None:
    manifest = report.manifest
    table = new_table("index", manifest.name)
    table.add_row("run", inert(manifest.run_name))
    table.add_row("items", f"{manifest.num_items:,}")
    table.add_row("recall@30 against exact search", percent(manifest.recall_at_30))
    table.add_row("nodes visited", f"{manifest.nodes:,}")
    for name, weight in zip(manifest.block_names, manifest.weights, strict=True):
        table.add_row(f"weight of {inert(name)}", f"{weight:g}")
    table.add_row("further weight of a change", f"{manifest.changed_weight:g}")
    results().print(table)
