"""The page: collect what a workspace has, fill the template, write the file at once.

Foreign text reaches the page only through the template's escaping and `_harmless`.
"""

import os
import platform
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from datrnet import __version__
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError, requirement
from datrnet.core.models.run_folder import write_atomically
from datrnet.core.progress import Progress, no_progress, tracked
from datrnet.core.research.experiments.result import Table, shown
from datrnet.core.research.report.parts import ReportSection, Settings, figure_columns
from datrnet.core.research.report.sections import (
    CatalogSection,
    catalog_section,
    evaluation_section,
    experiment_folders,
    experiment_section,
    index_section,
    run_section,
    runs_overview,
)
from datrnet.core.text import sanitize

PAGE = "report.html"
TEMPLATE = "report.html.j2"

LIBRARIES = ("torch", "annoy", "numpy", "pillow", "textual", "captum", "matplotlib", "jinja2")
"""Whose versions the page states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything on the page."""

    workspace: str
    """The name of the folder, without its path."""
    made: str
    catalog: CatalogSection
    runs: tuple[ReportSection, ...]
    """The newest first."""
    overview: Table
    index: ReportSection | None
    evaluations: tuple[ReportSection, ...]
    """The newest first."""
    experiments: tuple[ReportSection, ...]
    versions: Settings

    @property
    def problems(self) -> list[str]:
        """What the page lacks because it could not be read, in a line each."""
        return [
            *(f"The run {run.title}: {problem}" for run in self.runs for problem in run.problems),
            *(self.index.problems if self.index else ()),
            *(
                f"The experiment {experiment.name}: {problem}"
                for experiment in self.experiments
                for problem in experiment.problems
            ),
        ]


def write_report(
    workspace: Workspace,
    output: Path | None = None,
    on_progress: Progress = no_progress,
) -> tuple[Path, Report]:
    """Write the report of a workspace and return its path and its content.

    Args:
        workspace: The workspace.
        output: The file; None for ``report.html`` in the workspace.
        on_progress: Called with the step, what is done of it and its total.

    Raises:
        ConfigError: The extra that draws charts and fills templates is not installed.
        DatabaseError: There is no catalog, or it cannot be read.
        DataError: The file cannot be written.
    """
    path = output or workspace.root / PAGE
    render = _renderer(workspace)
    report = gather(workspace, on_progress)
    try:
        write_atomically(path, render(report))
    except OSError as error:
        raise DataError(
            f"The report cannot be written to {path}: {error.strerror}.",
            hint="Choose another file with --output.",
        ) from error
    return path, report


def gather(workspace: Workspace, on_progress: Progress = no_progress) -> Report:
    """Collect everything that a workspace has.

    Raises:
        ConfigError: The extra that draws charts is not installed.
        DatabaseError: There is no catalog, or it cannot be read.
    """
    with workspace.open_store() as store, store.reading():
        catalog = Catalog.load(store)
        run_rows = store.runs()[::-1]
        index = index_section(workspace, store, catalog, store.current_generation())
        evaluation_rows = store.evaluations()[::-1]
    runs = tuple(
        run_section(workspace, row) for row in tracked(run_rows, "Drawing curves", on_progress)
    )
    folders = experiment_folders(workspace)
    experiments = map(experiment_section, tracked(folders, "Reading experiments", on_progress))
    return Report(
        workspace=workspace.root.name,
        made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        catalog=catalog_section(catalog),
        runs=runs,
        overview=runs_overview(runs),
        index=index,
        evaluations=tuple(map(evaluation_section, evaluation_rows)),
        experiments=tuple(experiments),
        versions=_versions(),
    )


def _versions() -> Settings:
    """Return the versions behind the figures, and nothing that identifies the machine."""
    return (
        ("datrnet", __version__),
        ("Python", platform.python_version()),
        *((name, _version(name)) for name in LIBRARIES),
        ("system", f"{platform.system()} {platform.machine()}"),
    )


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "not installed"


def _renderer(workspace: Workspace) -> Callable[[Report], str]:
    """Return the function that fills the template; every text is escaped for HTML and sanitized."""
    with requirement("The report needs"):
        from jinja2 import Environment, PackageLoader, StrictUndefined
    environment = Environment(
        loader=PackageLoader("datrnet.core.research.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=partial(
            _harmless, {str(workspace.root): "WORKSPACE", os.path.expanduser("~"): "~"}
        ),
    )
    environment.filters |= {"cell": shown, "figures": figure_columns}
    template = environment.get_template(TEMPLATE)
    return lambda report: template.render(report=report)


def _harmless(names: dict[str, str], value: Any) -> Any:
    """Return a value as the page shows it: text without control characters and local paths."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    for place, name in names.items():
        if len(Path(place).parts) > 1:  # neither the root, nor ~ without a home
            value = re.sub(rf"(?<![\w.-]){re.escape(place)}(?![\w.-])", name, value)
    return sanitize(value)
