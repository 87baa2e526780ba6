"""Printing the answer of a search: a table with pictures, tab-separated rows, or JSON.

All three show the same facts.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

from rich.cells import cell_len, set_cell_size
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from datrnet.console.output import UNBOUNDED, fits, new_table, print_rows
from datrnet.console.pictures import COLUMNS, Pictures
from datrnet.core.catalog.pictures import Picture
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.retrieval.generation import ENTANGLED
from datrnet.core.retrieval.prototypes import Prediction
from datrnet.core.retrieval.request import Query, Substitute
from datrnet.core.retrieval.search import Searcher, SearchPlan
from datrnet.core.text import sanitize

AGREEMENT = {True: "yes", False: "no", None: "unknown"}
"""Whether a label matches the request, in tab-separated rows."""

VERDICTS = {
    ("changed", True): "matches",
    ("changed", False): "does not match",
    ("changed", None): "unknown",
    ("kept", True): "same",
    ("kept", False): "differs",
    ("kept", None): "unknown",
}
"""The same in a table, by whether the super-category was changed or kept."""

STYLES = {True: "green", False: "red", None: "dim"}

MAX_VALUE = 24
"""Width of the longest value shown in full."""

BAR = 8
"""Width of the longest bar, which shows a super-category's part of the distance."""

ITEM = 16
"""Minimum width of the column with id, title and distance, so that no figure breaks."""

NOTHING_FOUND = "No item meets the conditions."


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """A query, its request and its substitutes."""

    workspace: Workspace
    searcher: Searcher
    query: Query
    picture: Picture
    """Of the query."""
    plan: SearchPlan
    substitutes: tuple[Substitute, ...]

    @cached_property
    def predictions(self) -> Mapping[str, Prediction]:
        """Predicted values of the query, by super-category."""
        return self.searcher.predict(self.query)

    @property
    def taken(self) -> dict[str, str]:
        """Id or file that a super-category is taken from, by super-category."""
        codes = self.searcher.catalog.codes
        return {
            name: other.title if other.row is None else codes[other.row]
            for name, other in self.plan.taken.items()
        }

    @property
    def asked(self) -> frozenset[str]:
        """Super-categories that are changed."""
        return frozenset({*self.plan.changes, *self.plan.taken, *self.plan.any_of})

    @property
    def code(self) -> str | None:
        """Id of the query; None for a picture file."""
        return None if self.query.row is None else self.searcher.catalog.codes[self.query.row]

    def picture_of(self, substitute: Substitute) -> Picture:
        """Return the picture of a substitute, unread."""
        stored = self.searcher.catalog.picture_paths[substitute.row]
        return self.workspace.picture(stored)


def facts_of(answer: Answer) -> dict[str, object]:
    """Return an answer as plain values, for JSON."""
    request = answer.plan.request
    return {
        "query": {
            "id": answer.code,
            "title": answer.query.title,
            "picture": str(answer.picture),
            "labels": dict(answer.query.labels),
            "nearest": {name: asdict(p) for name, p in answer.predictions.items()},
        },
        "changes": answer.plan.changes,
        "taken": answer.taken,
        "within": request.within,
        "prototypes": {
            name: {"among": p.among, "items": p.num_items, "note": p.note}
            for name, p in answer.plan.prototypes.items()
        },
        "where": {name: list(values) for name, values in request.where.items()},
        "any_of": {name: list(values) for name, values in request.any_of.items()},
        "requested_weights": dict(request.weights),
        "weights": _weights(answer),
        "split": request.split,
        "index": answer.searcher.generation.manifest.name,
        "substitutes": [
            {
                "rank": found.rank,
                "id": found.code,
                "title": found.title,
                "picture": str(answer.picture_of(found)),
                "distance": found.distance,
                "distance_squared_by_super_category": dict(found.parts),
                "share_by_super_category": _shares(found),
                "labels": dict(found.labels),
                "agreement": dict(found.agreement),
            }
            for found in answer.substitutes
        ],
    }


def print_answer_rows(answer: Answer) -> None:
    """Print one row per substitute, with three columns per super-category.

    If they share an entangled block, two columns each, and a last one for the common distance.
    """
    header = ["rank", "id", "distance", "title", "picture"]
    header += [column for name in answer.searcher.names for column in _columns_of(answer, name)]
    if answer.searcher.is_entangled:
        header.append(f"{ENTANGLED} distance²")
    print_rows(header, (_row(answer, found) for found in answer.substitutes))


def show_answer(out: Console, answer: Answer, pictures: Pictures | None) -> None:
    """Print an answer as a table.

    A narrow terminal omits the bars, then the pictures, and then has a line per fact: no id, title
    or distance is ever cut.

    Args:
        out: The terminal.
        answer: The answer.
        pictures: Draws the pictures; None omits them.
    """
    if out.no_color or out.color_system is None:
        pictures = None  # blocks without color show nothing
    query, substitutes = _layout(out, answer, pictures)
    out.print(query)
    for line in prototype_lines(answer):
        out.print(line, style="dim")
    if not answer.substitutes:
        out.print(NOTHING_FOUND)
        return
    out.print(substitutes)
    if answer.searcher.is_entangled:
        out.print("The distance compares all super-categories as a whole; it cannot be split.")
    else:
        out.print("The figures of the super-categories add up to distance².")


def prototype_lines(answer: Answer) -> list[str]:
    """Return a sentence per change: the prototype that is used for it."""
    used = ((name, answer.plan.prototypes[name]) for name in answer.plan.changes)
    means = [
        f"{name} {p.value} is {'' if p.num_items is None else 'the mean of '}{p.source}."
        for name, p in used
    ]
    others = [f"{name} comes from {other}." for name, other in answer.taken.items()]
    return [sanitize(sentence) for sentence in (*means, *others)]


def _layout(
    out: Console, answer: Answer, pictures: Pictures | None
) -> tuple[RenderableType, RenderableType]:
    """Return the query and its substitutes in the richest form that fits."""
    for drawn, bars in ((pictures, True), (pictures, False), (None, False)):
        query = _query_line(out, answer, drawn)
        table = _table(out, answer, drawn, bars=bars)
        if fits(out, query) and fits(out, table):
            return query, table
    return _query_lines(answer), _substitute_lines(answer)


def _table(out: Console, answer: Answer, pictures: Pictures | None, *, bars: bool) -> Table:
    """Return a row per substitute; only the title column may be folded."""
    table = new_table("", *([""] if pictures else []), "substitute", "attributes")
    rank, *drawn, item, attributes = table.columns
    rank.justify = "right"
    rank.no_wrap = attributes.no_wrap = True
    item.min_width = ITEM
    for column in drawn:
        column.no_wrap, column.min_width = True, COLUMNS
    for found in answer.substitutes:
        item_id = int(answer.searcher.catalog.item_ids[found.row])
        stored = answer.searcher.catalog.picture_paths[found.row]
        grid = _attributes(answer, found, bars=bars)
        attributes.min_width = max(attributes.min_width or 0, _whole(out, grid))
        table.add_row(
            str(found.rank),
            *([pictures.of_item(item_id, stored)] if pictures else []),
            _item(found.code, found.title, found.distance),
            grid,
            end_section=True,
        )
    return table


def _query_lines(answer: Answer) -> Text:
    lines = [Text("Query", style="bold")]
    lines.append(_item(answer.code or answer.picture.name, answer.query.title, None))
    width = max(map(cell_len, map(sanitize, answer.searcher.names)))
    for name in answer.searcher.names:
        label = Text(set_cell_size(sanitize(name), width), style="dim")
        lines.append(Text("  ").join([label, _wanted(answer, name)]))
    return Text("\n").join([*lines, Text()])


def _substitute_lines(answer: Answer) -> Text:
    """Return a block of lines per substitute; figures come first, words may be folded."""
    width = max(map(cell_len, map(sanitize, answer.searcher.names)))
    lines = []
    for found in answer.substitutes:
        lines.append(
            Text(f"{found.rank}. ").append_text(_item(found.code, found.title, found.distance))
        )
        for name in answer.searcher.names:
            verdict, style = _verdict(name in answer.asked, found, name)
            line = Text(
                f"{set_cell_size(sanitize(name), width)}  {_part(answer, found, name)}  ", "dim"
            )
            line.append(f"{sanitize(found.labels[name] or '–')}, {verdict}", f"not dim {style}")
            lines.append(line)
        lines.append(Text())
    return Text("\n").join(lines)


def _weights(answer: Answer) -> dict[str, float]:
    """Return the effective weights, which reproduce the distances."""
    return dict(zip(answer.searcher.block_names, answer.plan.weights.tolist(), strict=True))


def _whole(out: Console, table: Table) -> int:
    """Return the width of a table that is not folded."""
    return out.measure(table, options=out.options.update(max_width=UNBOUNDED)).maximum


def show_plain_answer(out: Console, answer: Answer) -> None:
    """Print an answer as a small table without pictures, one row per substitute."""
    asked = answer.asked
    names = answer.searcher.names
    title = f"Query {answer.code or answer.picture}: {answer.query.title}"
    wanted = ", ".join(f"{name} {_wanted(answer, name).plain}" for name in names if name in asked)
    table = new_table("", "id", *names, "distance", numbers=("", "distance"))
    table.title, table.title_justify = sanitize(f"{title}; {wanted or 'nothing changed'}"), "left"
    for found in answer.substitutes:
        cells = [
            Text(sanitize(found.labels[name] or "–"), style=_verdict(name in asked, found, name)[1])
            for name in names
        ]
        table.add_row(str(found.rank), sanitize(found.code), *cells, f"{found.distance:.3f}")
    out.print(table)


def _row(answer: Answer, found: Substitute) -> list[object]:
    cells: list[object] = [found.rank, found.code, f"{found.distance:.6f}", found.title]
    cells.append(answer.picture_of(found))
    for name in answer.searcher.names:
        cells += [found.labels[name] or "", AGREEMENT[found.agreement[name]]]
        cells += [] if answer.searcher.is_entangled else [f"{found.parts[name]:.6f}"]
    return cells + ([f"{found.parts[ENTANGLED]:.6f}"] if answer.searcher.is_entangled else [])


def _columns_of(answer: Answer, name: str) -> list[str]:
    part = [] if answer.searcher.is_entangled else [f"{name} distance²"]
    return [name, f"{name} agrees", *part]


def _query_line(out: Console, answer: Answer, pictures: Pictures | None) -> Table:
    query, catalog = answer.query, answer.searcher.catalog
    if query.row is None:
        picture = pictures.of_file(answer.picture) if pictures else None
    else:
        item_id = int(catalog.item_ids[query.row])
        stored = catalog.picture_paths[query.row]
        picture = pictures.of_item(item_id, stored) if pictures else None
    words = Table.grid(padding=(0, 2))
    for name in answer.searcher.names:
        words.add_row(Text(sanitize(name), style="dim"), _wanted(answer, name))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    if picture is not None:
        grid.add_column(no_wrap=True, min_width=COLUMNS)
    grid.add_column(min_width=ITEM, overflow="fold")
    grid.add_column(no_wrap=True, min_width=_whole(out, words))
    title = _item(answer.code or answer.picture.name, query.title, None)
    cells = [picture] if picture is not None else []
    grid.add_row(Text("Query", style="bold"), *cells, title, words)
    return grid


def _wanted(answer: Answer, name: str) -> Text:
    """Return the query's value of a super-category, and its change."""
    value = Text(sanitize(answer.query.labels.get(name) or _guess(answer, name)))
    if name in answer.plan.changes:
        value.append(" → ").append(sanitize(answer.plan.changes[name]), style="bold")
    if name in answer.plan.any_of:
        value.append(" → ").append(sanitize(" or ".join(answer.plan.any_of[name])), style="bold")
    if name in answer.taken:
        value.append(" → ").append(sanitize(f"as in {answer.taken[name]}"), style="bold")
    return value


def _guess(answer: Answer, name: str) -> str:
    """Return the predicted value of an unlabeled query, in words."""
    predicted = answer.predictions.get(name)
    return "unlabeled" if predicted is None else f"unlabeled, predicted {predicted.value}"


def _item(code: str, title: str, distance: float | None) -> Text:
    text = Text(sanitize(code), style="bold").append("\n")
    text.append(sanitize(title), style="not bold")
    if distance is not None:
        text.append(f"\ndistance {distance:.3f}", style="not bold dim")
    return text


def _attributes(answer: Answer, found: Substitute, *, bars: bool) -> Table:
    """Return a row per super-category; columns have the same width for every substitute."""
    names = answer.searcher.names
    values = [s.labels[name] or "" for s in answer.substitutes for name in names]
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    width = min(max(cell_len(sanitize(value)) for value in values), MAX_VALUE)
    grid.add_column(no_wrap=True, overflow="ellipsis", min_width=width, max_width=width)
    grid.add_column(no_wrap=True, min_width=len(VERDICTS["changed", False]))
    grid.add_column(no_wrap=True, justify="right")
    most = max((*found.parts.values(), 1e-12))
    asked = answer.asked
    for name in names:
        verdict, style = _verdict(name in asked, found, name)
        share = 0.0 if answer.searcher.is_entangled else found.parts[name] / most
        grid.add_row(
            Text(sanitize(name), style="dim"),
            Text(sanitize(found.labels[name] or "–"), style=style),
            Text(verdict, style=style),
            Text(_part(answer, found, name), style="dim"),
            Text("▇" * round(BAR * share) if bars else "", style="dim"),
        )
    return grid


def _part(answer: Answer, found: Substitute, name: str) -> str:
    """Return a super-category's part of the distance; empty if it has none of its own."""
    return "" if answer.searcher.is_entangled else f"{found.parts[name]:.3f}"


def _verdict(is_changed: bool, found: Substitute, name: str) -> tuple[str, str]:
    """Return in words whether a label matches, and the style of the words."""
    agrees = found.agreement[name]
    return VERDICTS["changed" if is_changed else "kept", agrees], STYLES[agrees]


def _shares(found: Substitute) -> dict[str, float]:
    total = sum(found.parts.values())
    return {name: part / total if total else 0.0 for name, part in found.parts.items()}
