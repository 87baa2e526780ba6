"""From pictures to pixels, the input of networks."""

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.pictures import Picture, picture_pixels
from datrnet.core.errors import DataError
from datrnet.core.progress import StepProgress, no_progress

Part = TypeVar("Part")
Content = TypeVar("Content")

LARGEST_IN_MEMORY = 4 * 1024**3
"""Bytes of pixels above which they are kept in a temporary file."""

READERS = 4
"""Threads that decode pictures; Pillow releases the interpreter lock meanwhile."""


def read_pixels(
    pictures: Sequence[Path | Picture],
    size: int,
    on_progress: StepProgress = no_progress,
) -> tuple[NDArray[np.uint8], list[int]]:
    """Decode pictures, several at a time.

    Returns:
        (n, size, size, 3) pixels of the readable ones, and their places in ``pictures``.
    """
    pixels = _room((len(pictures), size, size, 3))
    readable: list[int] = []

    def read(place: int) -> bool:
        try:
            pixels[place] = picture_pixels(pictures[place], size)
        except DataError:
            return False
        return True

    with ThreadPoolExecutor(READERS) as readers:
        for place, ok in enumerate(readers.map(read, range(len(pictures)))):
            if ok:
                readable.append(place)
            on_progress(place + 1, len(pictures))
    for place, source in enumerate(readable):
        if place != source:  # close the gaps in place: a copy would double the memory
            pixels[place] = pixels[source]
    return pixels[: len(readable)], readable


def read_ahead(read: Callable[[Part], Content], parts: Iterable[Part]) -> Iterator[Content]:
    """Yield what is read of each part; a thread reads the next one meanwhile."""
    with ThreadPoolExecutor(1) as reader:
        upcoming = None
        for part in parts:
            ready, upcoming = upcoming, reader.submit(read, part)
            if ready is not None:
                yield ready.result()
        if upcoming is not None:
            yield upcoming.result()


def _room(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return an empty array, in a temporary file if it is large."""
    if math.prod(shape) <= LARGEST_IN_MEMORY:
        return np.empty(shape, dtype=np.uint8)
    with tempfile.TemporaryFile() as file:  # the mapping keeps it alive
        return np.memmap(file, dtype=np.uint8, mode="w+", shape=shape)
