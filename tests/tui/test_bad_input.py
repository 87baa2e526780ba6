"""Sizes, titles and pictures that nobody would choose: a working explorer and clear words."""

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from datrnet.core.catalog.workspace import Workspace
from datrnet.db.rows import NewItem
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.help import HelpScreen
from datrnet.tui.screens.substitutes import SubstitutesScreen
from tests.tui.conftest import loop_is_idle, workers_end

Run = Callable[..., Any]

HOSTILE = (
    "[red]A[/] [/] [@click=app.quit]E[/] \x1b[31m\x1b]0;owned\x07B\u202eC\u200b\x9b2J\r\n\x00D "
    + "\u05d0\u0634\u0644\u0648\u0645 👩‍👩‍👧 " + "x" * 1_000
)  # fmt: skip
STEERING = ("\x1b", "\x07", "\x9b", "\r", "\x00", "\u202e", "\u200b")

Way = tuple[str, ...]

# each screen, how one comes there from the one before, and back
_screens: dict[str, tuple[Way, Way]] = {
    "catalog": ((), ()),
    "facets": (("f", "j"), ("escape",)),
    "palette": (("colon",), ("escape",)),
    "substitutes": (("enter", "2", "j", "j"), ()),
    "help": (("question_mark",), ()),
}


def screen_is(explorer: Any, name: str) -> None:
    kinds = {"help": HelpScreen, "substitutes": SubstitutesScreen, "catalog": BrowseScreen}
    kind = kinds.get(name)
    assert kind is None or isinstance(explorer.screen, kind)


async def test_any_sizes_are_drawn_on_every_screen(workspace: Workspace, run_explorer: Run) -> None:
    rng = random.Random(0)
    async with run_explorer(workspace) as explorer:
        for name, (way, back) in _screens.items():
            await explorer.press(*way)
            screen_is(explorer, name)
            under_cursor = explorer.app.screen_stack[0].grid.row
            drawn = [(rng.randint(1, 220), rng.randint(1, 70)) for _ in range(2)]
            for width, height in [(10, 3), *drawn, (120, 40)]:
                await explorer.pilot.resize_terminal(width, height)
                await explorer.until(lambda: explorer.text().count("\n") + 1 == height)  # noqa: B023
            screen_is(explorer, name)
            assert explorer.app.screen_stack[0].grid.row == under_cursor
            await explorer.press(*back)


async def test_every_screen_is_drawn_without_colors(
    workspace: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with run_explorer(workspace) as explorer:
        for name, (way, back) in _screens.items():
            await explorer.press(*way)
            screen_is(explorer, name)
            explorer.app.notify("A notice")
            await explorer.press("l", *back)
        assert explorer.app.is_running


def rewritten(workspace: Workspace, sql: str, *values: object) -> None:
    with sqlite3.connect(workspace.catalog_path) as connection:
        connection.execute(sql, values)
    connection.close()


async def test_no_title_steers_any_screen(workspace: Workspace, run_explorer: Run) -> None:
    rewritten(workspace, "UPDATE items SET title = ? || id, code = ? || id", HOSTILE, HOSTILE[:90])
    rewritten(workspace, "UPDATE attribute_values SET name = ? || name", HOSTILE[:60])
    async with run_explorer(workspace, size=(160, 45)) as explorer:
        seen = [explorer.text()]
        for keys in (
            ("l",), ("y",), ("f", "j", "j", "space"), ("f", "m"), ("question_mark",), ("escape",),
            ("l", "enter"), ("y",), ("2", "j", "j"), ("tab", "l"), ("enter",), ("escape",),
            ("escape",), ("slash", "n", "o", "s", "u", "c", "h"), ("colon",), ("escape",),
            ("escape",), ("v",), ("2",), ("3",), ("1", "e"),
        ):  # fmt: skip
            await explorer.press(*keys)
            seen.append(explorer.text())
        shown = "\n".join(seen) + explorer.notices()
        assert not [sign for sign in STEERING if sign in shown]
        assert "[red]A[/]" in shown
        assert "␛[31m" in shown
        assert "[@click=app.quit]E[/]" in shown
        assert explorer.app.is_running


async def test_a_picture_that_goes_while_it_is_shown(
    workspace: Workspace, run_explorer: Run
) -> None:
    pictures = workspace.root / "pictures"
    async with run_explorer(workspace) as explorer:
        (pictures / "00.png").unlink()
        (pictures / "01.png").write_bytes(b"\x89PNG\r\n garbage")
        (pictures / "02.png").write_bytes(b"")
        (pictures / "03.png").unlink()
        (pictures / "03.png").mkdir()
        await explorer.press("l")
        assert "01.png" in explorer.text()
        for key in ("l", "l", "g"):
            await explorer.press(key)
            assert "Traceback" not in explorer.text()
        assert "missing" in explorer.text()
        await explorer.press("o")
        assert "is missing" in explorer.notices()
        await explorer.press("enter")
        assert isinstance(explorer.screen, SubstitutesScreen)
        await explorer.press("a")
        assert explorer.app.is_running


@pytest.mark.parametrize("keys", ["enter", "G a s", "f slash", "question_mark colon"])
async def test_keys_before_the_first_page_are_harmless(workspace: Workspace, keys: str) -> None:
    from datrnet.tui.app import ExplorerApp

    async with ExplorerApp(workspace).run_test(size=(120, 40)) as pilot:
        for key in keys.split() * 3:
            pilot.app.simulate_key(key)
        await pilot.pause()
        await workers_end(pilot.app)
        await loop_is_idle()  # what a key opens may only be on its way
        await pilot.press("escape", "escape", "escape")
        await loop_is_idle()
        assert isinstance(pilot.app.screen, BrowseScreen)


async def test_what_is_typed_in_one_go_with_the_key_that_leads_to_a_field(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        for key in ("slash", "r", "e", "d"):
            explorer.app.simulate_key(key)
        await explorer.rest(0.1)
        assert set(explorer.labels("colour", 99)) == {"red"}


def bare_item(number: int, **labels: str) -> NewItem:
    return NewItem(
        code=f"B{number}", title="", picture_path="pictures/nowhere.png", split="", labels=labels
    )


@pytest.mark.parametrize(("num_items", "labeled"), [(0, False), (1, False), (3, True)])
async def test_few_items_without_pictures_and_labels(
    tmp_path: Path, run_explorer: Run, num_items: int, labeled: bool
) -> None:
    workspace = Workspace(tmp_path / "few")
    labels = {"colour": "red"} if labeled else {}
    with workspace.create_store() as store:
        store.upsert_items([bare_item(number, **labels) for number in range(num_items)])
    async with run_explorer(workspace) as explorer:
        assert len(explorer.codes) == num_items
        assert f"{num_items:,} items" in explorer.text() or num_items == 1
        keys = ("l", "G", "g", "space", "enter", "y", "m", "o", "a", "f", "j", "j", "space", "x")
        await explorer.press(*keys, "f", "slash", "b", "enter", "escape", "escape", "question_mark")
        await explorer.press("escape")
        assert isinstance(explorer.screen, BrowseScreen)
        assert len(explorer.codes) == num_items


async def test_one_item_with_an_index_has_no_substitutes_and_says_so(
    workspace: Workspace, run_explorer: Run, index_again: Callable[..., None]
) -> None:
    rewritten(workspace, "DELETE FROM items WHERE id > 1")
    with workspace.open_store() as store:
        index_again(workspace, store)
    async with run_explorer(workspace) as explorer:
        await explorer.press("enter")
        assert isinstance(explorer.screen, SubstitutesScreen)
        assert "There are no other items" in explorer.text()
        await explorer.press("1", "j", "tab", "l", "enter", "y", "u", "escape")
        assert explorer.app.is_running


async def test_a_picture_as_wide_as_a_banner_is_shown(
    workspace: Workspace, run_explorer: Run
) -> None:
    strip = np.zeros((2, 3000, 3), dtype=np.uint8)
    Image.fromarray(strip).save(workspace.root / "pictures" / "01.png")
    async with run_explorer(workspace) as explorer:
        await explorer.press("l")
        assert explorer.app.is_running
