"""The number of threads follows what is faster, and is asked again."""

import pytest
import torch

from datrnet.core.models.threads import ThreadTuner


@pytest.fixture(autouse=True)
def _four_threads() -> object:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def threads_used(seconds: dict[int, float], units: int, retry_after: int = 5) -> list[int]:
    """Return the threads of each unit on a machine where a unit takes so long."""
    now = 0.0
    tuner = ThreadTuner(retry_after, clock=lambda: now)
    used = []
    for _ in range(units):
        with tuner.unit():
            used.append(torch.get_num_threads())
            now += seconds[used[-1]]
    return used


def test_an_idle_machine_takes_all_threads() -> None:
    assert threads_used({1: 2.0, 4: 1.0}, 9) == [1, 1, 4, 4, 4, 4, 4, 4, 4]


def test_a_busy_machine_takes_one_and_does_not_repeat_a_hopeless_trial() -> None:
    assert threads_used({1: 1.0, 4: 40.0}, 8) == [1, 1, 4, 1, 1, 1, 1, 1]


def test_the_choice_is_made_again() -> None:
    assert threads_used({1: 1.0, 4: 1.5}, 12) == [1, 1, 4, 4, 1, 1, 1, 1, 1, 1, 1, 4]


def test_threads_are_as_before_afterwards() -> None:
    with ThreadTuner(3).unit():
        pass
    assert torch.get_num_threads() == 4


def test_a_single_thread_is_left_alone() -> None:
    torch.set_num_threads(1)
    assert threads_used({1: 1.0}, 4) == [1, 1, 1, 1]
