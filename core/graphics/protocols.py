"""Pictures in pixels: sixels, and kitty's graphics protocol with Unicode placeholders.

Sixels come in bands six pixels high, each drawn color by color. Kitty is sent a picture once, under
a number. The cells that show it hold a placeholder: a character with diacritics for row and column,
in the color whose value is the picture's number. So the picture moves, is covered and disappears
like text.
"""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BAND = 6
FEW_COLORS = 64
"""With at most this many colors, pictures are dithered."""

_EMPTY = 63
"""The character of an empty column of six pixels; each pixel adds a bit."""

_SHORTEST_RUN = 4
"""The fewest equal columns for which a repeat count is shorter."""


def sixel_of(picture: Image.Image, num_colors: int = 256) -> str:
    """Return a picture as sixels, every pixel opaque.

    All colors are defined before the first pixel: some terminals draw a band with the colors that
    they know when it begins.

    Args:
        picture: RGB.
        num_colors: The most colors to use, 2 to 256.
    """
    indexed = picture.quantize(num_colors, method=Image.Quantize.MEDIANCUT)
    if num_colors <= FEW_COLORS:
        indexed = picture.quantize(palette=indexed, dither=Image.Dither.FLOYDSTEINBERG)
    pixels = np.asarray(indexed)  # (H, W)
    height, width = pixels.shape
    bands = f'"1;1;{width};{height}{_palette(indexed)}{_drawn(pixels)}'
    return f"\x1bP0;1;0q{bands}\x1b\\"


def _palette(indexed: Image.Image) -> str:
    """Return the definitions of all colors, in percent."""
    colors = np.array(indexed.getpalette(), dtype=np.int64).reshape(-1, 3)
    percent = (colors * 100 + 127) // 255
    return "".join(
        f"#{number};2;{red};{green};{blue}"
        for number, (red, green, blue) in enumerate(percent.tolist())
    )


def _drawn(pixels: NDArray[np.uint8]) -> str:
    """Return all bands of a picture (H, W) whose pixels are color numbers."""
    bands, colors, columns = _passes(pixels)
    width = columns.shape[1]
    # runs of equal columns, in all passes at once; no run crosses passes
    is_start = np.ones(columns.shape, dtype=np.bool_)
    is_start[:, 1:] = columns[:, 1:] != columns[:, :-1]
    starts = np.flatnonzero(is_start)
    lengths = np.diff(starts, append=columns.size)
    bits = columns.ravel()[starts]
    # nothing is written for an empty run that reaches the right edge
    is_written = (bits != 0) | ((starts + lengths) % width != 0)
    passes = starts // width
    texts = _Runs()
    drawn = [texts[code] for code in (lengths * 64 + bits)[is_written].tolist()]
    ends = np.cumsum(np.bincount(passes[is_written], minlength=len(columns))).tolist()
    parts, begin, band_before = [], 0, 0
    for band, color, end in zip(bands.tolist(), colors.tolist(), ends, strict=True):
        # "$" returns to the start of the band, "-" moves to the next
        parts.append("$" if band == band_before else "-")
        parts.append(f"#{color}")
        parts += drawn[begin:end]
        begin, band_before = end, band
    return "".join(parts)


def _passes(
    pixels: NDArray[np.uint8],
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint8]]:
    """Return for each color in each band (P): the band, the color, and its columns' bits (P, W).

    A bit is set if the pixel of a column has the color; the lowest bit is the first line.
    """
    height, width = pixels.shape
    band_of_line = np.arange(height) // BAND
    is_there = np.zeros((band_of_line[-1] + 1, 256), dtype=np.bool_)
    is_there[band_of_line[:, None], pixels] = True
    bands, colors = np.nonzero(is_there)
    index = np.zeros(is_there.shape, dtype=np.intp)
    index[bands, colors] = np.arange(len(bands))
    columns = np.zeros((len(bands), width), dtype=np.uint8)
    passes, across = index[band_of_line[:, None], pixels], np.arange(width)  # (H, W), (W,)
    for line in range(BAND):
        # no two pixels of one line in every band share a column
        columns[passes[line::BAND], across] |= np.uint8(1 << line)
    return bands, colors, columns


class _Runs(dict[int, str]):
    """The text of a run, by 64 times its length plus its bits."""

    def __missing__(self, code: int) -> str:
        length, bits = divmod(code, 64)
        column = chr(_EMPTY + bits)
        text = column * length if length < _SHORTEST_RUN else f"!{length}{column}"
        self[code] = text
        return text


PLACEHOLDER = "\U0010eeee"
HIGHEST_NUMBER = (1 << 24) - 1
"""The highest number of a picture: a color has no more bits."""

_CHUNK = 4096
"""Characters of data that one command may carry."""

DIACRITICS = (
    "\u0305\u030d\u030e\u0310\u0312\u033d\u033e\u033f\u0346\u034a\u034b\u034c\u0350\u0351\u0352"
    "\u0357\u035b\u0363\u0364\u0365\u0366\u0367\u0368\u0369\u036a\u036b\u036c\u036d\u036e\u036f"
    "\u0483\u0484\u0485\u0486\u0487\u0592\u0593\u0594\u0595\u0597\u0598\u0599\u059c\u059d\u059e"
    "\u059f\u05a0\u05a1\u05a8\u05a9\u05ab\u05ac\u05af\u05c4\u0610\u0611\u0612\u0613\u0614\u0615"
    "\u0616\u0617\u0657\u0658"
)
"""The diacritics for the numbers of rows and columns, from 0."""


def placeholder(row: int, column: int) -> str:
    """Return the text of a cell that shows a part of a picture.

    Args:
        row: Row of the picture, below ``len(DIACRITICS)``.
        column: Column of the picture, below ``len(DIACRITICS)``.
    """
    return PLACEHOLDER + DIACRITICS[row] + DIACRITICS[column]


def payload(picture: Image.Image) -> str:
    """Return an RGB picture as the data of its transmission."""
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return base64.standard_b64encode(file.getvalue()).decode("ascii")


def transmission(data: str, number: int, rows: int, columns: int) -> str:
    """Return the commands that send a picture, to be shown by its placeholders.

    Args:
        data: The result of ``payload``.
        number: The number of the picture, 1 to ``HIGHEST_NUMBER``.
        rows: Height in cells.
        columns: Width in cells.
    """
    chunks = [data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK)]
    # q=2: no responses, which would arrive as keys
    keys = f"a=T,U=1,f=100,t=d,q=2,i={number},r={rows},c={columns},"
    return "".join(
        f"\x1b_G{keys if index == 0 else ''}m={int(index + 1 < len(chunks))};{chunk}\x1b\\"
        for index, chunk in enumerate(chunks)
    )


def removal(number: int) -> str:
    """Return the command that deletes a picture."""
    return f"\x1b_Ga=d,d=I,q=2,i={number}\x1b\\"
