"""Workarounds for what Textual does wrong, and the explorer's uses of its private parts.

Each patch names the behavior that it corrects, and the upstream issue where one is known. Its test
in ``tests/tui/textual_patches`` fails once Textual itself behaves: then the patch can go.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Any

import textual.screen
from rich.console import Console, RenderableType
from rich.control import Control
from textual._compositor import ChopsUpdate, Compositor, CompositorMap, ReflowResult
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette
from textual.content import Content
from textual.css.styles import RulesMap
from textual.dom import DOMNode
from textual.drivers._writer_thread import WriterThread
from textual.errors import NoWidget
from textual.events import Click, Event, Key, Paste
from textual.geometry import Offset, Region, Size
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import OptionList


class SteadyCompositor(Compositor):
    """Reports with the next layout what changed while the map was rebuilt outside of one.

    Refreshing a hidden widget invalidates the map of widgets, and the next widget that asks for its
    region rebuilds it. Whatever moved since the last layout then counts as old: the next layout
    neither paints it nor sends resize events, and a terminal that shrank at that moment stays blank
    (seen in Textual 8.2.8; no upstream issue).

    Removed widgets cannot be selected: a click on a widget that has just been removed, such as a
    toast clicked twice, starts a text selection in a widget without a parent and raises
    ``AttributeError`` (https://github.com/Textualize/textual/issues/6643).
    """

    def __init__(self) -> None:
        super().__init__()
        self._resized: set[Widget] = set()
        """Widgets added or resized outside a layout, to be reported with the next."""
        self.on_written: list[Callable[[Collection[Region]], object]] = []
        """Called with the regions of the screen that are about to be written."""

    def render_update(
        self,
        full: bool = False,
        screen_stack: list[Screen[Any]] | None = None,
        simplify: bool = False,
    ) -> RenderableType | None:
        """Render what has changed, and tell where."""
        screen = self.size.region
        written = {screen} if full or screen in self._dirty_regions else {*self._dirty_regions}
        for tell in self.on_written if written else ():
            tell(written)
        return super().render_update(full, screen_stack, simplify)

    @property
    def full_map(self) -> CompositorMap:
        """Every widget with its region, rebuilt if it was invalidated."""
        before, shown = self._full_map, self._visible_map
        after = super().full_map
        if after is not before:
            self._paint_changes(before if shown is None else shown, after)
            self._resized |= {
                widget
                for widget, geometry in after.items()
                if widget not in before or before[widget].region.size != geometry.region.size
            }
        return after

    def _paint_changes(self, before: CompositorMap, after: CompositorMap) -> None:
        """Mark what differs between two maps for painting."""
        changes = before.items() ^ after.items()
        regions = (geometry.clip.intersection(geometry.region) for _, geometry in changes)
        self._dirty_regions.update(region for region in regions if region)

    def reflow(self, parent: Widget, size: Size) -> ReflowResult:
        """Lay out again; widgets resized since the last layout count among the resized."""
        result = super().reflow(parent, size)
        resized, self._resized = self._resized & self._full_map.keys(), set()
        return result._replace(resized=result.resized | resized)

    def get_widget_and_offset_at(self, x: int, y: int) -> tuple[Widget | None, Offset | None]:
        """Return the widget at a cell that text can be selected in, and the offset in its text."""
        try:
            widget, _ = self.get_widget_at(x, y)
        except NoWidget:
            return None, None
        if not (isinstance(widget, Screen) or widget.is_attached):
            return None, None
        return super().get_widget_and_offset_at(x, y)


def render_segments(update: ChopsUpdate, console: Console) -> str:
    """Return what a partial update writes: the changed columns of each line.

    ``ChopsUpdate.render_segments`` begins at the left edge of the widget instead: a card's frame
    sends the pictures to its left again, and a terminal erases the sixels that lie over them (seen
    in Textual 8.2.8; no upstream issue).
    """
    parts: list[str] = []
    last_line = update.spans[-1][0]
    for y, first, last in update.spans:
        for end, (start, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is not None and start < last and end > first:
                begin = max(start, first)
                parts.append(Control.move_to(begin, y).segment.text)
                parts.append(strip.crop(begin - start, min(end, last) - start).render(console))
        if y != last_line:
            parts.append("\n")
    return "".join(parts)


_run_writer = WriterThread.run
_dismiss = Screen.dismiss
_move_page = OptionList._move_page
_on_click = OptionList._on_click
_watch_list_visible = CommandPalette._watch__list_visible
_watch_show_busy = CommandPalette._watch__show_busy
_get_height = Content.get_height


def run_writer(thread: WriterThread) -> None:
    """Write to the terminal what is queued, and drop it once the terminal is gone.

    ``WriterThread.run`` ends at the first error, as when the terminal is closed; the next write
    then waits forever for it (seen in Textual 8.2.8; no upstream issue).
    """
    while (text := thread._queue.get()) is not None:
        with suppress(OSError):
            thread._file.write(text)
            if thread._queue.empty():
                thread._file.flush()
    with suppress(OSError):
        thread._file.flush()


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


def watch_list_visible(palette: CommandPalette) -> None:
    """Show the list of commands, unless the palette has closed meanwhile.

    Its search may end after its widgets have gone: ``CommandPalette`` raises ``NoMatches`` then,
    here and below (seen in Textual 8.2.8; no upstream issue).
    """
    if palette.query(CommandList):
        _watch_list_visible(palette)


async def watch_show_busy(palette: CommandPalette) -> None:
    """Show that commands are searched for, unless the palette has closed meanwhile."""
    if palette.query(CommandList):
        await _watch_show_busy(palette)


PATCHES = (
    (textual.screen, "Compositor", SteadyCompositor),
    (ChopsUpdate, "render_segments", render_segments),
    (WriterThread, "run", run_writer),
    (Screen, "dismiss", dismiss),
    (OptionList, "_move_page", move_page),
    (OptionList, "_on_click", on_click),
    (Content, "get_height", get_height),
    (CommandPalette, "_watch__list_visible", watch_list_visible),
    (CommandPalette, "_watch__show_busy", watch_show_busy),
)
"""What is replaced: the owner, the name, the patched part."""


def install() -> None:
    """Patch Textual; calling it again changes nothing."""
    for owner, name, patched in PATCHES:
        setattr(owner, name, patched)


# ── keys in order ────────────────────────────────────────────────────────────

QUICK_LOOKS = 50
"""Looks at the queues, one in each round of the event loop, before they become rare."""

REST = 0.005
"""Seconds between rare looks, as while a screen opens."""

PATIENCE = 5.0
"""Seconds after which a key acts although something is still on its way."""


class KeyQueue:
    """Gives an app one key or paste at a time: what the key before has set off comes first.

    Textual gives a key to the widget that has the focus when the key arrives, but a key that moves
    the focus, opens a screen or edits a field acts only once it has bubbled up to the app. Of keys
    that arrive together, as over a slow connection, later ones reach the wrong widget or act first
    (seen in Textual 8.2.8; no upstream issue).
    """

    def __init__(self, app: App[Any], act: Callable[[Key | Paste], Awaitable[None]]) -> None:
        """Begin without keys.

        Args:
            app: Whose keys these are.
            act: Hands a key to the widget that has the focus.
        """
        self._app, self._act = app, act
        self._waiting: deque[Key | Paste] = deque()
        self._is_due = False
        """Whether the next look at what waits is on its way."""
        self._num_looks, self._since = 0, 0.0
        """How often the next key had to wait, and from when on."""
        self._target: DOMNode | None = None
        """The widget that the last key was handed to."""

    async def takes(self, event: Event) -> bool:
        """Take what the terminal sends if it is a key, which acts at once if nothing is before it.

        Anything else is for the app; so is a key that has been handed to a widget.
        """
        if not isinstance(event, Key | Paste) or event.is_forwarded:
            return False
        self._waiting.append(event)
        if not self._is_due:
            await self._next()
        return True

    async def _next(self) -> None:
        self._is_due = False
        app, loop = self._app, asyncio.get_running_loop()
        if not app.screen_stack:
            self._waiting.clear()
        if not self._waiting:
            return
        self._since = self._since or loop.time()
        if self._must_wait() and loop.time() - self._since < PATIENCE:
            self._num_looks += 1
        else:
            self._num_looks, self._since = 0, 0.0
            self._target = app.focused or app.screen
            await self._act(self._waiting.popleft())
        if self._waiting:
            self._is_due = True
            delay = 0.0 if self._num_looks < QUICK_LOOKS else REST
            loop.call_later(delay, app.call_later, self._next)

    def _must_wait(self) -> bool:
        """Tell whether messages wait in the app, or on the way from the focus to it.

        A screen with ``holds_keys`` says that something else is to come first, as what is searched.
        """
        if getattr(self._app.screen, "holds_keys", False):
            return True
        ends = (self._target, self._app.focused or self._app.screen)
        nodes = {node for end in ends if end is not None for node in end.ancestors_with_self}
        return any(
            (node._pending_message is not None or node.message_queue_size) and not node._closing
            for node in {*nodes, self._app}
        )


# ── private parts ────────────────────────────────────────────────────────────


def write_to_terminal(app: App[Any], text: str) -> None:
    """Write to the terminal past the screen's cells, in turn with Textual's own output.

    Pictures in pixels need it, and Textual has no public way.
    """
    driver = app._driver
    if driver is not None and app.is_running:
        driver.write(text)


def call_when_written(screen: Screen[Any], tell: Callable[[Collection[Region]], object]) -> None:
    """Have something called with the regions of a screen whenever its cells are written.

    Textual has no public way to know what a terminal is sent.
    """
    if isinstance(screen._compositor, SteadyCompositor):
        screen._compositor.on_written.append(tell)


EXPECTED_FOR = 10.0
"""Seconds after which no reply is expected."""

LONGEST = 256
"""Keys after which it cannot be a reply."""


class LateReplies:
    """Swallows replies until the last one is complete or the time for them is over."""

    def __init__(self) -> None:
        """Expect replies from now on."""
        self._expected_until = time.monotonic() + EXPECTED_FOR
        self._inside = ""
        """The first character of an unfinished reply; empty outside of one."""
        self._after_escape = False
        self._num_swallowed = 0

    def swallows(self, key: Key) -> bool:
        """Return whether a key is part of a reply; call it for all keys in order."""
        if time.monotonic() > self._expected_until:
            return False
        character = key.character or ""
        after_escape = self._after_escape or key.key.startswith("alt+")
        self._after_escape = character == "^"
        if self._after_escape:
            return True
        if self._inside and self._num_swallowed < LONGEST:
            self._num_swallowed += 1
            if self._ends(character):
                self._inside = ""
            return True
        begins = character == "[" or (after_escape and character in ("P", "_"))
        self._inside, self._num_swallowed = (character if begins else ""), 0
        return begins

    def _ends(self, character: str) -> bool:
        if self._inside != "[":
            return character == "\\"
        if character == "c":
            self._expected_until = 0.0  # it is the last one
        return character.isalpha()
