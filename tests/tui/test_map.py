"""The map of the catalog: cursor, pictures and detail go together; doubts are seen and settled."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.retrieval.item_map import MAP
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.dialogs import ValuePicker
from datrnet.tui.screens.map_screen import MapScreen
from datrnet.tui.screens.substitutes import SubstitutesScreen
from datrnet.tui.widgets.detail_pane import DetailPane
from datrnet.tui.widgets.point_map import PointMap

Run = Callable[..., Any]


@pytest.fixture
def draws_frames() -> bool:
    return False


@pytest.fixture
def doubtful(workspace: Workspace) -> Workspace:
    """A shop in which a black item is called red and a blue one green."""
    with workspace.open_store() as store:
        item_ids = Catalog.load(store).item_ids.tolist()
        for row, value in {0: "red", 5: "green"}.items():
            store.set_label(item_ids[row], "colour", value, "shop")
    return workspace


def _map(explorer: Any) -> PointMap:
    found = explorer.screen.query_one(PointMap)
    assert isinstance(found, PointMap)
    return found


def _code(explorer: Any) -> str:
    row = _map(explorer).row
    assert row is not None
    return str(explorer.snapshot.catalog.codes[row])


def _said(explorer: Any, code: str) -> tuple[str | None, bool]:
    """Return the colour of an item in the database, and whether it was set by hand."""
    store = explorer.app.library.store
    catalog = Catalog.load(store)
    row = catalog.row_of_code(code)
    by_hand = (int(catalog.item_ids[row]), "colour") in store.labels_by_person()
    return catalog.labels_of(row)["colour"], by_hand


async def test_the_map_opens_on_the_item_of_the_catalog_and_leads_back_to_its_own(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("l", "l", "M")
        assert isinstance(explorer.screen, MapScreen)
        assert _code(explorer) == "P-002"
        assert "Map › garment" in explorer.text()
        assert "dress 16" in explorer.text()
        await explorer.press("c")
        assert "Map › colour" in explorer.text()
        assert _code(explorer) == "P-002"
        await explorer.press("l", "h", "k", "j", "j", "l")
        moved = _code(explorer)
        assert moved != "P-002"
        assert explorer.screen.query_one(DetailPane)._subject.code == moved
        await explorer.press("escape")
        assert isinstance(explorer.screen, BrowseScreen)
        assert explorer.code == moved


async def test_steps_reach_every_corner_and_enter_shows_substitutes(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("M", *["l"] * 20)
        points = _map(explorer).content.points
        column = _map(explorer)._drawn.cells % _map(explorer).size.width
        assert column[_map(explorer).cursor] >= column.max() - 1
        await explorer.press(*["up"] * 20)
        assert points[_map(explorer).cursor, 1] >= np.quantile(points[:, 1], 0.9)
        code = _code(explorer)
        await explorer.press("enter")
        assert isinstance(explorer.screen, SubstitutesScreen)
        assert f"number {int(code[2:])} " in explorer.text()


async def test_pictures_nearby_and_the_map_move_each_other(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("M", "c", "p")
        first = _code(explorer)
        assert explorer.code == first
        points, cursor = _map(explorer).content.points, _map(explorer).cursor
        apart = ((points[explorer.grid.listing.rows] - points[cursor]) ** 2).sum(axis=1)
        assert (np.diff(apart) >= -1e-6).all()
        await explorer.press("tab", "l")
        assert explorer.grid.has_focus
        assert _code(explorer) == explorer.code != first
        listed = explorer.codes
        await explorer.press("tab", "h")
        assert explorer.codes != listed
        assert explorer.code == _code(explorer)
        await explorer.press("p")
        assert not explorer.grid.display


async def test_the_shortlist_and_marks_work_as_elsewhere(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("M", "full_stop", "m")
        code = _code(explorer)
        assert explorer.app.session.shortlist.codes == (code,)
        assert explorer.app.library.marked == explorer.snapshot.catalog.row_of_code(code)


async def test_facets_set_the_other_points_back(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("f", "j", "space", "f")
        shown = set(explorer.codes)
        assert 0 < len(shown) < 48
        await explorer.press("M")
        assert f"{len(shown)} of 48 items" in explorer.text()
        for key in "lhjkllkkjh":
            await explorer.press(key)
            assert _code(explorer) in shown
        await explorer.press("enter")
        assert explorer.screen.search.state.filters.where == {"garment": ("shirt",)}


async def test_doubts_are_signs_and_a_correction_can_be_undone(
    doubtful: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(doubtful) as explorer:
        await explorer.press("M", "c", "n")
        assert "doubtful 2" in explorer.text()
        code = _code(explorer)
        assert code in {"P-000", "P-005"}
        assert "but the model sees" in explorer.text()
        assert "[!]" in explorer.text()
        label, guess = {"P-000": ("red", "black"), "P-005": ("green", "blue")}[code]
        await explorer.press("e")
        assert isinstance(explorer.screen, ValuePicker)
        await explorer.press("enter")
        assert _said(explorer, code) == (guess, True)
        assert _map(explorer).content.value_at(_map(explorer).cursor) == guess
        assert "doubtful 1" in explorer.text()
        assert _code(explorer) == code
        await explorer.press("n")
        assert {code, _code(explorer)} == {"P-000", "P-005"}
        await explorer.press("x")
        assert "doubtful" not in explorer.text()
        await explorer.press("u", "u")
        assert _said(explorer, code) == (label, False)
        assert "doubtful 2" in explorer.text()
        await explorer.press("r")
        assert _said(explorer, code) == (guess, True)
        await explorer.press("escape")
        assert explorer.snapshot.catalog.labels_of(0)["colour"] in ("red", "black")


async def test_without_doubts_the_key_says_so(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace, notices=True) as explorer:
        await explorer.press("M", "n")
        assert "No doubtful label of garment" in explorer.notices()
        await explorer.press("u")
        assert "Nothing to undo" in explorer.notices()


async def test_zooming_panning_and_the_mouse(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("M")
        point_map, code = _map(explorer), _code(explorer)
        cell = point_map._cursor_cell
        await explorer.press("plus", "plus")
        assert point_map.view.zoom > 2
        assert "2.6×" in explorer.text()
        assert point_map._cursor_cell == cell
        assert _code(explorer) == code
        before = point_map.view
        await explorer.press("shift+right")
        assert point_map.view != before
        assert _code(explorer) == code
        await explorer.press("0")
        assert point_map.view.zoom == 1
        other = (point_map.cursor + 24) % 48
        number = int(point_map._drawn.cells[other])
        row, column = divmod(number, point_map.size.width)
        await explorer.pilot.click(PointMap, offset=(column, row))
        await explorer.rest()
        assert int(point_map._drawn.cells[point_map.cursor]) == number
        await explorer.press("space")
        assert int(point_map._drawn.cells[point_map.cursor]) == number


async def test_without_colors_letters_tell_values_apart(
    workspace: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with run_explorer(workspace) as explorer:
        await explorer.press("M")
        assert _map(explorer).has_letters
        assert "A dress 16" in explorer.text()
        await explorer.press("t")
        assert "● dress 16" in explorer.text()


@pytest.mark.parametrize("size", [(1, 1), (40, 12), (80, 24), (200, 60)])
async def test_the_map_fits_into_any_terminal(
    workspace: Workspace, run_explorer: Run, size: tuple[int, int]
) -> None:
    async with run_explorer(workspace, size=size) as explorer:
        await explorer.press("M", "p", "l", "plus", "c")
        if size != (1, 1):
            assert _map(explorer)._cursor_cell is not None
        await explorer.pilot.resize_terminal(100, 30)
        await explorer.rest()
        code = _code(explorer)
        assert code in explorer.text()
        assert _map(explorer)._cursor_cell is not None


async def test_without_an_index_the_map_says_why_it_is_empty(
    bare_workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(bare_workspace) as explorer:
        await explorer.press("M")
        text = " ".join(explorer.text().split())
        assert "no index yet" in text
        assert "The map is drawn from the index" in text
        await explorer.press("l", "n", "c", "p", "plus", "space", "enter", "e", "x", "s", "0")
        assert isinstance(explorer.screen, MapScreen)
        await explorer.press("escape")
        assert isinstance(explorer.screen, BrowseScreen)


async def test_a_layout_is_kept_with_the_index(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("M")
        folder = explorer.snapshot.searcher.generation.folder
        points = _map(explorer).content.points
    assert (folder / MAP).is_file()
    async with run_explorer(workspace) as explorer:
        await explorer.press("M")
        np.testing.assert_array_equal(_map(explorer).content.points, points)
