"""The commands of `datrnet label`: arguments and help."""

from typing import Annotated

import typer

from datrnet.console.options import FoundOption, JsonOption, WorkspaceOption

label_app = typer.Typer(
    no_args_is_help=True,
    help="Labels set by hand, which no import overwrites, and their history.",
    epilog="Example: datrnet label set 10045 colour=black",
)


@label_app.command(
    "set",
    epilog="Example: datrnet label set 10045 10046 colour=black \\\n"
    "or: cat ids.txt | datrnet label set - colour=black",
)
def set_label(
    items: Annotated[
        list[str],
        typer.Argument(metavar="ITEM...", help="Codes; - reads them from a pipe, one a line."),
    ],
    wanted: Annotated[
        str,
        typer.Argument(metavar="NAME=VALUE", help="The label; NAME= where no value holds."),
    ],
    workspace: WorkspaceOption = None,
) -> None:
    """Set or confirm a label: a person says so, and what stood before is remembered."""
    from datrnet.console.labels import run_set
    from datrnet.core.catalog.workspace import Workspace

    run_set(Workspace.locate(workspace), tuple(items), wanted)


@label_app.command("undo", epilog="Example: datrnet label undo")
def undo_label(
    change: Annotated[
        int | None,
        typer.Argument(
            metavar="[CHANGE]", help="Its number in the history.", show_default="the newest"
        ),
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Give an item back the label it had before a change, and who said so then."""
    from datrnet.console.labels import run_undo
    from datrnet.core.catalog.workspace import Workspace

    run_undo(Workspace.locate(workspace), change)


@label_app.command("redo", epilog="Example: datrnet label redo")
def redo_label(workspace: WorkspaceOption = None) -> None:
    """Make the change again that was taken back last."""
    from datrnet.console.labels import run_redo
    from datrnet.core.catalog.workspace import Workspace

    run_redo(Workspace.locate(workspace))


@label_app.command("history", epilog="Example: datrnet label history 10045")
def label_history(
    item: Annotated[str | None, typer.Argument(metavar="[ITEM]", help="Only of this item.")] = None,
    top: FoundOption = 30,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the changes of labels, the newest first: before, after, and who said so."""
    from datrnet.console.labels import run_history
    from datrnet.core.catalog.workspace import Workspace

    run_history(Workspace.locate(workspace), item, top, as_json=as_json)
