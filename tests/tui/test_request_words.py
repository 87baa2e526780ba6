"""The request as a sentence of chips, and states without one of them."""

from dataclasses import fields, replace

import pytest

from datrnet.core.catalog.facts import Condition
from datrnet.db.rows import SuperCategory
from datrnet.tui.query_state import Borrowed, Filters, QueryState
from datrnet.tui.request_words import Chip, ValueWords, chips_of

CATEGORIES = (
    SuperCategory(name="color", values=("black", "navy", "red")),
    SuperCategory(name="hood", values=("cowl", "none")),
    SuperCategory(name="length", values=("38", "long", "short")),
    SuperCategory(name="sleeve", values=("cap", "long", "short")),
)
CODES = [f"P-{number}" for number in range(9)]
WANTED = {"color": "red", "hood": None, "length": "38", "sleeve": "long"}

EVERYTHING = QueryState(
    changes={"color": "black", "hood": Borrowed(3, "P-3"), "sleeve": ("cap", "long")},
    within="sleeve",
    exact=frozenset({"length", "hood"}),
    weights={"color": 2.0, "hood": 0.25},
    excluded={"length": ("short",), "hood": ("none", "cowl")},
    unlike={"color": Borrowed(4, "P-4")},
    liked=(5,),
    disliked=(6,),
    max_distance=0.8,
    filters=Filters(
        where={"color": ("black", "navy"), "hood": ("none",)},
        others=(Condition("price", "<", "50"), Condition("brand", "=", "Ona")),
        match="all",
        split="test",
    ),
    ranking="distance",
)


def sentence(state: QueryState) -> list[str]:
    return [chip.words for chip in chips(state)]


def chips(state: QueryState) -> list[Chip]:
    return chips_of(state, ValueWords(CATEGORIES), CODES, WANTED)


def test_all_that_a_state_holds_is_a_chip() -> None:
    assert sentence(EVERYTHING) == [
        "black",
        "hood exactly as P-3",
        "sleeve cap or long",
        "length = 38",
        "color ×2",
        "hood ×0.25",
        "without length short",
        "with hood",
        "without cowl",
        "color unlike P-4",
        "more like P-5",
        "less like P-6",
        "within sleeve long",
        "at most 0.8 away",
        "ranked by distance",
        "only black and navy",
        "without hood",
        "only price<50",
        "only brand=Ona",
        "all values",
        "only the test split",
    ]
    assert sentence(QueryState()) == []


@pytest.mark.parametrize("name", [it.name for it in fields(QueryState)])
def test_no_field_of_a_state_is_forgotten(name: str) -> None:
    alone = replace(QueryState(), **{name: getattr(EVERYTHING, name)})
    assert alone != QueryState()
    assert sentence(alone)


def test_every_chip_takes_away_what_it_says_and_nothing_else() -> None:
    for place, chip in enumerate(chips(EVERYTHING)):
        expected = sentence(EVERYTHING)
        del expected[place]
        if chip.words == "all values":
            expected[expected.index("only black and navy")] = "only black or navy"
        assert sentence(chip.without) == expected
    state = EVERYTHING
    while left := chips(state):
        state = left[-1].without
    assert state == QueryState()


def test_a_wanted_value_that_is_kept_exactly_is_one_chip() -> None:
    state = QueryState(changes={"color": "black"}, exact=frozenset({"color"}))
    (chip,) = chips(state)
    assert (chip.words, chip.without) == ("color = black", QueryState())


def test_a_value_stands_alone_where_it_is_clear() -> None:
    words = ValueWords(CATEGORIES)
    assert words.of("color", ["black"]) == "black"
    assert words.of("color", ["black", "red"]) == "black or red"
    assert words.of("sleeve", ["long"]) == "sleeve long"  # a length, too
    assert words.of("length", ["38"]) == "length 38"
    assert words.of("hood", ["none"]) == "no hood"
    assert words.of("hood", ["cowl", "none"]) == "hood cowl or none"


def test_a_wanted_value_drops_the_conditions_that_no_item_with_it_meets() -> None:
    state = QueryState(
        excluded={"color": ("navy", "black")},
        filters=Filters(where={"color": ("red",), "sleeve": ("long",)}),
    )
    black = state.changed("color", "black")
    assert sentence(black) == ["black", "without navy", "only sleeve long"]
    assert sentence(state.changed("color", ("black", "red"))) == [
        "black or red",
        "without navy",
        "only red",
        "only sleeve long",
    ]
    assert state.changed("color", None) == state
    assert sentence(state.without("color", "red"))[-1] == "only sleeve long"
    assert "only red" not in sentence(state.without("color", "red"))
