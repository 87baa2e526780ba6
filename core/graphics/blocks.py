"""Pictures as character cells: for each cell the best block character and its two colors.

A sextant shows 2 x 3 pixels in two colors, a quadrant 2 x 2, a half block 1 x 2. The results are
plain arrays; a front end turns them into colored text.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from datrnet.core.preferences import Blocks

CELL_RATIO = 2
"""How many times taller than wide a character cell is."""

FLAT = 4.0
"""A cell whose pixels deviate at most this much from their mean (root mean square, of 255) becomes
plain: the eye sees no difference, and a remote terminal gets fewer bytes."""

_SEXTANTS_BEGIN = 0x1FB00
_LEFT_HALF, _RIGHT_HALF = 0b010101, 0b101010
"""Sextants that Unicode already had as half blocks: they are missing among its sextants."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alphabet:
    """Characters that divide a cell into foreground and background."""

    across: int
    """Width of a cell in pixels."""
    down: int
    """Height of a cell in pixels."""
    masks: NDArray[np.float32]
    """``(K, down * across)``, 1 where the foreground is, row by row. The first is all background,
    and none has the first pixel as foreground: the other half is the same with swapped colors."""
    characters: NDArray[np.str_]
    """``(K,)``."""


@cache
def alphabet(glyphs: Blocks) -> Alphabet:
    """Return the characters of that kind."""
    across, down = {"sextants": (2, 3), "quadrants": (2, 2), "halves": (1, 2)}[glyphs]
    num_pixels = across * down
    numbers = np.arange(0, 1 << num_pixels, 2)  # the lowest bit is the first pixel
    masks = (numbers[:, None] >> np.arange(num_pixels)) & 1
    characters = {
        "sextants": [_sextant(number) for number in numbers.tolist()],
        "quadrants": list(" ▝▖▞▗▐▄▟"),
        "halves": list(" ▄"),
    }[glyphs]
    return Alphabet(
        across=across,
        down=down,
        masks=masks.astype(np.float32),
        characters=np.array(characters),
    )


def _sextant(number: int) -> str:
    """Return the character whose pixels are the bits of an even number, the first pixel lowest."""
    if number in (0, _RIGHT_HALF):
        return "▐" if number else " "
    skipped = 1 + (number > _LEFT_HALF) + (number > _RIGHT_HALF)
    return chr(_SEXTANTS_BEGIN + number - skipped)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """A picture, or several of one size, as character cells."""

    characters: NDArray[np.str_]
    """``(..., rows, columns)``: one character each, a space if the cell is plain."""
    foreground: NDArray[np.uint8]
    """``(..., rows, columns, 3)``."""
    background: NDArray[np.uint8]
    """``(..., rows, columns, 3)``."""

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.characters.shape[-2:]
        return int(rows), int(columns)

    def __getitem__(self, index: int) -> "Cells":
        """Return one of several pictures."""
        return Cells(
            characters=self.characters[index],
            foreground=self.foreground[index],
            background=self.background[index],
        )


def cells_of(
    pixels: NDArray[np.uint8], rows: int, columns: int, *, glyphs: Blocks = "quadrants"
) -> Cells:
    """Draw pictures as ``rows`` x ``columns`` character cells, stretched to fill them.

    Args:
        pixels: ``(..., H, W, 3)``; any number of pictures of one size.
        rows: Height of the result in cells.
        columns: Its width.
        glyphs: The characters to draw with.

    Returns:
        Cells with the leading axes of the pixels.
    """
    letters = alphabet(glyphs)
    across, down = letters.across, letters.down
    fitted = resized(pixels, rows * down, columns * across)
    shape = (*fitted.shape[:-3], rows, columns)
    cells = (
        fitted.reshape(-1, rows, down, columns, across, 3)
        .transpose(2, 4, 5, 0, 1, 3)
        .reshape(down * across, 3, -1)  # (pixels of a cell, 3, M)
    )
    choice, foreground, background = _two_colors(cells, letters.masks)
    return Cells(
        characters=letters.characters[choice].reshape(shape),
        foreground=_as_bytes(foreground).reshape(*shape, 3),
        background=_as_bytes(background).reshape(*shape, 3),
    )


def fitting_size(width: int, height: int, *, rows: int, columns: int) -> tuple[int, int]:
    """Return the rows and columns that show a picture undistorted within the given space.

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


def _two_colors(
    cells: NDArray[np.float32], masks: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
    """Return for each cell (P, 3, M) the best of the masks (K, P) and its two mean colors.

    After subtracting the cell's mean, foreground and background sum to F and -F; two colors then
    leave F²·(1/n_fg + 1/n_bg) less squared error than the mean alone.
    """
    num_pixels = masks.shape[1]
    num_foreground = masks.sum(axis=1)  # (K,); the first mask, all background, has none
    share_foreground = 1 / np.maximum(num_foreground, 1)
    share_background = 1 / (num_pixels - num_foreground)
    mean = cells.mean(axis=0)  # (3, M)
    centered = cells - mean
    sums = (masks @ centered.reshape(num_pixels, -1)).reshape(len(masks), 3, -1)  # (K, 3, M)
    explained = np.einsum("kcm,kcm->km", sums, sums)
    explained *= (share_foreground + share_background)[:, None]
    choice = explained.argmax(axis=0)
    spread = np.einsum("pcm,pcm->m", centered, centered)
    choice[spread <= 3 * num_pixels * FLAT**2] = 0
    chosen = sums[choice, :, np.arange(len(choice))]  # (M, 3), zero where the cell is plain
    background = mean.T - chosen * share_background[choice, None]
    foreground = mean.T + chosen * share_foreground[choice, None]
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


def _as_bytes(colors: NDArray[np.float32]) -> NDArray[np.uint8]:
    rounded: NDArray[np.uint8] = np.clip(colors + 0.5, 0, 255).astype(np.uint8)
    return rounded
