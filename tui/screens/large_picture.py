"""The item under the cursor over the whole screen, beside the query if there is one."""

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from datrnet.core.catalog.pictures import Picture
from datrnet.core.graphics.blocks import Cells
from datrnet.core.text import sanitize
from datrnet.tui.context import ExplorerContext, show_from_thread
from datrnet.tui.graphics.pictures import Pixels, picture_cells, picture_in_pixels
from datrnet.tui.keymap import hidden
from datrnet.tui.snapshot import Source
from datrnet.tui.widgets.picture_view import PictureView
from datrnet.tui.widgets.text import MUTED
from datrnet.tui.widgets.thumb_grid import ThumbGrid

ITEM, QUERY = "large-item", "large-query"
"""Ids of the pictures."""


class LargePictureScreen(ModalScreen[None]):
    """A picture as large as the terminal; the cursor of the grid below moves along."""

    HELP_TITLE = "Large picture"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("escape,q,z,enter,backspace", "leave", "Close", id="large.close"),
        hidden("right,l,space", "step(1)", "Next item", id="large.next"),
        hidden("left,h,b", "step(-1)", "Previous item", id="large.previous"),
        hidden("down,j,P", "leaf(1)", "Next picture of the item", id="large.picture_next"),
        hidden("up,k,B", "leaf(-1)", "Previous picture of the item", id="large.picture_previous"),
        hidden("C", "copy", "Copy id", id="large.copy"),
    ]

    def __init__(self, context: ExplorerContext, grid: ThumbGrid, query: Source | None) -> None:
        """Show the item under the cursor of a grid.

        Args:
            context: The workspace and how pictures are drawn.
            grid: Of the screen below; not empty.
            query: What the items are substitutes of.
        """
        super().__init__()
        self.context, self._grid, self._queried = context, grid, query
        self._picture_number = 0
        """Which of the item's pictures is shown."""

    def compose(self) -> ComposeResult:
        """A picture with a heading, or two side by side."""
        with Horizontal():
            for name in (ITEM,) if self._queried is None else (QUERY, ITEM):
                with Vertical():
                    yield Static(id=f"{name}-heading", markup=False)
                    yield PictureView(id=name)
        yield Static("← → items   ↑ ↓ pictures of the item   esc back", id="large-keys")

    def on_mount(self) -> None:
        """Say whose pictures they are."""
        self._write_headings()

    @property
    def _row(self) -> int:
        return int(self._grid.listing.rows[self._grid.cursor])

    async def action_copy(self) -> None:
        """Copy the item's code, as on every screen."""
        await self.app.run_action("copy")

    @property
    def text_to_copy(self) -> str:
        """The item's code."""
        return self.context.snapshot.catalog.codes[self._row]

    @on(PictureView.Resized)
    def _fit(self, message: PictureView.Resized) -> None:
        self._draw(message.view)

    def _show_item(self) -> None:
        self._write_headings()
        self._draw(self.query_one(f"#{ITEM}", PictureView))

    def _draw(self, view: PictureView) -> None:
        """Draw a picture in a thread, in the size of its view."""
        source, number = (
            (self._row, self._picture_number) if view.id == ITEM else (self._queried, 0)
        )
        if source is None or not view.size:
            return
        picture = self.context.snapshot.picture(source, number)
        draw = partial(self._drawn, picture, view.size.height, view.size.width)
        group = f"picture-{view.id}"
        show_from_thread(self, group, draw, view.show, lambda error: view.explain(str(error)))

    def _drawn(self, picture: Picture, rows: int, columns: int) -> Cells | Pixels:
        drawing = self.context.drawing
        if drawing.is_in_pixels:
            return picture_in_pixels(picture, rows, columns, drawing)
        return picture_cells(picture, rows, columns, glyphs=drawing.glyphs)

    def _write_headings(self) -> None:
        number, count = self._grid.cursor + 1, len(self._grid.listing.rows)
        facts = [self.context.snapshot.catalog.codes[self._row], f"{number:,} / {count:,}"]
        if (num_pictures := self.context.snapshot.num_pictures(self._row)) > 1:
            facts.append(f"picture {self._picture_number + 1} of {num_pictures}")
        self._write(ITEM, self._row, facts)
        if self._queried is not None:
            self._write(QUERY, self._queried, list(self._facts_of_query(self._queried)))

    def _facts_of_query(self, query: Source) -> Iterator[str]:
        if isinstance(query, int):
            yield self.context.snapshot.catalog.codes[query]
        yield "query"

    def _write(self, name: str, source: Source, facts: list[str]) -> None:
        catalog = self.context.snapshot.catalog
        title = catalog.titles[source] if isinstance(source, int) else source.name
        words = "  ·  ".join(map(sanitize, facts))
        heading = Content.assemble((sanitize(title), "bold"), "\n", (words, MUTED))
        self.query_one(f"#{name}-heading", Static).update(heading)

    def action_step(self, items: int) -> None:
        """Show the next item of the grid, or the one before."""
        before = self._grid.cursor
        self._grid.action_step(items)
        if self._grid.cursor != before:
            self._picture_number = 0
            self._show_item()

    def action_leaf(self, step: int) -> None:
        """Show the item's next picture; after the last, its first."""
        if (number := self.context.snapshot.num_pictures(self._row)) > 1:
            self._picture_number = (self._picture_number + step) % number
            self._show_item()
        else:
            self.notify("The item has one picture.", timeout=2)

    def action_leave(self) -> None:
        """Close the screen."""
        self.dismiss()
