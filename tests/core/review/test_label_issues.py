"""Doubted labels against plain loops, and with labels made wrong on purpose."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.search import Searcher
from datrnet.core.review.label_issues import (
    compute_confidences,
    compute_margins,
    label_issues,
    squared_distances,
    typical_rows,
)

Make = Callable[..., Any]


def _squared(a: Any, b: Any) -> float:
    return sum((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True))


def test_doubts_are_what_a_plain_loop_finds(make_shop: Make) -> None:
    searcher = make_shop(noise=0.6).searcher
    catalog, generation = searcher.catalog, searcher.generation
    expected = {}
    for idx, category in enumerate(generation.super_categories):
        prototypes = generation.prototypes_of(idx)
        distances = [
            [_squared(generation.embeddings[row, idx], prototype) for prototype in prototypes]
            for row in range(catalog.num_items)
        ]
        labels = catalog.labels[:, idx]
        owns = [distances[row][labels[row]] for row in range(len(labels)) if labels[row] >= 0]
        spread = sum(owns) / len(owns)
        for row, row_distances in enumerate(distances):
            if labels[row] < 0:
                continue
            own = row_distances[labels[row]]
            other = min(far for value, far in enumerate(row_distances) if value != labels[row])
            if own > other:
                guess = category.values[row_distances.index(other)]
                margin = (own - other) / (own + other + spread)
                expected[row, category.name] = (guess, margin)
    found = label_issues(searcher, set())
    assert len(expected) > 8
    assert {(issue.row, issue.super_category) for issue in found} == set(expected)
    for issue in found:
        guess, margin = expected[issue.row, issue.super_category]
        assert issue.guess == guess
        assert issue.margin == pytest.approx(margin, abs=1e-4)
        assert issue.label == catalog.labels_of(issue.row)[issue.super_category]
        assert issue.distance > issue.guess_distance
    assert [issue.margin for issue in found] == sorted(
        (issue.margin for issue in found), reverse=True
    )


def test_guesses_are_of_unlabeled_items_against_the_second_nearest(make_shop: Make) -> None:
    searcher = make_shop().searcher
    found = label_issues(searcher, set(), unlabeled=True)
    unlabeled = set(range(0, 120, 10))
    assert {issue.row for issue in found} == unlabeled
    assert {issue.super_category for issue in found} == {"colour"}
    for issue in found:
        row_distances = [
            _squared(searcher.generation.embeddings[issue.row, 0], prototype)
            for prototype in searcher.generation.prototypes_of(0)
        ]
        nearest, second = sorted(row_distances)[:2]
        assert issue.label is None
        assert (
            issue.guess
            == searcher.generation.super_categories[0].values[row_distances.index(nearest)]
        )
        assert issue.guess_distance == pytest.approx(math.sqrt(nearest), abs=1e-3)
        assert issue.distance == pytest.approx(math.sqrt(second), abs=1e-3)


@pytest.mark.parametrize("manipulation", ["replacement", "addition"])
def test_labels_made_wrong_come_first(make_shop: Make, manipulation: str) -> None:
    shop = make_shop(manipulation)
    found = label_issues(shop.searcher, set(), ["Colour"])
    assert {issue.row for issue in found[: len(shop.wrong)]} == shop.wrong


def test_what_a_person_has_said_is_left_alone(make_shop: Make) -> None:
    shop = make_shop()
    first, *others = label_issues(shop.searcher, set())
    item_id = int(shop.searcher.catalog.item_ids[first.row])
    assert label_issues(shop.searcher, {(item_id, first.super_category)}) == others
    assert len(label_issues(shop.searcher, {(item_id, "sleeve")})) == 1 + len(others)


def test_a_corrected_label_is_doubted_no_longer(make_shop: Make) -> None:
    searcher = make_shop().searcher
    first = label_issues(searcher, set())[0]
    catalog = searcher.catalog.relabeled(first.row, first.super_category, first.guess)
    corrected = Searcher(catalog, searcher.generation)
    assert first.row not in [doubt.row for doubt in label_issues(corrected, set(), ["colour"])]
    assert label_issues(searcher, set())[0] == first  # the catalog before is as it was


def test_an_entangled_system_is_told_apart(make_shop: Make) -> None:
    searcher = make_shop("fusion").searcher
    for unlabeled in (False, True):
        with pytest.raises(ConfigError, match="one block for all super-categories"):
            label_issues(searcher, set(), unlabeled=unlabeled)


def test_a_name_that_does_not_exist_is_told(make_shop: Make) -> None:
    with pytest.raises(UnknownNameError, match="collar"):
        label_issues(make_shop().searcher, set(), ["collar"])


def test_confidences_are_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    posteriors = rng.dirichlet([0.3] * 4, size=50).astype(np.float32)
    labels = rng.integers(-1, 4, size=(50, 1)).astype(np.int16)
    labels = np.concatenate([labels, labels], axis=1)
    labels[7] = (1, 2)
    found = compute_confidences(posteriors, labels)
    counts = [1 + sum(value in set(row) for row in labels.tolist()) for value in range(4)]
    for row, own in enumerate(labels.tolist()):
        chances = {value: float(chance) for value, chance in enumerate(posteriors[row])}
        label = max(own, key=lambda value: chances.get(value, 0))
        if label < 0:
            first, second = sorted(chances.values(), reverse=True)[:2]
            assert found.confidences[row] == pytest.approx(first)
            assert found.self_confidences[row] == pytest.approx(second)
            continue
        # a twentieth of the labels is some value, drawn as often as values occur
        by_mistake = 0.05 * counts[label] / sum(counts)
        likely = {
            value: chance * (by_mistake + 0.95 * (value == label))
            for value, chance in chances.items()
        }
        if len(set(own)) == 1:
            assert sum(likely.values()) == pytest.approx(0.95 * chances[label] + by_mistake)
        guess = max(set(chances) - set(own), key=lambda value: chances[value])
        assert found.guesses[row] == guess
        whole = 0.95 * chances[label] + by_mistake
        assert found.confidences[row] == pytest.approx(likely[guess] / whole)
        assert found.self_confidences[row] == pytest.approx(likely[label] / whole)


def test_a_rare_label_needs_a_clearer_contradiction() -> None:
    labels = np.array([0] * 90 + [1] * 10, dtype=np.int16)
    posteriors = np.full((100, 2), 0.5, dtype=np.float32)
    found = compute_confidences(posteriors, labels)
    assert found.confidences[0] > 5 * found.confidences[99]


@given(st.integers(1, 5), st.integers(1, 12), st.integers(0, 2**32 - 1), st.integers(0, 5))
def test_margins_are_bounded_and_never_from_the_unknown(
    num_values: int, num_items: int, seed: int, num_unknown: int
) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(num_values, 3)).astype(np.float32)
    points[rng.permutation(num_values)[:num_unknown]] = np.nan
    labels = rng.integers(-1, num_values, size=num_items).astype(np.int16)
    found = compute_margins(rng.normal(size=(num_items, 3)).astype(np.float32), labels, points)
    known = ~np.isnan(found.margins)
    assert (np.abs(found.margins[known]) <= 1).all()
    assert not np.isnan(points[found.guesses[known]]).any()
    assert (found.guesses[known] != labels[known]).all()
    unknown_label = (labels >= 0) & np.isnan(points[labels]).any(axis=1)
    assert not known[unknown_label].any()


def test_distances_are_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    blocks = rng.normal(size=(7, 4)).astype(np.float32)
    points = rng.normal(size=(3, 4)).astype(np.float32)
    points[1] = np.nan
    found = squared_distances(blocks, points)
    for row in range(7):
        for value in (0, 2):
            assert found[row, value] == pytest.approx(_squared(blocks[row], points[value]), 1e-4)
        assert found[row, 1] == np.inf


def test_typical_items_carry_the_value_and_lie_nearest(make_shop: Make) -> None:
    searcher = make_shop(noise=0.6).searcher
    rows = typical_rows(searcher, "colour", "red", 5)
    labels, point = searcher.catalog.labels[:, 0], searcher.generation.prototypes_of(0)[2]
    carriers = sorted(
        (int(row) for row in np.flatnonzero(labels == 2)),
        key=lambda row: _squared(searcher.generation.embeddings[row, 0], point),
    )
    assert rows == carriers[:5]
    assert typical_rows(searcher, "colour", "no such value", 5) == []


def test_wrong_labels_of_the_demo_come_to_the_top(demo: Path) -> None:
    """A twentieth of the labels is made wrong; the shipped networks have not seen them so."""
    workspace = Workspace(demo)
    with workspace.open_store() as store:
        searcher = Searcher(Catalog.load(store), Generation.current(workspace, store))
    catalog, rng = searcher.catalog, np.random.default_rng(0)
    wrong = set()
    for idx, category in enumerate(catalog.super_categories):
        labeled = np.flatnonzero(catalog.labels[:, idx] >= 0)
        for row in rng.permutation(labeled)[: len(labeled) // 20]:
            labels = catalog.labels[labeled, idx]
            catalog.labels[row, idx] = rng.choice(labels[labels != catalog.labels[row, idx]])
            wrong.add((int(row), category.name))
    found = label_issues(searcher, set())[: len(wrong)]
    hits = sum((issue.row, issue.super_category) in wrong for issue in found)
    assert hits >= 0.8 * len(wrong)


def test_an_item_with_several_values_is_doubted_only_if_none_fits(make_shop: Make) -> None:
    shop = make_shop()
    with shop.workspace.open_store() as store:
        catalog = Catalog.load(store)
        row, other = sorted(shop.wrong)[:2]
        values, meant = catalog.super_categories[0].values, shop.searcher.predict
        true = meant(shop.searcher.query_of_item(row))["colour"].value
        label = catalog.labels_of(row)["colour"]
        third = next(value for value in values if value not in (true, label))
        store.set_label(int(catalog.item_ids[row]), "colour", f"{label} | {true}", "shop")
        store.set_label(int(catalog.item_ids[other]), "colour", " | ".join(values), "shop")
        found = label_issues(Searcher(Catalog.load(store), shop.searcher.generation), set())
        assert not {row, other} & {issue.row for issue in found}
        store.set_label(int(catalog.item_ids[row]), "colour", f"{label} | {third}", "shop")
        searcher = Searcher(Catalog.load(store), shop.searcher.generation)
        (issue,) = (issue for issue in label_issues(searcher, set()) if issue.row == row)
    assert (issue.label, issue.guess) == (f"{label} | {third}", true)
    assert row in typical_rows(searcher, "colour", third, 120)
    assert row in typical_rows(searcher, "colour", f"{third} | {label}", 120)


def test_hidden_items_are_neither_doubted_nor_typical(make_shop: Make) -> None:
    shop = make_shop()
    with shop.workspace.open_store() as store:
        with store.writing() as db:
            db.execute("UPDATE items SET hidden_at = 'now'")
        searcher = Searcher(Catalog.load(store), shop.searcher.generation)
    assert label_issues(searcher, set()) == []
    assert typical_rows(searcher, "colour", "red", 5) == []


@given(st.integers(2, 5), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_margins_of_sets_are_those_of_the_closest_value(
    num_values: int, num_items: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(num_values, 3)).astype(np.float32)
    blocks = rng.normal(size=(num_items, 3)).astype(np.float32)
    sets = np.stack([rng.permutation(num_values)[:2] for _ in range(num_items)]).astype(np.int16)
    sets[rng.random(num_items) < 0.2] = -1
    found, distances = compute_margins(blocks, sets, points), squared_distances(blocks, points)
    for item, own in enumerate(sets.tolist()):
        others = [value for value in range(num_values) if value not in own]
        if own[0] >= 0:
            assert found.own[item] == min(distances[item, own])
        if others:
            assert found.guesses[item] == min(others, key=distances[item].__getitem__)
