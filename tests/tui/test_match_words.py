"""What a card says of a result: the match in per cent, and what is missing in words."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.retrieval.request import Explainer, Substitute
from datrnet.core.text import fold
from datrnet.db.rows import SuperCategory
from datrnet.tui.graphics.page_layout import CardSize
from datrnet.tui.match_words import card_words, costs
from datrnet.tui.widgets.detail_pane import Subject, flow, heading, table

VALUES = {
    "color": ("Black", "red"),
    "hood": ("hood", "none"),
    "neckline": ("crew", "sweetheart"),
    "season": ("summer",),
}


class _Catalog:
    """As much of a catalog as words need."""

    super_categories = tuple(SuperCategory(name=name, values=own) for name, own in VALUES.items())

    def super_category_idx(self, name: str) -> int:
        return list(VALUES).index(name)


WANTED = {"color": "black", "hood": "hood", "neckline": "sweetheart", "season": "summer"}
RIGHT = {"color": "Black", "hood": "hood", "neckline": "sweetheart", "season": "summer"}


def result(
    values: Mapping[str, str | None],
    matches: Mapping[str, float] | None = None,
    *,
    squares: tuple[float, ...] = (1, 2, 3, 4),
    wanted: Mapping[str, str | None] = WANTED,
) -> Substitute:
    own = {name: () if value is None else (value,) for name, value in {**RIGHT, **values}.items()}
    explainer = Explainer(
        catalog=cast(Catalog, _Catalog()),
        block_names=tuple(VALUES)[: len(squares)] if len(squares) > 1 else ("all",),
        values_of=lambda row: own,
        wanted={
            name: frozenset() if value is None else frozenset({fold(value)})
            for name, value in wanted.items()
        },
        all_of=frozenset(),
    )
    more: dict[str, Any] = {} if matches is None else {"matches": matches}
    parts = np.array(squares, dtype=np.float64)
    return Substitute(rank=1, row=0, distance=1, squares=parts, explainer=explainer, **more)


def words(found: Substitute, columns: int = 40) -> str:
    return card_words(found, CardSize(columns, 9))


SURE = dict.fromkeys(VALUES, 0.98)


def test_a_result_that_lacks_nothing_has_its_match_alone() -> None:
    assert words(result({}, SURE)) == "92 %"
    assert words(result({})) == "✓ all match"


def test_what_is_missing_is_said_in_words_the_worst_first() -> None:
    assert words(result({"hood": "none"}, SURE)) == "92 % · no hood"
    assert words(result({"color": "red"}, SURE)) == "92 % · not Black"
    assert words(result({"neckline": "crew"}, SURE)) == "92 % · ✗ neckline"  # what is long
    assert words(result({"season": None}, SURE)) == "92 % · ? season"
    several = {"color": "red", "hood": "none", "season": None}
    matches = {"color": 0.5, "hood": 0.25, "neckline": 1.0, "season": 0.75}
    assert words(result(several, matches)) == "9 % · no hood, not Black, ? season"
    assert words(result(several)) == "? season, no hood, not Black"  # by the share of distance


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (34, "9 % · no hood, not Black, ? season"),
        (33, "9 % · ✗ hood, ✗ color, ? season"),
        (30, "9 % · no hood, not Black +1"),
        (20, "9 % · no hood +2"),
        (15, "9 % · ✗ hood +2"),
        (13, "9 % ✗ hood +2"),
        (12, "9 % ✗ hood"),
        (8, "9 % ✗ h…"),
    ],
)
def test_it_is_shortened_to_the_card(columns: int, expected: str) -> None:
    several = {"color": "red", "hood": "none", "season": None}
    matches = {"color": 0.5, "hood": 0.25, "neckline": 1.0, "season": 0.75}
    shown = words(result(several, matches), columns)
    assert shown == expected
    assert len(shown) <= columns


def test_what_does_not_count_and_what_is_unknown_is_not_missing() -> None:
    wrong = {"color": "red", "hood": "none"}
    uncounted = {name: 0.9 for name in VALUES if name != "color"}
    assert words(result(wrong, uncounted)) == "73 % · no hood"
    assert words(result(wrong, squares=(0, 2, 3, 4))) == "no hood"
    assert words(result(wrong, wanted={**WANTED, "color": None, "hood": None})) == "✓ all match"
    assert words(result(wrong, squares=(1,))) == "not Black, no hood"  # the distance has no parts


def test_a_label_that_differs_is_said_however_sure_the_match() -> None:
    assert words(result({"color": "red"}, dict.fromkeys(VALUES, 1.0))) == "100 % · not Black"


def test_what_costs_most_comes_first() -> None:
    assert list(costs(result({}))) == ["season", "neckline", "hood", "color"]
    assert sum(costs(result({})).values()) == pytest.approx(1)
    matches = {"color": 0.5, "hood": 0.25, "neckline": 1.0, "season": 0.75}
    assert list(costs(result({}, matches))) == ["hood", "color", "season", "neckline"]


def why(found: Substitute) -> list[str]:
    """Return the lines below the heading "Why", and the heading."""
    labels = {**RIGHT, "neckline": None}
    subject = Subject(code="P-1", title="Shirt", labels=labels, substitute=found, wanted=WANTED)
    lines = table(subject, 34).plain.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("Why"))
    return [" ".join(line.split()) for line in lines[first:]]


def test_the_pane_says_why_what_costs_most_first() -> None:
    matches = {"color": 0.5, "hood": 0.25, "neckline": 1.0, "season": 0.75}
    assert why(result({}, matches)) == [
        "Why · match",
        "hood: hood ██▌ 25 %",
        "color: black █████ 50 %",
        "season: summer ███████▌ 75 %",
        "neckline: sweeth… ██████████ 100 %",  # it may be so without a label
    ]
    assert why(result({}))[:3] == [
        "Why · share of the distance",
        "season: summer ████ 40 %",
        "neckline ███ 30 %",
    ]


def test_the_heading_has_match_and_distance() -> None:
    subject = Subject(code="P-1", title="Shirt", labels=RIGHT, substitute=result({}, SURE))
    assert heading(subject).plain.splitlines()[1] == "P-1 · no. 1 · 92 % · distance 1.000"
    subject = Subject(code="P-1", title="Shirt", labels=RIGHT, substitute=result({}))
    assert heading(subject).plain.splitlines()[1] == "P-1 · no. 1 · distance 1.000"


def test_a_low_pane_has_the_worst_first() -> None:
    matches = {"color": 0.5, "hood": 0.25, "neckline": 1.0, "season": 0.75}
    subject = Subject(code="P-1", title="Shirt", labels=RIGHT, substitute=result({}, matches))
    assert flow(subject, 34).plain.splitlines() == [
        "✓ hood hood 25 %",
        "✓ color Black 50 %",
        "✓ season summer 75 %",
        "✓ neckline sweetheart 100 %",
    ]
