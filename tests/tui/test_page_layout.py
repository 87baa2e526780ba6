"""How cards fill a grid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.tui.graphics.page_layout import (
    FRAME,
    NARROWEST,
    PageLayout,
    most_across,
    page_layout,
)

Widths = st.integers(1, 300)
Heights = st.integers(1, 120)


def left_over(layout: PageLayout, width: int, height: int) -> tuple[int, int]:
    """Return the columns and lines without a card."""
    return width - layout.across * layout.width, height - layout.down * layout.height


@given(Widths, Heights, st.none() | st.floats(1, 320))
def test_rows_are_whole_and_less_than_a_column_per_card_is_left_over(
    width: int, height: int, card_width: float | None
) -> None:
    layout = page_layout(width, height, card_width)
    columns, lines = left_over(layout, width, height)
    assert columns < layout.across
    assert lines < layout.down
    if width >= NARROWEST + 2 * FRAME and height >= 8:  # smaller ones cannot show a card
        assert columns >= 0
        assert lines >= 0
        assert layout.size.columns >= NARROWEST
        assert layout.size.rows >= 1


@given(st.integers(48, 300), st.integers(40, 120))
def test_in_a_large_pane_many_cards_have_the_side_that_shows_stripes(
    width: int, height: int
) -> None:
    layout = page_layout(width, height)
    assert layout.across * layout.down >= 6
    assert layout.size.side >= 16
    assert layout.title_lines == 2


@pytest.mark.parametrize(
    ("pane", "expected"),
    [
        ((69, 42), (3, 3, 21, 10, 2)),  # 140x45, between facets and details
        ((79, 13), (4, 1, 17, 9, 2)),  # 80x24, above the details
        ((60, 42), (3, 3, 18, 10, 2)),  # the same, between pickers and details
        ((129, 57), (6, 4, 19, 10, 2)),  # 200x60
    ],
)
def test_the_pages_of_common_terminals(
    pane: tuple[int, int], expected: tuple[int, int, int, int, int]
) -> None:
    layout = page_layout(*pane)
    found = (layout.across, layout.down, *layout.size, layout.title_lines)
    assert found == expected


@given(st.integers(40, 300), st.integers(20, 120))
def test_a_card_less_in_a_row_makes_larger_pictures(width: int, height: int) -> None:
    layouts = [
        page_layout(width, height, width / across) for across in range(most_across(width), 0, -1)
    ]
    numbers = [layout.across for layout in layouts]
    assert numbers == sorted(numbers, reverse=True)
    widths = [layout.size.columns for layout in layouts]
    assert widths == sorted(widths)
