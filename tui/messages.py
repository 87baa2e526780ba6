"""What workers tell the screens; a widget's own messages are nested in the widget."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from textual.message import Message

from datrnet.core.data.blocks import Cells
from datrnet.core.errors import DatrnetError
from datrnet.core.retrieval.search import Substitute


@dataclass
class PictureDrawn(Message):
    """A picture's file has been drawn, or could not be read."""

    view_id: str
    row: int
    cells: Cells | None
    trouble: str = ""


@dataclass
class TitlesFound(Message):
    """A text search has ended."""

    text: str
    rows: NDArray[np.intp]


@dataclass
class SubstitutesFound(Message):
    """A search for substitutes has ended."""

    row: int
    changes: dict[str, str]
    substitutes: list[Substitute]


@dataclass
class WorkFailed(Message):
    """A worker met an error that a person can mend."""

    error: DatrnetError
