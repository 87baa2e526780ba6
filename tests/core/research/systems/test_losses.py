"""Each loss is what a plain loop over pairs makes of the same numbers."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from datrnet.core.research.systems.adde_m import (
    same_labels,
    semi_hard_loss,
    semi_hard_triplet_loss,
    squared_distances,
)
from datrnet.core.research.systems.fashionsearchnet import ratio_loss
from datrnet.core.research.systems.method import classification_loss, margin_loss


@st.composite
def distances_and_labels(draw: st.DrawFn) -> tuple[torch.Tensor, list[int]]:
    num = draw(st.integers(1, 9))
    labels = draw(st.lists(st.integers(-1, 3), min_size=num, max_size=num))
    # few different numbers, so that ties occur
    entries = draw(st.lists(st.integers(0, 6), min_size=num * num, max_size=num * num))
    return torch.tensor(entries).view(num, num) / 4, labels


def plain_semi_hard(distances: torch.Tensor, labels: list[int], margin: float) -> float:
    costs = []
    for a, anchor in enumerate(labels):
        negatives = [float(distances[a, n]) for n, label in enumerate(labels) if label != anchor]
        for p, other in enumerate(labels):
            if p == a or other != anchor or not negatives:
                continue
            near = float(distances[a, p])
            farther = [distance for distance in negatives if distance > near]
            far = min(farther) if farther else max(negatives)
            costs.append(max(0.0, margin + near - far))
    return sum(costs) / len(costs) if costs else 0.0


@given(distances_and_labels())
def test_the_semi_hard_loss_equals_the_plain_loop(
    case: tuple[torch.Tensor, list[int]],
) -> None:
    distances, labels = case
    loss = semi_hard_triplet_loss(distances, same_labels(torch.tensor(labels)), 0.5)
    assert loss.item() == pytest.approx(plain_semi_hard(distances, labels, 0.5), abs=1e-6)


def test_a_semi_hard_loss_worked_out_by_hand() -> None:
    # squared L2: 0-1 is 2, 0-2 is 4, 1-2 is 2
    vectors = torch.tensor([[1.0, 0], [0, 1], [-1, 0]])
    # 0 to 1: d⁺ 2, the farther negative 4 → 0; 1 to 0: d⁺ 2, none is farther, so 2 → 0.5
    assert semi_hard_loss(vectors, torch.tensor([7, 7, 8]), 0.5).item() == pytest.approx(0.25)


def test_pictures_are_positives_of_one_another_where_they_share_a_value_of_each() -> None:
    sets = torch.tensor([[[0, 1], [1, 1]], [[1, 2], [1, 0]], [[2, 2], [1, 1]], [[-1, -1], [0, 0]]])
    assert same_labels(sets).int().tolist() == [
        [1, 1, 0, 0],
        [1, 1, 1, 0],
        [0, 1, 1, 0],
        [0, 0, 0, 1],
    ]


def test_pictures_are_positives_of_one_another_where_all_labels_are_the_same() -> None:
    labels = torch.tensor([[0, 1], [0, 1], [0, 2], [-1, 1], [-1, 1]])
    assert same_labels(labels).int().tolist() == [
        [1, 1, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 1, 1],
        [0, 0, 0, 1, 1],
    ]


def test_a_batch_without_positives_or_without_negatives_costs_nothing_and_has_a_gradient() -> None:
    for labels in ([0, 1, 2], [3, 3, 3]):
        vectors = torch.randn(3, 4, requires_grad=True)
        loss = semi_hard_loss(F.normalize(vectors), torch.tensor(labels), 0.5)
        loss.backward()
        assert loss.item() == 0
        assert vectors.grad is not None
        assert not vectors.grad.any()


def test_the_gradient_of_the_semi_hard_loss_is_that_of_its_pairs() -> None:
    torch.manual_seed(0)
    vectors = torch.randn(8, 3, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 0, 1, 1, 2, 2, 0, 1])

    def loss(given: torch.Tensor) -> torch.Tensor:
        return semi_hard_loss(F.normalize(given), labels, 0.5)

    assert loss(vectors).item() > 0
    assert torch.autograd.gradcheck(loss, (vectors,))


@settings(max_examples=30)
@given(st.integers(1, 6), st.integers(1, 5), st.integers(0, 2**31))
def test_squared_distances_equal_the_plain_loop(num: int, size: int, seed: int) -> None:
    vectors = torch.from_numpy(np.random.default_rng(seed).normal(size=(num, size)))
    expected = [[float(((vector - other) ** 2).sum()) for other in vectors] for vector in vectors]
    torch.testing.assert_close(
        squared_distances(vectors), torch.tensor(expected, dtype=torch.float64), atol=1e-9, rtol=0
    )


def test_squared_distances_keep_their_precision_under_autocast() -> None:
    vectors = F.normalize(torch.randn(6, 40))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = squared_distances(vectors)
    torch.testing.assert_close(inside, squared_distances(vectors))


vectors_of_three = st.lists(
    st.lists(st.floats(-3, 3, width=32), min_size=9, max_size=9), min_size=1, max_size=5
)


@given(vectors_of_three)
def test_the_ratio_and_the_margin_loss_equal_the_plain_loop(rows: list[list[float]]) -> None:
    anchors, positives, negatives = torch.tensor(rows).view(-1, 3, 3).unbind(1)
    ratio, margin = [], []
    for row in rows:
        near, far = math.dist(row[:3], row[3:6]), math.dist(row[:3], row[6:])
        both = math.exp(near) + math.exp(far)
        ratio.append((math.exp(near) / both) ** 2 + (math.exp(far) / both - 1) ** 2)
        margin.append(max(0.0, 0.5 + near - far))
    losses = (
        ratio_loss(anchors, positives, negatives),
        margin_loss(anchors, positives, negatives, margin=0.5),
    )
    assert losses[0].item() == pytest.approx(sum(ratio) / len(ratio), abs=1e-5)
    assert losses[1].item() == pytest.approx(sum(margin) / len(margin), abs=1e-5)


def test_a_ratio_loss_worked_out_by_hand() -> None:
    anchor = torch.zeros(1, 2)
    positive, negative = torch.tensor([[1.0, 0]]), torch.tensor([[0, 1 + math.log(3)]])
    # exp(1) against 3 exp(1): d⁺ is a quarter, 2 / 16
    assert ratio_loss(anchor, positive, negative).item() == pytest.approx(0.125)


def test_triplet_losses_have_a_gradient_where_two_pictures_are_the_same() -> None:
    same = torch.ones(1, 3, requires_grad=True)
    (
        ratio_loss(same, same * 1, torch.zeros(1, 3))
        + margin_loss(same, same * 1, same * 1, margin=1)
    ).backward()
    assert same.grad is not None
    assert same.grad.isfinite().all()


@given(
    st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 1)), min_size=1, max_size=6),
    st.integers(0, 2**31),
)
def test_classification_equals_the_plain_loop_and_leaves_the_unlabeled_out(
    labels: list[tuple[int, int]], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = [torch.randn(len(labels), num, generator=generator) for num in (3, 2)]
    expected = 0.0
    for idx, category in enumerate(logits):
        costs = [
            math.log(sum(math.exp(score) for score in row)) - float(row[wanted[idx]])
            for row, wanted in zip(category, labels, strict=True)
            if wanted[idx] >= 0
        ]
        expected += sum(costs) / len(costs) if costs else 0.0
    loss = classification_loss(logits, torch.tensor(labels))
    assert loss.item() == pytest.approx(expected, abs=1e-5)
