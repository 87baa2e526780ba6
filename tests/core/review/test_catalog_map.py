"""The map of a super-category: its items, their labels, and the doubts about them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from datrnet.core.errors import UnknownNameError
from datrnet.core.graphics.point_map import OTHERS
from datrnet.core.retrieval.search import Searcher
from datrnet.core.review.catalog_map import catalog_map
from datrnet.core.review.label_issues import label_issues

Make = Callable[..., Any]


def test_a_map_has_every_item_with_its_label_and_doubt(make_shop: Make) -> None:
    searcher = make_shop().searcher
    catalog = searcher.catalog
    found = catalog_map(searcher, "COLOUR")
    assert (found.super_category, found.rows.tolist()) == ("colour", list(range(120)))
    assert [found.value_at(place) for place in range(120)] == [
        catalog.labels_of(row)["colour"] for row in range(120)
    ]
    issues = label_issues(searcher, set(), ("colour",))
    assert list(found.doubts.items()) == [(issue.row, issue.guess) for issue in issues]
    assert found.rows[found.doubtful].tolist() == list(found.doubts)
    counts = [int(found.counts[value]) for value in found.value_classes]
    assert counts == sorted(counts, reverse=True)
    assert len(counts) == 3
    assert found.classes[0] == OTHERS  # without a label
    assert (found.place_of(7), found.place_of(500)) == (7, None)


def test_a_map_follows_a_change_of_a_label(make_shop: Make) -> None:
    searcher = make_shop().searcher
    before = catalog_map(searcher, "colour")
    row, guess = next(iter(before.doubts.items()))
    changed = searcher.catalog.relabeled(row, "colour", guess)
    settled = {(int(changed.item_ids[row]), "colour")}
    after = before.relabeled(Searcher(changed, searcher.generation), settled)
    assert after.value_at(row) == guess
    assert row not in after.doubts
    np.testing.assert_array_equal(after.points, before.points)


def test_hidden_items_are_not_on_the_map(make_shop: Make) -> None:
    searcher = make_shop().searcher
    is_hidden = np.arange(120) % 2 == 0
    hiding = Searcher(replace(searcher.catalog, is_hidden=is_hidden), searcher.generation)
    whole, found = catalog_map(searcher, "sleeve"), catalog_map(hiding, "sleeve")
    assert found.rows.tolist() == list(range(1, 120, 2))
    np.testing.assert_array_equal(found.points, whole.points[1::2])
    assert found.place_of(2) is None
    assert set(found.doubts) <= set(found.rows.tolist())


def test_super_categories_that_share_a_block_share_a_map_without_doubts(make_shop: Make) -> None:
    searcher = make_shop("fusion").searcher
    colour, sleeve = (catalog_map(searcher, name) for name in ("colour", "sleeve"))
    np.testing.assert_array_equal(colour.points, sleeve.points)
    assert not colour.doubts
    assert not np.array_equal(colour.labels, sleeve.labels)


def test_an_unknown_super_category_is_refused(make_shop: Make) -> None:
    with pytest.raises(UnknownNameError, match="colour"):
        catalog_map(make_shop().searcher, "color")
