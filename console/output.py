"""The two streams: standard output carries results, standard error the narration.

Nothing printed through here is taken for markup; text from catalogues is made inert before.
"""

import json
import math
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from datrnet.core.errors import DatrnetError
from datrnet.core.text import inert

PLAIN_WIDTH = 120
"""Columns of a table that goes into a pipe or file, where no terminal has a width."""

UNBOUNDED = 10_000
"""Columns enough for any table, to see how many it needs."""


def results() -> Console:
    """Return standard output."""
    width = None if is_terminal() or "COLUMNS" in os.environ else PLAIN_WIDTH
    return Console(markup=False, emoji=False, highlight=False, width=width)


def narration() -> Console:
    """Return standard error."""
    return Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)


def is_terminal() -> bool:
    """Tell whether results are read by a person at a terminal."""
    return sys.stdout.isatty()


def is_conversation() -> bool:
    """Tell whether a person at a terminal both reads and types."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def say(text: str, style: str = "") -> None:
    """Tell the person something that is no result."""
    narration().print(Text(inert(text), style=style))


def show_error(error: DatrnetError) -> None:
    """Print in one line what is wrong and what to do about it; the terminal folds it."""
    line = Text.assemble(("Error", "bold red"), ": ", inert(str(error)))
    narration().print(line, soft_wrap=True)


def drop_unwritable_output() -> None:
    """Keep Python from failing once more, when it ends, at what is still buffered."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_machine_error(error: OSError | MemoryError) -> None:
    """Print in one line what the machine refuses, such as a full disk."""
    drop_unwritable_output()
    if isinstance(error, MemoryError):
        message, mend = "There is not enough memory for this.", "Take a smaller config."
    else:
        place = f"{error.filename}: " if error.filename else ""
        message, mend = f"{place}{error.strerror or error}.", ""
    show_error(DatrnetError(message, mend=mend))


def print_json(facts: Any) -> None:
    """Print facts as JSON in ASCII, which no terminal and no encoding can stumble over."""
    print(json.dumps(_jsonable(facts), indent=1))


def print_rows(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows separated by tabs, for other programs."""
    for row in (header, *rows):
        print("\t".join(inert(str(cell)) for cell in row))


def print_table(
    header: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = ()
) -> None:
    """Print rows as a table to a person, and separated by tabs into a pipe or a file.

    Args:
        header: The headings.
        rows: A cell for each heading.
        numbers: The headings of numbers, which stand to the right.
    """
    if not is_terminal():
        print_rows(header, rows)
        return
    table = new_table(*header, numbers=numbers)
    for row in rows:
        table.add_row(*(inert(str(cell)) for cell in row))
    results().print(table)


def new_table(*columns: str, numbers: Sequence[str] = (), title: str = "") -> Table:
    """Return an empty table in the style of all tables.

    Args:
        columns: The headings.
        numbers: Those of them whose cells stand to the right.
        title: A line above.
    """
    table = Table(
        box=box.SIMPLE_HEAD,
        title=title or None,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        pad_edge=False,
    )
    for column in columns:
        right = column in numbers
        table.add_column(
            inert(column), justify="right" if right else "left", no_wrap=right, overflow="fold"
        )
    return table


def fits(out: Console, renderable: RenderableType) -> bool:
    """Tell whether a table need not cut words or columns that must not be folded."""
    unbounded = out.options.update(max_width=UNBOUNDED)
    return out.measure(renderable, options=unbounded).minimum <= out.width


def counted(number: int, noun: str) -> str:
    """Return a number with what it counts, as in "1 item" and "2,000 items"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(share: float | None) -> str:
    """Return a share as a person reads it; a dash where there is none."""
    return "–" if share is None or math.isnan(share) else f"{share:.1%}".replace("%", " %")


def _jsonable(facts: Any) -> Any:
    """Replace what JSON lacks: figures that are no numbers become null."""
    if isinstance(facts, dict):
        return {str(key): _jsonable(value) for key, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [_jsonable(one) for one in facts]
    return None if isinstance(facts, float) and not math.isfinite(facts) else facts
