"""The catalogue as a grid, with text search."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widgets import Footer, Input, Static
from textual.worker import get_current_worker

from datrnet.core.data.inert_text import inert
from datrnet.core.errors import DatabaseError
from datrnet.tui.library import Library
from datrnet.tui.messages import TitlesFound, WorkFailed
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.screens.substitutes import SubstitutesScreen
from datrnet.tui.session_log import SessionLog
from datrnet.tui.widgets.detail_pane import DetailPane
from datrnet.tui.widgets.thumb_grid import Listing, ThumbGrid
from datrnet.tui.widgets.title_bar import TitleBar
from datrnet.tui.widgets.too_small import TooSmall


class BrowseScreen(ExplorerScreen):
    """Where the explorer begins."""

    HELP_TITLE = "Catalogue"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", key_display="/"),
        Binding("s", "substitutes", "Substitutes"),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("escape", "clear_search", "Clear the search", show=False),
        Binding("tab", "swap_focus", "Search field and pictures", show=False),
    ]
    AUTO_FOCUS = "ThumbGrid"

    def __init__(self, library: Library, session: SessionLog) -> None:
        super().__init__(library, session)
        self._search_timer: Timer | None = None
        self._shown_text = ""

    def compose(self) -> ComposeResult:
        """Search field over the grid, detail beside it."""
        yield TitleBar()
        with Horizontal(id="body"):
            with Vertical(id="middle"):
                with Horizontal(id="search-line"):
                    yield Static("/", id="search-sign")
                    yield Input(placeholder="Search titles and codes", id="search", compact=True)
                yield ThumbGrid(self.library.thumbnails, id="catalogue")
            yield DetailPane(id="detail")
        yield Static(id="trouble", markup=False)
        yield Footer(show_command_palette=False, compact=True)
        yield TooSmall()

    def on_mount(self) -> None:
        """Show the whole catalogue."""
        trouble = self.library.trouble
        notice = self.query_one("#trouble", Static)
        notice.set_class(trouble is None, "-untroubled")
        notice.update(f"{inert(str(trouble))} Until then there are no substitutes.")
        self._list("", self.library.every_row)

    def _list(self, text: str, rows: NDArray[np.intp]) -> None:
        """Show some of the catalogue; the cursor stays on its item where that is among them."""
        catalog, grid = self.library.catalog, self.grid
        places = np.flatnonzero(rows == (-1 if grid.row is None else grid.row))
        self._shown_text = text
        bar = self.query_one(TitleBar)
        bar.trail = ("Catalogue", f"“{text}”") if text else ("Catalogue",)
        total = f"{catalog.num_items:,} items"
        bar.facts = f"{len(rows):,} of {total}" if text else total
        empty = "The catalogue is empty. Run `datrnet import CATALOG`."
        grid.show(
            Listing(
                rows=rows,
                caption=lambda position: (
                    catalog.titles[rows[position]],
                    catalog.codes[rows[position]],
                ),
            ),
            cursor=int(places[0]) if len(places) else 0,
            empty_text=f"No title or code has “{inert(text)}”." if text else empty,
        )

    # ── search ───────────────────────────────────────────────────────────────

    @on(Input.Changed, "#search")
    def _search_soon(self, event: Input.Changed) -> None:
        if self._search_timer is not None:
            self._search_timer.stop()
        text = event.value.strip()
        self._search_timer = self.set_timer(self.debounce, lambda: self._search(text))

    def _search(self, text: str) -> None:
        if text == self._shown_text:
            return
        if text:
            self._find_titles(text)
        else:
            self._list("", self.library.every_row)

    @work(thread=True, exclusive=True, group="titles")
    def _find_titles(self, text: str) -> None:
        worker = get_current_worker()
        try:
            found: TitlesFound | WorkFailed = TitlesFound(text, self.library.rows_titled(text))
        except DatabaseError as error:
            found = WorkFailed(error)
        if not worker.is_cancelled:
            self.post_message(found)

    @on(TitlesFound)
    def _show_found(self, message: TitlesFound) -> None:
        if message.text == self.query_one("#search", Input).value.strip():
            self._list(message.text, message.rows)

    @on(Input.Submitted, "#search")
    def _leave_search(self) -> None:
        self.grid.focus()

    # ── the item under the cursor ────────────────────────────────────────────

    @on(ThumbGrid.Highlighted)
    def _show_item(self) -> None:
        row = self.grid.row
        self.detail.show(None if row is None else self.subject(row))
        self.show_picture(self.detail.picture, row)

    @on(ThumbGrid.Entered)
    def action_substitutes(self) -> None:
        """Show substitutes of the item under the cursor."""
        row = self.grid.row
        if row is None:
            return
        if self.library.trouble is not None:
            self.tell(self.library.trouble)
            return
        self.app.push_screen(SubstitutesScreen(self.library, self.session, row))

    def action_search(self) -> None:
        """Go to the search field."""
        self.query_one("#search", Input).focus()

    def action_clear_search(self) -> None:
        """Show the whole catalogue again."""
        self.query_one("#search", Input).value = ""
        self.grid.focus()

    def action_swap_focus(self) -> None:
        """Go from the search field to the pictures or back."""
        if self.grid.has_focus:
            self.action_search()
        else:
            self.grid.focus()
