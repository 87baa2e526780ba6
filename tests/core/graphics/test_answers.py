"""What a terminal's answers say."""

import re

from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.graphics.terminal import (
    KITTY_ID,
    QUESTIONS,
    SIXEL_REGISTERS,
    Terminal,
    is_complete,
    parse_answers,
)

XTERM = b"\x1bP>|XTerm(379)\x1b\\\x1b[?1;0;1024S\x1bP1$r0;48:2::1:2:3m\x1b\\\x1b[?63;1;2;4;6;22c"
KITTY = (
    b"\x1bP>|kitty(0.39.1)\x1b\\\x1b_Gi=%d;OK\x1b\\\x1b[6;20;10t\x1bP1$r0;48:2:1:2:3m\x1b\\\x1b[?62c"
    % KITTY_ID
)
TMUX = b"\x1bP>|tmux 3.3a\x1b\\\x1b[?1;2c"

ANSWERS = (
    b"\x1bP>|foot(1.20)\x1b\\",
    b"\x1b_Gi=%d;OK\x1b\\" % KITTY_ID,
    b"\x1b[6;17;9t",
    b"\x1b[?1;0;64S",
    b"\x1bP1$r48;2;1;2;3m\x1b\\",
)
LAST = b"\x1b[?62;4;22c"


def test_an_xterm_with_sixels_is_known() -> None:
    assert parse_answers(XTERM) == Terminal(
        is_asked=True,
        is_answered=True,
        name="XTerm(379)",
        has_sixel=True,
        registers=128,
        has_true_color=True,
    )


def test_kitty_is_known_by_its_own_protocol() -> None:
    terminal = parse_answers(KITTY)
    assert terminal.has_kitty
    assert terminal.has_placeholders
    assert not terminal.has_sixel
    assert terminal.cell == (10, 20)


def test_a_terminal_that_knows_kittys_protocol_but_not_its_placeholders_is_told_apart() -> None:
    terminal = parse_answers(KITTY.replace(b"kitty(", b"Konsole "))
    assert terminal.has_kitty
    assert not terminal.has_placeholders


def test_tmux_says_little() -> None:
    terminal = parse_answers(TMUX)
    assert terminal.is_answered
    assert not terminal.has_sixel
    assert terminal.has_true_color is None
    assert terminal.cell is None


def test_another_number_with_a_four_in_it_is_no_sixel() -> None:
    assert not parse_answers(b"\x1b[?64;14;42c").has_sixel


def test_another_color_than_the_one_asked_about_is_no_true_color() -> None:
    assert parse_answers(b"\x1bP1$r48:5:16m\x1b\\" + LAST).has_true_color is None
    assert parse_answers(b"\x1bP0$r\x1b\\" + LAST).has_true_color is None
    assert parse_answers(b"\x1bP1$r48;2;1;2;33m\x1b\\" + LAST).has_true_color is None


def test_a_refusal_of_kittys_protocol_is_none() -> None:
    assert not parse_answers(b"\x1b_Gi=%d;ENOTSUP:no\x1b\\" % KITTY_ID + LAST).has_kitty


def test_a_cell_without_size_is_unknown() -> None:
    assert parse_answers(b"\x1b[6;0;0t" + LAST).cell is None


def test_the_question_that_every_terminal_answers_is_the_last() -> None:
    assert QUESTIONS.endswith("\x1b[c")
    assert len(re.findall(r"\x1b\[c", QUESTIONS)) == 1
    assert "\x1b[m" in QUESTIONS.partition("\x1bP$q")[2]  # the test colour is taken back


@given(st.permutations(ANSWERS), st.lists(st.binary(max_size=8), min_size=6, max_size=6))
def test_answers_are_found_in_any_order_between_anything_typed(
    answers: list[bytes], typed: list[bytes]
) -> None:
    typed = [re.sub(rb"[\x1b\x9b0-9;]", b"", part) for part in typed]
    read = b"".join(part for pair in zip(typed, [*answers, LAST], strict=True) for part in pair)
    assert parse_answers(read) == Terminal(
        is_asked=True,
        is_answered=True,
        name="foot(1.20)",
        has_sixel=True,
        has_kitty=True,
        cell=(9, 17),
        registers=64,
        has_true_color=True,
    )


@given(st.binary())
def test_nothing_that_comes_is_too_much(read: bytes) -> None:
    terminal = parse_answers(read)
    assert terminal.is_answered == is_complete(read)
    assert 2 <= terminal.registers <= SIXEL_REGISTERS
    assert terminal.cell is None or min(terminal.cell) > 0


@given(st.integers(0, len(XTERM)), st.integers(0, len(KITTY)))
def test_an_answer_cut_off_is_not_complete(first: int, second: int) -> None:
    assert is_complete(XTERM[:first]) == (first == len(XTERM))
    assert is_complete(KITTY[:second]) == (second == len(KITTY))


def test_of_a_terminal_that_was_not_asked_nothing_is_expected() -> None:
    assert not Terminal().is_late
    assert parse_answers(b"").is_late
    assert not parse_answers(LAST).is_late
