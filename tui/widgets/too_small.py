"""The notice in place of everything when the terminal is too small."""

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

SMALLEST_WIDTH = 40
SMALLEST_HEIGHT = 12


class TooSmall(Widget):
    """Says how large the terminal must be."""

    def render(self) -> RenderResult:
        """Say it in whatever room there is."""
        size = self.app.size
        needed = f"{SMALLEST_WIDTH}x{SMALLEST_HEIGHT}"
        return Content(f"Too small: {size.width}x{size.height}. Needs {needed}.")
