"""The review of a catalogue: labels, duplicates and gaps, three lists at one desk."""

from datrnet.tui.library import Library
from datrnet.tui.review_desk import Desk
from datrnet.tui.screens.doubts import DoubtsScreen
from datrnet.tui.screens.duplicates import DuplicatesScreen
from datrnet.tui.screens.gaps import GapsScreen
from datrnet.tui.session_log import SessionLog


def review_screen(library: Library, session: SessionLog) -> DoubtsScreen:
    """Return the first of the three lists; the others are reached from it."""
    return DoubtsScreen(Desk(library), session, (DoubtsScreen, DuplicatesScreen, GapsScreen))
