"""A grid's pictures in kitty's protocol: sent once, shown as text, freed again."""

import pytest
from rich.style import Style

from datrnet.tui.graphics import kitty
from datrnet.tui.graphics.kitty import KeptPictures, placeholder_lines
from datrnet.tui.graphics.pictures import Pixels

PIXELS = Pixels(rows=2, columns=3, size=(24, 32), data="QUJD", is_kitty=True)


@pytest.fixture(autouse=True)
def first_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kitty, "_numbers", iter(range(0x010203 - 1, 0x020000)))


def test_a_picture_is_sent_once_and_freed_by_its_number() -> None:
    sent: list[str] = []
    pictures = KeptPictures(sent.append)
    assert pictures.add(7, PIXELS) == 0x010203 == 66051
    assert sent == ["\x1b_Ga=T,U=1,f=100,t=d,q=2,i=66051,r=2,c=3,m=0;QUJD\x1b\\"]
    pictures.clear()
    pictures.clear()
    assert sent[1:] == ["\x1b_Ga=d,d=I,q=2,i=66051\x1b\\"]


def test_its_cells_are_placeholders_with_row_and_column_in_the_color_of_its_number() -> None:
    lines = placeholder_lines(0x010203, 2, 3, Style(bgcolor="#000000"))
    # the diacritics for 0, 1 and 2, as kitty's documentation lists them
    zero, one, two = "\u0305", "\u030d", "\u030e"
    assert [[segment.text for segment in line] for line in lines] == [
        [f"\U0010eeee{zero}{column}" for column in (zero, one, two)],
        [f"\U0010eeee{one}{column}" for column in (zero, one, two)],
    ]
    styles = [segment.style for line in lines for segment in line]
    assert {style.color.triplet for style in styles if style and style.color} == {(1, 2, 3)}
    assert all(segment.cell_length == 1 for line in lines for segment in line)


def test_the_oldest_of_too_many_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kitty, "MOST_KEPT", 2)
    pictures = KeptPictures(lambda text: None)
    for row in (5, 6, 7, 8):
        pictures.add(row, PIXELS)
    assert pictures.crowded() == [5, 6]
    pictures.remove(5)
    assert pictures.crowded() == [6]
