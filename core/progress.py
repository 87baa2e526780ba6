"""Callbacks through which long work reports its progress."""

from collections.abc import Callable

StepProgress = Callable[[int, int], None]
"""Progress of one step: how much is done, and the total."""

Progress = Callable[[str, int, int], None]
"""Progress of a job: the name of the step, how much of it is done, and its total."""


def no_progress(*_: object) -> None:
    """Report nothing."""
