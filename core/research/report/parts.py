"""The building blocks of the page: sections, pictures, settings, and figures as text."""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from datrnet.core.catalog.pictures import read_picture
from datrnet.core.errors import DataError
from datrnet.core.research.experiments.result import Table, shown

NOTHING = "–"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

Settings = tuple[tuple[str, str], ...]
"""Names and values, as in ``train.epochs`` and ``30``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HtmlPicture:
    """A picture embedded in the page."""

    caption: str
    alt: str
    """What it shows, for readers who cannot see it."""
    png: bytes
    size: tuple[int, int]
    """Width and height in pixels."""

    @classmethod
    def read(cls, path: Path, *, caption: str, alt: str) -> "HtmlPicture":
        """Take a PNG file as it is, after decoding it once to check that a browser can.

        Raises:
            DataError: It is absent, damaged or no PNG.
        """
        size, png = read_picture(path).size, path.read_bytes()
        if not png.startswith(PNG_SIGNATURE):
            raise DataError(f"The picture {path} is not a PNG file.")
        return cls(caption=caption, alt=alt, png=png, size=size)

    @property
    def source(self) -> str:
        """The picture as an address without a file."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode('ascii')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSection:
    """A run, the index, an evaluation or an experiment, as far as it can be read."""

    title: str
    name: str = ""
    """What commands call it, if that is not the title."""
    aside: str = ""
    """What distinguishes it from others of its title, in a few words."""
    command: str = ""
    facts: Settings = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    pictures: tuple[HtmlPicture, ...] = ()
    settings: Settings = ()
    problems: tuple[str, ...] = ()
    """What cannot be read, and what to do."""


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


def figure_columns(table: Table) -> list[bool]:
    """Tell which columns hold only numbers, shares, intervals and gaps; they are set right."""
    return [_are_figures(list(map(shown, column))) for column in zip(*table.rows, strict=True)]


def _are_figures(texts: Sequence[str]) -> bool:
    filled = [text for text in texts if text not in ("", NOTHING)]
    return bool(filled) and all(
        any(map(str.isdigit, text)) and not any(map(str.isalpha, text.rstrip(" s")))
        for text in filled
    )
