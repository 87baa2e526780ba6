"""Messages by which screens ask the app for something; a widget's own are nested in the widget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from textual.message import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datrnet.core.sessions.steps import Step
    from datrnet.db.rows import SessionRow
    from datrnet.tui.controllers.review import ReviewSession
    from datrnet.tui.state import Visit

Did = Literal["set", "judge", "undo", "redo"]
"""What a change to the database was."""


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
class OpenReplay(Message):
    """Show the steps of a session one by one."""

    session: SessionRow
    steps: Sequence[Step]


@dataclass
class Picked(Message):
    """An item was picked; quit with it."""

    code: str
