"""What a screen with pictures draws: the item under the cursor, large, with its heatmaps."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.geometry import Size
from textual.screen import Screen
from textual.timer import Timer
from textual.worker import Worker, get_current_worker

from datrnet.core.errors import DatrnetError
from datrnet.core.graphics.blocks import Cells, fitting_size
from datrnet.tui.context import ExplorerContext, in_thread, start
from datrnet.tui.graphics.pictures import Pixels, picture_cells, picture_in_pixels
from datrnet.tui.graphics.thumbnails import Absent, InCells
from datrnet.tui.snapshot import Snapshot, Source
from datrnet.tui.widgets.detail_pane import PICTURE, DetailPane, Subject
from datrnet.tui.widgets.picture_view import PictureView
from datrnet.tui.widgets.thumb_grid import ThumbGrid

if TYPE_CHECKING:
    from datrnet.core.indexing.activations import Look
    from datrnet.core.retrieval.prototypes import Prediction, Prototype

PATIENCE = 0.2
"""Seconds until the thumbnail is shown in place of a picture still being read."""


class PictureScreen(Screen[None]):
    """A screen with a grid, and a pane about the item under its cursor."""

    debounce: ClassVar[float] = 0.03
    """Seconds of rest before work starts: a repeating key starts nothing in between."""

    def __init__(self, context: ExplorerContext) -> None:
        super().__init__()
        self.context = context
        self.library = context.library
        self._add_size_classes(self.app.size)
        self.set_class(context.drawing.protocol == "none", "-without-pictures", update=False)
        self._picture_timers: dict[PictureView, tuple[Timer, ...]] = {}
        self._mapped: str | None = None
        """The super-category whose activation map the detail pane shows."""
        self._view: tuple[Source | None, int] = (None, 0)
        """The number of the picture that the detail pane shows, of this item."""

    def _add_size_classes(self, size: Size) -> None:
        """Add the classes for a size now: Textual adds them only after a first layout."""
        breakpoints = (self.app.HORIZONTAL_BREAKPOINTS, self.app.VERTICAL_BREAKPOINTS)
        for length, names in zip(size, breakpoints, strict=True):
            fitting = [name for minimum, name in names or [] if length >= minimum]
            self.add_class(*fitting[-1:], update=False)

    @property
    def snapshot(self) -> Snapshot:
        """The catalog and index to show."""
        return self.library.snapshot

    @property
    def grid(self) -> ThumbGrid:
        """The pictures."""
        return self.query_one(ThumbGrid)

    def new_grid(self, name: str) -> ThumbGrid:
        """Return a grid of the library's thumbnails."""
        return ThumbGrid(self.library.thumbnails, lambda: self.context.drawing, id=name)

    @property
    def row(self) -> int | None:
        """The catalog row of the current item, None without one."""
        return self.grid.row

    @property
    def detail(self) -> DetailPane:
        """The pane about the current item."""
        return self.query_one(DetailPane)

    def subject(self, row: int) -> Subject:
        """Return what the detail pane shows of an item."""
        catalog = self.snapshot.catalog
        return Subject(
            code=catalog.codes[row],
            title=catalog.titles[row],
            labels=catalog.label_texts(row),
            predictions=self.predictions(row),
            facts=catalog.facts.words(row),
            num_variants=len(catalog.facts.variants(row)),
            num_pictures=self.snapshot.num_pictures(row),
        )

    def predictions(self, row: int) -> "Mapping[str, Prediction]":
        """Return the values that the model predicts for an item; none if it is not indexed."""
        searcher = self.snapshot.searcher
        if searcher is None or not searcher.is_indexed(row):
            return {}
        return searcher.predict(self.snapshot.query_of(row))

    def value_to_map(self, row: int, name: str) -> "Prototype | None":
        """Return the value whose activation map to show: the label, None without one.

        Raises:
            IndexStaleError: The label has no prototype.
        """
        searcher, value = self.snapshot.searcher, self.snapshot.catalog.labels_of(row)[name]
        return None if searcher is None or value is None else searcher.prototype(name, value)

    def show_error(self, error: DatrnetError) -> None:
        """Show an error as a notice."""
        self.notify(str(error), severity="error")

    def has_index(self) -> bool:
        """Return whether there is an index; if not, say why."""
        error = self.snapshot.index_error
        if error is not None:
            self.show_error(error)
        return error is None

    # ── pictures ─────────────────────────────────────────────────────────────

    def show_current(self) -> None:
        """Show the item under the cursor in the detail pane."""
        row = self.grid.row
        self.detail.show(None if row is None else self.subject(row))
        self.show_picture(self.detail.picture, row)

    def show_picture(self, view: PictureView, source: Source | None) -> None:
        """Show a picture in a moment; its thumbnail, if that takes longer.

        The picture before it stays until then, so that a moving cursor sends nothing.
        """
        for timer in self._picture_timers.pop(view, ()):
            timer.stop()
        view.source = source
        if source is None or not view.size:
            view.explain("")
            return
        draw = partial(start, self, f"picture-{view.id}", self._draw_picture, view, source)
        self._picture_timers[view] = (
            self.set_timer(self.debounce, draw),
            self.set_timer(PATIENCE, partial(self._show_thumbnail, view, source)),
        )

    def _show_thumbnail(self, view: PictureView, source: Source) -> None:
        """Show an item's enlarged thumbnail while its picture is still being read."""
        is_late = view.source_shown == source or view.source != source
        if is_late or isinstance(source, Path) or not view.size:
            return
        rows, columns = fitting_size(1, 1, rows=view.size.height, columns=view.size.width)
        draw = InCells(rows, columns, self.context.drawing.glyphs)
        thumbnail = self.library.thumbnails.get(source, draw)
        if isinstance(thumbnail, Cells):
            view.show(thumbnail)
        elif thumbnail is Absent.WAITING:
            self.set_timer(self.debounce, partial(self._show_thumbnail, view, source))

    async def _draw_picture(self, view: PictureView, source: Source) -> None:
        """Draw a picture's file, or its activation map."""
        worker, snapshot, drawing = get_current_worker(), self.snapshot, self.context.drawing
        rows, columns = view.size.height, view.size.width
        is_main = view.id == PICTURE
        mapped = self._mapped if is_main else None
        view_number = self._view[1] if is_main and self._view[0] == source else 0
        if not view.size:
            return

        def draw() -> tuple[Cells | Pixels, str]:
            look, caption = None, ""
            if mapped is not None and isinstance(source, int) and not view_number:
                look, caption = self._activation_map(source, mapped, worker)
            heat, region = (None, None) if look is None else (look.heat, look.region)
            if view_number and isinstance(source, int):
                caption = f"Picture {view_number + 1} of {snapshot.num_pictures(source)}"
            picture = snapshot.picture(source, view_number)
            if drawing.is_in_pixels:
                return picture_in_pixels(picture, rows, columns, drawing, heat, region), caption
            cells = picture_cells(picture, rows, columns, heat, region, glyphs=drawing.glyphs)
            return cells, caption

        picture: Cells | Pixels | None = None
        job = nullcontext() if mapped is None else self._heatmap_job(mapped, source)
        try:
            with job:
                picture, text = await in_thread(self, draw)
        except DatrnetError as error:
            text = str(error)
        if view.source != source:
            return
        view.source_shown = source
        if is_main:
            self.detail.caption(text if picture is not None else "")
        if picture is None:
            view.explain(text)
        else:
            view.show(picture)

    def _heatmap_job(self, name: str, source: Source) -> AbstractContextManager[object]:
        """Return the job of computing a heatmap; without it, there is the plain picture."""

        def leave() -> None:
            self._mapped = None
            self.show_picture(self.detail.picture, source)

        return self.context.jobs.job(f"Heatmap: {name}", leave)

    def _activation_map(
        self, row: int, name: str, worker: Worker[object]
    ) -> tuple["Look | None", str]:
        """Return the activation map of a super-category, and its caption."""
        looker, searcher = self.snapshot.looker, self.snapshot.searcher
        if looker is None or searcher is None or name not in searcher.names:
            return None, ""
        value, picture = self.value_to_map(row, name), self.snapshot.picture(row)
        network = searcher.name_in_run(name)
        look = looker.look(picture, network, value, lambda: not worker.is_cancelled)
        if look is None:
            return None, f"No {name} label to look for"
        if look.region is not None:
            return look, f"In the frame: {name} {look.value}"
        if not look.heat.any():
            return None, f"The {name} network finds no {look.value} here"
        return look, f"Where the {name} network finds {look.value}"

    @on(PictureView.Resized)
    def _fit_picture(self, message: PictureView.Resized) -> None:
        self.show_picture(message.view, message.view.source)

    def action_look(self, step: int) -> None:
        """Show the activation map of the next super-category; after the last, the picture."""
        searcher, looker, row = self.snapshot.searcher, self.snapshot.looker, self.row
        if not self.has_index() or searcher is None or looker is None:
            return
        if row is None or not self.detail.picture.size.height:
            self.notify("There is no room for a picture here.", timeout=2)
            return
        names = [None, *searcher.names]
        shown = self._mapped if self._mapped in names else None  # it may have been dropped since
        self._mapped, self._view = names[(names.index(shown) + step) % len(names)], (row, 0)
        if self._mapped and not looker.is_ready(searcher.name_in_run(self._mapped)):
            self.detail.caption("Loading the networks …")
        self.show_picture(self.detail.picture, row)

    def action_leaf(self, step: int) -> None:
        """Show the item's next picture; after the last, its first."""
        if (row := self.row) is None:
            return
        if (number := self.snapshot.num_pictures(row)) == 1:
            self.notify("The item has one picture.", timeout=2)
            return
        shown = self._view[1] if self._view[0] == row else 0
        self._view = row, (shown + step) % number
        self.show_picture(self.detail.picture, row)

    def action_large(self, query: Source | None = None) -> None:
        """Show the item over the whole screen, beside a query."""
        from datrnet.tui.screens.large_picture import LargePictureScreen

        if self.row is not None:
            self.app.push_screen(LargePictureScreen(self.context, self.grid, query))
