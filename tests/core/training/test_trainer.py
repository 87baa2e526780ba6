"""A training's budget: epochs, or wall time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.training.trainer import Budget, cosine_decay, split_epochs


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_epochs_are_counted_whatever_the_clock_says() -> None:
    clock = Clock()
    budget = Budget(8, clock=clock)
    clock.now += 1000
    assert [budget.share(minutes) for minutes in (0, 2, 8, 9)] == [0, 0.25, 1, 1]


def test_a_clock_ends_a_training_whatever_the_epochs() -> None:
    clock = Clock()
    budget = Budget(8, 60, clock=clock)
    assert budget.share(8) == 0
    clock.now += 15
    assert budget.share(0) == 0.25
    clock.now += 300
    assert budget.share(0) == 1


def test_a_resumed_training_has_the_rest_of_its_time() -> None:
    clock = Clock()
    budget = Budget(8, 60, spent=45, clock=clock)
    assert budget.share(0) == 0.75
    clock.now += 6
    assert budget.spent == 51


def test_what_is_left_out_takes_nothing_of_the_time() -> None:
    clock = Clock()
    budget = Budget(8, 60, clock=clock)
    clock.now += 20
    budget.exclude(5)
    assert (budget.spent, budget.share(0)) == (15, 0.25)


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_rate_falls_from_all_to_nothing(one: float, other: float) -> None:
    assert cosine_decay(0) == 1
    assert cosine_decay(1) == pytest.approx(0)
    assert cosine_decay(min(one, other)) >= cosine_decay(max(one, other))


@given(st.integers(1, 60), st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_stages_share_all_epochs_and_each_has_one(total: int, parts: list[int]) -> None:
    shares = [part / sum(parts) for part in parts]
    epochs = split_epochs(total, shares)
    assert sum(epochs) == max(total, len(parts))
    assert min(epochs) >= 1
    if total >= 10 * len(parts):  # then no share is lost to the others' least
        for number, share in zip(epochs, shares, strict=True):
            assert abs(number - total * share) <= 1 or number == 1


@pytest.mark.parametrize(
    ("total", "shares", "expected"),
    [
        (17, [0.706, 0.294], (12, 5)),
        (17, [0.5, 0.5], (8, 9)),
        (17, [0.3, 0.6, 0.1], (5, 10, 2)),
        (1, [0.3, 0.6, 0.1], (1, 1, 1)),
        (3, [0.3, 0.6, 0.1], (1, 1, 1)),
        (7, [1.0], (7,)),
    ],
)
def test_how_epochs_are_shared(total: int, shares: list[float], expected: tuple[int, ...]) -> None:
    assert split_epochs(total, shares) == expected
