"""Reads JSON Lines, JSON and XML: nested records become rows, nested names become columns.

An object inside an object adds its name to those of its fields, as in ``price.amount``; a list of
plain values is one cell of several texts; a list of variants becomes a row for each.
"""

import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any
from xml.etree import ElementTree

from datrnet.core.catalog.sources.table import (
    CatalogTable,
    Cell,
    Problem,
    TableBuilder,
    Unit,
    plain_text,
)
from datrnet.core.errors import DataError
from datrnet.core.text import clean

OWN_FIELDS = ("attributes", "properties")
"""Objects whose fields count as those of the item."""

VARIANT_FIELDS = ("variants", "variations", "skus", "children")
"""Lists with an object for each variant of a product."""

PARENT_PREFIX = "product."
"""Before the name of a product's field that its variants have too."""

_NAME_FIELDS = ("name", "key", "attribute", "attribute_name", "attribute_code", "code", "label")
_VALUE_FIELDS = ("value", "values", "attribute_value", "option", "options", "text")
_AMOUNT_FIELDS = ("amount", "value", "price", "text")
_CURRENCY_FIELDS = ("currency", "currency_code", "currencyCode")
_TITLE_FIELDS = ("name", "title", "label")
_LINK_FIELDS = ("src", "url", "href", "path", "file")


def read_json_lines(text: str) -> CatalogTable:
    """Read one JSON object per line; other lines become problems."""
    builder = TableBuilder()
    for line, record in enumerate(io.StringIO(text, newline=""), start=1):
        if not record.strip():
            continue
        try:
            value = parse_json(record)
            if not isinstance(value, dict):
                raise ValueError("it must be written in braces")
        except (ValueError, RecursionError) as error:
            reason = str(error)
            if isinstance(error, json.JSONDecodeError):  # its own line counts within the record
                reason = f"{error.msg} in column {error.colno}"
            message = f"The line is not a JSON object: {reason}."
            builder.problems.append(Problem(line=line, message=message))
            continue
        for row in rows_of(value):
            builder.add(line, row)
    return _table(builder, "JSON Lines", "line")


def read_json(text: str, name: str) -> CatalogTable:
    """Read a JSON document: an array of objects, or an object that contains one somewhere.

    Args:
        text: The document.
        name: Its name, for messages.

    Raises:
        DataError: It is not JSON.
    """
    try:
        document = parse_json(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{name} is not valid JSON: {error.msg} on line {error.lineno}, column {error.colno}.",
            hint="Correct the file; for one object per line, use the suffix .jsonl.",
        ) from error
    except RecursionError as error:
        raise DataError(f"{name} is nested too deeply.") from error
    return table_of_records(_records(document), "JSON array")


def read_xml(text: str | bytes, name: str) -> CatalogTable:
    """Read an XML feed: the element that repeats most is an item, its elements are its fields.

    Args:
        text: The document.
        name: Its name, for messages.

    Raises:
        DataError: It is not XML, declares entities, or nothing in it repeats.
    """
    start = text[:4096] if isinstance(text, bytes) else text[:4096].encode()
    if b"<!ENTITY" in start:
        raise DataError(f"{name} declares XML entities, which are not read.")
    try:
        root = ElementTree.fromstring(text)
    except (LookupError, ValueError) as error:  # an encoding that does not exist
        raise DataError(f"{name} is not valid XML: {error}.") from error
    except ElementTree.ParseError as error:
        line, column = error.position
        raise DataError(f"{name} is not valid XML, on line {line}, column {column}.") from error
    return table_of_records([_xml_value(item) for item in _repeated(root)], "XML")


def table_of_records(records: Sequence[object], file_format: str) -> CatalogTable:
    """Return the table of records: objects become rows, anything else a problem."""
    builder = TableBuilder()
    for number, record in enumerate(records, start=1):
        if isinstance(record, Mapping):
            for row in rows_of(record):
                builder.add(number, row)
        else:
            message = f"The record is not an object but {type(record).__name__}."
            builder.problems.append(Problem(line=number, message=message, unit="record"))
    return _table(builder, file_format, "record")


def rows_of(record: Mapping[str, Any]) -> Iterator[dict[str, Cell]]:
    """Yield the rows of a record: one, or one for each of its variants.

    A variant has its product's fields too; one that both have is named ``product.…``.
    """
    lists = {
        name: [variant for variant in value if isinstance(variant, dict)]
        for name, value in record.items()
        if str(name).casefold() in VARIANT_FIELDS and isinstance(value, list)
    }
    own = {name: value for name, value in record.items() if not lists.get(name)}
    variants = list(chain.from_iterable(lists.values()))
    options = _option_names(own) if variants else ()
    shared = {name: cell for name, cell in cells_of(own) if name not in options}
    for variant in variants:
        cells = dict(cells_of(variant))
        for number, option in enumerate(options, start=1):
            if (value := cells.pop(f"option{number}", None)) not in (None, "", "Default Title"):
                cells[option] = value
        common = {
            PARENT_PREFIX + name if name in cells else name: cell for name, cell in shared.items()
        }
        yield {**common, **cells}
    if not variants:
        yield shared


def _option_names(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of ``option1``, ``option2`` … of variants, as products of Shopify do."""
    options = record.get("options")
    if not isinstance(options, list):
        return ()
    names = (option.get("name") for option in options if isinstance(option, dict))
    return tuple(clean(name) for name in names if isinstance(name, str) and clean(name))


def parse_json(text: str) -> Any:
    """Parse JSON; numbers stay as they are written, since an id of 007.0 is no 7.

    Raises:
        ValueError: It is no JSON.
    """
    return json.loads(text, parse_int=str, parse_float=str, parse_constant=lambda _: None)


def _table(builder: TableBuilder, file_format: str, unit: Unit) -> CatalogTable:
    return CatalogTable(
        format=file_format,
        columns=builder.columns,
        lines=builder.lines,
        unit=unit,
        problems=tuple(builder.problems),
    )


def _records(document: object) -> list[object]:
    """Return the longest list of objects of those least deep; without any, the document itself.

    A document may also be a list of rows, an object of columns, or one of objects by their ids.
    """
    level = [document]
    while level:
        lists = [
            value
            for value in level
            if isinstance(value, list) and any(isinstance(record, dict) for record in value)
        ]
        if lists:
            return max(lists, key=len)
        level = [inner for value in level if isinstance(value, dict) for inner in value.values()]
    if isinstance(document, list) and all(isinstance(row, list) for row in document):
        header, *rows = document or [[]]
        return _records_of_rows(header, rows)
    if not isinstance(document, dict):
        return []
    names, cells = document.get("columns"), document.get("data")
    if isinstance(names, list) and isinstance(cells, list):  # as pandas splits a frame
        return _records_of_rows(names, cells)
    values = list(document.values())
    if len(values) > 1 and all(isinstance(value, list) for value in values):
        if len({len(value) for value in values}) == 1:
            return _records_of_rows(list(document), list(zip(*values, strict=True)))
    elif len(values) > 1 and all(isinstance(value, dict) for value in values):
        numbers = {str(number) for number in range(len(values[0]))}
        if all(set(value) == numbers for value in values):  # as pandas writes a frame
            by_row = zip(*(value.values() for value in values), strict=True)
            return _records_of_rows(list(document), list(by_row))
        if set.intersection(*map(set, values)):
            return [{"id": key, **value} for key, value in document.items()]
    return [document]


def _records_of_rows(names: Sequence[object], rows: Sequence[object]) -> list[object]:
    """Return the records of rows; what is no row stays as it is, to be refused."""
    return [
        dict(zip(map(str, names), row, strict=False)) if isinstance(row, list | tuple) else row
        for row in rows
    ]


def cells_of(record: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Cell]]:
    """Yield the cells of an object by the names of their columns; ``prefix`` goes before each."""
    for name, value in record.items():
        plain = prefix + clean(str(name))
        if hasattr(value, "tolist"):  # NumPy's numbers and arrays, as data frames have them
            value = value.tolist()
        if isinstance(value, list) and value and all(map(_is_entry, value)):
            value = dict(value)  # a map of Parquet
        if isinstance(value, dict) and (price := _price(value)):
            yield plain, price
        elif isinstance(value, dict) and (detail := _detail(value)):
            yield detail
        elif isinstance(value, dict):
            is_own = not prefix and plain.casefold() in OWN_FIELDS
            yield from cells_of(value, "" if is_own else f"{plain}.")
        elif isinstance(value, list | tuple):
            yield from _list_cells(plain, value)
        elif plain:
            yield plain, _text(value)


def _is_entry(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)


def _price(value: Mapping[str, Any]) -> str:
    """Return an object of an amount and a currency as one text; empty if it is none."""
    amount, currency = _first(value, _AMOUNT_FIELDS), _first(value, _CURRENCY_FIELDS)
    is_price = len(value) == 2 and isinstance(amount, str) and isinstance(currency, str)
    return f"{amount} {currency}" if is_price else ""


def _detail(value: Mapping[str, Any]) -> tuple[str, Cell] | None:
    """Return a detail of a feed for Google, which names an attribute; None if it is none."""
    return _pair(value) if "attribute_name" in value else None


def _list_cells(name: str, values: Sequence[Any]) -> Iterator[tuple[str, Cell]]:
    """Yield the cells of a list: pairs of name and value, links, or plain values."""
    objects = [value for value in values if isinstance(value, dict)]
    if not objects:
        yield name, tuple(map(_text, values))
        return
    pairs = [_pair(value) for value in objects]
    links = [link for value in objects if (link := _first(value, _LINK_FIELDS)) is not None]
    titles = [title for value in objects if (title := _first(value, _TITLE_FIELDS)) is not None]
    if all(pairs):
        yield from (pair for pair in pairs if pair is not None)
    elif links:
        yield name, tuple(map(_text, links))
    elif len(titles) == len(values):
        yield name, tuple(map(_text, titles))
    else:
        yield name, _text(values)


def _pair(value: Mapping[str, Any]) -> tuple[str, Cell] | None:
    name, content = _first(value, _NAME_FIELDS), _first(value, _VALUE_FIELDS)
    if not isinstance(name, str) or content is None or not clean(name):
        return None
    return clean(name), tuple(map(_text, content)) if isinstance(content, list) else _text(content)


def _first(value: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((value[name] for name in names if name in value), None)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return ""
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return plain_text(value)


# ── XML ──────────────────────────────────────────────────────────────────────


ITEM_TAGS = frozenset(("item", "entry", "product", "offer", "article"))
"""Elements that are items in feeds, even if there is only one."""


def _repeated(root: ElementTree.Element) -> list[ElementTree.Element]:
    """Return the elements that are items.

    They are those that repeat most under one parent, and have elements of their own.
    """
    for parent in root.iter():
        named = [child for child in parent if len(child) and _local(child.tag) in ITEM_TAGS]
        if named:
            return [child for child in named if child.tag == named[0].tag]
    best: list[ElementTree.Element] = []
    for parent in root.iter():
        children = [child for child in parent if len(child)]
        if len(children) > len(best):
            ((tag, _),) = Counter(child.tag for child in children).most_common(1)
            best = [child for child in children if child.tag == tag]
    return best


def _local(tag: str) -> str:
    return re.sub(r"^\{.*\}", "", tag)


def _xml_value(element: ElementTree.Element) -> Any:
    """Return an element as an object of its attributes and elements, or as its text."""
    fields: dict[str, Any] = {_local(name): value for name, value in element.items()}
    for child in element:
        name, value = _local(child.tag), _xml_value(child)
        if name in fields:
            earlier = fields[name]
            fields[name] = [*(earlier if isinstance(earlier, list) else [earlier]), value]
        else:
            fields[name] = value
    text = (element.text or "").strip()
    if not fields:
        return text
    return {**fields, "text": text} if text else fields
