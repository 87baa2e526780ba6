"""The sections of the report on training runs and experiments."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError, DatrnetError
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.research.experiments.charts import line_chart
from datrnet.core.research.experiments.plan import place_in_paper
from datrnet.core.research.experiments.result import RESULT_FILE, Cell, StoredResult, read_result
from datrnet.core.research.report.parts import (
    NOTHING,
    HtmlPicture,
    HtmlTable,
    Settings,
    duration,
    moment,
    percent,
    settings_of,
)
from datrnet.db.rows import RunRow

FEW_EPOCHS = 15
"""Up to so many epochs each has its tick."""

MISSING = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSection:
    """A training run."""

    name: str
    status: str
    config_name: str
    started: str
    took: str
    """Wall time, pauses included."""
    networks: HtmlTable | None
    """Figures by super-category; None before the first epoch."""
    curves: tuple[HtmlPicture, ...]
    config: Settings
    problem: str = ""
    """Why the log cannot be read completely; empty without a problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEpoch:
    """A line of the log."""

    super_category: str
    number: int
    loss: float
    accuracy: float
    """NaN where it was not measured."""
    seconds: float

    @classmethod
    def parse(cls, line: str) -> "LoggedEpoch | None":
        """Read a line; None if it is damaged."""
        try:
            facts: dict[str, Any] = json.loads(line)
            accuracy = facts["accuracy"]
            return cls(
                super_category=str(facts["super_category"]),
                number=int(facts["epoch"]),
                loss=float(facts["loss"]),
                accuracy=MISSING if accuracy is None else float(accuracy),
                seconds=float(facts["seconds"]),
            )
        except (ValueError, KeyError, TypeError):
            return None


def run_section(workspace: Workspace, row: RunRow) -> RunSection:
    """Read a run's figures and log, and draw its curves.

    Raises:
        ConfigError: There is a log, and the extra that draws charts is not installed.
    """
    config = json.loads(row.config_json)
    epochs, problem = _log_of(workspace, row)
    curves = {"validation accuracy": "accuracy", "loss": "loss"} if epochs else {}
    took = NOTHING
    if row.finished_at is not None:
        start, end = map(datetime.fromisoformat, (row.started_at, row.finished_at))
        took = duration((end - start).total_seconds())
    return RunSection(
        name=row.name,
        status=row.status,
        config_name=str(config.get("name", "")),
        started=moment(row.started_at),
        took=took,
        networks=_networks(row, epochs),
        curves=tuple(_curve(row.name, epochs, *names) for names in curves.items()),
        config=settings_of(config),
        problem=problem,
    )


def runs_overview(runs: Sequence[RunSection]) -> HtmlTable:
    """Return a row for each run."""
    return HtmlTable.of(
        ("run", "config", "status", "started", "took"),
        [(run.name, run.config_name, run.status, run.started, run.took) for run in runs],
    )


def _log_of(workspace: Workspace, row: RunRow) -> tuple[list[LoggedEpoch], str]:
    """Return the epochs of a run's log and what is wrong with it."""
    try:
        path = RunFolder.open(workspace.models / row.name).log_path
        text = path.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return [], ""  # imported weights have none
    except (DatrnetError, OSError) as error:
        return [], f"Its log cannot be read: {error}"
    lines = [LoggedEpoch.parse(line) for line in text.splitlines()]
    epochs = [epoch for epoch in lines if epoch is not None]
    num_damaged = len(lines) - len(epochs)
    return epochs, f"Damaged lines of its log, skipped: {num_damaged}." if num_damaged else ""


def _networks(row: RunRow, epochs: Sequence[LoggedEpoch]) -> HtmlTable | None:
    """Return a row for each super-category: its stored figures, and what the log adds."""
    finished = json.loads(row.metrics_json) if row.metrics_json else {}
    names = dict.fromkeys((*finished, *(epoch.super_category for epoch in epochs)))
    rows: list[tuple[Cell, ...]] = []
    for name in names:
        logged = [epoch for epoch in epochs if epoch.super_category == name]
        facts = finished.get(name)
        if facts is None:  # still training, or interrupted: there is only the log
            best = max(logged, key=lambda epoch: (not math.isnan(epoch.accuracy), epoch.accuracy))
            facts = {"accuracy": best.accuracy, "best_epoch": best.number, "epochs": len(logged)}
        rows.append(
            (
                name,
                percent(facts["accuracy"]),
                facts["best_epoch"],
                facts["epochs"],
                logged[-1].loss if logged else None,
                round(sum(epoch.seconds for epoch in logged)) if logged else None,
            )
        )
    columns = ("super-category", "validation accuracy", "best epoch", "epochs", "loss", "seconds")
    return HtmlTable.of(columns, rows) if rows else None


def _curve(run: str, epochs: Sequence[LoggedEpoch], what: str, attribute: str) -> HtmlPicture:
    """Draw a figure of every network, epoch by epoch; a network may have stopped early."""
    values = {(epoch.super_category, epoch.number): getattr(epoch, attribute) for epoch in epochs}
    xs = range(1, max(epoch.number for epoch in epochs) + 1)
    names = dict.fromkeys(epoch.super_category for epoch in epochs)
    lines = {name: [values.get((name, x), MISSING) for x in xs] for name in names}
    chart = line_chart(
        xs, lines, x_label="epoch", y_label=what, whole_xs=len(xs) <= FEW_EPOCHS, width=6.4
    )
    ends = (
        f"{name} {next((value for value in reversed(line) if not math.isnan(value)), MISSING):.3f}"
        for name, line in lines.items()
    )
    return HtmlPicture.drawn(
        chart,
        caption=f"{what[0].upper()}{what[1:]} by epoch",
        alt=f"Line chart of the {what} of run {run} over {len(xs)} epochs; at the end: "
        f"{', '.join(ends)}.",
    )


# ── experiments ──────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentSection:
    """The result of an experiment."""

    name: str
    title: str
    command: str = ""
    facts: Settings = ()
    table: HtmlTable | None = None
    further: Mapping[str, HtmlTable] = field(default_factory=dict)
    """By title."""
    notes: tuple[str, ...] = ()
    pictures: tuple[HtmlPicture, ...] = ()
    config: Settings = ()
    problems: tuple[str, ...] = ()
    """What cannot be read, and what to do."""


def experiment_folders(workspace: Workspace) -> list[Path]:
    """Return the folders of all finished experiments, the paper's in its order first."""
    folders = [file.parent for file in workspace.experiments.glob(f"*/{RESULT_FILE}")]
    return sorted(folders, key=lambda folder: (place_in_paper(folder.name), folder.name))


def experiment_section(folder: Path) -> ExperimentSection:
    """Read a result as far as it can be read."""
    try:
        return _section(read_result(folder))
    except DataError as error:
        problem = str(error)
    except (TypeError, ValueError, AttributeError, RecursionError):
        # JSON of the right names with values of another kind
        path = folder / RESULT_FILE
        problem = f"{path} is damaged. Run `datrnet experiment {folder.name}` again."
    return ExperimentSection(name=folder.name, title=folder.name, problems=(problem,))


def _section(result: StoredResult) -> ExperimentSection:
    pictures, problems = _pictures(result)
    facts = {
        name.removeprefix("num_").replace("_", " "): f"{fact:,}" if isinstance(fact, int) else fact
        for name, fact in result.facts.items()
    }
    facts |= {"created": moment(result.made_at), "took": duration(result.seconds)}
    return ExperimentSection(
        name=result.name,
        title=result.title or result.name,
        command=result.command,
        facts=settings_of({**facts, "datrnet": result.version}),
        table=HtmlTable.of(result.columns, result.rows) if result.rows else None,
        further={
            table.title: HtmlTable.of(table.columns, table.rows)
            for table in result.further
            if table.rows
        },
        notes=result.notes,
        pictures=pictures,
        config=settings_of(result.config),
        problems=problems,
    )


def _pictures(result: StoredResult) -> tuple[tuple[HtmlPicture, ...], tuple[str, ...]]:
    pictures, problems = [], []
    for file in result.pictures:
        caption = Path(file).stem.replace("-", " ").replace("_", " ")
        alt = f"{result.title}: {caption}"
        try:
            if Path(file).name != file:
                raise DataError(f"The picture {file} is outside the experiment's folder.")
            pictures.append(HtmlPicture.read(result.folder / file, caption=caption, alt=alt))
        except (DataError, OSError) as error:
            problems.append(f"Its picture {file} cannot be shown: {error}")
    return tuple(pictures), tuple(problems)
