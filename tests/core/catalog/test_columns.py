"""What columns are taken as."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.catalog.columns import plan_columns
from datrnet.core.catalog.mappings.draft import Draft
from datrnet.core.catalog.mappings.mapping import Mapping
from datrnet.core.catalog.plan import ColumnChoices, TablePlan
from datrnet.core.catalog.sources.table import Cell
from datrnet.core.errors import ConfigError, DataError, DatrnetError, UnknownNameError

COLUMNS: dict[str, list[str]] = {
    "sku": [f"A{number}" for number in range(40)],
    "Picture": [f"{number}.jpg" for number in range(40)],
    "product_name": [f"shirt {number}" for number in range(40)],
    "partition": ["train", "val"] * 20,
    "color": ["Red", "red ", "Blue", ""] * 10,
    "material": ["Cotton", "Cotton, Linen", "Linen", "Wool"] * 10,
    "item_group_id": [f"G{number // 4}" for number in range(40)],
    "price": ["9,90 €", "12 €"] * 20,
    "in stock": ["true", "false"] * 20,
    "size": ["S", "M", "L", "XL"] * 10,
    "added": ["2026-03-01", "2026-03-02"] * 20,
    "page": ["https://shop.example/1", "https://shop.example/2"] * 20,
    "brand": ["Acme"] * 40,
    "remark": [f"remark {number}" for number in range(40)],
    "care": ["wash " * 60, "iron " * 60] * 20,
    "gap": ["N/A", "-"] * 20,
}


def draft(columns: dict[str, list[str]]) -> Draft:
    num_rows = max(map(len, columns.values()), default=0)
    cells: dict[str, list[Cell]] = {name: list(column) for name, column in columns.items()}
    return Draft(cells, list(range(2, num_rows + 2)))


def plan(columns: dict[str, list[str]], **choices: object) -> TablePlan:
    return plan_columns(draft(columns), ColumnChoices(**choices))  # type: ignore[arg-type]


def uses(found: TablePlan) -> dict[str, str]:
    return {column.column: column.use for column in found.columns}


def test_columns_are_recognized_by_name_and_by_value() -> None:
    assert uses(plan(COLUMNS)) == {
        "sku": "id",
        "Picture": "image",
        "product_name": "title",
        "partition": "split",
        "color": "attribute",
        "material": "attribute",
        "item_group_id": "group",
        "price": "money",
        "in stock": "boolean",
        "size": "text",
        "added": "date",
        "page": "link",
        "brand": "text",
        "remark": "text",
        "care": "ignore",
        "gap": "ignore",
    }


def test_every_column_has_a_reason_and_examples() -> None:
    by_name = {column.column: column for column in plan(COLUMNS).columns}
    assert by_name["color"].examples == ("Red", "red", "Blue")
    assert by_name["material"].separator == ","
    assert by_name["remark"].reason == "nearly every item has a different value"
    assert by_name["care"].reason == "long text"
    assert by_name["gap"].reason == "empty"
    assert all(column.reason for column in by_name.values())


def test_attributes_that_are_named_are_taken_exactly() -> None:
    found = plan(COLUMNS, attributes=("Brand", "PRICE"))
    assert found.attributes == ("brand", "price")
    assert uses(found)["color"] == "text"


@pytest.mark.parametrize("choice", [{"attributes": ("colour",)}, {"id": "colour"}])
def test_an_unknown_column_names_the_nearest(choice: dict[str, object]) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean color") as caught:
        plan(COLUMNS, **choice)
    assert caught.value.exit_code == 2


def test_a_choice_goes_before_a_name() -> None:
    found = plan(COLUMNS, title="REMARK", image="sku", id="picture")
    assert [found.first(use) for use in ("id", "image", "title")] == ["Picture", "sku", "remark"]


def test_what_a_person_chooses_goes_before_the_options() -> None:
    found = plan(
        COLUMNS,
        uses={"color": "ignore", "product_name": "id", "material": "tags"},
        attributes=("color", "size"),
        id="sku",
        facts=("material",),
    )
    told = uses(found)
    assert (told["color"], told["size"], told["material"]) == ("ignore", "attribute", "tags")
    assert found.first("id") == "product_name"
    assert told["sku"] != "id"


def test_a_column_keeps_the_name_that_the_format_gives_it_in_another_use() -> None:
    columns = {name: list(cells) for name, cells in COLUMNS.items()}
    mapping = Mapping.model_validate(
        {
            "name": "Shop",
            "columns": {
                "sku": "id",
                "color": {"use": "attribute", "name": "shade", "values": {"red": "Rot"}},
                "brand": {"use": "text", "name": "maker"},
            },
        }
    )
    choices = ColumnChoices(uses={"color": "text", "item_group_id": "id"}, facts=("brand",))
    found = {it.column: it for it in plan_columns(draft(columns), choices, mapping).columns}
    assert (found["color"].use, found["color"].name, found["color"].values) == ("text", "shade", {})
    assert found["brand"].name == "maker"
    assert found["sku"].use != "id"  # only one column is
    same = plan_columns(draft(columns), ColumnChoices(uses={"color": "attribute"}), mapping)
    (color,) = (it for it in same.columns if it.column == "color")
    assert (color.name, color.values) == ("shade", {"red": "Rot"})


def test_split_and_group_can_be_refused() -> None:
    found = plan(COLUMNS, split="", group="")
    assert found.first("split") is None
    assert found.first("group") is None


def test_a_split_has_words_of_splits_only() -> None:
    assert uses(plan(COLUMNS | {"partition": ["red", "blue"] * 20}))["partition"] == "attribute"


def test_the_id_is_the_unique_one_of_several_columns() -> None:
    assert plan(COLUMNS | {"id": ["1", "2"] * 20}).first("id") == "sku"


def test_pictures_may_be_a_pattern() -> None:
    columns = {"sku": ["1", "2"], "color": ["Red", "Blue"]}
    assert plan(columns, image="photos/{sku:.1}/{id}.jpg").image_pattern is not None
    with pytest.raises(UnknownNameError, match="Did you mean sku"):
        plan(columns, image="{skuu}.jpg")
    with pytest.raises(ConfigError, match="malformed"):
        plan(columns, image="{sku.jpg")


def test_pictures_are_recognized_by_their_endings_too() -> None:
    assert plan({"id": ["1", "2"], "front": ["a.JPG", "b.png"]}).first("image") == "front"


def test_no_picture_column_is_an_error() -> None:
    with pytest.raises(DataError, match="the columns are id, color") as caught:
        plan({"id": ["1"], "color": ["Red"]})
    assert "--image COLUMN" in caught.value.hint


def test_what_stands_in_for_missing_columns_is_said() -> None:
    notes = " ".join(plan({"image": ["a.png"]}).notes)
    for word in ("No id column", "No title column", "No split column", "--attribute"):
        assert word in notes


def test_a_known_super_category_is_taken_whatever_this_file_holds() -> None:
    known = ("BRAND", "remark", "sleeve")
    found = plan_columns(draft(COLUMNS), ColumnChoices(), known=known)
    assert {"brand", "remark", "color"} <= set(found.attributes)
    chosen = plan_columns(draft(COLUMNS), ColumnChoices(attributes=("color",)), known=known)
    assert chosen.attributes == ("color",)


def test_values_are_counted_not_the_cells_that_join_them() -> None:
    fibers = ["Wool", "Silk", "Linen", "Cotton"]
    cells = [f"{fibers[n % 4]}|{fibers[n // 4 % 4]}|{n // 16}" for n in range(40)]
    (found,) = (c for c in plan({**COLUMNS, "fibers": cells}).columns if c.column == "fibers")
    assert (found.use, found.num_values) == ("attribute", 7)
    assert found.examples == ("Wool", "0", "Silk")


def test_names_and_values_in_full_width_are_understood() -> None:
    wide = str.maketrans({chr(n): chr(n + 0xFEE0) for n in range(ord("!"), ord("~") + 1)})
    columns = {
        name.translate(wide): [cell.translate(wide) for cell in cells]
        for name, cells in COLUMNS.items()
        if name in ("sku", "product_name", "partition", "color", "price", "in stock", "gap")
    }
    columns |= {"Picture": COLUMNS["Picture"], "素材": ["綿", "麻", "綿、麻", "絹"] * 10}
    found = plan(columns)
    assert list(uses(found).values()) == [
        *("id", "title", "split", "attribute", "money", "boolean", "ignore", "image", "attribute"),
    ]
    assert found.columns[-1].separator == "、"


def test_numbered_pictures_and_further_texts_are_no_super_categories() -> None:
    columns = {**COLUMNS, "Picture 2": COLUMNS["Picture"], "description": ["soft", "warm"] * 20}
    told = uses(plan({**columns, "name": ["S", "M"] * 20, "on sale": ["ja", "nein"] * 20}))
    assert told["Picture 2"] == "image"
    assert (told["description"], told["name"], told["on sale"]) == ("text", "title", "boolean")
    assert told["product_name"] == "text"


def test_a_column_has_one_use() -> None:
    with pytest.raises(ConfigError, match="--attribute and --fact name the same column, 'color'"):
        plan(COLUMNS, attributes=("color",), facts=("COLOR",))
    assert uses(plan(COLUMNS, uses={"color": "fact"}, attributes=("color",)))["color"] == "text"


def test_a_single_long_cell_makes_no_column_long_text() -> None:
    colors = [*COLUMNS["color"][:-1], "a, b " * 40_000]
    materials = [*COLUMNS["material"][:-1], "soft, warm, " * 20_000]
    found = plan({**COLUMNS, "color": colors, "material": materials})
    assert {"color", "material"} <= set(found.attributes)
    assert {c.column: c.separator for c in found.columns}["material"] == ","


@pytest.mark.parametrize(
    ("name", "cells", "use"),
    [
        ("group", ["ST00", "ST01", "ST02", "ST03"], "group"),
        ("Style", ["harbor-shirt", "meadow-dress", "tide-dress", "ember-jacket"], "group"),
        ("group", ["Shirts", "Dresses", "T-Shirts", "Jackets"], "attribute"),
        ("Gruppe", ["Damen", "Herren", "Kinder", "Damen"], "attribute"),
        ("handle", ["harbor", "meadow", "tide", "ember"], "group"),
    ],
)
def test_a_group_is_one_of_variants_if_its_values_are_identifiers(
    name: str, cells: list[str], use: str
) -> None:
    columns = {column: texts for column, texts in COLUMNS.items() if column != "item_group_id"}
    assert uses(plan({**columns, name: cells * 10}))[name] == use


def test_an_id_that_is_repeated_by_mistake_is_still_the_id() -> None:
    columns = {**COLUMNS, "id": ["1", "2"] * 20}
    columns["sku"] = [*COLUMNS["sku"][:-1], "A0"]
    assert plan(columns).first("id") == "sku"


PICTURES = {"image": ["a.png", "b.png", "c.png"]}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"Artikel": ["1001", "1002", "1003"], "EAN": ["7", "8", "9"]}, "Artikel"),
        ({"price": ["9", "12", "15"], "model": ["AB-1", "AB-2", "CD/1"]}, "model"),
        ({"netto": ["9.90", "12.50", "15.00"]}, None),
        ({"netto": ["9,90", "12,50", "15,00"]}, None),
        ({"Artikel": ["1001", "1001", "1003"]}, None),
        ({"Artikel": ["1001", "", "1003"]}, None),
        ({"pattern": ["plain", "striped", "dotted"]}, None),
    ],
)
def test_a_column_of_different_codes_is_the_id_where_none_is_named(
    columns: dict[str, list[str]], expected: str | None
) -> None:
    found = plan({**columns, **PICTURES})
    assert found.first("id") == expected
    assert repr(expected) in found.notes[0] or "file name" in found.notes[0]


def test_a_super_category_is_no_id_even_where_all_its_values_differ() -> None:
    columns = {"fit": ["36", "38", "40"], **PICTURES}
    assert plan(columns, attributes=("fit",)).first("id") is None
    assert plan_columns(draft(columns), ColumnChoices(), known=["Fit"]).first("id") is None


@given(
    columns=st.dictionaries(
        st.text(max_size=12) | st.sampled_from(["id", "image", "split", "url", "{id}"]),
        st.lists(st.text(max_size=12), min_size=5, max_size=5),
        max_size=6,
    ),
    chosen=st.lists(st.text(max_size=5), max_size=2),
)
def test_planning_never_crashes(columns: dict[str, list[str]], chosen: list[str]) -> None:
    with suppress(DatrnetError):
        found = plan(columns, attributes=tuple(chosen))
        assert found.first("image") in columns
        assert sorted(column.column for column in found.columns) == sorted(columns)
