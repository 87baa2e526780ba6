"""Which sixel pictures are intact, without a terminal."""

from hypothesis import given
from hypothesis import strategies as st
from textual.geometry import Region

from datrnet.tui.graphics.pictures import Pixels
from datrnet.tui.graphics.sixel_page import SixelPage, sixels_at

LEFT, RIGHT, BELOW = Region(0, 0, 10, 5), Region(12, 0, 10, 5), Region(0, 8, 10, 5)
WANTED = {LEFT: "a", RIGHT: "b", BELOW: "c"}


def painted() -> SixelPage:
    page = SixelPage()
    for place, picture in WANTED.items():
        page.sent(place, picture)
    return page


def test_at_first_all_pictures_are_missing_and_once_sent_none_is() -> None:
    assert SixelPage().missing(WANTED) == [LEFT, RIGHT, BELOW]
    assert painted().missing(WANTED) == []


def test_a_frame_around_a_picture_leaves_it_intact_and_a_cell_inside_does_not() -> None:
    page = painted()
    page.written([Region(10, 0, 2, 5), Region(0, 5, 22, 3)])
    assert page.missing(WANTED) == []
    page.written([Region(9, 4, 1, 1)])
    assert page.missing(WANTED) == [LEFT]


def test_after_a_scroll_other_pictures_are_wanted_in_the_same_places() -> None:
    page = painted()
    assert page.missing({LEFT: "c", RIGHT: "b"}) == [LEFT]
    page.written([Region(0, 0, 30, 20)])
    assert page.missing({LEFT: "c", RIGHT: "b"}) == [LEFT, RIGHT]


def cells_of(region: Region) -> set[tuple[int, int]]:
    return {(x, y) for x in range(region.x, region.right) for y in range(region.y, region.bottom)}


regions = st.builds(
    Region, st.integers(0, 20), st.integers(0, 12), st.integers(1, 12), st.integers(1, 8)
)


@given(st.lists(regions, max_size=6))
def test_what_counts_as_intact_had_no_cell_written(written: list[Region]) -> None:
    page = painted()
    page.written(written)
    lost = set(page.missing(WANTED))
    cells = set().union(*map(cells_of, written))
    for place in WANTED:
        assert (place in lost) == bool(cells & cells_of(place))


def test_sixels_go_to_their_place_and_the_cursor_back_to_its_own() -> None:
    pixels = Pixels(rows=5, columns=10, size=(80, 80), data="\x1bPq~\x1b\\", is_kitty=False)
    assert sixels_at(Region(12, 3, 10, 5), pixels) == "\x1b7\x1b[4;13H\x1bPq~\x1b\\\x1b8"
