"""The tour: a few cards over the screen about what one can do, with the keys that do it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.style import Style
from textual.widgets import Static

from datrnet.tui.text_styles import MUTED


@dataclass(frozen=True, slots=True)
class Card:
    """One step of the tour; names of keys stand in braces."""

    title: str
    text: str


CARDS = (
    Card(
        "Welcome",
        "This is your catalogue. {pictures.left} {pictures.down} {pictures.up} {pictures.right} go "
        "from item to item, {pictures.page_down} a page on; so does the mouse. The pane beside the "
        "pictures tells of the item under the cursor.",
    ),
    Card(
        "Narrow it down",
        "{catalog.search} searches titles and codes as you type. {catalog.facets} goes to the "
        "facets: choose values with {facets.choose}, of several super-categories if you like. The "
        "counts follow.",
    ),
    Card(
        "Find substitutes",
        "{pictures.substitutes} on an item shows what comes nearest to it. {pictures.substitutes} "
        "on a result makes that one the next query; {substitutes.back} goes back. "
        "{item.start_from_picture} begins with a picture on disk instead.",
    ),
    Card(
        "Change one thing",
        "There, {substitutes.picker_1} to {substitutes.picker_9} open the picker of a "
        "super-category. Go to another value, and the results follow: this dress, but black. "
        "{pickers.keep_exactly} keeps a value exactly; {pickers.count_less} and "
        "{pickers.count_more} let it count less or more.",
    ),
    Card(
        "Combine two items",
        "{item.mark} marks an item. Every picker then offers its value: this shirt, in the colour "
        "of that one.",
    ),
    Card(
        "Nothing is lost",
        "{substitutes.undo} takes a change back, {substitutes.redo} makes it again. Every step is "
        "kept in a session: `datrnet session` lists them, asks them again and exports them.",
    ),
    Card(
        "Help is near",
        "{program.help} lists the keys for where you are, {program.commands} everything by name: "
        "themes, and this tour.",
    ),
)


class TourScreen(ModalScreen[None]):
    """One card at a time; the screen that it is about stays in sight."""

    HELP_TITLE = "Tour"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space,right,l,n", "turn(1)", "Next card", show=False, id="tour.next"),
        Binding("left,h,b,p,backspace", "turn(-1)", "Card before", show=False, id="tour.back"),
        Binding("escape,q", "leave", "Leave the tour", show=False, id="tour.leave"),
    ]

    def __init__(self, key_of: Callable[[str], str], cards: Sequence[Card] = CARDS) -> None:
        """Prepare the cards.

        Args:
            key_of: Returns how the key for what a name stands for is shown.
            cards: What to show.
        """
        super().__init__()
        self._key_of = key_of
        self._cards = cards
        self._place = 0

    def compose(self) -> ComposeResult:
        """Title, words, and how to go on."""
        with Vertical(id="tour"):
            yield Static(id="tour-title")
            with VerticalScroll(id="tour-words"):
                yield Static(id="tour-text")
            yield Static(id="tour-end")

    def on_mount(self) -> None:
        """Show the first card."""
        self._show()

    def _show(self) -> None:
        card, number = self._cards[self._place], len(self._cards)
        self.query_one("#tour-title", Static).update(
            Content.assemble((card.title, "bold"), (f"  {self._place + 1} of {number}", MUTED))
        )
        self.query_one("#tour-text", Static).update(self._with_keys(card.text))
        self.query_one("#tour-words").scroll_home(animate=False)
        self.query_one("#tour-end", Static).update(self._end)

    @property
    def _end(self) -> Content:
        """How to go on, as keys and for the mouse."""
        is_last = self._place == len(self._cards) - 1
        ways = [("tour.leave", "done" if is_last else "leave", "screen.leave")]
        if self._place:
            ways.insert(0, ("tour.back", "back", "screen.turn(-1)"))
        if not is_last:
            ways.insert(0, ("tour.next", "next", "screen.turn(1)"))
        return Content("   ").join(
            Content.styled(f"{self._key_of(name)} {word}", Style.from_meta({"@click": action}))
            for name, word, action in ways
        )

    def _with_keys(self, text: str) -> Content:
        """Put the keys in force in the places of their names."""
        pieces = re.split(r"\{([a-z0-9_.]+)\}", text)
        return Content.assemble(
            *(
                (self._key_of(piece), "bold $text-accent") if place % 2 else piece
                for place, piece in enumerate(pieces)
            )
        )

    def action_turn(self, cards: int) -> None:
        """Go on or back; over the last card's end the tour is left."""
        if self._place + cards == len(self._cards):
            self.action_leave()
            return
        self._place = max(0, self._place + cards)
        self._show()

    def action_leave(self) -> None:
        """End the tour."""
        self.dismiss()
