"""Rows for data frames, and cards with pictures for notebooks."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib import import_module
from typing import Any

from datrnet.core.catalog.pictures import PictureSource
from datrnet.core.catalog.thumbnails import inline_jpeg
from datrnet.core.errors import ConfigError
from datrnet.core.text import sanitize

PICTURE_SIZE = 144
"""Side of a picture in a notebook, in pixels."""

MOST_CARDS = 60
"""A notebook shows no more of a long list: every card holds its picture."""


class Tabular(ABC):
    """Something that has rows."""

    @abstractmethod
    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Return the names of the columns, and the rows."""

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return a dict per row."""
        names, rows = self.table()
        return [dict(zip(names, row, strict=True)) for row in rows]

    def to_pandas(self) -> Any:
        """Return the rows as a ``pandas.DataFrame``.

        Raises:
            ConfigError: pandas is not installed.
        """
        names, rows = self.table()
        return _library("pandas").DataFrame(rows, columns=names)

    def to_polars(self) -> Any:
        """Return the rows as a ``polars.DataFrame``.

        Raises:
            ConfigError: Polars is not installed.
        """
        names, rows = self.table()
        return _library("polars").DataFrame(
            rows, schema=names, orient="row", infer_schema_length=None
        )


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"{name} is not installed.",
            hint=f"Install it with: pip install {name}, or use to_dicts().",
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureCard:
    """A picture with its caption."""

    picture: PictureSource | None
    """None if there is none to read."""
    heading: str
    lines: Sequence[str] = field(default=())


def cards_html(cards: Iterable[PictureCard], *, total: int) -> str:
    """Return cards as HTML without scripts, each with its picture inside.

    Args:
        cards: The first ones of a list.
        total: The length of the list; what is not shown is counted.
    """
    shown = list(map(_card_html, cards))
    rest = total - len(shown)
    more = f"<p>… and {rest:,} more</p>" if rest > 0 else ""
    style = "display:flex;flex-wrap:wrap;gap:12px;font:12px/1.4 sans-serif"
    return f'<div style="{style}">{"".join(shown)}</div>{more}'


def _card_html(card: PictureCard) -> str:
    jpeg = inline_jpeg(card.picture, PICTURE_SIZE) if card.picture is not None else ""
    size = f'width="{PICTURE_SIZE}" height="{PICTURE_SIZE}"'
    picture = f'<img {size} alt="" src="data:image/jpeg;base64,{jpeg}">' if jpeg else "no picture"
    heading, *lines = (escape(sanitize(line)) for line in (card.heading, *card.lines))
    caption = "<br>".join([f"<b>{heading}</b>", *lines])
    return (
        f'<figure style="width:{PICTURE_SIZE}px;margin:0;overflow-wrap:anywhere">{picture}'
        f"<figcaption>{caption}</figcaption></figure>"
    )
