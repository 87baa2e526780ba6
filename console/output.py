"""Printing: results go to standard output, messages to standard error.

Rich markup is off. ``sanitize`` disarms control characters in text from catalogs.
"""

import math
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich import box
from rich.color import Color
from rich.console import Console, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from datrnet.core.api.json_text import VERSION, json_text
from datrnet.core.errors import DatrnetError
from datrnet.core.text import sanitize

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PLAIN_WIDTH = 120
"""Width of a table in a pipe or file, where no terminal sets it."""

UNBOUNDED = 10_000
"""Width that is enough for any table, to measure how much it needs."""


def results() -> Console:
    """Return standard output."""
    width = None if is_terminal() or "COLUMNS" in os.environ else PLAIN_WIDTH
    return Console(markup=False, emoji=False, highlight=False, width=width)


def narration() -> Console:
    """Return standard error."""
    return Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


def is_terminal() -> bool:
    """Tell whether standard output is a terminal."""
    return sys.stdout.isatty()


def is_conversation() -> bool:
    """Tell whether standard input and output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def say(text: str, style: str = "") -> None:
    """Print a message to standard error."""
    narration().print(Text(sanitize(text), style=style))


def show_error(error: DatrnetError) -> None:
    """Print in one line what is wrong and what to do about it; the terminal folds it."""
    line = Text.assemble(("Error", "bold red"), ": ", sanitize(str(error)))
    narration().print(line, soft_wrap=True)


def print_json(facts: Any, *, version: int | None = VERSION) -> None:
    """Print facts as JSON; see ``json_text``."""
    print(json_text(facts, version=version))


def print_ids(codes: Iterable[str]) -> None:
    """Print item ids, one per line; as they are in a pipe or file."""
    for code in codes:
        print(sanitize(code) if is_terminal() else code)


def print_rows(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print tab-separated rows, for other programs."""
    for row in (header, *rows):
        print("\t".join(sanitize(str(cell)) for cell in row))


def print_list(
    facts: Any,
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    as_json: bool,
    numbers: Sequence[str] = (),
    empty: str = "",
    version: int | None = VERSION,
) -> None:
    """Print a list as JSON, as a table in a terminal, or tab-separated in a pipe or file.

    Args:
        facts: What JSON shows.
        header: The headings.
        rows: One cell per heading.
        as_json: Print JSON.
        numbers: Headings of right-aligned columns.
        empty: Message that replaces a list without rows.
        version: Of the JSON; None omits it.
    """
    if as_json:
        print_json(facts, version=version)
    elif empty and not rows:
        say(empty)
    elif is_terminal():
        show_table(header, rows, numbers=numbers)
    else:
        print_rows(header, rows)


def new_table(*columns: str, numbers: Sequence[str] = (), title: str = "") -> Table:
    """Return an empty table in the common style.

    Args:
        columns: The headings.
        numbers: Headings of right-aligned columns.
        title: Line above the table.
    """
    table = Table(
        box=box.SIMPLE_HEAD,
        title=sanitize(title) or None,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        pad_edge=False,
    )
    for column in columns:
        right = column in numbers
        table.add_column(
            sanitize(column), justify="right" if right else "left", no_wrap=right, overflow="fold"
        )
    return table


def show_table(
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Sequence[str] = (),
    title: str = "",
) -> None:
    """Print rows as a table, in a pipe too; see ``new_table`` for the arguments."""
    table = new_table(*header, numbers=numbers, title=title)
    for row in rows:
        table.add_row(*(sanitize(str(cell)) for cell in row))
    results().print(table)


def block_text(pixels: "NDArray[np.uint8]", rows: int, columns: int) -> Text:
    """Return a picture (H, W, 3) as lines of colored block characters, stretched to fill them."""
    from datrnet.core.graphics.blocks import cells_of  # imports NumPy

    cells = cells_of(pixels, rows, columns)
    text = Text()
    for row in range(rows):
        text.append("\n" if row else "")
        for column in range(columns):
            front, back = cells.foreground[row, column], cells.background[row, column]
            style = Style(color=Color.from_rgb(*front), bgcolor=Color.from_rgb(*back))
            text.append(str(cells.characters[row, column]), style=style)
    return text


def fits(out: Console, renderable: RenderableType) -> bool:
    """Tell whether a table fits without cutting words or columns."""
    unbounded = out.options.update(max_width=UNBOUNDED)
    return out.measure(renderable, options=unbounded).minimum <= out.width


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, as "1 item" or "2,000 items"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def local_time(stamp: str) -> str:
    """Return a stored UTC time to the minute, in the user's time zone."""
    return f"{datetime.fromisoformat(stamp).astimezone():%Y-%m-%d %H:%M}"


def percent(share: float | None) -> str:
    """Return a share as a percentage; a dash for None and NaN."""
    return "–" if share is None or math.isnan(share) else f"{share:.1%}".replace("%", " %")
