"""A column of strings reads like a list of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.db.rows import StringColumn

_texts = st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])))


def column(*blocks: list[str]) -> StringColumn:
    encoded = [[text.encode() for text in block] for block in blocks]
    lengths = [len(text) for block in encoded for text in block]
    return StringColumn(map(b"".join, encoded), np.array(lengths, dtype=np.int64))


@given(_texts, _texts)
def test_a_column_equals_the_list_of_its_strings(first: list[str], second: list[str]) -> None:
    both, texts = first + second, column(first, second)
    assert texts == both
    assert both == texts
    assert [texts[place] for place in range(-len(both), len(both))] == both * 2
    assert texts[1:7:2] == both[1:7:2]
    assert len(texts) == len(both)


def test_different_columns_are_not_equal() -> None:
    assert column(["a", "b"]) != ["a"]
    assert column(["a", "b"]) != ["ab", ""]
    assert column([]) != 0


def test_an_index_beyond_the_end_is_an_error() -> None:
    with pytest.raises(IndexError):
        column(["a"])[1]
    with pytest.raises(IndexError):
        column([])[-1]


@given(
    st.lists(st.text("abé", max_size=3)),
    st.text("abé", max_size=3),
    st.integers(-5, 5),
    st.integers(-5, 9),
)
def test_index_finds_what_a_list_finds(
    texts: list[str], wanted: str, start: int, stop: int
) -> None:
    try:
        expected = texts.index(wanted, start, stop)
    except ValueError:
        with pytest.raises(ValueError, match="not in the column"):
            column(texts).index(wanted, start, stop)
    else:
        assert column(texts).index(wanted, start, stop) == expected
