"""Another program imports and indexes while the explorer runs."""

import sqlite3
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.db.rows import NewItem
from datrnet.db.store import Store
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.substitutes import SubstitutesScreen
from datrnet.tui.snapshot import RowMap
from datrnet.tui.widgets.pickers import Pickers

Run = Callable[..., Any]
IndexAgain = Callable[[Workspace, Store], None]


@pytest.fixture
def draws_frames() -> bool:
    return False


def item(code: str, **labels: str) -> NewItem:
    return NewItem(
        code=code,
        title=f"Red dress {code}",
        picture_path="pictures/03.png",
        split="",
        labels=labels,
    )


def run_sql(workspace: Workspace, *statements: str) -> None:
    with sqlite3.connect(workspace.catalog_path) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        for statement in statements:
            connection.execute(statement)
    connection.close()


async def look(explorer: Any) -> None:
    explorer.app.updates.check()
    await explorer.rest()


async def test_a_new_index_is_offered_and_everything_keeps_its_place(
    workspace: Workspace, run_explorer: Run, index_again: IndexAgain
) -> None:
    async with run_explorer(workspace) as explorer:
        await look(explorer)
        await explorer.press("slash", *"dress", "enter", "l", "l")
        browsed = explorer.code
        await explorer.press("enter", "2", "j", "j")
        explorer.screen.search.settle()
        await explorer.press("tab", "l", "l", "enter")  # follow the third result
        await explorer.press("1", "j")
        explorer.screen.search.settle()
        await explorer.press("tab", "l")
        screen = explorer.screen
        changes, under_cursor = screen.search.visit.history.state.changes, explorer.code
        trail = [explorer.snapshot.catalog.codes[visit.query.row] for visit in screen.search.trail]
        generation = explorer.snapshot.searcher.generation.manifest.name
        assert len(trail) == 2
        assert "Show update" not in explorer.text()
        await explorer.press("I")
        assert explorer.snapshot.searcher.generation.manifest.name == generation

        with workspace.open_store() as other:
            other.upsert_items([item("NEW", garment="dress", colour="red")])
            index_again(workspace, other)
        await look(explorer)
        assert "The catalog has changed, and there is a new index" in explorer.notices()
        assert "Show update" in explorer.text()
        assert explorer.snapshot.catalog.num_items == 48  # not before it is asked for
        await explorer.press("h", "l")
        assert explorer.code == under_cursor

        await explorer.press("I")
        catalog = explorer.snapshot.catalog
        assert catalog.num_items == 49
        assert explorer.snapshot.searcher.generation.manifest.name != generation
        assert explorer.screen is screen
        assert [catalog.codes[visit.query.row] for visit in screen.search.trail] == trail
        assert screen.search.visit.history.state.changes == changes
        assert explorer.code == under_cursor
        assert "Show update" not in explorer.text()
        await explorer.press("u")
        assert screen.search.visit.history.state.changes == {}
        await explorer.press("escape", "escape")
        assert isinstance(explorer.screen, BrowseScreen)
        assert explorer.code == browsed
        assert "NEW" in explorer.codes
        assert f"{len(explorer.codes)} of 49 items" in explorer.text()


async def test_facets_and_the_search_are_kept(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await look(explorer)
        state = explorer.screen.state
        await explorer.press("f", "j", "j", "space", "f")
        words, before = state.facet_words, len(explorer.codes)
        name, value = words.split()
        with workspace.open_store() as other:
            other.upsert_items([item("NEW", **{name: value}), item("OTHER", colour="aquamarine")])
        await look(explorer)
        assert "The catalog has changed." in explorer.notices()
        await explorer.press("I")
        assert state.facet_words == words
        assert len(explorer.codes) == before + 1
        assert "aquamarine" in explorer.text()


async def test_items_that_are_gone_leave_the_trail_and_the_grid(
    workspace: Workspace, run_explorer: Run, index_again: IndexAgain
) -> None:
    async with run_explorer(workspace) as explorer:
        await look(explorer)
        await explorer.press("l", "enter", "tab", "l", "enter", "tab")
        first, second = explorer.screen.search.trail
        codes = explorer.snapshot.catalog.codes
        gone, left = codes[second.query.row], codes[first.query.row]
        with workspace.open_store() as other:
            run_sql(workspace, f"DELETE FROM items WHERE code IN ('{gone}', 'P-000')")
            index_again(workspace, other)
        await look(explorer)
        await explorer.press("I")
        catalog = explorer.snapshot.catalog
        assert [catalog.codes[visit.query.row] for visit in explorer.screen.search.trail] == [left]
        assert gone not in explorer.codes
        await explorer.press("escape")
        assert isinstance(explorer.screen, BrowseScreen)
        assert explorer.code == left
        assert len(explorer.codes) == 46


async def test_a_query_that_is_gone_leads_back_to_the_catalog(
    workspace: Workspace, run_explorer: Run, index_again: IndexAgain
) -> None:
    async with run_explorer(workspace) as explorer:
        await look(explorer)
        await explorer.press("l", "enter")
        with workspace.open_store() as other:
            run_sql(workspace, "DELETE FROM items WHERE code = 'P-001'")
            index_again(workspace, other)
        await look(explorer)
        await explorer.press("I")
        await explorer.rest()
        assert isinstance(explorer.screen, BrowseScreen)
        assert len(explorer.codes) == 47


async def test_a_new_index_that_is_damaged_is_told_and_the_old_one_stays(
    workspace: Workspace, run_explorer: Run, index_again: IndexAgain
) -> None:
    async with run_explorer(workspace) as explorer:
        await look(explorer)
        with workspace.open_store() as other:
            index_again(workspace, other)
            name = other.current_generation().name
        (workspace.indexes / name / "embeddings.npy").unlink()
        await look(explorer)
        await explorer.press("I")
        assert "keeps the old index" in explorer.notices()
        await explorer.press("enter")
        assert isinstance(explorer.screen, SubstitutesScreen)
        assert len(explorer.codes) == 47


async def test_the_first_index_is_offered_too(
    bare_workspace: Workspace, run_explorer: Run, index_again: IndexAgain
) -> None:
    async with run_explorer(bare_workspace) as explorer:
        await look(explorer)
        with bare_workspace.open_store() as other:
            index_again(bare_workspace, other)
        await look(explorer)
        await explorer.press("I")
        assert "datrnet train" not in explorer.text()
        await explorer.press("enter")
        assert isinstance(explorer.screen, SubstitutesScreen)


async def test_a_super_category_that_comes_and_one_that_goes(
    workspace: Workspace, run_explorer: Run, index_again: IndexAgain
) -> None:
    async with run_explorer(workspace) as explorer:
        await look(explorer)
        await explorer.press("enter", "2", "j", "3", "j")
        explorer.screen.search.settle()
        assert "colour" in explorer.screen.search.visit.history.state.changes
        run_sql(workspace, "UPDATE super_categories SET name = 'shade' WHERE name = 'colour'")
        with workspace.open_store() as other:
            index_again(workspace, other)
        await look(explorer)
        await explorer.press("I")
        assert "colour" not in explorer.screen.search.visit.history.state.changes
        assert "shade" in explorer.text()
        assert len(explorer.codes) == 47
        explorer.screen.query_one(Pickers).open(1)
        await explorer.press("j")
        assert "shade" in explorer.screen.search.visit.history.state.changes


async def test_our_own_session_is_no_news(workspace: Workspace, run_explorer: Run) -> None:
    async with run_explorer(workspace) as explorer:
        await look(explorer)
        await explorer.press("enter", "2", "j", "j")
        explorer.screen.search.settle()
        await explorer.rest(0.1)
        await look(explorer)
        with workspace.open_store() as other:
            other.start_session("somebody else's")
        await look(explorer)
        assert "has changed" not in explorer.notices()
        assert explorer.app.updates.update is None


def test_rows_are_found_again_by_their_items(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        before = Catalog.load(store)
        run_sql(workspace, "DELETE FROM items WHERE id IN (1, 5, 20)")
        store.upsert_items([item("NEW")])
        after = Catalog.load(store)
    moved = RowMap(before, after)
    for row, code in enumerate(before.codes):
        now = moved(row)
        assert (None if now is None else after.codes[now]) == (
            code if code in list(after.codes) else None
        )
    run_sql(workspace, "DELETE FROM items")
    with workspace.open_store() as store:
        assert np.all(RowMap(before, Catalog.load(store)).rows == -1)
