"""Substitutes of an item: pickers for its values on one side, live results beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer

from datrnet.core.errors import ConfigError, DatrnetError
from datrnet.core.retrieval.prototypes import Prototype
from datrnet.core.retrieval.request import Query, Substitute
from datrnet.core.text import sanitize
from datrnet.tui.context import ExplorerContext
from datrnet.tui.keymap import hidden, key_for
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.snapshot import RowMap
from datrnet.tui.state import (
    NOTHING_WEIGHTED,
    Borrowed,
    History,
    QueryState,
    Results,
    Visit,
    is_anything_weighted,
    log_entry,
    weighed,
)
from datrnet.tui.threads import in_thread, start
from datrnet.tui.widgets.bars import KeyLine, PrototypeLine, TitleBar, TooSmall
from datrnet.tui.widgets.detail_pane import DetailPane, Subject, matches
from datrnet.tui.widgets.pickers import Pickers, PickerView, choices_of
from datrnet.tui.widgets.picture_view import PictureView
from datrnet.tui.widgets.thumb_grid import EMPTY, Listing, ThumbGrid


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
        "✓3 ✗1 ~2": "Number of super-categories",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            hidden(str(n), f"open_picker({n})", f"Picker {n}", id=f"substitutes.picker_{n}")
            for n in range(1, 10)
        ),
        Binding("tab,p", "swap_focus", "Pickers/results", id="substitutes.swap_focus"),
        hidden("w", "set_within(1)", "Next kind of prototypes", id="substitutes.within_next"),
        hidden(
            "W", "set_within(-1)", "Previous kind of prototypes", id="substitutes.within_previous"
        ),
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
        self._trail = list(trail)
        self._is_resumed = is_resumed
        self._results: Results | None = None
        """What the grid shows; it stays until the next results arrive."""
        self._search_timer: Timer | None = None
        self._settle_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """Query and pickers, results, detail pane."""
        yield TitleBar()
        with Horizontal(id="body"):
            with Vertical(id="wishes"):
                yield PictureView(id="query-picture")
                yield Pickers(choices_of(self.snapshot), self._label_of, id="pickers")
                yield PrototypeLine(id="prototypes")
            with Vertical(id="middle"):
                yield self.new_grid("results")
            yield DetailPane(id="detail")
        yield KeyLine()
        yield TooSmall()

    def on_mount(self) -> None:
        """Search for the query."""
        if not self._is_resumed:
            self._log("query")
        self._show_query()

    def on_unmount(self) -> None:
        """Save the previewed value and the position in the results."""
        self._settle()
        self.session.set_position(self.visit.cursor)

    @property
    def visit(self) -> Visit:
        """The current query."""
        return self._trail[-1]

    def _log(self, action: str) -> None:
        """Log a step."""
        num_substitutes = self.library.num_substitutes
        self.session.add(action, log_entry(self._trail, self.snapshot, num_substitutes))

    async def renewed(self, row_map: RowMap) -> None:
        """Search again; the trail with its changes, the undo history and the cursor stay."""
        await super().renewed(row_map)
        self._results = None
        trail, self._trail = self._trail, []
        for visit in trail:
            if (query := await self._renewed_query(visit, row_map)) is not None:
                visit.query = query
                visit.history.remap(row_map, row_map.super_categories)
                self._trail.append(visit)
        if not self._trail:
            self._trail = trail[:1]  # never shown
            self.dismiss()
            return
        await self._renew_pickers()
        self._show_query()

    async def _renewed_query(self, visit: Visit, row_map: RowMap) -> Query | None:
        """Return a query of the new snapshot; None if that lacks it."""
        try:
            if visit.picture is not None:
                return await in_thread(self, self.snapshot.query_of_picture, visit.picture)
            row = None if visit.query.row is None else row_map(visit.query.row)
            return None if row is None else self.snapshot.query_of(row)
        except DatrnetError:
            return None

    async def _renew_pickers(self) -> None:
        before = self.query_one(Pickers)
        has_focus, number = before.values.has_focus, before.number
        await before.remove()
        pickers = Pickers(choices_of(self.snapshot), self._label_of, id="pickers")
        await self.query_one("#wishes").mount(pickers, before="#prototypes")
        if has_focus:
            pickers.open(number)

    def _label_of(self, row: int, name: str) -> str | None:
        return self.snapshot.catalog.labels_of(row)[name]

    # ── the query ────────────────────────────────────────────────────────────

    def _show_query(self) -> None:
        """Show the query and its state, and search."""
        visit = self.visit
        self.query_one(TitleBar).trail = tuple(
            self.snapshot.query_title(earlier.query) for earlier in self._trail
        )
        self._show_pickers()
        self.show_picture(self.query_one("#query-picture", PictureView), visit.source)
        self._search()

    def _show_pickers(self) -> None:
        pickers, visit = self.query_one(Pickers), self.visit
        view = PickerView(
            labels=self.snapshot.query_labels(visit.query),
            predicted=self._predicted,
            state=visit.state,
            marked=self._marked,
            matching=pickers.view.matching,
        )
        pickers.show(view)

    @property
    def _predicted(self) -> dict[str, str]:
        """The values that the model predicts for the query."""
        assert self.snapshot.searcher is not None
        predictions = self.snapshot.searcher.predict(self.visit.query)
        return {name: prediction.value for name, prediction in predictions.items()}

    @property
    def _marked(self) -> Borrowed | None:
        """The marked item, unless it is the query itself."""
        row = self.library.marked
        if row is None or row == self.visit.query.row:
            return None
        return Borrowed(row, self.snapshot.catalog.codes[row])

    def marked_changed(self) -> None:
        """Offer the values of the marked item in the pickers."""
        self._show_pickers()

    # ── search ───────────────────────────────────────────────────────────────

    def _search_soon(self) -> None:
        if self._search_timer is not None:
            self._search_timer.stop()
        self._search_timer = self.set_timer(self.debounce, self._search)

    def _search(self) -> None:
        start(self, "substitutes", self._find)

    async def _find(self) -> None:
        """Search for what is asked for now, and show the results."""
        query, searcher = self.visit.query, self.snapshot.searcher
        assert searcher is not None
        try:
            request = self.visit.request(self.snapshot, self.library.num_substitutes)

            def search() -> Results:
                plan = searcher.plan(query, request)
                return Results(
                    query=query,
                    request=request,
                    prototypes=plan.prototypes,
                    substitutes=plan.substitutes(),
                    matching=plan.exact_match_counts(),
                )

            results = await in_thread(self, search)
        except DatrnetError as error:
            self.show_error(error)
            if self._results is None or self._results.query is not self.visit.query:
                self.grid.show(EMPTY, empty_text="No substitutes can be shown for this item.")
            return
        now = self.visit.request(self.snapshot, self.library.num_substitutes)
        if (results.query, results.request) == (self.visit.query, now):  # else it is outdated
            self._show_results(results)

    def _show_results(self, results: Results) -> None:
        self._results, found, state = results, results.substitutes, self.visit.state
        unknown = results.unknown(self.snapshot, self._predicted)
        count, within = len(state.changes), results.request.within
        words = {0: "no change", 1: "1 change"}.get(count, f"{count} changes")
        words += "" if within is None else f" · within {sanitize(within)}"
        self.query_one(TitleBar).facts = f"{len(found)} substitutes · {words}"
        self.query_one(PrototypeLine).show(within, results.prototypes)
        self.query_one(Pickers).show_matching(results.matching)
        self.grid.show(
            Listing(
                rows=np.array([result.row for result in found], dtype=np.intp),
                caption=lambda place: (found[place].title, matches(found[place], unknown)),
            ),
            cursor=self.visit.cursor,
            empty_text="No item has these labels: see the pickers marked = or ✓."
            if results.request.conditions
            else "There are no other items.",
        )

    @on(ThumbGrid.Highlighted)
    def _show_result(self) -> None:
        row, results = self.grid.row, self._results
        if row is None or results is None:
            self.detail.show(None)
        else:
            if results.query is self.visit.query:
                self.visit.cursor = self.grid.cursor
            self.detail.show(self._compared(results, results.substitutes[self.grid.cursor]))
        self.show_picture(self.detail.picture, row)

    def _compared(self, results: Results, substitute: Substitute) -> Subject:
        return Subject(
            code=substitute.code,
            title=substitute.title,
            labels=substitute.labels,
            predictions=self.predictions(substitute.row),
            substitute=substitute,
            wanted=results.wanted(self.snapshot),
            unknown=results.unknown(self.snapshot, self._predicted),
        )

    def value_to_map(self, row: int, name: str) -> Prototype | None:
        """Return the value whose activation map to show: the wanted one."""
        results, searcher = self._results, self.snapshot.searcher
        if results is None or searcher is None:
            return super().value_to_map(row, name)
        if name in results.prototypes:
            return results.prototypes[name]
        wanted = results.wanted(self.snapshot)[name]
        if wanted is None or name in results.request.any_of:
            return super().value_to_map(row, name)
        return searcher.prototype(name, wanted)

    # ── the trail ────────────────────────────────────────────────────────────

    def enter_item(self) -> None:
        """Make the result under the cursor the next query."""
        self.action_follow()

    def action_follow(self) -> None:
        """Make the result under the cursor the next query, with the same weights."""
        if (row := self.grid.row) is None:
            return
        self._settle()
        state = self.visit.state
        try:
            query = self.snapshot.query_of(row)
        except DatrnetError as error:
            self.show_error(error)
            return
        start = QueryState(within=state.within, weights=state.weights)
        self.open_visit(Visit(query, History([start])))

    def open_visit(self, visit: Visit) -> None:
        """Go on to another query."""
        self._settle()
        self._trail.append(visit)
        self._log("query")
        self._show_query()

    def action_back(self) -> None:
        """Go back along the trail, from its start to the screen before."""
        self._settle()
        if len(self._trail) > 1:
            self._trail.pop()
            self._log("back")
            self._show_query()
            return
        if self.visit.history.can_undo or self.visit.history.can_redo:
            key = key_for(self, "program.resume")
            self.app.notify(f"Your changes are saved: {key} returns to them.", timeout=3)
        self.dismiss()

    # ── changes ──────────────────────────────────────────────────────────────

    @on(Pickers.Changed)
    def _preview(self, message: Pickers.Changed) -> None:
        """Show a change; it becomes a step once the cursor rests."""
        searcher = self.snapshot.searcher
        assert searcher is not None
        if not is_anything_weighted(replace(self.visit.state, changes=message.changes), searcher):
            self.notify(NOTHING_WEIGHTED, timeout=2)
            self._show_query()
            return
        if not self.visit.history.continues(message.changes):
            self._settle()
        self.visit.history.propose(message.changes)
        self.visit.cursor = 0
        self._search_soon()
        if self._settle_timer is not None:
            self._settle_timer.stop()
        self._settle_timer = self.set_timer(self.settle_after, self._settle)

    @on(PrototypeLine.Clicked)
    def _set_next_within(self) -> None:
        self.action_set_within(1)

    def action_set_within(self, step: int) -> None:
        """Use prototypes within the next super-category; after the last, generic ones."""
        self._settle()
        state = self.visit.state
        names = [None, *(category.name for category in self.snapshot.catalog.super_categories)]
        within = names[(names.index(state.within) + step) % len(names)]
        self._step("within", replace(state, within=within))

    @on(Pickers.Kept)
    def _toggle_exact(self, message: Pickers.Kept) -> None:
        """Show only results with the wanted label, or let the distance decide again."""
        self._settle()
        name, state = message.name, self.visit.state
        if name in state.any_of:
            self.notify("Only items with one of these labels are shown.", timeout=2)
        elif name in state.exact:
            self._step("exact", replace(state, exact=state.exact - {name}))
        elif self.visit.wanted_labels(self.snapshot).get(name) is None:
            self.notify(f"There is no {sanitize(name)} label to match.", markup=False, timeout=2)
        else:
            self._step("exact", replace(state, exact=state.exact | {name}))

    @on(Pickers.Weighed)
    def _weigh(self, message: Pickers.Weighed) -> None:
        """Raise or lower the weight of a super-category."""
        self._settle()
        searcher = self.snapshot.searcher
        assert searcher is not None
        try:
            state = weighed(self.visit.state, message.name, message.step, searcher)
        except ConfigError as error:
            self.notify(str(error), markup=False, timeout=3)
        else:
            self._step("weight", state)

    @on(Pickers.Done)
    def _to_results(self) -> None:
        self._settle()
        self.grid.focus()

    def _settle(self) -> None:
        """Turn the previewed value into a step."""
        if self._settle_timer is not None:
            self._settle_timer.stop()
        if self.visit.history.settle():
            self._log("change")

    def _step(self, action: str, state: QueryState) -> None:
        """Make a state a step of its own."""
        self._finish(action, is_done=self.visit.history.step(state))

    def action_undo(self) -> None:
        """Undo the last change."""
        self._settle()
        self._finish("undo", is_done=self.visit.history.undo())

    def action_redo(self) -> None:
        """Redo the last undone change."""
        self._settle()
        self._finish("redo", is_done=self.visit.history.redo())

    def action_clear(self) -> None:
        """Drop all changes; without any, weights and exact labels."""
        self._settle()
        self._finish("clear", is_done=self.visit.history.clear())

    def _finish(self, action: str, *, is_done: bool) -> None:
        """Log a step and show its state, or say that there was nothing to do."""
        if not is_done:
            self.notify(f"Nothing to {action}.", timeout=2)
            return
        self.visit.cursor = 0
        self._log(action)
        self._show_query()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only pickers that there are."""
        if action == "open_picker":
            (number,) = parameters
            categories = self.snapshot.catalog.super_categories
            return isinstance(number, int) and number <= len(categories)
        return super().check_action(action, parameters)

    def action_open_picker(self, number: int) -> None:
        """Open a picker by its number, from 1."""
        self.query_one(Pickers).open(number - 1)

    def action_swap_focus(self) -> None:
        """Go from the pickers to the results, or back."""
        # at once, unlike focus(): the next keys are meant for the other
        self.set_focus(self.query_one(Pickers).values if self.grid.has_focus else self.grid)
