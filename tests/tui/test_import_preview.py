"""The preview of an import on a screen."""

import csv
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from textual.pilot import Pilot

from datrnet.core.catalog.importer import (
    ImportOptions,
    KnownItems,
    parse_catalog,
    plan_table,
)
from datrnet.core.catalog.plan import TablePlan
from datrnet.core.catalog.sources.source import read_source
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.preferences import Preferences
from datrnet.tui.import_preview import Chosen, ImportPreview
from datrnet.tui.preview_state import PreviewState
from datrnet.tui.screens.help import HelpScreen
from datrnet.tui.widgets.bars import TooSmall
from tests.tui.conftest import loop_is_idle, workers_end

Run = Callable[..., AbstractAsyncContextManager[Pilot[Chosen]]]


@pytest.fixture
def missing() -> tuple[int, ...]:
    """The numbers of the pictures that are not there."""
    return ()


@pytest.fixture
def run_preview(tmp_path: Path, missing: tuple[int, ...]) -> Run:
    """Run the preview of a catalog whose items come in two sizes."""
    with (tmp_path / "shop.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("sku", "image", "title", "color", "size", "price"))
        for number in range(24):
            color = ("red", "blue", "green")[number // 2 % 3]
            picture = f"{number // 2}.png"
            writer.writerow((f"A-{number}", picture, "Shirt", color, "SM"[number % 2], "9 EUR"))
            if number // 2 not in missing:
                Image.new("RGB", (8, 8), (number // 2, 0, 0)).save(tmp_path / picture)
    workspace, options = Workspace(tmp_path / "workspace"), ImportOptions(images=tmp_path)
    table = read_source(tmp_path / "shop.csv")
    parse = partial(parse_catalog, workspace, table)

    def plan(options: ImportOptions) -> TablePlan:
        return plan_table(table, options, KnownItems(), needs_pictures=False)[1]

    @asynccontextmanager
    async def run(
        size: tuple[int, int] = (80, 24), preferences: Preferences | None = None
    ) -> AsyncIterator[Pilot[Chosen]]:
        found = parse(options)
        assert isinstance(found.plan, TablePlan)
        state = PreviewState("shop.csv", options, found.plan)
        state.show(options, found)
        app = ImportPreview(state, parse, plan, preferences)
        async with app.run_test(size=size, notifications=True) as pilot:
            await pilot.pause()
            yield pilot

    return run


async def press(pilot: Pilot[Chosen], *keys: str) -> None:
    await pilot.press(*keys)
    await workers_end(pilot.app)
    await loop_is_idle()


def text(pilot: Pilot[Chosen]) -> str:
    strips = pilot.app.screen._compositor.render_strips(pilot.app.size)
    return "\n".join(strip.text.rstrip() for strip in strips)


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40)])
@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
async def test_it_shows_columns_with_their_uses(
    run_preview: Run, size: tuple[int, int], theme: str
) -> None:
    async with run_preview(size, Preferences(theme=theme)) as pilot:
        shown = text(pilot)
        assert "color" in shown
        assert "super-category" in shown
        assert "enter Import" in shown
        assert "q Cancel" in shown
        if size[0] >= 80:
            assert "24 rows: 12 items, 12 variants" in shown
            assert "red, blue, green" in shown
        if size[0] >= 120:
            assert "few values, each of several items" in shown


async def test_keys_change_uses_and_enter_imports_with_them(run_preview: Run) -> None:
    async with run_preview() as pilot:
        await press(pilot, "j", "j", "j", "f")  # color
        await press(pilot, "j", "x")  # size
        assert "left out" in text(pilot)
        await press(pilot, "k", "r", "a", "enter")
    result = pilot.app.return_value
    assert result is not None
    options, parsed = result
    assert options.uses == {"size": "ignore"}
    assert parsed.plan.attributes == ("color",)
    assert parsed.fact_kinds == {"price": "money"}


async def test_enter_waits_until_it_is_known_what_will_be_imported(run_preview: Run) -> None:
    async with run_preview() as pilot:
        await pilot.press("j", "j", "j", "right", "left", "x", "enter")
        await workers_end(pilot.app)
    result = pilot.app.return_value
    assert result is not None
    assert result[0].uses["color"] == "ignore"
    assert result[1].plan.attributes == ()


@pytest.mark.parametrize("key", ["q", "escape", "ctrl+c"])
async def test_leaving_imports_nothing(run_preview: Run, key: str) -> None:
    async with run_preview() as pilot:
        await press(pilot, "x", key)
    assert pilot.app.return_value is None


async def test_what_cannot_be_imported_is_refused_with_the_reason(run_preview: Run) -> None:
    async with run_preview((120, 40)) as pilot:
        await press(pilot, "j", "x", "enter")  # the pictures
        assert pilot.app.is_running
        assert "No column contains pictures" in text(pilot)
        await press(pilot, "p", "enter")
    assert pilot.app.return_value is not None


@pytest.mark.parametrize("missing", [(3, 11)])
async def test_bad_rows_are_told_and_may_be_skipped_by_a_key(run_preview: Run) -> None:
    async with run_preview((120, 40)) as pilot:
        assert "4 of the 24 rows of shop.csv cannot be imported" in text(pilot)
        assert "4 rows will be skipped" in text(pilot)
        assert "line 8:" in text(pilot)
        await press(pilot, "enter")
        assert pilot.app.is_running
        await press(pilot, "b", "enter")
    result = pilot.app.return_value
    assert result is not None
    assert result[0].skips_bad


async def test_the_help_lists_its_keys(run_preview: Run) -> None:
    async with run_preview((100, 50)) as pilot:
        await press(pilot, "question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        assert "Use as group of variants" in text(pilot)


async def test_a_terminal_may_be_too_small(run_preview: Run) -> None:
    async with run_preview((30, 8)) as pilot:
        assert pilot.app.screen.query_one(TooSmall).display
        assert "Too small" in text(pilot)
