"""What workers tell the screens; a widget's own messages are nested in the widget."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from textual.message import Message

from datrnet.core.catalog.sort_order import Order
from datrnet.core.errors import DatrnetError
from datrnet.core.graphics.blocks import Cells
from datrnet.core.retrieval.prototypes import Prototype
from datrnet.core.retrieval.request import Query, Request, Substitute
from datrnet.db.rows import LabelChange, SessionRow, SessionSummary
from datrnet.tui.pictures import Pixels
from datrnet.tui.renewing import News, Watch
from datrnet.tui.snapshot import Snapshot, Source

if TYPE_CHECKING:
    from datrnet.core.review.unmet_requests import ClosestMatch
    from datrnet.core.sessions.steps import ReplayedStep, Step
    from datrnet.tui.history import Visit
    from datrnet.tui.resuming import Resumed
    from datrnet.tui.review_session import Judgment, ReviewSession


@dataclass
class PictureDrawn(Message):
    """A picture's file has been drawn, or could not be read."""

    view_id: str
    source: Source
    picture: Cells | Pixels | None
    trouble: str = ""
    caption: str = ""
    """What the picture shows where it is not simply the item."""


@dataclass
class TitlesFound(Message):
    """A text search has ended."""

    text: str
    rows: NDArray[np.intp]


@dataclass
class Ranked(Message):
    """The ranks of all items, by what they are to be ordered by, are there."""

    order: Order
    ranks: NDArray[np.int64]


@dataclass
class PicturesChecked(Message):
    """It is known what has become of every item's picture."""

    states: NDArray[np.int16]


@dataclass
class SubstitutesFound(Message):
    """A search for substitutes has ended."""

    query: Query
    request: Request
    prototypes: Mapping[str, Prototype]
    """What stood for each wanted value, by super-category."""
    substitutes: list[Substitute]
    matching: Mapping[str, Mapping[str, int]]
    """By super-category and value how many items carry it and are as wanted in all others."""


@dataclass
class StepAnswered(Message):
    """A step of a session has been asked again."""

    answered: ReplayedStep


@dataclass
class Exported(Message):
    """A file has been written."""

    path: Path


@dataclass
class SessionsListed(Message):
    """All sessions, the last used first."""

    summaries: list[SessionSummary]


@dataclass
class SessionRead(Message):
    """A session has been read, with its steps and its shortlist."""

    session: SessionRow
    steps: tuple[Step, ...]
    shortlist: list[str]


@dataclass
class LastSessionFound(Message):
    """There is a session from before."""

    session: SessionRow


@dataclass
class SessionFound(Message):
    """It is known where a session was left, and what is on its shortlist."""

    session: SessionRow
    back: Resumed
    shortlist: list[str]


@dataclass
class Picked(Message):
    """A person has entered an item where items are to be picked."""

    code: str


@dataclass
class WorkFailed(Message):
    """A worker met an error that a person can mend."""

    error: DatrnetError


@dataclass
class PictureEmbedded(Message):
    """A picture that is in no catalogue has become a query."""

    path: Path
    query: Query


@dataclass
class Found(Message):
    """A review has its findings."""

    entries: list[Any]
    num_relabeled: int
    """How many labels have changed since the index was built."""


@dataclass
class FoundSoFar(Message):
    """How far a review has come."""

    done: int
    total: int


@dataclass
class TypicalFound(Message):
    """Typical items of values have been found."""

    super_category: str
    rows: dict[str, list[int]]
    """Rows of the catalog by value."""


Did = Literal["set", "judge", "undo", "redo"]
"""What a change to the database was."""


@dataclass
class LabelWritten(Message):
    """A change of a label is in the database."""

    change: LabelChange | None
    """None where nothing had to change."""
    did: Did
    num_relabeled: int
    """How many labels have changed since the index was built."""

    @property
    def value(self) -> str | None:
        """The label that the item has now."""
        if self.change is None:
            return None
        return self.change.old_value if self.did == "undo" else self.change.new_value


@dataclass
class PairJudged(Message):
    """A verdict on a pair is in the database."""

    did: Did
    judgment: Judgment


@dataclass
class WriteFailed(Message):
    """A change could not be written to the database."""

    error: DatrnetError


@dataclass
class ClosestFound(Message):
    """The closest match to a gap has been found."""

    wanted: Hashable
    closest: ClosestMatch | None


# ── screens ──────────────────────────────────────────────────────────────────


@dataclass
class OpenSubstitutes(Message):
    """Asks the app to show substitutes."""

    trail: tuple[Visit, ...]
    """The queries so far; the last is shown."""
    is_resumed: bool = False
    """Whether the session has these steps already."""


@dataclass
class OpenReview(Message):
    """Asks the app to show a tab of the review."""

    review: ReviewSession
    tab: int = 0


@dataclass
class NewsCame(Message):
    """Another program has changed the workspace."""

    news: News


@dataclass
class SnapshotRead(Message):
    """The workspace has been read again."""

    snapshot: Snapshot
    watch: Watch
