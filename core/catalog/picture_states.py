"""Which pictures of a catalog are there, missing, or unreadable since the import."""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.pictures import read_picture
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.db.rows import PictureStamp, SuperCategory

PICTURE_STATES = SuperCategory(name="picture", values=("there", "missing", "unreadable"))
THERE, MISSING, UNREADABLE = range(3)

_SIDE = 32
"""Size at which a picture is decoded to see whether it is readable."""
_BATCH = 200
_PAUSE = 0.001
"""Seconds between batches, so that other threads can run."""


def picture_states(
    workspace: Workspace,
    catalog: Catalog,
    stamps: dict[str, PictureStamp],
    go_on: Callable[[], bool] = lambda: True,
) -> NDArray[np.int16]:
    """Return the state of every item's picture.

    The import has read every picture once, so only a file that has changed since is read again.

    Args:
        workspace: Where relative paths start.
        catalog: N items.
        stamps: Size and time of the files at the import, by the item's code.
        go_on: Called between batches; once it returns False, the rest counts as there.

    Returns:
        (N,) indexes of the values of ``PICTURE_STATES``.
    """
    states = np.full(catalog.num_items, THERE, dtype=np.int16)
    for row, (code, stored) in enumerate(zip(catalog.codes, catalog.picture_paths, strict=True)):
        if row % _BATCH == 0:
            time.sleep(_PAUSE)
            if not go_on():
                break
        states[row] = _state(workspace, stored, stamps.get(code))
    return states


def _state(workspace: Workspace, stored: str, stamp: PictureStamp | None) -> int:
    try:
        picture = workspace.picture(stored)
        status = picture.path.stat()
    except OSError:
        return MISSING
    except DataError:
        return UNREADABLE
    if stamp is None or not stamp.num_bytes:
        return THERE if status.st_size else UNREADABLE
    if (status.st_size, status.st_mtime_ns) == (stamp.num_bytes, stamp.modified_ns):
        return THERE
    try:
        read_picture(picture, _SIDE)
    except DataError:
        return UNREADABLE
    return THERE
