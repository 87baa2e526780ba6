"""The result of an experiment: tables, notes and pictures, and their folder in the workspace.

experiments/<name>/
    <name>.csv, <name>.md     the table, for programs and for people
    <name>-2.csv, …           further tables, which are in <name>.md too
    <picture>.png             one file for each picture
    <data>.csv                tables that only programs read
    outcome.json              all of it except the pixels, written last
"""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from datrnet import __version__
from datrnet.core.errors import DataError
from datrnet.core.evaluation.metrics import Difference, Estimate
from datrnet.core.evaluation.protocol import Score
from datrnet.core.models.run_folder import write_atomically

RESULT_FILE = "outcome.json"


@dataclass(frozen=True, slots=True)
class Spread:
    """The mean of a figure over seeds, and its standard deviation."""

    value: float
    deviation: float


UNKNOWN = Estimate(math.nan, math.nan, math.nan)

Cell = str | int | float | Estimate | Spread | None

INTERVAL_NOTE = "In brackets the 95 % interval, by bootstrap over the query items."


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of a result."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExperimentResult:
    """What an experiment found."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    further: tuple[Table, ...] = ()
    """Tables after the main one."""
    notes: tuple[str, ...] = ()
    """How to read the tables, in sentences; the unexpected first."""
    pictures: Mapping[str, Image.Image] = field(default_factory=dict)
    """By name without suffix, the main one first."""
    data: Mapping[str, Table] = field(default_factory=dict)
    """Tables for programs, by name without suffix, which no page shows."""
    terminal: Image.Image | None = None
    """A small plain picture for character cells, which no file keeps."""

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables, the main one first."""
        main = Table(title=self.title, columns=self.columns, rows=self.rows)
        return (main, *self.further)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a result comes from."""

    name: str
    kind: str
    command: str
    """The command line that repeats it."""
    config: Mapping[str, Any]
    """All settings of the experiment."""
    facts: Mapping[str, Any]
    """Run, generation, split and the like."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredResult(Provenance):
    """A result as its folder has it."""

    folder: Path
    title: str
    made_at: str
    """UTC, ISO 8601."""
    version: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | None, ...], ...]
    """Estimates and spreads as text."""
    further: tuple[Table, ...] = ()
    notes: tuple[str, ...]
    pictures: tuple[str, ...]
    """File names in the folder."""


def shown(cell: Cell) -> str:
    """Return a cell as text: three decimals, thousands apart, a dash for nothing."""
    if isinstance(cell, Spread) and math.isfinite(cell.value):
        return f"{cell.value:.3f} ± {cell.deviation:.3f}"
    if isinstance(cell, Difference) and math.isfinite(cell.value):
        return f"{cell.value:+.3f} ({cell.low:+.3f} to {cell.high:+.3f})"
    if isinstance(cell, Estimate) and math.isfinite(cell.value):
        return f"{cell.value:.3f} ({cell.low:.3f}–{cell.high:.3f})"
    if isinstance(cell, float) and math.isfinite(cell):
        return f"{cell:,.3f}"
    if isinstance(cell, int):
        return f"{cell:,}"
    return cell if isinstance(cell, str) else "–"


def is_number(cell: object) -> bool:
    """Tell whether a cell is aligned to the right."""
    return cell is None or isinstance(cell, int | float | Estimate | Spread)


# ── cells of scores ──────────────────────────────────────────────────────────


def score_columns(k: int | str) -> tuple[str, ...]:
    """Return the headings of ``score_cells``."""
    return ("queries", f"top-{k}", f"NDCG@{k}", "NDCG of the change", "NDCG of the rest")


def score_cells(score: Score) -> tuple[Cell, ...]:
    """Return the number of queries and all figures: none of them is enough by itself."""
    return (
        score.num_queries,
        score.top_k_accuracy,
        score.ndcg,
        score.ndcg_target,
        score.ndcg_others,
    )


def table_3_columns(k: int) -> tuple[str, ...]:
    """Return the headings of ``table_3_cells``."""
    return (
        "queries",
        f"query: top-{k}",
        f"query: NDCG@{k}",
        "queries + attribute",
        f"query + attribute: top-{k}",
        f"query + attribute: NDCG@{k}",
        "NDCG of the change",
        "NDCG of the rest",
    )


def table_3_cells(query: Score, one_change: Score) -> tuple[Cell, ...]:
    """Return numbers and figures of queries without a change and with one."""
    return (*score_cells(query)[:3], *score_cells(one_change))


Entry = TypeVar("Entry")


def without_counts(row: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Return a row of table 3 without its numbers of queries, which are the same for all."""
    return (*row[1:3], *row[4:])


def use_case_name(num_changes: int) -> str:
    """Return what queries with a number of changes are called."""
    return {0: "query only", 1: "one change"}.get(num_changes, f"{num_changes} changes")


# ── the folder ───────────────────────────────────────────────────────────────


def write_result(folder: Path, result: ExperimentResult, provenance: Provenance) -> StoredResult:
    """Write a result into its folder; the file that marks it as complete comes last."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [f"{name}.png" for name in result.pictures]
    for file, picture in zip(pictures, result.pictures.values(), strict=True):
        write_atomically(folder / file, png_of(picture))
    for number, table in enumerate(result.tables, start=1):
        suffix = f"-{number}" if number > 1 else ""
        write_atomically(folder / f"{provenance.name}{suffix}.csv", _csv_of(table))
    for name, table in result.data.items():
        write_atomically(folder / f"{name}.csv", _csv_of(table))
    page = markdown_of(result, provenance.command, pictures)
    write_atomically(folder / f"{provenance.name}.md", page)
    main, *further = [
        asdict(table) | {"rows": [list(map(_stored, row)) for row in table.rows]}
        for table in result.tables
    ]
    facts = {
        **asdict(provenance),
        **main,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": __version__,
        "seconds": round(provenance.seconds, 1),
        "further": further,
        "notes": result.notes,
        "pictures": pictures,
    }
    text = json.dumps(facts, indent=1, ensure_ascii=False, default=str)
    write_atomically(folder / RESULT_FILE, text)
    return read_result(folder)


def png_of(picture: Image.Image) -> bytes:
    """Return a picture as a PNG file."""
    png = io.BytesIO()
    picture.save(png, "PNG", optimize=True)
    return png.getvalue()


def read_result(folder: Path) -> StoredResult:
    """Read what ``write_result`` wrote.

    Raises:
        DataError: There is nothing, or it is damaged.
    """
    path = folder / RESULT_FILE
    hint = f"Run `datrnet experiment {folder.name}` again."
    try:
        facts = json.loads(path.read_text("utf-8"))
        for key in ("notes", "pictures"):
            facts[key] = tuple(map(str, facts[key]))
        main, *further = map(_read_table, (facts, *facts.get("further", ())))
        facts |= {"columns": main.columns, "rows": main.rows, "further": tuple(further)}
        return StoredResult(folder=folder, **facts)
    except FileNotFoundError as error:
        raise DataError(f"There are no results in {folder}.", hint=hint) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(f"{path} is damaged.", hint=hint) from error


def _read_table(facts: Mapping[str, Any]) -> Table:
    columns = tuple(map(str, facts["columns"]))
    rows = tuple(map(tuple, facts["rows"]))
    if any(len(row) != len(columns) for row in rows):
        raise ValueError("a row of another width")
    return Table(title=str(facts["title"]), columns=columns, rows=rows)


def markdown_of(result: ExperimentResult, command: str, pictures: Sequence[str]) -> str:
    """Return the page of a result: command, tables, notes and pictures."""
    parts = [f"# {result.title}", f"```text\n$ {command}\n```"]
    parts += [markdown_table(result.columns, result.rows)]
    for table in result.further:
        parts += [f"## {table.title}", markdown_table(table.columns, table.rows)]
    parts += ["## How to read it"] if result.further else []
    parts += result.notes
    parts += [f"![{Path(name).stem}]({name})" for name in pictures]
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """Return a table of a page in Markdown; nothing without rows."""
    if not rows:
        return ""
    numeric = [all(map(is_number, column)) for column in zip(*rows, strict=True)]
    lines = [columns, ["---:" if right else "---" for right in numeric]]
    lines += [list(map(shown, row)) for row in rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in line) + " |"
        for line in lines
    )


def flat_table(table: Table) -> tuple[list[str], list[list[Any]]]:
    """Return a table for programs: a column of estimates becomes three, value, low and high."""
    names: list[str] = []
    cells: list[list[Any]] = []
    for idx, name in enumerate(table.columns):
        column = [row[idx] for row in table.rows]
        kind = next((type(cell) for cell in column if isinstance(cell, Estimate | Spread)), None)
        if kind is None:
            names.append(name)
            cells.append([_finite(cell) for cell in column])
            continue
        for part in fields(kind):
            names.append(name if part.name == "value" else f"{name} {part.name}")
            cells.append([_finite(getattr(cell, part.name, None)) for cell in column])
    return names, [list(row) for row in zip(*cells, strict=True)]


def _csv_of(table: Table) -> str:
    written = io.StringIO()
    names, rows = flat_table(table)
    csv.writer(written, lineterminator="\n").writerows([names, *rows])
    return written.getvalue()


def _stored(cell: Cell) -> str | int | float | None:
    return shown(cell) if isinstance(cell, Estimate | Spread) else _finite(cell)


def _finite(cell: Any) -> Any:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
