"""Text of strangers shown as text."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.text import sanitize


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Blue shirt", "Blue shirt"),
        ("Größe 42, 日本", "Größe 42, 日本"),
        ("[red]Sale[/]", "[red]Sale[/]"),
        ("\x1b[2J", "␛[2J"),
        ("a\tb\r\nc", "a b c"),
        ("del\x7f", "del␡"),
        ("\x9b31m", "\ufffd31m"),
        ("abc\u202edef\u200b", "abcdef"),
        ("\ud800", "\ufffd"),
    ],
)
def test_nothing_but_visible_characters_remains(text: str, shown: str) -> None:
    assert sanitize(text) == shown


@given(st.text())
def test_any_text_becomes_one_line_without_controls(text: str) -> None:
    kinds = {unicodedata.category(character) for character in sanitize(text)}
    assert not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert sanitize(sanitize(text)) == sanitize(text)
