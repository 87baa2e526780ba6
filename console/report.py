"""`datrnet report`: write the HTML page, and print its path."""

from pathlib import Path
from typing import Annotated

import typer

from datrnet.console import options as opt
from datrnet.console.output import counted, results, say
from datrnet.console.progress import JobProgress
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.research.report.page import write_report
from datrnet.core.text import sanitize

app = opt.command_app()


@app.command(epilog="Example: datrnet report --output report.html")
def report(
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, show_default="report.html in the workspace"),
    ] = None,
    workspace: opt.Workspace = None,
) -> None:
    """Write all results of the workspace to one HTML page.

    The page has tables, learning curves, pictures, configs and versions. It needs no other file
    and no network. The command prints its path.

    Args:
        output: Output file.
    """
    with JobProgress() as progress:
        path, found = write_report(Workspace.locate(workspace), output, progress)
    for problem in found.problems:
        say(problem, "yellow")
    say(
        f"The report covers {counted(found.catalog.num_items, 'item')}, "
        f"{counted(len(found.runs), 'run')}, {counted(len(found.evaluations), 'evaluation')} "
        f"and {counted(len(found.experiments), 'experiment')}. Open it in a browser."
    )
    results().print(sanitize(str(path)), soft_wrap=True)
