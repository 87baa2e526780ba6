"""No change of the page is lost, whatever asks for a place in between."""

import pytest
from textual import events
from textual._compositor import Compositor
from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from datrnet.tui.textual_patches import SteadyCompositor


class Noted(Widget):
    """Counts how often it is told a size, and drawn."""

    DEFAULT_CSS = "Noted { height: 1fr; }"
    told = 0
    drawn = 0

    def on_resize(self, _: events.Resize) -> None:
        self.told += 1

    def render(self) -> str:
        self.drawn += 1
        return "noted"


class Page(Screen[None]):
    """A notice that is hidden at first, and what it takes the place of."""

    def __init__(self, compositor: Compositor) -> None:
        super().__init__()
        self._compositor = compositor

    def compose(self) -> ComposeResult:
        yield Static("body", id="body")
        yield Noted(id="notice")

    def on_mount(self) -> None:
        self.query_one(Noted).display = False


@pytest.mark.parametrize(
    ("compositor", "is_steady"),
    [(SteadyCompositor, True), (Compositor, False)],
    ids=["patched", "plain Textual"],
)
async def test_what_moves_between_two_layouts_is_drawn_and_told(
    compositor: type[Compositor], is_steady: bool
) -> None:
    app = App[None]()
    async with app.run_test(size=(40, 12)) as pilot:
        page = Page(compositor())
        await app.push_screen(page)
        await pilot.pause()
        body, notice = page.query_one("#body"), page.query_one(Noted)
        assert (notice.told, notice.drawn) == (0, 0)

        body.display = False
        notice.display = True
        page._compositor._full_map_invalidated = True  # as a refresh of a hidden widget leaves it
        assert notice.region.size == (40, 12)  # … and some widget asks for its place
        await pilot.pause()

        assert (notice.told > 0) == is_steady
        assert notice.drawn > 0
        assert page.get_widget_at(20, 6)[0] is notice
