"""Items with several values, and items of a group: against a slow evaluator of its own."""

import itertools
import math

import numpy as np
import pytest

from datrnet.core.catalog.value_sets import carried_values
from datrnet.core.evaluation.protocol import Protocol, evaluate
from datrnet.core.evaluation.queries import draw_queries
from datrnet.core.evaluation.ranking import Gallery, Weights, choose_weights, rank
from datrnet.core.retrieval.manipulation import Replacement
from datrnet.core.retrieval.prototypes import mean_embeddings

NAMES, VALUES, LENGTH = ("color", "material"), (3, 4), 3
Request = tuple[int, tuple[int | None, ...]]
"""A query item, and the wanted value of each super-category; None where nothing changes."""


def gallery(*, with_groups: bool, num_items: int = 40, seed: int = 0) -> Gallery:
    rng = np.random.default_rng(seed)
    sets = np.full((num_items, 2, LENGTH), -1, dtype=np.int16)
    for item, (idx, num) in itertools.product(range(num_items), enumerate(VALUES)):
        drawn = rng.permutation(num)[: rng.integers(0, 4 if idx else 2)]
        if len(drawn):
            sets[item, idx] = drawn[0]
            sets[item, idx, : len(drawn)] = drawn
    embeddings = rng.normal(size=(num_items, 2, 4)).astype(np.float32)
    for block in range(2):
        items, values = carried_values(sets[:, block])
        np.add.at(embeddings[:, block], items, 2 * np.eye(4, dtype=np.float32)[values])
    means = tuple(
        mean_embeddings(embeddings[:, block], sets[:, block], num, unit_length=False)
        for block, num in enumerate(VALUES)
    )
    return Gallery(
        embeddings=embeddings,
        labels=sets[:, :, 0],
        all_values=sets,
        manipulation=Replacement(means),
        groups=rng.integers(0, 15, num_items) if with_groups else None,
    )


class Plain:
    """The evaluation in plain loops over sets."""

    def __init__(self, items: Gallery) -> None:
        self.items = items
        self.sets = [[set(own) for own in item] for item in items.value_sets.tolist()]
        self.firsts = items.value_sets[:, :, 0].tolist()
        number = range(len(self.sets))
        self.groups = list(number) if items.groups is None else items.groups.tolist()

    def requests(self, num_changes: int) -> set[Request]:
        """Return every query that another item's values lead to."""
        found = set()
        for item, other in itertools.product(range(len(self.sets)), repeat=2):
            differs = [
                not own & there
                for own, there in zip(self.sets[item], self.sets[other], strict=True)
            ]
            if sum(differs) != num_changes:
                continue
            if not num_changes and self.groups[item] == self.groups[other]:
                continue
            wanted = tuple(
                first if differ else None
                for first, differ in zip(self.firsts[other], differs, strict=True)
            )
            if -1 not in wanted:
                found.add((item, wanted))
        return found

    def ranked(self, request: Request, k: int) -> list[int]:
        """Return the k closest items, one of each group."""
        item, wanted = request
        blocks = self.items.embeddings[item].astype(np.float64)
        for block, value in enumerate(wanted):
            if value is not None:
                blocks[block] = self.items.manipulation.prototypes_of(block)[value]
        distances = ((self.items.embeddings - blocks) ** 2).sum(axis=(1, 2))
        seen = {self.groups[item]} if set(wanted) == {None} else set()
        found = []
        for other in np.argsort(distances, kind="stable").tolist():
            if self.groups[other] not in seen:
                seen.add(self.groups[other])
                found.append(other)
        return found[:k]

    def figures(self, request: Request, k: int) -> tuple[float, float]:
        """Return whether there is a hit, and NDCG."""
        item, wanted = request
        targets = [
            self.sets[item][idx] if value is None else {value} for idx, value in enumerate(wanted)
        ]
        shares = [
            sum(bool(self.sets[other][idx] & target) for idx, target in enumerate(targets)) / 2
            for other in self.ranked(request, k)
        ]
        discounts = [1 / math.log2(place + 2) for place in range(len(shares))]
        gains = [
            (2**share - 1) * discount for share, discount in zip(shares, discounts, strict=True)
        ]
        return float(1 in shares), sum(gains) / sum(discounts)


@pytest.mark.parametrize("with_groups", [False, True])
def test_figures_equal_those_of_plain_loops(with_groups: bool) -> None:
    items = gallery(with_groups=with_groups)
    plain, protocol = Plain(items), Protocol(k=5, max_changes=2)
    for case in evaluate(items, NAMES, items.equal_weights, protocol):
        requests = plain.requests(case.num_changes)
        assert case.num_valid == len(requests)
        figures = np.array([plain.figures(request, 5) for request in requests])
        accuracy, ndcg = figures.mean(axis=0)
        assert case.overall.top_k_accuracy.value == pytest.approx(accuracy)
        assert case.overall.ndcg.value == pytest.approx(ndcg, rel=1e-5)


def test_no_request_is_made_twice() -> None:
    items = gallery(with_groups=False)
    for queries in draw_queries(items.value_sets, (0, 1, 2)):
        asked = np.where(queries.changed, queries.targets, -2)
        made = np.concatenate([queries.items[:, None], asked], axis=1)
        assert len(np.unique(made, axis=0)) == len(made) == queries.num_valid


def test_a_group_is_listed_once_by_its_closest_item() -> None:
    items = gallery(with_groups=True)
    assert items.groups is not None
    (queries,) = draw_queries(items.value_sets, (1,), groups=items.groups)
    for _, near in rank(items, queries, items.equal_weights, 30, query_in_gallery=True):
        for row in near:
            assert len(set(items.groups[row].tolist())) == len(row) == len(set(items.groups))


def test_weights_are_chosen_with_sets_and_groups() -> None:
    chosen = choose_weights(gallery(with_groups=True, num_items=80), k=5)
    assert isinstance(chosen, Weights)
    assert len(chosen.blocks) == 2


def test_sets_of_length_one_are_single_labels() -> None:
    items = gallery(with_groups=False)
    labels = items.labels
    for single, several in zip(
        draw_queries(labels, (0, 1, 2), limit=50),
        draw_queries(labels[:, :, None], (0, 1, 2), limit=50),
        strict=True,
    ):
        for name in ("items", "targets", "changed"):
            np.testing.assert_array_equal(getattr(single, name), getattr(several, name))
