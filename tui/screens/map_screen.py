"""The map of the catalog: items as points, of one super-category at a time."""

from collections.abc import Callable
from functools import partial
from typing import ClassVar

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from datrnet.core.errors import DatrnetError
from datrnet.core.graphics.point_map import NUM_NAMED, OTHERS, nearest_points
from datrnet.core.review.catalog_map import MOST_SIGNS, CatalogMap, catalog_map
from datrnet.core.text import sanitize
from datrnet.db.rows import LabelChange, split_values
from datrnet.tui.context import ExplorerContext, OpenMap, Picked, show_from_thread
from datrnet.tui.controllers.review import Did
from datrnet.tui.keymap import hidden
from datrnet.tui.screens.dialogs import ValuePicker
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.state import Visit
from datrnet.tui.widgets.bars import TitleBar, foot
from datrnet.tui.widgets.detail_pane import UNLABELED, DetailPane
from datrnet.tui.widgets.point_map import DOUBT, PointMap
from datrnet.tui.widgets.text import MUTED
from datrnet.tui.widgets.thumb_grid import Listing, ThumbGrid

NUM_NEAR = 60
"""Items shown as pictures that are near the cursor."""

GAP = "   "


class MapScreen(ExplorerScreen):
    """A map, its legend, and the item under the cursor."""

    can_renew = False
    HELP_TITLE = "Map"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "c,right_square_bracket",
            "category(1)",
            "Next super-category",
            key_display="c",
            id="map.next_category",
        ),
        hidden(
            "left_square_bracket",
            "category(-1)",
            "Previous super-category",
            id="map.previous_category",
        ),
        Binding("p", "near", "Pictures nearby", id="map.near"),
        Binding("n", "doubt(1)", "Next doubt", id="map.next_doubt"),
        hidden("N", "doubt(-1)", "Previous doubt", id="map.previous_doubt"),
        Binding("e", "other", "Correct label", id="map.correct"),
        hidden("x", "keep", "Keep label", id="map.keep"),
        Binding("s", "substitutes", "Substitutes", id="map.substitutes"),
        Binding("u", "undo", "Undo", id="map.undo"),
        hidden("r,ctrl+r", "redo", "Redo", id="map.redo"),
        hidden("t", "letters", "Letters or dots", id="map.letters"),
        hidden("tab", "swap_focus", "Map or pictures", id="map.swap_focus"),
        Binding("escape,backspace", "back", "Back", id="map.back"),
    ]
    AUTO_FOCUS = "PointMap"

    def __init__(self, context: ExplorerContext, opening: OpenMap) -> None:
        """Show the map.

        Args:
            context: The workspace and the session.
            opening: What the catalog shows, and where its cursor is.
        """
        super().__init__(context)
        self._opening = opening
        searcher = self.snapshot.searcher
        self._names = () if searcher is None else searcher.names
        self._name_idx = 0
        self._is_writing = False

    def compose(self) -> ComposeResult:
        """The map above its legend and pictures, and the item beside it."""
        yield TitleBar()
        with Horizontal(id="body"):
            with Vertical(id="middle"):
                yield PointMap(has_letters=self.app.no_color, id="map")
                yield Static(id="legend", markup=False)
                yield self.new_grid("near")
            yield DetailPane(id="detail")
        yield from foot()

    def on_mount(self) -> None:
        """Show the first super-category."""
        if self._names:
            self._open(0)
        else:
            self._show_trail("")
            self.map.explain(f"{self.snapshot.index_error} The map is drawn from the index.")
            self.show_current()

    @property
    def map(self) -> PointMap:
        """The points."""
        return self.query_one(PointMap)

    @property
    def row(self) -> int | None:
        """The item under the cursor of the map."""
        return self.map.row

    def open_visit(self, visit: Visit) -> None:
        """Show the substitutes of a query, as the catalog does."""
        self._opening.open_visit(visit)

    # ── the map ──────────────────────────────────────────────────────────────

    def _open(self, idx: int) -> None:
        """Compute and show the map of a super-category; the cursor stays on its item."""
        searcher, store = self.snapshot.searcher, self.library.store
        assert searcher is not None
        self._name_idx = idx
        name, row, jobs = self._names[idx], self.row, self.context.jobs
        self._show_trail("")

        def compute() -> CatalogMap:
            with jobs.job("Map", self.action_back) as job:

                def report(step: str, done: int, total: int) -> None:
                    job.name = f"Map of {name}: {step}"
                    job.report(done, total)

                return catalog_map(searcher, name, store.labels_by_person(), report)

        show_from_thread(
            self,
            "map",
            compute,
            lambda found: self._show(found, self._opening.row if row is None else row),
            self._show_failure,
        )

    def _show_failure(self, error: DatrnetError) -> None:
        self.map.explain(str(error))
        self.show_current()

    @property
    def _super_category(self) -> str:
        return self._names[self._name_idx]

    def _show_trail(self, facts: str) -> None:
        bar = self.query_one(TitleBar)
        filters = (self._opening.words,) if self._opening.words else ()
        own = ("Map", *((self._super_category,) if self._names else ()))
        bar.trail, bar.num_own = ("Catalog", *filters, *own), len(own)
        bar.facts = facts

    def _show(self, found: CatalogMap, row: int | None) -> None:
        self.map.show(found, np.isin(found.rows, self._opening.rows), row)
        if not self.map.allowed.any():
            self.map.explain("None of the items that the catalog shows is in the index.")
            self.show_current()

    @on(PointMap.Highlighted)
    def _show_item(self) -> None:
        """Show the item under the cursor, and what is near it."""
        self.show_current()
        if not self.grid.has_focus:
            self._list_near()

    def show_current(self) -> None:
        """Show the item under the cursor of the map in the detail pane."""
        row = self.row
        self.detail.show(None if row is None else self.subject(row))
        self.show_picture(self.detail.picture, row)
        self.query_one("#legend", Static).update(self._legend())
        if (content := self.map.content) is not None:
            zoom, left = self.map.view.zoom, int(self.map.allowed.sum())
            total = f"{len(content.rows):,} items"
            shown = total if left == len(content.rows) else f"{left:,} of {total}"
            self._show_trail(shown if zoom == 1 else f"{shown} · {zoom:.1f}×")

    def _legend(self) -> Content:
        """Return the item under the cursor in words, and the signs of the values."""
        content, place = self.map.content, self.map.cursor
        if content is None or place is None:
            return Content()
        number = int(content.classes[place])
        value, guess = content.value_at(place), content.doubts.get(int(content.rows[place]))
        words = [self.map.sign_of(number), (f" {sanitize(value or UNLABELED)}", "bold")]
        if guess is not None:
            words.append((f", but the model sees {sanitize(guess)} ({DOUBT})", "$text-error"))
        entries = [
            (self.map.sign_of(number), content.values[other], int(content.counts[other]))
            for other, number in content.value_classes.items()
            if number < NUM_NAMED
        ]
        if rest := int((content.classes == OTHERS).sum()):
            entries.append((self.map.sign_of(OTHERS), "others", rest))
        if content.doubts:
            name = "doubtful" if len(content.doubts) <= MOST_SIGNS else "surest doubts of"
            entries.append(((DOUBT, "bold $text-error"), name, len(content.doubts)))
        width = self.query_one("#legend", Static).size.width - 2
        lines = [Content.assemble(*words), Content()]
        for sign, name, count in entries:
            entry = Content.assemble(sign, f" {sanitize(name)} ", (f"{count:,}", MUTED), GAP)
            if lines[-1] and lines[-1].cell_length + entry.cell_length - len(GAP) > width:
                lines.append(Content())
            lines[-1] = lines[-1] + entry
        return Content("\n").join(lines)

    # ── pictures nearby ──────────────────────────────────────────────────────

    def action_near(self) -> None:
        """Show the items nearest to the cursor as pictures, or no longer."""
        self.toggle_class("-near")
        if not self.has_class("-near"):
            self.set_focus(self.map)
        self._list_near()

    def _list_near(self) -> None:
        content, place = self.map.content, self.map.cursor
        if content is None or place is None or not self.has_class("-near"):
            return
        left = np.flatnonzero(self.map.allowed)
        x, y = content.points[place].tolist()
        near = left[nearest_points(content.points[left], (x, y), NUM_NEAR)]
        near = np.concatenate([[place], near[near != place]])  # of several in one place
        self.grid.show(Listing.of_items(self.snapshot.catalog, content.rows[near]))

    @on(ThumbGrid.Highlighted)
    def _follow_pictures(self) -> None:
        """Put the cursor of the map on the item under that of the pictures."""
        content, row = self.map.content, self.grid.row
        if self.grid.has_focus and content is not None and row is not None:
            place = content.place_of(row)
            if place is not None:
                self.map.move_to(place)

    def action_swap_focus(self) -> None:
        """Go from the map to the pictures, or back."""
        if self.map.has_focus and self.has_class("-near"):
            self.set_focus(self.grid)
        else:
            self.set_focus(self.map)

    # ── doubts and labels ────────────────────────────────────────────────────

    def action_doubt(self, step: int) -> None:
        """Go to the next item with a doubtful label, the surest doubt first."""
        content = self.map.content
        if content is None:
            return
        left: list[int] = content.doubtful[self.map.allowed[content.doubtful]].tolist()
        if not left:
            self.notify(f"No doubtful label of {content.super_category} here.", timeout=2)
            return
        at = left.index(self.map.cursor) + step if self.map.cursor in left else min(step, 0)
        self.map.move_to(left[at % len(left)])

    def action_other(self) -> None:
        """Choose another value from a list; what the model sees is highlighted."""
        content, row = self.map.content, self.row
        if content is None or row is None:
            return
        catalog, name = self.snapshot.catalog, content.super_category
        idx = catalog.super_category_idx(name)
        category, label = catalog.super_categories[idx], catalog.label_texts(row)[name]
        guess = content.doubts.get(row, label or "")
        notes = {} if guess == label else {guess: "the model"}
        notes |= dict.fromkeys(split_values(label, category.values), "the label")
        title = f"{category.name} of {catalog.codes[row]}"
        counts = self.snapshot.value_counts[category.name]

        def label_as(position: int | None) -> None:
            if position is not None:
                self._label(row, category.values[position])

        self.app.push_screen(ValuePicker(title, category, counts, notes, guess), label_as)

    def action_keep(self) -> None:
        """Keep the label: it is not doubted again."""
        content, row = self.map.content, self.row
        if content is not None and row is not None:
            self._label(row, self.snapshot.catalog.label_texts(row)[content.super_category])

    def _label(self, row: int, value: str | None) -> None:
        store, name = self.library.store, self._super_category
        item_id = int(self.snapshot.catalog.item_ids[row])

        def label() -> list[LabelChange]:
            change = store.set_label(item_id, name, value, "person")
            return [] if change is None else [change]

        self._change("set", label)

    def action_undo(self) -> None:
        """Undo the last change of a label, even one of a review."""
        self._change("undo", self.library.store.undo_label)

    def action_redo(self) -> None:
        """Redo the last undone change."""
        self._change("redo", self.library.store.redo_label)

    def _change(self, did: Did, change: Callable[[], list[LabelChange]]) -> None:
        """Change labels in the database, in a thread, even if the screen is closed meanwhile."""
        if self._is_writing:
            self.notify("Still saving …", timeout=2)
            return
        self._is_writing = True
        show_from_thread(
            self.app, "save", change, partial(self._show_change, did), self._fail, exclusive=False
        )

    def _fail(self, error: DatrnetError) -> None:
        self._is_writing = False
        self.show_error(error)

    def _show_change(self, did: Did, changes: list[LabelChange]) -> None:
        """Switch to the changed labels, and show them on the map if that is still open."""
        self._is_writing = False
        if not changes and did != "set":
            self.notify(f"Nothing to {did}.", timeout=2)
            return
        labels = [
            (it.item_id, it.super_category, it.old_value if did == "undo" else it.new_value)
            for it in changes
        ]
        self.library.relabel(*labels)
        if changes:
            done = {"set": "Set", "undo": "Undone", "redo": "Redone"}[did]
            words = f"{changes[0].code} is {labels[0][1]} {labels[0][2] or UNLABELED}"
            words = words if len(changes) == 1 else f"{len(changes):,} labels"
            self.notify(f"{done}: {words}", timeout=3)
        if not self.is_attached or (content := self.map.content) is None:
            return
        searcher, store = self.snapshot.searcher, self.library.store
        assert searcher is not None
        show_from_thread(
            self,
            "map",
            lambda: content.relabeled(searcher, store.labels_by_person()),
            lambda found: self._show(found, self.row),
        )

    # ── other actions ────────────────────────────────────────────────────────

    def action_category(self, step: int) -> None:
        """Show the map of the next super-category."""
        if self._names:
            self._open((self._name_idx + step) % len(self._names))

    def action_letters(self) -> None:
        """Show letters in place of colored dots, or dots again."""
        self.map.action_letters()
        self.show_current()

    @on(PointMap.Entered)
    def _enter_point(self) -> None:
        if self.library.options.picks and self.row is not None:
            self.post_message(Picked(self.snapshot.catalog.codes[self.row]))
        else:
            self.enter_item()

    def action_back(self) -> None:
        """Go back to the catalog, with its cursor on the item of the map."""
        if self.row is not None:
            self._opening.leave(self.row)
        self.dismiss()
