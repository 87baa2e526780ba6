"""Guards against keys and clicks that arrive after their target has gone.

Keys and clicks wait in queues. By the time one is handled, the screen may have been dismissed, or a
list may have lost its options or its room. Textual then raises an error, which ends the app.
"""

from typing import Any

from textual.await_complete import AwaitComplete
from textual.content import Content
from textual.css.styles import RulesMap
from textual.events import Click
from textual.screen import Screen
from textual.widgets import OptionList

_dismiss = Screen.dismiss
_move_page = OptionList._move_page
_on_click = OptionList._on_click
_get_height = Content.get_height


def dismiss(screen: Screen[Any], result: Any = None) -> AwaitComplete:
    """Dismiss a screen, unless it is no longer on top.

    ``Screen.dismiss`` pops whatever screen is on top: two quick clicks beside the command palette
    also close the screen below it, or raise ``ScreenStackError`` where there is none.
    See https://github.com/Textualize/textual/issues/2575 and 4884.
    """
    if screen.app.screen is not screen:
        return AwaitComplete()
    return _dismiss(screen, result)


def move_page(options: OptionList, direction: Any) -> None:
    """Move by a page, unless the list has no room to show a line.

    ``OptionList._move_page`` raises ``KeyError`` while the list has no size, as in a terminal of
    five rows or before the first layout (seen in Textual 8.2.8; no upstream issue).
    """
    if options._lines:
        _move_page(options, direction)


async def on_click(options: OptionList, event: Click) -> None:
    """Select the clicked option, if the list still has so many.

    ``OptionList._on_click`` raises ``IndexError`` for a click on an option that was removed before
    the click is handled (seen in Textual 8.2.8; no upstream issue).
    """
    clicked = event.style.meta.get("option")
    if clicked is None or clicked < options.option_count:
        await _on_click(options, event)


def get_height(content: Content, rules: RulesMap, width: int) -> int:
    """Return the height of text, if need be as if it had a column.

    ``Content.get_height`` raises ``ValueError`` for text that is to be wrapped in no column, as in
    the command palette of a terminal of four columns (seen in Textual 8.2.8; no upstream issue).
    """
    return _get_height(content, rules, max(width, 1 + 2 * rules.get("line_pad", 0)))
