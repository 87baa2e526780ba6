"""The budget of a training: a number of epochs, or wall time."""

import math
import time
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise


class Budget:
    """A number of epochs or of seconds, and how much of it is used."""

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
            epochs: The budget unless there are seconds.
            seconds: The budget; 0 counts epochs.
            spent: Seconds that are used already.
            clock: Returns seconds.
        """
        self._epochs, self._seconds, self._clock = epochs, seconds, clock
        self._start = clock() - spent

    @property
    def num_epochs(self) -> int | None:
        """The number of epochs; None if time is the budget."""
        return None if self._seconds else self._epochs

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._start

    def exclude(self, seconds: float) -> None:
        """Do not count seconds that have passed."""
        self._start += seconds

    def share(self, epochs: float) -> float:
        """Return the used share of the budget, from 0 to 1, after a number of epochs."""
        used = self.spent / self._seconds if self._seconds else epochs / self._epochs
        return min(used, 1.0)


def split_epochs(total: int, shares: Sequence[float]) -> tuple[int, ...]:
    """Split a number of epochs among stages by their shares.

    Every stage gets at least one, even if there are fewer epochs than stages.
    """
    total = max(total, len(shares))
    ends = [0]
    for number, share in enumerate(accumulate(shares), start=1):
        available = total - (len(shares) - number)  # one for each later stage
        ends.append(min(max(round(total * share), ends[-1] + 1), available))
    ends[-1] = total
    return tuple(end - begin for begin, end in pairwise(ends))


def cosine_decay(share: float) -> float:
    """Return the factor of the learning rate, from 1 to 0, for a share of a training."""
    return (1 + math.cos(math.pi * min(share, 1.0))) / 2
