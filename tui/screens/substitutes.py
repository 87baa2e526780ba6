"""Substitutes of an item: pickers for its values on one side, live results beside them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, ParamSpec

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widgets import OptionList

from datrnet.core.errors import ConfigError, DatrnetError, IndexStaleError
from datrnet.core.retrieval.prototypes import Prototype
from datrnet.core.retrieval.request import Query
from datrnet.core.sessions.export import SessionSheet, export_session
from datrnet.core.sessions.saved_search import save_search
from datrnet.core.sessions.steps import file_stem
from datrnet.tui.context import ExplorerContext, in_thread, show_from_thread, start
from datrnet.tui.keymap import hidden, key_for
from datrnet.tui.match_words import card_words
from datrnet.tui.request_words import Chip, ValueWords, chips_of, why_empty
from datrnet.tui.screens.dialogs import Prompt, export_from
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.snapshot import RowMap, Source
from datrnet.tui.state import Results, Search, Visit, find
from datrnet.tui.widgets.bars import TitleBar, foot
from datrnet.tui.widgets.chips import Chips
from datrnet.tui.widgets.detail_pane import DetailPane
from datrnet.tui.widgets.pickers import Pickers, PrototypeLine
from datrnet.tui.widgets.picture_view import PictureView
from datrnet.tui.widgets.thumb_grid import EMPTY, Listing, ThumbGrid

P = ParamSpec("P")


class SubstitutesScreen(ExplorerScreen):
    """A query, its changes, and the closest items."""

    HELP_TITLE = "Substitutes"
    HELP_SIGNS: ClassVar[Mapping[str, str]] = {
        "~gray": "No label: the predicted value",
        "•": "The item's own value",
        "=": "Exact label only",
        "×2": "Weight 2",
        "✓": "Result: label matches",
        "✗": "Result: label differs",
        "~": "Result: matches the predicted value",
        "·": "Result: a label is unknown",
        "92 %": "Card: probability that all values match",
        "not black": "Card: it has another value",
        "✗ ? color": "Card: another value, no label",
        "+2": "Card: so many more differ",
        "▲ ▼": "Card: more or less like it",
        "+ ●": "Card: on the shortlist, marked",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            hidden(str(n), f"open_picker({n})", f"Picker {n}", id=f"substitutes.picker_{n}")
            for n in range(1, 10)
        ),
        Binding("tab,p", "swap_focus", "Pickers/results", id="substitutes.swap_focus"),
        hidden("w", "set_within(1)", "Next prototypes", id="substitutes.within_next"),
        hidden("W", "set_within(-1)", "Previous prototypes", id="substitutes.within_previous"),
        hidden("f", "rate(True)", "More like this result", id="substitutes.more_like"),
        hidden("F", "rate(False)", "Less like this result", id="substitutes.less_like"),
        hidden("right_square_bracket", "turn(1)", "Next results", id="substitutes.next_results"),
        hidden(
            "left_square_bracket", "turn(-1)", "Results before", id="substitutes.previous_results"
        ),
        hidden("X", "limit", "Largest distance", id="substitutes.limit"),
        hidden("M", "rank", "Rank by match or by distance", id="substitutes.rank"),
        hidden("comma", "chips", "Chips of the request", key_display=",", id="substitutes.chips"),
        hidden("K", "save_search", "Save this search by name", id="substitutes.save_search"),
        hidden("E", "export", "Export the results", id="substitutes.export"),
        hidden("s", "follow", "Substitutes of this result", id="substitutes.follow"),
        Binding("u", "undo", "Undo", id="substitutes.undo"),
        Binding("r,ctrl+r", "redo", "Redo", id="substitutes.redo"),
        Binding("c", "clear", "Clear", id="substitutes.clear"),
        Binding("escape,backspace", "back", "Back", id="substitutes.back"),
    ]
    AUTO_FOCUS = "ValueList"

    settle_after: ClassVar[float] = 0.5
    """Seconds of rest until a previewed value becomes a step."""

    def __init__(
        self, context: ExplorerContext, trail: Sequence[Visit], *, is_resumed: bool = False
    ) -> None:
        """Show the last query of a trail; if it is resumed, the session has its steps already."""
        super().__init__(context)
        self.search = Search(context.library, context.session, trail)
        self._is_resumed = is_resumed
        self._search_timer: Timer | None = None
        self._settle_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """The request; query and pickers, results, detail pane."""
        yield TitleBar()
        yield Chips("clear", id="request", empty_text="no change: all as it is")
        with Horizontal(id="body"):
            with Vertical(id="wishes"):
                yield PictureView(id="query-picture")
                yield Pickers(self.search, id="pickers")
                yield PrototypeLine(id="prototypes")
            with Vertical(id="middle"):
                yield self.new_grid("results")
            yield DetailPane(id="detail")
        yield from foot()

    def on_mount(self) -> None:
        """Search for the query."""
        if not self.query("Pickers *"):
            return  # the app is closed while the screen opens
        if not self._is_resumed:
            self.search.log("query")
        self._show_query()

    def on_unmount(self) -> None:
        """Save the previewed value and the position in the results."""
        self.search.settle()
        self.session.set_position(self.search.visit.cursor)

    @property
    def pickers(self) -> Pickers:
        """The pickers."""
        return self.query_one(Pickers)

    async def renewed(self, row_map: RowMap) -> None:
        """Search again; the trail with its changes, the undo history and the cursor stay."""
        await super().renewed(row_map)
        queries = [await self._renewed_query(visit, row_map) for visit in self.search.trail]
        if not self.search.renew(queries, row_map):
            self.dismiss()
            return
        before = self.pickers
        has_focus, number = before.values.has_focus, before.number
        await before.remove()
        pickers = Pickers(self.search, id="pickers")
        await self.query_one("#wishes").mount(pickers, before="#prototypes")
        if has_focus:
            pickers.open(number)
        self._show_query()

    async def _renewed_query(self, visit: Visit, row_map: RowMap) -> Query | None:
        """Return a query of the new snapshot; None if that lacks it."""
        try:
            if visit.picture is not None:
                return await in_thread(self, self.snapshot.query_of_picture, visit.picture)
            rows = [row for it in visit.query.rows if (row := row_map(it)) is not None]
            return self.snapshot.query_of_all(rows) if rows else None
        except DatrnetError:
            return None

    # ── drawing ──────────────────────────────────────────────────────────────

    def _show_query(self) -> None:
        """Show the query and its state, and search."""
        self.query_one(TitleBar).trail = ("Catalog", *self.search.titles)
        self.query_one(Chips).show(self._chips)
        self.pickers.show()
        self.show_picture(self.query_one("#query-picture", PictureView), self.search.visit.source)
        self._find_results()

    def marked_changed(self) -> None:
        """Offer the values of the marked item in the pickers."""
        super().marked_changed()
        self.pickers.show()

    def _find_results(self) -> None:
        start(self, "substitutes", self._find)

    async def _find(self) -> None:
        """Search for what is asked for now, and show the results."""
        search, query = self.search, self.search.visit.query
        try:
            found = await in_thread(self, find, search.searcher, query, search.request())
        except DatrnetError as error:
            self.show_error(error)
            if search.results is None or search.results.query is not search.visit.query:
                self.grid.show(EMPTY, empty_text="No substitutes can be shown for this item.")
            return
        if (results := search.accept(query, found)) is not None:
            self._show_results(results)

    def _show_results(self, results: Results) -> None:
        found, within = results.substitutes, results.plan.request.within
        number = f"{len(found)} substitute{'s' * (len(found) != 1)}"
        if (start := results.plan.request.offset) is not None:
            number = f"{start + 1}–{start + len(found)}"
        ranking = ""
        if found and found[0].matches:  # without them, only distances can rank
            ranking = f" · by {'distance' if results.plan.match is None else 'match'}"
        self.query_one(TitleBar).facts = f"{number}{ranking}"
        lines = self.query_one(PrototypeLine)
        lines.show(within, results.plan.prototypes)
        lines.show_weights(results.plan.agreement, results.plan.feedback)
        self.pickers.rewrite()
        self.query_one(ThumbGrid).show(
            Listing(
                rows=np.array([result.row for result in found], dtype=np.intp),
                caption=lambda at: (found[at].title, card_words(found[at], self.grid.page.size)),
            ),
            cursor=self.search.visit.cursor,
            empty_text=why_empty(results.plan),
        )

    @on(ThumbGrid.Highlighted)
    def _show_result(self) -> None:
        row, results = self.grid.row, self.search.results
        if row is None or results is None:
            self.detail.show(None)
        else:
            if results.query is self.search.visit.query:
                self.search.visit.cursor = self.grid.cursor
            result = results.substitutes[self.grid.cursor]
            self.detail.show(
                replace(
                    self.subject(result.row),
                    labels=result.label_texts,
                    substitute=result,
                    wanted=results.wanted,
                    unknown=results.unknown,
                )
            )
        self.show_picture(self.detail.picture, row)

    def action_large(self, query: Source | None = None) -> None:
        """Show the result over the whole screen, beside the query."""
        super().action_large(query or self.search.visit.source)

    def value_to_map(self, row: int, name: str) -> Prototype | None:
        """Return the value whose activation map to show: the wanted one."""
        results = self.search.results
        if results is None:
            return super().value_to_map(row, name)
        if name in results.plan.prototypes:
            return results.plan.prototypes[name]
        wanted = results.wanted[name]
        if wanted is None or name in results.plan.any_of:
            return super().value_to_map(row, name)
        return self.search.searcher.prototype(name, wanted)

    # ── the trail ────────────────────────────────────────────────────────────

    def enter_item(self) -> None:
        """Make the result under the cursor the next query."""
        self.action_follow()

    def action_follow(self) -> None:
        """Make the result under the cursor the next query, with the same weights."""
        row = self.grid.row
        if row is not None and (query := self.query_of(row)) is not None:
            self.search.follow(query)
            self._show_query()

    def open_visit(self, visit: Visit) -> None:
        """Go on to another query."""
        self.search.enter(visit)
        self._show_query()

    def action_back(self) -> None:
        """Leave the chips; else go back along the trail, from its start to the screen before."""
        if self.query_one(Chips).has_focus:
            self.set_focus(self.grid)
            return
        if self.search.back():
            self._show_query()
            return
        history = self.search.visit.history
        if history.can_undo or history.can_redo:
            key = key_for(self, "program.resume")
            self.app.notify(f"Your changes are saved: {key} returns to them.", timeout=3)
        self.dismiss()

    # ── changes ──────────────────────────────────────────────────────────────

    @on(Pickers.Changed)
    def _preview(self) -> None:
        """Show the results of a change in a moment; it becomes a step once the cursor rests."""
        self.query_one(Chips).show(self._chips)
        for timer in (self._search_timer, self._settle_timer):
            if timer is not None:
                timer.stop()
        self._search_timer = self.set_timer(self.debounce, self._find_results)
        self._settle_timer = self.set_timer(self.settle_after, self.search.settle)

    @on(OptionList.OptionSelected)
    def _to_results(self) -> None:
        self.search.settle()
        self.grid.focus()

    @on(PrototypeLine.Clicked)
    def _set_next_within(self) -> None:
        self.action_set_within(1)

    def action_set_within(self, step: int) -> None:
        """Use prototypes within the next super-category; after the last, generic ones."""
        self.search.set_within(step)
        self._show_query()

    def action_keep_exactly(self) -> None:
        """Show only results with the wanted label of the open picker, or any again."""
        self._change(self.search.toggle_exact, self.pickers.category.name)

    def action_weigh(self, step: int) -> None:
        """Raise or lower the weight of the open picker."""
        self._change(self.search.weigh, self.pickers.category.name, step)

    def action_leave_out(self) -> None:
        """Leave out results with the value under the cursor of the open picker, or no longer."""
        if (value := self.pickers.value) is not None:
            self._change(self.search.exclude, self.pickers.category.name, value)

    def action_keep_away(self) -> None:
        """Keep away from the marked item in the open picker, or no longer."""
        self._change(self.search.keep_away, self.pickers.category.name)

    def action_rate(self, is_liked: bool) -> None:
        """Ask for more or for less like the result under the cursor, or no longer."""
        if (row := self.grid.row) is not None:
            self._change(self.search.rate, row, is_liked=is_liked)

    def action_turn(self, step: int) -> None:
        """Show the next page of results, or the one before."""
        if self.search.turn(step):
            self._find_results()
        else:
            self.notify("There are no further results.", timeout=2)

    def action_limit(self) -> None:
        """Ask for the largest distance of a result."""
        limit = self.search.state.max_distance

        def show(words: str | None) -> None:
            if words is not None:
                self._change(self.search.limit, words)

        shown = "" if limit is None else f"{limit:g}"
        self.app.push_screen(Prompt("Largest distance (0 is any)", value=shown), show)

    def action_rank(self) -> None:
        """Rank by the probability that values are the wanted ones, or by distance."""
        self._change(self.search.rank_otherwise)

    def action_save_search(self) -> None:
        """Ask for a name, and save the search with what it found as a session."""
        if (results := self.search.results) is None:
            return
        facts = {**self.search.facts, "trail": []}
        found, store = [result.code for result in results.substitutes], self.library.store

        def save(name: str | None) -> None:
            if name is not None:
                show_from_thread(
                    self,
                    "save",
                    lambda: save_search(store, name, facts, found),
                    lambda _: self.notify(f"Saved as {name}: see the sessions."),
                )

        self.app.push_screen(Prompt("Save this search as"), save)

    def action_export(self) -> None:
        """Ask for a file, and write the results to it."""
        if (results := self.search.results) is None or not results.substitutes:
            self.notify("Nothing to export.", timeout=2)
            return
        found, facts = results.substitutes, self.search.facts
        shop, title = (self.library.workspace, self.snapshot.catalog), self.search.titles[-1]
        sheet = SessionSheet.of_search(*shop, facts, title, found)
        stem = f"substitutes-{file_stem(sheet.steps[0].step.subject)}"
        export_from(self, "Export the results to", stem, lambda path: export_session(path, sheet))

    def card_signs(self, row: int) -> list[str]:
        """Return whether more or less like an item is asked for, too."""
        state = self.search.state
        own = ["▲ more"] * (row in state.liked) + ["▼ less"] * (row in state.disliked)
        return own + super().card_signs(row)

    def _change(self, change: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Change the search, or say why that is impossible."""
        try:
            change(*args, **kwargs)
        except (ConfigError, IndexStaleError) as error:
            self.notify(str(error), timeout=3)
        else:
            self._show_query()

    @property
    def _chips(self) -> list[Chip]:
        """All that is asked for."""
        catalog, search = self.snapshot.catalog, self.search
        words = ValueWords(catalog.super_categories)
        return chips_of(search.state, words, catalog.codes, search.wanted)

    @on(Chips.Dropped)
    def _drop(self, message: Chips.Dropped) -> None:
        """Ask no longer for what a chip says; without a chip, clear."""
        chip = message.chip
        if chip is None:
            self.action_clear()
        elif isinstance(chip, Chip) and chip in self._chips:  # else it has gone meanwhile
            self._change(self.search.drop, chip.without)

    def action_undo(self) -> None:
        """Undo the last change."""
        self._show_step("undo", self.search.undo())

    def action_redo(self) -> None:
        """Redo the last undone change."""
        self._show_step("redo", self.search.redo())

    def action_clear(self) -> None:
        """Drop all changes; without any, weights and exact labels."""
        self._show_step("clear", self.search.clear())

    def _show_step(self, action: str, is_done: bool) -> None:
        if is_done:
            self._show_query()
        else:
            self.notify(f"Nothing to {action}.", timeout=2)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only pickers that there are."""
        if action == "open_picker":
            (number,) = parameters
            return isinstance(number, int) and number <= len(self.search.categories)
        return super().check_action(action, parameters)

    def action_open_picker(self, number: int) -> None:
        """Open a picker by its number, from 1."""
        self.pickers.open(number - 1)

    def action_swap_focus(self) -> None:
        """Go from the pickers to the results, or back."""
        # at once, unlike focus(): the next keys are meant for the other
        self.set_focus(self.pickers.values if self.grid.has_focus else self.grid)
