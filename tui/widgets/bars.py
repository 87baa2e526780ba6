"""Bars: title, tabs, search, long work, keys, and the notice of a small terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult, RenderResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Footer, Input, Static
from textual.widgets._footer import FooterKey

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.text import sanitize
from datrnet.tui.request_words import is_none
from datrnet.tui.widgets.text import MUTED, fitted

SEPARATOR = " › "


class TitleBar(Widget):
    """The trail on the left, counts on the right.

    A click on the program's name opens the palette, on a step of the trail goes back to it, and on
    the number of notices lists them.
    """

    trail: reactive[tuple[str, ...]] = reactive(())
    """From the catalog to the current screen."""
    num_own: int = 1
    """How many steps at its end are the current screen's: the others can be clicked."""
    facts: reactive[str] = reactive("")
    num_waiting: reactive[int] = reactive(0)
    """Notices besides the one that is shown."""

    def render(self) -> RenderResult:
        """Draw the bar; the end of the trail must stay readable."""
        name = f" {self.app.title}"
        waiting = f"+{self.num_waiting} " if self.num_waiting else ""
        right = cell_len(self.facts) + cell_len(waiting)
        room = max(0, self.size.width - cell_len(name) - right - 5)
        steps = [sanitize(step) for step in self.trail]
        while len(steps) > 1 and cell_len(SEPARATOR.join(steps)) > room:
            del steps[0]
            steps[0] = f"… {steps[0]}" if len(steps) > 1 else steps[0]
        trail = Content(fitted(SEPARATOR.join(steps), room))
        start = 0
        before = steps[: -self.num_own]
        for num_back, step in zip(range(len(before), 0, -1), before, strict=True):
            trail = trail.stylize(_click(f"app.go_back({num_back})"), start, start + len(step))
            start += len(step) + len(SEPARATOR)
        return Content.assemble(
            Content.styled(name, "bold $text-primary").stylize(_click("app.command_palette")),
            "  ",
            trail,
            "  ",
            (f"{self.facts} ", MUTED),
            Content.styled(waiting, "bold $text-warning").stylize(_click("app.notices")),
        )


def _click(action: str) -> Style:
    """Return the style of text that does something when it is clicked."""
    return Style.from_meta({"@click": action})


class JobLine(Widget):
    """The work that takes long, how far it is, and how to cancel it; hidden without any.

    It lies over the last line of the page, so that nothing moves when it comes and goes.
    """

    words: reactive[str] = reactive("")
    cancel: reactive[str] = reactive("")
    """How to cancel it; empty if that is impossible."""

    def show(self, words: str, cancel: str) -> None:
        """Show what is going on; empty words hide the line."""
        self.set_class(bool(words), "-busy")
        self.words, self.cancel = sanitize(words), cancel

    def render(self) -> RenderResult:
        """Draw the line; how to cancel stays in sight."""
        room = max(0, self.size.width - cell_len(self.cancel) - 5)
        return Content.assemble(
            " ",
            fitted(self.words, min(room, cell_len(self.words))),
            "   ",
            Content.styled(self.cancel, "bold").stylize(_click("app.cancel_job")),
        )


class TabLine(Horizontal):
    """Numbered tabs, one of them open."""

    @dataclass
    class Chosen(Message):
        """A tab was clicked."""

        place: int

    def __init__(self, names: Sequence[str], open_place: int) -> None:
        super().__init__()
        self._names = tuple(names)
        self._open = open_place

    def compose(self) -> ComposeResult:
        """One label per tab."""
        for place, name in enumerate(self._names):
            tab = TabLabel(place, name)
            tab.set_class(place == self._open, "-open")
            yield tab


class TabLabel(Static):
    """The label of a tab."""

    def __init__(self, place: int, name: str) -> None:
        content = Content.assemble((f" {place + 1} ", MUTED), f"{name} ")
        super().__init__(content, markup=False)
        self._place = place

    def on_click(self) -> None:
        """Ask to open the tab."""
        self.post_message(TabLine.Chosen(self._place))


DROPPED_FIRST = (
    "show_sessions",
    "show_shortlist",
    "zoom(-1)",
    "zoom(1)",
    "sort",
    "clear",
    "shortlist",
    "reverse",
    "review",
    "map",
    "redo",
    "swap",
    "label('none')",
    "other",
    "undo",
    "step(1)",
    "command_palette",
    "substitutes",
    "facets",
)
"""Actions whose keys make room, in this order; the help lists all keys."""

PINNED = ("back", "help", "quit")
"""Actions whose keys are shown at any width."""

MARGIN = 1
"""Cells after a key, and at both ends of the bar."""


class KeyLine(Footer):
    """The footer of every screen: the keys of the focused pane, then those of the screen."""

    def __init__(self) -> None:
        """Show keys without decoration; the palette is one of them."""
        super().__init__(show_command_palette=False, compact=True)
        self.set_class(self.app.no_color, "-plain", update=False)
        self._composed: list[tuple[Binding, bool]] = []
        self._width = 0

    def bindings_changed(self, screen: Screen[Any]) -> None:
        """Show the keys again, if they changed."""
        if self._to_show() != self._composed:
            super().bindings_changed(screen)

    def _to_show(self) -> list[tuple[Binding, bool]]:
        """Return what is to be shown, and whether it can be used."""
        active = self.screen.active_bindings.values()
        return [
            (key.binding, key.enabled)
            for key in active
            if key.binding.show and not self._is_typed(self.app.get_key_display(key.binding))
        ]

    def _is_typed(self, shown: str) -> bool:
        """Return whether a key, as it is shown, is text for the focused field."""
        return isinstance(self.screen.focused, Input) and len(shown) == 1 and shown.isascii()

    def compose(self) -> ComposeResult:
        """Yield the keys that fit."""
        self._composed = self._to_show() if self._bindings_ready else []
        keys = [
            key
            for key in super().compose()
            if isinstance(key, FooterKey) and not self._is_typed(key.key_display)
        ]
        self._width = self.size.width or self.app.size.width
        for key in fitting(keys, self._width):
            key.add_class("-compact", update=False)  # later, each would be styled once more
            yield key

    async def on_resize(self) -> None:
        """Fit the keys to another width."""
        if self.size.width != self._width:
            await self.recompose()


def fitting(keys: Sequence[FooterKey], width: int) -> list[FooterKey]:
    """Return the keys that fit into a width, in their order.

    Those in ``DROPPED_FIRST`` make room first, then the last of the others.
    """
    left = list(keys)
    others = [
        name for key in reversed(left) if (name := _action(key)) not in DROPPED_FIRST + PINNED
    ]
    for action in (*DROPPED_FIRST, *others):
        if sum(map(_width, left)) + MARGIN <= width:
            break
        left = [key for key in left if _action(key) != action]
    return left


def _action(key: FooterKey) -> str:
    return key.action.rpartition(".")[2]


def _width(key: FooterKey) -> int:
    return cell_len(f"{key.key_display} {key.description}") + MARGIN


SMALLEST_WIDTH = 40
SMALLEST_HEIGHT = 12

WIDTHS = [
    (0, "-tiny"),
    (SMALLEST_WIDTH, "-narrow"),
    (100, "-middling"),
    (120, "-wide"),
    (140, "-very-wide"),
]
HEIGHTS = [(0, "-flat"), (SMALLEST_HEIGHT, "-low"), (32, "-high")]
"""The style classes of a screen, by its smallest size."""


class SearchField(Input):
    """Where the catalog is searched; its hint names what there is to find."""

    HELP_TITLE = "Search"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Pictures", tooltip="Go to what is found", id="search.go"),
        Binding("escape", "screen.clear_search", "Leave", id="search.leave"),
    ]

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(placeholder=search_hint(catalog), id="search", compact=True)


def search_hint(catalog: Catalog) -> str:
    """Return examples of what a catalog can be searched for: rare values of its first item."""
    counts: dict[str, int] = {}
    for row in catalog.shown_rows[:1]:
        for idx, value in enumerate(catalog.labels[row].tolist()):
            name = catalog.super_categories[idx].values[value]
            if value >= 0 and not is_none(name):
                counts[sanitize(name)] = int(catalog.carries(idx, value).sum())
    words = sorted(counts, key=counts.__getitem__)
    examples = [" ".join(words[:2])] if words else []
    examples += [f"no {word}" for word in words[2:3]]
    examples += [f"{fact.name}<50" for fact in catalog.facts.columns if fact.kind == "money"][:1]
    return f"Search: {', '.join([*examples, 'words of titles'])}"


class TooSmall(Widget):
    """Covers a screen that is too small, and says which size it needs."""

    def render(self) -> RenderResult:
        """Show the notice in whatever room there is."""
        size = self.app.size
        needed = f"{SMALLEST_WIDTH}x{SMALLEST_HEIGHT}"
        return Content(f"Too small: {size.width}x{size.height}. Needs {needed}.")


def framed(*body: Widget) -> ComposeResult:
    """Yield what every page has: the title, the body, and the keys."""
    yield TitleBar()
    yield Horizontal(*body, id="body")
    yield from foot()


def foot() -> ComposeResult:
    """Yield what is at the foot of every page, and covers it: long work, keys, a small terminal."""
    yield JobLine()
    yield KeyLine()
    yield TooSmall()
