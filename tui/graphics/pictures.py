"""Pictures as character cells or pixels, activation maps, and opening a picture in a viewer."""

import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datrnet.core.catalog.pictures import Picture, read_picture
from datrnet.core.catalog.thumbnails import SIZE, letterboxed
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError, requirement
from datrnet.core.graphics.blocks import CELL_RATIO, Cells, alphabet, cells_of, fitting_size
from datrnet.core.graphics.heatmap import Region, overlay_heatmap
from datrnet.core.graphics.protocols import DIACRITICS, payload, sixel_of
from datrnet.core.graphics.terminal import Drawing
from datrnet.core.preferences import Blocks

if TYPE_CHECKING:
    from datrnet.core.indexing.activations import ActivationMaps, Look
    from datrnet.core.retrieval.prototypes import Prototype


VIEWERS = {"darwin": ("open",), "linux": ("xdg-open", "wslview", "gio")}

FAILS_WITHIN = 1.0
"""Seconds in which a viewer that cannot show a picture is expected to say so."""

KEPT_PICTURES = 48
"""Cached pictures in pixels, some 100 kB each: going back to one sends it at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """What a terminal is sent to show a picture."""

    rows: int
    """Height in cells."""
    columns: int
    """Width in cells."""
    size: tuple[int, int]
    """Width and height in pixels; the cells may be larger by less than one."""
    data: str
    """Sixels, or the payload of kitty's protocol."""
    is_kitty: bool


def picture_cells(
    source: Path | Picture,
    rows: int,
    columns: int,
    heat: NDArray[np.float32] | None = None,
    region: Region | None = None,
    *,
    glyphs: Blocks = "quadrants",
) -> Cells:
    """Draw a picture undistorted into at most ``rows`` x ``columns`` cells.

    Args:
        source: Where it lies.
        rows: Height there is.
        columns: Width there is.
        heat: (h, w) in [0, 1], a map to be laid over it.
        region: What of it to draw a frame around, with a map.
        glyphs: The characters to draw with.

    Raises:
        DataError: The file is missing or no readable picture.
    """
    across, down = alphabet(glyphs).across, alphabet(glyphs).down
    picture = _read(source, max(columns, rows * CELL_RATIO) * 2, heat, region)
    rows, columns = fitting_size(*picture.size, rows=rows, columns=columns)
    size = (across * columns, down * rows)
    small = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return cells_of(np.asarray(small), rows, columns, glyphs=glyphs)


def picture_in_pixels(
    source: Picture,
    rows: int,
    columns: int,
    drawing: Drawing,
    heat: NDArray[np.float32] | None = None,
    region: Region | None = None,
) -> Pixels:
    """Draw a picture undistorted into the pixels of at most ``rows`` x ``columns`` cells.

    Pictures without a map are kept.

    Args:
        source: Where it lies.
        rows: Height there is.
        columns: Width there is.
        drawing: The protocol, and how large a cell is.
        heat: (h, w) in [0, 1], a map to be laid over it.
        region: What of it to draw a frame around, with a map.

    Raises:
        DataError: The file is missing or no readable picture.
    """
    if drawing.protocol == "kitty":
        rows, columns = min(rows, len(DIACRITICS)), min(columns, len(DIACRITICS))
    space = columns * drawing.cell[0], rows * drawing.cell[1]
    if heat is not None:
        return _in_pixels(_read(source, max(space), heat, region), space, drawing)
    try:
        changed = source.path.stat().st_mtime_ns
    except OSError:
        changed = 0  # reading it tells what is wrong
    return _kept(source, changed, space, drawing)


@lru_cache(maxsize=KEPT_PICTURES)
def _kept(source: Picture, _changed: int, space: tuple[int, int], drawing: Drawing) -> Pixels:
    return _in_pixels(read_picture(source, max(space)), space, drawing)


def _read(
    source: Path | Picture, size: int, heat: NDArray[np.float32] | None, region: Region | None
) -> Image.Image:
    picture = read_picture(source, size)
    return picture if heat is None else overlay_heatmap(picture, heat, region)


def _in_pixels(picture: Image.Image, space: tuple[int, int], drawing: Drawing) -> Pixels:
    """Draw a picture into at most ``space``, a width and height in pixels."""
    scale = min(space[0] / picture.width, space[1] / picture.height)
    size = max(1, int(picture.width * scale)), max(1, int(picture.height * scale))
    scaled = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if drawing.is_gray:
        scaled = scaled.convert("L").convert("RGB")
    columns, rows = ceil(size[0] / drawing.cell[0]), ceil(size[1] / drawing.cell[1])
    is_kitty = drawing.protocol == "kitty"
    data = payload(scaled) if is_kitty else sixel_of(scaled, drawing.registers)
    return Pixels(rows=rows, columns=columns, size=size, data=data, is_kitty=is_kitty)


@dataclass(frozen=True, slots=True)
class InPixels:
    """Draws thumbnails in pixels."""

    rows: int
    columns: int
    drawing: Drawing

    def __call__(self, picture: Image.Image) -> Pixels:
        """Draw a picture undistorted, padded to ``rows`` x ``columns`` cells."""
        size = self.columns * self.drawing.cell[0], self.rows * self.drawing.cell[1]
        # kitty enlarges it itself; sixels are not scaled
        scale = min(1.0, SIZE / min(size)) if self.drawing.protocol == "kitty" else 1.0
        width, height = (max(1, round(side * scale)) for side in size)
        drawn = _in_pixels(letterboxed(picture, width, height), (width, height), self.drawing)
        return replace(drawn, rows=self.rows, columns=self.columns)


def named_path(text: str) -> Path:
    """Return the path in text that was typed, pasted, or dropped on the terminal.

    Terminals write a dropped file as a quoted path, with backslashes before spaces, or as a URI.
    """
    text = text.strip()
    if text.startswith("file://"):
        return Path(unquote(urlsplit(text).path))
    path = Path(text).expanduser()
    if path.exists():
        return path
    try:
        words = shlex.split(text)
    except ValueError:  # a quote without its other half
        return path
    return Path(words[0]).expanduser() if len(words) == 1 else path


def open_in_viewer(path: Path) -> None:
    """Open a picture in the system's viewer.

    Raises:
        DataError: The file is missing, the system has no such program, or it fails at once.
    """
    if not path.is_file():
        raise DataError(f"The picture {path} is missing.")
    names = VIEWERS.get(sys.platform, ())
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        raise DataError("This system has no picture viewer.", hint=f"The file is {path}.")
    verb = ["open"] if Path(program).name == "gio" else []
    try:
        viewer = subprocess.Popen(
            [program, *verb, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # closing the explorer leaves the picture open
        )
    except OSError as error:
        raise DataError(
            f"The viewer {program} does not start: {error.strerror}.", hint=f"The file is {path}."
        ) from error
    try:
        code = viewer.wait(timeout=FAILS_WITHIN)
    except subprocess.TimeoutExpired:  # it shows the picture; collect its status when it ends
        threading.Thread(target=viewer.wait, daemon=True).start()
        return
    if code:  # such as without a desktop
        raise DataError(
            f"The viewer {program} ended with the exit code {code}.", hint=f"The file is {path}."
        )


POLL_SECONDS = 0.05
"""Between two checks whether a waiting map is still wanted."""


class Looker:
    """Computes activation maps, one at a time; torch is loaded with the first."""

    def __init__(self, workspace: Workspace, run_name: str) -> None:
        """Note the folder of the run."""
        self._folder = workspace.models / run_name
        self._maps: ActivationMaps | None = None
        self._busy = threading.Lock()

    def is_ready(self, super_category: str) -> bool:
        """Return whether the network of a super-category is loaded."""
        return self._maps is not None and self._maps.is_loaded(super_category)

    def look(
        self,
        picture: Picture,
        super_category: str,
        prototype: "Prototype | None",
        is_wanted: Callable[[], bool],
    ) -> "Look | None":
        """Return the activation map of a super-category; called in a thread.

        Args:
            picture: The picture.
            super_category: Whose network to use.
            prototype: The value to look for.
            is_wanted: Returns whether the map is still needed; searches need the thread.

        Returns:
            None if there is no value to look for, or the map is no longer wanted.

        Raises:
            DatrnetError: The run, its weights, captum or the picture is missing.
        """
        while not self._busy.acquire(timeout=POLL_SECONDS):
            if not is_wanted():
                return None
        try:
            if not is_wanted():
                return None
            if self._maps is None:
                self._maps = self._open()
            return self._maps.look(picture, super_category, prototype)
        finally:
            self._busy.release()

    def _open(self) -> "ActivationMaps":
        from datrnet.core.models.run_folder import RunFolder

        with requirement("Activation maps need"):
            from datrnet.core.indexing.activations import ActivationMaps

        return ActivationMaps(RunFolder.open(self._folder))
