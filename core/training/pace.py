"""How far a training is within its budget: epochs, or wall time where a clock ends it."""

import math
import time
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

STEPS = 100_000
"""Parts of the whole that the progress of a training by the clock is told in."""


class Pace:
    """A budget, and what of it is used."""

    def __init__(
        self,
        epochs: int,
        seconds: float = 0.0,
        *,
        spent: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the clock.

        Args:
            epochs: How many the training takes.
            seconds: How long it takes instead; 0 counts epochs.
            spent: Seconds of it that are over already.
            clock: Tells seconds.
        """
        self._epochs, self._seconds, self._clock = epochs, seconds, clock
        self._began = clock() - spent

    @property
    def num_epochs(self) -> int | None:
        """How many there will be; None where a clock ends them."""
        return None if self._seconds else self._epochs

    @property
    def spent(self) -> float:
        """Seconds since the training began."""
        return self._clock() - self._began

    def leave_out(self, seconds: float) -> None:
        """Count seconds that have gone by as none of the training's."""
        self._began += seconds

    def share(self, epochs: float) -> float:
        """Return how much of the budget is used after so many epochs, from 0 to 1."""
        used = self.spent / self._seconds if self._seconds else epochs / self._epochs
        return min(used, 1.0)


def shared_epochs(total: int, shares: Sequence[float]) -> tuple[int, ...]:
    """Return how many of a training's epochs each of its stages has.

    They sum to the total, and each has one at least: where there are fewer epochs than stages, each
    has one.
    """
    total = max(total, len(shares))
    ends = [0]
    for number, share in enumerate(accumulate(shares), start=1):
        left_over = total - (len(shares) - number)  # one for each stage to come
        ends.append(min(max(round(total * share), ends[-1] + 1), left_over))
    ends[-1] = total
    return tuple(end - begin for begin, end in pairwise(ends))


def falling(share: float) -> float:
    """Return the learning rate of a share of a training, as a share of the first: half a cosine."""
    return (1 + math.cos(math.pi * min(share, 1.0))) / 2
