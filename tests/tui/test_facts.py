"""Facts in the explorer: in the detail pane, as facets and orders, and of all variants."""

from collections.abc import Callable
from typing import Any

import pytest
from textual.widgets import OptionList

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.db.rows import FactKind, NewItem, NewVariant
from datrnet.tui.screens.variants import VariantsScreen, table_lines, variant_table
from datrnet.tui.widgets.detail_pane import Subject, flow, heading, table
from datrnet.tui.widgets.facet_rail import FacetRail

Run = Callable[..., Any]

KINDS: dict[str, FactKind] = {"price": "money", "size": "text", "stock": "number"}


@pytest.fixture
def draws_frames() -> bool:
    return False


@pytest.fixture
def sized(workspace: Workspace) -> Workspace:
    """Return the workspace with prices, and two sizes and three pictures of the first item."""
    with workspace.open_store() as store:
        known = Catalog.load(store)
        items = [
            NewItem(
                code=code,
                title=known.titles[row],
                picture_path=known.picture_paths[row],
                split="",
                facts={"price": f"{50 - row}.00 EUR"},
                views=(known.picture_paths[5], known.picture_paths[6]) if row == 0 else (),
                variants=(
                    NewVariant(code="P-000-S", facts={"size": "S", "stock": "0"}),
                    NewVariant(code="P-000-M", facts={"size": "M", "stock": "7"}),
                )
                if row == 0
                else (),
            )
            for row, code in enumerate(known.codes)
        ]
        store.upsert_items(items, KINDS)
    return workspace


def rail_lines(explorer: Any) -> list[str]:
    rail = explorer.screen.query_one(FacetRail)
    return [" ".join(option.prompt.plain.split()) for option in rail.options]


def test_the_pane_tells_labels_and_facts() -> None:
    subject = Subject(
        code="P-1",
        title="Shirt",
        labels={"color": "red"},
        facts={"price": "19.00–24.00 EUR", "size": "S, M, L, XL, XXL, 3XL"},
        num_variants=2,
        num_pictures=3,
    )
    lines = table(subject, 32).plain.splitlines()
    assert lines == [
        "color         red",
        "",
        "Facts",
        "price         19.00–24.00 EUR",
        "size          S, M, L, XL, XXL,…",
    ]
    assert flow(subject, 80).plain.splitlines() == [
        "color red  price 19.00–24.00 EUR  size S, M, L, XL, XXL, 3XL"
    ]
    assert heading(subject).plain.splitlines()[1] == "P-1 · 2 variants · 3 pictures"


async def test_facts_are_shown_narrowed_down_and_sorted_by(
    sized: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(sized) as explorer:
        assert "price" in explorer.text()
        assert "50.00 EUR" in explorer.text()
        assert "0–7" in explorer.text()
        rail = rail_lines(explorer)
        assert rail[-3:] == ["▾ stock", "0 1", "7 1"] or "▾ stock" in rail
        assert "S 1" in rail
        await explorer.press("t")
        options = explorer.screen.query_one(OptionList)
        words = [str(option.prompt) for option in options.options]
        assert words[-3:] == ["by price", "by size", "by stock"]
        options.highlighted = words.index("by price")
        await explorer.press("enter")
        assert explorer.codes[:2] == ["P-047", "P-046"]
        await explorer.press("T")
        assert explorer.codes[0] == "P-000"


async def test_a_key_shows_all_variants(sized: Workspace, run_explorer: Run) -> None:
    async with run_explorer(sized, notices=True) as explorer:
        await explorer.press("V")
        assert isinstance(explorer.screen, VariantsScreen)
        shown = explorer.text()
        assert "P-000-S" in shown
        assert "P-000-M" in shown
        assert "2 variants" in shown
        await explorer.press("escape", "l", "V")
        assert not isinstance(explorer.screen, VariantsScreen)
        assert "no variants" in explorer.notices()


async def test_a_key_leafs_through_the_pictures_of_an_item(
    sized: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(sized, notices=True) as explorer:
        caption = explorer.screen.query_one("#detail-caption")
        await explorer.press("P")
        assert str(caption.content) == "Picture 2 of 3"
        await explorer.press("P")
        assert str(caption.content) == "Picture 3 of 3"
        await explorer.press("P")
        assert str(caption.content) == ""
        await explorer.press("B")
        assert str(caption.content) == "Picture 3 of 3"
        await explorer.press("l")  # another item starts with its first picture
        assert str(caption.content) == ""
        await explorer.press("P")
        assert "The item has one picture." in explorer.notices()


async def test_substitutes_tell_their_facts(sized: Workspace, run_explorer: Run) -> None:
    async with run_explorer(sized, size=(140, 50)) as explorer:
        await explorer.press("l", "enter", "tab")
        assert ".00 EUR" in explorer.text()


def test_the_table_of_variants_has_what_differs(sized: Workspace) -> None:
    with sized.open_store() as store:
        catalog = Catalog.load(store)
    rows = variant_table(catalog, 0)
    assert rows == [
        ["id", "price", "size", "stock"],
        ["P-000-S", "50.00 EUR", "S", "0"],
        ["P-000-M", "50.00 EUR", "M", "7"],
    ]
    assert table_lines(rows)[:2] == [
        "id       price      size  stock",
        "P-000-S  50.00 EUR  S     0",
    ]
    assert table_lines(rows, 2)[:2] == ["id       stock", "P-000-S  0"]
