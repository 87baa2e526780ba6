"""Keys that arrive together act one after the other."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from textual.app import App
from textual.dom import DOMNode
from textual.events import Event, Key, Paste

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
