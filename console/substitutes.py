"""Printing the answer of a search: a table with pictures, tab-separated rows, or JSON.

All three show the same facts.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from datrnet.console.output import UNBOUNDED, block_text, fits, new_table, percent, print_rows
from datrnet.core.api.answer import Answer
from datrnet.core.catalog.pictures import read_picture
from datrnet.core.catalog.thumbnails import letterboxed, make_thumbnail
from datrnet.core.errors import DataError
from datrnet.core.retrieval.request import Substitute
from datrnet.core.text import sanitize
from datrnet.db.rows import joined

ROWS = 6
COLUMNS = 2 * ROWS
"""Size of a picture in cells; a cell is twice as tall as wide, so the picture is square."""

AGREEMENT = {True: "yes", False: "no", None: "unknown"}
"""Whether a label matches the request, in tab-separated rows."""

VERDICTS = {
    True: {True: "matches", False: "does not match", None: "unknown"},
    False: {True: "same", False: "differs", None: "unknown"},
}
"""The same in a table, by whether the super-category was changed."""

STYLES = {True: "green", False: "red", None: "dim"}

MAX_VALUE = 24
"""Width of the longest value shown in full."""

BAR = 8
"""Width of the longest bar, which shows a super-category's part of the distance, or its match."""

ITEM = 16
"""Minimum width of the column with id, title and distance, so that no figure breaks."""


def nothing_found(answer: Answer) -> str:
    """Return why an answer is empty: no item meets the conditions, or none is left for a page."""
    further = "further " if answer.plan.request.offset else ""
    return f"No {further}item meets the conditions."


def print_answer_rows(
    answer: Answer, *, query: str | None = None, with_header: bool = True
) -> None:
    """Print a row per substitute; see ``Answer.table`` for the columns.

    Args:
        answer: The answer.
        query: What each row begins with, in a first column of that name.
        with_header: Whether the names of the columns are printed.
    """
    header, rows = answer.table()
    agrees = [name.endswith(" agrees") for name in header]
    cells = [list(map(_cell, row, agrees)) for row in rows]
    if query is not None:
        header, cells = ["query", *header], [[query, *row] for row in cells]
    first, *rest = [header, *cells] if with_header else cells or [[]]
    if first:
        print_rows(first, rest)


def _cell(value: Any, agrees: bool) -> str:
    if agrees and not isinstance(value, str):
        return AGREEMENT[value]
    return f"{value:.6f}" if isinstance(value, float) else str("" if value is None else value)


def show_answer(out: Console, answer: Answer, *, pictures: bool) -> None:
    """Print an answer as a table.

    A narrow terminal omits the bars, then the pictures, and then has a line per fact: no id, title
    or distance is ever cut.

    Args:
        out: The terminal.
        answer: The answer.
        pictures: Show pictures, if there are colors to draw them with.
    """
    drawn = {}
    if pictures and out.color_system is not None and not out.no_color:
        rows = (answer.query.row, *(found.row for found in answer.substitutes))
        drawn = {row: drawn_picture(answer, row) for row in rows}
    query: RenderableType
    substitutes: RenderableType
    for shown, bars in ((drawn, True), (drawn, False), ({}, False)):
        query = _query_grid(out, answer, shown)
        substitutes = _substitute_table(out, answer, shown, bars=bars)
        if fits(out, query) and fits(out, substitutes):
            break
    else:
        query, substitutes = _query_lines(answer), _substitute_lines(answer)
    out.print(query)
    for line in (*prototype_lines(answer), *weight_lines(answer)):
        out.print(line, style="dim")
    if not answer.substitutes:
        out.print(nothing_found(answer))
        return
    out.print(substitutes)
    if answer.plan.match is not None:
        out.print("The figures say how likely each value is the wanted one; the product ranks.")
    elif answer.searcher.is_entangled:
        out.print("The distance compares all super-categories as a whole; it cannot be split.")
    else:
        out.print("The figures of the super-categories add up to distance².")


def drawn_picture(answer: Answer, row: int | None) -> Text:
    """Return the picture of an item in characters, or words if it cannot be read."""
    catalog = answer.searcher.catalog
    jpeg = None if row is None else answer.thumbnails.get(int(catalog.item_ids[row]))
    try:
        picture = read_picture(jpeg or make_thumbnail(answer.picture_of(row)))
    except DataError:
        return Text("no picture", style="dim")
    square = letterboxed(picture, 2 * COLUMNS, 2 * COLUMNS)
    return block_text(np.asarray(square), ROWS, COLUMNS)


def show_plain_answer(out: Console, answer: Answer) -> None:
    """Print an answer as a small table without pictures, one row per substitute."""
    asked, names = answer.asked, answer.searcher.names
    title = f"Query {answer.query_id}: {answer.query.title}"
    wanted = ", ".join(f"{name} {_wanted(answer, name).plain}" for name in names if name in asked)
    title = f"{title}; {wanted or 'nothing changed'}"
    table = new_table("", "id", *names, "distance", numbers=("", "distance"), title=title)
    for found in answer.substitutes:
        cells = [_label(found, name, STYLES[found.agreement[name]]) for name in names]
        table.add_row(str(found.rank), sanitize(found.code), *cells, f"{found.distance:.3f}")
    out.print(table)


def prototype_lines(answer: Answer) -> list[str]:
    """Return a sentence per change: the prototype that is used for it."""
    used = ((name, answer.plan.prototypes[name]) for name in answer.plan.changes)
    means = [
        f"{name} {p.value} is {'' if p.num_items is None else 'the mean of '}{p.source}."
        for name, p in used
    ]
    others = [f"{name} comes from {other}." for name, other in answer.taken.items()]
    away = [
        f"{name} is unlike {', '.join(of)}: the order counts it, the distances do not."
        for name, of in answer.unlike.items()
    ]
    return [sanitize(sentence) for sentence in (*means, *others, *away)]


def weight_lines(answer: Answer) -> list[str]:
    """Return a sentence for each kind of weights that follow from examples."""
    number = len(answer.query.rows)
    told = (
        (f"Weights by what the {number} items agree on", answer.plan.agreement),
        ("Weights by what is liked and disliked", answer.plan.feedback),
    )
    return [sanitize(f"{words}: {factor_words(factors)}.") for words, factors in told if factors]


def factor_words(factors: Mapping[str, float]) -> str:
    """Return factors in words, the largest first: "pattern ×1.6, color ×0.7"."""
    order = sorted(factors, key=lambda name: -factors[name])
    return ", ".join(f"{name} ×{factors[name]:.2f}" for name in order)


# ── as a table ───────────────────────────────────────────────────────────────


def _query_grid(out: Console, answer: Answer, drawn: Mapping[int | None, Text]) -> Table:
    words = Table.grid(padding=(0, 2))
    for name in answer.searcher.names:
        words.add_row(Text(sanitize(name), style="dim"), _wanted(answer, name))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    if drawn:
        grid.add_column(no_wrap=True, min_width=COLUMNS)
    grid.add_column(min_width=ITEM, overflow="fold")
    grid.add_column(no_wrap=True, min_width=_whole(out, words))
    picture = [drawn[answer.query.row]] if drawn else []
    grid.add_row(Text("Query", style="bold"), *picture, _query_item(answer), words)
    return grid


def _substitute_table(
    out: Console, answer: Answer, drawn: Mapping[int | None, Text], *, bars: bool
) -> Table:
    """Return a row per substitute; only the title column may be folded."""
    table = new_table("", *([""] if drawn else []), "substitute", "attributes")
    rank, *pictures, item, attributes = table.columns
    rank.justify = "right"
    rank.no_wrap = attributes.no_wrap = True
    item.min_width = ITEM
    for column in pictures:
        column.no_wrap, column.min_width = True, COLUMNS
    for found in answer.substitutes:
        grid = _attributes(answer, found, bars=bars)
        attributes.min_width = max(attributes.min_width or 0, _whole(out, grid))
        picture = [drawn[found.row]] if drawn else []
        item_text = _result(answer, found)
        table.add_row(str(found.rank), *picture, item_text, grid, end_section=True)
    return table


def _attributes(answer: Answer, found: Substitute, *, bars: bool) -> Table:
    """Return a row per super-category; columns have the same width for every substitute."""
    names = answer.searcher.names
    values = [s.label_texts[name] or "" for s in answer.substitutes for name in names]
    width = min(max(cell_len(sanitize(value)) for value in values), MAX_VALUE)
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, overflow="ellipsis", min_width=width, max_width=width)
    grid.add_column(no_wrap=True, min_width=len(VERDICTS[True][False]))
    grid.add_column(no_wrap=True, justify="right")
    most = max((*found.parts.values(), 1e-12))
    for name in names:
        agrees = found.agreement[name]
        share = found.matches.get(name, found.parts.get(name, 0.0) / most)
        grid.add_row(
            Text(sanitize(name), style="dim"),
            _label(found, name, STYLES[agrees]),
            Text(VERDICTS[name in answer.asked][agrees], style=STYLES[agrees]),
            Text(_part(found, name), style="dim"),
            Text("▇" * round(BAR * share) if bars else "", style="dim"),
        )
    return grid


def _whole(out: Console, table: Table) -> int:
    """Return the width of a table that is not folded."""
    return out.measure(table, options=out.options.update(max_width=UNBOUNDED)).maximum


# ── as lines ─────────────────────────────────────────────────────────────────


def _query_lines(answer: Answer) -> Text:
    lines = [Text("Query", style="bold"), _query_item(answer)]
    for name in answer.searcher.names:
        label = Text(_padded(answer, name), style="dim")
        lines.append(Text("  ").join([label, _wanted(answer, name)]))
    return Text("\n").join([*lines, Text()])


def _substitute_lines(answer: Answer) -> Text:
    """Return a block of lines per substitute; figures come first, words may be folded."""
    lines = []
    for found in answer.substitutes:
        item = _result(answer, found)
        lines.append(Text(f"{found.rank}. ").append_text(item))
        for name in answer.searcher.names:
            agrees = found.agreement[name]
            label = _label(found, name, f"not dim {STYLES[agrees]}")
            label.append(f", {VERDICTS[name in answer.asked][agrees]}")
            line = Text(f"{_padded(answer, name)}  {_part(found, name)}  ", "dim")
            lines.append(line.append_text(label))
        lines.append(Text())
    return Text("\n").join(lines)


def _padded(answer: Answer, name: str) -> str:
    """Return a super-category's name, as wide as the widest of them."""
    width = max(map(cell_len, map(sanitize, answer.searcher.names)))
    return set_cell_size(sanitize(name), width)


# ── parts of both ────────────────────────────────────────────────────────────


def _query_item(answer: Answer) -> Text:
    return _item(", ".join(answer.query_ids) or answer.query.title, answer.query.title, None)


def _item(code: str, title: str, distance: float | None) -> Text:
    text = Text(sanitize(code), style="bold").append("\n")
    text.append(sanitize(title), style="not bold")
    if distance is not None:
        text.append(f"\ndistance {distance:.3f}", style="not bold dim")
    return text


def _result(answer: Answer, found: Substitute) -> Text:
    """Return a substitute with its facts: what it costs, in which sizes it comes."""
    text = _item(found.code, found.title, found.distance)
    for name, words in answer.searcher.catalog.facts.on_card(found.row).items():
        text.append(f"\n{sanitize(name)} ", style="not bold dim")
        text.append(sanitize(words), style="not bold")
    return text


def _wanted(answer: Answer, name: str) -> Text:
    """Return the query's value of a super-category, predicted if need be, and its change."""
    plan, predicted = answer.plan, answer.predictions.get(name)
    guess = "unlabeled" if predicted is None else f"unlabeled, predicted {predicted.value}"
    value = Text(sanitize(joined(answer.query.values_of(name)) or guess))
    changes = (
        plan.changes.get(name),
        " or ".join(plan.any_of.get(name, ())),
        f"as in {answer.taken[name]}" if name in answer.taken else None,
    )
    for change in filter(None, changes):
        value.append(" → ").append(sanitize(change), style="bold")
    return value


def _label(found: Substitute, name: str, style: str) -> Text:
    return Text(sanitize(found.label_texts[name] or "–"), style=style)


def _part(found: Substitute, name: str) -> str:
    """Return a super-category's part of the distance, or the probability that it matches."""
    if name in found.matches:
        return percent(found.matches[name])
    return f"{found.parts[name]:.3f}" if name in found.parts else ""
