"""The sections of the report on training runs and experiments."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    Picture,
    Settings,
    Table,
    duration,
    moment,
    percent,
    settings_of,
)
from datrnet.db.rows import RunRow

FEW_EPOCHS = 15
"""Up to so many epochs each one has its tick."""

MISSING = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPart:
    """One training run."""

    name: str
    status: str
    config_name: str
    started: str
    took: str
    """On the clock, pauses and all."""
    networks: Table | None
    """Figures by super-category; None before the first epoch."""
    curves: tuple[Picture, ...]
    config: Settings
    problem: str = ""
    """What keeps the log from being read whole; empty where nothing does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Epoch:
    """A line of the log."""

    super_category: str
    number: int
    loss: float
    accuracy: float
    """NaN where it was not measured."""
    seconds: float


def look_at_run(workspace: Workspace, row: RunRow) -> RunPart:
    """Read a run's figures and log, and draw its curves.

    Raises:
        ConfigError: There is a log, and the extra that draws charts is not installed.
    """
    config = json.loads(row.config_json)
    epochs, problem = _log_of(workspace, row)
    return RunPart(
        name=row.name,
        status=row.status,
        config_name=str(config.get("name", "")),
        started=moment(row.started_at),
        took=_took(row),
        networks=_networks(row, epochs),
        curves=_curves(row.name, epochs),
        config=settings_of(config),
        problem=problem,
    )


def overview_of(runs: Sequence[RunPart]) -> Table:
    """Return a line for each run."""
    return Table.of(
        ("run", "config", "status", "started", "took"),
        [(one.name, one.config_name, one.status, one.started, one.took) for one in runs],
    )


def _log_of(workspace: Workspace, row: RunRow) -> tuple[list[_Epoch], str]:
    """Return the epochs of a run's log and what is wrong with it."""
    try:
        path = RunFolder.open(workspace.models / row.name).log_path
        text = path.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return [], ""  # weights that came from elsewhere have none
    except (DatrnetError, OSError) as error:
        return [], f"Its log cannot be read: {error}"
    lines = [_epoch(line) for line in text.splitlines()]
    epochs = [one for one in lines if one is not None]
    num_damaged = len(lines) - len(epochs)
    return epochs, f"Damaged lines of its log, left out: {num_damaged}." if num_damaged else ""


def _epoch(line: str) -> _Epoch | None:
    try:
        facts: dict[str, Any] = json.loads(line)
        accuracy = facts["accuracy"]
        return _Epoch(
            super_category=str(facts["super_category"]),
            number=int(facts["epoch"]),
            loss=float(facts["loss"]),
            accuracy=MISSING if accuracy is None else float(accuracy),
            seconds=float(facts["seconds"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _took(row: RunRow) -> str:
    if row.finished_at is None:
        return NOTHING
    start, end = (datetime.fromisoformat(one) for one in (row.started_at, row.finished_at))
    return duration((end - start).total_seconds())


def _networks(row: RunRow, epochs: Sequence[_Epoch]) -> Table | None:
    """Return a line for each super-category: what was kept of it, and what the log adds."""
    finished = json.loads(row.metrics_json) if row.metrics_json else {}
    names = dict.fromkeys((*finished, *(one.super_category for one in epochs)))
    if not names:
        return None
    rows = [
        _network(name, finished.get(name), [one for one in epochs if one.super_category == name])
        for name in names
    ]
    columns = ("super-category", "validation accuracy", "best epoch", "epochs", "loss", "seconds")
    return Table.of(columns, rows)


def _network(
    name: str, finished: dict[str, Any] | None, epochs: Sequence[_Epoch]
) -> tuple[Cell, ...]:
    if finished is None:  # still being trained, or interrupted: the log is all there is
        best = max(epochs, key=lambda one: (not math.isnan(one.accuracy), one.accuracy))
        kept = (percent(best.accuracy), best.number, len(epochs))
    else:
        kept = (percent(finished["accuracy"]), finished["best_epoch"], finished["epochs"])
    if not epochs:
        return (name, *kept, None, None)
    return (name, *kept, epochs[-1].loss, round(sum(one.seconds for one in epochs)))


def _curves(run: str, epochs: Sequence[_Epoch]) -> tuple[Picture, ...]:
    if not epochs:
        return ()
    return (
        _curve(run, epochs, "validation accuracy", lambda one: one.accuracy),
        _curve(run, epochs, "loss", lambda one: one.loss),
    )


def _curve(
    run: str, epochs: Sequence[_Epoch], what: str, figure: Callable[[_Epoch], float]
) -> Picture:
    """Draw one figure of every network, epoch by epoch; a network may have stopped early."""
    found = {(one.super_category, one.number): figure(one) for one in epochs}
    xs = range(1, max(one.number for one in epochs) + 1)
    names = dict.fromkeys(one.super_category for one in epochs)
    lines = {name: [found.get((name, x), MISSING) for x in xs] for name in names}
    chart = line_chart(
        xs, lines, x_label="epoch", y_label=what, whole_xs=len(xs) <= FEW_EPOCHS, width=6.4
    )
    ends = (
        f"{name} {next((one for one in reversed(line) if not math.isnan(one)), MISSING):.3f}"
        for name, line in lines.items()
    )
    return Picture.drawn(
        chart,
        caption=f"{what[0].upper()}{what[1:]} by epoch",
        alt=f"Line chart of the {what} of run {run} over {len(xs)} epochs; at the end: "
        f"{', '.join(ends)}.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentPart:
    """One experiment's outcome."""

    name: str
    title: str
    command: str = ""
    facts: Settings = ()
    table: Table | None = None
    further: tuple[tuple[str, Table], ...] = ()
    """Titles and tables."""
    notes: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    config: Settings = ()
    problems: tuple[str, ...] = ()
    """What of it cannot be read, and what to do."""


def experiment_folders(workspace: Workspace) -> list[Path]:
    """Return the folders of all experiments that came to an end, the paper's in its order first."""
    folders = [file.parent for file in workspace.experiments.glob(f"*/{RESULT_FILE}")]
    return sorted(folders, key=lambda folder: (place_in_paper(folder.name), folder.name))


def look_at_experiment(folder: Path) -> ExperimentPart:
    """Read an outcome as far as it can be read."""
    try:
        return _part(read_result(folder))
    except DataError as error:
        return ExperimentPart(name=folder.name, title=folder.name, problems=(str(error),))
    except (TypeError, ValueError, AttributeError, RecursionError):
        # JSON of the right names with values of another kind
        problem = (
            f"{folder / RESULT_FILE} is damaged. Run `datrnet experiment {folder.name}` again."
        )
        return ExperimentPart(name=folder.name, title=folder.name, problems=(problem,))


def _part(result: StoredResult) -> ExperimentPart:
    pictures, problems = _pictures(result)
    about = {
        name.removeprefix("num_").replace("_", " "): f"{one:,}" if isinstance(one, int) else one
        for name, one in result.facts.items()
    }
    made = {"made": moment(result.made_at), "took": duration(result.seconds)}
    return ExperimentPart(
        name=result.name,
        title=result.title or result.name,
        command=result.command,
        facts=settings_of({**about, **made, "datrnet": result.version}),
        table=Table.of(result.columns, result.rows) if result.rows else None,
        further=tuple(
            (one.title, Table.of(one.columns, one.rows)) for one in result.further if one.rows
        ),
        notes=tuple(str(note) for note in result.notes),
        pictures=pictures,
        config=settings_of(result.config),
        problems=problems,
    )


def _pictures(result: StoredResult) -> tuple[tuple[Picture, ...], tuple[str, ...]]:
    pictures, problems = [], []
    for file in result.pictures:
        caption = Path(file).stem.replace("-", " ").replace("_", " ")
        alt = f"{result.title}: {caption}"
        try:
            if Path(file).name != file:
                raise DataError(f"The picture {file} lies outside the experiment's folder.")
            pictures.append(Picture.read(result.folder / file, caption=caption, alt=alt))
        except (DataError, OSError) as error:
            problems.append(f"Its picture {file} cannot be shown: {error}")
    return tuple(pictures), tuple(problems)
