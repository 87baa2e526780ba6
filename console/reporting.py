"""`datrnet report`: where the page lies, and what it could not take in."""

from pathlib import Path

from datrnet.console.output import counted, results, say
from datrnet.console.progress import StepProgress
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.experiments.report.page import write_report
from datrnet.core.text import inert


def run_report(workspace: Workspace, output: Path | None) -> None:
    """Write the report of a workspace and print its place.

    Raises:
        DatrnetError: See ``core.experiments.report.page``.
    """
    with StepProgress() as progress:
        path, report = write_report(workspace, output, progress)
    for problem in report.problems:
        say(problem, "yellow")
    say(
        f"The report has {counted(report.catalogue.num_items, 'item')}, "
        f"{counted(len(report.runs), 'run')}, {counted(len(report.evaluations), 'evaluation')} "
        f"and {counted(len(report.experiments), 'experiment')}; open it in a browser."
    )
    results().print(inert(str(path)), soft_wrap=True)
