"""Pictures as character cells: for each cell the block character and the two colours nearest to it.

A quadrant character shows 2 x 2 pixels in two colours, a half-block 1 x 2. What comes out are plain
arrays; a front end makes its own coloured text of them.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Glyphs = Literal["quadrants", "halves"]
"""The characters to draw with. Quadrants show more detail, and common fonts have them."""

CELL_RATIO = 2
"""How many times taller than wide a character cell is."""

FLAT = 4.0
"""A cell whose pixels stray no more than this from their mean (root mean square, of 255) becomes a
plain one: the eye sees no difference, and a terminal far away gets fewer bytes."""

_HALVES = np.array([[0, 0], [0, 1]], dtype=np.float32)
_QUADRANTS = np.array(
    # upper left, upper right, lower left, lower right; 1 is the foreground
    [[0, upper_right, lower_left, lower_right] for upper_right in (0, 1) for lower_left in (0, 1)
     for lower_right in (0, 1)],
    dtype=np.float32,
)  # fmt: skip
_MASKS: dict[Glyphs, NDArray[np.float32]] = {"quadrants": _QUADRANTS, "halves": _HALVES}
_CHARACTERS: dict[Glyphs, NDArray[np.str_]] = {
    "quadrants": np.array(list(" ▗▖▄▝▐▞▟")),
    "halves": np.array(list(" ▄")),
}
_PIXELS_ACROSS: dict[Glyphs, int] = {"quadrants": 2, "halves": 1}
_PIXELS_DOWN = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """A picture, or several of one size, as character cells."""

    characters: NDArray[np.str_]
    """``(..., rows, columns)``: one character each, a space where the cell is plain."""
    foreground: NDArray[np.uint8]
    """``(..., rows, columns, 3)``."""
    background: NDArray[np.uint8]
    """``(..., rows, columns, 3)``."""

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.characters.shape[-2:]
        return int(rows), int(columns)

    def __getitem__(self, place: int) -> "Cells":
        """Return one of several pictures."""
        return Cells(
            characters=self.characters[place],
            foreground=self.foreground[place],
            background=self.background[place],
        )


def cells_of(
    pixels: NDArray[np.uint8], rows: int, columns: int, *, glyphs: Glyphs = "quadrants"
) -> Cells:
    """Draw pictures as ``rows`` x ``columns`` character cells, filling them entirely.

    Args:
        pixels: ``(..., H, W, 3)``; any number of pictures of one size.
        rows: Height of the result in cells.
        columns: Its width.
        glyphs: The characters to draw with.

    Returns:
        Cells with the leading axes of the pixels.
    """
    across = _PIXELS_ACROSS[glyphs]
    fitted = resized(pixels, rows * _PIXELS_DOWN, columns * across)
    lead = fitted.shape[:-3]
    cells = (
        fitted.reshape(-1, rows, _PIXELS_DOWN, columns, across, 3)
        .transpose(0, 1, 3, 2, 4, 5)
        .reshape(-1, _PIXELS_DOWN * across, 3)  # (M, pixels of a cell, 3)
    )
    choice, foreground, background = _two_colours(cells, _MASKS[glyphs])
    shape = (*lead, rows, columns)
    return Cells(
        characters=_CHARACTERS[glyphs][choice].reshape(shape),
        foreground=_as_bytes(foreground).reshape(*shape, 3),
        background=_as_bytes(background).reshape(*shape, 3),
    )


def fitting_size(width: int, height: int, *, rows: int, columns: int) -> tuple[int, int]:
    """Return the rows and columns that show a picture undistorted within the space given.

    Args:
        width: The picture's width in pixels.
        height: Its height.
        rows: The most rows of cells.
        columns: The most columns.
    """
    scale = min(columns / width, rows * CELL_RATIO / height)
    fitted_rows = max(1, min(rows, round(height * scale / CELL_RATIO)))
    return fitted_rows, max(1, min(columns, round(width * scale)))


def resized(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.float32]:
    """Return pictures ``(..., H, W, 3)`` at another size, every pixel the mean of its area."""
    down = _area_weights(pixels.shape[-3], height)  # (height, H)
    across = _area_weights(pixels.shape[-2], width)  # (width, W)
    flat = pixels.reshape(*pixels.shape[:-2], -1).astype(np.float32)  # (..., H, W·3)
    narrowed = (down @ flat).reshape(*pixels.shape[:-3], height, pixels.shape[-2], 3)
    return across @ narrowed  # (..., height, width, 3)


def _two_colours(
    cells: NDArray[np.float32], masks: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
    """Return for each cell (M, P, 3) the best of the masks (K, P) and its two mean colours.

    The squared error of two means is Σ|p|² - |Σ_fg|²/n_fg - |Σ_bg|²/n_bg; the first term is the
    same for all masks.
    """
    num_pixels = masks.shape[1]
    num_foreground = masks.sum(axis=1)  # (K,); the first mask, all background, has none
    share_foreground = 1 / np.maximum(num_foreground, 1)
    share_background = 1 / (num_pixels - num_foreground)
    sums = masks @ cells  # (M, K, 3)
    others = cells.sum(axis=1, keepdims=True) - sums
    explained = np.einsum("mkc,mkc,k->mk", sums, sums, share_foreground) + np.einsum(
        "mkc,mkc,k->mk", others, others, share_background
    )
    every = np.arange(len(cells))
    choice = explained.argmax(axis=1)
    spread = np.einsum("mpc,mpc->m", cells, cells) - explained[:, 0]
    choice[spread <= 3 * num_pixels * FLAT**2] = 0
    background = others[every, choice] * share_background[choice, None]
    foreground = sums[every, choice] * share_foreground[choice, None]
    plain = choice == 0
    foreground[plain] = background[plain]
    return choice, foreground, background


@cache
def _area_weights(source: int, target: int) -> NDArray[np.float32]:
    """Return the share (target, source) of each source pixel in each target pixel."""
    edges = np.linspace(0, source, target + 1)
    pixel = np.arange(source)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights = np.clip(overlap, 0, None)
    shares: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def _as_bytes(colours: NDArray[np.float32]) -> NDArray[np.uint8]:
    rounded: NDArray[np.uint8] = np.clip(colours + 0.5, 0, 255).astype(np.uint8)
    return rounded
