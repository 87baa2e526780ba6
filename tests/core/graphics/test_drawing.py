"""How pictures are drawn: what a person wants, as far as the terminal can."""

import pytest

from datrnet.core.graphics.terminal import UNKNOWN_CELL, Drawing, Terminal, drawing_for
from datrnet.core.preferences import Pictures, Preferences

PLAIN = Terminal(is_asked=True, is_answered=True)
XTERM = Terminal(is_asked=True, is_answered=True, name="XTerm(379)", has_sixel=True, cell=(8, 17))
KITTY = Terminal(is_asked=True, is_answered=True, name="kitty(0.28)", has_kitty=True, cell=(9, 20))
OLD_KITTY = Terminal(name="kitty(0.26.5)", has_kitty=True, cell=(9, 20))
KONSOLE = Terminal(name="Konsole 24", has_kitty=True, has_sixel=True, cell=(9, 18))


def drawing(
    terminal: Terminal,
    pictures: Pictures = "auto",
    *,
    color_system: str = "truecolor",
    no_color: bool = False,
) -> Drawing:
    settings = Preferences(pictures=pictures)
    return drawing_for(settings, terminal, color_system=color_system, no_color=no_color)


@pytest.mark.parametrize(
    ("terminal", "protocol"),
    [
        (Terminal(), "blocks"),
        (PLAIN, "blocks"),
        (XTERM, "sixel"),
        (KITTY, "kitty"),
        (OLD_KITTY, "blocks"),  # it knows no placeholders
        (KONSOLE, "sixel"),  # it would leave kitty's pictures behind
        (Terminal(has_sixel=True), "blocks"),  # nobody knows how large they may be
    ],
)
def test_the_terminal_decides_where_a_person_does_not(terminal: Terminal, protocol: str) -> None:
    assert drawing(terminal).protocol == protocol


@pytest.mark.parametrize("pictures", ["sixel", "kitty", "blocks", "none"])
def test_a_persons_word_counts_whatever_the_terminal_says(pictures: Pictures) -> None:
    assert drawing(PLAIN, pictures).protocol == pictures
    assert drawing(KITTY, pictures).protocol == pictures


@pytest.mark.parametrize("pictures", ["auto", "kitty"])
def test_kittys_placeholders_need_exact_colors(pictures: Pictures) -> None:
    assert drawing(KITTY, pictures, color_system="256").protocol == "blocks"
    assert drawing(KITTY, pictures, no_color=True).protocol == "blocks"


def test_without_colors_pixels_are_gray() -> None:
    assert drawing(XTERM, no_color=True) == Drawing(protocol="sixel", cell=(8, 17), is_gray=True)


def test_sizes_and_characters_come_along() -> None:
    settings = Preferences(blocks="sextants")
    made = drawing_for(settings, XTERM, color_system="256", no_color=False)
    assert made.glyphs == "sextants"
    assert made.cell == (8, 17)
    assert drawing(PLAIN, "sixel").cell == UNKNOWN_CELL
