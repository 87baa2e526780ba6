"""Pictures as sixels: bands of six pixels' height, each drawn colour by colour."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BAND = 6
FEW_COLOURS = 64
"""With no more colours than these, shades are mixed of neighbouring pixels."""

_EMPTY = 63
"""The character of a column of six pixels without any; each pixel adds a bit."""

_SHORTEST_RUN = 4
"""Equal columns from which on a count in front of one is shorter than all of them."""


def sixel_of(picture: Image.Image, num_colours: int = 256) -> str:
    """Return a picture as sixels, every pixel of it opaque.

    All colours are defined before the first pixel: some terminals draw a band with the colours
    that they know when it begins.

    Args:
        picture: RGB.
        num_colours: The most colours to use, 2 to 256.
    """
    indexed = picture.quantize(num_colours, method=Image.Quantize.MEDIANCUT)
    if num_colours <= FEW_COLOURS:
        indexed = picture.quantize(palette=indexed, dither=Image.Dither.FLOYDSTEINBERG)
    pixels = np.asarray(indexed)  # (H, W)
    height, width = pixels.shape
    bands = f'"1;1;{width};{height}{_palette(indexed)}{_drawn(pixels)}'
    return f"\x1bP0;1;0q{bands}\x1b\\"


def _palette(indexed: Image.Image) -> str:
    """Return the definitions of all colours, in hundredths."""
    colours = np.array(indexed.getpalette(), dtype=np.int64).reshape(-1, 3)
    hundredths = (colours * 100 + 127) // 255
    return "".join(
        f"#{number};2;{red};{green};{blue}"
        for number, (red, green, blue) in enumerate(hundredths.tolist())
    )


def _drawn(pixels: NDArray[np.uint8]) -> str:
    """Return all bands of a picture (H, W) whose pixels are numbers of colours."""
    bands, colours, columns = _passes(pixels)
    width = columns.shape[1]
    # runs of equal columns, in all passes at once; none goes on from one pass to the next
    is_start = np.ones(columns.shape, dtype=np.bool_)
    is_start[:, 1:] = columns[:, 1:] != columns[:, :-1]
    starts = np.flatnonzero(is_start)
    lengths = np.diff(starts, append=columns.size)
    bits = columns.ravel()[starts]
    # what is empty up to the right edge need not be said
    is_said = (bits != 0) | ((starts + lengths) % width != 0)
    passes = starts // width
    texts = _Runs()
    drawn = [texts[code] for code in (lengths * 64 + bits)[is_said].tolist()]
    ends = np.cumsum(np.bincount(passes[is_said], minlength=len(columns))).tolist()
    parts, begin, band_before = [], 0, 0
    for band, colour, end in zip(bands.tolist(), colours.tolist(), ends, strict=True):
        # "$" goes back to the beginning of the band, "-" to that of the next
        parts.append("$" if band == band_before else "-")
        parts.append(f"#{colour}")
        parts += drawn[begin:end]
        begin, band_before = end, band
    return "".join(parts)


def _passes(
    pixels: NDArray[np.uint8],
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint8]]:
    """Return for each colour in each band (P): the band, the colour, and its columns' bits (P, W).

    A bit says that the pixel of a column has the colour, the lowest that of the first line.
    """
    height, width = pixels.shape
    band_of_line = np.arange(height) // BAND
    is_there = np.zeros((band_of_line[-1] + 1, 256), dtype=np.bool_)
    is_there[band_of_line[:, None], pixels] = True
    bands, colours = np.nonzero(is_there)
    place = np.zeros(is_there.shape, dtype=np.intp)
    place[bands, colours] = np.arange(len(bands))
    columns = np.zeros((len(bands), width), dtype=np.uint8)
    places, across = place[band_of_line[:, None], pixels], np.arange(width)  # (H, W), (W,)
    for line in range(BAND):
        # of one line in every band, no two pixels fall together
        columns[places[line::BAND], across] |= np.uint8(1 << line)
    return bands, colours, columns


class _Runs(dict[int, str]):
    """The text of a run, by 64 times its length plus its bits."""

    def __missing__(self, code: int) -> str:
        length, bits = divmod(code, 64)
        column = chr(_EMPTY + bits)
        text = column * length if length < _SHORTEST_RUN else f"!{length}{column}"
        self[code] = text
        return text
