"""What workers tell the screens; a widget's own messages are nested in the widget."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from textual.message import Message

from datrnet.core.data.blocks import Cells
from datrnet.core.errors import DatrnetError
from datrnet.core.retrieval.search import Request, Substitute
from datrnet.core.retrieval.wanted import Prototype
from datrnet.tui.library import Holdings
from datrnet.tui.renewing import News, Watch


@dataclass
class PictureDrawn(Message):
    """A picture's file has been drawn, or could not be read."""

    view_id: str
    row: int
    cells: Cells | None
    trouble: str = ""
    caption: str = ""
    """What the picture shows where it is not simply the item."""


@dataclass
class TitlesFound(Message):
    """A text search has ended."""

    text: str
    rows: NDArray[np.intp]


@dataclass
class SubstitutesFound(Message):
    """A search for substitutes has ended."""

    row: int
    request: Request
    prototypes: dict[str, Prototype]
    """What stood for each wanted value, by super-category."""
    substitutes: list[Substitute]


@dataclass
class WorkFailed(Message):
    """A worker met an error that a person can mend."""

    error: DatrnetError


@dataclass
class NewsCame(Message):
    """Another program has changed the workspace."""

    news: News


@dataclass
class HoldingsRead(Message):
    """The workspace has been read as it is now."""

    holdings: Holdings
    watch: Watch
