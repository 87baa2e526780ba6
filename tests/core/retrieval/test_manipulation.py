"""Every manipulation against an example by hand and against plain loops."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from datrnet.core.errors import IndexStaleError, ShapeError
from datrnet.core.retrieval.manipulation import (
    Addition,
    Fusion,
    Manipulation,
    Replacement,
    SpecificPrototypes,
    WeightedReplacement,
    read_manipulation,
    restricted,
)


def floats(values: Any) -> Any:
    return np.array(values, dtype=np.float32)


def numbers(values: Any) -> Any:
    return np.array(values, dtype=np.int16)


COLORS = floats([[1, 0], [0, 1], [np.nan, np.nan]])
"""Red, blue and a black that nobody has seen; the second super-category is the sleeve."""
SLEEVES = floats([[3, 4], [4, 3]])
COUNTS = (3, 2)
OWN = floats([[[0.6, 0.8], [5, 12]]] * 4)
LABELS = numbers([[0, 0], [0, 0], [0, 0], [-1, 1]])
TARGETS = numbers([[0, 0], [1, 0], [2, 1], [1, 0]])
CHANGED = np.array([[False, False], [True, False], [True, True], [True, True]])
"""Nothing; red to blue; red to the unknown black and short to long; blue given, long to short."""


def test_replacement_by_hand() -> None:
    blocks, factors = Replacement((COLORS, SLEEVES)).apply(OWN, LABELS, TARGETS, CHANGED)
    assert_array_equal(blocks[0], OWN[0])
    assert_array_equal(blocks[1], [[0, 1], [5, 12]])
    assert_array_equal(blocks[2], floats([[0.6, 0.8], [4, 3]]))
    assert_array_equal(blocks[3], [[0, 1], [3, 4]])
    assert_array_equal(factors, np.ones((4, 2)))


def test_specific_prototypes_come_first_where_they_are_known() -> None:
    means = np.full((2, 3, 2), np.nan, dtype=np.float32)
    means[0, 1] = 7, 7  # of blue among the items of the first sleeve
    specific = SpecificPrototypes(column=1, means=(means, means[:, :2]))
    manipulation = Replacement((COLORS, SLEEVES), specific)
    targets = numbers([[1, 0], [1, 1], [1, -1], [1, 0]])
    changed = np.array([[True, False]] * 3 + [[True, True]])
    blocks, _ = manipulation.apply(OWN, LABELS, targets, changed)
    assert_array_equal(blocks[:, 0], [[7, 7], [0, 1], [0, 1], [7, 7]])
    assert_array_equal(blocks[3, 1], SLEEVES[0])


def test_weighted_replacement_by_hand() -> None:
    weights = floats([[3, 0.5], [1, 2]])  # of colour and sleeve, where the colour, sleeve changes
    manipulation = WeightedReplacement((COLORS, SLEEVES), weights)
    blocks, factors = manipulation.apply(OWN, LABELS, TARGETS, CHANGED)
    expected, _ = Replacement((COLORS, SLEEVES)).apply(OWN, LABELS, TARGETS, CHANGED)
    assert_array_equal(blocks, expected)
    assert_allclose(factors, [[1, 1], [9, 0.25], [1, 4], [4, 1.25**2]])


def test_weighted_replacement_scales_the_blocks_of_query_and_items() -> None:
    weights = floats([[3, 0.5], [1, 2]])
    manipulation = WeightedReplacement((COLORS, SLEEVES), weights)
    blocks, factors = manipulation.apply(OWN, LABELS, TARGETS, CHANGED)
    item = floats([[2, 1], [0, 7]])
    scaled = weights[0][:, None]  # the paper's F(x; t*) = [w_t f_t(x)]
    expected = ((scaled * blocks[1] - scaled * item) ** 2).sum()
    assert_allclose((factors[1] * ((blocks[1] - item) ** 2).sum(axis=1)).sum(), expected)


def test_addition_by_hand() -> None:
    memory = np.zeros((4, 5), dtype=np.float32)
    memory[:2, :3] = COLORS.T
    memory[2:, 3:] = SLEEVES.T
    memory[2, 1] = 1  # blue writes into the block of the sleeve too
    memory[2:, 2] = np.nan
    blocks, factors = Addition(memory, COUNTS).apply(OWN, LABELS, TARGETS, CHANGED)
    for found, expected in zip(
        blocks,
        (
            [0.6, 0.8, 5, 12],
            [0.6 - 1, 0.8 + 1, 5 + 1, 12],
            [0.6, 0.8, 5 - 3 + 4, 12 - 4 + 3],  # nothing is taken off for the unknown black
            [0.6, 0.8 + 1, 5 + 1 - 4 + 3, 12 - 3 + 4],  # no colour that could go
        ),
        strict=True,
    ):
        assert_allclose(found.ravel(), np.array(expected) / np.linalg.norm(expected), rtol=1e-6)
    assert_array_equal(factors, np.ones((4, 2)))


def test_addition_takes_nothing_off_that_it_does_not_know() -> None:
    memory = floats([[1, np.nan]])
    blocks = floats([[[-5]]])
    found, _ = Addition(memory, (2,)).apply(blocks, numbers([[1]]), numbers([[0]]), blocks[0] < 0)
    assert_array_equal(found, [[[-1]]])


def test_fusion_by_hand() -> None:
    memory = floats([[1, 0, np.nan, 2, 0], [0, 1, np.nan, 0, 2]])
    weight = floats([[1, 0, 1, 0], [0, 1, 0, -10]])
    manipulation = Fusion(memory, COUNTS, weight, floats([0.4, 0]))
    own = floats([[[3, 4]]] * 4)
    blocks, factors = manipulation.apply(own, LABELS, TARGETS, CHANGED)
    assert_allclose(blocks[0, 0], [0.6, 0.8])  # not through the layer: its bias would show
    assert_allclose(blocks[1, 0], [1, 0])  # blue: relu(3 + 0.4, 4 - 10)
    assert_allclose(blocks[2, 0], [1, 0])  # long alone: relu(3.4, 4 - 20)
    assert_allclose(blocks[3, 0], floats([5.4, 0]) / 5.4)  # blue and short: relu(3 + 2.4, 4 - 10)
    assert factors.tolist() == [[1], [1], [1], [1]]


def test_an_unknown_value_alone_is_no_change_for_fusion() -> None:
    memory = floats([[1, np.nan], [1, np.nan]])
    manipulation = Fusion(memory, (2,), np.ones((2, 4), dtype=np.float32), floats([9, 0]))
    asked = manipulation.apply(
        floats([[[3, 4]]]), numbers([[0]]), numbers([[1]]), np.array([[True]])
    )
    assert_allclose(asked[0][0, 0], [0.6, 0.8])


def test_whole_vectors_of_length_one_are_compared_where_the_system_says_so() -> None:
    memory, size = np.zeros((4, 5), dtype=np.float32), 4
    fusion = Fusion(
        memory, COUNTS, np.zeros((size, 2 * size), np.float32), np.zeros(size, np.float32)
    )
    pairs = floats([[[1, 1], [1, 1]], [[0, 3], [4, 0]]])
    found = Addition(memory, COUNTS).to_metric_space(pairs)
    assert_allclose(found, [[[0.5, 0.5], [0.5, 0.5]], [[0, 0.6], [0.8, 0]]])
    vectors = floats([[[1, 1, 1, 1]], [[0, 0, 0, 0]]])
    assert_allclose(fusion.to_metric_space(vectors)[:, 0], [[0.5] * 4, [0] * 4])
    assert Replacement((COLORS, SLEEVES)).to_metric_space(OWN) is OWN


KINDS = ("replacement", "specific", "weighted-replacement", "addition", "fusion")


def made_up(kind: str, rng: np.random.Generator) -> tuple[Manipulation, int]:
    """Return a manipulation of random shape, some values of which are unknown, and its blocks."""
    counts = tuple(rng.integers(1, 4, rng.integers(1, 4)).tolist())
    num, size = len(counts), int(rng.integers(1, 5))
    prototypes = tuple(rng.normal(size=(count, size)).astype(np.float32) for count in counts)
    for values in prototypes:
        values[rng.random(len(values)) < 0.2] = np.nan
    unknown = rng.random(sum(counts)) < 0.2
    if kind == "weighted-replacement":
        return WeightedReplacement(prototypes, rng.random((num, num)).astype(np.float32)), size
    if kind == "addition":
        memory = rng.normal(size=(num * size, sum(counts))).astype(np.float32)
        memory[:, unknown] = np.nan
        return Addition(memory, counts), size
    if kind == "fusion":
        memory, weight, bias = (
            rng.normal(size=shape).astype(np.float32)
            for shape in ((size, sum(counts)), (size, 2 * size), size)
        )
        memory[:, unknown] = np.nan
        return Fusion(memory, counts, weight, bias), size
    if kind == "replacement":
        return Replacement(prototypes, are_means=bool(rng.integers(2))), size
    column = int(rng.integers(num))
    means = tuple(
        rng.normal(size=(counts[column], count, size)).astype(np.float32) for count in counts
    )
    for values in means:
        values[rng.random(values.shape[:2]) < 0.3] = np.nan
    return Replacement(prototypes, SpecificPrototypes(column=column, means=means)), size


def asked_of(manipulation: Manipulation, size: int, rng: np.random.Generator) -> tuple[Any, ...]:
    """Return blocks, labels, wanted values and what changes of up to six queries."""
    counts, number = manipulation.counts, int(rng.integers(7))
    num_blocks = 1 if manipulation.kind == "fusion" else len(counts)
    blocks = rng.normal(size=(number, num_blocks, size)).astype(np.float32)
    labels = numbers(rng.integers(-1, counts, (number, len(counts))))
    changed = rng.random(labels.shape) < 0.5
    targets = np.where(changed, rng.integers(0, counts, labels.shape), labels)
    return blocks, labels, numbers(targets), changed


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32 - 1))
def test_all_queries_together_equal_each_in_plain_loops(
    kind: str, seed: int, plain_query: Callable[..., Any], plain_compared: Callable[..., Any]
) -> None:
    rng = np.random.default_rng(seed)
    manipulation, size = made_up(kind, rng)
    blocks, labels, targets, changed = asked_of(manipulation, size, rng)
    before = blocks.copy()
    found, factors = manipulation.apply(blocks, labels, targets, changed)
    assert (found.shape, found.dtype) == (blocks.shape, np.float32)
    assert (factors.shape, factors.dtype) == (blocks.shape[:2], np.float32)
    assert_array_equal(blocks, before)
    for place in range(len(blocks)):
        own = blocks[place].astype(float).tolist()
        expected, weights = plain_query(
            manipulation, own, labels[place].tolist(), targets[place].tolist(), changed[place]
        )
        assert_allclose(found[place], expected, rtol=1e-3, atol=1e-4)
        assert_allclose(factors[place], weights, rtol=1e-5)
        compared = manipulation.to_metric_space(blocks[place : place + 1])[0]
        assert_allclose(compared, plain_compared(manipulation, own), rtol=1e-5)
        if not changed[place].any():
            assert_array_equal(found[place], compared)
            assert_array_equal(factors[place], 1)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("specific", "fusion")])
@given(seed=st.integers(0, 2**32 - 1))
def test_some_super_categories_are_changed_as_if_there_were_no_others(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    manipulation, size = made_up(kind, rng)
    blocks, labels, targets, changed = asked_of(manipulation, size, rng)
    kept = np.flatnonzero(rng.random(len(manipulation.counts)) < 0.7)
    if not len(kept):
        kept = np.array([0])
    rest = restricted(manipulation, kept.tolist())
    assert rest.counts == tuple(manipulation.counts[idx] for idx in kept)
    for place, idx in enumerate(kept):
        assert_array_equal(rest.prototypes_of(place), manipulation.prototypes_of(idx))
    others = np.setdiff1d(np.arange(len(manipulation.counts)), kept)
    changed[:, others] = False
    found, _ = rest.apply(blocks[:, kept], labels[:, kept], targets[:, kept], changed[:, kept])
    if kind != "addition":  # which compares whole vectors of length 1
        assert_array_equal(found, manipulation.apply(blocks, labels, targets, changed)[0][:, kept])


@given(seed=st.integers(0, 2**32 - 1))
def test_a_shared_block_has_no_parts(seed: int) -> None:
    manipulation, _ = made_up("fusion", np.random.default_rng(seed))
    with pytest.raises(IndexStaleError, match="as a whole"):
        restricted(manipulation, [0])


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_is_stored_is_read_back(
    kind: str, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = np.random.default_rng(seed)
    manipulation, size = made_up(kind, rng)
    path = tmp_path_factory.getbasetemp() / "manipulation.npz"
    np.savez(path, allow_pickle=False, **manipulation.to_arrays())
    with np.load(path) as arrays:
        read = read_manipulation(manipulation.kind, dict(arrays))
    assert type(read) is type(manipulation)
    assert (read.counts, read.are_means) == (manipulation.counts, manipulation.are_means)
    asked = asked_of(manipulation, size, rng)
    for values, other in zip(read.apply(*asked), manipulation.apply(*asked), strict=True):
        assert_array_equal(values, other)
    for idx in range(len(read.counts)):
        assert_array_equal(read.prototypes_of(idx), manipulation.prototypes_of(idx))


def test_what_stands_for_values_is_theirs() -> None:
    memory = np.arange(20, dtype=np.float32).reshape(4, 5)
    addition = Addition(memory, COUNTS)
    assert_array_equal(addition.prototypes_of(0), memory[:2, :3].T)
    assert_array_equal(addition.prototypes_of(1), memory[2:, 3:].T)
    fusion = Fusion(memory, COUNTS, np.zeros((4, 8), np.float32), np.zeros(4, np.float32))
    assert_array_equal(fusion.prototypes_of(1), memory[:, 3:].T)


def test_an_unknown_kind_or_a_missing_array_says_what_to_run() -> None:
    with pytest.raises(IndexStaleError, match=r"\(telepathy\).*datrnet index"):
        read_manipulation("telepathy", {})
    with pytest.raises(IndexStaleError, match=r"memory.*datrnet index"):
        read_manipulation("addition", {"counts": np.array([1])})


def test_arrays_that_do_not_fit_each_other_are_refused() -> None:
    square, row = np.zeros((4, 4), np.float32), np.zeros(4, np.float32)
    with pytest.raises(ShapeError, match=r"\(4, 4\), not 2 × 2"):
        WeightedReplacement((COLORS, SLEEVES), square)
    with pytest.raises(ShapeError, match="one column for each of 5 values"):
        Addition(square, COUNTS)
    with pytest.raises(ShapeError, match="4 rows has no 3 equal blocks"):
        Addition(square, (1, 1, 2))
    with pytest.raises(ShapeError, match=r"vectors of length 4 need \(4, 8\) and \(4,\)"):
        Fusion(square, (2, 2), square, row)
