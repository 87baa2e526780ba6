"""Prototypes against plain means, one at a time."""

import numpy as np
import pytest
from numpy.typing import NDArray

from datrnet.core.retrieval.prototypes import mean_embeddings, specific_mean_embeddings


@pytest.fixture
def items() -> tuple[NDArray[np.float32], NDArray[np.int16], NDArray[np.int16]]:
    """Return embeddings, colors (3) and categories (4) of 200 items, some unlabeled."""
    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(200, 5)).astype(np.float32)
    return embeddings, *(rng.integers(-1, n, 200).astype(np.int16) for n in (3, 4))


@pytest.mark.parametrize("unit_length", [False, True])
def test_a_specific_prototype_is_the_mean_of_the_items_that_carry_both_values(
    items: tuple[NDArray[np.float32], NDArray[np.int16], NDArray[np.int16]], unit_length: bool
) -> None:
    embeddings, colors, categories = items
    found = specific_mean_embeddings(embeddings, colors, 3, categories, 4, unit_length=unit_length)
    assert found.shape == (4, 3, 5)
    assert found.dtype == np.float32
    for category in range(4):
        for colour in range(3):
            mean = embeddings[(colors == colour) & (categories == category)].mean(axis=0)
            if unit_length:
                mean /= np.linalg.norm(mean)
            np.testing.assert_allclose(found[category, colour], mean, atol=1e-6)


def test_where_no_item_carries_both_values_there_is_no_prototype() -> None:
    labels = np.array([0, 1, -1, 0], dtype=np.int16)
    within = np.array([0, 0, 1, -1], dtype=np.int16)
    found = specific_mean_embeddings(
        np.ones((4, 2), dtype=np.float32), labels, 2, within, 2, unit_length=False
    )
    assert np.isnan(found).all(axis=2).tolist() == [[False, False], [True, True]]


def test_many_values_do_not_overflow_small_numbers() -> None:
    labels, within = (np.full(3, n, dtype=np.int16) for n in (299, 199))
    found = specific_mean_embeddings(
        np.ones((3, 2), dtype=np.float32), labels, 300, within, 200, unit_length=False
    )
    assert found[199, 299].tolist() == [1, 1]
    assert np.isnan(found).sum() == (300 * 200 - 1) * 2


def test_with_all_items_alike_the_specific_prototypes_are_the_generic_ones(
    items: tuple[NDArray[np.float32], NDArray[np.int16], NDArray[np.int16]],
) -> None:
    embeddings, colors, _ = items
    alike = np.zeros(200, dtype=np.int16)
    specific = specific_mean_embeddings(embeddings, colors, 3, alike, 1, unit_length=True)
    generic = mean_embeddings(embeddings, colors, 3, unit_length=True)
    np.testing.assert_array_equal(specific[0], generic)
