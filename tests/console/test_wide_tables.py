"""Wide tables of experiments: nothing is cut away, whatever the terminal's width."""

from io import StringIO

import pytest
from rich.console import Console

from datrnet.console.experiment import fitting
from datrnet.core.evaluation.metrics import Estimate
from datrnet.core.research.experiments.result import Spread, Table

FIGURES = Table(
    title="Query",
    columns=("system", *(f"query + attribute: NDCG@{k}" for k in range(10, 16))),
    rows=(
        ("FashionSearchNet", *[Estimate(0.123, 0.101, 0.145)] * 6),
        ("ADDE-M", *[Spread(0.678, 0.009)] * 6),
    ),
)


def drawn(width: int) -> str:
    out = Console(file=StringIO(), width=width, color_system=None)
    out.print(fitting(out, FIGURES))
    text = out.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize(
    ("width", "whole"),
    [
        (220, "0.123 (0.101–0.145)"),
        (220, "query + attribute: NDCG@15"),
        (220, "0.678 ± 0.009"),
        (120, "(0.101–0.145)"),
        (120, "± 0.009"),
        (120, "FashionSearchNet"),
        (100, "FashionSearchNet"),
    ],
)
def test_what_there_is_room_for(width: int, whole: str) -> None:
    assert whole in drawn(width)


@pytest.mark.parametrize("width", range(60, 220, 10))
def test_every_figure_is_there_and_no_line_is_too_long(width: int) -> None:
    text = drawn(width)
    assert text.count("0.123") == text.count("0.678") == 6
    assert max(map(len, text.split("\n"))) <= width
