"""Writes a made-up shop as it would come out of Shopify: photos, and a table with a row per size.

    python tools/make_shop_exports.py FOLDER

Eight products in three colors and three sizes: 24 photos, 72 rows. docs/catalog.md uses it.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw

PRODUCTS = {
    "Harbor shirt": ("Shirts", "Men", "Striped", 39),
    "Meadow dress": ("Dresses", "Women", "Floral", 79),
    "Quarry trousers": ("Trousers", "Men", "Solid", 59),
    "Lantern jacket": ("Jackets", "Women", "Solid", 129),
    "Orchard shirt": ("Shirts", "Women", "Checked", 45),
    "Tide dress": ("Dresses", "Women", "Striped", 89),
    "Ridge trousers": ("Trousers", "Women", "Checked", 65),
    "Ember jacket": ("Jackets", "Men", "Solid", 149),
}
"""Category, gender, pattern and price, by title."""

COLORS = {"Sand": (214, 196, 160), "Teal": (20, 120, 125), "Plum": (110, 40, 95)}
SIZES = ("S", "M", "L")


def photo_name(title: str, color: str) -> str:
    """Return the name of a photo's file."""
    return f"{title.replace(' ', '-')}-{color}.jpg".lower()


def rows() -> Iterator[dict[str, str]]:
    """Yield the rows of the export; a product's first row says what all share."""
    for number, (title, (category, gender, pattern, price)) in enumerate(PRODUCTS.items()):
        shared = {
            "Title": title,
            "Vendor": ("Hollow & Pine", "Kestrel")[number % 2],
            "Type": category,
            "Tags": f"spring, {pattern}",
            "Option1 Name": "Color",
            "Option2 Name": "Size",
            "Google Shopping / Gender": gender,
        }
        for place, (color, size) in enumerate((c, s) for c in COLORS for s in SIZES):
            address = f"https://cdn.shop.example/files/{photo_name(title, color)}?v=1"
            yield {
                "Handle": title.lower().replace(" ", "-"),
                **{name: "" if place else cell for name, cell in shared.items()},
                "Option1 Value": color,
                "Option2 Value": size,
                "Variant SKU": f"P{number}-{color}-{size}",
                "Variant Price": f"{price}.00",
                "Variant Inventory Qty": str((number + place) % 5),
                "Image Src": address,
                "Variant Image": address,
            }


def draw(path: Path, title: str, color: str) -> None:
    """Draw a photo: a shape for the category, in the color, with the pattern."""
    category, _, pattern, _ = PRODUCTS[title]
    ink = COLORS[color]
    light = tuple((share + 255) // 2 for share in ink)
    width = {"Shirts": 120, "Dresses": 90, "Trousers": 70, "Jackets": 140}[category]
    height = 180 if category in ("Shirts", "Jackets") else 260
    picture = Image.new("RGB", (240, 320), (240, 240, 238))
    pen = ImageDraw.Draw(picture)
    left, top = (240 - width) // 2, (320 - height) // 2
    pen.rectangle((left, top, left + width, top + height), fill=ink)
    if category in ("Shirts", "Jackets"):
        pen.polygon([(left, top), (left - 40, top + 90), (left, top + 70)], fill=ink)
        right = left + width
        pen.polygon([(right, top), (right + 40, top + 90), (right, top + 70)], fill=ink)
    if pattern in ("Striped", "Checked"):
        for place in range(top + 8, top + height - 8, 22):
            pen.rectangle((left, place, left + width, place + 7), fill=light)
    if pattern in ("Checked", "Floral"):
        for place in range(left + 6, left + width - 6, 22):
            pen.rectangle((place, top, place + 7, top + height), fill=light)
    picture.save(path, quality=90)


def make_shop(folder: Path) -> Path:
    """Write the shop, and return the path of its table."""
    photos = folder / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    for title in PRODUCTS:
        for color in COLORS:
            draw(photos / photo_name(title, color), title, color)
    table = list(rows())
    path = folder / "shopify.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return path


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where to write it")
    print(make_shop(parser.parse_args().folder))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
