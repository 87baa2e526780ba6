"""What the page is built of: tables, pictures, settings, and figures as a person reads them."""

import base64
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from datrnet.core.catalog.pictures import read_picture
from datrnet.core.errors import DataError
from datrnet.core.research.experiments.result import Cell, shown

NOTHING = "–"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

Settings = tuple[tuple[str, str], ...]
"""Names and values, as in ``train.epochs`` and ``30``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of text; every row has as many cells as there are columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: tuple[bool, ...]
    """Columns of figures, which stand to the right."""

    @classmethod
    def of(cls, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> "Table":
        """Build a table of cells as an experiment has them."""
        texts = tuple(tuple(shown(cell) for cell in row) for row in rows)
        return cls(
            columns=tuple(columns),
            rows=texts,
            figures=tuple(_are_figures([row[idx] for row in texts]) for idx in range(len(columns))),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that lies in the page itself."""

    caption: str
    alt: str
    """What it shows, for who cannot see it."""
    png: str
    """The file in base64."""
    width: int
    height: int

    @classmethod
    def drawn(cls, picture: Image.Image, *, caption: str, alt: str) -> "Picture":
        """Take a picture from memory."""
        written = io.BytesIO()
        picture.save(written, "PNG", optimize=True)
        return cls._of(written.getvalue(), picture.size, caption, alt)

    @classmethod
    def read(cls, path: Path, *, caption: str, alt: str) -> "Picture":
        """Take a PNG file as it is, after decoding it once to see that a browser can.

        Raises:
            DataError: It is absent, damaged or no PNG.
        """
        size = read_picture(path).size
        data = path.read_bytes()
        if not data.startswith(PNG_SIGNATURE):
            raise DataError(f"The picture {path} is no PNG.")
        return cls._of(data, size, caption, alt)

    @classmethod
    def _of(cls, data: bytes, size: tuple[int, int], caption: str, alt: str) -> "Picture":
        png = base64.b64encode(data).decode("ascii")
        return cls(caption=caption, alt=alt, png=png, width=size[0], height=size[1])


def settings_of(config: Mapping[str, Any], prefix: str = "") -> Settings:
    """Return a config, however deep, as names and values."""
    found: list[tuple[str, str]] = []
    for name, value in config.items():
        if isinstance(value, Mapping):
            found += settings_of(value, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", _setting(value)))
    return tuple(found)


def percent(share: float | None) -> str:
    """Return a share as a person reads it."""
    if share is None or not math.isfinite(share):
        return NOTHING
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def moment(stamp: str | None) -> str:
    """Return a time stamp to the minute, in UTC."""
    if stamp is None:
        return NOTHING
    try:
        return f"{datetime.fromisoformat(stamp).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return stamp


def duration(seconds: float) -> str:
    """Return a time span in the unit that suits it."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def _setting(value: Any) -> str:
    """Return a value as a config file has it, without the quotes of a text."""
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return ", ".join(_setting(one) for one in value) or "[]"
    return json.dumps(value, ensure_ascii=False)


def _are_figures(texts: Sequence[str]) -> bool:
    """Tell whether a column holds numbers, shares, intervals and gaps, and nothing else."""
    filled = [text for text in texts if text not in ("", NOTHING)]
    return bool(filled) and all(
        any(one.isdigit() for one in text) and not any(one.isalpha() for one in text.rstrip(" s"))
        for text in filled
    )
