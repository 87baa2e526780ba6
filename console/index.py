"""`datrnet index`: build the index from a trained run, and print its figures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from datrnet.console import options as opt
from datrnet.console.output import counted, percent, print_json, say, show_table
from datrnet.console.progress import JobProgress
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import UnknownNameError
from datrnet.core.models.run_folder import RunFolder
from datrnet.db.store import Store

if TYPE_CHECKING:
    from datrnet.core.indexing.build import IndexReport

INTERRUPTED = "The previous index is still in use. Run the same command again."

LISTED = 10
"""Unreadable pictures listed by name; the rest is counted."""

app = opt.command_app()


@app.command(epilog="Example: datrnet index")
def index(
    run: Annotated[
        str | None, typer.Option(metavar="NAME", show_default="the latest finished run")
    ] = None,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Embed every item and build the index that searches use.

    The weights of the super-categories are chosen on the validation split. The command prints
    recall@30 against exact search. The previous index stays in use until the new one is complete.

    Args:
        run: Run whose networks embed the items.
    """
    from datrnet.core.indexing.build import build_index, newest_run

    place = Workspace.locate(workspace)
    with place.open_store() as store:
        chosen = newest_run(place, store) if run is None else _finished_run(place, store, run)
        say(f"Indexing with run {chosen.name}.")
        with JobProgress() as progress:
            report = build_index(place, store, Catalog.load(store), chosen, progress)
    if as_json:
        print_json(facts_of(report))
    else:
        _show(report)
    if report.unreadable:
        names = ", ".join(report.unreadable[:LISTED])
        more = ", …" if len(report.unreadable) > LISTED else ""
        say(
            f"Skipped {counted(len(report.unreadable), 'item')} with unreadable pictures: "
            f"{names}{more}",
            "yellow",
        )
    say("Next: datrnet search ITEM, datrnet browse or datrnet evaluate")


def facts_of(report: "IndexReport") -> dict[str, object]:
    """Return the figures of an index, for JSON."""
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


def _finished_run(workspace: Workspace, store: Store, name: str) -> RunFolder:
    known = [run.name for run in store.runs() if run.status == "finished"]
    if name not in known:
        raise UnknownNameError("finished run", name, known)
    return RunFolder.open(workspace.models / Path(name).name)


def _show(report: "IndexReport") -> None:
    manifest = report.manifest
    weights = zip(manifest.block_names, manifest.weights, strict=True)
    rows = [
        ("run", manifest.run_name),
        ("items", f"{manifest.num_items:,}"),
        ("recall@30 against exact search", percent(manifest.recall_at_30)),
        ("nodes visited", f"{manifest.nodes:,}"),
        *((f"weight of {name}", f"{weight:g}") for name, weight in weights),
        ("extra weight of a change", f"{manifest.changed_weight:g}"),
    ]
    show_table(("index", manifest.name), rows)
