"""Long work: what runs, how far it is, how it is canceled, and results that wait for their screen.

Work that takes a moment only is never shown.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from textual.app import App
from textual.screen import Screen
from textual.timer import Timer
from textual.worker import Worker, get_current_worker

from datrnet.tui.widgets.bars import JobLine

PATIENCE = 0.3
"""Seconds until work is shown."""

TICK_SECONDS = 0.1

SIGNS = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
"""Shown in turn while a job does not know how far it is."""

BAR_WIDTH = 12


class JobCanceledError(Exception):
    """Nobody waits for this work any longer."""


@dataclass(eq=False, slots=True)
class Job:
    """A piece of work in a worker."""

    name: str
    worker: Worker[Any]
    on_cancel: Callable[[], object] | None = None
    """Called when the user cancels it."""
    began: float = field(default_factory=time.monotonic)
    share: float | None = None
    """How much of it is done; None if it cannot tell."""

    def report(self, done: int, total: int) -> None:
        """Say how much is done; called by the work, in any thread.

        Raises:
            JobCanceledError: The work is no longer wanted.
        """
        if self.worker.is_cancelled:
            raise JobCanceledError
        self.share = done / max(total, 1)

    def words(self, now: float) -> str:
        """Return what is going on and how far it is."""
        if self.share is None:
            return f"{SIGNS[int(now / TICK_SECONDS) % len(SIGNS)]} {self.name} …"
        filled = round(self.share * BAR_WIDTH)
        bar = "━" * filled + "─" * (BAR_WIDTH - filled)
        return f"{self.name} {bar} {self.share:.0%}"


@dataclass(frozen=True, slots=True)
class Held:
    """A result that would take over a screen on which something else is done meanwhile."""

    name: str
    screen: Screen[Any]
    show: Callable[[], object]


class Jobs:
    """All long work of the explorer, and the line that shows it."""

    def __init__(self, app: App[Any], key_of: Callable[[str], str]) -> None:
        """Begin without work.

        Args:
            app: Has the lines.
            key_of: Returns the key for the id of a binding, as it is shown.
        """
        self._app, self._key_of = app, key_of
        self._jobs: list[Job] = []
        self._held: list[Held] = []
        self._ticks: Timer | None = None

    @contextmanager
    def job(self, name: str, on_cancel: Callable[[], object] | None = None) -> Iterator[Job]:
        """List work while it is done by the current worker, in its coroutine or its thread.

        Args:
            name: What is done, in words.
            on_cancel: Called after the user has canceled the worker.
        """
        job = Job(name, get_current_worker(), on_cancel)
        self._jobs.append(job)
        self._app.call_later(self._watch)
        try:
            yield job
        finally:
            self._jobs.remove(job)

    @property
    def shown(self) -> Job | None:
        """The oldest work that takes more than a moment."""
        due = time.monotonic() - PATIENCE
        wanted = (job for job in list(self._jobs) if not job.worker.is_cancelled)
        return next((job for job in wanted if job.began <= due), None)

    def cancel(self) -> None:
        """Cancel the work that is shown."""
        if (job := self.shown) is not None:
            job.worker.cancel()
            if job.on_cancel is not None:
                job.on_cancel()
            self.show()

    # ── results that have to wait ────────────────────────────────────────────

    def deliver(self, name: str, screen: Screen[Any], show: Callable[[], object]) -> None:
        """Show a result on its screen now, or as soon as nothing lies over the screen.

        Args:
            name: What is ready, in words.
            screen: The screen that asked for it.
            show: Shows it.
        """
        if self._app.screen is screen:
            show()
        else:
            self._held.append(Held(name, screen, show))
            self.show()

    def resume(self, screen: Screen[Any]) -> None:
        """Show what has waited for a screen that is on top again: of several results the last."""
        waiting = [held for held in self._held if held.screen is screen]
        self._held = [
            held
            for held in self._held
            if held not in waiting and held.screen in self._app.screen_stack
        ]
        if waiting:
            waiting[-1].show()
        self.show()

    # ── the line ─────────────────────────────────────────────────────────────

    def _watch(self) -> None:
        """Show from now on how far the work is, until it is done."""
        if self._ticks is None and self._jobs:
            self._ticks = self._app.set_interval(TICK_SECONDS, self.show)

    def show(self) -> None:
        """Show the work on every screen, or that there is none."""
        if not self._jobs and self._ticks is not None:
            self._ticks.stop()
            self._ticks = None
        words = cancel = ""
        if (job := self.shown) is not None:
            words, cancel = job.words(time.monotonic()), f"{self._key_of('job.cancel')} cancels"
        elif self._held:
            words = f"{self._held[-1].name} is ready: close this page to see it"
        for screen in self._app.screen_stack:
            for line in screen.query(JobLine):
                line.show(words, cancel)
