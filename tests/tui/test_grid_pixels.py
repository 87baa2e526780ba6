"""The grid in pixels: kitty's pictures as text, sixels over blocks once scrolling rests."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.graphics.protocols import PLACEHOLDER
from datrnet.core.graphics.terminal import Terminal
from datrnet.tui.graphics import sixel_page
from datrnet.tui.widgets.thumb_grid import ThumbGrid

Run = Callable[..., Any]

SIXEL = Terminal(is_asked=True, is_answered=True, name="XTerm", has_sixel=True, cell=(8, 16))
KITTY = Terminal(is_asked=True, is_answered=True, name="kitty(1)", has_kitty=True, cell=(8, 16))

_PLACE = re.compile(r'\x1b7\x1b\[(\d+);(\d+)H\x1bP0;1;0q"1;1;(\d+);(\d+)')


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sixel_page, "REST", 0.001)
    monkeypatch.setattr(ThumbGrid, "_send", lambda _, text: texts.append(text))
    return texts


def places(sent: list[str]) -> set[tuple[int, int]]:
    """Return column and line of the pictures sent, from 0."""
    found = [match for match in map(_PLACE.match, sent) if match]
    return {(int(match[2]) - 1, int(match[1]) - 1) for match in found}


def pictures_in_view(explorer: Any) -> set[tuple[int, int]]:
    grid = explorer.grid
    regions = [grid._picture_region(position) for position in grid._in_view]
    return {tuple(region.translate(grid.content_region.offset).offset) for region in regions}


async def test_sixels_lie_in_the_places_of_the_cards_and_a_cursor_step_sends_none(
    workspace: Workspace, run_explorer: Run, sent: list[str]
) -> None:
    async with run_explorer(workspace, terminal=SIXEL) as explorer:
        await explorer.until(lambda: places(sent) == pictures_in_view(explorer))
        grid = explorer.grid
        columns, rows = grid.page.size
        assert {(int(match[3]), int(match[4])) for match in map(_PLACE.match, sent) if match} == {
            (columns * 8, rows * 16)
        }
        await explorer.rest(0.05)
        sent.clear()
        await explorer.press("l")
        await explorer.rest(0.05)
        assert places(sent) == set()


async def test_another_page_and_a_closed_window_send_all_sixels_again(
    workspace: Workspace, run_explorer: Run, sent: list[str]
) -> None:
    async with run_explorer(workspace, terminal=SIXEL) as explorer:
        await explorer.until(lambda: places(sent) == pictures_in_view(explorer))
        sent.clear()
        await explorer.press("space")
        await explorer.until(lambda: places(sent) == pictures_in_view(explorer))
        await explorer.press("question_mark")
        await explorer.rest(0.05)
        sent.clear()
        explorer.app.screen_stack[0].query_one(ThumbGrid).refresh()
        await explorer.rest(0.05)
        assert sent == []  # nothing over the window
        await explorer.press("escape")
        await explorer.until(lambda: places(sent) == pictures_in_view(explorer))


async def test_kittys_pictures_are_sent_once_and_freed_at_the_end(
    workspace: Workspace, run_explorer: Run, sent: list[str]
) -> None:
    async with run_explorer(workspace, terminal=KITTY) as explorer:
        in_view = len(explorer.grid._in_view)
        await explorer.until(lambda: sum("a=T" in text for text in sent) == in_view)
        await explorer.rest()
        assert PLACEHOLDER in explorer.grid.render_line(2).text
        sent.clear()
        await explorer.press("l", "h")
        assert sent == []
        await explorer.press("space")
        await explorer.until(lambda: any("a=T" in text for text in sent))
        added = in_view + sum("a=T" in text for text in sent)
        sent.clear()
    assert sum("a=d" in text for text in sent) == added
