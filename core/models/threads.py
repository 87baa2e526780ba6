"""All cores or one: chosen by timing, while the work goes on.

On an idle machine torch is fastest with a thread per core. On a busy one the threads of a step wait
for the one that another program has displaced, and all together are slower by far than one alone.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

TRIALS = 2
"""Units of work timed with each number of threads."""

HOPELESS = 3.0
"""A first trial this many times slower than the best so far is not repeated."""


class ThreadTuner:
    """Times units of equal work with one thread and with all, and keeps to the faster.

    With a single core there is nothing to choose, and nothing is timed.
    """

    def __init__(self, retry_after: int, clock: Callable[[], float] = time.perf_counter) -> None:
        """Begin with a trial.

        Args:
            retry_after: Units after which to try again: the machine may have become idle or busy.
            clock: Tells seconds.
        """
        self._all = torch.get_num_threads()
        self._retry_after = retry_after
        self._clock = clock
        self._begin_trial()

    @contextmanager
    def unit(self) -> Iterator[None]:
        """Do one unit of work with the number of threads that is due."""
        if self._all == 1:
            yield
            return
        torch.set_num_threads(self._due())
        started = self._clock()
        try:
            yield
        finally:
            self._note(self._clock() - started)
            torch.set_num_threads(self._all)

    def _begin_trial(self) -> None:
        self._seconds: dict[int, list[float]] = {1: [], self._all: []}
        self._settled_for = 0
        self._chosen = 0

    def _due(self) -> int:
        if self._chosen:
            return self._chosen
        return next(count for count, seconds in self._seconds.items() if len(seconds) < TRIALS)

    def _note(self, seconds: float) -> None:
        if self._chosen:
            self._settled_for += 1
            if self._settled_for >= self._retry_after:
                self._begin_trial()
            return
        of_one, of_all = self._seconds[1], self._seconds[self._all]
        (of_one if len(of_one) < TRIALS else of_all).append(seconds)
        hopeless = bool(of_all) and of_all[0] > HOPELESS * min(of_one)
        if len(of_all) == TRIALS or hopeless:
            self._chosen = self._all if min(of_all) <= min(of_one) else 1
