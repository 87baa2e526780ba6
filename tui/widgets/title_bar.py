"""The line at the top: where one is, and how much there is."""

from rich.cells import cell_len
from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from datrnet.core.text import inert
from datrnet.tui.fitting import fitted
from datrnet.tui.text_styles import MUTED

SEPARATOR = "  ›  "


class TitleBar(Widget):
    """The trail on the left, a count on the right."""

    trail: reactive[tuple[str, ...]] = reactive(())
    """From the catalogue to where one is."""
    facts: reactive[str] = reactive("")

    def render(self) -> RenderResult:
        """Draw the line; the end of the trail is what must stay readable."""
        name = f" {self.app.title}"
        room = max(0, self.size.width - cell_len(name) - cell_len(self.facts) - 5)
        steps = [inert(step) for step in self.trail]
        while len(steps) > 1 and cell_len(SEPARATOR.join(steps)) > room:
            del steps[0]
            steps[0] = f"… {steps[0]}" if len(steps) > 1 else steps[0]
        trail = fitted(SEPARATOR.join(steps), room)
        return Content.assemble(
            (name, "bold $text-primary"),
            ("  ", ""),
            (trail, ""),
            ("  ", ""),
            (f"{self.facts} ", MUTED),
        )
