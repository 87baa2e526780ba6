"""Progress on standard error: live bars in a terminal, else a line now and then."""

import time
from datetime import timedelta
from itertools import takewhile
from typing import Self

from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from datrnet.console.output import narration, percent
from datrnet.core.progress import (
    BatchDone,
    EpochDone,
    FeaturesCached,
    PicturesRead,
    TrainEvent,
    TripletsRead,
)
from datrnet.core.text import sanitize

SECONDS_BETWEEN_LINES = 10.0
"""Interval of progress lines without a terminal."""

PARTS = 10_000
"""Resolution of the bar of a whole job."""

MANY = 50_000
"""From this total on, progress is shown as a share instead of a count."""

NARROW = 100
"""Below this width, bars are short to leave room for figures."""


class Clock:
    """Estimates the remaining time of steady work."""

    def __init__(self, share: float = 0.0) -> None:
        """Start at a share: work of an earlier run says nothing about the speed of this one."""
        self._started, self._first = time.monotonic(), share

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


class Bars:
    """A context that shows progress on standard error."""

    def __init__(self) -> None:
        self.console = narration()
        self.live = self.console.is_terminal and not self.console.is_dumb_terminal
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30 if self.console.width >= NARROW else 6),
            TextColumn("{task.fields[note]}", markup=False),
            _TimeColumn(elapsed_when_finished=True),
            console=self.console,
            disable=not self.live,
            speed_estimate_period=120,
        )

    def __enter__(self) -> Self:
        """Show the bars."""
        self.bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
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
        done = round(PARTS * share)
        if self._whole is None:
            self._whole = self.bars.add_task("All", total=PARTS, completed=done, note="")
            self._whole_clock = Clock(share)
        self.bars.update(self._whole, completed=done, note=f"{share:.0%}")
        self._whole_note = f"; all: {share:.0%}{self._whole_clock.left(share)}"

    def __call__(self, step: str, done: int, total: int) -> None:
        """Show the progress of a step."""
        if step != self._step:
            self._begin(step, done, total)
        count = f"{done:,} of {total:,}" if total < MANY else f"{done / total:.0%}"
        if self._task is not None:
            note = count if total > 1 else ""
            self.bars.update(self._task, completed=done, total=total, note=note)
        if not self.live and total > 1 and time.monotonic() >= self._next_line and done < total:
            self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
            left = self._clock.left(done / total)
            self.console.print(f"{step}: {count}{left}{self._whole_note}")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Fill the last bar if the job succeeded."""
        if kind is None:
            self._finish()
        super().__exit__(kind)

    def _begin(self, step: str, done: int, total: int) -> None:
        self._finish()
        self._step, self._clock = step, Clock(done / total if total else 0.0)
        self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
        self._task = self.bars.add_task(step, total=total, note="")
        if not self.live:
            self.console.print(f"{step} …")

    def _finish(self) -> None:
        if self._task is not None:
            self.bars.update(self._task, completed=self.bars.tasks[self._task].total)


class TrainingProgress(Bars):
    """Progress of training: one bar for all super-categories and one for each."""

    def __init__(self, names: list[str], finished: set[str]) -> None:
        """Prepare the bars.

        Args:
            names: The super-categories, in order.
            finished: Those that are finished already.
        """
        super().__init__()
        self._clock: Clock | None = None
        self._pictures = self.bars.add_task("Reading pictures", total=None, note="")
        self._overall = self.bars.add_task(
            "All", total=len(names), completed=len(finished), note="", start=False
        )
        self._tasks = {
            name: self.bars.add_task(
                sanitize(name),
                total=1,
                completed=int(name in finished),
                note="finished earlier" if name in finished else "",
                start=False,
            )
            for name in names
        }

    def __call__(self, event: TrainEvent) -> None:
        """Show an event."""
        match event:
            case PicturesRead():
                self._read(event, "Reading pictures", f"{event.total:,} pictures read")
            case FeaturesCached():
                words = f"Features of {event.total:,} pictures cached"
                self._read(event, "Caching features", words)
            case TripletsRead():
                self.console.print(_triplets(event))
            case BatchDone():
                self._batch(event)
            case EpochDone():
                self._epoch(event)

    def _read(self, event: PicturesRead | FeaturesCached, step: str, finished: str) -> None:
        self.bars.update(self._pictures, description=step, completed=event.done, total=event.total)
        if not self.live and event.done == event.total:
            self.console.print(finished)

    def _batch(self, event: BatchDone) -> None:
        task = self._tasks[event.super_category]
        for earlier in takewhile(lambda earlier: earlier != task, self._tasks.values()):
            self.bars.update(earlier, completed=1)  # it may have stopped early
        self.bars.start_task(self._overall)
        self.bars.start_task(task)
        accuracy = self.bars.tasks[task].fields.get("accuracy", "")
        note = f"{_place(event, event.epoch)}  loss {event.loss:.4f}{accuracy}"
        self.bars.update(task, completed=event.share, note=note)
        self.bars.update(self._overall, completed=self._share * len(self._tasks))
        if self._clock is None:  # starts after the first batch: a resumed run starts midway
            self._clock = Clock(self._share)

    def _epoch(self, event: EpochDone) -> None:
        report = event.report
        accuracy = "" if report.accuracy is None else f"  validation {percent(report.accuracy)}"
        note = f"{_place(event, report.epoch)}  loss {report.loss:.4f}{accuracy}"
        self.bars.update(self._tasks[event.super_category], accuracy=accuracy, note=note)
        if self.live:
            return
        parts = [
            f"{sanitize(event.super_category)}: {_place(event, report.epoch, ' of ')}",
            f"loss {report.loss:.4f}",
        ]
        if report.triplet_loss is not None:
            parts.append(f"triplets {report.triplet_loss:.4f}")
        if report.accuracy is not None:
            best = " (best)" if report.is_best else ""
            parts.append(f"validation accuracy {percent(report.accuracy)}{best}")
        left = self._clock.left(self._share) if self._clock else ""
        self.console.print(", ".join([*parts, f"{report.seconds:.1f} s{left}"]))

    @property
    def _share(self) -> float:
        """The done share of all training."""
        shares = [self.bars.tasks[task].completed for task in self._tasks.values()]
        return sum(shares) / len(shares)


def _triplets(event: TripletsRead) -> str:
    if event.taken == event.given:
        return f"Training on the folder's {event.given:,} triplets."
    return (
        f"Training on {event.taken:,} of the folder's {event.given:,} triplets. The others have "
        "validation items, items outside the workspace, or no change of a trained super-category."
    )


def _place(event: BatchDone | EpochDone, epoch: int, separator: str = "/") -> str:
    """Return the position in training, as "encoder, epoch 2/5"."""
    of_all = "" if event.num_epochs is None else f"{separator}{event.num_epochs}"
    return f"{event.stage + ', ' if event.stage else ''}epoch {epoch}{of_all}"
