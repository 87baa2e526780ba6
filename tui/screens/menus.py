"""Small lists over a screen: what can be done with what the pointer is on, and the last notices."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import ActiveBinding, BindingType
from textual.content import Content
from textual.geometry import Offset
from textual.screen import ModalScreen, Screen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from datrnet.tui.context import Notice
from datrnet.tui.keymap import hidden, words_of
from datrnet.tui.screens.dialogs import Choice
from datrnet.tui.textual_patches import RIGHT
from datrnet.tui.widgets.pickers import PickerHeader, Pickers
from datrnet.tui.widgets.text import MUTED, fitted

OF_ITEMS = (
    "catalog.substitutes",
    "substitutes.follow",
    "shortlist.substitutes",
    "replay.substitutes",
    "map.substitutes",
    "item.large",
    "item.mark",
    "item.shortlist",
    "substitutes.more_like",
    "substitutes.less_like",
    "program.copy",
    "item.open_picture",
    "item.variants",
    "item.look_next",
    "map.correct",
    "map.keep",
    "sessions.resume",
    "sessions.replay",
    "sessions.rename",
    "sessions.delete",
    "sessions.export",
)
MENUS = {
    "Pictures": OF_ITEMS,
    "Points": OF_ITEMS,
    "Facets": ("facets.choose", "facets.exclude", "facets.clear"),
    "Pickers": (
        "pickers.tick",
        "pickers.keep_exactly",
        "pickers.leave_out",
        "pickers.count_more",
        "pickers.count_less",
        "pickers.reset",
    ),
}
"""By the title of a pane, the keys whose commands its menu has, as far as they work just then."""

GAP = 3
"""Cells between a command and its key."""

STYLES = {"information": "", "warning": "$text-warning", "error": "$text-error"}
"""Of notices, by their severity."""


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A command of a menu."""

    words: str
    key: str
    run: Callable[[], Any]


def open_menu(screen: Screen[Any], event: events.Click) -> None:
    """Show the commands for what was clicked with the right button; nothing for other clicks."""
    pane = event.widget
    if event.button != RIGHT or pane is None:
        return
    if isinstance(pane, PickerHeader) and isinstance(pane.parent, Pickers):
        pane = pane.parent.values  # the click has opened this picker
    elif isinstance(pane, OptionList):
        option = event.style.meta.get("option")
        if option is None or option >= pane.option_count:
            return
        pane.highlighted = option
    if (names := MENUS.get(getattr(pane, "HELP_TITLE", ""))) is None:
        return
    screen.set_focus(pane)
    if entries := entries_of(screen, names):
        screen.app.push_screen(PointerMenu(entries, event.screen_offset), _run)


def entries_of(screen: Screen[Any], names: Sequence[str]) -> list[MenuEntry]:
    """Return the commands of those named keys that work now."""
    active: dict[str | None, ActiveBinding] = {}
    for each in screen.active_bindings.values():
        if each.enabled:
            active.setdefault(each.binding.id, each)
    return [
        MenuEntry(
            words_of(it.binding),
            screen.app.get_key_display(it.binding),
            partial(screen.app.run_action, it.binding.action, it.node),
        )
        for name in names
        if (it := active.get(name)) is not None
    ]


async def _run(entry: MenuEntry | None) -> None:
    if entry is not None:
        await entry.run()


class PointerMenu(ModalScreen[MenuEntry | None]):
    """Commands with their keys, at the pointer; returns the chosen one."""

    HELP_TITLE = "Menu"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("j", "move('cursor_down')", "Next", id="menu.next"),
        hidden("k", "move('cursor_up')", "Previous", id="menu.previous"),
        hidden("escape,q", "dismiss(None)", "Cancel", id="menu.leave"),
    ]

    def __init__(self, entries: Sequence[MenuEntry], at: Offset) -> None:
        super().__init__()
        self._entries, self._at = entries, at

    def compose(self) -> ComposeResult:
        """The list, as wide as its longest line."""
        width = max(cell_len(entry.words) for entry in self._entries) + GAP
        menu = OptionList(
            *(
                Option(Content.assemble(fitted(entry.words, width), (entry.key, MUTED)))
                for entry in self._entries
            ),
            markup=False,
            compact=True,
        )
        menu.absolute_offset = self._at
        yield menu

    def action_move(self, action: str) -> None:
        """Move in the list."""
        getattr(self.query_one(OptionList), f"action_{action}")()

    @on(OptionList.OptionSelected)
    def _select(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self._entries[event.option_index])

    def on_click(self, event: events.Click) -> None:
        """Close the menu by a click beside it."""
        if event.widget is self:
            self.dismiss(None)


class NoticeList(Choice):
    """The last notices, the newest first; returns the one to copy."""

    HELP_TITLE = "Notices"
    HINT = "enter copies, esc closes"

    def __init__(self, notices: Sequence[Notice]) -> None:
        lines = [
            Content.assemble((f"{notice.time}  ", MUTED), (notice.message, STYLES[notice.severity]))
            for notice in notices
        ]
        super().__init__("Last notices", lines or ["None so far."])
