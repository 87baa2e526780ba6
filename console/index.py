"""`datrnet index`: build the index from a trained run, and print its figures."""

from pathlib import Path
from typing import Annotated

from typer import Option

from datrnet.console import options as opt
from datrnet.console.output import counted, percent, print_json, say, show_table
from datrnet.console.progress import JobProgress
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import UnknownNameError
from datrnet.core.models.run_folder import RunFolder
from datrnet.db.store import Store

LISTED = 10
"""Unreadable pictures listed by name; the rest is counted."""

app = opt.command_app()


@app.command(epilog="Example: datrnet index")
def index(
    run: Annotated[
        str | None, Option(metavar="NAME", show_default="the latest finished run")
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
    with place.open_store(to_write=True) as store:
        chosen = newest_run(place, store) if run is None else _finished_run(place, store, run)
        say(f"Indexing with run {chosen.name}.")
        with JobProgress() as progress:
            report = build_index(place, store, Catalog.load(store), chosen, progress)
    manifest = report.manifest
    weights = dict(zip(manifest.block_names, manifest.weights, strict=True))
    if as_json:
        print_json(
            {
                "index": manifest.name,
                "run": manifest.run_name,
                "num_items": manifest.num_items,
                "recall_at_30": manifest.recall_at_30,
                "nodes": manifest.nodes,
                "weights": weights,
                "changed_weight": manifest.changed_weight,
                "unreadable": report.unreadable,
            }
        )
    else:
        rows = [
            ("run", manifest.run_name),
            ("items", f"{manifest.num_items:,}"),
            ("recall@30 against exact search", percent(manifest.recall_at_30)),
            ("nodes visited", f"{manifest.nodes:,}"),
            *((f"weight of {name}", f"{weight:g}") for name, weight in weights.items()),
            ("extra weight of a change", f"{manifest.changed_weight:g}"),
        ]
        show_table(("index", manifest.name), rows)
    if report.unreadable:
        names = ", ".join(report.unreadable[:LISTED])
        more = ", …" if len(report.unreadable) > LISTED else ""
        items = counted(len(report.unreadable), "item")
        say(f"Skipped {items} with unreadable pictures: {names}{more}", "yellow")
    say("Next: datrnet search ITEM, datrnet browse or datrnet evaluate")


def _finished_run(workspace: Workspace, store: Store, name: str) -> RunFolder:
    known = [run.name for run in store.runs() if run.status == "finished"]
    if name not in known:
        raise UnknownNameError("finished run", name, known)
    return RunFolder.open(workspace.models / Path(name).name)
