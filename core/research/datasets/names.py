"""The names of super-categories and values, which ADDE's format lacks.

They come from a file: a JSON object of super-categories, each with its values in the order of the
columns, or a JSON list of super-categories only. Without a file they are numbered.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from datrnet.core.errors import DataError
from datrnet.core.text import clean

SHOPPING100K = {
    "category": 16,
    "collar": 17,
    "colour": 19,
    "fabric": 14,
    "fastening": 10,
    "fit": 15,
    "gender": 2,
    "neckline": 11,
    "pattern": 16,
    "pocket": 7,
    "sleeve length": 9,
    "sport": 15,
}
"""The super-categories of Shopping100k, in the order of their names, with their numbers of values.
The names of the values are not public."""

Names = Mapping[str, tuple[str, ...]]
"""Values in the order of their columns, by super-category."""


def names_for(counts: Sequence[int], path: Path | None = None) -> tuple[Names, tuple[str, ...]]:
    """Return the names of all super-categories and values, and what was guessed, as sentences.

    Args:
        counts: (A,) number of values of each super-category.
        path: A file of names.

    Raises:
        DataError: The file cannot be read, or does not fit the counts.
    """
    if path is not None:
        return _read_names(path, counts), ()
    if tuple(counts) == tuple(SHOPPING100K.values()):
        note = (
            "The numbers of values are those of Shopping100k, so the super-categories have its "
            "names; the values are numbered. Set other names with --names FILE."
        )
        return _numbered(SHOPPING100K, counts), (note,)
    plain = [f"attribute {number}" for number in range(1, len(counts) + 1)]
    note = "The format has no names: everything is numbered. Set names with --names FILE."
    return _numbered(plain, counts), (note,)


def _numbered(names: Sequence[str] | Mapping[str, int], counts: Sequence[int]) -> Names:
    return {
        name: tuple(str(number) for number in range(1, count + 1))
        for name, count in zip(names, counts, strict=True)
    }


def _read_names(path: Path, counts: Sequence[int]) -> Names:
    try:
        content = json.loads(path.read_text("utf-8-sig"), object_pairs_hook=_JsonPairs)
    except OSError as error:
        raise DataError(f"The names {path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise _unfit(path, f"it is not JSON ({error})") from error
    if isinstance(content, _JsonPairs):
        given = [(name, _texts(path, f"values of {name!r}", values)) for name, values in content]
    elif isinstance(content, list):
        given = [(name, ()) for name in _texts(path, "super-categories", content)]
    else:
        raise _unfit(path, "it is neither an object nor a list")
    _refuse_repeated(path, "super-categories", [name for name, _ in given])
    if len(given) != len(counts):
        raise _unfit(path, f"it lists {len(given)} super-categories, not {len(counts)}")
    for (name, values), count in zip(given, counts, strict=True):
        if isinstance(content, _JsonPairs) and len(values) != count:
            raise _unfit(path, f"{name!r} has {len(values)} values, not {count}")
    names = [clean(name) for name, _ in given]
    if isinstance(content, _JsonPairs):
        return {name: values for name, (_, values) in zip(names, given, strict=True)}
    return _numbered(names, counts)


class _JsonPairs(list[tuple[str, object]]):
    """The fields of a JSON object in order, including repeated ones."""


def _texts(path: Path, what: str, values: object) -> tuple[str, ...]:
    """Return a list of names, cleaned; they must differ."""
    if not isinstance(values, list) or isinstance(values, _JsonPairs):
        raise _unfit(path, f"the {what} are not a list")
    cleaned = [clean(value) if isinstance(value, str) else "" for value in values]
    if not all(cleaned):
        number = cleaned.index("") + 1
        raise _unfit(path, f"number {number} of the {what} is not text")
    _refuse_repeated(path, what, cleaned)
    return tuple(cleaned)


def _refuse_repeated(path: Path, what: str, names: Sequence[str]) -> None:
    folded = [clean(name).casefold() for name in names]
    repeated = [name for index, name in enumerate(names) if folded[index] in folded[:index]]
    if repeated:
        raise _unfit(path, f"two {what} are called {repeated[0]!r}")
    if not all(folded):
        raise _unfit(path, f"one of the {what} has an empty name")


def _unfit(path: Path, what: str) -> DataError:
    return DataError(
        f"The names {path} do not fit: {what}.",
        hint='Write {"super-category": ["value", …], …} in the order of attr_num.txt, '
        'or ["super-category", …].',
    )
