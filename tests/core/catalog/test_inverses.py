"""The steps of a mapping backward: which cells say what a label should be."""

import pytest

from datrnet.core.catalog.mappings.inverses import undo_steps, with_field
from datrnet.core.catalog.mappings.mapping import known_mappings
from datrnet.core.catalog.mappings.steps import Fill, Paths, Words
from datrnet.core.catalog.sources.table import CatalogTable


def columns(**cells: list[str]) -> CatalogTable:
    lines = range(2, 2 + len(next(iter(cells.values()))))
    return CatalogTable(format="CSV", columns={**cells}, lines=list(lines))  # type: ignore[dict-item]


def test_every_step_has_an_inverse() -> None:
    steps = [step for mapping in known_mappings() for step in mapping.steps]
    for step in steps:
        assert undo_steps(columns(a=["x"]), [step], {(2, "a"): ("y",)}).cells[2, "a"].texts == (
            "y",
        )


def test_a_filled_cell_changes_where_it_is_written() -> None:
    filled = columns(key=["k", "k", "l"], kind=["A", "", "A"])
    step = Fill(step="fill", key="key")
    edits = undo_steps(filled, [step], {(2, "kind"): ("B",), (3, "kind"): ("B",)})
    assert {place: edit.texts for place, edit in edits.cells.items()} == {(2, "kind"): ("B",)}
    edits = undo_steps(filled, [step], {(3, "kind"): ("B",)})
    assert edits.cells == {}
    assert list(edits.refused) == [(3, "kind")]
    edits = undo_steps(filled, [step], {(3, "kind"): ("B",)}, free_lines=[2])
    assert list(edits.cells) == [(2, "kind")]


def test_only_the_deepest_path_changes() -> None:
    step = Paths(step="paths", column="path", separator="/", paths=",")
    edits = undo_steps(
        columns(path=["New/A, Tops / Shirts / Long ,B"]), [step], {(2, "category"): ("X",)}
    )
    assert edits.cells[2, "path"].texts == ("New/A, Tops / Shirts / X ,B",)


def test_a_tag_is_added_replaced_and_removed() -> None:
    step = Words(step="words", column="tags", words={"pattern": ("Solid", "Striped")})
    for tags, wanted, found in (
        ("a, solid", ("Striped",), "a, Striped"),
        ("a,solid,b", (), "a,b"),
        ("a", ("Solid",), "a, Solid"),
        ("", ("Solid",), "Solid"),
    ):
        edits = undo_steps(columns(tags=[tags]), [step], {(2, "pattern"): wanted})
        assert edits.cells[2, "tags"].texts == (found,)


@pytest.mark.parametrize(
    ("packed", "value", "found"),
    [
        ("color=Red,size=S", "Blue", "color=Blue,size=S"),
        ("size=S, Color = Red , tall", "Blue", "size=S, Color = Blue"),
        ("size=S", "Blue", "size=S,color=Blue"),
        ("", "Blue", "color=Blue"),
        ("color=Red,size=S", "", "size=S"),
        ("color=Red", "a,b", 'color="a,b"'),
    ],
)
def test_a_packed_field_is_replaced(packed: str, value: str, found: str) -> None:
    assert with_field(packed, "color", value, ",", "=") == found
