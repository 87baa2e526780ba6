"""Choosing items, and undoing an import with its pictures."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.importer import ImportOptions, import_catalog, parse_catalog
from datrnet.core.catalog.thumbnails import ThumbnailStore
from datrnet.core.catalog.upkeep import chosen_rows, move_items, undo
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.db.store import Store

TABLE = """id,image,title,color,price,in_stock
1,a.png,Shirt,red,10.00,yes
2,b.png,Skirt,blue,20.00,no
3,c.png,Dress,red,30.00,no
4,a.png,Blouse,blue,40.00,yes
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A shop of three pictures."""
    for name, color in {"a": (250, 0, 0), "b": (0, 250, 0), "c": (0, 0, 250)}.items():
        Image.new("RGB", (32, 32), color).save(tmp_path / f"{name}.png")
    return tmp_path


def imported(folder: Path, table: str, **options: object) -> Workspace:
    workspace = Workspace(folder / "workspace")
    (folder / "shop.csv").write_text(table)
    chosen = ImportOptions(attributes=("color",), **options)  # type: ignore[arg-type]
    import_catalog(workspace, folder / "shop.csv", chosen)
    return workspace


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    with imported(folder, TABLE).open_store() as opened:
        yield opened


@pytest.mark.parametrize(
    ("codes", "conditions", "chosen"),
    [
        (["3", "1", "3"], [], ["1", "3"]),
        ([], ["color=Red"], ["1", "3"]),
        ([], ["color!=red"], ["2", "4"]),
        ([], ["price>=20", "in_stock=no"], ["2", "3"]),
        (["1", "2"], ["in_stock=no"], ["2"]),
        ([], ["price>100"], []),
    ],
)
def test_items_are_chosen_by_id_and_condition(
    store: Store, codes: list[str], conditions: list[str], chosen: list[str]
) -> None:
    catalog = Catalog.load(store)
    rows = chosen_rows(catalog, codes, conditions)
    assert [catalog.codes[row] for row in rows] == chosen


@pytest.mark.parametrize(
    ("condition", "error", "words"),
    [
        ("colr=red", UnknownNameError, "Did you mean color"),
        ("color=rad", UnknownNameError, "Did you mean red"),
        ("color>red", ConfigError, "color=red"),
        ("price", ConfigError, "For example"),
        ("price>much", ConfigError, "price"),
    ],
)
def test_a_wrong_condition_says_what_would_be_right(
    store: Store, condition: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        chosen_rows(Catalog.load(store), [], [condition])


def test_moved_items_are_one_step_that_says_which(store: Store) -> None:
    catalog = Catalog.load(store)
    some, every = chosen_rows(catalog, ["1", "2"], []), chosen_rows(catalog, [], ["price>0"])
    hidden = move_items(store, catalog, some, "hide")
    assert hidden is not None
    assert (hidden.action, hidden.summary) == ("hide", "1, 2")
    assert move_items(store, catalog, some, "hide") is None
    removed = move_items(store, catalog, every, "remove", why="price>0")
    assert removed is not None
    assert removed.summary == "4 items with price>0"


def test_undo_gives_a_replaced_picture_its_thumbnail_back(folder: Path) -> None:
    workspace = imported(folder, TABLE)
    imported(folder, TABLE.replace("1,a.png", "1,b.png"))
    with workspace.open_store() as store, closing(ThumbnailStore(workspace.thumbnails)) as pixels:
        green = pixels.get(1)
        assert green is not None
        assert green[0, 0].tolist() == [0, 250, 0]
        undo(workspace, store)
        assert pixels.get(1) is None  # made again when it is needed
        assert pixels.get(2) is not None
    imported(folder, TABLE)
    with closing(ThumbnailStore(workspace.thumbnails)) as pixels:
        red = pixels.get(1)
        assert red is not None
        assert red[0, 0].tolist() == [250, 0, 0]


def test_importing_an_item_again_after_its_removal_gives_it_its_own_picture(folder: Path) -> None:
    workspace = imported(folder, TABLE)
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        move_items(store, catalog, chosen_rows(catalog, ["4"], []), "remove")
    imported(folder, TABLE + "5,c.png,Coat,red,50.00,yes\n")
    with workspace.open_store() as store, closing(ThumbnailStore(workspace.thumbnails)) as pixels:
        columns = store.item_columns()
        assert list(columns.codes) == ["1", "2", "3", "4", "5"]
        assert len(set(columns.ids.tolist()) & {1, 2, 3, 4}) == 3
        for item_id in columns.ids.tolist():
            assert pixels.get(item_id) is not None


def test_what_was_renamed_or_dropped_is_seen_before_an_import(folder: Path) -> None:
    table = TABLE.replace("color", "colour", 1)
    workspace = Workspace(folder / "workspace")
    (folder / "shop.csv").write_text(table)
    import_catalog(workspace, folder / "shop.csv", ImportOptions(attributes=("colour",)))
    with workspace.open_store() as store:
        store.rename_super_category("colour", "shade")
    plan = parse_catalog(workspace, folder / "shop.csv", ImportOptions()).plan
    assert plan.attributes == ("shade",)
    with workspace.open_store() as store:
        store.drop_super_category("shade")
    plan = parse_catalog(workspace, folder / "shop.csv", ImportOptions(attributes=("colour",))).plan
    assert plan.attributes == ()
    assert "datrnet attribute forget colour" in dict(plan.meanings())["colour"]


@pytest.mark.parametrize(
    ("missing", "num_items", "num_hidden"),
    [
        ("keep", 4, 0),
        ("hide", 4, 3),
        ("remove", 1, 0),
    ],
)
def test_what_a_file_lacks(folder: Path, missing: str, num_items: int, num_hidden: int) -> None:
    workspace = imported(folder, TABLE)
    (folder / "b.png").write_bytes(b"")  # a bad row is in the file nevertheless
    header, first, second, *_ = TABLE.splitlines(keepends=True)
    imported(folder, header + first + second.replace("yes", "no"), absent="keep", skips_bad=True)
    imported(folder, header + first, absent=missing)
    with workspace.open_store() as store:
        columns = store.item_columns()
    assert (len(columns.ids), int(columns.is_hidden.sum())) == (num_items, num_hidden)


def test_a_bad_row_keeps_its_item(folder: Path) -> None:
    workspace = imported(folder, TABLE)
    (folder / "b.png").write_bytes(b"")
    header, first, second, *_ = TABLE.splitlines(keepends=True)
    imported(folder, header + first + second, absent="remove", skips_bad=True)
    with workspace.open_store() as store:
        assert list(store.item_columns().codes) == ["1", "2"]


@pytest.mark.parametrize("table", ["id,color\n1,blue\n2,blue\n", "id,price\n1,11.00\n2,12.00\n"])
def test_labels_or_facts_alone_update_known_items(folder: Path, table: str) -> None:
    workspace = imported(folder, TABLE)
    (folder / "update.csv").write_text(table)
    summary = import_catalog(workspace, folder / "update.csv", ImportOptions())
    assert (summary.added, summary.problems) == (0, ())
    assert summary.updated == (1 if "color" in table else 2)
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
    color, price = ("blue", "10.00") if "color" in table else ("red", "11.00")
    assert catalog.labels_of(0)["color"] == color
    assert catalog.facts.of(0)["price"] == price
    assert list(catalog.titles) == ["Shirt", "Skirt", "Dress", "Blouse"]


def test_an_unknown_id_without_a_picture_is_told(folder: Path) -> None:
    workspace = imported(folder, TABLE)
    (folder / "update.csv").write_text("id,color\n1,blue\n2,red\n3,red\n9,red\n")
    summary = import_catalog(workspace, folder / "update.csv", ImportOptions(skips_bad=True))
    (problem,) = summary.problems
    assert "'9' is new and has no picture" in problem.message
