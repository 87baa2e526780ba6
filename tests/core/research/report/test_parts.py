"""The report's building blocks: figures, settings and tables as a person reads them."""

import pytest

from datrnet.core.research.experiments.result import Table
from datrnet.core.research.report.parts import (
    duration,
    figure_columns,
    moment,
    percent,
    settings_of,
)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (89, "1 min"), (3540, "59 min"), (3599, "1 h 00 min")],
)
def test_a_duration_is_told_in_the_unit_that_suits_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_shares_and_moments_that_are_not_there_are_dashes() -> None:
    assert percent(0.9125) == "91.2\N{NO-BREAK SPACE}%"
    assert [percent(None), percent(float("nan")), moment(None)] == ["–", "–", "–"]


def test_moments_are_told_in_utc_and_what_is_none_as_it_is() -> None:
    assert moment("2026-02-03T04:05:06+02:00") == "2026-02-03 02:05 UTC"
    assert moment("once") == "once"


def test_a_config_becomes_names_and_values_however_deep_it_is() -> None:
    config = {
        "name": "small",
        "train": {"flip": True, "kernels": [3, 5], "initial_run": "", "more": {"rate": 0.001}},
        "grid": [{"filters": 16}],
        "within": None,
    }
    assert settings_of(config) == (
        ("name", "small"),
        ("train.flip", "true"),
        ("train.kernels", "3, 5"),
        ("train.initial_run", '""'),
        ("train.more.rate", "0.001"),
        ("grid", '[{"filters": 16}]'),
        ("within", "null"),
    )


@pytest.mark.parametrize(
    ("cells", "is_figure"),
    [
        ((1, 0.5, None), True),
        (("91.2 % (88.7 – 93.4)", "–"), True),
        (("64 × 64 × 3",), True),
        (("12 s",), True),
        (("one", 2), False),
        (("2026-02-03 04:05 UTC",), False),
        ((None, ""), False),
    ],
)
def test_a_column_of_figures_is_told_from_one_of_words(
    cells: tuple[str | int | float | None, ...], is_figure: bool
) -> None:
    rows = tuple(("row", cell) for cell in cells)
    table = Table(title="cells", columns=("name", "cell"), rows=rows)
    assert figure_columns(table) == [False, is_figure]
