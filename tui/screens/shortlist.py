"""The shortlist as a grid: reorder, copy, export, or search from its items."""

from typing import ClassVar

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from datrnet.core.errors import DatrnetError
from datrnet.core.sessions.export import export_shortlist
from datrnet.core.sessions.steps import file_stem
from datrnet.tui.keymap import hidden
from datrnet.tui.screens.dialogs import export_from
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.state import Visit
from datrnet.tui.widgets.bars import TitleBar, framed
from datrnet.tui.widgets.detail_pane import DetailPane
from datrnet.tui.widgets.thumb_grid import Listing, ThumbGrid


class ShortlistScreen(ExplorerScreen):
    """The items set aside in this session."""

    HELP_TITLE = "Shortlist"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x,delete", "remove", "Remove", key_display="x", id="shortlist.take_off"),
        Binding(
            "less_than_sign,ctrl+left",
            "move(-1)",
            "Move up",
            key_display="<",
            id="shortlist.earlier",
        ),
        Binding(
            "greater_than_sign,ctrl+right",
            "move(1)",
            "Move down",
            key_display=">",
            id="shortlist.later",
        ),
        Binding("Y", "copy_all", "Copy all", id="shortlist.copy_all"),
        Binding("e,E", "export", "Export", key_display="e", id="shortlist.export"),
        Binding("s", "substitutes", "Substitutes", id="shortlist.substitutes"),
        hidden("Q", "search_all", "Substitutes of all items together", id="shortlist.search_all"),
        Binding("u", "undo", "Undo", id="shortlist.undo"),
        Binding("r,ctrl+r", "redo", "Redo", key_display="r", id="shortlist.redo"),
        Binding("escape,backspace", "back", "Back", id="shortlist.back"),
    ]
    AUTO_FOCUS = "ThumbGrid"

    def compose(self) -> ComposeResult:
        """The items, and the one under the cursor."""
        grid = self.new_grid("shortlist")
        yield from framed(Vertical(grid, id="middle"), DetailPane(id="detail"))

    def on_mount(self) -> None:
        """Show the items."""
        self._list(cursor=0)

    def shortlist_changed(self) -> None:
        """Show the list again, with the cursor where it was."""
        self._list(cursor=self.grid.cursor)

    def _list(self, cursor: int) -> None:
        catalog, codes = self.snapshot.catalog, self.session.shortlist.codes
        rows = self._rows
        num_missing = len(codes) - len(rows)
        bar = self.query_one(TitleBar)
        bar.trail = tuple(filter(None, ("Shortlist", self.session.name)))
        bar.num_own = len(bar.trail)
        missing = f" · {num_missing} no longer in the catalog" if num_missing else ""
        bar.facts = f"{len(rows)} item{'' if len(rows) == 1 else 's'}{missing}"
        self.grid.show(
            Listing(
                rows=np.array(rows, dtype=np.intp),
                caption=lambda place: (
                    catalog.titles[rows[place]],
                    f"{place + 1}. {catalog.codes[rows[place]]}",
                ),
            ),
            cursor=cursor,
            empty_text="The shortlist is empty. Press . on an item to add it.",
        )

    @property
    def _rows(self) -> list[int]:
        """The rows of the items that the catalog still has."""
        find = self.snapshot.catalog.find_code
        return [row for code in self.session.shortlist.codes if (row := find(code)) is not None]

    @on(ThumbGrid.Highlighted)
    def _show_item(self) -> None:
        self.show_current()

    def action_remove(self) -> None:
        """Remove the item under the cursor."""
        self.action_shortlist()

    def action_move(self, places: int) -> None:
        """Move the item under the cursor, and the cursor with it."""
        if (row := self.grid.row) is None:
            return
        self.session.shortlist.move(self.snapshot.catalog.codes[row], places)
        self._list(cursor=self._rows.index(row))

    def action_undo(self) -> None:
        """Undo the last change of the list."""
        self._show_step("undo", "Undone", self.session.shortlist.undo())

    def action_redo(self) -> None:
        """Redo the last undone change of the list."""
        self._show_step("redo", "Redone", self.session.shortlist.redo())

    def _show_step(self, name: str, done: str, is_done: bool) -> None:
        self.app.clear_notifications()  # what they say of the change before is outdated
        if is_done:
            self.shortlist_changed()
        count = len(self.session.shortlist)
        self.notify(f"{done} ({count})" if is_done else f"Nothing to {name}.", timeout=2)

    def action_copy_all(self) -> None:
        """Copy the codes of all items, one per line."""
        codes = self.session.shortlist.codes
        if codes:
            self.app.copy_to_clipboard("\n".join(codes))
            self.notify(f"Copied {len(codes):,} ids, one per line", timeout=2)

    def action_export(self) -> None:
        """Ask for a file, and write the list to it."""
        name, codes = self.session.name, self.session.shortlist.codes
        workspace, catalog = self.library.workspace, self.snapshot.catalog
        if not codes:
            self.notify("Nothing to export.", timeout=2)
            return
        export_from(
            self,
            "Export the shortlist to",
            f"shortlist-{file_stem(name)}",
            lambda path: export_shortlist(path, workspace, catalog, name, codes),
        )

    def action_search_all(self) -> None:
        """Show substitutes of all items on the list: their mean is the query."""
        if not self._rows:
            self.notify("Nothing to search with.", timeout=2)
        elif self.has_index():
            try:
                query = self.snapshot.query_of_all(self._rows)
            except DatrnetError as error:
                self.show_error(error)
            else:
                self.open_visit(Visit(query))

    def action_back(self) -> None:
        """Go back to the screen before."""
        self.dismiss()
