"""The building blocks of the page: tables, pictures, settings, and figures as text."""

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
class HtmlTable:
    """A table of text; every row has as many cells as there are columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: tuple[bool, ...]
    """Which columns hold figures, aligned to the right."""

    @classmethod
    def of(cls, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> "HtmlTable":
        """Build a table of cells as an experiment has them."""
        texts = tuple(tuple(map(shown, row)) for row in rows)
        return cls(
            columns=tuple(columns),
            rows=texts,
            figures=tuple(_are_figures([row[idx] for row in texts]) for idx in range(len(columns))),
        )


@dataclass(frozen=True, slots=True)
class HtmlPicture:
    """A picture embedded in the page."""

    caption: str
    alt: str
    """What it shows, for readers who cannot see it."""
    png: str
    """The file in base64."""
    width: int
    height: int

    @classmethod
    def drawn(cls, picture: Image.Image, *, caption: str, alt: str) -> "HtmlPicture":
        """Take a picture from memory."""
        png = io.BytesIO()
        picture.save(png, "PNG", optimize=True)
        return cls(caption, alt, _base64(png.getvalue()), *picture.size)

    @classmethod
    def read(cls, path: Path, *, caption: str, alt: str) -> "HtmlPicture":
        """Take a PNG file as it is, after decoding it once to check that a browser can.

        Raises:
            DataError: It is absent, damaged or no PNG.
        """
        size = read_picture(path).size
        data = path.read_bytes()
        if not data.startswith(PNG_SIGNATURE):
            raise DataError(f"The picture {path} is not a PNG file.")
        return cls(caption, alt, _base64(data), *size)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def settings_of(config: Mapping[str, Any], prefix: str = "") -> Settings:
    """Return a config, however deep, as names and values."""
    settings: list[tuple[str, str]] = []
    for name, value in config.items():
        if isinstance(value, Mapping):
            settings += settings_of(value, f"{prefix}{name}.")
        else:
            settings.append((f"{prefix}{name}", _value(value)))
    return tuple(settings)


def _value(value: Any) -> str:
    """Return a value as a config file has it, without the quotes of text."""
    if isinstance(value, str):
        return value or '""'
    if isinstance(value, list) and all(isinstance(entry, str | int | float) for entry in value):
        return ", ".join(map(_value, value)) or "[]"
    return json.dumps(value, ensure_ascii=False)


def percent(share: float | None) -> str:
    """Return a share as a percentage with one decimal."""
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


def _are_figures(texts: Sequence[str]) -> bool:
    """Tell whether a column holds only numbers, shares, intervals and gaps."""
    filled = [text for text in texts if text not in ("", NOTHING)]
    return bool(filled) and all(
        any(map(str.isdigit, text)) and not any(map(str.isalpha, text.rstrip(" s")))
        for text in filled
    )
