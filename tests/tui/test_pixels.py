"""The picture in pixels: one, in its place, never over anything else, never left behind."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from textual.events import Resize
from textual.geometry import Size

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.graphics.protocols import PLACEHOLDER, removal
from datrnet.core.graphics.terminal import Terminal
from datrnet.core.preferences import Preferences
from datrnet.tui.graphics import sixel_page
from datrnet.tui.widgets.detail_pane import DetailPane
from datrnet.tui.widgets.picture_view import PictureView

Run = Callable[..., Any]

SIXEL = Terminal(is_asked=True, is_answered=True, name="XTerm", has_sixel=True, cell=(8, 16))
KITTY = Terminal(is_asked=True, is_answered=True, name="kitty(1)", has_kitty=True, cell=(8, 16))

_PAINTED = re.compile(r'\x1b7\x1b\[(\d+);(\d+)H\x1bP0;1;0q"1;1;(\d+);(\d+)')


class Sent:
    """What is written to the terminal past the cells."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def pictures(self) -> list[tuple[int, ...]]:
        """Return line, column, width and height of the pictures since the last call."""
        texts, self.texts = self.texts, []
        found = map(_PAINTED.match, texts)
        return [tuple(map(int, match.groups())) for match in found if match is not None]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    recorder = Sent()
    monkeypatch.setattr(sixel_page, "REST", 0.001)
    monkeypatch.setattr(PictureView, "_send", lambda _, text: recorder.texts.append(text))
    return recorder


@pytest.fixture(autouse=True)
def true_colors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)


def place(explorer: Any) -> tuple[int, int, int, int]:
    """Return the first and last line and column of the picture's widget, counted from 1."""
    region = explorer.screen.query_one(DetailPane).picture.content_region
    return region.y + 1, region.bottom, region.x + 1, region.right


async def test_one_picture_is_sent_into_its_place(
    workspace: Workspace, run_explorer: Run, sent: Sent
) -> None:
    async with run_explorer(workspace, terminal=SIXEL) as explorer:
        await explorer.rest(0.05)
        line, column, width, height = sent.pictures()[-1]
        top, bottom, left, right = place(explorer)
        assert top <= line
        assert line + height / 16 <= bottom + 1
        assert left <= column
        assert column + width / 8 <= right + 1
        assert abs(width / height - 48 / 64) < 0.02  # as the picture is
        assert height > 8 * 16  # it fills its place
        sent.texts.clear()
        await explorer.rest(0.1)
        assert sent.texts == []  # at rest nothing is sent again


async def test_the_next_picture_is_sent_once(
    workspace: Workspace, run_explorer: Run, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sixel_page, "REST", 2.0)
    async with run_explorer(workspace, terminal=SIXEL) as explorer:
        await explorer.rest(0.05)
        (before,) = sent.texts
        await explorer.press("l")
        await explorer.rest(0.05)
        _, after = sent.texts  # not the one before once more
        assert after != before


async def test_query_and_result_are_in_pixels_side_by_side(
    workspace: Workspace, run_explorer: Run, sent: Sent
) -> None:
    async with run_explorer(workspace, terminal=SIXEL) as explorer:
        await explorer.press("enter")
        await explorer.rest(0.05)
        _, _, left, _ = place(explorer)
        query = explorer.screen.query_one("#query-picture", PictureView)
        assert query._pixels is not None
        columns = {column for _, column, _, _ in sent.pictures()}
        assert min(columns) <= query.content_region.right < left <= max(columns)


async def test_nothing_is_sent_over_a_window_and_after_it_the_picture_is_back(
    workspace: Workspace, run_explorer: Run, sent: Sent
) -> None:
    async with run_explorer(workspace, terminal=SIXEL) as explorer:
        await explorer.rest(0.05)
        await explorer.press("question_mark")
        sent.texts.clear()
        explorer.app.screen_stack[0].query_one(DetailPane).picture.refresh()
        explorer.screen.refresh()
        await explorer.rest(0.05)
        assert sent.pictures() == []
        await explorer.press("escape")
        await explorer.rest(0.05)
        assert sent.pictures()


async def test_nothing_is_sent_over_a_notice_and_after_it_the_picture_is_back(
    workspace: Workspace, run_explorer: Run, sent: Sent
) -> None:
    async with run_explorer(workspace, terminal=SIXEL, notices=True) as explorer:
        await explorer.rest(0.05)
        # so long that it reaches up to the picture
        explorer.app.notify("\n".join(map(str, range(40))), timeout=60)
        await explorer.rest(0.05)
        sent.texts.clear()
        await explorer.press("l")
        await explorer.rest(0.05)
        assert sent.pictures() == []
        explorer.app.clear_notifications()
        await explorer.rest(0.05)
        assert sent.pictures()


async def test_another_size_brings_another_picture(
    workspace: Workspace, run_explorer: Run, sent: Sent
) -> None:
    async with run_explorer(workspace, terminal=SIXEL, size=(120, 40)) as explorer:
        await explorer.rest(0.05)
        *_, before = sent.pictures()
        await explorer.pilot.resize_terminal(160, 50)
        await explorer.rest(0.1)
        *_, after = sent.pictures()
        assert after[1] > before[1]
        assert after[3] > before[3]
        # where there is no room for it, there is none
        for size in ((80, 20), (20, 6), (1, 1)):
            await explorer.pilot.resize_terminal(*size)
            await explorer.rest(0.05)
            sent.texts.clear()
            await explorer.press("l")
            await explorer.rest(0.05)
            assert sent.pictures() == []
        await explorer.pilot.resize_terminal(120, 40)
        await explorer.rest(0.1)
        assert sent.pictures()[-1] == before


async def test_cells_of_another_size_bring_another_picture(
    workspace: Workspace, run_explorer: Run, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datrnet.tui.app.cell_size", lambda: (16, 32))
    async with run_explorer(workspace, terminal=SIXEL) as explorer:
        await explorer.rest(0.05)
        sent.texts.clear()
        with monkeypatch.context() as patched:
            patched.setattr(type(explorer.app), "is_headless", False)
            size = Size(120, 40)
            explorer.app.post_message(Resize(size, size))
            await explorer.rest()
        await explorer.rest(0.1)
        assert explorer.app.context.drawing.cell == (16, 32)
        assert sent.pictures()[-1][3] > 16 * 16


async def test_a_picture_deleted_is_told_in_words_and_nothing_is_left(
    workspace: Workspace, run_explorer: Run, sent: Sent
) -> None:
    async with run_explorer(workspace, terminal=SIXEL) as explorer:
        await explorer.rest(0.05)
        for path in (workspace.root / "pictures").iterdir():
            path.unlink()
        await explorer.press("l")
        view = explorer.screen.query_one(DetailPane).picture
        await explorer.until(lambda: "is missing" in " ".join(view._text))
        sent.texts.clear()
        await explorer.rest(0.05)
        assert sent.pictures() == []


async def test_an_activation_map_is_seen_in_pixels(
    workspace: Workspace, run_explorer: Run, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    from datrnet.core.indexing.activations import Look
    from datrnet.tui.graphics.pictures import Looker

    look = Look(heat=np.ones((4, 4), dtype=np.float32), value="red", region=None)
    monkeypatch.setattr(Looker, "look", lambda *_: look)
    monkeypatch.setattr(Looker, "is_ready", lambda *_: True)
    async with run_explorer(workspace, terminal=SIXEL, size=(140, 50)) as explorer:
        await explorer.rest(0.05)
        plain = sent.texts[-1]
        await explorer.press("a")
        await explorer.rest(0.1)
        assert sent.texts[-1] != plain
        mapped = sent.texts[-1]
        await explorer.press("A")
        await explorer.rest(0.1)
        assert sent.texts[-1] == plain != mapped


async def test_kittys_picture_is_text_with_its_number_for_a_color(
    workspace: Workspace, run_explorer: Run, sent: Sent
) -> None:
    async with run_explorer(workspace, terminal=KITTY) as explorer:
        await explorer.rest(0.05)
        view = explorer.screen.query_one(DetailPane).picture
        number = view._number
        shown = [
            segment
            for y in range(view.size.height)
            for segment in view.render_line(y)
            if PLACEHOLDER in segment.text
        ]
        assert len(shown) == view._pixels.rows * view._pixels.columns
        assert {segment.style.color.triplet.rgb for segment in shown} == {
            f"rgb({number >> 16},{number >> 8 & 255},{number & 255})"
        }
        assert PLACEHOLDER in explorer.text()
        assert f"i={number}," in sent.texts[-1]
        await explorer.press("l")
        await explorer.rest(0.05)
        # the one before is forgotten once the next is there, and at the end the last one is
        assert [text for text in sent.texts if "a=d" in text][-1] == removal(number)
        last = view._number
        assert last != number
    assert sent.texts[-1] == removal(last)


async def test_two_screens_with_the_same_picture_have_a_number_each(
    workspace: Workspace, run_explorer: Run, sent: Sent
) -> None:
    async with run_explorer(workspace, terminal=KITTY) as explorer:
        await explorer.press("l", "l")
        below = explorer.screen.query_one(DetailPane).picture
        row = below.source
        await explorer.press("g", "enter", "tab")
        above = explorer.screen.query_one(DetailPane).picture
        below_number = below._number
        position = explorer.grid.listing.rows.tolist().index(row)
        explorer.grid.move_to(position)
        await explorer.rest(0.05)
        assert above._number != below_number
        explorer.grid.move_to(position + 1)
        await explorer.rest(0.05)
        assert removal(below_number) not in sent.texts


async def test_without_pictures_words_have_the_room(
    workspace: Workspace, run_explorer: Run, sent: Sent
) -> None:
    settings = Preferences(pictures="none")
    async with run_explorer(workspace, terminal=SIXEL, preferences=settings) as explorer:
        assert not explorer.screen.query_one(DetailPane).picture.size.height
        await explorer.press("l", "enter", "j", "a")
        assert "no room" in explorer.notices()
    assert sent.texts == []


@pytest.mark.parametrize("blocks", ["sextants", "halves"])
async def test_grid_and_pane_are_drawn_in_the_characters_set(
    workspace: Workspace, run_explorer: Run, blocks: Any
) -> None:
    async with run_explorer(workspace, preferences=Preferences(blocks=blocks)) as explorer:
        await explorer.press("enter")
        text = explorer.text()
        used = {
            character
            for character in text
            if character in "▖▗▘▙▚▛▜▝▞▟" or 0x1FB00 <= ord(character) <= 0x1FB3B
        }
        frame = set("▗▖")  # of the cursor
        if blocks == "halves":
            assert used <= frame
        else:
            assert len({character for character in used if ord(character) >= 0x1FB00}) > 3
            assert used - frame <= {character for character in used if ord(character) >= 0x1FB00}


async def test_without_colors_a_sixel_picture_is_gray(
    workspace: Workspace, run_explorer: Run, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with run_explorer(workspace, terminal=SIXEL) as explorer:
        await explorer.press("l")
        await explorer.rest(0.05)
        colors = re.findall(r"#\d+;2;(\d+);(\d+);(\d+)", sent.texts[-1])
        assert colors
        assert all(red == green == blue for red, green, blue in colors)


def test_pictures_are_kept_until_their_files_change(workspace: Workspace) -> None:
    import os

    from datrnet.core.catalog.pictures import Picture
    from datrnet.core.graphics.terminal import Drawing
    from datrnet.tui.graphics.pictures import picture_in_pixels

    source = Picture(workspace.root / "pictures" / "01.png")
    drawing = Drawing(protocol="sixel")
    first = picture_in_pixels(source, 10, 20, drawing)
    assert picture_in_pixels(source, 10, 20, drawing) is first
    Image.new("RGB", (40, 40), "orange").save(source.path)
    os.utime(source.path, ns=(1, 1))
    again = picture_in_pixels(source, 10, 20, drawing)
    assert again.size == (160, 160)
    assert (again.rows, again.columns) == (10, 20)
