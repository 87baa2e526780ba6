"""What the explorer is opened for, where that is not simply to look around."""

from dataclasses import dataclass

from datrnet.core.errors import ConfigError


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
    query: str | None = None
    """An item's code or a picture's path, whose substitutes it begins with."""


NOTHING_MORE = Wants()


def wants(
    *, picks: bool, items: tuple[str, ...] | None, session: str | None, query: str | None
) -> Wants:
    """Return what the options of a command come to.

    Raises:
        ConfigError: The session is neither a number nor ``last``, or there is a query besides.
    """
    if session is not None and query is not None:
        raise ConfigError(
            "A session goes on with its own query.", mend="Name an item or --session, not both."
        )
    if session is not None and session != "last" and not session.isdecimal():
        raise ConfigError(
            f"--session takes a number or last, not {session!r}.",
            mend="`datrnet session list` has the numbers.",
        )
    number = None if session in (None, "last") else int(session or 0)
    return Wants(picks=picks, items=items, resumes=session is not None, session=number, query=query)
