"""What is packed in a cell: lists, fields, JSON, and characters written as HTML."""

import ast
import html
import re
from contextlib import suppress
from typing import Any

from datrnet.core.catalog.sources.records import parse_json
from datrnet.core.catalog.sources.table import Cell, texts_of
from datrnet.core.catalog.values import SHARES, split_shares

_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|[a-zA-Z]\w*);")
_IMAGE = re.compile(r"""<img\b[^>]*?\ssrc\s*=\s*["']?([^"'\s>]+)""", re.IGNORECASE)


def object_of(text: str) -> dict[str, Any] | list[Any] | None:
    """Return the object or list that a cell is, as JSON or as Python writes it; None if it is none.

    Numbers stay as they are written.
    """
    plain = text.strip()
    if plain[:1] + plain[-1:] not in ("{}", "[]"):
        return None
    with suppress(ValueError, RecursionError):
        value: dict[str, Any] | list[Any] = parse_json(plain)
        return value
    with suppress(ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        literal = ast.literal_eval(plain)
        return literal if isinstance(literal, dict | list) else None
    return None


def without_entities(text: str) -> str:
    """Return text with HTML entities replaced; an ampersand that begins none is left alone."""
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)


def image_sources(text: str) -> list[str]:
    """Return the addresses of the pictures that HTML shows; none where there is no picture."""
    if "<" not in text:
        return []
    return [without_entities(source) for source in _IMAGE.findall(text)]


def split_texts(text: str, separator: str) -> list[str]:
    """Return the parts of a text, stripped, without empty ones; an empty separator splits none."""
    if separator == SHARES:
        parts = split_shares(text)
    else:
        parts = text.split(separator) if separator else [text]
    return [part.strip() for part in parts if part.strip()]


def split_cell(cell: Cell, separator: str) -> Cell:
    """Return a cell with its texts split; a single text stays one."""
    texts = [part for text in texts_of(cell) for part in split_texts(text, separator)]
    return texts[0] if len(texts) == 1 else tuple(texts)


def unpack(text: str, separator: str, assign: str) -> dict[str, str]:
    """Return the fields of a packed text: what follows a separator without a name goes on a value.

    A value may be in double quotes, doubled inside, as Magento writes it.
    """
    fields: dict[str, str] = {}
    name = ""
    for part in text.split(separator):
        head, sign, value = part.partition(assign)
        if sign and head.strip():
            name = head.strip().strip('"')
            fields[name] = value
        elif name:
            fields[name] += separator + part
    return {name: _unquoted(value.strip()) for name, value in fields.items()}


def _unquoted(text: str) -> str:
    is_quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return text[1:-1].replace('""', '"') if is_quoted else text
