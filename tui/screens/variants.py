"""All variants of an item, such as its sizes with their prices."""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.text import sanitize
from datrnet.tui.keymap import hidden
from datrnet.tui.widgets.text import MUTED, fitted

WIDEST_CELL = 24
GAP = "  "


class VariantsScreen(ModalScreen[None]):
    """A table of an item's variants: their ids, the facts in which they differ, and prices."""

    HELP_TITLE = "Variants"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("escape,q,V,enter", "dismiss(None)", "Close", id="variants.close"),
        hidden("down,j", "scroll(1)", "Down", id="variants.down"),
        hidden("up,k", "scroll(-1)", "Up", id="variants.up"),
        hidden("pagedown,space", "scroll(10)", "Page down", id="variants.page_down"),
        hidden("pageup,b", "scroll(-10)", "Page up", id="variants.page_up"),
    ]
    AUTO_FOCUS = "#variants-table"

    def __init__(self, catalog: Catalog, row: int) -> None:
        """List the variants of the item in a row of the catalog."""
        super().__init__()
        self._title = catalog.titles[row] or catalog.codes[row]
        self._table = variant_table(catalog, row)

    def compose(self) -> ComposeResult:
        """The title, and the table."""
        header, *lines = table_lines(self._table)
        with Vertical(classes="dialog"):
            yield Static(sanitize(self._title), classes="dialog-question", markup=False)
            yield Static(Content.styled(header, MUTED), id="variants-header", markup=False)
            with VerticalScroll(id="variants-table"):
                yield Static("\n".join(lines), id="variants-lines", markup=False)
            yield Static(f"{len(lines)} variants, esc closes", classes="dialog-hint")

    def action_scroll(self, lines: int) -> None:
        """Scroll the table."""
        self.query_one("#variants-table").scroll_relative(y=lines, animate=False)


def variant_table(catalog: Catalog, row: int) -> list[list[str]]:
    """Return a heading and a row per variant of an item: its id, what differs, prices and stock."""
    versions, variants = catalog.facts.versions(row), catalog.facts.variants(row)
    on_card = catalog.facts.on_card(row)
    columns = [column.name for column in catalog.facts.columns]
    names = [
        name
        for name in columns
        if name in on_card or len({facts.get(name) for facts in versions}) > 1
    ]
    return [
        ["id", *names],
        *(
            [variant.code, *(facts.get(name, "") for name in names)]
            for variant, facts in zip(variants, versions, strict=True)
        ),
    ]


def table_lines(table: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table, its columns as wide as they need."""
    widths = [
        min(WIDEST_CELL, max(cell_len(sanitize(cell)) for cell in column))
        for column in zip(*table, strict=True)
    ]
    return [
        GAP.join(fitted(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
