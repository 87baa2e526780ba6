"""Small pictures for tables, drawn in colored block characters."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.color import Color
from rich.style import Style
from rich.text import Text

from datrnet.core.catalog.pictures import Picture, read_picture, thumbnail_pixels
from datrnet.core.catalog.thumbnails import ThumbnailStore
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.graphics.blocks import Cells, cells_of

ROWS = 6
COLUMNS = 2 * ROWS
"""Width in cells; a cell is twice as tall as wide, so the picture is square."""


class Pictures:
    """Draws the pictures of a workspace's items as text."""

    def __init__(self, workspace: Workspace) -> None:
        """Remember the workspace; nothing is read before the first picture."""
        self._workspace = workspace
        self._thumbnails = ThumbnailStore(workspace.thumbnails)

    def of_item(self, item_id: int, stored_path: str) -> Text:
        """Return an item's picture, from its thumbnail if it has one."""
        pixels = self._thumbnails.get(item_id)
        if pixels is None:
            return self.of_file(self._workspace.picture(stored_path))
        return blocks(pixels)

    def of_file(self, source: Path | Picture) -> Text:
        """Return a picture file's picture, or words if it cannot be read."""
        try:
            return blocks(thumbnail_pixels(read_picture(source, 2 * COLUMNS), 2 * COLUMNS))
        except DataError:
            return Text("no picture", style="dim")


def wide_blocks(picture: Image.Image) -> Text:
    """Return a picture with four pixels per cell as lines of characters."""
    pixels = np.asarray(picture)
    return _lines(cells_of(pixels, pixels.shape[0] // 2, pixels.shape[1] // 2))


def blocks(pixels: NDArray[np.uint8]) -> Text:
    """Return a square picture (S, S, 3) as ``ROWS`` lines of ``COLUMNS`` characters."""
    return _lines(cells_of(pixels, ROWS, COLUMNS))


def _lines(cells: Cells) -> Text:
    lines = []
    for characters, foreground, background in zip(
        cells.characters, cells.foreground, cells.background, strict=True
    ):
        line = Text(no_wrap=True, end="")
        for character, front, back in zip(characters, foreground, background, strict=True):
            style = Style(color=_color(front), bgcolor=_color(back))
            line.append(str(character), style=style)
        lines.append(line)
    return Text("\n").join(lines)


def _color(rgb: NDArray[np.uint8]) -> Color:
    red, green, blue = map(int, rgb)
    return Color.from_rgb(red, green, blue)
