"""The catalogue as a grid, narrowed down by text search and by facets."""

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
from datrnet.core.retrieval.facets import facets_of
from datrnet.tui.library import Library
from datrnet.tui.messages import TitlesFound, WorkFailed
from datrnet.tui.renewing import Renumbering
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.screens.substitutes import SubstitutesScreen
from datrnet.tui.session_log import SessionLog
from datrnet.tui.widgets.detail_pane import DetailPane
from datrnet.tui.widgets.facet_rail import FacetRail
from datrnet.tui.widgets.thumb_grid import Listing, ThumbGrid
from datrnet.tui.widgets.title_bar import TitleBar
from datrnet.tui.widgets.too_small import TooSmall


class BrowseScreen(ExplorerScreen):
    """Where the explorer begins."""

    HELP_TITLE = "Catalogue"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", key_display="/"),
        Binding("f", "facets", "Facets"),
        Binding("s", "substitutes", "Substitutes"),
        Binding("question_mark,f1", "help", "Help", key_display="?"),
        Binding("escape", "clear_search", "Clear the search, then the facets", show=False),
        Binding("tab", "swap_focus", "Search field and pictures", show=False),
    ]
    AUTO_FOCUS = "ThumbGrid"

    def __init__(self, library: Library, session: SessionLog) -> None:
        super().__init__(library, session)
        self._search_timer: Timer | None = None
        self._shown_text = ""
        self._found = library.every_row
        """What the text search found, which the facets narrow down."""

    def compose(self) -> ComposeResult:
        """Search field over the grid, detail beside it."""
        yield TitleBar()
        catalog = self.library.catalog
        with Horizontal(id="body"):
            yield FacetRail(catalog.super_categories, catalog.labels)
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
        self._tell_trouble()
        self._list("", self.library.every_row)

    def _tell_trouble(self) -> None:
        trouble = self.library.trouble
        notice = self.query_one("#trouble", Static)
        notice.set_class(trouble is None, "-untroubled")
        notice.update(f"{inert(str(trouble))} Until then there are no substitutes.")

    async def renewed(self, moved: Renumbering) -> None:
        """Show what is found now: the search, the facets and the item under the cursor stay."""
        await super().renewed(moved)
        self._tell_trouble()
        catalog = self.library.catalog
        self.query_one(FacetRail).renew(catalog.super_categories, catalog.labels)
        if self._shown_text:
            still_there = moved.rows[self._found]
            self._list(self._shown_text, still_there[still_there >= 0])
            self._find_titles(self._shown_text)
        else:
            self._list("", self.library.every_row)

    def _list(self, text: str, found: NDArray[np.intp]) -> None:
        """Show what a text search found, as the facets narrow it down."""
        self._shown_text, self._found = text, found
        self._narrow_down()

    @on(FacetRail.Changed)
    def _narrow_down(self) -> None:
        """Show the items that carry what is chosen; the cursor stays on its item where it can."""
        catalog, grid, rail = self.library.catalog, self.grid, self.query_one(FacetRail)
        num_values = [len(one.values) for one in catalog.super_categories]
        facets = facets_of(catalog.labels, self._found, num_values, rail.chosen)
        rail.show(facets.counts)
        rows = facets.rows
        places = np.flatnonzero(rows == (-1 if grid.row is None else grid.row))
        self._write_title(len(rows))
        grid.show(
            Listing(
                rows=rows,
                caption=lambda position: (
                    catalog.titles[rows[position]],
                    catalog.codes[rows[position]],
                ),
            ),
            cursor=int(places[0]) if len(places) else 0,
            empty_text=self._empty_text,
        )

    def _write_title(self, num_rows: int) -> None:
        text, words = self._shown_text, self.query_one(FacetRail).words
        total = f"{self.library.catalog.num_items:,} items"
        bar = self.query_one(TitleBar)
        bar.trail = ("Catalogue", *([f"“{text}”"] if text else []), *([words] if words else []))
        bar.facts = f"{num_rows:,} of {total}" if text or words else total

    @property
    def _empty_text(self) -> str:
        """What stands where no item is shown."""
        text, words = inert(self._shown_text), inert(self.query_one(FacetRail).words)
        if words and len(self._found):
            return f"No item is {words}. Escape clears the facets."
        if text:
            return f"No title or code has “{text}”."
        return "The catalogue is empty. Run `datrnet import CATALOG`."

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
    def _leave_search(self, event: Input.Submitted) -> None:
        self._search(event.value.strip())  # again, if it could not be done the first time
        self.set_focus(self.grid)

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
        self.set_focus(self.query_one("#search", Input))

    def action_clear_search(self) -> None:
        """Show all that the facets leave; without a search the whole catalogue again."""
        field = self.query_one("#search", Input)
        if not field.value:
            self.query_one(FacetRail).clear_choice()
        field.value = ""
        self.grid.focus()

    def action_facets(self) -> None:
        """Go to the facets or back; where they have no room of their own, show or hide them."""
        rail = self.query_one(FacetRail)
        if rail.has_focus:
            self.remove_class("-facets")
            self.set_focus(self.grid)
            return
        is_there = rail.display
        self.add_class("-facets")
        if is_there:
            # at once, where focus() waits: what is typed next is meant for the facets
            self.set_focus(rail)
        else:
            rail.focus()

    def action_swap_focus(self) -> None:
        """Go from the search field to the pictures or back."""
        if self.grid.has_focus:
            self.action_search()
        else:
            self.set_focus(self.grid)
