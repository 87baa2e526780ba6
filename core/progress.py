"""Callbacks through which long work reports its progress."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

StepProgress = Callable[[int, int], None]
"""Progress of one step: how much is done, and the total."""

Progress = Callable[[str, int, int], None]
"""Progress of a job: the name of the step, how much of it is done, and its total."""


def no_progress(*_: object) -> None:
    """Report nothing."""


def tracked(items: Sequence[Item], step: str, on_progress: Progress) -> Iterator[Item]:
    """Yield items; report before each of them how many are done, and at the end that all are."""
    for done, item in enumerate(items):
        on_progress(step, done, len(items))
        yield item
    on_progress(step, len(items), len(items))
