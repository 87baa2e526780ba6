"""Options that more than one group of commands has."""

from pathlib import Path
from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print the results as JSON.")]


def _or_global(ctx: typer.Context, given: Path | None) -> Path | None:
    """Let an option given before the command count where the command has none of its own."""
    return given or ctx.find_root().params.get("workspace")


WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        metavar="DIR",
        file_okay=False,
        callback=_or_global,
        show_default=False,
        help="The folder of catalogue, runs and indexes. Default: $DATRNET_WORKSPACE, "
        "else the configuration's, else the user's data folder.",
    ),
]

FoundOption = Annotated[int, typer.Option("-k", "--top", min=1, metavar="NUMBER", help="How many.")]
