"""Codes are found as people see them."""

from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.catalog.code_index import CodeIndex
from datrnet.core.text import fold

_codes = st.text("aA ｂbßẞé1\t", max_size=4)


@given(st.lists(_codes), _codes)
def test_a_code_is_found_exactly_or_else_the_last_that_looks_the_same(
    codes: list[str], wanted: str
) -> None:
    index = CodeIndex.of(codes)
    same = [row for row, code in enumerate(codes) if fold(code) == fold(wanted)]
    expected = codes.index(wanted) if wanted in codes else max(same, default=None)
    assert index.find(wanted) == expected
    assert index.has(wanted) == (wanted in codes)
