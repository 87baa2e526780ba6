"""Names of values: from a file, of a known data set, or numbers."""

import json
from pathlib import Path

import pytest

from datrnet.core.errors import DataError
from datrnet.core.research.datasets.importer import SHOPPING100K, names_for


def read(folder: Path, content: object, counts: tuple[int, ...] = (3, 2)) -> dict[str, object]:
    path = folder / "names.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    names, notes = names_for(counts, path)
    assert notes == ()
    return dict(names)


def test_an_object_names_super_categories_and_values(tmp_path: Path) -> None:
    content = {" colour": ["red", "blue", "black "], "sleeve": ["short", "long"]}
    names = read(tmp_path, content)
    assert names == {"colour": ("red", "blue", "black"), "sleeve": ("short", "long")}
    assert list(names) == ["colour", "sleeve"]


def test_a_list_names_super_categories_only(tmp_path: Path) -> None:
    names = read(tmp_path, ["colour", "sleeve"])
    assert names == {"colour": ("1", "2", "3"), "sleeve": ("1", "2")}


def test_without_a_file_everything_is_numbered() -> None:
    names, notes = names_for((3, 2))
    assert names == {"attribute 1": ("1", "2", "3"), "attribute 2": ("1", "2")}
    assert "--names FILE" in notes[0]


def test_the_counts_of_shopping100k_are_known() -> None:
    names, notes = names_for((16, 17, 19, 14, 10, 15, 2, 11, 16, 7, 9, 15))
    assert list(names) == list(SHOPPING100K) == sorted(SHOPPING100K)
    assert names["gender"] == ("1", "2")
    assert sum(SHOPPING100K.values()) == 151
    assert "Shopping100k" in notes[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        (3, "neither an object nor a list"),
        (["colour"], "it lists 1 super-categories, not 2"),
        (["colour", "Colour "], "two super-categories are called 'Colour'"),
        (["colour", 7], "number 2 of the super-categories is not text"),
        ({"colour": ["red", "blue"], "sleeve": ["a", "b"]}, "'colour' has 2 values, not 3"),
        ({"colour": ["red", "Red", "blue"], "sleeve": ["a", "b"]}, "are called 'Red'"),
        (
            {"colour": ["red", "", "blue"], "sleeve": ["a", "b"]},
            "number 2 of the values of 'colour' is not text",
        ),
        ({"colour": {"red": 0}, "sleeve": ["a", "b"]}, "the values of 'colour' are not a list"),
        ('{"a": ["1", "2", "3"], "a": ["1", "2"]}', "two super-categories are called 'a'"),
        ({"": ["1", "2", "3"], "b": ["1", "2"]}, "has an empty name"),
    ],
)
def test_a_file_that_does_not_fit_says_where(tmp_path: Path, content: object, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        read(tmp_path, content)
    assert "attr_num.txt" in caught.value.hint


def test_a_missing_file_of_names_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.json cannot be read"):
        names_for((3, 2), tmp_path / "none.json")
