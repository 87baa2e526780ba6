"""The keys at the foot of a screen: as many as fit, those needed least left out first."""

from collections.abc import Sequence

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

LEFT_OUT_FIRST = (
    "show_sessions",
    "show_shortlist",
    "sort",
    "clear",
    "shortlist",
    "reverse",
    "review",
    "redo",
    "swap",
    "none",
    "other",
    "undo",
    "step(1)",
    "substitutes",
    "facets",
)
"""Actions in the order in which their keys make room; the help lists all of them."""

KEPT = ("back", "help", "quit")
"""Actions whose keys stay at any width."""

MARGIN = 1
"""Cells after a key, and at either end of the line."""


class KeyLine(Footer):
    """The footer of every screen of the explorer."""

    def __init__(self) -> None:
        """Show keys without decoration; the palette has a key of its own among them."""
        super().__init__(show_command_palette=False, compact=True)

    def compose(self) -> ComposeResult:
        """Yield the keys that fit."""
        keys = [one for one in super().compose() if isinstance(one, FooterKey)]
        yield from fitting(keys, self.size.width or self.app.size.width)

    async def on_resize(self) -> None:
        """Fit them to another width."""
        await self.recompose()


def fitting(keys: Sequence[FooterKey], width: int) -> list[FooterKey]:
    """Return the keys that fit into so many cells, in their order.

    Those of ``LEFT_OUT_FIRST`` make room before others, and of the others the last ones.
    """
    left = list(keys)
    others = [name for key in reversed(left) if (name := _action(key)) not in LEFT_OUT_FIRST + KEPT]
    for action in (*LEFT_OUT_FIRST, *others):
        if sum(map(_width, left)) + MARGIN <= width:
            break
        left = [one for one in left if _action(one) != action]
    return left


def _action(key: FooterKey) -> str:
    return key.action.rpartition(".")[2]


def _width(key: FooterKey) -> int:
    return cell_len(f"{key.key_display} {key.description}") + MARGIN
