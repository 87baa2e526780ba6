"""Whether a person has opened the explorer before: a mark in the user's state folder."""

from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_path


def is_first_start() -> bool:
    """Tell whether the tour has neither been seen nor left yet."""
    return not _mark().exists()


def remember_start() -> None:
    """Remember that it has; where the folder cannot be written to, the tour comes once more."""
    with suppress(OSError):
        _mark().parent.mkdir(parents=True, exist_ok=True)
        _mark().touch()


def _mark() -> Path:
    return user_state_path("datrnet", appauthor=False) / "tour-seen"
