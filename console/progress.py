"""Progress on standard error: live bars in a terminal, else a line now and then."""

import time
from datetime import timedelta
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from datrnet.console.output import narration

SECONDS_BETWEEN_LINES = 10.0
"""Interval of progress lines without a terminal."""

PARTS = 10_000
"""Resolution of the bar of a whole job."""

MANY = 50_000
"""From this total on, progress is shown as a share instead of a count."""

NARROW = 100
"""Below this width, bars are short to leave room for figures."""


class Bars:
    """A context that shows progress on standard error."""

    def __init__(self) -> None:
        self.console = narration()
        self.live = self.console.is_terminal and not self.console.is_dumb_terminal
        self.bars = _bars(self.console, disable=not self.live)

    def __enter__(self) -> Self:
        """Show the bars."""
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop updating the bars and leave them on screen."""
        self.bars.stop()


class JobProgress(Bars):
    """The steps of a job, in sequence; pass it as ``on_progress``."""

    def __init__(self) -> None:
        """Prepare the bars."""
        super().__init__()
        self._step = ""
        self._task: TaskID | None = None
        self._clock = Clock()
        self._next_line = 0.0
        self._whole: TaskID | None = None
        self._whole_clock = Clock()
        self._whole_note = ""

    def whole(self, share: float) -> None:
        """Show the progress of the whole job."""
        if self._whole is None:
            # work of an earlier run says nothing about the speed of this one
            self._whole = self.bars.add_task(
                "All", total=PARTS, completed=round(PARTS * share), note=""
            )
            self._whole_clock = Clock(share)
        self.bars.update(self._whole, completed=round(PARTS * share), note=f"{share:.0%}")
        self._whole_note = f"; all: {share:.0%}{self._whole_clock.left(share)}"

    def __call__(self, step: str, done: int, total: int) -> None:
        """Show the progress of a step."""
        if step != self._step:
            self._begin(step, done, total)
        if self._task is not None:
            note = _count(done, total) if total > 1 else ""
            self.bars.update(self._task, completed=done, total=total, note=note)
        if not self.live and total > 1 and time.monotonic() >= self._next_line and done < total:
            self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
            left = self._clock.left(done / total)
            self.console.print(f"{step}: {_count(done, total)}{left}{self._whole_note}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Fill the last bar if the job succeeded."""
        if error is None:
            self._finish()
        super().__exit__(kind, error, trace)

    def _begin(self, step: str, done: int, total: int) -> None:
        self._finish()
        # work of an earlier run says nothing about the speed of this one
        self._step, self._clock = step, Clock(done / total if total else 0.0)
        self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
        self._task = self.bars.add_task(step, total=total, note="")
        if not self.live:
            self.console.print(f"{step} …")

    def _finish(self) -> None:
        if self._task is not None:
            total = self.bars.tasks[self._task].total
            self.bars.update(self._task, completed=total)


def _count(done: int, total: int) -> str:
    """Return the progress of a step in words."""
    return f"{done:,} of {total:,}" if total < MANY else f"{done / total:.0%}"


class Clock:
    """Estimates the remaining time of steady work."""

    def __init__(self, share: float = 0.0) -> None:
        self._started = time.monotonic()
        self._first = share

    def left(self, share: float) -> str:
        """Return the remaining time in words; empty if unknown."""
        if share <= self._first:
            return ""
        elapsed = time.monotonic() - self._started
        seconds = elapsed * (1 - share) / (share - self._first)
        return f", {timedelta(seconds=round(seconds))} left"


class _TimeColumn(TimeRemainingColumn):
    """The remaining time, or the elapsed time at the end."""

    def render(self, task: Task) -> Text:
        """Return the time with its meaning."""
        if not task.started or (task.time_remaining is None and not task.finished):
            return Text("")
        figure = super().render(task)
        return Text.assemble("in ", figure) if task.finished else figure.append(" left")


def _bars(console: Console, *, disable: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30 if console.width >= NARROW else 6),
        TextColumn("{task.fields[note]}", markup=False),
        _TimeColumn(elapsed_when_finished=True),
        console=console,
        disable=disable,
        speed_estimate_period=120,
    )
