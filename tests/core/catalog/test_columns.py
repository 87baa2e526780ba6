"""What columns are taken as."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.catalog.columns import ColumnChoices, ColumnPlan, plan_columns
from datrnet.core.catalog.table import Row
from datrnet.core.errors import DataError, DatrnetError, UnknownNameError

COLUMNS = {
    "sku": [str(number) for number in range(40)],
    "Picture": [f"{number}.jpg" for number in range(40)],
    "product_name": [f"shirt {number}" for number in range(40)],
    "partition": ["train", "val"] * 20,
    "colour": ["Red", "red ", "Blue", ""] * 10,
    "price": ["9,90", "12"] * 20,
    "brand": ["Acme"] * 40,
    "remark": [f"remark {number}" for number in range(40)],
    "care": ["wash " * 20, "iron " * 20] * 20,
    "nothing": [""] * 40,
}


def table(columns: dict[str, list[str]]) -> tuple[list[str], list[Row]]:
    header = list(columns)
    records = zip(*columns.values(), strict=True)
    rows = [
        Row(line=line, cells=dict(zip(header, record, strict=True)))
        for line, record in enumerate(records, start=2)
    ]
    return header, rows


def plan(columns: dict[str, list[str]], **choices: object) -> ColumnPlan:
    return plan_columns(*table(columns), ColumnChoices(**choices))  # type: ignore[arg-type]


def test_columns_are_recognized_by_name() -> None:
    found = plan(COLUMNS)
    assert (found.id, found.image, found.title, found.split) == (
        "sku",
        "Picture",
        "product_name",
        "partition",
    )
    assert found.attributes == ("colour",)
    assert found.notes == ()


def test_every_column_left_out_has_its_reason() -> None:
    assert {skipped.column: skipped.reason for skipped in plan(COLUMNS).left_out} == {
        "price": "numbers only",
        "brand": "only one value",
        "remark": "nearly every item has a different value",
        "care": "long text",
        "nothing": "empty",
    }


def test_the_meanings_name_every_column_once() -> None:
    meanings = plan(COLUMNS).meanings()
    assert sorted(column for column, _ in meanings) == sorted(COLUMNS)
    assert ("Picture", "picture") in meanings
    assert ("nothing", "skipped: empty") in meanings


def test_asked_for_attributes_are_taken_exactly() -> None:
    found = plan(COLUMNS, attributes=("Brand", "PRICE"))
    assert found.attributes == ("brand", "price")
    assert {"colour", "remark"} <= {skipped.column for skipped in found.left_out}


@pytest.mark.parametrize("choice", [{"attributes": ("color",)}, {"id": "color"}])
def test_an_unknown_column_names_the_nearest(choice: dict[str, object]) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean colour") as caught:
        plan(COLUMNS, **choice)
    assert caught.value.exit_code == 2


def test_a_choice_goes_before_a_name() -> None:
    found = plan(COLUMNS, title="REMARK", image="sku", id="picture")
    assert (found.id, found.image, found.title) == ("Picture", "sku", "remark")


def test_pictures_are_recognized_by_their_endings_too() -> None:
    assert plan({"id": ["1", "2"], "front view": ["a.JPG", "b.png"]}).image == "front view"


def test_no_picture_column_is_an_error() -> None:
    with pytest.raises(DataError, match="the columns are id, colour") as caught:
        plan({"id": ["1"], "colour": ["Red"]})
    assert "--image COLUMN" in caught.value.hint


def test_what_stands_in_for_missing_columns_is_said() -> None:
    notes = " ".join(plan({"image": ["a.png"]}).notes)
    for word in ("No id column", "No title column", "No split column", "--attribute"):
        assert word in notes


def test_a_known_super_category_is_taken_whatever_this_file_holds() -> None:
    known = ("BRAND", "remark", "material")
    found = plan_columns(*table(COLUMNS), ColumnChoices(), known)
    assert found.attributes == ("colour", "brand", "remark")
    asked = plan_columns(*table(COLUMNS), ColumnChoices(attributes=("colour",)), known)
    assert asked.attributes == ("colour",)


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
    assert found.id == expected
    assert repr(expected) in found.notes[0] or "file name" in found.notes[0]


def test_a_super_category_is_no_id_even_where_all_its_values_differ() -> None:
    columns = {"fit": ["36", "38", "40"], **PICTURES}
    assert plan(columns, attributes=("fit",)).id is None
    assert plan_columns(*table(columns), ColumnChoices(), ["Fit"]).id is None


@given(
    columns=st.dictionaries(
        st.text(max_size=12) | st.sampled_from(["id", "image", "split", "url"]),
        st.lists(st.text(max_size=12), min_size=5, max_size=5),
        max_size=6,
    ),
    chosen=st.lists(st.text(max_size=5), max_size=2),
)
def test_planning_never_crashes(columns: dict[str, list[str]], chosen: list[str]) -> None:
    with suppress(DatrnetError):
        assert plan(columns, attributes=tuple(chosen)).image in columns
