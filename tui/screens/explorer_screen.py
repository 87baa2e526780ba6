"""What every screen with pictures shares: the detail pane, its pictures, and actions on an item."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import Screen
from textual.timer import Timer
from textual.worker import Worker, get_current_worker

from datrnet.core.data.blocks import cells_of, fitting_size
from datrnet.core.data.inert_text import inert
from datrnet.core.errors import DataError, DatrnetError
from datrnet.core.retrieval.wanted import Prototype
from datrnet.tui.library import Library
from datrnet.tui.messages import PictureDrawn, WorkFailed
from datrnet.tui.pictures import open_in_viewer, picture_cells
from datrnet.tui.renewing import Renumbering
from datrnet.tui.screens.help_screen import HelpScreen
from datrnet.tui.session_log import SessionLog
from datrnet.tui.thumbnails import Absent
from datrnet.tui.widgets.detail_pane import DetailPane
from datrnet.tui.widgets.facts import Subject
from datrnet.tui.widgets.picture_view import PictureView
from datrnet.tui.widgets.thumb_grid import ThumbGrid

if TYPE_CHECKING:
    from datrnet.core.indexing.activations import Look

PATIENCE = 0.2
"""Seconds after which a picture that is still being read is stood in for."""


class ExplorerScreen(Screen[None]):
    """A screen with a grid and a detail pane."""

    HELP_TITLE = "Item"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy_code", "Copy code", show=False),
        Binding("m", "mark", "Mark, to take a value from it", show=False),
        Binding("o", "open_picture", "Open picture in its viewer", show=False),
        Binding("a", "look(1)", "Where the next network looks", show=False),
        Binding("A", "look(-1)", "Where the network before looks", show=False),
    ]

    debounce: ClassVar[float] = 0.03
    """Seconds of rest before work begins: a key that repeats starts nothing in between."""

    def __init__(self, library: Library, session: SessionLog) -> None:
        super().__init__()
        self._fit(self.app.size)
        self.library = library
        self.session = session
        self._picture_timers: dict[str, tuple[Timer, ...]] = {}
        self._network: str | None = None
        """The super-category whose network's activation map the detail pane shows."""

    def _fit(self, size: Size) -> None:
        """Take the classes for a size now: Textual gives them only after a page without them."""
        ways = (
            (size.width, self.app.HORIZONTAL_BREAKPOINTS or []),
            (size.height, self.app.VERTICAL_BREAKPOINTS or []),
        )
        for length, breakpoints in ways:
            fitting = [name for least, name in breakpoints if length >= least]
            self.add_class(*fitting[-1:])

    @property
    def grid(self) -> ThumbGrid:
        """The pictures."""
        return self.query_one(ThumbGrid)

    @property
    def detail(self) -> DetailPane:
        """The pane about the item under the cursor."""
        return self.query_one(DetailPane)

    def subject(self, row: int) -> Subject:
        """Return what there is to say about an item of the catalogue."""
        catalog = self.library.catalog
        return Subject(
            code=catalog.codes[row], title=catalog.titles[row], labels=catalog.labels_of(row)
        )

    def value_to_find(self, row: int, network: str) -> Prototype | None:
        """Return what a network is to find in an item's picture: its label, None without one.

        Raises:
            IndexStaleError: The label has no prototype.
        """
        searcher, value = self.library.searcher, self.library.catalog.labels_of(row)[network]
        return None if searcher is None or value is None else searcher.prototype(network, value)

    async def renewed(self, moved: Renumbering) -> None:
        """Go over to what the library holds now, with everything in its place."""
        self.grid.renumber(moved.rows)

    # ── pictures ─────────────────────────────────────────────────────────────

    def show_picture(self, view: PictureView, row: int | None) -> None:
        """Show an item's picture in a moment; its thumbnail, if that takes longer.

        The picture before it stays until then, so that a running cursor sends nothing.
        """
        key = view.id or ""
        for timer in self._picture_timers.pop(key, ()):
            timer.stop()
        view.row = row
        columns, rows = view.size
        if row is None or not columns or not rows:
            view.explain("")
            return
        self._picture_timers[key] = (
            self.set_timer(self.debounce, lambda: self._draw_picture(key, row, rows, columns)),
            self.set_timer(PATIENCE, lambda: self._show_thumbnail(view, row)),
        )

    def _show_thumbnail(self, view: PictureView, row: int) -> None:
        """Show an item's thumbnail, enlarged, where its picture is still being read."""
        if view.row_shown == row:
            return
        thumbnail = self.library.thumbnails.pixels(row)
        if isinstance(thumbnail, Absent):
            view.explain("")
        else:
            (columns, rows), side = view.size, len(thumbnail)
            size = fitting_size(side, side, rows=rows, columns=columns)
            view.show(cells_of(thumbnail, *size))

    def _draw_picture(self, view_id: str, row: int, rows: int, columns: int) -> None:
        network = self._network if view_id == self.detail.picture.id else None
        self.run_worker(
            lambda: self._read_picture(view_id, row, rows, columns, network),
            thread=True,
            exclusive=True,
            group=f"picture-{view_id}",
        )

    def _read_picture(
        self, view_id: str, row: int, rows: int, columns: int, network: str | None
    ) -> None:
        """Draw a picture's file, in a thread; under a network's map, where one is asked for."""
        worker = get_current_worker()
        try:
            look, caption = (None, "") if network is None else self._look(row, network, worker)
            heat, region = (None, None) if look is None else (look.heat, look.region)
            cells = picture_cells(self.library.picture(row), rows, columns, heat, region)
            drawn = PictureDrawn(view_id, row, cells, caption=caption)
        except DatrnetError as error:
            drawn = PictureDrawn(view_id, row, None, str(error))
        if not worker.is_cancelled:
            self.post_message(drawn)

    def _look(self, row: int, network: str, worker: Worker[object]) -> tuple["Look | None", str]:
        """Return where a network finds what matters, and that in words."""
        looker = self.library.looker
        if looker is None:
            return None, ""
        wanted = self.value_to_find(row, network)
        picture = self.library.picture(row)
        look = looker.look(picture, network, wanted, lambda: not worker.is_cancelled)
        if look is None:
            return None, f"No {network} label to look for"
        if look.region is not None:
            return look, f"In the frame: {network} {look.value}"
        if not look.heat.any():
            return None, f"The {network} network finds no {look.value} here"
        return look, f"Where the {network} network finds {look.value}"

    @on(PictureDrawn)
    def _show_drawn(self, message: PictureDrawn) -> None:
        view = self.query_one(f"#{message.view_id}", PictureView)
        if view.row != message.row:
            return
        view.row_shown = message.row
        if view is self.detail.picture:
            self.detail.caption(message.caption)
        if message.cells is None:
            view.explain(message.trouble)
        else:
            view.show(message.cells)

    @on(PictureView.Resized)
    def _fit_picture(self, message: PictureView.Resized) -> None:
        self.show_picture(message.view, message.view.row)

    # ── actions ──────────────────────────────────────────────────────────────

    @on(WorkFailed)
    def _tell_failure(self, message: WorkFailed) -> None:
        self.tell(message.error)

    def tell(self, error: DatrnetError) -> None:
        """Show an error as a notice."""
        self.notify(inert(str(error)), severity="error", markup=False)

    def action_copy_code(self) -> None:
        """Copy the code of the item under the cursor."""
        if (row := self.grid.row) is not None:
            code = self.library.catalog.codes[row]
            self.app.copy_to_clipboard(code)
            self.notify(f"Copied {inert(code)}", markup=False, timeout=2)

    def action_mark(self) -> None:
        """Mark the item under the cursor as the one that values can be taken from, or unmark it."""
        row, library = self.grid.row, self.library
        if row is None:
            return
        code = inert(library.catalog.codes[row])
        if library.marked == row:
            library.marked = None
            self.notify(f"{code} is no longer marked", markup=False, timeout=2)
        elif library.searcher is not None and library.searcher.is_entangled:
            said = "This index compares all super-categories as one: none can be taken."
            self.notify(said, markup=False)
            return
        else:
            try:
                library.query_of(row)
            except DatrnetError as error:
                self.tell(error)
                return
            library.marked = row
            self.notify(f"Marked {code}: every picker offers its value", markup=False, timeout=3)
        self.marked_changed()

    def marked_changed(self) -> None:
        """Show what there is to take; nothing where there are no pickers."""

    def action_open_picture(self) -> None:
        """Open the picture of the item under the cursor in the system's viewer."""
        if (row := self.grid.row) is not None:
            self._open_picture(self.library.picture(row).path)

    @work(thread=True, group="viewer")
    def _open_picture(self, path: Path) -> None:
        try:
            open_in_viewer(path)
        except DataError as error:
            self.post_message(WorkFailed(error))

    def action_look(self, step: int) -> None:
        """Show where the next network looks, and after the last one the picture again."""
        searcher, looker, row = self.library.searcher, self.library.looker, self.grid.row
        if searcher is None or looker is None:
            if self.library.trouble is not None:
                self.tell(self.library.trouble)
            return
        if row is None or not self.detail.picture.size.height:
            self.notify("There is no room for a picture here.", timeout=2)
            return
        shown = [None, *searcher.names]
        self._network = shown[(shown.index(self._network) + step) % len(shown)]
        if self._network is not None and not looker.is_ready(self._network):
            self.detail.caption("Loading the networks …")
        self.show_picture(self.detail.picture, row)

    def action_help(self) -> None:
        """List the keys that work here."""
        self.app.push_screen(HelpScreen.about(self))
