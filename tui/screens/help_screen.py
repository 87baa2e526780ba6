"""The keys that work where one stands, read from the bindings themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

if TYPE_CHECKING:
    from textual.dom import DOMNode

KEYS_WIDTH = 24


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
    """Tell whether a binding is the explorer's; Textual's own name the node that acts."""
    name, _, _ = binding.action.partition("(")
    return bool(binding.description) and "." not in name


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


def _title(node: DOMNode) -> str:
    return str(getattr(node, "HELP_TITLE", ""))


class HelpScreen(ModalScreen[None]):
    """A list of keys over the screen they are for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter", "dismiss", "Close", show=False),
        Binding("down,j", "scroll(1)", "Down", show=False),
        Binding("up,k", "scroll(-1)", "Up", show=False),
    ]

    def __init__(self, groups: Sequence[KeyGroup]) -> None:
        super().__init__()
        self._groups = groups

    @classmethod
    def about(cls, screen: Screen[Any]) -> HelpScreen:
        """Return the help for what has the focus on a screen."""
        return cls(keys_of(screen))

    def compose(self) -> ComposeResult:
        """One table for each group."""
        with Vertical(id="help"):
            yield Static("Keys", id="help-title")
            with VerticalScroll(id="help-keys"):
                for group in self._groups:
                    yield Static(group.title, classes="help-group", markup=False)
                    yield Static(_table(group), markup=False)
            yield Static("esc closes", id="help-end")

    def action_scroll(self, lines: int) -> None:
        """Scroll the list."""
        self.query_one("#help-keys").scroll_relative(y=lines, animate=False)


def _table(group: KeyGroup) -> Content:
    lines = []
    for line in group.lines:
        keys = "  ".join(line.keys)
        lines.append(Content.assemble((f"{keys:<{KEYS_WIDTH}}", "$text-accent"), line.description))
    return Content("\n").join(lines)
