"""Pictures as sixels: bands six pixels high, each drawn color by color."""

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
