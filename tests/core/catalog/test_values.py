"""What cells say."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.catalog.values import (
    SHARES,
    fact_number,
    fact_text,
    find_separator,
    is_placeholder,
    number_of,
    split_shares,
)
from datrnet.db.rows import FACT_KINDS, FactKind


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("1,50", 1.5),
        ("1,234", 1234),
        ("1.234,50", 1234.5),
        ("1,234.50", 1234.5),
        ("1'234.50", 1234.5),
        ("1 234,5", 1234.5),
        ("1.234.567", 1234567),
        ("1e3", 1000),
        ("1-2", None),
        ("twelve", None),
        ("", None),
    ],
)
def test_numbers_are_read_with_either_decimal_sign(text: str, number: float | None) -> None:
    assert number_of(text) == number


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("money", "19.00 GBP", "19.00 GBP"),
        ("money", "€ 19,90", "19.90 EUR"),
        ("money", "1.200,00 EUR", "1200.00 EUR"),
        ("money", "19", "19.00"),
        ("money", "￥１，２００", "1200.00 JPY"),
        ("money", "1,200円", "1200.00 JPY"),
        ("money", "1.299 €", "1299.00 EUR"),
        ("money", "1.299 KWD", "1.30 KWD"),
        ("money", "US$12.50", "12.50 USD"),
        ("money", "Fr. 12.-", "12.00 CHF"),
        ("money", "19 sheets", None),
        ("money", "-7.00 EUR", "-7.00 EUR"),
        ("money", "EUR 7", "7.00 EUR"),
        ("money", "SUP-7", None),
        ("money", "ART100", None),
        ("money", "TOP-100", None),
        ("date", "2026-03-01T10:00:00Z", "2026-03-01"),
        ("date", "31.12.2025", "2025-12-31"),
        ("date", "12/31/2025", "2025-12-31"),
        ("date", "2025-02-30", None),
        ("boolean", "TRUE", "yes"),
        ("boolean", "out_of_stock", "no"),
        ("boolean", "maybe", None),
        ("link", "https://shop.example/p/1", "https://shop.example/p/1"),
        ("link", "shop", None),
        ("number", "7.0", "7"),
        ("text", "  two  words ", "two words"),
    ],
)
def test_facts_have_one_spelling(kind: FactKind, text: str, expected: str | None) -> None:
    assert fact_text(kind, text) == expected


def test_facts_are_compared_as_numbers() -> None:
    assert fact_number("money", "19.50 EUR") == 19.5
    assert fact_number("date", "2026-03-02") - fact_number("date", "2026-03-01") == 1
    assert fact_number("boolean", "yes") == 1
    assert math.isnan(fact_number("text", "S"))


@given(st.sampled_from(FACT_KINDS), st.text(max_size=20))
def test_a_canonical_fact_stays_what_it_is(kind: FactKind, text: str) -> None:
    canonical = fact_text(kind, text)
    if canonical is not None:
        assert fact_text(kind, canonical) == canonical
        fact_number(kind, canonical)


@pytest.mark.parametrize("text", ["N/A", "NULL", "nan", "-", "#REF!", "?", "(null)"])
def test_placeholders_are_no_values_unless_kept(text: str) -> None:
    assert is_placeholder(text)
    assert not is_placeholder(text, {text.casefold()})


@pytest.mark.parametrize("text", ["none", "None", "unknown", "0", "A"])
def test_words_that_may_be_values_are_values(text: str) -> None:
    assert not is_placeholder(text)


@pytest.mark.parametrize(
    "cell", ["x" * 200_000 + "%", "1" * 200_000 + "%", "1" + " " * 200_000 + "x"]
)
def test_a_long_cell_is_no_price_and_no_list_of_shares(cell: str) -> None:
    assert fact_text("money", cell) is None
    assert find_separator(Counter([cell])) != SHARES


def test_values_may_have_shares_that_make_a_whole() -> None:
    for text, values in {
        "60% Cotton, 40% Elastane": ["Cotton", "Elastane"],
        "Cotton 60 %/Merino wool 40 %": ["Cotton", "Merino wool"],
        "97,5 % Cotton and 2,5% Silk": ["Cotton", "Silk"],
        "95% Cotton 5% Elastane": ["Cotton", "Elastane"],
        "100% Cotton": ["Cotton"],
        "Wool, Silk": ["Wool", "Silk"],
    }.items():
        assert find_separator(Counter([text, "100% Linen"])) == SHARES
        assert list(map(str.strip, split_shares(text))) == values
    for text in ("50% off", "Shell: 100% Nylon; Lining: 100% Silk", "100%", "1% milk, 2% milk"):
        assert find_separator(Counter([text, "100% Linen"])) != SHARES


@pytest.mark.parametrize(
    ("texts", "separator"),
    [
        (["Cotton", "Cotton, Elastane"], ","),
        (["Cotton", "Linen", "Cotton/Linen"], "/"),
        (["a|b", "c|d"], "|"),
        (["Wool & Silk", "Cotton"], ""),
        (["Navy/White", "Red"], ""),
        (["Short, boxy", "Long, slim"], ""),
        (["Red"], ""),
    ],
)
def test_a_separator_is_what_makes_words_that_occur_alone(texts: list[str], separator: str) -> None:
    assert find_separator(Counter(texts)) == separator
