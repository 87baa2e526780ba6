"""What every screen with pictures shares: the detail pane, its pictures, and actions on an item."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on, work
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import Screen
from textual.timer import Timer
from textual.worker import Worker, get_current_worker

from datrnet.core.errors import DataError, DatrnetError
from datrnet.core.graphics.blocks import Cells, cells_of, fitting_size
from datrnet.core.graphics.terminal import Drawing
from datrnet.core.retrieval.prototypes import Prediction, Prototype
from datrnet.core.text import inert
from datrnet.tui.drawing import drawing_of
from datrnet.tui.history import Visit
from datrnet.tui.library import Library
from datrnet.tui.messages import (
    Exported,
    OpenSubstitutes,
    Picked,
    PictureDrawn,
    PictureEmbedded,
    WorkFailed,
)
from datrnet.tui.pictures import (
    Pixels,
    named_path,
    open_in_viewer,
    picture_cells,
    picture_in_pixels,
)
from datrnet.tui.screens.picture_prompt import PicturePrompt
from datrnet.tui.session_log import SessionLog
from datrnet.tui.snapshot import RowMap, Snapshot, Source
from datrnet.tui.thumbnails import Absent
from datrnet.tui.widgets.detail_pane import PICTURE, DetailPane
from datrnet.tui.widgets.facts import Subject
from datrnet.tui.widgets.picture_view import PictureView
from datrnet.tui.widgets.thumb_grid import ThumbGrid

if TYPE_CHECKING:
    from datrnet.core.indexing.activations import Look

LISTED = "+ listed"
"""Stands above the picture of an item that is on the shortlist."""

PATIENCE = 0.2
"""Seconds after which a picture that is still being read is stood in for."""


class ExplorerScreen(Screen[None]):
    """A screen with a grid and a detail pane."""

    HELP_TITLE = "Item"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy_code", "Copy code", show=False, id="item.copy_code"),
        Binding("full_stop", "shortlist", "Shortlist", key_display=".", id="item.shortlist"),
        Binding("m", "mark", "Mark, to take a value from it", show=False, id="item.mark"),
        Binding(
            "o", "open_picture", "Open picture in its viewer", show=False, id="item.open_picture"
        ),
        Binding(
            "i",
            "start_from_picture",
            "Begin with a picture on disk",
            show=False,
            id="item.start_from_picture",
        ),
        Binding("a", "look(1)", "Where the next network looks", show=False, id="item.look_next"),
        Binding(
            "A", "look(-1)", "Where the network before looks", show=False, id="item.look_previous"
        ),
    ]

    can_renew: ClassVar[bool] = True
    """Whether it can go over to another state of the catalogue while it is open."""
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
    def snapshot(self) -> Snapshot:
        """The catalog and index to show."""
        return self.library.snapshot

    @property
    def grid(self) -> ThumbGrid:
        """The pictures."""
        return self.query_one(ThumbGrid)

    @property
    def row(self) -> int | None:
        """The catalogue row of the item at hand, None where there is none."""
        return self.grid.row

    @property
    def detail(self) -> DetailPane:
        """The pane about the item under the cursor."""
        return self.query_one(DetailPane)

    @property
    def drawing(self) -> Drawing:
        """How pictures are drawn here."""
        return drawing_of(self)

    def subject(self, row: int) -> Subject:
        """Return what there is to say about an item of the catalogue."""
        catalog = self.snapshot.catalog
        return Subject(
            code=catalog.codes[row],
            title=catalog.titles[row],
            labels=catalog.labels_of(row),
            nearest=self.nearest_values(row),
        )

    def nearest_values(self, row: int) -> Mapping[str, Prediction]:
        """Return what the networks take an item for; nothing of one that they have not seen."""
        searcher = self.snapshot.searcher
        if searcher is None or not searcher.is_indexed(row):
            return {}
        return searcher.predict(self.snapshot.query_of(row))

    def value_to_find(self, row: int, network: str) -> Prototype | None:
        """Return what a network is to find in an item's picture: its label, None without one.

        Raises:
            IndexStaleError: The label has no prototype.
        """
        searcher, value = self.snapshot.searcher, self.snapshot.catalog.labels_of(row)[network]
        return None if searcher is None or value is None else searcher.prototype(network, value)

    async def renewed(self, moved: RowMap) -> None:
        """Go over to what the library holds now, with everything in its place."""
        self.grid.renumber(moved.rows)

    # ── pictures ─────────────────────────────────────────────────────────────

    def show_picture(self, view: PictureView, source: Source | None) -> None:
        """Show a picture in a moment; its thumbnail, if that takes longer.

        The picture before it stays until then, so that a running cursor sends nothing.
        """
        key = view.id or ""
        for timer in self._picture_timers.pop(key, ()):
            timer.stop()
        view.source = source
        columns, rows = view.size
        if source is None or not columns or not rows:
            view.explain("")
            return
        self._picture_timers[key] = (
            self.set_timer(self.debounce, lambda: self._draw_picture(key, source, rows, columns)),
            self.set_timer(PATIENCE, lambda: self._show_thumbnail(view, source)),
        )

    def _show_thumbnail(self, view: PictureView, source: Source) -> None:
        """Show an item's thumbnail, enlarged, where its picture is still being read."""
        if view.source_shown == source or isinstance(source, Path):
            return
        thumbnail = self.library.thumbnails.pixels(source)
        if isinstance(thumbnail, Absent):
            view.explain("")
        else:
            (columns, rows), side = view.size, len(thumbnail)
            size = fitting_size(side, side, rows=rows, columns=columns)
            view.show(cells_of(thumbnail, *size, glyphs=self.drawing.glyphs))

    def _draw_picture(self, view_id: str, source: Source, rows: int, columns: int) -> None:
        network = self._network if view_id == PICTURE else None
        self.run_worker(
            lambda: self._read_picture(view_id, source, rows, columns, network),
            thread=True,
            exclusive=True,
            group=f"picture-{view_id}",
        )

    def _read_picture(
        self, view_id: str, source: Source, rows: int, columns: int, network: str | None
    ) -> None:
        """Draw a picture's file, in a thread; under a network's map, where one is asked for."""
        worker = get_current_worker()
        try:
            look, caption = None, ""
            if network is not None and isinstance(source, int):
                look, caption = self._look(source, network, worker)
            heat, region = (None, None) if look is None else (look.heat, look.region)
            picture, drawing = self.snapshot.picture(source), self.drawing
            # one picture of a screen is in pixels; more of them would leave parts of each other
            if drawing.is_in_pixels and view_id == PICTURE:
                shown: Cells | Pixels = picture_in_pixels(
                    picture, rows, columns, drawing, heat, region
                )
            else:
                glyphs = drawing.glyphs
                shown = picture_cells(picture, rows, columns, heat, region, glyphs=glyphs)
            drawn = PictureDrawn(view_id, source, shown, caption=caption)
        except DatrnetError as error:
            drawn = PictureDrawn(view_id, source, None, str(error))
        if not worker.is_cancelled:
            self.post_message(drawn)

    def _look(self, row: int, network: str, worker: Worker[object]) -> tuple["Look | None", str]:
        """Return where a network finds what matters, and that in words."""
        looker = self.snapshot.looker
        if looker is None:
            return None, ""
        wanted = self.value_to_find(row, network)
        picture = self.snapshot.picture(row)
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
        if view.source != message.source:
            return
        view.source_shown = message.source
        if view.id == PICTURE:
            self.detail.caption(message.caption)
        if message.picture is None:
            view.explain(message.trouble)
        else:
            view.show(message.picture)

    @on(PictureView.Resized)
    def _fit_picture(self, message: PictureView.Resized) -> None:
        self.show_picture(message.view, message.view.source)

    # ── actions ──────────────────────────────────────────────────────────────

    @on(WorkFailed)
    def _tell_failure(self, message: WorkFailed) -> None:
        message.stop()
        self.tell(message.error)

    def tell(self, error: DatrnetError) -> None:
        """Show an error as a notice."""
        self.notify(inert(str(error)), severity="error", markup=False)

    def action_copy_code(self) -> None:
        """Copy the code of the item under the cursor."""
        if (row := self.row) is not None:
            code = self.snapshot.catalog.codes[row]
            self.app.copy_to_clipboard(code)
            self.notify(f"Copied {inert(code)}", markup=False, timeout=2)

    @on(ThumbGrid.Entered)
    def _enter(self) -> None:
        row = self.grid.row
        if self.library.wants.picks and row is not None:
            self.post_message(Picked(self.snapshot.catalog.codes[row]))
        else:
            self.enter_item()

    def enter_item(self) -> None:
        """Do what enter does with the item under the cursor: show its substitutes."""
        self.action_substitutes()

    def action_substitutes(self) -> None:
        """Show substitutes of the item under the cursor."""
        if self.row is not None:
            self.open_item(self.row)

    def open_item(self, row: int) -> None:
        """Show substitutes of an item, or say why there are none."""
        try:
            query = self.snapshot.query_of(row)
        except DatrnetError as error:
            self.tell(error)
        else:
            self.open_visit(Visit(query))

    def open_visit(self, visit: Visit) -> None:
        """Show the substitutes of a query."""
        self.post_message(OpenSubstitutes((visit,)))

    # ── the shortlist ────────────────────────────────────────────────────────

    def on_mount(self) -> None:
        """Say on the cards which items are on the shortlist."""
        for grid in self.query(ThumbGrid):
            grid.sign = partial(self._sign_of_listed, grid)

    def _sign_of_listed(self, grid: ThumbGrid, position: int) -> str:
        code = self.snapshot.catalog.codes[grid.listing.rows[position]]
        return LISTED if code in self.session.shortlist else ""

    @on(events.ScreenResume)
    def _show_changed_shortlist(self) -> None:
        if self.is_mounted:
            self.shortlist_changed()

    def shortlist_changed(self) -> None:
        """Show what is on the shortlist now."""
        for grid in self.query(ThumbGrid):
            grid.redraw()

    def action_shortlist(self) -> None:
        """Put the item under the cursor on the shortlist, or take it off."""
        if (row := self.row) is None:
            return
        code, shortlist = self.snapshot.catalog.codes[row], self.session.shortlist
        done = "On the shortlist" if shortlist.toggle(code) else "Off the shortlist"
        self.notify(f"{done}: {inert(code)} ({len(shortlist)})", markup=False, timeout=2)
        self.shortlist_changed()

    @on(Exported)
    def _tell_exported(self, message: Exported) -> None:
        self.notify(f"Written: {inert(str(message.path.absolute()))}", markup=False)

    def action_mark(self) -> None:
        """Mark the item under the cursor as the one that values can be taken from, or unmark it."""
        row, library = self.row, self.library
        if row is None:
            return
        code = inert(library.snapshot.catalog.codes[row])
        if library.marked == row:
            library.marked = None
            self.notify(f"{code} is no longer marked", markup=False, timeout=2)
        elif library.snapshot.searcher is not None and library.snapshot.searcher.is_entangled:
            said = "This index compares all super-categories as one: none can be taken."
            self.notify(said, markup=False)
            return
        else:
            try:
                library.snapshot.query_of(row)
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
        if (row := self.row) is not None:
            self._open_picture(self.snapshot.picture(row).path)

    @work(thread=True, group="viewer")
    def _open_picture(self, path: Path) -> None:
        try:
            open_in_viewer(path)
        except DataError as error:
            self.post_message(WorkFailed(error))

    # ── a picture on disk ────────────────────────────────────────────────────

    def action_start_from_picture(self) -> None:
        """Ask for a picture that is in no catalogue, and show its substitutes."""
        if self.snapshot.index_error is not None:
            self.tell(self.snapshot.index_error)
            return
        self.app.push_screen(PicturePrompt(), self._begin_with_named)

    def on_paste(self, event: events.Paste) -> None:
        """Begin with a picture whose file was dropped on the terminal."""
        path = named_path(event.text)
        if not path.exists() or path.is_dir():
            self.notify("What was pasted is not the path of a picture.", timeout=3)
        else:
            self.begin_with(path)

    def _begin_with_named(self, name: str | None) -> None:
        if name is not None:
            self.begin_with(Path(name))

    def begin_with(self, path: Path) -> None:
        """Show the substitutes of a picture that is in no catalogue, or tell why there are none."""
        if self.snapshot.index_error is not None:
            self.tell(self.snapshot.index_error)
            return
        self.notify(f"Looking at {inert(path.name)} …", markup=False, timeout=3)
        self._embed(path.absolute())

    @work(thread=True, exclusive=True, group="embedding")
    def _embed(self, path: Path) -> None:
        worker = get_current_worker()
        try:
            query = self.snapshot.query_of_picture(path)
            done: PictureEmbedded | WorkFailed = PictureEmbedded(path, query)
        except DatrnetError as error:
            done = WorkFailed(error)
        if not worker.is_cancelled:
            self.post_message(done)

    @on(PictureEmbedded)
    def _go_on_with_picture(self, message: PictureEmbedded) -> None:
        self.open_visit(Visit(message.query, picture=message.path))

    def action_look(self, step: int) -> None:
        """Show where the next network looks, and after the last one the picture again."""
        searcher, looker, row = self.snapshot.searcher, self.snapshot.looker, self.row
        if searcher is None or looker is None:
            if self.snapshot.index_error is not None:
                self.tell(self.snapshot.index_error)
            return
        if row is None or not self.detail.picture.size.height:
            self.notify("There is no room for a picture here.", timeout=2)
            return
        shown = [None, *searcher.names]
        self._network = shown[(shown.index(self._network) + step) % len(shown)]
        if self._network is not None and not looker.is_ready(self._network):
            self.detail.caption("Loading the networks …")
        self.show_picture(self.detail.picture, row)
