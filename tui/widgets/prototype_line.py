"""The line below the pickers: what the prototypes of wanted values are means of."""

from collections.abc import Mapping

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from datrnet.core.retrieval.prototypes import Prototype
from datrnet.core.text import inert
from datrnet.tui.fitting import fitted
from datrnet.tui.text_styles import MUTED
from datrnet.tui.widgets.pickers import NAME_WIDTH


class PrototypeLine(Vertical):
    """Says which prototypes are in force and, where there is room, what each is made of."""

    class Clicked(Message):
        """The line was clicked."""

    def compose(self) -> ComposeResult:
        """What was chosen, and what came of it."""
        yield Static(id="prototypes-chosen", markup=False)
        yield Static(id="prototypes-used", markup=False)

    def show(self, within: str | None, prototypes: Mapping[str, Prototype]) -> None:
        """Tell about the prototypes of a query.

        Args:
            within: The super-category whose value their items share; None for generic ones.
            prototypes: Those in use, by super-category.
        """
        chosen = "generic" if within is None else f"within {inert(within)}"
        self.query_one("#prototypes-chosen", Static).update(
            Content.assemble(
                (" w ", MUTED),
                fitted("prototypes", NAME_WIDTH),
                " ",
                (chosen, MUTED if within is None else "bold $text-accent"),
            )
        )
        used = [inert(f"{one.value}: {one.source}") for one in prototypes.values()]
        self.query_one("#prototypes-used", Static).update("\n".join(used))

    def on_click(self, event: events.Click) -> None:
        """Ask for other prototypes."""
        event.stop()
        self.post_message(self.Clicked())
