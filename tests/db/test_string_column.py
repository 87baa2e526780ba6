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
    return StringColumn.joined(map(b"".join, encoded), np.array(lengths, dtype=np.int64))


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


@given(st.lists(st.text("aé赤い", max_size=4)), st.text("aé赤い", min_size=1, max_size=3))
def test_the_rows_with_a_text_are_those_of_a_list(texts: list[str], part: str) -> None:
    expected = [row for row, text in enumerate(texts) if part in text]
    assert StringColumn.of(texts).rows_with(part).tolist() == expected
