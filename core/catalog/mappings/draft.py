"""A table while it is being unpacked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from datrnet.core.catalog.sources.table import CatalogTable, Cell, texts_of
from datrnet.core.text import fold


@dataclass(slots=True)
class Draft:
    """A table while it is being unpacked: N rows as columns."""

    columns: dict[str, list[Cell]]
    lines: list[int]
    merged: int = 0
    """Rows of the file that became part of other rows."""
    other_names: Mapping[str, str] = field(default_factory=dict)
    """Columns by the folded names that the format has for them."""
    sources: dict[str, str] = field(default_factory=dict)
    """For each column that steps added, the one that it was taken from."""

    @classmethod
    def of(cls, table: CatalogTable, other_names: Mapping[str, str] | None = None) -> "Draft":
        """Return a copy of a table."""
        columns = {name: list(cells) for name, cells in table.columns.items()}
        return cls(columns, list(table.lines), other_names=other_names or {})

    def copy(self) -> "Draft":
        """Return a copy that can be changed by itself."""
        columns = {name: list(cells) for name, cells in self.columns.items()}
        return Draft(columns, list(self.lines), self.merged, self.other_names, dict(self.sources))

    def find(self, name: str) -> str | None:
        """Return a column's name as the file spells it; None if there is no such column."""
        if name in self.columns:
            return name
        folded = fold(name)
        if (other := self.other_names.get(folded)) in self.columns:
            return other
        return next((column for column in self.columns if fold(column) == folded), None)

    def column(self, name: str) -> list[Cell] | None:
        """Return the cells (N,) of a column, ignoring case; None if there is no such column."""
        found = self.find(name)
        return None if found is None else self.columns[found]

    def text(self, name: str, row: int) -> str:
        """Return a cell as one text, empty if there is none."""
        cells = self.column(name)
        return "" if cells is None else next(texts_of(cells[row]), "")

    def new(self, name: str, source: str) -> list[Cell]:
        """Return the column of that name, adding an empty one that is taken from another."""
        if (found := self.find(name)) is not None:
            return self.columns[found]
        self.sources[name] = self.find(source) or source
        return self.columns.setdefault(name, [""] * len(self.lines))

    def keep(self, rows: Sequence[int]) -> None:
        """Keep only some rows."""
        self.merged += len(self.lines) - len(rows)
        self.columns = {name: [c[row] for row in rows] for name, c in self.columns.items()}
        self.lines = [self.lines[row] for row in rows]

    def drop(self, *names: str) -> None:
        """Remove columns that a step has taken apart."""
        for name in names:
            if (found := self.find(name)) is not None:
                del self.columns[found]
