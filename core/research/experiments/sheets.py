"""Figure 3: sheets of query, instruction and the first substitutes, each marked right or wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from datrnet.core.config import at_least
from datrnet.core.errors import DataError
from datrnet.core.evaluation.queries import QuerySet, enumerate_queries
from datrnet.core.progress import tracked
from datrnet.core.research.experiments.charts import (
    FAINT,
    INK,
    PIXELS,
    POINTS,
    draw_picture,
    new_sheet,
    rendered,
    wrapped,
    write,
)
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.result import Cell, ExperimentResult
from datrnet.core.retrieval.request import Request
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import joined

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREEN = "#008A52"
AMBER = "#E08A00"

Verdict = Literal["exact", "change met", "change not met"]
FRAMES: Mapping[Verdict, str | None] = {"exact": GREEN, "change met": AMBER, "change not met": None}
SIGNS: Mapping[Verdict, str] = {"exact": "✓", "change met": "≈", "change not met": "✗"}
"""What tells the verdicts apart without color."""
LEGEND = (
    "green: all labels match",
    "amber: the change is met, this differs",
    "no frame: the change is not met",
)
HEADINGS = ("Query", "Instruction", "Nearest substitutes")

NO_LABEL = "no label"
MIN_SUBSTITUTES = 4
"""Columns of substitutes, so that the legend fits."""
CAPTION_LINES = 4
BELOW = 0.55
"""Height of the words under a picture, in inches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetOptions:
    """What the sheet shows."""

    num_queries: int = 8
    """Rows; each changes the next super-category."""
    num_substitutes: int = 4
    seed: int = 0
    """For drawing the queries."""

    def __post_init__(self) -> None:
        """Check ranges."""
        at_least(self, num_queries=1, num_substitutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetSubstitute:
    """A substitute on the sheet."""

    row: int
    """In the catalog."""
    code: str
    verdict: Verdict
    differences: tuple[tuple[str, str, str], ...]
    """Super-category, label and wanted label where they differ, the changed one first."""

    @property
    def words(self) -> str:
        """The differences in words."""
        words = (f"{name}: {label}, not {wanted}" for name, label, wanted in self.differences)
        return "; ".join(words) or "all labels match"

    @property
    def caption(self) -> tuple[str, ...]:
        """The differences in a few lines, with a sign of the verdict that needs no color."""
        labels = [f"{name}: {label}" for name, label, _ in self.differences]
        first, *rest = labels or ["all labels match"]
        if len(rest) >= CAPTION_LINES:
            hidden = len(rest) - CAPTION_LINES + 2
            rest = [*rest[:-hidden], f"and {hidden} more"]
        return (f"{SIGNS[self.verdict]} {first}", *rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRow:
    """A query, its change and the first substitutes."""

    row: int
    """The query item's, in the catalog."""
    super_category: str
    present: str | None
    wanted: str
    substitutes: tuple[SheetSubstitute, ...]

    @property
    def change(self) -> str:
        """The change of the label in words."""
        return f"{self.present or NO_LABEL} → {self.wanted}"


def run(context: Context, options: SheetOptions) -> ExperimentResult:
    """Draw queries with one change each and show the search's answers.

    Raises:
        DataError: No change of an item of the split has an answer in it.
        IndexStaleError: There is no index.
    """
    rows, k = sheet_rows(context, options), options.num_substitutes
    verdicts = [[substitute.verdict for substitute in row.substitutes] for row in rows]
    num_exact = sum("exact" in row for row in verdicts)
    flat = [verdict for row in verdicts for verdict in row]
    num_met = sum(verdict != "change not met" for verdict in flat)
    table: list[tuple[Cell, ...]] = []
    for row in rows:
        cells = [f"{substitute.code}: {substitute.words}" for substitute in row.substitutes]
        instruction = f"{row.super_category}: {row.change}"
        padding = [None] * (k - len(cells))
        table.append((context.catalog.codes[row.row], instruction, *cells, *padding))
    return ExperimentResult(
        title="Queries, instructions and the first substitutes (figure 3)",
        columns=("query", "instruction", *(f"{rank}." for rank in range(1, k + 1))),
        rows=tuple(table),
        notes=(
            f"{num_exact} of the {len(rows)} queries have an exact answer among the first {k}; "
            f"{num_met} of the {len(flat)} substitutes carry the wanted value.",
            "Queries are drawn by seed, not chosen: of every super-category in turn, among the "
            "changes that some item of the split answers exactly.",
            "Green frame: all labels are the wanted ones. Amber: the change is met, something else "
            "differs. No frame: the change is not met. The words say what differs.",
        ),
        pictures={"sheets": draw_sheet(context, rows, options)},
    )


def sheet_rows(context: Context, options: SheetOptions) -> tuple[SheetRow, ...]:
    """Return the rows of the sheet.

    Raises:
        DataError: No change of an item of the split has an answer in it.
        IndexStaleError: There is no index.
    """
    items, categories = context.items(), context.generation.super_categories
    queries = enumerate_queries(items.labels, 1)
    searcher = Searcher(context.catalog, context.generation)
    rows = []
    for query in tracked(
        _drawn_queries(context, queries, options), "Searches", context.on_progress
    ):
        block = int(queries.changed[query].argmax())
        row = int(items.rows[queries.items[query]])
        wanted = categories[block].values[queries.targets[query, block]]
        rows.append(_sheet_row(context, searcher, row, categories[block].name, wanted, options))
    return tuple(rows)


def _drawn_queries(context: Context, queries: QuerySet, options: SheetOptions) -> list[int]:
    """Return queries of every changed super-category in turn, and of each item once if possible.

    Raises:
        DataError: There are none.
    """
    rng = np.random.default_rng(options.seed)
    waiting = []
    for block in range(queries.changed.shape[1]):
        is_known = ~np.isnan(context.generation.prototypes_of(block)[:, 0])
        of_block = queries.changed[:, block] & is_known[queries.targets[:, block]]
        waiting.append(rng.permutation(np.flatnonzero(of_block)).tolist())
    drawn: list[int] = []
    while len(drawn) < options.num_queries and any(waiting):
        for stack in waiting:
            if stack and len(drawn) < options.num_queries:
                taken = set(queries.items[drawn])
                fresh = (query for query in stack if queries.items[query] not in taken)
                drawn.append(next(fresh, stack[0]))
                stack.remove(drawn[-1])
    if not drawn:
        raise DataError(
            f"No item of the split {context.split!r} differs from another in one label only.",
            hint="Choose another --split, or label more items.",
        )
    return drawn


def _sheet_row(
    context: Context, searcher: Searcher, row: int, name: str, value: str, options: SheetOptions
) -> SheetRow:
    query = searcher.query_of_item(row)
    wanted = {other: query.values_of(other) for other in searcher.names} | {name: (value,)}
    request = Request(changes={name: value}, k=options.num_substitutes, split=context.split)
    substitutes = []
    for found in searcher.substitutes(query, request):
        wrong = [
            other
            for other, values in wanted.items()
            if set(values or [None]).isdisjoint(found.values[other] or [None])
        ]
        wrong.sort(key=lambda other: other != name)  # the change comes first
        verdict: Verdict = "change met" if wrong else "exact"
        substitutes.append(
            SheetSubstitute(
                row=found.row,
                code=found.code,
                verdict="change not met" if name in wrong else verdict,
                differences=tuple(
                    (other, found.label_texts[other] or NO_LABEL, joined(wanted[other]) or NO_LABEL)
                    for other in wrong
                ),
            )
        )
    return SheetRow(
        row=row,
        super_category=name,
        present=query.labels[name],
        wanted=value,
        substitutes=tuple(substitutes),
    )


def draw_sheet(context: Context, rows: Sequence[SheetRow], options: SheetOptions) -> Image.Image:
    """Return the sheet as a picture.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    columns = 2 + max(options.num_substitutes, MIN_SUBSTITUTES)
    sheet = new_sheet(len(rows), columns, BELOW)
    for axes, heading in zip(sheet.axes, HEADINGS, strict=False):
        write(axes, [heading], top=1.18, bold=True)
    _draw_legend(sheet)
    for number, row in enumerate(tracked(rows, "Pictures", context.on_progress)):
        query, instruction, *others = sheet.axes[number * columns : (number + 1) * columns]
        draw_picture(query, context.picture(row.row, PIXELS))
        title = context.catalog.titles[row.row] or context.catalog.codes[row.row]
        write(query, wrapped(title, 3))
        _write_instruction(context, instruction, row)
        for axes, substitute in zip(others, row.substitutes, strict=False):
            picture = context.picture(substitute.row, PIXELS)
            draw_picture(axes, picture, FRAMES[substitute.verdict])
            lines = [line for words in substitute.caption for line in wrapped(words)]
            write(axes, lines, color=GREEN if substitute.verdict == "exact" else INK)
    return rendered(sheet)


def _draw_legend(sheet: "Figure") -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(
            facecolor="none",
            edgecolor=color or "none",
            linewidth=2,
            label=f"{SIGNS[verdict]} {words}",
        )
        for (verdict, color), words in zip(FRAMES.items(), LEGEND, strict=True)
    ]
    sheet.legend(handles=handles, loc="upper right", ncols=3, frameon=False, fontsize=POINTS)


def _write_instruction(context: Context, axes: "Axes", row: SheetRow) -> None:
    change = wrapped(f"{row.super_category}:", bold=True) + wrapped(row.change, 3, bold=True)
    write(axes, change, top=1, bold=True)
    unchanged = [
        f"{name}: {value}"
        for name, value in context.catalog.labels_of(row.row).items()
        if value is not None and name != row.super_category
    ]
    lines = [line for words in unchanged[:8] for line in wrapped(words)]
    below = 1.3 * len(change) + 0.7
    write(axes, ["all else as it is:", *lines], top=1, skipped=below, color=FAINT)
