"""Recognizes what each column of a catalog means: by option, by its name, or by its values.

The plan tells what every column was taken as, and why a column was left out.
"""

import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from datrnet.core.catalog.pictures import Picture
from datrnet.core.catalog.table import Row
from datrnet.core.errors import DataError, UnknownNameError
from datrnet.core.text import clean
from datrnet.db.rows import Unstated

ID_NAMES = (
    *("id", "itemid", "code", "itemcode", "productid", "productcode", "sku"),
    *("articleid", "articlecode", "asin"),
)
IMAGE_NAMES = (
    *("image", "imagepath", "imagefile", "imagefilename", "imagename", "picture", "picturepath"),
    *("photo", "photopath", "img", "imgpath", "path", "filepath", "filename", "file"),
    *("imageurl", "pictureurl", "photourl", "url", "link"),
)
TITLE_NAMES = (
    *("title", "name", "productname", "producttitle", "productdisplayname", "displayname"),
    *("itemname", "itemtitle", "prodname"),
)
SPLIT_NAMES = ("split", "partition", "subset", "set", "evaluationstatus")
MEASURE_NAMES = (
    *("price", "listprice", "saleprice", "cost", "discount", "preis", "prix", "precio"),
    *("stock", "quantity", "amount", "weight", "size", "year", "rating", "date", "position"),
)
"""Columns that are not ids, even if all their numbers happen to differ."""

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff")

MAX_VALUES = 200
"""A column with more different values is not a super-category, unless an option says so."""
MAX_VALUE_LENGTH = 60
MAX_DISTINCT_SHARE = 0.5
"""If a larger share of its filled cells differs, a column describes single items."""

_CODE = re.compile(r"(?=.*\d)[\w/-]+")
"""A shop's code: one word with a digit, without the point or comma of a price."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChoices:
    """The meanings of columns that options name; the others are recognized."""

    attributes: tuple[str, ...] = ()
    """The columns that are super-categories; empty to recognize them."""
    id: str | None = None
    image: str | None = None
    title: str | None = None
    split: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A column that is not imported, and why."""

    column: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnPlan:
    """What each column was taken as."""

    id: str | None
    image: str
    title: str | None
    split: str | None
    attributes: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    """What replaces a missing column, as sentences."""

    @property
    def unstated(self) -> frozenset[Unstated]:
        """The fields of items that have no column."""
        columns: dict[Unstated, str | None] = {"title": self.title, "split": self.split}
        return frozenset(field for field, column in columns.items() if column is None)

    def meanings(self) -> list[tuple[str, str]]:
        """Return every column with its meaning, for a summary."""
        fields = ("id", self.id), ("picture", self.image), ("title", self.title)
        return [
            *((column, name) for name, column in (*fields, ("split", self.split)) if column),
            *((column, "super-category") for column in self.attributes),
            *((skipped.column, f"skipped: {skipped.reason}") for skipped in self.left_out),
        ]


def plan_columns(
    header: Sequence[str],
    samples: Sequence[Row],
    choices: ColumnChoices,
    known: Collection[str] = (),
) -> ColumnPlan:
    """Tell what each column means.

    Args:
        header: The names of the columns, all different.
        samples: Rows to judge the columns by; best all of them.
        choices: The columns that options name.
        known: The super-categories that the workspace has. A column with such a name is one,
            whatever its values, unless ``choices`` names others.

    Raises:
        UnknownNameError: A chosen column does not exist.
        DataError: No column contains pictures.
    """
    free = {column: _folded(column) for column in header}
    id_column = _take(free, header, choices.id, ID_NAMES)
    image = _take(free, header, choices.image, IMAGE_NAMES) or _take_by_values(free, samples)
    if image is None:
        raise DataError(
            f"No column contains pictures; the columns are {', '.join(header) or 'none'}.",
            hint="Specify it with --image COLUMN.",
        )
    title = _take(free, header, choices.title, TITLE_NAMES)
    split = _take(free, header, choices.split, SPLIT_NAMES)
    chosen = tuple(dict.fromkeys(_find(header, name) for name in choices.attributes))
    folded = {name.casefold() for name in known}
    certain = chosen or tuple(column for column in header if column.casefold() in folded)
    notes: list[str] = []
    if id_column is None:
        id_column = _take_codes(free, samples, certain)
        notes = [_id_note(id_column)]
    if chosen:
        reasons = dict.fromkeys(free, "not chosen")
    else:
        reasons = {column: _objection(_filled(samples, column)) for column in free}
    attributes = chosen or tuple(
        column for column in header if column in certain or reasons.get(column) == ""
    )
    left_out = {column: why for column, why in reasons.items() if column not in attributes}
    return ColumnPlan(
        id=id_column,
        image=image,
        title=title,
        split=split,
        attributes=attributes,
        left_out=tuple(LeftOut(column=name, reason=why) for name, why in left_out.items()),
        notes=(*notes, *_missing_columns(title, split, attributes)),
    )


def _folded(column: str) -> str:
    return "".join(letter for letter in column.casefold() if letter.isalnum())


def _find(header: Sequence[str], name: str) -> str:
    by_folded = {column.casefold(): column for column in header}
    try:
        return by_folded[clean(name).casefold()]
    except KeyError:
        raise UnknownNameError("column", name, header) from None


def _take(
    free: dict[str, str], header: Sequence[str], chosen: str | None, names: Sequence[str]
) -> str | None:
    """Remove a column from the free ones and return it; earlier names come first."""
    if chosen is not None:
        column = _find(header, chosen)
        free.pop(column, None)
        return column
    matching = [column for column, folded in free.items() if folded in names]
    if not matching:
        return None
    column = min(matching, key=lambda candidate: names.index(free[candidate]))
    del free[column]
    return column


def _take_by_values(free: dict[str, str], samples: Sequence[Row]) -> str | None:
    for column in free:
        filled = _filled(samples, column)
        paths = [Picture.split(value)[0].lower() for value in filled]
        if paths and all(path.endswith(PICTURE_SUFFIXES) for path in paths):
            del free[column]
            return column
    return None


def _take_codes(
    free: dict[str, str], samples: Sequence[Row], certain: Collection[str]
) -> str | None:
    """Remove and return the leftmost column that has a different number or code in every row."""
    for column, folded in free.items():
        if column in certain or folded in MEASURE_NAMES:
            continue
        filled = _filled(samples, column)
        if 1 < len(filled) == len(samples) == len(set(filled)) and all(
            _CODE.fullmatch(value) for value in filled
        ):
            del free[column]
            return column
    return None


def _filled(samples: Iterable[Row], column: str) -> list[str]:
    return [value for row in samples if (value := clean(row.cells.get(column, "")))]


def _objection(filled: Sequence[str]) -> str:
    """Return why a column is not a super-category; empty if it looks like one."""
    distinct = {value.casefold() for value in filled}
    if not distinct:
        return "empty"
    if len(distinct) == 1:
        return "only one value"
    if all(_is_number(value) for value in distinct):
        return "numbers only"
    if len(distinct) > MAX_VALUES:
        return f"more than {MAX_VALUES} different values"
    if len(distinct) > max(MAX_DISTINCT_SHARE * len(filled), min(len(filled) - 1, 10)):
        return "nearly every item has a different value"
    if max(map(len, distinct)) > MAX_VALUE_LENGTH:
        return "long text"
    return ""


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text.replace(",", ".")))
    except ValueError:
        return False


def _id_note(column: str | None) -> str:
    if column is None:
        return "No id column: the picture's file name without its suffix is the id."
    return f"No column is named like an id: {column!r} is used, because it differs in every row."


def _missing_columns(title: str | None, split: str | None, attributes: Sequence[str]) -> list[str]:
    sentences = {
        "No title column: known items keep their titles, new ones have none.": title,
        "No split column: known items keep their splits; new ones are split by id, about 80 % "
        "train, 10 % validation, 10 % test.": split,
        "No column looks like a super-category; specify them with --attribute.": attributes,
    }
    return [sentence for sentence, found in sentences.items() if not found]
