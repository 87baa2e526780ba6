"""Figure 3: sheets of query, instruction and the first substitutes, each marked right or wrong."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from datrnet.core.config import at_least
from datrnet.core.errors import ConfigError, DataError
from datrnet.core.evaluation.queries import QuerySet, enumerate_queries
from datrnet.core.research.experiments.charts import EXTRA_MEND
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.result import Cell, ExperimentResult
from datrnet.core.retrieval.request import Request
from datrnet.core.retrieval.search import Searcher
from datrnet.core.text import sanitize

ABSENT = (225, 225, 225)
"""Color in place of a picture that cannot be read."""

INK = "#1A1A1A"
FAINT = "#666666"
GREEN = "#008A52"
AMBER = "#E08A00"
AMBER_INK = "#9A5B00"
"""The same for letters, which need more contrast."""

LINE = 1.3
"""Distance of two lines, in sizes of their letters."""


@cache
def letters(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return letters of a size in pixels: those of matplotlib, which have arrows and accents.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        from matplotlib import get_data_path
    except ImportError as error:
        raise ConfigError("Sheets need the fonts of matplotlib.", hint=EXTRA_MEND) from error
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / name), size)


def text_width(text: str, size: int) -> int:
    """Return how many pixels a line of text takes."""
    return round(letters(size).getlength(text))


def wrapped(text: str, font: ImageFont.FreeTypeFont, width: int, num_lines: int) -> list[str]:
    """Return text broken into lines of at most ``width`` pixels; the last ends in "…" if cut."""
    words, lines = sanitize(text).split(), [""]
    while words:
        longer = f"{lines[-1]} {words[0]}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        elif len(lines) == num_lines or not lines[-1]:
            lines[-1] = _shortened(longer, font, width)
            if len(lines) == num_lines:
                break
        else:
            lines.append("")
            continue
        del words[0]
    return lines


def _shortened(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def fitted(picture: Image.Image | None, side: int) -> Image.Image:
    """Return a whole picture in the middle of a white square; a gray square in place of none."""
    if picture is None:
        return Image.new("RGB", (side, side), ABSENT)
    return ImageOps.pad(picture, (side, side), Image.Resampling.LANCZOS, color="white")


class Sheet:
    """A white page of pictures and words."""

    def __init__(self, width: int, height: int) -> None:
        """Begin an empty page, sizes in pixels."""
        self.picture = Image.new("RGB", (width, height), "white")
        self._draw = ImageDraw.Draw(self.picture)

    def put(
        self, picture: Image.Image | None, left: int, top: int, side: int, frame: str | None = None
    ) -> None:
        """Draw a picture within a square, with a frame if it has a color."""
        self.picture.paste(fitted(picture, side), (left, top))
        if frame is not None:
            box = (left - 5, top - 5, left + side + 4, top + side + 4)
            self._draw.rectangle(box, outline=frame, width=4)

    def write(
        self,
        text: str,
        left: int,
        top: int,
        width: int,
        *,
        size: int = 13,
        bold: bool = False,
        color: str = INK,
        num_lines: int = 1,
    ) -> int:
        """Write text in lines of at most ``width`` pixels; return the top of the next line."""
        font = letters(size, bold=bold)
        for line in wrapped(text, font, width, num_lines):
            self._draw.text((left, top), line, fill=color, font=font)
            top += round(LINE * size)
        return top

    def rule(self, top: int) -> None:
        """Draw a thin line across the page."""
        self._draw.line((0, top, self.picture.width, top), fill="#DDDDDD")


# ── figure 3 ─────────────────────────────────────────────────────────────────


Verdict = Literal["exact", "change met", "change not met"]
FRAMES: dict[Verdict, str | None] = {"exact": GREEN, "change met": AMBER, "change not met": None}

NO_LABEL = "no label"
SIGNS: dict[Verdict, str] = {"exact": "✓", "change met": "≈", "change not met": "✗"}

LEGEND = (
    ("✓ green: all labels match", GREEN),
    ("≈ amber: the change is met, this differs", AMBER_INK),
    ("✗ no frame: the change is not met", INK),
)

SIDE = 168
"""Of a picture, in pixels."""
GAP = 18
MIN_COLUMNS = 4
"""Of substitutes, so that the legend fits."""
INSTRUCTION = 190
"""Width of the instruction's column."""
HEADER = 62
CAPTION_LINES = 4
CAPTION = 16 * CAPTION_LINES + 14
"""Height of the words under a picture."""
ROW = SIDE + CAPTION + GAP


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
    rows: list[SheetRow] = []
    for query in _drawn_queries(context, queries, options):
        context.on_progress("Searches", len(rows), options.num_queries)
        block = int(queries.changed[query].argmax())
        category = categories[block]
        row = int(items.rows[queries.items[query]])
        wanted = category.values[queries.targets[query, block]]
        rows.append(_sheet_row(context, searcher, row, category.name, wanted, options))
    context.on_progress("Searches", len(rows), len(rows))
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
    draw_sheet: list[int] = []
    while len(draw_sheet) < options.num_queries and any(waiting):
        for stack in waiting:
            if stack and len(draw_sheet) < options.num_queries:
                taken = set(queries.items[draw_sheet])
                fresh = (query for query in stack if queries.items[query] not in taken)
                draw_sheet.append(next(fresh, stack[0]))
                stack.remove(draw_sheet[-1])
    if not draw_sheet:
        raise DataError(
            f"No item of the split {context.split!r} differs from another in one label only.",
            hint="Choose another --split, or label more items.",
        )
    return draw_sheet


def _sheet_row(
    context: Context, searcher: Searcher, row: int, name: str, value: str, options: SheetOptions
) -> SheetRow:
    query = searcher.query_of_item(row)
    wanted = {other: query.labels[other] for other in searcher.names} | {name: value}
    request = Request(changes={name: value}, k=options.num_substitutes, split=context.split)
    substitutes = []
    for found in searcher.substitutes(query, request):
        wrong = [other for other, label in wanted.items() if found.labels[other] != label]
        wrong.sort(key=lambda other: other != name)  # the change comes first
        verdict: Verdict = "change met" if wrong else "exact"
        substitutes.append(
            SheetSubstitute(
                row=found.row,
                code=found.code,
                verdict="change not met" if name in wrong else verdict,
                differences=tuple(
                    (other, found.labels[other] or NO_LABEL, wanted[other] or NO_LABEL)
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
        ConfigError: matplotlib, whose letters are used, is not installed.
    """
    first = GAP + SIDE + GAP + INSTRUCTION + GAP
    columns = max(options.num_substitutes, MIN_COLUMNS)
    sheet = Sheet(first + columns * (SIDE + GAP), HEADER + len(rows) * ROW)
    headings = {"Query": GAP, "Instruction": 2 * GAP + SIDE, "Nearest substitutes": first}
    for words, left in headings.items():
        sheet.write(words, left, 12, SIDE + INSTRUCTION, size=15, bold=True)
    left = first
    for words, color in LEGEND:
        sheet.write(words, left, 36, sheet.picture.width, size=12, color=color)
        left += text_width(words, 12) + 2 * GAP
    for number, row in enumerate(rows):
        context.on_progress("Pictures", number, len(rows))
        top = HEADER + number * ROW
        sheet.rule(top - 4)
        _draw_query(context, sheet, row, top + 8)
        for rank, substitute in enumerate(row.substitutes):
            left = first + rank * (SIDE + GAP)
            picture = context.picture(substitute.row, SIDE)
            sheet.put(picture, left, top + 8, SIDE, FRAMES[substitute.verdict])
            color = GREEN if substitute.verdict == "exact" else INK
            below = top + SIDE + 16
            for words in substitute.caption:
                below = sheet.write(words, left, below, SIDE, size=12, color=color)
    context.on_progress("Pictures", len(rows), len(rows))
    return sheet.picture


def _draw_query(context: Context, sheet: Sheet, row: SheetRow, top: int) -> None:
    catalog = context.catalog
    sheet.put(context.picture(row.row, SIDE), GAP, top, SIDE)
    words = catalog.titles[row.row] or catalog.codes[row.row]
    sheet.write(words, GAP, top + SIDE + 8, SIDE, size=12, num_lines=3)
    left, width = 2 * GAP + SIDE, INSTRUCTION
    below = sheet.write(f"{row.super_category}:", left, top + 8, width, size=16, bold=True)
    below = sheet.write(row.change, left, below + 2, width, size=16, bold=True, num_lines=3)
    below = sheet.write("all else as it is:", left, below + 10, width, size=12, color=FAINT)
    unchanged = [
        f"{name}: {value}"
        for name, value in catalog.labels_of(row.row).items()
        if value is not None and name != row.super_category
    ]
    for words in unchanged[:8]:
        below = sheet.write(words, left, below, width, size=12, color=FAINT)
