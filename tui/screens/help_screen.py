"""The keys that work where one stands, read from the bindings themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Static

from datrnet.tui.text_styles import MUTED

if TYPE_CHECKING:
    from textual.dom import DOMNode

KEYS_WIDTH = 18


@dataclass(frozen=True, slots=True)
class KeyLine:
    """One thing to do, with the keys that do it."""

    keys: tuple[str, ...]
    description: str


@dataclass(frozen=True, slots=True)
class KeyGroup:
    """What the keys of one part of the screen do."""

    title: str
    lines: tuple[KeyLine, ...]


def is_ours(binding: Binding) -> bool:
    """Tell whether a binding is the explorer's; Textual's own have no id."""
    return bool(binding.description) and binding.id is not None


def keys_of(screen: Screen[Any]) -> list[KeyGroup]:
    """Return the keys that work on a screen at this moment, those of the focused widget first."""
    groups: dict[str, dict[tuple[str, str], list[str]]] = {}
    for key, active in screen.active_bindings.items():
        title = _title(active.node)
        if title and is_ours(active.binding) and active.enabled:
            shown = screen.app.get_key_display(active.binding.with_key(key, key_display=None))
            line = (active.binding.action, active.binding.description)
            groups.setdefault(title, {}).setdefault(line, []).append(shown)
    return [
        KeyGroup(title, tuple(KeyLine(tuple(keys), text) for (_, text), keys in lines.items()))
        for title, lines in groups.items()
    ]


def signs_of(screen: Screen[Any]) -> list[KeyGroup]:
    """Return what the signs of a screen stand for, where it has any."""
    signs: Mapping[str, str] = getattr(screen, "HELP_SIGNS", {})
    lines = tuple(KeyLine((sign,), text) for sign, text in signs.items())
    return [KeyGroup("Signs", lines)] if lines else []


def _title(node: DOMNode) -> str:
    return str(getattr(node, "HELP_TITLE", ""))


class HelpScreen(ModalScreen[None]):
    """A list of keys over the screen they are for, to be searched by typing."""

    HELP_TITLE = "Help"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter", "close", "Close", show=False, id="help.close"),
        Binding("down,j", "scroll(1)", "Down", show=False, id="help.down"),
        Binding("up,k", "scroll(-1)", "Up", show=False, id="help.up"),
        Binding("pagedown,space", "page(1)", "Page down", show=False, id="help.page_down"),
        Binding("pageup,b", "page(-1)", "Page up", show=False, id="help.page_up"),
        Binding("slash", "search", "Search", show=False, id="help.search"),
    ]
    AUTO_FOCUS = "#help-keys"

    def __init__(self, groups: Sequence[KeyGroup], key_of: Callable[[str], str]) -> None:
        """Prepare the list.

        Args:
            groups: The keys, by the part of the screen that they work in.
            key_of: Returns how the key for what a name stands for is shown.
        """
        super().__init__()
        self._groups = groups
        self._key_of = key_of

    def compose(self) -> ComposeResult:
        """The search field, where it is asked for, and one list in groups."""
        with Vertical(id="help"):
            yield Static("Keys", id="help-title")
            yield Input(placeholder="Search keys", id="help-search", compact=True)
            with VerticalScroll(id="help-keys"):
                yield Static(_table(self._groups), id="help-table")
            yield Static(id="help-end", markup=False)

    def on_mount(self) -> None:
        """Say how to go on from here."""
        close, search = map(self._key_of, ("help.close", "help.search"))
        self.query_one("#help-end", Static).update(f"{close} closes   {search} searches")

    @on(Input.Changed)
    def _narrow_down(self, event: Input.Changed) -> None:
        groups = found_in(self._groups, event.value)
        table = _table(groups) if groups else Content("No key does that.")
        self.query_one("#help-table", Static).update(table)

    @on(Input.Submitted)
    def _leave_search(self) -> None:
        self.set_focus(self.query_one("#help-keys"))

    def action_search(self) -> None:
        """Show the search field and go to it."""
        self.add_class("-searching")
        self.set_focus(self.query_one(Input))

    def action_close(self) -> None:
        """Leave the search, or without one the help."""
        if not self.has_class("-searching"):
            self.dismiss()
            return
        self.query_one(Input).value = ""
        self.remove_class("-searching")
        self._leave_search()

    def action_scroll(self, lines: int) -> None:
        """Scroll the list."""
        self.query_one("#help-keys").scroll_relative(y=lines, animate=False)

    def action_page(self, pages: int) -> None:
        """Scroll the list by as much as is seen of it."""
        self.action_scroll(pages * max(1, self.query_one("#help-keys").size.height - 1))


def found_in(groups: Sequence[KeyGroup], text: str) -> list[KeyGroup]:
    """Return the groups with only the lines that have every word of a text, be it as a key."""
    words = text.casefold().split()
    found = []
    for group in groups:
        lines = tuple(line for line in group.lines if _has(group, line, words))
        if lines:
            found.append(KeyGroup(group.title, lines))
    return found


def _has(group: KeyGroup, line: KeyLine, words: Sequence[str]) -> bool:
    text = f"{group.title} {line.description}".casefold()
    keys = {key.casefold() for key in line.keys}
    return all(word in text or word in keys for word in words)


def _table(groups: Sequence[KeyGroup]) -> Content:
    lines = []
    for group in groups:
        lines += [Content(""), Content.assemble((group.title, MUTED))]
        for line in group.lines:
            keys = "  ".join(line.keys)
            lines.append(
                Content.assemble((f"{keys:<{KEYS_WIDTH}}  ", "$text-accent"), line.description)
            )
    return Content("\n").join(lines[1:])
