"""Gaps in the assortment: what evenness expects, what sessions asked for, what comes nearest."""

import json
from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.errors import UnknownNameError
from datrnet.core.retrieval.search import Searcher
from datrnet.core.review.unmet_requests import (
    SessionRequest,
    closest_match,
    session_requests,
    unmet_requests,
)
from datrnet.db.rows import NewItem
from datrnet.db.store import Store

Make = Callable[..., Any]
NAMES = ("category", "colour", "sleeve")


def _catalog(path: Path, rows: list[tuple[str | None, ...]]) -> Catalog:
    with Store.create(path / "catalog.db") as store:
        store.upsert_items(
            NewItem(
                code=f"I{number}",
                title="",
                picture_path="none",
                split="",
                labels=dict(zip(NAMES, row, strict=True)),
            )
            for number, row in enumerate(rows)
        )
        return Catalog.load(store)


ROWS = [("shirt", "blue", "long")] * 6 + [("dress", "red", "long")] * 6 + [("sock", None, None)]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(*(st.sampled_from([None, "x", "y", "z"]) for _ in NAMES)),
        min_size=1,
        max_size=30,
    )
)
def test_gaps_are_those_of_a_plain_loop(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str | None, ...]]
) -> None:
    catalog = _catalog(tmp_path_factory.mktemp("shop"), rows)
    names = [category.name for category in catalog.super_categories]
    expected = {}
    for i, j in combinations([NAMES.index(name) for name in names], 2):
        both = [(row[i], row[j]) for row in rows if row[i] and row[j]]
        for pair in {(a, b) for a, _ in both for _, b in both}:
            first = sum(a == pair[0] for a, _ in both)
            second = sum(b == pair[1] for _, b in both)
            if pair not in both and first * second / len(both) >= 2:
                wanted = ((NAMES[i], pair[0]), (NAMES[j], pair[1]))
                expected[wanted] = first * second / len(both)
    found = unmet_requests(catalog)
    assert {gap.wanted: pytest.approx(gap.expected) for gap in found} == expected
    assert [request.expected for request in found] == sorted(
        (request.expected for request in found), reverse=True
    )


def test_a_gap_tells_how_popular_its_values_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = _catalog(tmp_path, ROWS)
    found = unmet_requests(catalog)
    assert [request.words for request in found] == [
        "category dress, colour blue",
        "category shirt, colour red",
    ]
    assert found[0].expected == 3.0
    assert found[0].counts == {"category": 6, "colour": 6}
    assert unmet_requests(catalog, super_category="SLEEVE") == []
    assert len(unmet_requests(catalog, super_category="Colour")) == 2
    with pytest.raises(UnknownNameError):
        unmet_requests(catalog, super_category="collar")
    monkeypatch.setattr("datrnet.core.review.unmet_requests.MIN_EXPECTED", 3.5)
    assert unmet_requests(catalog) == []


def _asked(session: int, item: str, **where: str) -> SessionRequest:
    return SessionRequest(
        session=session, item=item, where={name: (value,) for name, value in where.items()}
    )


def test_what_sessions_asked_for_in_vain_comes_first(tmp_path: Path) -> None:
    catalog = _catalog(tmp_path, ROWS)
    found = unmet_requests(
        catalog,
        [
            _asked(1, "I0", category="shirt", colour="Red"),
            _asked(2, "I5", colour="red", category="shirt"),
            _asked(2, "I2", category="shirt", colour="red"),  # again in the same session
            _asked(2, "I0", category="shirt", colour="blue"),  # has an answer
            _asked(1, "I12", category="sock"),  # itself is no answer
            _asked(1, "I0", category="sock", colour="blue", sleeve="long"),
            _asked(3, "I0", colour="plaid"),  # a value that is gone
        ],
    )
    assert [(request.words, request.sessions, request.asked_of) for request in found] == [
        ("category shirt, colour red", 2, "I2"),
        ("category sock", 1, "I12"),
        ("category sock, colour blue, sleeve long", 1, "I0"),
        ("category dress, colour blue", 0, None),
    ]
    only = unmet_requests(catalog, [_asked(1, "I12", category="sock")], super_category="colour")
    assert "category sock" not in [request.words for request in only]


def test_requests_are_read_from_sessions_and_damaged_ones_skipped(tmp_path: Path) -> None:
    with Store.create(tmp_path / "catalog.db") as store:
        first, second = store.start_session("one"), store.start_session("two")
        store.add_step(first, "query", json.dumps({"item": "I0"}))
        store.add_step(first, "exact", json.dumps({"item": "I0", "where": {"colour": ["red"]}}))
        store.add_step(second, "exact", "{")
        assert session_requests(store) == [_asked(first, "I0", colour="red")]


def test_a_stopgap_asks_of_a_typical_item_or_of_the_one_that_was_asked_of(
    make_shop: Make,
) -> None:
    searcher = make_shop().searcher
    catalog = searcher.catalog
    for row in range(catalog.num_items):
        if catalog.labels_of(row) == {"colour": "red", "sleeve": "short"}:
            catalog = catalog.relabeled(row, "sleeve", "long")
    searcher = Searcher(catalog, searcher.generation)
    (gap,) = unmet_requests(catalog)
    assert gap.words == "colour red, sleeve short"
    stopgap = closest_match(searcher, gap)
    assert stopgap is not None
    assert catalog.labels_of(stopgap.row)["colour"] == "red"
    assert stopgap.changes == {"sleeve": "short"}
    assert stopgap.nearest is not None
    assert stopgap.nearest.row != stopgap.row
    (asked, *_) = unmet_requests(catalog, [_asked(1, "S003", colour="red", sleeve="short")])
    again = closest_match(searcher, asked)
    assert again is not None
    assert catalog.codes[again.row] == "S003"
    own = catalog.labels_of(again.row)
    assert again.changes == {
        name: value
        for name, value in (("colour", "red"), ("sleeve", "short"))
        if own[name] != value
    }


def test_an_entangled_system_has_stopgaps_too(make_shop: Make) -> None:
    searcher = make_shop("fusion").searcher
    catalog = searcher.catalog
    for row in range(catalog.num_items):
        if catalog.labels_of(row) == {"colour": "red", "sleeve": "short"}:
            catalog = catalog.relabeled(row, "sleeve", "long")
    searcher = Searcher(catalog, searcher.generation)
    (gap,) = unmet_requests(catalog)
    stopgap = closest_match(searcher, gap)
    assert stopgap is not None
    assert catalog.labels_of(stopgap.row)["colour"] == "red"
    assert stopgap.nearest is not None


def test_gaps_of_items_with_several_values_are_those_of_a_plain_loop(tmp_path: Path) -> None:
    rows: list[tuple[Any, ...]] = [
        (("shirt", "dress"), "blue"),
        ("shirt", ("blue", "red")),
        ("shirt", "blue"),
        ("dress", "blue"),
        ("sock", "red"),
        ("sock", ("red", "green")),
        (("sock", "shirt"), None),
    ] * 3
    catalog = _catalog(tmp_path, [(*row, None) for row in rows])
    sets = [[{*np.atleast_1d(values)} if values else set() for values in row] for row in rows]
    both = [(first, second) for first, second in sets if first and second]
    expected = {}
    for first, second in product(("shirt", "dress", "sock"), ("blue", "red", "green")):
        number = sum(first in a for a, _ in both) * sum(second in b for _, b in both) / len(both)
        if number >= 2 and not any(first in a and second in b for a, b in both):
            expected[("category", first), ("colour", second)] = number
    found = unmet_requests(catalog)
    assert expected
    assert {gap.wanted: gap.expected for gap in found} == pytest.approx(expected)
