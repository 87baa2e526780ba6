"""Substitutes of an item: pickers for its values on one side, the results beside them, live."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.worker import get_current_worker

from datrnet.core.errors import DatrnetError
from datrnet.core.retrieval.prototypes import Prototype
from datrnet.core.retrieval.request import Query, Request, Substitute
from datrnet.core.text import inert
from datrnet.tui.history import AnyOf, Changes, History, Taken, Visit
from datrnet.tui.keymap import key_for
from datrnet.tui.library import Library
from datrnet.tui.messages import SubstitutesFound, WorkFailed
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.session_log import SessionLog
from datrnet.tui.snapshot import RowMap
from datrnet.tui.widgets.detail_pane import DetailPane
from datrnet.tui.widgets.facts import Subject, matches
from datrnet.tui.widgets.key_line import KeyLine
from datrnet.tui.widgets.pickers import Choices, Pickers
from datrnet.tui.widgets.picture_view import PictureView
from datrnet.tui.widgets.prototype_line import PrototypeLine
from datrnet.tui.widgets.thumb_grid import EMPTY, Listing, ThumbGrid
from datrnet.tui.widgets.title_bar import TitleBar
from datrnet.tui.widgets.too_small import TooSmall

FACTORS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""How often a super-category may count."""

EXACT = "="
"""Stands beside a super-category that is kept exactly."""


class SubstitutesScreen(ExplorerScreen):
    """A query, its changes, and what comes nearest."""

    HELP_TITLE = "Substitutes"
    HELP_SIGNS: ClassVar[Mapping[str, str]] = {
        "~grey": "No label: what the model takes it for",
        "•": "The value as it is",
        "=": "Kept exactly",
        "×2": "Counts twice",
        "✓": "Of an answer: labelled as wanted",
        "✗": "Labelled otherwise",
        "~": "Labelled as what was guessed",
        "·": "One of the labels is unknown",
        "✓3 ✗1 ~2": "In so many super-categories",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(
                str(n),
                f"open_picker({n})",
                f"Picker {n}",
                show=False,
                id=f"substitutes.picker_{n}",
            )
            for n in range(1, 10)
        ),
        Binding("tab,p", "swap_focus", "Pickers/results", id="substitutes.swap_focus"),
        Binding(
            "w",
            "stay_within(1)",
            "Prototypes: next super-category",
            show=False,
            id="substitutes.within_next",
        ),
        Binding(
            "W",
            "stay_within(-1)",
            "Prototypes: the one before",
            show=False,
            id="substitutes.within_previous",
        ),
        Binding("s", "follow", "Substitutes of this result", show=False, id="substitutes.follow"),
        Binding("u", "undo", "Undo", id="substitutes.undo"),
        Binding("r,ctrl+r", "redo", "Redo", id="substitutes.redo"),
        Binding("c", "clear", "Clear", id="substitutes.clear"),
        Binding("escape,backspace", "back", "Back", id="substitutes.back"),
    ]
    AUTO_FOCUS = "ValueList"

    settle_after: ClassVar[float] = 0.5
    """Seconds of rest after which a value run through becomes a step of its own."""

    def __init__(
        self,
        library: Library,
        session: SessionLog,
        trail: Sequence[Visit],
        *,
        is_resumed: bool = False,
    ) -> None:
        """Show the last query of a trail.

        Args:
            library: The open workspace.
            session: Where to log the steps.
            trail: The queries, at least one.
            is_resumed: Whether the session has these steps already.
        """
        super().__init__(library, session)
        self._trail = list(trail)
        self._is_resumed = is_resumed
        self._found: SubstitutesFound | None = None
        """What the grid shows; the results before it stay until these arrive."""
        self._guessed: Mapping[str, str] = {}
        """What the networks take its query for, where nobody knows what is wanted."""
        self._search_timer: Timer | None = None
        self._settle_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """Query and pickers, results, detail."""
        assert self.snapshot.searcher is not None
        yield TitleBar()
        with Horizontal(id="body"):
            with Vertical(id="wishes"):
                yield PictureView(id="query-picture")
                yield Pickers(self._choices(), self._label_of, id="pickers")
                yield PrototypeLine(id="prototypes")
            with Vertical(id="middle"):
                yield ThumbGrid(self.library.thumbnails, id="results")
            yield DetailPane(id="detail")
        yield KeyLine()
        yield TooSmall()

    def on_mount(self) -> None:
        """Search for the item as it is."""
        if not self._is_resumed:
            self._record("query")
        self._show_query()

    def on_unmount(self) -> None:
        """Keep the value and the result where a person rested, however soon they left."""
        self._settle()
        self.session.stay_at(self.visit.cursor)

    async def renewed(self, moved: RowMap) -> None:
        """Ask the same again: the trail with its changes, undo and the cursor stay."""
        await super().renewed(moved)
        self._found = None
        trail, self._trail = self._trail, []
        for visit in trail:
            if (query := await self._query_now(visit, moved)) is not None:
                visit.query = query
                visit.history.renumber(moved, moved.super_categories)
                self._trail.append(visit)
        if not self._trail:
            self._trail = trail[:1]  # nothing of it is ever shown
            self.dismiss()
            return
        await self._renew_pickers()
        self._show_query()

    async def _query_now(self, visit: Visit, moved: RowMap) -> Query | None:
        """Return a query of the state of now; None where that does not have it any more."""
        try:
            if visit.picture is not None:
                return await asyncio.to_thread(self.snapshot.query_of_picture, visit.picture)
            row = None if visit.query.row is None else moved(visit.query.row)
            return None if row is None else self.snapshot.query_of(row)
        except DatrnetError:
            return None

    async def _renew_pickers(self) -> None:
        before = self.query_one(Pickers)
        has_focus, number = before.values.has_focus, before.number
        await before.remove()
        pickers = Pickers(self._choices(), self._label_of, id="pickers")
        await self.query_one("#wishes").mount(pickers, before="#prototypes")
        if has_focus:
            pickers.open(number)

    @property
    def visit(self) -> Visit:
        """The query where one is."""
        return self._trail[-1]

    def _choices(self) -> list[Choices]:
        wishable, counts = self.snapshot.available_values, self.snapshot.value_counts
        return [
            Choices(category=one, counts=counts[one.name], wishable=wishable[one.name])
            for one in self.snapshot.catalog.super_categories
            if one.name in wishable
        ]

    def _show_query(self) -> None:
        """Bring everything to the query and its changes as they are now."""
        visit = self.visit
        self.query_one(TitleBar).trail = tuple(
            self.snapshot.query_title(one.query) for one in self._trail
        )
        pickers = self.query_one(Pickers)
        pickers.offer(self._marked)
        labels = self.snapshot.query_labels(visit.query)
        pickers.show(labels, visit.history.changes, self._emphasis, self._guesses)
        self.show_picture(self.query_one("#query-picture", PictureView), visit.source)
        self._search()

    @property
    def _guesses(self) -> dict[str, str]:
        """What the networks take the query for."""
        assert self.snapshot.searcher is not None
        nearest = self.snapshot.searcher.predict(self.visit.query)
        return {name: one.value for name, one in nearest.items()}

    @property
    def _emphasis(self) -> dict[str, str]:
        """The signs beside super-categories: kept exactly, and how often it counts."""
        history = self.visit.history
        signs = dict.fromkeys(history.exact, EXACT)
        for name, factor in history.weights.items():
            signs[name] = f"{signs.get(name, '')}×{factor:g}"
        return signs

    @property
    def _marked(self) -> Taken | None:
        """What can be taken: of the marked item, unless it is the query itself."""
        row = self.library.marked
        if row is None or row == self.visit.query.row:
            return None
        return Taken(row, self.snapshot.catalog.codes[row])

    def _label_of(self, row: int, name: str) -> str | None:
        return self.snapshot.catalog.labels_of(row)[name]

    def marked_changed(self) -> None:
        """Offer it in the pickers."""
        self.query_one(Pickers).offer(self._marked)

    def _record(self, action: str) -> None:
        """Write what was done into the session."""
        history, row = self.visit.history, self.visit.query.row
        request = {
            "item": "" if row is None else self.snapshot.catalog.codes[row],
            "picture": None if self.visit.picture is None else str(self.visit.picture),
            "trail": [[self._subject(one), one.cursor] for one in self._trail[:-1]],
            "changes": history.values,
            "taken": {name: one.code for name, one in history.taken.items()},
            "any_of": {name: list(values) for name, values in history.any_of.items()},
            "within": history.within,
            "where": {name: list(values) for name, values in self._where.items()},
            "weights": history.weights,
            "k": self.library.num_substitutes,
        }
        self.session.add(action, request)

    def _subject(self, visit: Visit) -> str:
        """Return what a session calls a query: an item's code, or a picture's path."""
        row = visit.query.row
        return str(visit.picture) if row is None else self.snapshot.catalog.codes[row]

    # ── search ───────────────────────────────────────────────────────────────

    def _search_soon(self) -> None:
        if self._search_timer is not None:
            self._search_timer.stop()
        self._search_timer = self.set_timer(self.debounce, self._search)

    def _search(self) -> None:
        self._find(self.visit.query, self._request)

    @property
    def _request(self) -> Request:
        """What is asked for now."""
        history = self.visit.history
        return Request(
            changes=history.values,
            taken={name: self.snapshot.query_of(one.row) for name, one in history.taken.items()},
            where=self._where,
            any_of=history.any_of,
            weights=history.weights,
            within=history.within,
            k=self.library.num_substitutes,
        )

    @property
    def _where(self) -> dict[str, tuple[str, ...]]:
        """The labels that an answer must carry."""
        wanted = self._wanted_values()
        return {
            name: (value,)
            for name in sorted(self.visit.history.exact - set(self.visit.history.any_of))
            if (value := wanted.get(name)) is not None
        }

    def _wanted_values(self) -> dict[str, str | None]:
        """Return the value asked for now in every super-category, None where nobody knows it."""
        history, catalog = self.visit.history, self.snapshot.catalog
        taken = {name: catalog.labels_of(one.row)[name] for name, one in history.taken.items()}
        return {**self.snapshot.query_labels(self.visit.query), **taken, **history.values}

    @work(thread=True, exclusive=True, group="substitutes")
    def _find(self, query: Query, request: Request) -> None:
        worker, searcher = get_current_worker(), self.snapshot.searcher
        assert searcher is not None
        try:
            plan = searcher.plan(query, request)
            found: SubstitutesFound | WorkFailed = SubstitutesFound(
                query, request, plan.prototypes, plan.substitutes(), plan.exact_match_counts()
            )
        except DatrnetError as error:
            found = WorkFailed(error)
        if not worker.is_cancelled:
            self.post_message(found)

    @on(SubstitutesFound)
    def _show_found(self, message: SubstitutesFound) -> None:
        if (message.query, message.request) != (self.visit.query, self._request):
            return  # of a request that has been overtaken
        self._found, found = message, message.substitutes
        guessed = self._guessed = self._guessed_of(message)
        changes, within = len(self.visit.history.changes), message.request.within
        word = {0: "no change", 1: "1 change"}.get(changes, f"{changes} changes")
        word += "" if within is None else f" · within {inert(within)}"
        self.query_one(TitleBar).facts = f"{len(found)} substitutes · {word}"
        self.query_one(PrototypeLine).show(within, message.prototypes)
        self.query_one(Pickers).count(message.matching)
        self.grid.show(
            Listing(
                rows=np.array([one.row for one in found], dtype=np.intp),
                caption=lambda at: (found[at].title, matches(found[at], guessed)),
            ),
            cursor=self.visit.cursor,
            empty_text="No item is labelled so: the pickers marked = or ✓ say how."
            if message.request.conditions
            else "There is nothing else to show.",
        )

    # ── the result under the cursor ──────────────────────────────────────────

    @on(WorkFailed)
    def _show_nothing(self) -> None:
        """Leave no results standing that belong to another query."""
        if self._found is None or self._found.query is not self.visit.query:
            self.grid.show(EMPTY, empty_text="No substitutes can be shown for this item.")

    @on(ThumbGrid.Highlighted)
    def _show_result(self) -> None:
        row, found = self.grid.row, self._found
        if row is None or found is None:
            self.detail.show(None)
        else:
            if found.query is self.visit.query:
                self.visit.cursor = self.grid.cursor
            self.detail.show(self._compared(found, found.substitutes[self.grid.cursor]))
        self.show_picture(self.detail.picture, row)

    def _compared(self, found: SubstitutesFound, substitute: Substitute) -> Subject:
        return Subject(
            code=substitute.code,
            title=substitute.title,
            labels=substitute.labels,
            nearest=self.nearest_values(substitute.row),
            substitute=substitute,
            wanted=self._wanted(found),
            guesses=self._guessed,
        )

    def _guessed_of(self, found: SubstitutesFound) -> dict[str, str]:
        """Return what the networks take the query for, without what a label or a wish says."""
        wanted = self._wanted(found)
        return {name: one for name, one in self._guesses.items() if wanted.get(name) is None}

    def _wanted(self, found: SubstitutesFound) -> dict[str, str | None]:
        """Return in words what is asked for by super-category, None where nobody knows it."""
        own, request = self.snapshot.query_labels(found.query), found.request
        taken = {name: one.labels.get(name) for name, one in request.taken.items()}
        any_of = {name: " or ".join(values) for name, values in request.any_of.items()}
        return {**own, **taken, **any_of, **request.changes}

    def value_to_find(self, row: int, network: str) -> Prototype | None:
        """Return what a network is to find in a result: what was wanted of the query."""
        found, searcher = self._found, self.snapshot.searcher
        if found is None or searcher is None:
            return super().value_to_find(row, network)
        if network in found.prototypes:
            return found.prototypes[network]
        wanted = self._wanted(found)[network]
        if wanted is None or network in found.request.any_of:
            return super().value_to_find(row, network)
        return searcher.prototype(network, wanted)

    def enter_item(self) -> None:
        """Make the result under the cursor the next query."""
        self.action_follow()

    def action_follow(self) -> None:
        """Make the result under the cursor the next query."""
        if (row := self.grid.row) is not None:
            self._settle()
            before = self.visit.history
            try:
                query = self.snapshot.query_of(row)
            except DatrnetError as error:
                self.tell(error)
                return
            self.open_visit(Visit(query, History(before.within, before.weights)))

    def open_visit(self, visit: Visit) -> None:
        """Go on to another query."""
        self._settle()
        self._trail.append(visit)
        self._record("query")
        self._show_query()

    def action_back(self) -> None:
        """Go back along the trail, and at its beginning to the catalogue."""
        self._settle()
        if len(self._trail) == 1:
            self._leave()
            return
        self._trail.pop()
        self._record("back")
        self._show_query()

    def _leave(self) -> None:
        history = self.visit.history
        if history.can_undo or history.can_redo:
            key = key_for(self, "program.resume")
            self.app.notify(f"Your changes are kept: {key} goes on with them.", timeout=3)
        self.dismiss()

    # ── changes ──────────────────────────────────────────────────────────────

    @on(Pickers.Changed)
    def _change(self, message: Pickers.Changed) -> None:
        if not self._anything_counts(message.changes, {}):
            self.notify("Something must count.", timeout=2)
            self._show_query()
            return
        if not self.visit.history.goes_on(message.changes):
            self._settle()
        self.visit.history.propose(message.changes)
        self.visit.cursor = 0
        self._search_soon()
        if self._settle_timer is not None:
            self._settle_timer.stop()
        self._settle_timer = self.set_timer(self.settle_after, self._settle)

    @on(PrototypeLine.Clicked)
    def _stay_within_next(self) -> None:
        self.action_stay_within(1)

    def action_stay_within(self, step: int) -> None:
        """Make prototypes within the next super-category, and after the last one generic ones."""
        self._settle()
        history = self.visit.history
        ways = [None, *(one.name for one in self.snapshot.catalog.super_categories)]
        history.stay_within(ways[(ways.index(history.within) + step) % len(ways)])
        self._step("within", "", moved=True)

    @on(Pickers.Kept)
    def _keep_exactly(self, message: Pickers.Kept) -> None:
        """Leave only results that are labelled as wanted, or let the distance decide again."""
        self._settle()
        name, history = message.name, self.visit.history
        if name in history.any_of:
            self.notify("Only items with one of these labels are shown.", timeout=2)
            return
        if name not in history.exact and self._wanted_values().get(name) is None:
            self.notify(f"There is no {inert(name)} label to keep.", markup=False, timeout=2)
            return
        history.keep_exactly(name, exact=name not in history.exact)
        self._step("exact", "", moved=True)

    @on(Pickers.Weighed)
    def _weigh(self, message: Pickers.Weighed) -> None:
        """Let a super-category count more or less."""
        self._settle()
        searcher, history = self.snapshot.searcher, self.visit.history
        assert searcher is not None
        if searcher.is_entangled:
            said = "This index compares all super-categories as one: none counts alone."
            self.notify(said, markup=False)
            return
        at = FACTORS.index(history.weights.get(message.name, 1.0)) + message.step
        if not 0 <= at < len(FACTORS):
            self.notify(f"×{FACTORS[at - message.step]:g} is the end.", markup=False, timeout=2)
            return
        if message.name in history.any_of:
            self.notify("Any of these will do: it counts nothing.", timeout=2)
            return
        if not self._anything_counts(history.changes, {message.name: FACTORS[at]}):
            self.notify("Something must count.", timeout=2)
            return
        history.weigh(message.name, FACTORS[at])
        self._step("weight", "", moved=True)

    def _anything_counts(self, changes: Changes, weights: Mapping[str, float]) -> bool:
        """Tell whether a super-category would be left to tell items apart by."""
        searcher = self.snapshot.searcher
        assert searcher is not None
        weighs = dict.fromkeys(searcher.names, 1.0) | self.visit.history.weights | dict(weights)
        is_open = {name for name, one in changes.items() if isinstance(one, AnyOf)}
        return searcher.is_entangled or any(
            factor for name, factor in weighs.items() if name not in is_open
        )

    @on(Pickers.Done)
    def _to_results(self) -> None:
        self._settle()
        self.grid.focus()

    def _settle(self) -> None:
        """Make the value where a person rests a step of its own."""
        if self._settle_timer is not None:
            self._settle_timer.stop()
        if self.visit.history.settle():
            self._record("change")

    def action_undo(self) -> None:
        """Take the last change back."""
        self._settle()
        self._step("undo", "There is nothing to undo.", moved=self.visit.history.undo())

    def action_redo(self) -> None:
        """Make the change again that was taken back."""
        self._settle()
        self._step("redo", "There is nothing to redo.", moved=self.visit.history.redo())

    def action_clear(self) -> None:
        """Take all changes back; where there is none, weights and what is kept exactly."""
        self._settle()
        self._step("clear", "There is nothing to clear.", moved=self.visit.history.clear())

    def _step(self, action: str, otherwise: str, *, moved: bool) -> None:
        if not moved:
            self.notify(otherwise, timeout=2)
            return
        self.visit.cursor = 0
        self._record(action)
        self._show_query()

    # ── where the keys go ────────────────────────────────────────────────────

    def action_open_picker(self, number: int) -> None:
        """Open a picker by its number."""
        self.query_one(Pickers).open(number - 1)

    def action_swap_focus(self) -> None:
        """Go from the pickers to the results or back."""
        # at once, where focus() waits: what is typed next is meant for the other
        self.set_focus(self.query_one(Pickers).values if self.grid.has_focus else self.grid)
