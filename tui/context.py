"""What the app and its screens share: the context, messages to the app, and workers in threads.

A screen asks for another screen by a message, which the app resolves; a widget's own messages are
nested in the widget.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray
from textual.app import App
from textual.message import Message
from textual.screen import Screen

from datrnet.core.errors import DatrnetError
from datrnet.core.graphics.terminal import Drawing
from datrnet.core.preferences import Preferences
from datrnet.core.sessions.steps import Step
from datrnet.core.text import sanitize
from datrnet.db.rows import SessionRow
from datrnet.tui.controllers.jobs import Jobs
from datrnet.tui.controllers.session_log import SessionLog
from datrnet.tui.snapshot import Library, Snapshot
from datrnet.tui.state import Visit

if TYPE_CHECKING:
    from datrnet.tui.controllers.review import ReviewSession  # loads what only a review needs

P = ParamSpec("P")
T = TypeVar("T")
Node = App[Any] | Screen[Any]
Work = Callable[P, Coroutine[Any, Any, None]]


@dataclass
class ExplorerContext:
    """What every screen is given."""

    library: Library
    session: SessionLog
    preferences: Preferences
    drawing: Drawing
    """How pictures are drawn; changes with the size of the terminal's cells."""
    jobs: Jobs
    """Work that takes long."""

    @property
    def snapshot(self) -> Snapshot:
        """The catalog and index at this moment."""
        return self.library.snapshot


@dataclass(frozen=True, slots=True)
class Notice:
    """What was told, and when."""

    time: str
    message: str
    severity: str


# ── messages ─────────────────────────────────────────────────────────────────


@dataclass
class OpenSubstitutes(Message):
    """Show substitutes."""

    trail: tuple[Visit, ...]
    """The queries so far; the last is shown."""
    is_resumed: bool = False
    """Whether the session has these steps already."""


@dataclass
class OpenReview(Message):
    """Show a tab of the review."""

    review: ReviewSession | None = None
    """None starts a new review."""
    tab: int = 0


@dataclass
class OpenMap(Message):
    """Show the map of the catalog."""

    rows: NDArray[np.intp]
    """What filters leave; the points of other items are set back."""
    words: str
    """The filters in words."""
    row: int | None
    """The item under the cursor."""
    leave: Callable[[int], object]
    """Called with the item under the cursor of the map when it is closed."""
    open_visit: Callable[[Visit], object]
    """Shows the substitutes of an item, with the conditions of the catalog."""


@dataclass
class OpenReplay(Message):
    """Show the steps of a session one by one."""

    session: SessionRow
    steps: Sequence[Step]


@dataclass
class Picked(Message):
    """An item was picked; quit with it."""

    code: str


# ── workers ──────────────────────────────────────────────────────────────────


async def in_thread(node: Node, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return the result of a call in a thread, for a worker of a screen or of the app.

    Raises:
        CancelledError: The screen or the app has closed meanwhile; this ends the worker.
    """
    try:
        return await asyncio.to_thread(call, *args, **kwargs)
    finally:
        app = node.app
        if not app.is_running or not (node is app or node in app.screen_stack):
            raise asyncio.CancelledError


def start(node: Node, group: str, work: Work[P], *args: P.args, **kwargs: P.kwargs) -> None:
    """Start a worker that cancels the one before it in its group."""
    call: Any = partial(work, *args, **kwargs)
    node.run_worker(call, group=group, exclusive=True)


def start_another(node: Node, group: str, work: Work[P], *args: P.args, **kwargs: P.kwargs) -> None:
    """Start a worker beside those in its group."""
    call: Any = partial(work, *args, **kwargs)
    node.run_worker(call, group=group)


def show_from_thread(
    node: Node,
    group: str,
    call: Callable[[], T],
    show: Callable[[T], object],
    fail: Callable[[DatrnetError], object] | None = None,
    *,
    exclusive: bool = True,
) -> None:
    """Call in a thread and show the result, unless the screen or the app has closed meanwhile.

    Args:
        node: The screen or the app that shows it.
        group: The group of the worker.
        call: Called in the thread.
        show: Called with the result.
        fail: Called with the error of the call; None shows it as a notice.
        exclusive: Whether to drop the call before it in its group.
    """

    async def work() -> None:
        try:
            result = await in_thread(node, call)
        except DatrnetError as error:
            if fail is None:
                node.notify(sanitize(str(error)), severity="error", markup=False)
            else:
                fail(error)
        else:
            show(result)

    worker: Any = work
    node.run_worker(worker, group=group, exclusive=exclusive)
