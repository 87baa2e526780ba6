"""The widget that draws a map: points in braille dots or letters, names, doubts, and a cursor."""

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from textwrap import wrap
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.color import Color as ThemeColor
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from datrnet.core.graphics.point_map import (
    BRIGHTER,
    COLORS,
    LETTERS,
    NUM_NAMED,
    OTHERS,
    SET_BACK,
    DrawnMap,
    View,
    nearest_in_direction,
    nearest_points,
)
from datrnet.core.review.catalog_map import MOST_SIGNS, CatalogMap
from datrnet.core.text import sanitize
from datrnet.tui.keymap import hidden
from datrnet.tui.textual_patches import is_plain
from datrnet.tui.widgets.text import fitted

ZOOM = 1.6
"""Magnification of a step."""
PAN = 0.25
"""Share of the map's width or height that a step of panning moves it."""
CLICK_CELLS = 3
"""How far from a point a click still means it."""
MOST_NAMES = 24
"""Values whose names are written on the map."""
NAME_WIDTH = 18
DOUBT = "!"
DOT = "●"

STYLES = ("others", "back", "doubt", "cursor", "note")
NAMED_STYLE, DOUBT_STYLE = SET_BACK + 1, 2 * (SET_BACK + 1)
"""Numbers of the styles of names, from that of the first class on, and of the sign of a doubt."""


class PointMap(Widget, can_focus=True, inherit_bindings=False):
    """Points of items, one of them under the cursor."""

    HELP_TITLE = "Points"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("left,h", "step(-1, 0)", "Nearest to the left", id="points.left"),
        hidden("right,l", "step(1, 0)", "Nearest to the right", id="points.right"),
        hidden("up,k", "step(0, -1)", "Nearest above", id="points.up"),
        hidden("down,j", "step(0, 1)", "Nearest below", id="points.down"),
        hidden("space", "next_here", "Next item in the same place", id="points.next_here"),
        hidden("plus,equals_sign", "zoom(1)", "Zoom in", id="points.zoom_in"),
        hidden("minus", "zoom(-1)", "Zoom out", id="points.zoom_out"),
        hidden("0,home", "whole", "The whole map", id="points.whole"),
        hidden(
            "shift+left,less_than_sign", "pan(-1, 0)", "Move the view left", id="points.pan_left"
        ),
        hidden(
            "shift+right,greater_than_sign",
            "pan(1, 0)",
            "Move the view right",
            id="points.pan_right",
        ),
        hidden("shift+up,circumflex_accent", "pan(0, -1)", "Move the view up", id="points.pan_up"),
        hidden("shift+down,v", "pan(0, 1)", "Move the view down", id="points.pan_down"),
        hidden("enter", "enter", "Open", id="points.substitutes"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"point-map--{name}" for name in STYLES}

    @dataclass
    class Highlighted(Message):
        """The cursor has moved to another item, or there is none."""

    @dataclass
    class Entered(Message):
        """The item under the cursor was opened."""

    def __init__(self, *, has_letters: bool, id: str) -> None:
        super().__init__(id=id)
        self.content: CatalogMap | None = None
        self.allowed: NDArray[np.bool_] = np.zeros(0, dtype=bool)
        """(n,) which points the filters of the catalog leave."""
        self.cursor: int | None = None
        self.has_letters = has_letters
        """Whether a cell shows the letter of its class, and not dots in its color."""
        self.view = View(1, 1)
        self._text = ""
        self._strips: list[Strip] = []

    # ── content ──────────────────────────────────────────────────────────────

    @property
    def row(self) -> int | None:
        """The catalog row under the cursor."""
        if self.content is None or self.cursor is None:
            return None
        return int(self.content.rows[self.cursor])

    def explain(self, text: str) -> None:
        """Show text in place of a map."""
        self.content, self.cursor, self._text = None, None, sanitize(text)
        self._draw_again()

    def show(self, content: CatalogMap, allowed: NDArray[np.bool_], row: int | None = None) -> None:
        """Show a map.

        Args:
            content: The map.
            allowed: (n,) which of its points the filters of the catalog leave.
            row: The catalog row under the cursor, if it is on the map and left by the filters.
        """
        if self.content is None or self.content.super_category != content.super_category:
            self.view = View(*self.size)
        self.content, self.allowed = content, allowed
        place = None if row is None else content.place_of(row)
        if place is None or not allowed[place]:
            left = np.flatnonzero(allowed)
            place = int(left[0]) if len(left) else None
        self.cursor = place
        if place is not None:
            self.view = self.view.showing(content.points[place])
        self._draw_again()
        self.post_message(self.Highlighted())

    def move_to(self, place: int) -> None:
        """Move the cursor to a point, and the view if need be."""
        if self.content is None or place == self.cursor:
            return
        before, self.cursor = self._cursor_line, place
        view = self.view.showing(self.content.points[place])
        if view != self.view:
            self.view = view
            self._draw_again()
        for line in {before, self._cursor_line}:
            self.refresh(Region(0, line, self.size.width, 1))
        self.post_message(self.Highlighted())

    @property
    def _cursor_line(self) -> int:
        cell = self._cursor_cell
        return 0 if cell is None else cell[1]

    @property
    def _cursor_cell(self) -> tuple[int, int] | None:
        """The column and the line of the cursor, if it is in view."""
        if self.cursor is None or self.content is None or self.view.columns != self.size.width:
            return None
        number = int(self._drawn.cells[self.cursor])
        return None if number < 0 else (number % self.view.columns, number // self.view.columns)

    # ── drawing ──────────────────────────────────────────────────────────────

    @cached_property
    def _drawn(self) -> DrawnMap:
        """The points in the cells of the view."""
        assert self.content is not None
        classes = np.where(self.allowed, self.content.classes, SET_BACK)
        return DrawnMap(view=self.view, points=self.content.points, classes=classes)

    def _draw_again(self) -> None:
        vars(self).pop("_drawn", None)
        self._strips = []
        self.refresh()

    def notify_style_update(self) -> None:
        """Drop what was drawn in the old colors."""
        self._strips = []
        super().notify_style_update()

    def on_resize(self) -> None:
        """Fit the view to the widget."""
        self.view = self.view.resized(*self.size)
        if self.content is not None and self.cursor is not None:
            self.view = self.view.showing(self.content.points[self.cursor])
        self._draw_again()

    def render_line(self, y: int) -> Strip:
        """Draw a line of the widget."""
        width = self.size.width
        if self.content is None or self.view.columns != width or self.view.rows <= y:
            return self._text_line(y)
        if not self._strips:
            self._strips = self._all_strips()
        strip, cell = self._strips[y], self._cursor_cell
        if cell is None or cell[1] != y:
            return strip
        # brackets too: one cell among thousands is easily lost
        left, right = max(cell[0] - 1, 0), min(cell[0] + 2, width)
        sign = DOUBT if self.row in self.content.doubts else "◆"
        around = ["[" * (cell[0] > left), sign, "]" * (right > cell[0] + 1)]
        mark = Segment("".join(around), self.get_component_rich_style("point-map--cursor"))
        parts = strip.crop(0, left), Strip([mark], right - left), strip.crop(right, width)
        return Strip.join(parts)

    def _text_line(self, y: int) -> Strip:
        """Draw a line of the text that is shown in place of a map."""
        width = self.size.width
        lines = wrap(self._text, max(1, width - 4)) if self.content is None else []
        line = y - max(0, self.size.height // 3 - len(lines) // 2)
        if not 0 <= line < len(lines):
            return Strip.blank(width, self.rich_style)
        style = self.get_component_rich_style("point-map--note")
        text = fitted(lines[line], min(cell_len(lines[line]), width))
        return Strip([Segment(text.center(width), style)]).adjust_cell_length(width, style)

    def _all_strips(self) -> list[Strip]:
        assert self.content is not None
        drawn, styles = self._drawn, self._styles()
        characters = drawn.letters() if self.has_letters else drawn.braille()
        numbers = drawn.cell_classes.copy()
        doubtful = self.content.doubtful
        in_view = doubtful[self.allowed[doubtful] & (drawn.cells[doubtful] >= 0)]
        signs = np.unravel_index(drawn.cells[in_view[:MOST_SIGNS]], numbers.shape)
        characters[signs], numbers[signs] = DOUBT, DOUBT_STYLE
        values = self.content.value_classes
        names = {
            value: sanitize(fitted(self.content.values[value], NAME_WIDTH)).rstrip()
            for value in list(values)[:MOST_NAMES]
        }
        for caption in drawn.captions(names, self.content.labels):
            end = caption.column + len(caption.name)
            characters[caption.row, caption.column : end] = list(caption.name)
            numbers[caption.row, caption.column : end] = NAMED_STYLE + values[caption.value]
        strips = []
        for letters, line in zip(characters.tolist(), numbers.tolist(), strict=True):
            segments, start = [], 0
            for number, run in groupby(line):
                end = start + len(list(run))
                segments.append(Segment("".join(letters[start:end]), styles[number]))
                start = end
            strips.append(Strip(segments))
        return strips

    def _styles(self) -> dict[int, Style]:
        """Return the styles by number: of classes, of their names, of doubts, and -1 of nothing."""
        blank = self.rich_style
        named = {name: self.get_component_rich_style(f"point-map--{name}") for name in STYLES}
        styles = {-1: blank, OTHERS: named["others"], SET_BACK: named["back"]}
        for number, color in enumerate(self.class_colors):
            styles[number] = blank + Style(color=Color.parse(color))
        for number in range(SET_BACK + 1):
            styles[NAMED_STYLE + number] = styles[number] + Style(bold=True, reverse=False)
        return styles | {DOUBT_STYLE: named["doubt"]}

    @property
    def class_colors(self) -> list[str]:
        """The colors of the named classes in the theme."""
        white = ThemeColor(255, 255, 255)
        share = BRIGHTER if self.app.current_theme.dark else 0.0
        return [ThemeColor.parse(color).blend(white, share).hex for color in COLORS.values()]

    def sign_of(self, number: int) -> tuple[str, str]:
        """Return the sign of a class and its color; none for the others, which have no own."""
        sign = LETTERS[number] if self.has_letters else DOT
        return sign, self.class_colors[number] if number < NUM_NAMED else ""

    # ── keys and mouse ───────────────────────────────────────────────────────

    def action_step(self, across: int, down: int) -> None:
        """Move to the nearest point in a direction."""
        if self.content is None or self.cursor is None:
            return
        place = nearest_in_direction(self._drawn.dots, self.cursor, across, down, self.allowed)
        if place is not None:
            self.move_to(place)

    def action_next_here(self) -> None:
        """Move to the next item in the cell of the cursor; after the last, to the first."""
        if self.cursor is not None:
            cells = self._drawn.cells
            here = np.flatnonzero((cells == cells[self.cursor]) & self.allowed)
            self.move_to(int(here[(here > self.cursor).argmax()]))

    def action_zoom(self, steps: int) -> None:
        """Magnify around the cursor, or less."""
        if self.content is not None:
            around = None if self.cursor is None else self.content.points[self.cursor].tolist()
            self._look(self.view.zoomed(ZOOM**steps, around))

    def action_whole(self) -> None:
        """Show the whole map."""
        self._look(View(*self.size))

    def action_pan(self, across: int, down: int) -> None:
        """Move the view; the cursor stays on its item."""
        columns, rows = PAN * self.view.columns, PAN * self.view.rows
        self._look(self.view.panned(across * columns, down * rows))

    def action_enter(self) -> None:
        """Open the item under the cursor."""
        if self.cursor is not None:
            self.post_message(self.Entered())

    def action_letters(self) -> None:
        """Show letters in place of dots, or dots again."""
        self.has_letters = not self.has_letters
        self._draw_again()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the nearest point; a double click opens it."""
        if self.content is None or not self.allowed.any():
            return
        places = np.flatnonzero(self.allowed)
        to = self.view.at(event.x, event.y)
        place = int(places[nearest_points(self.content.points[places], to, 1)[0]])
        x, y = self._drawn.dots[place] - self.view.dots(np.array([to], dtype=np.float32))[0]
        if max(abs(x) / 2, abs(y) / 4) <= CLICK_CELLS:
            self.move_to(place)
            if event.chain == 2 and is_plain(event):
                self.action_enter()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zoom out around the pointer."""
        self._wheel(event, -1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zoom in around the pointer."""
        self._wheel(event, 1)

    def _wheel(self, event: events.MouseEvent, steps: int) -> None:
        event.stop()
        event.prevent_default()
        self._look(self.view.zoomed(ZOOM**steps, self.view.at(event.x, event.y)))

    def _look(self, view: View) -> None:
        if view != self.view:
            self.view = view
            self._draw_again()
            self.post_message(self.Highlighted())
