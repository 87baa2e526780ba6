"""Character cells of a picture as coloured segments of the screen."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from datrnet.core.graphics.blocks import Cells

SHADES = 0xFC
"""Colours keep six bits a channel: no eye sees it, and equal neighbours become one segment."""


def lines_of(cells: Cells) -> list[list[Segment]]:
    """Return one picture's rows, each as few segments as its colours allow."""
    foreground, background = _packed(cells.foreground), _packed(cells.background)
    return [
        _line(characters, above, below)
        for characters, above, below in zip(
            cells.characters.tolist(), foreground.tolist(), background.tolist(), strict=True
        )
    ]


def _packed(colours: NDArray[np.uint8]) -> NDArray[np.int32]:
    red, green, blue = np.moveaxis((colours & SHADES).astype(np.int32), -1, 0)
    packed: NDArray[np.int32] = (red << 16) | (green << 8) | blue
    return packed


def _line(characters: list[str], foreground: list[int], background: list[int]) -> list[Segment]:
    segments: list[Segment] = []
    text, colours = "", (-1, -1)
    for character, *pair in zip(characters, foreground, background, strict=True):
        if text and (pair[0], pair[1]) != colours:
            segments.append(Segment(text, _style(*colours)))
            text = ""
        text += character
        colours = (pair[0], pair[1])
    segments.append(Segment(text, _style(*colours)))
    return segments


@lru_cache(maxsize=1 << 16)
def _style(foreground: int, background: int) -> Style:
    return Style(color=_colour(foreground), bgcolor=_colour(background))


@lru_cache(maxsize=1 << 14)
def _colour(packed: int) -> Color:
    return Color.from_rgb(packed >> 16, packed >> 8 & 0xFF, packed & 0xFF)
