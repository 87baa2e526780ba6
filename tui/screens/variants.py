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
        hidden("right,l", "skip(1)", "Facts further right", id="variants.right"),
        hidden("left,h", "skip(-1)", "Facts further left", id="variants.left"),
    ]
    AUTO_FOCUS = "#variants-table"

    def __init__(self, catalog: Catalog, row: int) -> None:
        """List the variants of the item in a row of the catalog."""
        super().__init__()
        self._title = catalog.titles[row] or catalog.codes[row]
        self._table = variant_table(catalog, row)

        self._num_skipped = 0

    def compose(self) -> ComposeResult:
        """The title, and the table."""
        header, *lines = table_lines(self._table)
        with Vertical(classes="dialog"):
            yield Static(sanitize(self._title), classes="dialog-question", markup=False)
            yield Static(Content.styled(header, MUTED), id="variants-header", markup=False)
            with VerticalScroll(id="variants-table"):
                yield Static("\n".join(lines), id="variants-lines", markup=False)
            yield Static("", classes="dialog-hint")

    def on_resize(self) -> None:
        """Say how to see what has no room."""
        self.call_after_refresh(self._show_hint)

    def _show_hint(self) -> None:
        hidden_facts = self._num_skipped or self._is_cut
        more = f"{len(self._table[0]) - 1} facts, ← → for the others, " if hidden_facts else ""
        hint = f"{len(self._table) - 1} variants, {more}esc closes"
        self.query_one(".dialog-hint", Static).update(hint)

    @property
    def _is_cut(self) -> bool:
        """Whether facts on the right have no room."""
        width = self.query_one(".dialog").content_size.width
        return max(map(cell_len, table_lines(self._table, self._num_skipped))) > width

    def action_skip(self, number: int) -> None:
        """Leave out more of the facts on the left, or fewer, so that others have room."""
        if number > 0 and not self._is_cut:
            return
        self._num_skipped = max(0, self._num_skipped + number)
        header, *lines = table_lines(self._table, self._num_skipped)
        self.query_one("#variants-header", Static).update(Content.styled(header, MUTED))
        self.query_one("#variants-lines", Static).update("\n".join(lines))
        self._show_hint()

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


def table_lines(table: Sequence[Sequence[str]], num_skipped: int = 0) -> list[str]:
    """Return the lines of a table, its columns as wide as they need.

    Args:
        table: Rows of cells.
        num_skipped: Columns to leave out after the first, which always stays.
    """
    table = [[*row[:1], *row[1 + num_skipped :]] for row in table]
    widths = [
        min(WIDEST_CELL, max(cell_len(sanitize(cell)) for cell in column))
        for column in zip(*table, strict=True)
    ]
    return [
        GAP.join(fitted(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
