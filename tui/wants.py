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
    session: str | None = None
    """The number or name of the session that it goes on with, or ``last``; None for none."""
    query: str | None = None
    """An item's code or a picture's path, whose substitutes it begins with."""


NOTHING_MORE = Wants()


def wants(
    *, picks: bool, items: tuple[str, ...] | None, session: str | None, query: str | None
) -> Wants:
    """Return what the options of a command come to.

    Raises:
        ConfigError: There is both a session and a query.
    """
    if session is not None and query is not None:
        raise ConfigError(
            "A session goes on with its own query.", mend="Name an item or --session, not both."
        )
    return Wants(picks=picks, items=items, session=session, query=query)
