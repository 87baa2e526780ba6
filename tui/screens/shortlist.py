"""The shortlist as a grid: put in order, copied, exported, taken as queries."""

from pathlib import Path
from typing import ClassVar

import numpy as np
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from datrnet.core.errors import DatrnetError
from datrnet.core.sessions.export import ShortlistSheet, export_shortlist
from datrnet.core.sessions.steps import file_stem
from datrnet.tui.messages import Exported, WorkFailed
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.screens.file_prompt import FilePrompt
from datrnet.tui.widgets.detail_pane import DetailPane
from datrnet.tui.widgets.key_line import KeyLine
from datrnet.tui.widgets.thumb_grid import Listing, ThumbGrid
from datrnet.tui.widgets.title_bar import TitleBar
from datrnet.tui.widgets.too_small import TooSmall


class ShortlistScreen(ExplorerScreen):
    """What a person has set aside in this session."""

    HELP_TITLE = "Shortlist"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x,delete", "take_off", "Take off", key_display="x", id="shortlist.take_off"),
        Binding(
            "less_than_sign,ctrl+left",
            "move(-1)",
            "Earlier",
            key_display="<",
            id="shortlist.earlier",
        ),
        Binding(
            "greater_than_sign,ctrl+right",
            "move(1)",
            "Later",
            key_display=">",
            id="shortlist.later",
        ),
        Binding("Y", "copy_all", "Copy all", id="shortlist.copy_all"),
        Binding("e", "export", "Export", id="shortlist.export"),
        Binding("s", "substitutes", "Substitutes", id="shortlist.substitutes"),
        Binding("u", "undo", "Undo", id="shortlist.undo"),
        Binding("r,ctrl+r", "redo", "Redo", key_display="r", id="shortlist.redo"),
        Binding("escape,backspace", "back", "Back", id="shortlist.back"),
    ]
    AUTO_FOCUS = "ThumbGrid"

    def compose(self) -> ComposeResult:
        """The items, and the one under the cursor."""
        yield TitleBar()
        with Horizontal(id="body"):
            with Vertical(id="middle"):
                yield ThumbGrid(self.library.thumbnails, id="shortlist")
            yield DetailPane(id="detail")
        yield KeyLine()
        yield TooSmall()

    def on_mount(self) -> None:
        """Show the items."""
        self._list(cursor=0)

    def shortlist_changed(self) -> None:
        """Show what is on the list now, with the cursor where it was."""
        self._list(cursor=self.grid.cursor)

    def _list(self, cursor: int) -> None:
        catalog, codes = self.snapshot.catalog, self.session.shortlist.codes
        found = [row for code in codes if (row := catalog.find_code(code)) is not None]
        num_gone = len(codes) - len(found)
        bar = self.query_one(TitleBar)
        bar.trail = ("Shortlist", *([self.session.name] if self.session.name else []))
        bar.facts = f"{len(found)} items" + (
            f" · {num_gone} no longer in the catalogue" if num_gone else ""
        )
        self.grid.show(
            Listing(
                rows=np.array(found, dtype=np.intp),
                caption=lambda position: (
                    catalog.titles[found[position]],
                    f"{position + 1}. {catalog.codes[found[position]]}",
                ),
            ),
            cursor=cursor,
            empty_text="Nothing is on the shortlist: . on an item puts it there.",
        )

    @on(ThumbGrid.Highlighted)
    def _show_item(self) -> None:
        row = self.grid.row
        self.detail.show(None if row is None else self.subject(row))
        self.show_picture(self.detail.picture, row)

    @property
    def _code(self) -> str | None:
        """The code under the cursor, None where nothing is on the list."""
        return None if (row := self.grid.row) is None else self.snapshot.catalog.codes[row]

    def action_take_off(self) -> None:
        """Take the item under the cursor off the list."""
        self.action_shortlist()

    def action_move(self, places: int) -> None:
        """Move the item under the cursor, and the cursor with it."""
        if (code := self._code) is None:
            return
        self.session.shortlist.move(code, places)
        rows = [self.snapshot.catalog.find_code(one) for one in self.session.shortlist.codes]
        shown = [row for row in rows if row is not None]
        self._list(cursor=shown.index(self.snapshot.catalog.find_code(code) or 0))

    def action_undo(self) -> None:
        """Take the last change of the list back."""
        self._tell_step("Taken back", "There is nothing to undo.", self.session.shortlist.undo())

    def action_redo(self) -> None:
        """Make the change of the list again that was taken back."""
        self._tell_step("Made again", "There is nothing to redo.", self.session.shortlist.redo())

    def _tell_step(self, done: str, otherwise: str, is_done: bool) -> None:
        self.app.clear_notifications()  # the word on the change before is not true any more
        if is_done:
            self.shortlist_changed()
        self.notify(f"{done} ({len(self.session.shortlist)})" if is_done else otherwise, timeout=2)

    def action_copy_all(self) -> None:
        """Copy the codes of all items, one a line."""
        codes = self.session.shortlist.codes
        if codes:
            self.app.copy_to_clipboard("\n".join(codes))
            self.notify(f"Copied {len(codes)} codes, one a line", timeout=2)

    def action_export(self) -> None:
        """Ask for a file, and write the list into it."""
        if not len(self.session.shortlist):
            self.notify("There is nothing to export.", timeout=2)
            return
        stem = f"shortlist-{file_stem(self.session.name)}"
        self.app.push_screen(FilePrompt("Export the shortlist to", stem), self._export_to)

    def _export_to(self, name: str | None) -> None:
        if name is not None:
            self._export(Path(name), self.session.name, self.session.shortlist.codes)

    @work(thread=True, group="export")
    def _export(self, path: Path, name: str, codes: tuple[str, ...]) -> None:
        library = self.library
        sheet = ShortlistSheet(
            workspace=library.workspace, catalog=library.snapshot.catalog, name=name, codes=codes
        )
        try:
            export_shortlist(path, sheet)
        except DatrnetError as error:
            self.post_message(WorkFailed(error))
        else:
            self.post_message(Exported(path))

    def action_back(self) -> None:
        """Go back to where one came from."""
        self.dismiss()
