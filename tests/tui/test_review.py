"""Reviewing the catalog: labels, duplicates, gaps, each with undo, by keys and by mouse."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.graphics.terminal import Terminal
from datrnet.core.retrieval.manifest import MANIFEST
from datrnet.db import connection
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.screens.comparisons import DuplicatesScreen, GapsScreen
from datrnet.tui.screens.dialogs import ValuePicker
from datrnet.tui.screens.doubts import DoubtsScreen, ProposalsScreen
from datrnet.tui.screens.review_screen import FindingList
from datrnet.tui.screens.substitutes import SubstitutesScreen
from datrnet.tui.widgets.bars import TabLabel
from datrnet.tui.widgets.picture_view import PictureView

Run = Callable[..., Any]


@pytest.fixture
def draws_frames() -> bool:
    return False


def _relabel(workspace: Workspace, labels: dict[str, str], category: str = "colour") -> None:
    """Give items another label, as a shop would."""
    with closing(sqlite3.connect(workspace.catalog_path)) as db:
        for code, value in labels.items():
            db.execute(
                "UPDATE item_attributes SET attribute_value_id ="
                " (SELECT id FROM attribute_values WHERE name = ?)"
                " WHERE item_id = (SELECT id FROM items WHERE code = ?) AND super_category_id ="
                " (SELECT id FROM super_categories WHERE name = ?)",
                [value, code, category],
            )
        db.commit()


@pytest.fixture
def doubtful(workspace: Workspace) -> Workspace:
    """A shop in which a black item is called red and a blue one green."""
    _relabel(workspace, {"P-000": "red", "P-005": "green"})
    return workspace


def _said(workspace: Workspace, code: str, category: str = "colour") -> tuple[Any, Any]:
    with closing(sqlite3.connect(workspace.catalog_path)) as db:
        return db.execute(
            "SELECT attribute_values.name, source FROM item_attributes"
            " JOIN items ON items.id = item_id JOIN super_categories"
            " ON super_categories.id = item_attributes.super_category_id"
            " LEFT JOIN attribute_values ON attribute_values.id = attribute_value_id"
            " WHERE code = ? AND super_categories.name = ?",
            [code, category],
        ).fetchone() or (None, None)


def _doubts(explorer: Any) -> dict[str, str]:
    codes = explorer.snapshot.catalog.codes
    pile = explorer.screen.queue
    return {codes[entry.row]: entry.guess for entry in pile.entries}


def _typical(explorer: Any, side: str) -> list[int]:
    views = explorer.screen.query_one(f"#{side}-items").query(PictureView)
    return [view.source for view in views if view.source is not None]


def _code(explorer: Any) -> str:
    assert explorer.screen.row is not None
    return str(explorer.snapshot.catalog.codes[explorer.screen.row])


async def test_wrong_labels_are_shown_with_what_is_typical(
    doubtful: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(doubtful) as explorer:
        await explorer.press("v")
        assert isinstance(explorer.screen, DoubtsScreen)
        assert _doubts(explorer) == {"P-000": "black", "P-005": "blue"}
        code = _code(explorer)
        label, guess = ("red", "black") if code == "P-000" else ("green", "blue")
        shown = explorer.text()
        assert f"colour is labeled {label}; the model sees {guess}" in shown
        assert "1 of 2" in shown
        assert f"Typical: {guess}" in shown
        catalog = explorer.snapshot.catalog
        for side, value in (("label", label), ("guess", guess)):
            rows = _typical(explorer, side)
            assert len(rows) == 3
            assert {catalog.labels_of(row)["colour"] for row in rows} == {value}
        await explorer.press("s")
        assert "2 of 2" in explorer.text()
        assert _code(explorer) != code


async def test_a_decision_is_written_and_the_catalog_follows_at_once(
    doubtful: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(doubtful) as explorer:
        await explorer.press("v")
        while _code(explorer) != "P-000":
            await explorer.press("j")
        library = explorer.app.library
        for key, value in (("y", "black"), ("enter", "red"), ("x", "red"), ("n", None)):
            await explorer.press(key)
            assert _said(doubtful, "P-000") == (value, "person")
            assert _code(explorer) == "P-005"  # the next that is not decided
            assert library.snapshot.catalog.labels_of(0)["colour"] == value
            counts = library.snapshot.value_counts["colour"]
            assert counts["black"] == 11 + (value == "black")
            assert counts["red"] == 12 + (value == "red")
            if value is not None:
                await explorer.press("u")
                assert _code(explorer) == "P-000"
        await explorer.press("escape")
        assert isinstance(explorer.screen, BrowseScreen)
        assert "colour        no label" in explorer.text()
        facets = explorer.text()
        assert f"{counts['black']}" in next(
            line for line in facets.splitlines() if "  black  " in line
        )
        await explorer.press("v")
        assert "P-000" not in _doubts(explorer)


async def test_several_values_are_doubted_kept_and_restored_as_one_label(
    workspace: Workspace, run_explorer: Run
) -> None:
    with workspace.open_store() as store:
        store.set_label(1, "colour", "green | red", "shop")  # a black item
    async with run_explorer(workspace) as explorer:
        assert "colour        green | red" in explorer.text()
        await explorer.press("v")
        assert _doubts(explorer) == {"P-000": "black"}
        shown = explorer.text()
        assert "colour is labeled green | red" in shown
        assert "Typical: green | red" in shown
        rows = _typical(explorer, "label")
        catalog = explorer.snapshot.catalog
        assert {catalog.labels_of(row)["colour"] for row in rows} <= {"green", "red"}
        snapshot = partial(getattr, explorer.app.library, "snapshot")
        for key, values in (
            ("x", ("green", "red")),
            ("y", ("black",)),
            ("u", ("green", "red")),
            ("r", ("black",)),
        ):
            await explorer.press(key)
            assert snapshot().catalog.values_of(0)["colour"] == values
            with workspace.open_store() as store:
                assert Catalog.load(store).values_of(0)["colour"] == values


async def test_another_value_comes_from_a_list(doubtful: Workspace, run_explorer: Run) -> None:
    async with run_explorer(doubtful) as explorer:
        await explorer.press("v")
        while _code(explorer) != "P-000":
            await explorer.press("j")
        await explorer.press("e")
        assert isinstance(explorer.screen, ValuePicker)
        assert "colour of P-000" in explorer.text()
        assert "black  the model" in explorer.text()
        await explorer.press("escape")
        assert _said(doubtful, "P-000") == ("red", "shop")
        await explorer.press("e", "j", "j", "enter")  # from black on: blue, green
        assert _said(doubtful, "P-000") == ("green", "person")


async def test_undo_and_redo_and_undo_after_a_restart(
    doubtful: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(doubtful) as explorer:
        await explorer.press("v")
        first = _code(explorer)
        before = _said(doubtful, first)
        await explorer.press("y", "u")
        assert _said(doubtful, first) == before
        assert _code(explorer) == first
        assert explorer.snapshot.catalog.labels_of(explorer.screen.row)["colour"] == before[0]
        await explorer.press("u")
        assert "Nothing to undo" in explorer.notices()
        await explorer.press("r")
        after = _said(doubtful, first)
        assert after[1] == "person"
        await explorer.press("r")
        assert "Nothing to redo" in explorer.notices()
    async with run_explorer(doubtful) as explorer:
        await explorer.press("v")
        assert first not in _doubts(explorer)
        await explorer.press("u")
        assert _said(doubtful, first) == before
        assert f"{first}: colour is {before[0]} again" in explorer.notices()


async def test_a_locked_database_is_told_and_nothing_is_lost(
    doubtful: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_SECONDS", 0.05)
    async with run_explorer(doubtful) as explorer:
        await explorer.press("v")
        first = _code(explorer)
        before = _said(doubtful, first)
        with closing(sqlite3.connect(doubtful.catalog_path)) as other:
            other.execute("BEGIN IMMEDIATE")
            await explorer.press("y")
            assert "in use by another program" in explorer.notices()
            assert _code(explorer) == first
            assert explorer.snapshot.catalog.labels_of(explorer.screen.row)["colour"] == before[0]
            other.execute("ROLLBACK")
        await explorer.press("y")
        assert _said(doubtful, first)[1] == "person"


async def test_unlabeled_items_and_one_super_category(
    doubtful: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(doubtful) as explorer:
        await explorer.press("v", "f")
        assert "doubtful, garment" in explorer.text()
        assert "No doubtful labels in garment" in explorer.text()
        await explorer.press("y", "x", "n", "e", "s", "k", "G")  # nothing to say
        await explorer.press("f")
        assert len(_doubts(explorer)) == 2
        await explorer.press("f", "t")
        assert "missing, season" in explorer.text()
        # nobody taught the index winter: with one value there is no second nearest
        assert _doubts(explorer) == {}
        await explorer.press("f", "t")
        assert len(_doubts(explorer)) == 2


async def test_an_unlabeled_item_takes_the_guess(doubtful: Workspace, run_explorer: Run) -> None:
    with closing(sqlite3.connect(doubtful.catalog_path)) as db:
        db.execute("DELETE FROM item_attributes WHERE item_id = 1 AND super_category_id = 2")
        db.commit()
    async with run_explorer(doubtful) as explorer:
        await explorer.press("v", "t")
        (code,) = _doubts(explorer)
        assert "has no label; the model sees" in explorer.text()
        category = explorer.screen.queue.current.super_category
        await explorer.press("y")
        assert _said(doubtful, code, category) == ("black", "person")
        await explorer.press("u")
        assert _said(doubtful, code, category) == (None, None)


@pytest.fixture
def calibrated(doubtful: Workspace) -> Workspace:
    """The same shop with calibrated probabilities."""
    (generation,) = doubtful.indexes.iterdir()
    manifest = json.loads((generation / MANIFEST).read_text("utf-8"))
    shares = [len(category["values"]) for category in manifest["super_categories"]]
    manifest["match"] = {
        "calibrations": [
            {"temperature": 0.05, "shares": [1 / number] * number, "num_items": 9}
            for number in shares
        ],
        "weights": [1.0] * len(shares),
    }
    (generation / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    return doubtful


async def test_all_sure_doubts_are_accepted_and_undone_at_once(
    calibrated: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(calibrated) as explorer:
        await explorer.press("v")
        assert _doubts(explorer) == {"P-000": "black", "P-005": "blue"}
        assert "is right with" in explorer.text()
        await explorer.press("Y")
        assert "2 labels would be set" in explorer.text()
        await explorer.press(*["backspace"] * 4, *"200%", "enter")
        assert "Type a share, such as 90%" in explorer.text()
        await explorer.press(*["backspace"] * 4, *"50%", "enter")
        assert _said(calibrated, "P-000") == ("black", "person")
        assert _said(calibrated, "P-005") == ("blue", "person")
        catalog = explorer.snapshot.catalog
        assert [catalog.labels_of(row)["colour"] for row in (0, 5)] == ["black", "blue"]
        await explorer.press("u")
        assert _said(calibrated, "P-000") == ("red", "shop")
        assert _said(calibrated, "P-005") == ("green", "shop")
        catalog = explorer.snapshot.catalog
        assert [catalog.labels_of(row)["colour"] for row in (0, 5)] == ["red", "green"]
        await explorer.press("r")
        assert _said(calibrated, "P-005") == ("blue", "person")


async def test_proposals_fill_gaps_and_enter_leaves_them(
    calibrated: Workspace, run_explorer: Run
) -> None:
    with closing(sqlite3.connect(calibrated.catalog_path)) as db:
        db.execute("DELETE FROM item_attributes WHERE item_id IN (1, 6) AND super_category_id = 2")
        db.commit()
    async with run_explorer(calibrated) as explorer:
        await explorer.press("v", "4")
        assert isinstance(explorer.screen, ProposalsScreen)
        proposed = _doubts(explorer)
        assert set(proposed) == {"P-000", "P-005"}
        await explorer.press("enter", "x")
        assert [_said(calibrated, code) for code in proposed] == [(None, None)] * 2
        await explorer.press("Y", "enter")
        assert {code: _said(calibrated, code) for code in proposed} == {
            code: (value, "model") for code, value in proposed.items()
        }
        await explorer.press("u")
        assert [_said(calibrated, code) for code in proposed] == [(None, None)] * 2
        await explorer.press("g", "y")
        assert sorted(filter(None, (_said(calibrated, code)[1] for code in proposed))) == ["person"]
        await explorer.press("t")
        assert isinstance(explorer.screen, DoubtsScreen)
        assert not isinstance(explorer.screen, ProposalsScreen)


async def test_without_calibration_nothing_is_accepted_at_once(
    doubtful: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(doubtful) as explorer:
        await explorer.press("v", "Y")
        assert isinstance(explorer.screen, DoubtsScreen)
        assert "Nothing here has a calibrated confidence" in explorer.notices()


async def test_it_says_when_labels_are_newer_than_the_index(
    doubtful: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(doubtful) as explorer:
        await explorer.press("v")
        assert "newer than the index" not in explorer.text()
        await explorer.press("x")  # confirmed: nothing is newer
        assert "newer than the index" not in explorer.text()
        await explorer.press("y")
        assert "1 label is newer than the index: `datrnet index`" in explorer.text()


async def test_the_mouse_opens_findings_and_tabs(doubtful: Workspace, run_explorer: Run) -> None:
    async with run_explorer(doubtful) as explorer:
        await explorer.press("v")
        first = _code(explorer)
        await explorer.pilot.click(FindingList, offset=(5, 1))
        await explorer.rest()
        assert _code(explorer) != first
        tabs = list(explorer.screen.query(TabLabel))
        await explorer.pilot.click(tabs[1])
        await explorer.rest()
        assert isinstance(explorer.screen, DuplicatesScreen)
        footer = {str(key.description): key for key in explorer.screen.query("FooterKey")}
        await explorer.pilot.click(footer["Keep both"])
        await explorer.rest()
        assert len(explorer.app.library.store.pair_verdicts()) == 1


async def test_duplicates_are_marked_kept_swapped_and_undone(
    workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(workspace) as explorer:
        await explorer.press("v", "2")
        assert isinstance(explorer.screen, DuplicatesScreen)
        screen, store = explorer.screen, explorer.app.library.store
        assert len(screen.queue.entries) == 36  # twelve garments, each drawn four times
        assert "Same pixels" in explorer.text()
        keep, other = screen.review.sides(screen.queue.current)
        codes = explorer.snapshot.catalog.codes
        assert codes[keep] in explorer.text()
        await explorer.press("w")
        assert screen.review.sides(screen.queue.current) == (other, keep)
        await explorer.press("m")
        (verdict,) = store.pair_verdicts()
        assert (verdict.kept_id, verdict.other_id) == (other + 1, keep + 1)
        assert verdict.verdict == "duplicate"
        assert "2 of 36" in explorer.text()
        await explorer.press("x")
        assert [pair.verdict for pair in store.pair_verdicts()].count("distinct") == 1
        await explorer.press("u", "u")
        assert store.pair_verdicts() == []
        await explorer.press("u")
        assert "Nothing to undo" in explorer.notices()
        await explorer.press("r")
        (verdict,) = store.pair_verdicts()
        assert verdict.verdict == "duplicate"
        await explorer.press("escape", "v", "2")
        assert len(explorer.screen.queue.entries) < 36


async def test_a_locked_database_leaves_the_verdict_to_be_given_again(
    workspace: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_SECONDS", 0.05)
    async with run_explorer(workspace) as explorer:
        await explorer.press("v", "2")
        with closing(sqlite3.connect(workspace.catalog_path)) as other:
            other.execute("BEGIN IMMEDIATE")
            await explorer.press("m")
            assert "in use by another program" in explorer.notices()
            assert explorer.screen.queue.position == 0
            other.execute("ROLLBACK")
        await explorer.press("m")
        assert len(explorer.app.library.store.pair_verdicts()) == 1


async def test_a_gap_is_asked_for_in_the_substitutes(
    workspace: Workspace, run_explorer: Run
) -> None:
    red_dresses = [f"P-{number:03}" for number in range(3, 48, 12)]
    _relabel(workspace, dict.fromkeys(red_dresses, "black"))
    with workspace.open_store() as store:
        where = {"garment": ["dress"], "colour": ["red"]}
        number = store.start_session("earlier")
        store.add_step(number, "exact", json.dumps({"item": "P-000", "where": where}))
    async with run_explorer(workspace) as explorer:
        await explorer.press("v", "3")
        assert isinstance(explorer.screen, GapsScreen)
        assert "No item has garment dress and colour red" in explorer.text()
        assert "1 session searched for it in vain" in explorer.text()
        assert _code(explorer) == "P-000"
        assert "closest match" in explorer.text()
        await explorer.press("enter")
        assert isinstance(explorer.screen, SubstitutesScreen)
        assert explorer.screen.search.visit.history.state.changes == {"colour": "red"}
        assert len(explorer.codes) > 0
        await explorer.press("escape")
        assert isinstance(explorer.screen, GapsScreen)
        steps = explorer.steps()
        assert steps[0][1]["changes"] == {"colour": "red"}


async def test_without_an_index_duplicates_are_found_and_the_rest_says_why_not(
    bare_workspace: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(bare_workspace) as explorer:
        await explorer.press("v")
        assert "no index yet" in explorer.text()
        await explorer.press("y", "x", "n", "e", "s", "u", "t", "f", "o", "c", "a")
        await explorer.press("2")
        assert len(explorer.screen.queue.entries) == 36
        await explorer.press("3", "enter")
        assert explorer.app.is_running
        await explorer.press("escape")
        assert isinstance(explorer.screen, BrowseScreen)


@pytest.mark.parametrize("size", [(300, 80), (10, 3)])
async def test_any_size_and_any_resize_will_do(
    doubtful: Workspace, run_explorer: Run, size: tuple[int, int]
) -> None:
    async with run_explorer(doubtful, size=size) as explorer:
        await explorer.press("v")
        for tab in ("1", "2", "3"):
            await explorer.press(tab, "j", "G", "a", "A")
        await explorer.press("1")
        for width, height in ((120, 40), (60, 20), (41, 13), (100, 30), size):
            await explorer.pilot.resize_terminal(width, height)
            await explorer.rest()
            assert ("Too small" in explorer.text()) == (width < 40)
            assert width < 60 or "labeled" in explorer.text()


async def test_the_picture_is_shown_with_room_at_60x20(
    doubtful: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(doubtful, size=(60, 20)) as explorer:
        await explorer.press("v")
        assert explorer.screen.detail.picture.size.height >= 7
        await explorer.press("2")
        for side in ("left", "right"):
            assert explorer.screen.query_one(f"#{side}-picture").size.height >= 7


async def test_a_deleted_picture_is_explained(doubtful: Workspace, run_explorer: Run) -> None:
    for path in (doubtful.root / "pictures").iterdir():
        path.unlink()
    async with run_explorer(doubtful) as explorer:
        await explorer.press("v")
        assert "missing" in explorer.text()
        await explorer.press("2")
        assert "missing" in explorer.text()


async def test_help_lists_the_keys_of_each_list(doubtful: Workspace, run_explorer: Run) -> None:
    async with run_explorer(doubtful) as explorer:
        for tab, words in (("1", "None applies"), ("2", "Keep both"), ("3", "Search for it")):
            await explorer.press("v", tab, "question_mark")
            assert words in explorer.text()
            await explorer.press("escape", "escape")


async def test_in_a_terminal_with_pixels_two_pictures_side_by_side_are_in_pixels(
    doubtful: Workspace, run_explorer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    sent: list[str] = []
    monkeypatch.setattr(PictureView, "_send", lambda _, text: sent.append(text))
    terminal = Terminal(is_asked=True, is_answered=True, has_sixel=True, cell=(8, 16))
    async with run_explorer(doubtful, terminal=terminal) as explorer:
        await explorer.press("v")
        await explorer.rest(0.3)
        assert explorer.screen.detail.picture.source_shown == explorer.screen.row
        sent.clear()
        await explorer.press("2")
        await explorer.rest(0.3)
        views = list(explorer.screen.query(PictureView))
        assert [view.source_shown for view in views] == [
            *explorer.screen.review.sides(explorer.screen.queue.current)
        ]
        await explorer.until(lambda: sum("\x1bP" in text for text in sent) >= len(views))


async def test_with_calibration_the_order_of_the_substitutes_is_named(
    calibrated: Workspace, run_explorer: Run
) -> None:
    async with run_explorer(calibrated) as explorer:
        await explorer.press("enter")
        assert "substitutes · by distance" in explorer.text()
        await explorer.press("M")
        assert "substitutes · by match" in explorer.text()
        await explorer.press("u")
        assert "substitutes · by distance" in explorer.text()
