"""The page: gathers what a workspace has, fills the template, writes the file in one step.

Text of strangers reaches the page in one way only: through the template's escaping and `_shown`.
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
from typing import Any, TypeVar

from datrnet import __version__
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, DataError
from datrnet.core.models.run_folder import write_atomically
from datrnet.core.progress import Progress, StepProgress, no_progress
from datrnet.core.research.experiments.charts import EXTRA_MEND
from datrnet.core.research.report.parts import Settings, Table
from datrnet.core.research.report.runs import (
    ExperimentPart,
    RunPart,
    experiment_folders,
    look_at_experiment,
    look_at_run,
    overview_of,
)
from datrnet.core.research.report.sections import (
    CataloguePart,
    EvaluationPart,
    IndexPart,
    look_at_catalogue,
    look_at_evaluation,
    look_at_index,
)
from datrnet.core.text import sanitize

PAGE = "report.html"
TEMPLATE = "report.html.j2"

LIBRARIES = (
    "torch",
    "annoy",
    "numpy",
    "pillow",
    "textual",
    "captum",
    "matplotlib",
    "jinja2",
)
"""Whose versions the page states."""

Row = TypeVar("Row")
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything the page says."""

    workspace: str
    """The folder's own name, without where it lies."""
    made: str
    catalogue: CataloguePart
    runs: tuple[RunPart, ...]
    """The newest first."""
    runs_overview: Table
    index: IndexPart | None
    evaluations: tuple[EvaluationPart, ...]
    """The newest first."""
    experiments: tuple[ExperimentPart, ...]
    versions: Settings

    @property
    def problems(self) -> list[str]:
        """What the page lacks because it could not be read, one line each."""
        found = [f"The run {one.name}: {one.problem}" for one in self.runs if one.problem]
        if self.index is not None and self.index.problem:
            found.append(self.index.problem)
        for part in self.experiments:
            found += [f"The experiment {part.name}: {problem}" for problem in part.problems]
        return found


def write_report(
    workspace: Workspace,
    output: Path | None = None,
    on_progress: Progress = no_progress,
) -> tuple[Path, Report]:
    """Write a workspace's report and return where it lies, with what it says.

    Args:
        workspace: Whose.
        output: The file; ``report.html`` in the workspace where None.
        on_progress: Told the step, what is done of it and its total.

    Raises:
        ConfigError: The extra that draws charts and fills templates is not installed.
        DatabaseError: There is no catalogue, or it cannot be read.
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
            mend="Name another file with --output.",
        ) from error
    return path, report


def gather(workspace: Workspace, on_progress: Progress = no_progress) -> Report:
    """Return everything that a workspace has.

    Raises:
        ConfigError: The extra that draws charts is not installed.
        DatabaseError: There is no catalogue, or it cannot be read.
    """
    with workspace.open_store() as store, store.reading():
        catalog = Catalog.load(store)
        run_rows = store.runs()[::-1]
        index = look_at_index(workspace, store, catalog, store.current_generation())
        evaluation_rows = store.evaluations()[::-1]
    runs = _each(run_rows, partial(look_at_run, workspace), partial(on_progress, "Drawing curves"))
    experiments = _each(
        experiment_folders(workspace),
        look_at_experiment,
        partial(on_progress, "Reading experiments"),
    )
    return Report(
        workspace=workspace.root.name,
        made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        catalogue=look_at_catalogue(catalog),
        runs=runs,
        runs_overview=overview_of(runs),
        index=index,
        evaluations=tuple(look_at_evaluation(row) for row in evaluation_rows),
        experiments=experiments,
        versions=_versions(),
    )


def _each(
    rows: list[Row], look_at: Callable[[Row], Part], on_progress: StepProgress
) -> tuple[Part, ...]:
    parts = []
    for number, row in enumerate(rows, start=1):
        parts.append(look_at(row))
        on_progress(number, len(rows))
    return tuple(parts)


def _versions() -> Settings:
    """Return what the figures were reckoned with, and nothing that tells whose machine it is."""
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
    """Return what makes the page of a report; every text is escaped for HTML and sanitized."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise ConfigError("The report needs jinja2, which is absent.", mend=EXTRA_MEND) from error
    environment = Environment(
        loader=PackageLoader("datrnet.core.research.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=partial(_shown, {str(workspace.root): "WORKSPACE", os.path.expanduser("~"): "~"}),
    )
    template = environment.get_template(TEMPLATE)
    return lambda report: template.render(report=report)


def _shown(names: dict[str, str], value: Any) -> Any:
    """Return what stands in the page for a value: text loses what steers, and where files lie."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    for place, name in names.items():
        if len(Path(place).parts) > 1:  # not the root, nor the ~ of who has no home
            value = re.sub(rf"(?<![\w.-]){re.escape(place)}(?![\w.-])", name, value)
    return sanitize(value)
