"""What the explorer is opened for, where that is not simply to look around."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """What a command wants of the explorer."""

    picks: bool = False
    """Whether enter chooses items and leaves."""
    items: tuple[str, ...] | None = None
    """The codes of the only items to show, in their order; None for the whole catalogue."""
    resumes: bool = False
    """Whether it goes on with a session."""
    session: int | None = None
    """Which one; None for the one used last."""


NOTHING_MORE = Wants()
