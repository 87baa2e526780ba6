"""A memory is addressed by one-hots and begins as means."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.research.systems.adde_m import mean_of_samples
from datrnet.core.research.systems.amnet import Memory, one_hots
from datrnet.core.research.systems.method import TrainingSet

LABELS = np.array([[0, 1], [2, -1], [0, 0], [2, 1]], dtype=np.int16)
VECTORS = torch.tensor([[1.0, 0], [3, 4], [5, 6], [7, 8]])
TAUGHT = TrainingSet(labels=LABELS, images=lambda rows: VECTORS[rows], batch=3)


@given(st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 1)), min_size=1, max_size=5))
def test_one_hots_mark_each_label(labels: list[tuple[int, int]]) -> None:
    expected = [
        [float(first == value) for value in range(3)]
        + [float(second == value) for value in range(2)]
        for first, second in labels
    ]
    assert one_hots(torch.tensor(labels), (3, 2)).tolist() == expected


def test_means_are_of_the_items_that_carry_a_value() -> None:
    means = np.concatenate(TAUGHT.value_means(lambda images: images, (3, 2), unit_length=False))
    np.testing.assert_allclose(means, [[3, 3], [np.nan] * 2, [5, 6], [5, 6], [4, 4]])
    memory = Memory(2, (3, 2))
    memory.fill(means)
    assert memory(
        torch.tensor([[1.0, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, -1, 0, 1]])
    ).tolist() == [
        [3, 3],
        [0, 0],
        [-1, -2],
    ]


def test_a_value_that_no_item_carries_is_unknown_to_the_manipulation() -> None:
    memory = Memory(2, (3, 2))
    unknown = np.isnan(memory.array(TAUGHT)).all(axis=0)
    assert unknown.tolist() == [False, True, False, False, False]
    assert not memory.weight.isnan().any()


def test_drawn_means_come_near_the_means_of_all_and_are_the_same_each_time() -> None:
    def blocks(images: torch.Tensor) -> torch.Tensor:
        return torch.stack([images, 10 * images], dim=1)

    first, second = mean_of_samples(TAUGHT, blocks, (3, 2), 500)
    np.testing.assert_allclose(first, [[3, 3], [np.nan] * 2, [5, 6]], atol=0.5)
    np.testing.assert_allclose(second, [[50, 60], [40, 40]], atol=3)
    again = mean_of_samples(TAUGHT, blocks, (3, 2), 500)
    np.testing.assert_array_equal(again[1], second)


def test_an_item_with_several_values_counts_for_each() -> None:
    sets = np.array(
        [[[0, 1], [1, 1]], [[2, 2], [-1, -1]], [[0, 0], [0, 1]], [[2, 1], [1, 1]]], dtype=np.int16
    )
    taught = TrainingSet(
        labels=sets[:, :, 0], all_values=sets, images=lambda rows: VECTORS[rows], batch=3
    )
    means = np.concatenate(taught.value_means(lambda images: images, (3, 2), unit_length=False))
    np.testing.assert_allclose(means, [[3, 3], [4, 4], [5, 6], [5, 6], [13 / 3, 14 / 3]])
    assert not np.isnan(Memory(2, (3, 2)).array(taught)).any()
    drawn, _ = mean_of_samples(
        taught, lambda images: images[:, None].expand(-1, 2, -1), (3, 2), 500
    )
    np.testing.assert_allclose(drawn, [[3, 3], [4, 4], [5, 6]], atol=0.5)
