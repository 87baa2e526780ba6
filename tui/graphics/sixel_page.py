"""Sixels over the cells of a page: which of them are intact, where they go, and what covers them.

A terminal erases a picture wherever cells are written. So blocks lie below every sixel picture:
what is written meanwhile shows blocks, never a strip of another picture, and a moment after the
last write the pictures that were hit are sent again.
"""

from collections.abc import Collection, Hashable, Mapping

from textual.errors import NoWidget
from textual.geometry import Region
from textual.widget import Widget

from datrnet.tui.graphics.pictures import Pixels

REST = 0.12
"""Seconds from a possible write to a picture's cells until its pixels are sent again; by then,
a moving cursor has replaced the picture by another."""

PROBE_STEP = 3
"""Columns between two probes for something that covers a picture."""


class SixelPage:
    """The pictures that lie intact on the screen, by their place."""

    def __init__(self) -> None:
        self._intact: dict[Region, Hashable] = {}

    def written(self, regions: Collection[Region]) -> None:
        """Forget the pictures in whose cells something has been written."""
        self._intact = {
            place: picture
            for place, picture in self._intact.items()
            if not any(place.overlaps(region) for region in regions)
        }

    def missing(self, wanted: Mapping[Region, Hashable]) -> list[Region]:
        """Return the places where another picture is wanted than lies there."""
        return [place for place, picture in wanted.items() if self._intact.get(place) != picture]

    def sent(self, place: Region, picture: Hashable) -> None:
        """Note a picture that was sent."""
        self._intact[place] = picture


def sixels_at(place: Region, pixels: Pixels) -> str:
    """Return what draws sixels at a place of the screen and leaves the terminal's cursor alone."""
    return f"\x1b7\x1b[{place.y + 1};{place.x + 1}H{pixels.data}\x1b8"


def is_in_front(widget: Widget, place: Region) -> bool:
    """Return whether nothing covers a widget in a region of the screen."""
    screen = widget.screen
    if screen is not widget.app.screen or not screen.region.contains_region(place):
        return False
    columns = {*range(place.x, place.right, PROBE_STEP), place.right - 1}
    try:
        return all(
            screen.get_widget_at(x, y)[0] is widget
            for y in range(place.y, place.bottom)
            for x in columns
        )
    except NoWidget:
        return False
