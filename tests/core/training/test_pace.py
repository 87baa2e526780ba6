"""A training's budget: epochs, or wall time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.training.pace import Pace, falling


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_epochs_are_counted_whatever_the_clock_says() -> None:
    clock = Clock()
    pace = Pace(8, clock=clock)
    clock.now += 1000
    assert pace.num_epochs == 8
    assert [pace.share(one) for one in (0, 2, 8, 9)] == [0, 0.25, 1, 1]


def test_a_clock_ends_a_training_whatever_the_epochs() -> None:
    clock = Clock()
    pace = Pace(8, 60, clock=clock)
    assert pace.num_epochs is None
    assert pace.share(8) == 0
    clock.now += 15
    assert pace.share(0) == 0.25
    clock.now += 300
    assert pace.share(0) == 1


def test_a_resumed_training_has_the_rest_of_its_time() -> None:
    clock = Clock()
    pace = Pace(8, 60, spent=45, clock=clock)
    assert pace.share(0) == 0.75
    clock.now += 6
    assert pace.spent == 51


def test_what_is_left_out_takes_nothing_of_the_time() -> None:
    clock = Clock()
    pace = Pace(8, 60, clock=clock)
    clock.now += 20
    pace.leave_out(5)
    assert (pace.spent, pace.share(0)) == (15, 0.25)


@given(st.floats(0, 1), st.floats(0, 1))
def test_the_rate_falls_from_all_to_nothing(one: float, other: float) -> None:
    assert falling(0) == 1
    assert falling(1) == pytest.approx(0)
    assert falling(min(one, other)) >= falling(max(one, other))
