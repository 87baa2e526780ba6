"""Workers of screens that await calls in threads."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, ParamSpec, TypeVar

from textual.app import App
from textual.screen import Screen

P = ParamSpec("P")
T = TypeVar("T")
Node = App[Any] | Screen[Any]
Work = Callable[P, Coroutine[Any, Any, None]]


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
