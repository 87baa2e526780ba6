"""`datrnet train --released`: a finished run of ADDE-M's released weights."""

from dataclasses import asdict

from datrnet.console.output import print_json, say
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.text import inert
from datrnet.core.training.released import ReleasedFiles, add_released_run


def run_released(workspace: Workspace, files: ReleasedFiles, *, as_json: bool) -> None:
    """Make the run, and print what it is of.

    Raises:
        DatrnetError: See ``core.training.released``.
    """
    with workspace.open_store() as store:
        made = add_released_run(workspace, store, Catalog.load(store), files)
    counts = [f"{inert(one.name)} ({len(one.values)})" for one in made.run.super_categories]
    say(f"{made.run.name} holds the released weights. Values: {', '.join(counts)}.")
    if made.in_alphabetical_order:
        say(
            f"The values of {', '.join(made.in_alphabetical_order)} are taken in alphabetical "
            "order. If the columns of the split folder have another one, changes of them are "
            "wrong: add --names FILE, the names that it was imported with.",
            "yellow",
        )
    if as_json:
        print_json({"run": made.run.name, "results": [asdict(made.result)]})
    say("Next: datrnet index")
