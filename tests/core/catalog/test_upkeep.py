"""Choosing items, and undoing an import with its pictures."""

from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.importer import ImportOptions, import_catalog, parse_catalog
from datrnet.core.catalog.thumbnails import ThumbnailStore
from datrnet.core.catalog.upkeep import choose, move_items, redo, undo
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
    rows = choose(catalog, codes, conditions).rows
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
        choose(Catalog.load(store), [], [condition])


def test_moved_items_are_one_step_that_says_which(store: Store) -> None:
    catalog = Catalog.load(store)
    some, every = choose(catalog, ["1", "2"], []), choose(catalog, [], ["price>0"])
    hidden = move_items(store, catalog, some, "hide")
    assert hidden is not None
    assert (hidden.action, hidden.summary) == ("hide", "1, 2")
    assert move_items(store, catalog, some, "hide") is None
    removed = move_items(store, catalog, every, "remove", why="price>0")
    assert removed is not None
    assert removed.summary == "4 items with price>0"


def _color(jpeg: bytes) -> object:
    with Image.open(BytesIO(jpeg)) as picture:
        return picture.getpixel((0, 0))


def test_undo_gives_a_replaced_picture_its_thumbnail_back(folder: Path) -> None:
    workspace = imported(folder, TABLE)
    imported(folder, TABLE.replace("1,a.png", "1,b.png"))
    with workspace.open_store() as store, closing(ThumbnailStore(workspace.thumbnails)) as pixels:
        green = pixels.get(1)
        assert green is not None
        assert _color(green) == pytest.approx((0, 250, 0), abs=3)
        undo(workspace, store)
        assert pixels.get(1) is None  # made again when it is needed
        assert pixels.get(2) is not None
    imported(folder, TABLE)
    with closing(ThumbnailStore(workspace.thumbnails)) as pixels:
        red = pixels.get(1)
        assert red is not None
        assert _color(red) == pytest.approx((250, 0, 0), abs=3)


def test_importing_an_item_again_after_its_removal_gives_it_its_own_picture(folder: Path) -> None:
    workspace = imported(folder, TABLE)
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        move_items(store, catalog, choose(catalog, ["4"], []), "remove")
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


# ── facts in later files ─────────────────────────────────────────────────────

PRICED = """id,image,title,color,size,price,sale_price,stock
1-S,a.png,Shirt,red,S,10.00 EUR,8.00 EUR,3
1-M,a.png,Shirt,red,M,11.00 EUR,8.00 EUR,1
2,b.png,Skirt,blue,M,20.00 EUR,,0
3,c.png,Dress,red,L,30.00 EUR,25.00 EUR,5
"""


def versions(workspace: Workspace) -> dict[str, dict[str, str]]:
    """Facts by the code of a variant or of an item without any, and the kinds of facts."""
    with workspace.open_store() as store:
        facts, codes = Catalog.load(store).facts, Catalog.load(store).codes
    found = {"": {column.name: column.kind for column in facts.columns}}
    for row, code in enumerate(codes):
        variants = [variant.code for variant in facts.variants(row)] or [code]
        found |= dict(zip(variants, facts.versions(row), strict=True))
    return found


@pytest.mark.parametrize(
    ("update", "changed"),
    [
        # a price without a currency is in the one that the item had
        ("id,price\n1-M,9\n2,19.5\n", {"1-M": {"price": "9.00 EUR"}, "2": {"price": "19.50 EUR"}}),
        ("id,price\n3,29 USD\n", {"3": {"price": "29.00 USD"}}),
        # an empty cell takes a fact away, a column that is not there does not
        ("id,sale_price\n1-S,\n3,\n", {"1-S": {"sale_price": None}, "3": {"sale_price": None}}),
        ("id,sale_price\n1-M,\n", {"1-M": {"sale_price": None}}),
        ("id,image,title,color,stock\n1-S,a.png,Shirt,red,7\n", {"1-S": {"stock": "7"}}),
        # a fact of the workspace stays one, and of its kind
        ("id,size\n1-S,S\n1-M,S\n2,S\n3,L\n", {"1-M": {"size": "S"}, "2": {"size": "S"}}),
        ("id,size\n2,38\n3,40\n", {"2": {"size": "38"}, "3": {"size": "40"}}),
        ("id,stock\n2,1\n3,0\n", {"2": {"stock": "1"}, "3": {"stock": "0"}}),
    ],
)
def test_a_file_of_some_facts_changes_only_these(
    folder: Path, update: str, changed: dict[str, dict[str, str | None]]
) -> None:
    workspace = imported(folder, PRICED)
    expected = versions(workspace)
    for code, facts in changed.items():
        expected[code] = {name: text for name, text in {**expected[code], **facts}.items() if text}
    (folder / "update.csv").write_text(update)
    import_catalog(workspace, folder / "update.csv", ImportOptions())
    found = versions(workspace)
    assert found == expected


def test_a_sale_that_is_over_is_over_for_all_sizes_whichever_row_leads(folder: Path) -> None:
    priced = PRICED.replace("11.00 EUR,8.00 EUR", "11.00 EUR,")
    workspace = imported(folder, priced)
    over = priced.replace("8.00 EUR", "").replace("1-S,", "1-XS,a.png,Shirt,red,XS,9 EUR,,1\n1-S,")
    (folder / "tomorrow.csv").write_text(over)
    import_catalog(workspace, folder / "tomorrow.csv", ImportOptions())
    found = versions(workspace)
    assert [code for code in found if "sale_price" in found[code]] == ["", "3"]


# ── single variants ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("codes", "as_variants", "left", "words"),
    [
        (["1-M"], False, ["1-S", "2", "3"], "the variant 1-M of 1-S"),
        (["1-S"], False, ["2", "3"], "1-S with 2 variants"),
        (["1-S"], True, ["1-M", "2", "3"], "the variant 1-S of 1-S"),
        (["1-s", "1-M"], True, ["2", "3"], "1-S with 2 variants"),
        (["1-M", "2"], False, ["1-S", "3"], "2, the variant 1-M of 1-S"),
    ],
)
def test_a_variant_goes_alone_and_the_history_says_so(
    folder: Path, codes: list[str], as_variants: bool, left: list[str], words: str
) -> None:
    workspace = imported(folder, PRICED)
    before = versions(workspace)
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        step = move_items(store, catalog, choose(catalog, codes, as_variants=as_variants), "remove")
    assert step is not None
    assert step.summary == words
    assert [code for code in versions(workspace) if code] == left
    with workspace.open_store() as store:
        undo(workspace, store)
        assert versions(workspace) == before
        redo(workspace, store)
    assert [code for code in versions(workspace) if code] == left


def test_a_fact_of_a_removed_variant_goes_with_it(folder: Path) -> None:
    workspace = imported(folder, PRICED.replace("11.00 EUR,8.00 EUR", "11.00 EUR,"))
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        move_items(store, catalog, choose(catalog, ["1-S"], as_variants=True), "remove")
    assert versions(workspace)["1-M"] == {"size": "M", "price": "11.00 EUR", "stock": "1"}


def test_a_single_variant_is_neither_hidden_nor_chosen_by_conditions(folder: Path) -> None:
    with imported(folder, PRICED).open_store() as store:
        catalog = Catalog.load(store)
        with pytest.raises(ConfigError, match="only whole items can be hidden"):
            move_items(store, catalog, choose(catalog, ["1-M"]), "hide")
        with pytest.raises(ConfigError, match="conditions choose whole items"):
            choose(catalog, ["1-M"], ["stock=0"])
