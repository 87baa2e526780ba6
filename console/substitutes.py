"""The answer of a search in its three forms: a table with pictures, plain rows, JSON.

All three tell the same facts.
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
from datrnet.core.retrieval.prototypes import Prediction, Prototype
from datrnet.core.retrieval.request import Query, Request, Substitute
from datrnet.core.retrieval.search import Searcher, SearchPlan
from datrnet.core.text import inert

AGREEMENT = {True: "yes", False: "no", None: "unknown"}
"""Whether a label is the wanted one, in plain rows."""

VERDICTS = {
    ("changed", True): "as wanted",
    ("changed", False): "not as wanted",
    ("changed", None): "unknown",
    ("kept", True): "same",
    ("kept", False): "differs",
    ("kept", None): "unknown",
}
"""The same for a person, who asked to change a super-category or kept it."""

STYLES = {True: "green", False: "red", None: "dim"}

MAX_VALUE = 24
"""Cells of the longest value shown whole."""

BAR = 8
"""Cells of the longest bar of a super-category's part of the distance."""

ITEM = 16
"""Fewest cells of the column with id, title and distance: no figure may break."""

NOTHING_FOUND = "No item fulfils the conditions."


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What was asked for and what was found."""

    workspace: Workspace
    searcher: Searcher
    query: Query
    picture: Picture
    """Of the query."""
    plan: SearchPlan
    substitutes: tuple[Substitute, ...]

    @property
    def request(self) -> Request:
        """The request behind the plan."""
        return self.plan.request

    @property
    def prototypes(self) -> Mapping[str, Prototype]:
        """The prototype of each wanted value, by super-category."""
        return self.plan.prototypes

    @property
    def changes(self) -> dict[str, str]:
        """The wanted values, by super-category and both as the index spells them."""
        return self.plan.changes

    @cached_property
    def predictions(self) -> Mapping[str, Prediction]:
        """The predicted values of the query, by super-category."""
        return self.searcher.predict(self.query)

    @property
    def taken(self) -> dict[str, str]:
        """Whose super-category is taken, by super-category as the index spells it: id or file."""
        codes = self.searcher.catalog.codes
        return {
            name: other.title if other.row is None else codes[other.row]
            for name, other in self.plan.taken.items()
        }

    @property
    def any_of(self) -> Mapping[str, tuple[str, ...]]:
        """The values of which any will do, by super-category as the index spells it."""
        return self.plan.any_of

    @property
    def asked(self) -> frozenset[str]:
        """The super-categories that shall be another than the query's."""
        return frozenset({*self.changes, *self.taken, *self.any_of})

    @property
    def code(self) -> str | None:
        """The query's code, where it is an item."""
        return None if self.query.row is None else self.searcher.catalog.codes[self.query.row]

    def picture_of(self, substitute: Substitute) -> Picture:
        """Return a substitute's picture, not read yet."""
        stored = self.searcher.catalog.picture_paths[substitute.row]
        return self.workspace.picture(stored)


def facts_of(answer: Answer) -> dict[str, object]:
    """Return an answer as plain values, for JSON."""
    request = answer.request
    return {
        "query": {
            "id": answer.code,
            "title": answer.query.title,
            "picture": str(answer.picture),
            "labels": dict(answer.query.labels),
            "nearest": {name: asdict(one) for name, one in answer.predictions.items()},
        },
        "changes": answer.changes,
        "taken": answer.taken,
        "within": request.within,
        "prototypes": {
            name: {"among": one.among, "items": one.num_items, "note": one.note}
            for name, one in answer.prototypes.items()
        },
        "where": {name: list(values) for name, values in request.where.items()},
        "any_of": {name: list(values) for name, values in request.any_of.items()},
        "requested_weights": dict(request.weights),
        "weights": _weights(answer),
        "split": request.split,
        "index": answer.searcher.generation.manifest.name,
        "substitutes": [
            {
                "rank": one.rank,
                "id": one.code,
                "title": one.title,
                "picture": str(answer.picture_of(one)),
                "distance": one.distance,
                "distance_squared_by_super_category": dict(one.parts),
                "share_by_super_category": _shares(one),
                "labels": dict(one.labels),
                "agreement": dict(one.agreement),
            }
            for one in answer.substitutes
        ],
    }


def print_answer_rows(answer: Answer) -> None:
    """Print one line per substitute, with three columns for each super-category.

    Where they share an entangled block, two for each, and a last one for the distance of all.
    """
    header = ["rank", "id", "distance", "title", "picture"]
    header += [one for name in answer.searcher.names for one in _columns_of(answer, name)]
    if answer.searcher.is_entangled:
        header.append(f"{ENTANGLED} distance²")
    print_rows(header, (_row(answer, one) for one in answer.substitutes))


def show_answer(out: Console, answer: Answer, pictures: Pictures | None) -> None:
    """Print an answer for a person.

    A narrow terminal gets no bars, a narrower one no pictures either, and one that is narrower
    still a line for each fact: no id, title or distance is ever cut.

    Args:
        out: Where.
        answer: What.
        pictures: Draws the pictures; None leaves them out.
    """
    if out.no_color or out.color_system is None:
        pictures = None  # blocks without colours show nothing
    query, substitutes = _layout(out, answer, pictures)
    out.print(query)
    for line in prototype_lines(answer):
        out.print(line, style="dim")
    if not answer.substitutes:
        out.print(NOTHING_FOUND)
        return
    out.print(substitutes)
    if answer.searcher.is_entangled:
        out.print("The distance is of all super-categories as one; none has a part of its own.")
    else:
        out.print("distance² is the sum of the figures, one for each super-category.")


def prototype_lines(answer: Answer) -> list[str]:
    """Return a sentence for all that is asked for: what stands for it."""
    stands_for = ((name, answer.prototypes[name]) for name in answer.changes)
    means = [
        f"{name} {one.value} is {'' if one.num_items is None else 'the mean of '}{one.source}."
        for name, one in stands_for
    ]
    others = [f"{name} is as {other} has it." for name, other in answer.taken.items()]
    return [inert(one) for one in (*means, *others)]


def _layout(
    out: Console, answer: Answer, pictures: Pictures | None
) -> tuple[RenderableType, RenderableType]:
    """Return the query and its substitutes in the richest form that is whole in this width."""
    for drawn, bars in ((pictures, True), (pictures, False), (None, False)):
        query = _query_line(out, answer, drawn)
        table = _table(out, answer, drawn, bars=bars)
        if fits(out, query) and fits(out, table):
            return query, table
    return _query_lines(answer), _substitute_lines(answer)


def _table(out: Console, answer: Answer, pictures: Pictures | None, *, bars: bool) -> Table:
    """Return a row for each substitute; only the column of titles may be folded."""
    table = new_table("", *([""] if pictures else []), "substitute", "attributes")
    rank, *drawn, item, attributes = table.columns
    rank.justify = "right"
    rank.no_wrap = attributes.no_wrap = True
    item.min_width = ITEM
    for column in drawn:
        column.no_wrap, column.min_width = True, COLUMNS
    for one in answer.substitutes:
        item_id = int(answer.searcher.catalog.item_ids[one.row])
        stored = answer.searcher.catalog.picture_paths[one.row]
        grid = _attributes(answer, one, bars=bars)
        attributes.min_width = max(attributes.min_width or 0, _whole(out, grid))
        table.add_row(
            str(one.rank),
            *([pictures.of_item(item_id, stored)] if pictures else []),
            _item(one.code, one.title, one.distance),
            grid,
            end_section=True,
        )
    return table


def _query_lines(answer: Answer) -> Text:
    lines = [Text("Query", style="bold")]
    lines.append(_item(answer.code or answer.picture.name, answer.query.title, None))
    width = max(map(cell_len, map(inert, answer.searcher.names)))
    for name in answer.searcher.names:
        label = Text(set_cell_size(inert(name), width), style="dim")
        lines.append(Text("  ").join([label, _wanted(answer, name)]))
    return Text("\n").join([*lines, Text()])


def _substitute_lines(answer: Answer) -> Text:
    """Return a block of lines for each substitute; the figures come first, words may be folded."""
    width = max(map(cell_len, map(inert, answer.searcher.names)))
    lines = []
    for one in answer.substitutes:
        lines.append(Text(f"{one.rank}. ").append_text(_item(one.code, one.title, one.distance)))
        for name in answer.searcher.names:
            verdict, style = _verdict(name in answer.asked, one, name)
            line = Text(f"{set_cell_size(inert(name), width)}  {_part(answer, one, name)}  ", "dim")
            line.append(f"{inert(one.labels[name] or '–')}, {verdict}", f"not dim {style}")
            lines.append(line)
        lines.append(Text())
    return Text("\n").join(lines)


def _weights(answer: Answer) -> dict[str, float]:
    """Return the weights in force, with which the distances can be computed again."""
    return dict(zip(answer.searcher.block_names, answer.plan.weights.tolist(), strict=True))


def _whole(out: Console, table: Table) -> int:
    """Return how wide a table is that is not folded."""
    return out.measure(table, options=out.options.update(max_width=UNBOUNDED)).maximum


def show_plain_answer(out: Console, answer: Answer) -> None:
    """Print an answer as a small table of words, one line per substitute."""
    asked = answer.asked
    names = answer.searcher.names
    title = f"Query {answer.code or answer.picture}: {answer.query.title}"
    wanted = ", ".join(f"{name} {_wanted(answer, name).plain}" for name in names if name in asked)
    table = new_table("", "id", *names, "distance", numbers=("", "distance"))
    table.title, table.title_justify = inert(f"{title}; {wanted or 'nothing changed'}"), "left"
    for one in answer.substitutes:
        cells = [
            Text(inert(one.labels[name] or "–"), style=_verdict(name in asked, one, name)[1])
            for name in names
        ]
        table.add_row(str(one.rank), inert(one.code), *cells, f"{one.distance:.3f}")
    out.print(table)


def _row(answer: Answer, one: Substitute) -> list[object]:
    cells: list[object] = [one.rank, one.code, f"{one.distance:.6f}", one.title]
    cells.append(answer.picture_of(one))
    for name in answer.searcher.names:
        cells += [one.labels[name] or "", AGREEMENT[one.agreement[name]]]
        cells += [] if answer.searcher.is_entangled else [f"{one.parts[name]:.6f}"]
    return cells + ([f"{one.parts[ENTANGLED]:.6f}"] if answer.searcher.is_entangled else [])


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
        words.add_row(Text(inert(name), style="dim"), _wanted(answer, name))
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
    """Return the query's value of a super-category, and what it is changed to."""
    value = Text(inert(answer.query.labels.get(name) or _guess(answer, name)))
    if name in answer.changes:
        value.append(" → ").append(inert(answer.changes[name]), style="bold")
    if name in answer.any_of:
        value.append(" → ").append(inert(" or ".join(answer.any_of[name])), style="bold")
    if name in answer.taken:
        value.append(" → ").append(inert(f"as {answer.taken[name]}"), style="bold")
    return value


def _guess(answer: Answer, name: str) -> str:
    """Return in words what the networks take an unlabelled query for."""
    predicted = answer.predictions.get(name)
    return "unknown" if predicted is None else f"unknown, nearest {predicted.value}"


def _item(code: str, title: str, distance: float | None) -> Text:
    text = Text(inert(code), style="bold").append("\n")
    text.append(inert(title), style="not bold")
    if distance is not None:
        text.append(f"\ndistance {distance:.3f}", style="not bold dim")
    return text


def _attributes(answer: Answer, one: Substitute, *, bars: bool) -> Table:
    """Return a line for each super-category; the columns are as wide for every substitute."""
    names = answer.searcher.names
    values = [some.labels[name] or "" for some in answer.substitutes for name in names]
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    width = min(max(cell_len(inert(value)) for value in values), MAX_VALUE)
    grid.add_column(no_wrap=True, overflow="ellipsis", min_width=width, max_width=width)
    grid.add_column(no_wrap=True, min_width=len(VERDICTS["changed", False]))
    grid.add_column(no_wrap=True, justify="right")
    most = max((*one.parts.values(), 1e-12))
    asked = answer.asked
    for name in names:
        verdict, style = _verdict(name in asked, one, name)
        share = 0.0 if answer.searcher.is_entangled else one.parts[name] / most
        grid.add_row(
            Text(inert(name), style="dim"),
            Text(inert(one.labels[name] or "–"), style=style),
            Text(verdict, style=style),
            Text(_part(answer, one, name), style="dim"),
            Text("▇" * round(BAR * share) if bars else "", style="dim"),
        )
    return grid


def _part(answer: Answer, one: Substitute, name: str) -> str:
    """Return a super-category's part of the distance, nothing where it has none of its own."""
    return "" if answer.searcher.is_entangled else f"{one.parts[name]:.3f}"


def _verdict(is_changed: bool, one: Substitute, name: str) -> tuple[str, str]:
    """Return whether a label is the wanted one, in words, and the colour of that."""
    agrees = one.agreement[name]
    return VERDICTS["changed" if is_changed else "kept", agrees], STYLES[agrees]


def _shares(one: Substitute) -> dict[str, float]:
    total = sum(one.parts.values())
    return {name: part / total if total else 0.0 for name, part in one.parts.items()}
