"""What the report says of experiments: their outcomes with pictures, as their folders have them."""

from dataclasses import dataclass
from pathlib import Path

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.experiments.outcome import OUTCOME_FILE, StoredOutcome, read_outcome
from datrnet.core.experiments.plan import place_in_paper
from datrnet.core.experiments.report.parts import (
    Picture,
    Settings,
    Table,
    duration,
    moment,
    settings_of,
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
    folders = [file.parent for file in workspace.experiments.glob(f"*/{OUTCOME_FILE}")]
    return sorted(folders, key=lambda folder: (place_in_paper(folder.name), folder.name))


def look_at_experiment(folder: Path) -> ExperimentPart:
    """Read an outcome as far as it can be read."""
    try:
        return _part(read_outcome(folder))
    except DataError as error:
        return ExperimentPart(name=folder.name, title=folder.name, problems=(str(error),))
    except (TypeError, ValueError, AttributeError, RecursionError):
        # JSON of the right names with values of another kind
        problem = (
            f"{folder / OUTCOME_FILE} is damaged. Run `datrnet experiment {folder.name}` again."
        )
        return ExperimentPart(name=folder.name, title=folder.name, problems=(problem,))


def _part(outcome: StoredOutcome) -> ExperimentPart:
    pictures, problems = _pictures(outcome)
    about = {
        name.removeprefix("num_").replace("_", " "): f"{one:,}" if isinstance(one, int) else one
        for name, one in outcome.facts.items()
    }
    made = {"made": moment(outcome.made_at), "took": duration(outcome.seconds)}
    return ExperimentPart(
        name=outcome.name,
        title=outcome.title or outcome.name,
        command=outcome.command,
        facts=settings_of({**about, **made, "datrnet": outcome.version}),
        table=Table.of(outcome.columns, outcome.rows) if outcome.rows else None,
        further=tuple(
            (one.title, Table.of(one.columns, one.rows)) for one in outcome.further if one.rows
        ),
        notes=tuple(str(note) for note in outcome.notes),
        pictures=pictures,
        config=settings_of(outcome.config),
        problems=problems,
    )


def _pictures(outcome: StoredOutcome) -> tuple[tuple[Picture, ...], tuple[str, ...]]:
    pictures, problems = [], []
    for file in outcome.pictures:
        caption = Path(file).stem.replace("-", " ").replace("_", " ")
        alt = f"{outcome.title}: {caption}"
        try:
            if Path(file).name != file:
                raise DataError(f"The picture {file} lies outside the experiment's folder.")
            pictures.append(Picture.read(outcome.folder / file, caption=caption, alt=alt))
        except (DataError, OSError) as error:
            problems.append(f"Its picture {file} cannot be shown: {error}")
    return tuple(pictures), tuple(problems)
