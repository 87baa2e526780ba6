"""What an experiment found: a table, words and pictures, and their folder in the workspace.

experiments/<name>/
    <name>.csv, <name>.md     the table, for programs and for people
    <name>-2.csv, …           further tables, which stand in <name>.md too
    <picture>.png             one file a picture
    outcome.json              all of it but the pixels, written last
"""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from datrnet import __version__
from datrnet.core.errors import DataError
from datrnet.core.evaluation.metrics import Estimate
from datrnet.core.models.run_folder import write_atomically

RESULT_FILE = "outcome.json"


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure's mean over seeds and its standard deviation."""

    value: float
    deviation: float


Cell = str | int | float | Estimate | Spread | None

PARTS: Mapping[type, tuple[str, ...]] = {
    Estimate: ("value", "low", "high"),
    Spread: ("value", "deviation"),
}
"""The numbers of a cell of several, as programs get them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A further table of an outcome."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExperimentResult:
    """What one experiment found."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    further: tuple[Table, ...] = ()
    """What does not fit into one table."""
    notes: tuple[str, ...] = ()
    """How to read the tables, in sentences; what is unexpected in them first."""
    pictures: Mapping[str, Image.Image] = field(default_factory=dict)
    """By name without suffix, the main one first."""
    terminal: Image.Image | None = None
    """A small plain one for character cells, which stays in no file."""

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables, the main one first, with the outcome's own title."""
        main = Table(title=self.title, columns=self.columns, rows=self.rows)
        return (main, *self.further)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """How an outcome came about."""

    name: str
    kind: str
    command: str
    """What a person typed, so that another can repeat it."""
    config: Mapping[str, Any]
    """Everything the experiment was set to."""
    facts: Mapping[str, Any]
    """Of the workspace: run, generation, split and the like."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResult:
    """An outcome as its folder has it."""

    folder: Path
    name: str
    kind: str
    title: str
    command: str
    made_at: str
    """UTC, ISO 8601."""
    version: str
    seconds: float
    facts: Mapping[str, Any]
    config: Mapping[str, Any]
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]
    """Estimates as text, "value (low–high)"."""
    notes: tuple[str, ...]
    pictures: tuple[str, ...]
    """File names in the folder."""
    further: tuple[Table, ...] = ()
    """Estimates and spreads as text."""


def write_result(folder: Path, result: ExperimentResult, provenance: Provenance) -> StoredResult:
    """Write an outcome into its folder, the file that says it is whole last."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for name, picture in result.pictures.items():
        written = io.BytesIO()
        picture.save(written, "PNG", optimize=True)
        write_atomically(folder / f"{name}.png", written.getvalue())
        pictures.append(f"{name}.png")
    for number, table in enumerate(result.tables, start=1):
        suffix = f"-{number}" if number > 1 else ""
        write_atomically(folder / f"{provenance.name}{suffix}.csv", _csv_of(table))
    markdown = markdown_of(result, provenance.command, pictures)
    write_atomically(folder / f"{provenance.name}.md", markdown)
    facts = {
        "name": provenance.name,
        "kind": provenance.kind,
        "title": result.title,
        "command": provenance.command,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
        "seconds": round(provenance.seconds, 1),
        "facts": dict(provenance.facts),
        "config": dict(provenance.config),
        "columns": list(result.columns),
        "rows": _plain_rows(result.rows),
        "further": [
            {"title": one.title, "columns": one.columns, "rows": _plain_rows(one.rows)}
            for one in result.further
        ],
        "notes": list(result.notes),
        "pictures": pictures,
    }
    text = json.dumps(facts, indent=1, ensure_ascii=False, default=str)
    write_atomically(folder / RESULT_FILE, text)
    return read_result(folder)


def read_result(folder: Path) -> StoredResult:
    """Read what ``write_outcome`` wrote.

    Raises:
        DataError: There is none, or it is damaged.
    """
    path = folder / RESULT_FILE
    mend = f"Run `datrnet experiment {folder.name}` again."
    try:
        facts = json.loads(path.read_text("utf-8"))
        for key in ("notes", "pictures"):
            facts[key] = tuple(map(str, facts[key]))
        main = _read_table(facts)
        facts |= {"columns": main.columns, "rows": main.rows}
        facts["further"] = tuple(map(_read_table, facts.get("further", ())))
        tables = (main, *facts["further"])
        if any(len(row) != len(one.columns) for one in tables for row in one.rows):
            raise DataError(f"{path} is damaged: a row has another width.", mend=mend)
        return StoredResult(folder=folder, **facts)
    except FileNotFoundError as error:
        raise DataError(f"There is no outcome in {folder}.", mend=mend) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path} is damaged.", mend=mend) from error


def _read_table(facts: Mapping[str, Any]) -> Table:
    return Table(
        title=str(facts["title"]),
        columns=tuple(map(str, facts["columns"])),
        rows=tuple(tuple(row) for row in facts["rows"]),
    )


def shown(cell: Cell) -> str:
    """Return a cell as a person reads it: three decimals, thousands apart, a dash for nothing."""
    if isinstance(cell, Spread):
        return f"{cell.value:.3f} ± {cell.deviation:.3f}" if math.isfinite(cell.value) else "–"
    if isinstance(cell, Estimate):
        if not math.isfinite(cell.value):
            return "–"
        return f"{cell.value:.3f} ({cell.low:.3f}–{cell.high:.3f})"
    if cell is None or (isinstance(cell, float) and not math.isfinite(cell)):
        return "–"
    if isinstance(cell, float):
        return f"{cell:,.3f}"
    return f"{cell:,}" if isinstance(cell, int) else cell


def is_number(cell: object) -> bool:
    """Tell whether a cell stands to the right in a column."""
    return cell is None or isinstance(cell, int | float | Estimate | Spread)


def markdown_of(result: ExperimentResult, command: str, pictures: Sequence[str]) -> str:
    """Return the page of an outcome: command, tables, notes and pictures."""
    parts = [f"# {result.title}", f"```text\n$ {command}\n```"]
    parts += [_markdown_table(result.columns, result.rows)]
    for table in result.further:
        parts += [f"## {table.title}", _markdown_table(table.columns, table.rows)]
    parts += ["## How to read it"] if result.further else []
    parts += result.notes
    parts += [f"![{Path(name).stem}]({name})" for name in pictures]
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    if not rows:
        return ""
    numeric = [all(map(is_number, column)) for column in zip(*rows, strict=True)]
    lines = [tuple(columns), tuple("---:" if one else "---" for one in numeric)]
    lines += [tuple(shown(cell) for cell in row) for row in rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in line) + " |"
        for line in lines
    )


def flat_table(table: Table) -> tuple[list[str], list[list[Any]]]:
    """Return a table for programs: a column of estimates becomes three, value, low and high."""
    columns = list(zip(*table.rows, strict=True)) or [()] * len(table.columns)
    names: list[str] = []
    cells: list[list[Any]] = []
    for name, column in zip(table.columns, columns, strict=True):
        kind = next((type(cell) for cell in column if type(cell) in PARTS), None)
        if kind is not None:
            for part in PARTS[kind]:
                names.append(name if part == "value" else f"{name} {part}")
                cells.append([_finite(getattr(cell, part, None)) for cell in column])
        else:
            names.append(name)
            cells.append([_finite(cell) for cell in column])
    return names, [list(row) for row in zip(*cells, strict=True)]


def _csv_of(table: Table) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    names, rows = flat_table(table)
    writer.writerow(names)
    writer.writerows(rows)
    return written.getvalue()


def _plain_rows(rows: Sequence[Sequence[Cell]]) -> list[list[str | int | float | None]]:
    return [[shown(cell) if type(cell) in PARTS else _finite(cell) for cell in row] for row in rows]


def _finite(cell: Any) -> Any:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
