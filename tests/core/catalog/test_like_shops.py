"""Corrected labels go back into the exports of shop systems."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from datrnet.core.catalog.importer import import_catalog
from datrnet.core.catalog.like import LikeSummary, export_like
from datrnet.core.catalog.sources.csv_files import read_delimited
from datrnet.core.catalog.workspace import Workspace
from tests.core.catalog.conftest import Correct, labels, write

Revise = Callable[..., tuple[LikeSummary, dict[str, tuple[str, str]]]]

pytestmark = pytest.mark.usefixtures("photos")


def table(rows: list[dict[str, str]], delimiter: str = ",") -> str:
    header = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO()
    writer = csv.DictWriter(file, header, restval="", delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def shopify() -> str:
    rows = []
    for number, (color, size) in enumerate([("Red", "S"), ("Red", "M"), ("Blue", "S")]):
        product = {"Title": "Shirt", "Type": "Shirts", "Tags": "new, Striped, Women"}
        product |= {"Option1 Name": "Color", "Option2 Name": "Size"}
        row = {name: cell if number == 0 else "" for name, cell in product.items()}
        row |= {"Handle": "shirt", "Option1 Value": color, "Option2 Value": size}
        row |= {"Variant SKU": f"S-{color}-{size}", "Variant Price": "9.00"}
        rows.append({**row, "Variant Image": f"{'a' if color == 'Red' else 'b'}.png"})
    extra = {"Handle": "coat", "Title": "Coat", "Type": "Coats", "Tags": "old, Solid, Men"}
    extra |= {"Option1 Name": "Color", "Option1 Value": "Blue", "Variant SKU": "C-Blue"}
    return table([*rows, {**extra, "Variant Price": "8.00", "Variant Image": "c.png"}])


def woocommerce() -> str:
    rows = []
    for sku, colors, pattern, photos in (
        ("S", "Red, Blue", "Striped", "ab"),
        ("C", "Red", "Solid", "c"),
    ):
        parent = {"ID": sku, "Type": "variable", "SKU": sku, "Name": sku, "Parent": ""}
        parent |= {"Categories": f"Clothes > Women > {sku}s, New", "Images": f"{photos[0]}.png"}
        parent |= {"Attribute 1 name": "Color", "Attribute 1 value(s)": colors}
        parent |= {"Attribute 2 name": "Pattern", "Attribute 2 value(s)": pattern}
        rows.append(parent)
        for color, photo in zip(colors.split(", "), photos, strict=True):
            for size in "SM":
                child = {"ID": f"{sku}{color}{size}", "Type": "variation", "Parent": sku}
                child |= {"SKU": f"{sku}-{color}-{size}", "Name": f"{sku} - {color}"}
                child |= {"Attribute 1 name": "Color", "Attribute 1 value(s)": color}
                child |= {"Attribute 2 name": "Size", "Attribute 2 value(s)": size}
                rows.append({**child, "Images": f"{photo}.png"})
    return table(rows)


def magento() -> str:
    rows = []
    for sku, colors, photos in (("S", ("Red", "Blue"), "ab"), ("C", ("Red",), "c")):
        children = []
        for color, photo in zip(colors, photos, strict=True):
            for size in "SM":
                child = f"{sku}-{color}-{size}"
                children.append(f"sku={child},size={size},color={color}")
                rows.append(
                    {
                        "sku": child,
                        "product_type": "simple",
                        "categories": f"Default Category/Women/{sku}s",
                        "name": child,
                        "base_image": f"/{photo}.png",
                        "additional_attributes": f"color={color},has_options=0,size={size}",
                    }
                )
        rows.append(
            {
                "sku": sku,
                "product_type": "configurable",
                "categories": f"Default Category/Women/{sku}s",
                "name": sku,
                "base_image": "",
                "additional_attributes": "material=Wool|Silk,pattern=Solid",
                "configurable_variations": "|".join(children),
            }
        )
    return table(rows)


def google() -> str:
    return table(
        [
            {
                "id": code,
                "title": f"The {code}",
                "image_link": f"https://shop.example/{photo}.png",
                "availability": "in_stock",
                "color": color,
                "gender": "female",
                "product_type": "Women > Tops > Shirts",
            }
            for code, photo, color in (("A", "a", "Red"), ("B", "b", "Blue/Red"), ("C", "c", "Red"))
        ],
        "\t",
    )


EXPORTS = {"shopify.csv": shopify, "woo.csv": woocommerce, "magento.csv": magento}
EXPORTS |= {"google.tsv": google}


@pytest.fixture
def revise(workspace: Workspace, tmp_path: Path, correct: Correct) -> Revise:
    """Correct labels of an export, write it again, and return the changed cells."""

    def revised(
        name: str, *changes: tuple[str, str, str]
    ) -> tuple[LikeSummary, dict[str, tuple[str, str]]]:
        original, out = write(tmp_path / name, EXPORTS[name]()), tmp_path / f"out-{name}"
        import_catalog(workspace, original)
        for change in changes:
            correct(*change)
        summary = export_like(workspace, original, out)
        old, new = (
            read_delimited(path.read_text(), is_tsv=name.endswith("tsv"))
            for path in (original, out)
        )
        assert (old.header, old.lines) == (new.header, new.lines)
        changed = {
            f"{column} {line}": (str(before), str(after))
            for column in old.header
            for line, before, after in zip(
                old.lines, old.columns[column], new.columns[column], strict=True
            )
            if before != after
        }
        again = Workspace(tmp_path / "again")
        import_catalog(again, write(tmp_path / f"again-{name}", out.read_text()))
        told = {(label.code, label.super_category) for label in summary.unwritten}
        wanted, found = labels(workspace), labels(again)
        for code, category, _ in changes:
            if (code, category) not in told:
                assert found[code][category] == wanted[code][category]
        return summary, changed

    return revised


def test_shopify_takes_options_types_and_tags(revise: Revise) -> None:
    summary, changed = revise(
        "shopify.csv",
        ("S-Red-S", "color", "Pink"),
        ("C-Blue", "category", "Jackets"),
        ("C-Blue", "pattern", "Striped"),
        ("C-Blue", "gender", "Women"),
    )
    assert summary.unwritten == ()
    assert changed == {
        "Option1 Value 2": ("Red", "Pink"),
        "Option1 Value 3": ("Red", "Pink"),
        "Type 5": ("Coats", "Jackets"),
        "Tags 5": ("old, Solid, Men", "old, Striped, Women"),
    }


def test_a_product_has_one_cell_for_all_its_versions(revise: Revise) -> None:
    summary, changed = revise(
        "shopify.csv",
        ("S-Red-S", "category", "Blouses"),
        ("S-Red-S", "pattern", "Herringbone"),
        ("C-Blue", "color", "Red"),
    )
    assert changed == {"Option1 Value 5": ("Blue", "Red")}
    reasons = {label.super_category: label.reason for label in summary.unwritten}
    assert "one cell for all its versions" in reasons["category"]
    assert "'Herringbone' would not be recognized among the tags" in reasons["pattern"]
    assert {label.code for label in summary.unwritten} == {"S-Red-S"}


def test_all_versions_together_change_their_product(revise: Revise) -> None:
    summary, changed = revise(
        "shopify.csv",
        ("S-Red-S", "category", "Blouses"),
        ("S-Blue-S", "category", "Blouses"),
    )
    assert (summary.unwritten, summary.num_labels) == ((), 2)
    assert changed == {"Type 2": ("Shirts", "Blouses")}


def test_woocommerce_takes_pairs_paths_and_lists_of_parents(revise: Revise) -> None:
    summary, changed = revise(
        "woo.csv",
        ("S-Red-S", "color", "Pink"),
        ("C-Red-S", "pattern", "Checked"),
        ("C-Red-S", "category", "Coats"),
        ("C-Red-S", "gender", "Men"),
    )
    assert summary.unwritten == ()
    assert changed == {
        "Attribute 1 value(s) 2": ("Red, Blue", "Blue, Pink"),
        "Attribute 1 value(s) 3": ("Red", "Pink"),
        "Attribute 1 value(s) 4": ("Red", "Pink"),
        "Attribute 2 value(s) 7": ("Solid", "Checked"),
        "Categories 7": ("Clothes > Women > Cs, New", "Clothes > Men > Coats, New"),
    }


def test_magento_takes_packed_attributes_and_lists_of_variants(revise: Revise) -> None:
    summary, changed = revise(
        "magento.csv",
        ("C-Red-S", "color", "Pink"),
        ("C-Red-S", "material", "Linen"),
    )
    assert summary.unwritten == ()
    assert changed["additional_attributes 7"] == (
        "color=Red,has_options=0,size=S",
        "color=Pink,has_options=0,size=S",
    )
    assert changed["additional_attributes 9"][1] == "material=Linen,pattern=Solid"
    assert changed["configurable_variations 9"][1] == (
        "sku=C-Red-S,size=S,color=Pink|sku=C-Red-M,size=M,color=Pink"
    )
    assert len(changed) == 4


def test_google_takes_a_gender_in_both_places(revise: Revise) -> None:
    summary, changed = revise(
        "google.tsv",
        ("B", "color", "Red"),
        ("C", "gender", "Men"),
    )
    assert summary.unwritten == ()
    assert changed == {
        "color 3": ("Blue/Red", "Red"),
        "gender 4": ("female", "male"),
        "product_type 4": ("Women > Tops > Shirts", "Men > Tops > Shirts"),
    }


def test_columns_of_another_language_are_found(
    workspace: Workspace, tmp_path: Path, correct: Correct
) -> None:
    text = woocommerce()
    for name, german in (
        ("SKU", "Artikelnummer"),
        ("Categories", "Kategorien"),
        ("Images", "Bilder"),
        ("Parent", "Übergeordnetes Produkt"),
        ("Type", "Typ"),
        *((f"Attribute {n} name", f"Attribut {n} Name") for n in (1, 2)),
        *((f"Attribute {n} value(s)", f"Attribut {n} Wert(e)") for n in (1, 2)),
    ):
        head, *rest = text.split("\n", 1)
        text = "\n".join([head.replace(name, german, 1), *rest])
    original = write(tmp_path / "woo.csv", text)
    import_catalog(workspace, original)
    correct("C-Red-S", "color", "Blue")
    correct("C-Red-S", "gender", "Men")
    summary = export_like(workspace, original, tmp_path / "out.csv")
    assert (summary.num_labels, summary.unwritten) == (2, ())
    assert "Clothes > Men > Cs, New" in (tmp_path / "out.csv").read_text()
