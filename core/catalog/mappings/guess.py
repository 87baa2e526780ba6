"""Finds packed cells in tables of no known format, by what is in them."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from datrnet.core.catalog.mappings.cells import object_of, unpack
from datrnet.core.catalog.mappings.mapping import Mapping
from datrnet.core.catalog.mappings.steps import Json, Packed, Paths, Pivot, Step
from datrnet.core.catalog.sources.table import CatalogTable, Cell, texts_of

SAMPLE = 200
"""Filled cells of a column that are looked at."""

MIN_SHARE = 0.95
"""Of these cells that must be packed alike."""
MIN_DEEP = 0.5
"""Of these cells that must have several fields or parts; the others may have one."""

GENDERS = ("Women", "Men", "Girls", "Boys", "Unisex", "Kids")

CATEGORY = re.compile("categor|kategorie|categoría|catégorie|product_?type", re.IGNORECASE)
"""Names of columns in which a slash is between the parts of a path."""

ATTRIBUTE_WORDS = (
    *("attribute", "attribute name", "attribute code", "property", "feature", "attribut"),
    *("merkmal", "eigenschaft", "atributo", "propiedad", "caractéristique", "attributo"),
)
VALUE_WORDS = ("value", "attribute value", "wert", "attributwert", "valor", "valeur", "valore")
"""Names of columns, in lower case, of tables with a row for each attribute of a product."""

_FIELD = r"[^\W\d][\w -]*{assign}[^{assign}{separator}]*"


def guess_mapping(table: CatalogTable) -> Mapping | None:
    """Return how the cells of a table are packed; None if none are."""
    steps = tuple(
        step
        for column, cells in table.columns.items()
        if (step := _step(column, list(islice(_texts(cells), SAMPLE)))) is not None
    )
    steps = (*_pivot(table), *steps)
    return Mapping(name="", steps=steps) if steps else None


def _pivot(table: CatalogTable) -> Iterator[Step]:
    """Yield the step for a table with a row for each attribute of a product."""
    folded = {column.casefold().replace("_", " "): column for column in table.columns}
    name = next((folded[word] for word in ATTRIBUTE_WORDS if word in folded), None)
    value = next((folded[word] for word in VALUE_WORDS if word in folded), None)
    if name is None or value is None:
        return
    keys = (column for column in table.columns if column not in (name, value))
    key = next((k for k in keys if len(set(table.columns[k])) < len(table.lines)), None)
    if key is not None and len(set(table.columns[key])) > 1:
        yield Pivot(step="pivot", key=key, name=name, value=value)


def _step(column: str, texts: list[str]) -> Step | None:
    if len(texts) < 2:
        return None
    if _share(object_of(text) is not None for text in texts) >= MIN_SHARE:
        return Json(step="json", column=column)
    for separator in ",;|":
        for assign in "=:":
            fields = _FIELD.format(assign=assign, separator=re.escape(separator))
            packed = re.compile(f"{fields}({re.escape(separator)} *{fields})*")
            fitting = [text for text in texts if "://" not in text and packed.fullmatch(text)]
            deep = sum(len(unpack(text, separator, assign)) > 1 for text in fitting)
            if len(fitting) >= MIN_SHARE * len(texts) and deep >= MIN_DEEP * len(texts):
                return Packed(step="packed", column=column, separator=separator, assign=assign)
    for separator in (" > ", " › ", " » ", *((">", "/") if CATEGORY.search(column) else ())):
        if _share(separator in text for text in texts) >= MIN_DEEP:
            return Paths(
                step="paths",
                column=column,
                separator=separator.strip(),
                paths=_between_paths(texts, separator),
                leaf=column,
                words={"gender": GENDERS},
            )
    return None


def _between_paths(texts: Iterable[str], separator: str) -> str:
    """Return what separates several paths in a cell; empty if nothing does."""
    several = (
        sign
        for sign in "|;,"
        if any(sign in text and all(separator in p for p in text.split(sign)) for text in texts)
    )
    return next(several, "")


def _texts(cells: Iterable[Cell]) -> Iterator[str]:
    return (text for cell in cells for text in texts_of(cell))


def _share(truths: Iterable[bool]) -> float:
    values = list(truths)
    return sum(values) / len(values)
