"""The catalogue as a grid, narrowed down by text search and by facets."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from datrnet.core.catalog.catalog import PICTURE_STATES, picture_states
from datrnet.core.catalog.sort_order import AS_IMPORTED, Order, keys_of, ranks, sorted_rows
from datrnet.core.errors import DatabaseError
from datrnet.core.retrieval.facets import facets_of
from datrnet.core.text import inert
from datrnet.tui.library import Library
from datrnet.tui.messages import OpenReview, PicturesChecked, Ranked, TitlesFound, WorkFailed
from datrnet.tui.review_session import ReviewSession
from datrnet.tui.screens.dialogs import Choice
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.screens.jump import JumpPrompt
from datrnet.tui.session_log import SessionLog
from datrnet.tui.snapshot import RowMap, Source
from datrnet.tui.widgets.chips import Chip, Chips
from datrnet.tui.widgets.detail_pane import DetailPane
from datrnet.tui.widgets.facet_rail import FacetRail
from datrnet.tui.widgets.key_line import KeyLine
from datrnet.tui.widgets.thumb_grid import Listing, ThumbGrid
from datrnet.tui.widgets.title_bar import TitleBar
from datrnet.tui.widgets.too_small import TooSmall


class BrowseScreen(ExplorerScreen):
    """Where the explorer begins."""

    HELP_TITLE = "Catalogue"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", key_display="/", id="catalog.search"),
        Binding("f", "facets", "Facets", id="catalog.facets"),
        Binding("t", "sort", "Sort", id="catalog.sort"),
        Binding("T", "reverse", "The other end first", show=False, id="catalog.reverse"),
        Binding(
            "number_sign,J",
            "jump",
            "Jump to an id",
            key_display="#",
            show=False,
            id="catalog.jump",
        ),
        Binding("n", "match(1)", "Next match", show=False, id="catalog.next_match"),
        Binding("N", "match(-1)", "Previous match", show=False, id="catalog.previous_match"),
        Binding("s", "substitutes", "Substitutes", id="catalog.substitutes"),
        Binding("v", "review", "Review", id="catalog.review"),
        Binding(
            "escape",
            "clear_search",
            "Clear the search, then the facets",
            show=False,
            id="catalog.clear_search",
        ),
        Binding(
            "tab", "swap_focus", "Search field and pictures", show=False, id="catalog.swap_focus"
        ),
    ]
    AUTO_FOCUS = "ThumbGrid"

    check_pictures_after: ClassVar[float] = 1.0
    """Seconds after the start: until then the screen has better things to do."""

    def __init__(self, library: Library, session: SessionLog) -> None:
        super().__init__(library, session)
        self._search_timer: Timer | None = None
        self._shown_text = ""
        self._counted = library.snapshot
        """The snapshot whose labels the facets count."""
        self._found = library.snapshot.rows
        """What the text search found, which the facets narrow down."""
        self._order = Order()
        self._ranks = {AS_IMPORTED: ranks(library.snapshot.catalog, AS_IMPORTED)}
        self._categories = library.snapshot.catalog.super_categories
        """What the facets are about: the super-categories, and whether there is a picture."""
        self._labels = library.snapshot.catalog.labels

    def compose(self) -> ComposeResult:
        """Search field over the grid, detail beside it."""
        yield TitleBar()
        catalog = self.snapshot.catalog
        with Horizontal(id="body"):
            yield FacetRail(catalog.super_categories, catalog.labels)
            with Vertical(id="middle"):
                with Horizontal(id="search-line"):
                    yield Static("/", id="search-sign")
                    yield Input(placeholder="Search titles and codes", id="search", compact=True)
                yield Chips()
                yield ThumbGrid(self.library.thumbnails, id="catalogue")
            yield DetailPane(id="detail")
        yield Static(id="trouble", markup=False)
        yield KeyLine()
        yield TooSmall()

    def on_mount(self) -> None:
        """Show the whole catalogue."""
        self._tell_trouble()
        self._list("", self.snapshot.rows)
        self._tell_unknown()
        self.set_timer(self.check_pictures_after, self._check_pictures)
        if self.library.begins_with is not None:
            self.call_after_refresh(self._begin, self.library.begins_with)

    def _begin(self, source: Source) -> None:
        """Show the substitutes that the explorer was opened for; the catalogue lies behind."""
        if isinstance(source, Path):
            self.begin_with(source)
            return
        places = np.flatnonzero(self.grid.listing.rows == source)
        if len(places):
            self.grid.move_to(int(places[0]))
        self.open_item(source)

    def _tell_trouble(self) -> None:
        trouble = self.snapshot.index_error
        notice = self.query_one("#trouble", Static)
        notice.set_class(trouble is None, "-untroubled")
        notice.update(f"{inert(str(trouble))} Until then there are no substitutes.")

    def _tell_unknown(self) -> None:
        """Say which of the items handed in the catalogue lacks."""
        unknown = () if self.snapshot.subset is None else self.snapshot.subset.unknown
        if unknown:
            some = ", ".join(unknown[:5]) + (", …" if len(unknown) > 5 else "")
            verb = "is" if len(unknown) == 1 else "are"
            told = f"{len(unknown):,} of the ids given {verb} not in the catalogue: {some}"
            self.notify(inert(told), severity="warning", markup=False)

    def on_screen_resume(self) -> None:
        """Count again if labels have been changed meanwhile."""
        if self._counted is not self.snapshot:
            self._counted = self.snapshot
            labels = self.snapshot.catalog.labels
            # after the super-categories comes a column of pictures
            self._labels = np.column_stack([labels, self._labels[:, labels.shape[1] :]])
            self.query_one(FacetRail).order_by(self._labels)
            self._narrow_down()

    async def renewed(self, moved: RowMap) -> None:
        """Show what is found now: the search, the facets and the item under the cursor stay."""
        await super().renewed(moved)
        self._tell_trouble()
        catalog, self._counted = self.snapshot.catalog, self.snapshot
        self._order, self._ranks = Order(), {AS_IMPORTED: ranks(catalog, AS_IMPORTED)}
        self._categories, self._labels = catalog.super_categories, catalog.labels
        self.query_one(FacetRail).renew(catalog.super_categories, catalog.labels)
        if self._shown_text:
            still_there = moved.rows[self._found]
            self._list(self._shown_text, still_there[still_there >= 0])
            self._find_titles(self._shown_text)
        else:
            self._list("", self.snapshot.rows)
        self._check_pictures()

    def _list(self, text: str, found: NDArray[np.intp]) -> None:
        """Show what a text search found, as the facets narrow it down."""
        self._shown_text, self._found = text, found
        self._narrow_down()

    @on(FacetRail.Changed)
    def _narrow_down(self) -> None:
        """Show the items that carry what is chosen; the cursor stays on its item where it can."""
        self._show_rows(self.grid.row)

    def _show_rows(self, row: int | None) -> None:
        """Show what search and facets leave, in order, with the cursor on an item if it can be."""
        catalog, grid, rail = self.snapshot.catalog, self.grid, self.query_one(FacetRail)
        num_values = [len(one.values) for one in self._categories]
        facets = facets_of(self._labels, self._found, num_values, rail.chosen)
        rail.show(facets.counts)
        rows = facets.rows
        if self._order != Order():  # else as the catalogue has them, or the best match first
            rows = sorted_rows(rows, self._ranks[self._order.key], self._order)
        places = np.flatnonzero(rows == (-1 if row is None else row))
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
        total = f"{self.snapshot.catalog.num_items:,} items"
        found = [Chip(f"“{text}” {len(self._found):,}", None)] if text else []
        self.query_one(Chips).show([*found, *self.query_one(FacetRail).chips])
        narrowed = text or words or self.snapshot.subset is not None
        bar = self.query_one(TitleBar)
        bar.trail = ("Catalogue", *([f"“{text}”"] if text else []), *([words] if words else []))
        facts = f"{num_rows:,} of {total}" if narrowed else total
        bar.facts = " · ".join(filter(None, (facts, self._order_words)))

    @property
    def _order_words(self) -> str:
        """What the items are ordered by, in words; nothing where that is as ever."""
        order = self._order
        if order == Order():
            return "best match first" if self._shown_text else ""
        if order.key == AS_IMPORTED:
            return "newest first"
        return f"by {inert(order.key.removeprefix(':'))} {'↓' if order.is_reversed else '↑'}"

    @property
    def _empty_text(self) -> str:
        """What stands where no item is shown."""
        text, words = inert(self._shown_text), inert(self.query_one(FacetRail).words)
        if words and len(self._found):
            return f"No item is {words}. Escape clears the facets."
        if text:
            return f"No title or code has “{text}”."
        return "The catalogue is empty. Run `datrnet import CATALOG`."

    @on(Chips.Dropped)
    def _drop(self, message: Chips.Dropped) -> None:
        """Narrow the list down by one thing less, or by nothing."""
        chip, rail = message.chip, self.query_one(FacetRail)
        if chip is None:
            rail.clear_choice()
        elif chip.super_category is not None:
            rail.drop(chip.super_category)
        if chip is None or chip.super_category is None:
            self.query_one("#search", Input).value = ""
        self.set_focus(self.grid)

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
            self._list("", self.snapshot.rows)

    @work(thread=True, exclusive=True, group="titles")
    def _find_titles(self, text: str) -> None:
        worker = get_current_worker()
        try:
            found: TitlesFound | WorkFailed = TitlesFound(text, self.snapshot.search_titles(text))
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

    def action_match(self, step: int) -> None:
        """Go to the next item that the search found, or to the one before; over the ends."""
        if not self._shown_text:
            self.notify("There is no search: / begins one.", timeout=2)
        elif num_matches := len(self.grid.listing.rows):
            self.grid.move_to((self.grid.cursor + step) % num_matches)

    # ── order ────────────────────────────────────────────────────────────────

    def action_sort(self) -> None:
        """Ask what to order by; what is chosen already is turned round."""
        keys = keys_of(self.snapshot.catalog)
        words = ["as in the catalogue; searching: best match first", "by id", "by title"]
        words += [f"by {key.removeprefix(':')}" for key in keys[len(words) :]]
        at = keys.index(self._order.key)
        words[at] += " (again: reversed)"

        def choose(place: int | None) -> None:
            if place == at:
                self.action_reverse()
            elif place is not None:
                self._sort(Order(keys[place]))

        self.app.push_screen(Choice("Sort", words, at), choose)

    def action_reverse(self) -> None:
        """Turn the order round."""
        self._sort(replace(self._order, is_reversed=not self._order.is_reversed))

    def _sort(self, order: Order) -> None:
        if order.key in self._ranks:
            self._order = order
            self._narrow_down()
        else:
            self._rank(order)

    @work(thread=True, exclusive=True, group="order")
    def _rank(self, order: Order) -> None:
        worker = get_current_worker()
        message = Ranked(order, ranks(self.snapshot.catalog, order.key))
        if not worker.is_cancelled:
            self.post_message(message)

    @on(Ranked)
    def _show_in_order(self, message: Ranked) -> None:
        self._ranks[message.order.key] = message.ranks
        self._sort(message.order)

    # ── pictures that are gone ───────────────────────────────────────────────

    @work(thread=True, exclusive=True, group="pictures")
    def _check_pictures(self) -> None:
        """Look for pictures that are gone since the import."""
        worker, library = get_current_worker(), self.library
        try:
            stamps = library.store.picture_stamps()
        except DatabaseError:
            return  # a facet less
        states = picture_states(
            library.workspace, library.snapshot.catalog, stamps, lambda: not worker.is_cancelled
        )
        if not worker.is_cancelled and states.any():
            self.post_message(PicturesChecked(states))

    @on(PicturesChecked)
    def _offer_pictures(self, message: PicturesChecked) -> None:
        """Let items be chosen by what has become of their pictures."""
        self._categories = (*self._categories, PICTURE_STATES)
        self._labels = np.column_stack([self._labels, message.states])
        self.query_one(FacetRail).add(PICTURE_STATES, message.states)
        self._narrow_down()

    # ── jumping ──────────────────────────────────────────────────────────────

    def action_jump(self) -> None:
        """Ask for an id and go there, out of a narrowed list too."""
        before = self.grid.row

        def go(row: int | None) -> str:
            places = np.flatnonzero(self.grid.listing.rows == (before if row is None else row))
            if len(places):
                self.grid.move_to(int(places[0]))
                return ""
            return self._obstacle(row)

        self.app.push_screen(JumpPrompt(self.library, go), self._jump)

    def _obstacle(self, row: int | None) -> str:
        """Say why an item is not among those shown."""
        if row not in self.snapshot.rows:
            return "It is not among the items given, so it cannot be shown."
        return f"It is not among those shown: enter clears {self._narrowed_by}."

    @property
    def _narrowed_by(self) -> str:
        words = self.query_one(FacetRail).words
        search = f"the search “{self._shown_text}”" if self._shown_text else ""
        return " and ".join(filter(None, (search, f"the facets {words}" if words else "")))

    def _jump(self, code: str | None) -> None:
        row = None if code is None else self.snapshot.catalog.find_code(code)
        if row is None:
            return
        places = np.flatnonzero(self.grid.listing.rows == row)
        if len(places):
            self.grid.move_to(int(places[0]))
        elif row not in self.snapshot.rows:
            self.notify(inert(f"{code}: {self._obstacle(row)}"), markup=False)
        else:
            self.notify(inert(f"Cleared {self._narrowed_by}"), markup=False, timeout=4)
            self._shown_text, self._found = "", self.snapshot.rows
            self.query_one("#search", Input).value = ""
            self.query_one(FacetRail).clear_choice()
            self._show_rows(row)
        self.set_focus(self.grid)

    # ── the item under the cursor ────────────────────────────────────────────

    @on(ThumbGrid.Highlighted)
    def _show_item(self) -> None:
        row = self.grid.row
        self.detail.show(None if row is None else self.subject(row))
        self.show_picture(self.detail.picture, row)

    def action_review(self) -> None:
        """Look through what the catalogue may have wrong, twice or not at all."""
        self.post_message(OpenReview(ReviewSession()))

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
