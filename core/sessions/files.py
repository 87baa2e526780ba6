"""Files for programs and people: how one is written by its ending, and what a page is made of."""

import base64
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.pictures import Picture, read_picture
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, DataError
from datrnet.core.models.run_folder import write_atomically
from datrnet.core.text import sanitize

ENDINGS = (".csv", ".json", ".html")
"""Of the files that can be written."""

SIDE = 180
"""Pixels of a picture on a page."""

QUALITY = 82
"""Of its JPEG."""


def write_by_ending(path: Path, writers: Mapping[str, Callable[[], str]], what: str) -> None:
    """Write a file as its ending says.

    Args:
        path: The file; one that is there is replaced.
        writers: What makes the content, by ending.
        what: What is written, for the errors.

    Raises:
        ConfigError: See ``check_file``; or the page's library is not installed.
        DataError: The file cannot be written.
    """
    check_file(path, what)
    content = writers[path.suffix.lower()]()
    try:
        write_atomically(path, content)
    except OSError as error:
        raise DataError(
            f"The {what} cannot be written to {path}: {error.strerror}.",
            mend="Name another file.",
        ) from error


def check_file(path: Path, what: str) -> None:
    """Refuse a file that cannot be written, before the work for it begins.

    Args:
        path: The file.
        what: What is to be written, for the errors.

    Raises:
        ConfigError: It has another ending than those that say how to write it.
        DataError: It is a folder, or lies in none.
    """
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(
            f"{path.name} has none of the endings that a {what} can be exported to.",
            mend=f"Use one of {', '.join(ENDINGS)}.",
        )
    if path.is_dir() or not path.parent.is_dir():
        why = f"{path} is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise DataError(f"The {what} cannot be written: {why}.", mend="Name another file.")


def page(template: str, **facts: Any) -> str:
    """Return a page that needs no other file; every text is escaped and made sanitize.

    Raises:
        ConfigError: The library that fills templates is not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise ConfigError(
            "The page needs jinja2, which is absent.",
            mend='Install it with: pip install "datrnet[experiments]", or export to .csv or .json.',
        ) from error
    environment = Environment(
        loader=PackageLoader("datrnet.core.sessions"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: sanitize(value) if type(value) is str else value,
    )
    return environment.get_template(template).render(moment=_moment, **facts)


def _moment(stamp: str) -> str:
    """Return a time in UTC to the minute."""
    return f"{stamp[:16].replace('T', ' ')} UTC"


class PagePictures:
    """The pictures of a page, each read once."""

    def __init__(self, workspace: Workspace, catalog: Catalog) -> None:
        self._workspace = workspace
        self._catalog = catalog
        self._known: dict[str, str] = {}

    def of(self, subject: str) -> str:
        """Return the picture of an item, or at a path, as a JPEG in base64; empty without one."""
        if subject not in self._known:
            self._known[subject] = self._read(subject)
        return self._known[subject]

    def _read(self, subject: str) -> str:
        row, source = self._catalog.find_code(subject), Picture(Path(subject))
        if row is not None:
            source = self._workspace.picture(self._catalog.picture_paths[row])
        try:
            picture = read_picture(source, SIDE)
        except DataError:
            return ""
        written = io.BytesIO()
        white = (255, 255, 255)
        square = ImageOps.pad(picture, (SIDE, SIDE), Image.Resampling.LANCZOS, color=white)
        square.save(written, "JPEG", quality=QUALITY)
        return base64.b64encode(written.getvalue()).decode("ascii")
