"""The catalog as a grid, narrowed down by a text search and facets."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from datrnet.core.catalog.fact_facets import Facet, fact_facets
from datrnet.core.catalog.picture_states import PICTURE_STATES, picture_states
from datrnet.core.catalog.sort_order import Order, keys_of, name_of, ranks
from datrnet.core.errors import DatabaseError, DatrnetError, words_for_unknown
from datrnet.core.text import sanitize
from datrnet.tui.catalog_state import CatalogState, Filter, conditions_of
from datrnet.tui.context import ExplorerContext, OpenMap, OpenReview, in_thread, start
from datrnet.tui.keymap import hidden
from datrnet.tui.query_state import History
from datrnet.tui.screens.dialogs import Choice, JumpPrompt
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.snapshot import RowMap, Source
from datrnet.tui.state import Visit
from datrnet.tui.text_search import TextSearch
from datrnet.tui.widgets.bars import SearchField, TitleBar, foot
from datrnet.tui.widgets.chips import Chips
from datrnet.tui.widgets.detail_pane import DetailPane
from datrnet.tui.widgets.facet_rail import FacetRail
from datrnet.tui.widgets.thumb_grid import Listing, ThumbGrid


class BrowseScreen(ExplorerScreen):
    """The first screen."""

    HELP_TITLE = "Catalog"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "slash",
            "search",
            "Search",
            key_display="/",
            tooltip="Search; among the facets, find a value",
            id="catalog.search",
        ),
        Binding("f", "facets", "Facets", id="catalog.facets"),
        Binding("t", "sort", "Sort", id="catalog.sort"),
        hidden("T", "reverse", "Reverse the order", id="catalog.reverse"),
        hidden("number_sign,J", "jump", "Jump to an id", key_display="#", id="catalog.jump"),
        hidden("n", "match(1)", "Next match", id="catalog.next_match"),
        hidden("N", "match(-1)", "Previous match", id="catalog.previous_match"),
        hidden("comma", "chips", "Chips of the search", key_display=",", id="catalog.chips"),
        Binding("s", "substitutes", "Substitutes", id="catalog.substitutes"),
        Binding("v", "review", "Review", id="catalog.review"),
        Binding("M", "map", "Map", id="catalog.map"),
        hidden("u", "undo", "Undo a search or facet", id="catalog.undo"),
        hidden("r,ctrl+r", "redo", "Redo", id="catalog.redo"),
        hidden(
            "escape",
            "clear_search",
            "Leave field or facets; then clear the search, then the facets",
            id="catalog.clear_search",
        ),
        hidden("tab", "swap_focus", "Search field or pictures", id="catalog.swap_focus"),
    ]
    AUTO_FOCUS = "ThumbGrid"

    check_pictures_after: ClassVar[float] = 1.0
    """Seconds after the start: the first page comes first."""

    shown_after: ClassVar[float] = 0.005
    """Seconds of a search after which what it has found is shown; the rest comes later."""

    def __init__(self, context: ExplorerContext) -> None:
        super().__init__(context)
        self.state = CatalogState(self.snapshot)
        self._search_timer: Timer | None = None
        self._is_submitted = False
        """Whether enter was pressed in the search field."""

    def compose(self) -> ComposeResult:
        """Facets, search field and grid, and the item under the cursor."""
        yield TitleBar()
        with Horizontal(id="body"):
            yield FacetRail(self.state)
            with Vertical(id="middle"):
                with Horizontal(id="search-line"):
                    yield Static("/", id="search-sign")
                    yield SearchField(self.snapshot.catalog)
                yield Chips()
                yield self.new_grid("catalog")
            yield DetailPane(id="detail")
        yield Static(id="trouble", classes="-untroubled", markup=False)
        yield from foot()

    def on_mount(self) -> None:
        """Show the whole catalog."""
        self._show()
        self.call_after_refresh(self._show_index_error)  # the pictures come first
        self._report_unknown()
        self._find_facets()
        self.set_timer(self.check_pictures_after, self._check_pictures)
        if self.library.first_query is not None:
            self.call_after_refresh(self._open_first, self.library.first_query)

    def _open_first(self, source: Source) -> None:
        """Show the substitutes that the explorer was started with, above the catalog."""
        if isinstance(source, Path):
            self.open_picture(source)
            return
        self._go_to(source)
        self.open_item(source)

    def _show_index_error(self) -> None:
        error = self.snapshot.index_error
        notice = self.query_one("#trouble", Static)
        notice.set_class(error is None, "-untroubled")
        notice.update(f"{sanitize(str(error))} Substitutes need an index.")

    def _report_unknown(self) -> None:
        """Say which of the given ids the catalog lacks."""
        if (subset := self.snapshot.subset) is not None and subset.unknown:
            self.notify(words_for_unknown(subset.unknown), severity="warning")

    def on_screen_resume(self) -> None:
        """Count again if labels have been changed meanwhile."""
        if self.state.snapshot is not self.snapshot:
            self.state.relabel(self.snapshot)
            self._show()

    async def renewed(self, row_map: RowMap) -> None:
        """Show the new catalog; the search, the facets and the current item stay."""
        await super().renewed(row_map)
        self._show_index_error()
        self.state.renew(self.snapshot, row_map)
        self.rail.reset()
        self._show()
        if self.state.text:
            start(self, "titles", self._find, self.state.text)
        self._find_facets()
        self._check_pictures()

    @property
    def field(self) -> Input:
        """The search field."""
        return self.query_one("#search", Input)

    @property
    def rail(self) -> FacetRail:
        """The facets."""
        return self.query_one(FacetRail)

    @on(FacetRail.Changed)
    def _show_query(self) -> None:
        """Show what the catalog is to be narrowed down by; a text that has changed is searched."""
        self.field.value = self.state.query.text
        self._show()

    def _show(self) -> None:
        """Show what search and facets leave; the cursor stays on its item if possible."""
        state, bar, row = self.state, self.query_one(TitleBar), self.grid.row
        self.rail.show()
        self.query_one(Chips).show(state.filters)
        bar.trail, bar.facts = state.trail, state.facts
        places = np.flatnonzero(state.rows == (-1 if row is None else row))
        self.grid.show(
            Listing.of_items(self.snapshot.catalog, state.rows),
            cursor=int(places[0]) if len(places) else 0,
            empty_text=state.empty_text,
        )

    @on(Chips.Dropped)
    def _drop(self, message: Chips.Dropped) -> None:
        """Remove a filter, or all of them."""
        chip = message.chip if isinstance(message.chip, Filter) else None
        if chip is None:
            self.state.clear()
            self._show_query()
        elif chip.super_category is not None:
            self.state.drop(chip)
            self._show()
        else:
            self.field.value = chip.rest
        if not self.query_one(Chips).has_focus:
            self.set_focus(self.grid)

    # ── search ───────────────────────────────────────────────────────────────

    @on(Input.Changed, "#search")
    def _search_soon(self, event: Input.Changed) -> None:
        if self._search_timer is not None:
            self._search_timer.stop()
        self._is_submitted = False
        text = event.value.strip()
        self._search_timer = self.set_timer(self.debounce, lambda: self._search(text))

    def _search(self, text: str) -> None:
        if text == self.state.text and self.state.is_complete:
            return
        if text:
            start(self, "titles", self._find, text)
        else:
            self.state.show_found("", self.snapshot.rows)
            self._show()

    @property
    def holds_keys(self) -> bool:
        """Whether keys wait for the search: those after enter are meant for what it finds."""
        return self._is_submitted and self.field.value.strip() != self.state.text

    async def _find(self, text: str) -> None:
        """Show the first items that are found at once, and all of them once they are found."""
        worker = get_current_worker()
        try:
            found = await in_thread(self, TextSearch.of, self.snapshot, text)
            for seconds in (self.shown_after, math.inf):
                is_complete = await in_thread(
                    self, found.find, seconds, lambda: worker.is_cancelled
                )
                if text != self.field.value.strip():
                    return
                self.state.show_found(text, found.rows, found.understood, is_complete=is_complete)
                if not self.field.has_focus:
                    self.state.settle()
                self._show()
                if is_complete:
                    return
        except DatrnetError as error:
            self._is_submitted = False
            self.show_error(error)

    @on(Input.Submitted, "#search")
    def _submit(self, event: Input.Submitted) -> None:
        self._is_submitted = True
        self._search(event.value.strip())  # again, if it failed the first time
        self._leave_search()

    def _leave_search(self) -> None:
        """Leave the field with its text, which is a step to undo."""
        self.state.settle()
        self.set_focus(self.grid)

    def action_search(self) -> None:
        """Go to the search field; among the facets, type the beginning of a value."""
        if self.rail.has_focus:
            self.rail.action_find()
        else:
            self.set_focus(self.field)

    def action_clear_search(self) -> None:
        """Leave the field, facets or chips; else clear the search, or without one the facets."""
        if self.field.has_focus:
            self._leave_search()
        elif self.rail.has_focus:
            self.action_facets()
        elif self.query_one(Chips).has_focus:
            self.set_focus(self.grid)
        else:
            if self.state.clear_text() or self.state.clear_picks():
                self._show_query()
            self.field.value = ""
            self.set_focus(self.grid)

    def action_undo(self) -> None:
        """Undo the last search or the last change of facets."""
        self._show_step("undo", self.state.undo())

    def action_redo(self) -> None:
        """Redo what was undone last."""
        self._show_step("redo", self.state.redo())

    def _show_step(self, action: str, is_done: bool) -> None:
        if is_done:
            self._show_query()
        else:
            self.notify(f"Nothing to {action}.", timeout=2)

    def action_back(self) -> None:
        """Drop the last step of the trail: the facets, else the search."""
        if self.state.clear_picks() or self.state.clear_text():
            self._show_query()

    def action_match(self, step: int) -> None:
        """Go to the next match or the previous one, around the ends."""
        if not self.state.text:
            self.notify("No search to step through: / starts one.", timeout=2)
        elif num_matches := len(self.grid.listing.rows):
            self.grid.move_to((self.grid.cursor + step) % num_matches)

    # ── substitutes ──────────────────────────────────────────────────────────

    def open_visit(self, visit: Visit) -> None:
        """Show the substitutes of a query that meet the conditions of the catalog."""
        asked, left_out = conditions_of(self.state)
        if left_out:
            self.notify(f"Not applied to substitutes: {', '.join(left_out)}.", timeout=5)
        super().open_visit(replace(visit, history=History([asked])))

    # ── order ────────────────────────────────────────────────────────────────

    def action_sort(self) -> None:
        """Ask for an order; choosing the current one reverses it."""
        keys = keys_of(self.snapshot.catalog)
        words = ["as in the catalog; searching: best match first", "by id", "by title"]
        words += [f"by {name_of(key)}" for key in keys[len(words) :]]
        position = keys.index(self.state.order.key)
        words[position] += " (again: reversed)"

        def sort(chosen: int | None) -> None:
            if chosen == position:
                self.action_reverse()
            elif chosen is not None:
                self._sort(Order(keys[chosen]))

        self.app.push_screen(Choice("Sort", words, position), sort)

    def action_reverse(self) -> None:
        """Reverse the order."""
        self.state.reverse()
        self._show()

    def _sort(self, order: Order) -> None:
        if self.state.sort(order):
            self._show()
        else:
            start(self, "order", self._rank, order)

    async def _rank(self, order: Order) -> None:
        found = await in_thread(self, ranks, self.snapshot.catalog, order.key)
        if len(found) == self.snapshot.catalog.num_items:  # else the catalog has been updated
            self.state.add_ranks(order.key, found)
            self._sort(order)

    # ── facets besides labels ────────────────────────────────────────────────

    def _find_facets(self) -> None:
        if self.snapshot.catalog.facts.columns:
            start(self, "facts", self._find_fact_facets)

    async def _find_fact_facets(self) -> None:
        """Add facets of facts: in a large catalog, finding them takes a moment."""
        catalog = self.snapshot.catalog
        facets = await in_thread(self, fact_facets, catalog)
        if facets and catalog.facts is self.state.snapshot.catalog.facts:
            self.state.add_facets(facets)
            self._show()

    def _check_pictures(self) -> None:
        start(self, "pictures", self._find_missing_pictures)

    async def _find_missing_pictures(self) -> None:
        """Add a facet of pictures that have gone or changed since the import."""
        snapshot, worker = self.snapshot, get_current_worker()

        def find() -> tuple[NDArray[np.int16], list[str]]:
            stamps = snapshot.store.picture_stamps()
            states = picture_states(
                snapshot.workspace, snapshot.catalog, stamps, lambda: not worker.is_cancelled
            )
            return states, [] if worker.is_cancelled else list(snapshot.notes_on_index())

        try:
            states, notes = await in_thread(self, find)
        except DatabaseError:
            return  # it is only a facet
        for note in notes:
            self.notify(note, severity="warning", timeout=10)
        if states.any():
            self.state.add_facets([Facet(category=PICTURE_STATES, labels=states)])
            self._show()

    # ── jumping ──────────────────────────────────────────────────────────────

    def action_jump(self) -> None:
        """Ask for an id, and go to its item."""
        before = self.grid.row

        def go(row: int | None) -> str:
            if self._go_to(before if row is None else row):
                return ""
            return self._obstacle(row)

        self.app.push_screen(JumpPrompt(self.snapshot, go), self._jump)

    def _go_to(self, row: int | None) -> bool:
        """Put the cursor on an item; return whether it is in the grid."""
        places: Sequence[int] = np.flatnonzero(self.grid.listing.rows == row).tolist()
        if places:
            self.grid.move_to(places[0])
        return bool(places)

    def _obstacle(self, row: int | None) -> str:
        """Say why an item is not in the grid."""
        if row not in self.snapshot.rows:
            return "It is not among the given items, so it cannot be shown."
        return f"It is hidden: enter clears {self.state.filter_words}."

    def _jump(self, code: str | None) -> None:
        row = None if code is None else self.snapshot.catalog.find_code(code)
        if row is None:
            return
        if row not in self.snapshot.rows:
            self.notify(f"{code}: {self._obstacle(row)}")
        elif not self._go_to(row):
            self.notify(f"Cleared {self.state.filter_words}", timeout=4)
            self.state.clear()
            self._show_query()
            self._go_to(row)
        self.set_focus(self.grid)

    # ── other actions ────────────────────────────────────────────────────────

    @on(ThumbGrid.Highlighted)
    def _show_item(self) -> None:
        self.call_after_refresh(self.show_current)  # at the start it opens the index

    def action_review(self) -> None:
        """Review labels, near-duplicates and gaps."""
        self.post_message(OpenReview())

    def action_map(self) -> None:
        """Show the items as points on a map."""
        rows, words = self.state.rows, self.state.facet_words
        self.post_message(OpenMap(rows, words, self.grid.row, self._go_to, self.open_visit))

    def action_facets(self) -> None:
        """Go to the facets or back; without room for both, show or hide the facets."""
        rail = self.rail
        if rail.has_focus:
            self.remove_class("-facets")
            self.set_focus(self.grid)
            return
        self.add_class("-facets")
        rail.start()
        self.set_focus(rail)

    def action_swap_focus(self) -> None:
        """Go from the search field to the pictures, or back."""
        if self.grid.has_focus:
            self.action_search()
        else:
            self._leave_search()
