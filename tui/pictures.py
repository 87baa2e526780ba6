"""A picture's file as character cells, and its way into the system's viewer."""

import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datrnet.core.data.blocks import CELL_RATIO, Cells, cells_of, fitting_size
from datrnet.core.data.overlay import Region, overlaid
from datrnet.core.data.pictures import Picture, read_picture
from datrnet.core.errors import DataError

VIEWERS = {"darwin": ("open",), "linux": ("xdg-open", "wslview", "gio")}


def picture_cells(
    source: Path | Picture,
    rows: int,
    columns: int,
    heat: NDArray[np.float32] | None = None,
    region: Region | None = None,
) -> Cells:
    """Draw a picture undistorted into at most ``rows`` x ``columns`` cells.

    Args:
        source: Where it lies.
        rows: Height there is.
        columns: Width there is.
        heat: (h, w) in [0, 1], a map to be laid over it.
        region: What of it to draw a frame around, with a map.

    Raises:
        DataError: The file is missing or no readable picture.
    """
    picture = read_picture(source, 2 * max(columns, rows * CELL_RATIO))
    if heat is not None:
        picture = overlaid(picture, heat, region)
    rows, columns = fitting_size(*picture.size, rows=rows, columns=columns)
    small = picture.resize((2 * columns, 2 * rows), Image.Resampling.LANCZOS, reducing_gap=3.0)
    return cells_of(np.asarray(small), rows, columns)


def named_path(text: str) -> Path:
    """Return the path that is meant by what was typed, pasted, or dropped on the terminal.

    Terminals write a dropped file as a path in quotes, with backslashes before spaces, or as a URI.
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
    """Show a picture in the program that the system has for it.

    Raises:
        DataError: The file is missing, or the system has no such program.
    """
    if not path.is_file():
        raise DataError(f"The picture {path} is missing.")
    names = VIEWERS.get(sys.platform, ())
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        raise DataError("This system has no viewer for pictures.", mend=f"The file is {path}.")
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
            f"The viewer {program} does not start: {error.strerror}.", mend=f"The file is {path}."
        ) from error
    # somebody must take note of its end, whenever that is
    threading.Thread(target=viewer.wait, daemon=True).start()
