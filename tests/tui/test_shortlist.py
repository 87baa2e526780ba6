"""Setting items aside, and what can be done with them."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.sessions.export import export_shortlist
from datrnet.tui.screens.shortlist import ShortlistScreen
from datrnet.tui.screens.substitutes import SubstitutesScreen

Run = Callable[..., Any]


@pytest.fixture
def draws_frames() -> bool:
    return False


async def test_a_key_sets_an_item_aside_and_its_card_says_so(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace, size=(100, 30)) as explorer:
        await explorer.press("full_stop", "right", "right", "full_stop", "right")
        assert explorer.text().count("+ listed") == 2
        await explorer.press("left", "full_stop")
        assert explorer.text().count("+ listed") == 1
        await explorer.press("enter", "tab", "full_stop")
        assert explorer.text().count("+ listed") >= 1
        listed = explorer.code
        await explorer.press("L")
        assert isinstance(explorer.screen, ShortlistScreen)
        assert explorer.codes == ["P-000", listed]
        await explorer.press("x")
        assert explorer.codes == [listed]
        await explorer.press("x", "escape", "escape")
        assert "+ listed" not in explorer.text()  # what was taken off there shows here


async def test_the_list_is_put_in_order_and_every_change_undone(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("full_stop", "right", "full_stop", "right", "full_stop", "L")
        await explorer.press("greater_than_sign")
        assert explorer.codes == ["P-001", "P-000", "P-002"]
        assert explorer.code == "P-000"
        await explorer.press("G", "less_than_sign", "x")
        assert explorer.codes == ["P-001", "P-000"]
        await explorer.press("u")
        assert "Removed from the shortlist" not in explorer.notices()
        assert "Undone (3)" in explorer.notices()
        await explorer.press("r")
        assert explorer.codes == ["P-001", "P-000"]
        await explorer.press("u", "u", "u")
        assert explorer.codes == ["P-000", "P-001", "P-002"]
        await explorer.press("x", "x", "x")
        assert "The shortlist is empty" in explorer.text()
        await explorer.press("x", "greater_than_sign", "Y", "e", "s", "enter")
        assert "Nothing to export" in explorer.notices()


async def test_it_survives_the_program(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("right", "full_stop", "left", "full_stop")
    async with run_explorer(workspace) as explorer:
        assert "+ listed" not in explorer.text()  # another session, with a list of its own
        await explorer.press("R")
        assert explorer.codes == ["P-001", "P-000"]


async def test_codes_are_copied_one_and_all(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("full_stop", "right", "full_stop", "L", "C")
        assert explorer.app.clipboard == "P-000"
        await explorer.press("Y")
        assert explorer.app.clipboard == "P-000\nP-001"


async def test_an_item_of_it_becomes_a_query(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("right", "full_stop", "L", "enter")
        assert isinstance(explorer.screen, SubstitutesScreen)
        assert explorer.screen.search.visit.query.row == 1
        await explorer.press("escape")
        assert isinstance(explorer.screen, ShortlistScreen)


async def test_it_is_exported(workspace: Workspace, run_explorer: Run, tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    async with run_explorer(workspace) as explorer:
        await explorer.press("right", "full_stop", "left", "full_stop", "L", "e")
        field = explorer.screen.query_one("#prompt")
        assert field.value.startswith("shortlist-blue-dress-number-1")
        for wrong, said in (("list.pdf", "End the name in"), ("", "End the name in")):
            field.value = wrong
            await explorer.press("enter")
            assert said in explorer.text()
        field.value = str(path)
        await explorer.press("enter")
        await explorer.rest()
        assert "Saved" in explorer.notices()
    assert [item["id"] for item in json.loads(path.read_text("utf-8"))] == ["P-001", "P-000"]


@pytest.mark.parametrize("suffix", ["csv", "json", "html"])
def test_a_file_has_the_items_in_order(workspace: Workspace, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"list.{suffix}"
    with workspace.open_store() as store:
        export_shortlist(path, workspace, Catalog.load(store), "spring", ("P-001", "P-000"))
    text = path.read_text("utf-8")
    if suffix == "csv":
        rows = list(csv.DictReader(text.splitlines()))
        assert [(row["id"], row["colour"]) for row in rows] == [
            ("P-001", "blue"),
            ("P-000", "black"),
        ]
    elif suffix == "json":
        assert [item["id"] for item in json.loads(text)] == ["P-001", "P-000"]
    else:
        assert text.count("data:image/jpeg;base64,") == 2
        assert text.index("P-001") < text.index("P-000")


async def test_an_item_that_is_gone_is_told_of_and_kept(
    workspace: Workspace, run_explorer: Run
) -> None:
    with workspace.open_store() as store:
        store.set_shortlist(store.start_session("old"), ["gone", "P-004", "P-001"])
    async with run_explorer(workspace) as explorer:
        await explorer.press("R")
        assert explorer.codes == ["P-004", "P-001"]
        assert "1 no longer in the catalog" in explorer.text()
        await explorer.press("greater_than_sign")
        assert explorer.codes == ["P-001", "P-004"]
        assert set(explorer.app.session.shortlist.codes) == {"gone", "P-004", "P-001"}


async def test_the_mouse_does_it_too(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        assert ". Shortlist" in explorer.text()
        y = explorer.app.size.height - 1
        x = explorer.text().splitlines()[y].index(". Shortlist")
        await explorer.pilot.click(offset=(x + 3, y))
        await explorer.rest()
        assert explorer.app.session.shortlist.codes == ("P-000",)
