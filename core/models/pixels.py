"""Decoding many pictures to network input at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.data.pictures import picture_pixels
from datrnet.core.errors import DataError

READERS = 4
"""Threads that decode pictures; Pillow lets go of the interpreter while it decodes."""


def read_pixels(
    paths: list[Path], size: int, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[NDArray[np.uint8], list[int]]:
    """Decode pictures, several at a time.

    Returns:
        (n, size, size, 3) pixels of the readable ones, and their places in ``paths``.
    """
    pixels = np.empty((len(paths), size, size, 3), dtype=np.uint8)
    readable = []

    def read(place: int) -> bool:
        try:
            pixels[place] = picture_pixels(paths[place], size)
        except DataError:
            return False
        return True

    with ThreadPoolExecutor(READERS) as readers:
        for place, ok in enumerate(readers.map(read, range(len(paths)))):
            if ok:
                readable.append(place)
            on_progress(place + 1, len(paths))
    return (pixels if len(readable) == len(paths) else pixels[readable]), readable
