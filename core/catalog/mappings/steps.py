"""The steps that unpack an export: rows that belong together, and cells that hold several things.

Each step is data, written in a mapping, and changes a table in place. A step whose columns a file
lacks changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from datrnet.core.catalog.mappings.cells import (
    object_of,
    split_cell,
    split_texts,
    unpack,
    without_entities,
)
from datrnet.core.catalog.mappings.draft import Draft
from datrnet.core.catalog.sources.records import cells_of
from datrnet.core.catalog.sources.table import CatalogTable, Cell, texts_of
from datrnet.core.text import fold


class _Step(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fill(_Step):
    """A product's rows leave out what its first row says; each gets it."""

    step: Literal["fill"]
    key: str
    """The column that tells which rows are one product."""
    besides: tuple[str, ...] = ()
    """Columns whose empty cells mean that there is nothing."""

    def apply(self, draft: Draft) -> None:
        """Fill empty cells from the first row of the product."""
        keys = draft.column(self.key)
        if keys is None:
            return
        left_out = {draft.find(name) for name in (self.key, *self.besides)}
        first = first_rows(keys)
        for name, cells in draft.columns.items():
            if name not in left_out:
                for row, key in enumerate(keys):
                    if not cells[row] and key:
                        cells[row] = cells[first[key]]


class MergeRows(_Step):
    """Rows without an item of their own give more of one column to their product's first row."""

    step: Literal["merge_rows"]
    key: str
    item: tuple[str, ...]
    """Columns that are all empty in such a row."""
    into: str
    """The column whose cells are gathered."""

    def apply(self, draft: Draft) -> None:
        """Gather the cells, and drop the rows."""
        keys, gathered = draft.column(self.key), draft.column(self.into)
        if keys is None or gathered is None:
            return
        first: dict[Cell, int] = {}
        kept = []
        for row, key in enumerate(keys):
            if key in first and not any(draft.text(name, row) for name in self.item):
                target = first[key]
                gathered[target] = (*texts_of(gathered[target]), *texts_of(gathered[row]))
            else:
                first.setdefault(key, row)
                kept.append(row)
        draft.keep(kept)


class Pairs(_Step):
    """Numbered pairs of columns, a name and its value, become a column for each name."""

    step: Literal["pairs"]
    name: str
    """With ``{n}`` for the number, as in ``Attribute {n} name``."""
    value: str
    separator: str = ""
    """Between several values."""
    drop: tuple[str, ...] = ()
    """Numbered columns that say nothing else, as ``Attribute {n} visible``."""

    MOST: ClassVar[int] = 100

    def apply(self, draft: Draft) -> None:
        """Add the columns and remove the pairs."""
        for number in range(1, self.MOST):
            name_column, value_column = self.name.format(n=number), self.value.format(n=number)
            names, values = draft.column(name_column), draft.column(value_column)
            if names is None or values is None:
                continue
            for row, (name, value) in enumerate(zip(names, values, strict=True)):
                if any(texts_of(value)) and (title := next(texts_of(name), "")):
                    draft.new(title, value_column)[row] = split_cell(value, self.separator)
            draft.drop(name_column, value_column)
            draft.drop(*(name.format(n=number) for name in self.drop))


class Pivot(_Step):
    """Rows that each say one thing of a product, a name and its value, become one row."""

    step: Literal["pivot"]
    key: str
    """The column that tells which rows are one product."""
    name: str
    value: str

    def apply(self, draft: Draft) -> None:
        """Add a column for each name, and keep one row for each product."""
        keys, names, values = map(draft.column, (self.key, self.name, self.value))
        if keys is None or names is None or values is None:
            return
        draft.drop(self.name, self.value)
        others = list(draft.columns.values())
        first: dict[Cell, int] = {}
        for row, (key, name, value) in enumerate(zip(keys, names, values, strict=True)):
            place = first.setdefault(key, row) if key else row
            for cells in others:
                cells[place] = cells[place] or cells[row]
            if title := next(texts_of(name), ""):
                cells = draft.new(title, self.value)
                cells[place] = split_cell((*texts_of(cells[place]), *texts_of(value)), "")
        draft.keep([row for row, key in enumerate(keys) if first.get(key, row) == row])


class Blank(_Step):
    """Cells that a format fills where there is nothing to say become empty."""

    step: Literal["blank"]
    columns: tuple[str, ...]
    values: tuple[str, ...]

    def apply(self, draft: Draft) -> None:
        """Empty the cells."""
        values = set(map(fold, self.values))
        for column in self.columns:
            cells = draft.column(column) or []
            for row, cell in enumerate(cells):
                if isinstance(cell, str) and cell and fold(cell) in values:
                    cells[row] = ""


class Overrides(_Step):
    """Rows that restate a product for another view of the shop, such as a language, are dropped."""

    step: Literal["overrides"]
    key: str
    view: str
    """The column that is filled in such a row."""

    def apply(self, draft: Draft) -> None:
        """Keep the row of each product that is of no view, else its first."""
        keys = draft.column(self.key)
        if keys is None or draft.column(self.view) is None:
            return
        plain = {key for row, key in enumerate(keys) if not draft.text(self.view, row)}
        first = first_rows(keys)
        draft.keep(
            [
                row
                for row, key in enumerate(keys)
                if not draft.text(self.view, row) or (key not in plain and first[key] == row)
            ]
        )


class OwnPictures(_Step):
    """What is one row's own picture, such as a color's, is no picture of the product's others."""

    step: Literal["own_pictures"]
    key: str
    own: str
    shared: str

    def apply(self, draft: Draft) -> None:
        """Remove the pictures from those that rows share."""
        keys, owns, shared = map(draft.column, (self.key, self.own, self.shared))
        if keys is None or owns is None or shared is None:
            return
        pictures: dict[Cell, set[str]] = {}
        for key, own in zip(keys, owns, strict=True):
            pictures.setdefault(key, set()).update(map(_without_query, texts_of(own)))
        for row, key in enumerate(keys):
            if owns[row]:
                others = pictures[key].difference(map(_without_query, texts_of(owns[row])))
                texts = [t for t in texts_of(shared[row]) if _without_query(t) not in others]
                shared[row] = split_cell(tuple(texts), "")


def _without_query(address: str) -> str:
    return address.partition("?")[0]


class Default(_Step):
    """An empty cell becomes the cells of other columns, joined: an id that the shop left out."""

    step: Literal["default"]
    column: str
    parts: tuple[str, ...]
    separator: str = "-"

    def apply(self, draft: Draft) -> None:
        """Fill the empty cells."""
        cells = draft.column(self.column)
        if cells is None:
            return
        for row, cell in enumerate(cells):
            if not any(texts_of(cell)):
                parts = (draft.text(part, row) for part in self.parts)
                cells[row] = self.separator.join(filter(None, parts))


class Packed(_Step):
    """A cell of several fields, ``color=Red,size=S``, becomes a column for each."""

    step: Literal["packed"]
    column: str
    separator: str = ","
    assign: str = "="
    values: str = "|"
    """Between several values of a field."""

    def apply(self, draft: Draft) -> None:
        """Add the columns and remove the packed one."""
        cells = draft.column(self.column)
        if cells is None:
            return
        for row, cell in enumerate(list(cells)):
            for text in texts_of(cell):
                for name, value in unpack(text, self.separator, self.assign).items():
                    draft.new(name, self.column)[row] = split_cell(value, self.values)
        draft.drop(self.column)


class Json(_Step):
    """A cell of JSON, or of a dictionary or list as Python writes it, becomes columns."""

    step: Literal["json"]
    column: str

    def apply(self, draft: Draft) -> None:
        """Add the columns; what is no JSON stays in the packed one."""
        column = draft.find(self.column)
        if column is None:
            return
        others = {name.casefold() for name in draft.columns if name != column}
        for row, cell in enumerate(draft.columns[column]):
            for text in texts_of(cell):
                value = object_of(text)
                if value is None:
                    continue
                draft.columns[column][row] = ""
                record = value if isinstance(value, dict) else {column: value}
                for name, content in cells_of(record):
                    plain = f"{column}.{name}" if name.casefold() in others else name
                    draft.new(plain, column)[row] = content
        if not any(draft.columns[column]):
            draft.drop(column)


class Paths(_Step):
    """A cell of category paths, ``Women > Tops > Shirts``, gives the last part of the deepest."""

    step: Literal["paths"]
    column: str
    separator: str = ">"
    paths: str = ""
    """Between several paths; empty for one."""
    leaf: str = "category"
    """The column to add."""
    words: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Columns to add for parts that are one of these words, as for a gender."""

    def apply(self, draft: Draft) -> None:
        """Add the columns and remove the path's."""
        cells = draft.column(self.column)
        if cells is None:
            return
        known = {w.casefold(): name for name, words in self.words.items() for w in words}
        draft.drop(self.column)
        for row, cell in enumerate(cells):
            paths = [
                [part.strip() for part in path.split(self.separator) if part.strip()]
                for path in (p for text in texts_of(cell) for p in split_texts(text, self.paths))
            ]
            deepest = max(paths, key=len, default=[])
            rest = [part for part in deepest if part.casefold() not in known]
            for part in deepest:
                if (name := known.get(part.casefold())) is not None:
                    draft.new(name, self.column)[row] = part
            if rest:
                draft.new(self.leaf, self.column)[row] = rest[-1]


class Words(_Step):
    """Known words among the tags of an item become the value of a column that lacks one."""

    step: Literal["words"]
    column: str
    separator: str = ","
    words: dict[str, tuple[str, ...]]
    """By the column to fill."""

    def apply(self, draft: Draft) -> None:
        """Fill the columns; the tags stay."""
        cells = draft.column(self.column)
        if cells is None:
            return
        known = {w.casefold(): name for name, words in self.words.items() for w in words}
        for row, cell in enumerate(cells):
            for text in texts_of(cell):
                for tag in split_texts(text, self.separator):
                    name = known.get(tag.casefold())
                    if name is not None and not draft.text(name, row):
                        draft.new(name, self.column)[row] = tag


class Parents(_Step):
    """Variants name their product's row, or it names them; they inherit what they leave out."""

    step: Literal["parents"]
    key: str
    """The column that identifies a row."""
    parent: str | None = None
    """The column of a variant that has its product's key, or ``id:`` and its number."""
    number: str | None = None
    """The column with that number."""
    children: str | None = None
    """The column of a product that lists its variants, packed as ``sku=…,size=…|sku=…``."""
    title: str | None = None
    """A column in which the product's cell is the better one."""

    GROUP: ClassVar[str] = "product"
    """The column to add: the key of the product."""

    def apply(self, draft: Draft) -> None:
        """Let variants inherit, and drop the rows of products that have variants."""
        parent_of = self.parent_of(draft)
        groups = draft.new(self.GROUP, self.parent or self.children or self.key)
        title = None if self.title is None else draft.column(self.title)
        for variant, parent in parent_of.items():
            groups[variant] = draft.text(self.key, parent)
            for cells in draft.columns.values():
                if not cells[variant]:
                    cells[variant] = cells[parent]
            if title is not None and title[parent]:
                title[variant] = title[parent]
        parents = set(parent_of.values())
        draft.keep([row for row in range(len(draft.lines)) if row not in parents])
        if self.children is not None:
            draft.drop(self.children)

    def parent_of(self, draft: Draft) -> dict[int, int]:
        """Return the row of the product by the row of a variant."""
        row_of = {draft.text(self.key, row): row for row in range(len(draft.lines))}
        if self.number is not None:
            row_of |= {f"id:{draft.text(self.number, row)}": row for row in row_of.values()}
        row_of.pop("", None)
        parent_of: dict[int, int] = {}
        for row in range(len(draft.lines)):
            if self.parent is not None:
                key = draft.text(self.parent, row)
                if key in row_of and row_of[key] != row:
                    parent_of[row] = row_of[key]
            if self.children is not None:
                for child in split_texts(draft.text(self.children, row), "|"):
                    fields = {n.casefold(): v for n, v in unpack(child, ",", "=").items()}
                    found = row_of.get(fields.get(self.key.casefold(), ""))
                    if found is not None and found != row:
                        parent_of[found] = row
        return parent_of


Step = (Fill | MergeRows | Pivot | Default | Pairs | Packed | Json | Paths | Words | Parents) | (
    Blank | Overrides | OwnPictures
)


def unpacked(
    table: CatalogTable, steps: Iterable[Step], other_names: Mapping[str, str] | None = None
) -> Draft:
    """Return a table after the steps, with HTML entities as the characters they stand for.

    Args:
        table: As read.
        steps: How its rows and cells are unpacked.
        other_names: Columns by the folded names that the steps have for them.
    """
    draft = Draft.of(table, other_names)
    for step in steps:
        step.apply(draft)
    for cells in draft.columns.values():
        for row, cell in enumerate(cells):
            if isinstance(cell, str):
                if "&" in cell:
                    cells[row] = without_entities(cell)
            elif any("&" in text for text in cell):
                cells[row] = tuple(map(without_entities, cell))
    return draft


def first_rows(keys: Sequence[Cell]) -> dict[Cell, int]:
    """Return the first row of each key."""
    return {key: row for row, key in reversed(list(enumerate(keys)))}
