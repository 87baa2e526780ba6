"""Text in exactly so many cells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from datrnet.tui.widgets.detail_pane import Subject, flow
from datrnet.tui.widgets.text import fitted


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("shirt", 8, "shirt   "),
        ("shirt", 5, "shirt"),
        ("shirts", 5, "shir…"),
        ("blue shirt", 6, "blue… "),
        ("長袖シャツ", 6, "長袖… "),
        ("a\x1b[31m", 8, "a␛[31m  "),
        ("shirt", 1, "…"),
        ("shirt", 0, ""),
    ],
)
def test_text_is_padded_or_cut(text: str, width: int, expected: str) -> None:
    assert fitted(text, width) == expected


@given(text=st.text(), width=st.integers(0, 40))
def test_any_text_has_the_width(text: str, width: int) -> None:
    assert cell_len(fitted(text, width)) == width


def test_running_labels_break_between_labels_only() -> None:
    labels = {"color": "blue", "collar": None, "fastening": "pull-on", "neckline": "crew"}
    subject = Subject(code="P-1", title="Jumper", labels=labels)
    lines = flow(subject, 38).plain.splitlines()
    assert lines == ["color blue  collar no label", "fastening pull-on  neckline crew"]
    assert len(flow(subject, 5).plain.splitlines()) == 4
    assert len(flow(subject, 80).plain.splitlines()) == 1
