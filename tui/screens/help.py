"""The help, which lists the current keys from the bindings themselves, and the tour."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from textwrap import fill
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.style import Style
from textual.widgets import Input, Static

from datrnet.tui.keymap import hidden, is_ours, words_of
from datrnet.tui.widgets.text import MUTED

if TYPE_CHECKING:
    from textual.dom import DOMNode


KEYS_WIDTH = 18


@dataclass(frozen=True, slots=True)
class KeyHelp:
    """An action and its keys."""

    keys: tuple[str, ...]
    description: str


@dataclass(frozen=True, slots=True)
class KeyGroup:
    """The keys of a part of the screen."""

    title: str
    lines: tuple[KeyHelp, ...]


def keys_of(screen: Screen[Any]) -> list[KeyGroup]:
    """Return the keys that work now, those of the focused widget first."""
    groups: dict[str, dict[tuple[str, str], list[str]]] = {}
    for key, active in screen.active_bindings.items():
        title = _title(active.node)
        if title and is_ours(active.binding) and active.enabled:
            shown = screen.app.get_key_display(active.binding.with_key(key, key_display=None))
            line = (active.binding.action, words_of(active.binding))
            groups.setdefault(title, {}).setdefault(line, []).append(shown)
    return [
        KeyGroup(title, tuple(KeyHelp(tuple(keys), text) for (_, text), keys in lines.items()))
        for title, lines in groups.items()
    ]


def signs_of(screen: Screen[Any]) -> list[KeyGroup]:
    """Return the meaning of the signs on a screen."""
    signs: Mapping[str, str] = getattr(screen, "HELP_SIGNS", {})
    lines = tuple(KeyHelp((sign,), text) for sign, text in signs.items())
    return [KeyGroup("Signs", lines)] if lines else []


def _title(node: DOMNode) -> str:
    return str(getattr(node, "HELP_TITLE", ""))


class HelpScreen(ModalScreen[None]):
    """A searchable list of the keys of the screen below."""

    HELP_TITLE = "Help"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("escape,q,question_mark,f1,enter", "close", "Close", id="help.close"),
        hidden("down,j", "scroll(1)", "Down", id="help.down"),
        hidden("up,k", "scroll(-1)", "Up", id="help.up"),
        hidden("pagedown,space", "page(1)", "Page down", id="help.page_down"),
        hidden("pageup,b", "page(-1)", "Page up", id="help.page_up"),
        hidden("slash", "search", "Search", id="help.search"),
    ]
    AUTO_FOCUS = "#help-keys"

    def __init__(self, groups: Sequence[KeyGroup], key_of: Callable[[str], str]) -> None:
        """Prepare the list.

        Args:
            groups: The keys by part of the screen.
            key_of: Returns the key for the id of a binding, as it is shown.
        """
        super().__init__()
        self._groups = groups
        self._key_of = key_of

    def compose(self) -> ComposeResult:
        """The list, and a search field on request."""
        with Vertical(id="help"):
            yield Static("Keys", id="help-title")
            yield Input(placeholder="Search keys", id="help-search", compact=True)
            with VerticalScroll(id="help-keys"):
                yield KeyTable(self._groups)
            yield Static(id="help-end", markup=False)

    def on_mount(self) -> None:
        """Show how to close and search."""
        close, search = map(self._key_of, ("help.close", "help.search"))
        self.query_one("#help-end", Static).update(f"{close} closes   {search} searches")

    @on(Input.Changed)
    def _narrow_down(self, event: Input.Changed) -> None:
        self.query_one(KeyTable).show(found_in(self._groups, event.value))

    @on(Input.Submitted)
    def _leave_search(self) -> None:
        self.set_focus(self.query_one("#help-keys"))

    def action_search(self) -> None:
        """Show and focus the search field."""
        self.add_class("-searching")
        self.set_focus(self.query_one(Input))

    def action_close(self) -> None:
        """Leave the search field; else close the search; without one, the help."""
        field = self.query_one(Input)
        if field.has_focus:
            self._leave_search()
        elif self.has_class("-searching"):
            field.value = ""
            self.remove_class("-searching")
        else:
            self.dismiss()

    def action_scroll(self, lines: int) -> None:
        """Scroll the list."""
        self.query_one("#help-keys").scroll_relative(y=lines, animate=False)

    def action_page(self, pages: int) -> None:
        """Scroll the list by pages."""
        self.action_scroll(pages * max(1, self.query_one("#help-keys").size.height - 1))


def found_in(groups: Sequence[KeyGroup], text: str) -> list[KeyGroup]:
    """Return the groups with only the lines that contain every word of a text, or are its key."""
    words = text.casefold().split()
    found = []
    for group in groups:
        lines = tuple(line for line in group.lines if _has(group, line, words))
        if lines:
            found.append(KeyGroup(group.title, lines))
    return found


def _has(group: KeyGroup, line: KeyHelp, words: Sequence[str]) -> bool:
    text = f"{group.title} {line.description}".casefold()
    keys = {key.casefold() for key in line.keys}
    return all(word in text or word in keys for word in words)


class KeyTable(Static):
    """Keys and what they do; a description that wraps keeps to its column."""

    def __init__(self, groups: Sequence[KeyGroup]) -> None:
        super().__init__(id="help-table")
        self._groups = groups

    def show(self, groups: Sequence[KeyGroup]) -> None:
        """Show other keys."""
        self._groups = groups
        self.update(self._table(self.size.width))

    def on_resize(self) -> None:
        """Fit the columns to the width."""
        self.show(self._groups)

    def _table(self, width: int) -> Content:
        indent = min(KEYS_WIDTH, width // 2) + 2
        lines = []
        for group in self._groups:
            lines += [Content(""), Content.assemble((group.title, MUTED))]
            for line in group.lines:
                keys = f"{'  '.join(line.keys):<{indent - 2}}  "
                text = fill(
                    line.description,
                    max(width, 1),
                    initial_indent=keys,
                    subsequent_indent=" " * indent,
                    break_long_words=False,
                )
                lines.append(Content(text).stylize("$text-accent", 0, len(keys)))
        return Content("\n").join(lines[1:]) if lines else Content("No matching keys.")


@dataclass(frozen=True, slots=True)
class Card:
    """A card of the tour; ids of bindings in braces become keys."""

    title: str
    text: str


@cache
def tour_cards() -> tuple[Card, ...]:
    """Return the cards of the tour."""
    cards = tomllib.loads((files("datrnet.tui") / "tour.toml").read_text("utf-8"))["cards"]
    return tuple(Card(**card) for card in cards)


class TourScreen(ModalScreen[None]):
    """Shows one card at a time, above the screen."""

    HELP_TITLE = "Tour"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("enter,space,right,l,n", "turn(1)", "Next card", id="tour.next"),
        hidden("left,h,b,p,backspace", "turn(-1)", "Previous card", id="tour.back"),
        hidden("escape,q", "leave", "Close the tour", id="tour.leave"),
    ]

    def __init__(self, key_of: Callable[[str], str]) -> None:
        """Start with the first card.

        Args:
            key_of: Returns the key for the id of a binding, as it is shown.
        """
        super().__init__()
        self._key_of, self._cards, self._place = key_of, tour_cards(), 0

    def compose(self) -> ComposeResult:
        """Title, text, and how to continue."""
        with Vertical(id="tour"):
            yield Static(id="tour-title")
            with VerticalScroll(id="tour-words"):
                yield Static(id="tour-text")
            yield Static(id="tour-end")

    def on_mount(self) -> None:
        """Show the first card."""
        self._show()

    def _show(self) -> None:
        card, number = self._cards[self._place], len(self._cards)
        self.query_one("#tour-title", Static).update(
            Content.assemble((card.title, "bold"), (f"  {self._place + 1} of {number}", MUTED))
        )
        self.query_one("#tour-text", Static).update(self._with_keys(card.text))
        self.query_one("#tour-words").scroll_home(animate=False)
        self.query_one("#tour-end", Static).update(self._end)

    @property
    def _end(self) -> Content:
        """How to continue, as keys that can be clicked."""
        is_last = self._place == len(self._cards) - 1
        ways = [("tour.leave", "done" if is_last else "close", "screen.leave")]
        if self._place:
            ways.insert(0, ("tour.back", "back", "screen.turn(-1)"))
        if not is_last:
            ways.insert(0, ("tour.next", "next", "screen.turn(1)"))
        return Content("   ").join(
            Content.styled(f"{self._key_of(name)} {word}", Style.from_meta({"@click": action}))
            for name, word, action in ways
        )

    def _with_keys(self, text: str) -> Content:
        """Replace ids of bindings by their keys."""
        pieces = re.split(r"\{([a-z0-9_.]+)\}", text)
        return Content.assemble(
            *(
                (self._key_of(piece), "bold $text-accent") if place % 2 else piece
                for place, piece in enumerate(pieces)
            )
        )

    def action_turn(self, cards: int) -> None:
        """Go to another card; past the last one, close the tour."""
        if self._place + cards == len(self._cards):
            self.action_leave()
            return
        self._place = max(0, self._place + cards)
        self._show()

    def action_leave(self) -> None:
        """Close the tour."""
        self.dismiss()
