"""What screens with pictures share: what can be done with the item under the cursor."""

from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType

from datrnet.core.errors import DatrnetError
from datrnet.core.retrieval.request import Query
from datrnet.tui.context import (
    ExplorerContext,
    OpenSubstitutes,
    Picked,
    in_thread,
    start,
    start_another,
)
from datrnet.tui.graphics.cards import fitting_signs
from datrnet.tui.graphics.pictures import named_path, open_in_viewer
from datrnet.tui.keymap import hidden
from datrnet.tui.screens.dialogs import PicturePrompt
from datrnet.tui.screens.picture_screen import PictureScreen
from datrnet.tui.screens.variants import VariantsScreen
from datrnet.tui.snapshot import RowMap
from datrnet.tui.state import Visit
from datrnet.tui.widgets.chips import Chips
from datrnet.tui.widgets.thumb_grid import ThumbGrid

LISTED, MARKED = "+ listed", "● marked"
"""Above the picture of an item on the shortlist, and of the marked one."""


class ExplorerScreen(PictureScreen):
    """A screen with a grid and a detail pane, and what can be done with an item."""

    HELP_TITLE = "Item"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("full_stop", "shortlist", "Shortlist", key_display=".", id="item.shortlist"),
        hidden("m", "mark", "Mark, to borrow its values", id="item.mark"),
        hidden("o", "open_picture", "Open picture in viewer", id="item.open_picture"),
        hidden(
            "i", "start_from_picture", "Search with a picture file", id="item.start_from_picture"
        ),
        hidden("a", "look(1)", "Next heatmap", id="item.look_next"),
        hidden("A", "look(-1)", "Previous heatmap", id="item.look_previous"),
        hidden("P", "leaf(1)", "Next picture of the item", id="item.picture_next"),
        hidden("B", "leaf(-1)", "Previous picture of the item", id="item.picture_previous"),
        hidden("z", "large", "Large picture", id="item.large"),
        hidden("V", "variants", "All variants: sizes, prices", id="item.variants"),
    ]

    can_renew: ClassVar[bool] = True
    """Whether it can switch to another catalog while it is open."""

    def __init__(self, context: ExplorerContext) -> None:
        super().__init__(context)
        self.session = context.session

    async def renewed(self, row_map: RowMap) -> None:
        """Switch to the library's new snapshot; everything keeps its place."""
        self.grid.renumber(row_map.rows)

    def query_of(self, row: int) -> Query | None:
        """Return the query of an item; if it has none, say why."""
        try:
            return self.snapshot.query_of(row)
        except DatrnetError as error:
            self.show_error(error)
            return None

    # ── the current item ─────────────────────────────────────────────────────

    def action_variants(self) -> None:
        """Show all variants of the item."""
        if (row := self.row) is None:
            return
        if self.snapshot.catalog.facts.variants(row):
            self.app.push_screen(VariantsScreen(self.snapshot.catalog, row))
        else:
            self.notify("The item has no variants.", timeout=2)

    @property
    def text_to_copy(self) -> str:
        """The item's code."""
        return "" if self.row is None else self.snapshot.catalog.codes[self.row]

    def on_click(self, event: events.Click) -> None:
        """Mark the item that was clicked with ctrl; open a menu with the right button."""
        from datrnet.tui.screens.menus import open_menu

        if event.ctrl and isinstance(event.widget, ThumbGrid):
            self.action_mark()
        else:
            open_menu(self, event)

    @on(ThumbGrid.Entered)
    def _enter(self) -> None:
        row = self.grid.row
        if self.library.options.picks and row is not None:
            self.post_message(Picked(self.snapshot.catalog.codes[row]))
        else:
            self.enter_item()

    def enter_item(self) -> None:
        """Do what enter does with the item under the cursor: show its substitutes."""
        self.action_substitutes()

    def action_substitutes(self) -> None:
        """Show substitutes of the current item."""
        if self.row is not None:
            self.open_item(self.row)

    def open_item(self, row: int) -> None:
        """Show substitutes of an item, or say why there are none."""
        if (query := self.query_of(row)) is not None:
            self.open_visit(Visit(query))

    def open_visit(self, visit: Visit) -> None:
        """Show the substitutes of a query."""
        self.post_message(OpenSubstitutes((visit,)))

    def action_open_picture(self) -> None:
        """Open the item's picture in the system's viewer."""
        if (row := self.row) is not None:
            start_another(self, "viewer", self._open_picture, self.snapshot.picture(row).path)

    async def _open_picture(self, path: Path) -> None:
        try:
            await in_thread(self, open_in_viewer, path)
        except DatrnetError as error:
            self.show_error(error)

    def action_mark(self) -> None:
        """Mark the item as the one whose values can be borrowed, or remove the mark."""
        row, library, searcher = self.row, self.library, self.snapshot.searcher
        if row is None:
            return
        code = self.snapshot.catalog.codes[row]
        if library.marked == row:
            library.marked = None
            self.notify(f"{code} is no longer marked.", timeout=2)
        elif searcher is not None and searcher.is_entangled:
            self.notify("This index compares all super-categories as one; none can be borrowed.")
            return
        elif self.query_of(row) is not None:
            library.marked = row
            self.notify(f"Marked {code}: every picker offers its value.", timeout=3)
        else:
            return
        self.marked_changed()

    def marked_changed(self) -> None:
        """Show the mark on its card."""
        self.shortlist_changed()

    def action_chips(self) -> None:
        """Go to the last chip of what is asked for, or back to the pictures."""
        chips = self.query_one(Chips)
        if chips.has_focus:
            self.set_focus(self.grid)
        elif not chips.go_to_last():
            self.notify("Nothing is asked for yet.", timeout=2)

    # ── the shortlist ────────────────────────────────────────────────────────

    def on_mount(self) -> None:
        """Show on the cards which items are on the shortlist."""
        for grid in self.query(ThumbGrid):
            grid.sign = partial(self._sign, grid)

    def _sign(self, grid: ThumbGrid, position: int) -> str:
        return fitting_signs(self.card_signs(int(grid.listing.rows[position])), grid.page.size)

    def card_signs(self, row: int) -> list[str]:
        """Return what stands above the picture of an item: whether it is listed, or marked."""
        is_listed = self.snapshot.catalog.codes[row] in self.session.shortlist
        return [LISTED] * is_listed + [MARKED] * (row == self.library.marked)

    @on(events.ScreenResume)
    def _show_shortlist_changes(self) -> None:
        if self.is_mounted:
            self.shortlist_changed()
        self.context.jobs.resume(self)

    def shortlist_changed(self) -> None:
        """Show what is on the shortlist now."""
        for grid in self.query(ThumbGrid):
            grid.redraw()

    def action_shortlist(self) -> None:
        """Add the item to the shortlist, or remove it."""
        if (row := self.row) is None:
            return
        code, shortlist = self.snapshot.catalog.codes[row], self.session.shortlist
        done = "Added to" if shortlist.toggle(code) else "Removed from"
        self.notify(f"{done} the shortlist: {code} ({len(shortlist)})", timeout=2)
        self.shortlist_changed()

    # ── a picture file ───────────────────────────────────────────────────────

    def action_start_from_picture(self) -> None:
        """Ask for a picture that is not in the catalog, and show its substitutes."""
        if self.has_index():
            self.app.push_screen(PicturePrompt(), self._open_named_picture)

    def on_paste(self, event: events.Paste) -> None:
        """Search with a picture that was dropped on the terminal."""
        path = named_path(event.text)
        if path.exists() and not path.is_dir():
            self.open_picture(path)
        else:
            self.notify("The pasted text is not the path of a picture.", timeout=3)

    def _open_named_picture(self, name: str | None) -> None:
        if name is not None:
            self.open_picture(Path(name))

    def open_picture(self, path: Path) -> None:
        """Show substitutes of a picture file, or say why there are none."""
        if not self.has_index():
            return
        start(self, "embedding", self._embed, path.absolute())

    async def _embed(self, path: Path) -> None:
        jobs = self.context.jobs
        try:
            with jobs.job(f"Searching with {path.name}"):
                query = await in_thread(self, self.snapshot.query_of_picture, path)
        except DatrnetError as error:
            self.show_error(error)
        else:
            show = partial(self.open_visit, Visit(query, picture=path))
            jobs.deliver(f"The search with {path.name}", self, show)
