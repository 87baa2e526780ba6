"""Generates catalog files of all kinds and dialects, good and broken, and reads each as an import.

    python tools/fuzz_import.py [--files 100000] [--seed 0] [--first 0] [--jobs 2] [--keep FOLDER]

Nothing but a DatrnetError may be raised, no file may take longer than PATIENCE, a good file must be
read, and no row may be lost: those read, merged and refused are as many as were written, which the
generator counts by itself. Prints how many files of each kind there were, and each fault with the
number of its file, which ``--first NUMBER --files 1 --keep FOLDER`` makes again. The exit status is
1 after a fault.
"""

import argparse
import gzip
import html
import io
import json
import random
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image

from datrnet.core.catalog.importer import ImportOptions, parse_catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DatrnetError

PATIENCE = 20
"""Seconds after which a file counts as a hang."""
CHUNK = 250
"""Files that a process generates at a time."""
NUM_PICTURES = 6

Row = dict[str, Any]

COLORS = ("Red", "Blue", "Grün", "none", "Navy/White", "red", "Off-White")
KINDS = ("Shirts", "Dresses", "Röcke", "T-Shirts & Tops", "パンツ")
SIZES = ("S", "M", "L", "XL", "38", "38.5", "ONE SIZE")
MATERIALS = ("Cotton", "Cotton, Elastane", "Wool|Silk", "100% Linen", "N/A")
PLACEHOLDERS = ("", "N/A", "-", "NULL", "#REF!", "nan", "none", "?")
PRICES = ("19.90", "19,90 €", "$1,299.00", "1.299,00", "12 EUR", "free", "", "1e3", "-5")
STRANGE = (
    'a "quoted" word', "two\nlines", "tab\there", "comma, semicolon; bar|", "  spaces  ", "=1+1",
    "\u202eright to left", "e\u0301 and é", "emoji 👗", "&amp; &eacute; &#8364; &nosuch;", "日本語",
    "ไทย", "\x00\x07", "a\\", '\\"', "'", "{", "[1", "<b>bold</b>", "1.00020E+12",
    '="0012"', "0012", "TRUE", "2024-01-31", "https://shop.example/p?a=1&b=2", "\ufeff", "\ud83d",
    '{"a": {"b": [1, null]}}', "{'c': 'd'}", "e=f,g=h", "A > B > C", "x" * 70,
)  # fmt: skip
TITLES = ("Catalog", "Export of 2024-05-01", "My shop", "Spring", "All rights reserved")


@dataclass(frozen=True, kw_only=True)
class Made:
    """A generated file."""

    kind: str
    suffix: str
    data: bytes
    num_rows: int | None
    """How many rows were written; None where damage leaves that open."""
    is_good: bool = True
    """Whether the file must be read."""


@dataclass
class Outcome:
    """What came of many files."""

    by_kind: Counter[str] = field(default_factory=Counter)
    """Files by kind; those that were refused as a whole have a kind of their own."""
    num_rows: int = 0
    faults: list[str] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        """Add the outcome of other files."""
        self.by_kind += other.by_kind
        self.num_rows += other.num_rows
        self.faults += other.faults


def fuzz(first: int, num_files: int, seed: int, folder: Path, *, keeps: bool = False) -> Outcome:
    """Generate files in a folder and read each.

    Args:
        first: Number of the first file.
        num_files: How many.
        seed: The same seed and number make the same file.
        folder: Where the files and their pictures are written.
        keeps: Whether to leave the files there.
    """
    outcome = Outcome()
    draw_pictures(folder)
    for number in range(first, first + num_files):
        made = make(random.Random(f"{seed} {number}"))
        path = folder / f"{number}{made.suffix}"
        path.write_bytes(made.data)
        fault, kind = check(made, path)
        outcome.by_kind[kind] += 1
        outcome.num_rows += made.num_rows or 0
        if fault:
            outcome.faults.append(f"file {number} ({made.kind}{made.suffix}): {fault}")
        if not keeps:
            path.unlink()
    return outcome


def check(made: Made, path: Path) -> tuple[str, str]:
    """Read a file; return what is wrong, empty if nothing is, and the kind to count it under."""
    options = ImportOptions()
    try:
        with patience(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = parse_catalog(Workspace(path.parent / "workspace"), path, options)
    except DatrnetError as error:
        return (f"refused: {error}" if made.is_good else ""), f"{made.kind}, refused"
    except TimeoutError:
        return f"longer than {PATIENCE} s", made.kind
    except Exception:
        return traceback.format_exc(limit=-4), made.kind
    counted = sum(row.num_rows for row in parsed.rows) + parsed.num_merged + len(parsed.problems)
    if counted != parsed.num_rows:
        return f"{parsed.num_rows} rows are in the file, {counted} became something", made.kind
    if made.num_rows is not None and counted != made.num_rows:
        return f"{made.num_rows} rows were written, {counted} are accounted for", made.kind
    return "", made.kind


@contextmanager
def patience() -> Iterator[None]:
    """Raise TimeoutError in code that takes longer than PATIENCE, where the system can."""

    def stop(*_: object) -> None:
        raise TimeoutError

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)


def draw_pictures(folder: Path) -> None:
    """Draw the few pictures that all files name."""
    for number in range(NUM_PICTURES):
        path = folder / "photos" / picture_name(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            Image.new("RGB", (2, 2), (number * 40, 0, 0)).save(path)


def picture_name(number: int) -> str:
    """Return the name of a picture's file."""
    return ("a.png", "b.PNG", "c d.png", "é.png", "00012.png", "6.jpg")[number]


# ── What is in a file ────────────────────────────────────────────────────────


def make(rng: random.Random) -> Made:
    """Generate a file."""
    layout = rng.choice(
        (plain, plain, plain, german, shopify, woocommerce, magento, google, kaggle)
    )
    rows = layout(rng, rng.randint(2, 14))
    if rng.random() < 0.3:
        trouble(rng, rows)
    writers: Sequence[Callable[[random.Random, list[Row]], Made]] = (delimited, records, xml)
    made = rng.choices((*writers, workbook, parquet), (60, 22, 12, 3, 3))[0](rng, rows)
    made = replace(made, kind=f"{layout.__name__} as {made.kind}")
    if rng.random() < 0.08:
        made = replace(made, data=gzip.compress(made.data, 1), suffix=f"{made.suffix}.gz")
    return damaged(rng, made) if rng.random() < 0.25 else made


def picture_path(rng: random.Random) -> str:
    """Return the path of a picture in one of the many ways to write it."""
    name = picture_name(rng.randrange(NUM_PICTURES))
    ways = (
        f"photos/{name}", f"photos/{name}", f"./photos/{name}", f"photos\\{name}", name,
        f"C:\\Users\\me\\photos\\{name}", f"https://cdn.example/x/{name.replace(' ', '%20')}?v=17",
        f"file:///srv/photos/{name.replace(' ', '%20')}", f"/s/t/{name}", name.upper(),
    )  # fmt: skip
    return rng.choice(ways)


def plain(rng: random.Random, num_rows: int) -> list[Row]:
    """Return rows of a table as somebody would type it."""
    rows: list[Row] = [
        {
            "id": f"{number + 1:05}",
            "image": picture_path(rng),
            "name": f"Item {number}",
            "color": rng.choice(COLORS),
            "category": rng.choice(KINDS),
            "material": rng.choice(MATERIALS),
            "size": rng.choice(SIZES),
            "price": rng.choice(PRICES),
            "stock": rng.randint(0, 30),
            "new": rng.choice(("yes", "no")),
        }
        for number in range(num_rows)
    ]
    optional = ["name", "material", "size", "price", "stock", "new"]
    left_out = rng.sample(optional, rng.randint(0, len(optional)))
    return [{name: cell for name, cell in row.items() if name not in left_out} for row in rows]


def german(rng: random.Random, num_rows: int) -> list[Row]:
    """Return rows with German names and numbers, some of several pictures."""
    return [
        {
            "Artikelnummer": f"A-{number}",
            "Bezeichnung": f"Hemd {number}, „schön“",
            "Bild": "|".join(picture_path(rng) for _ in range(rng.randint(1, 3))),
            "Farbe": rng.choice(("schwarz", "weiß", "k. A.", "rot")),
            "Größe": rng.choice(SIZES),
            "Preis": rng.choice(("19,90", "1.299,00 €", "5,-", "")),
            "Bestand": rng.randint(0, 3),
        }
        for number in range(num_rows)
    ]


def shopify(rng: random.Random, num_rows: int) -> list[Row]:
    """Return rows of a Shopify export; some are only a picture."""
    rows: list[Row] = []
    while len(rows) < num_rows:
        handle = f"handle-{len(rows)}"
        for number in range(rng.randint(1, 4)):
            row: Row = {"Handle": handle, "Title": "", "Type": "", "Tags": ""}
            if number == 0:
                row |= {"Title": "A shirt", "Type": rng.choice(KINDS), "Tags": "new, Striped"}
            row |= {
                "Option1 Name": "Color" if number == 0 else "",
                "Option1 Value": rng.choice(COLORS),
                "Variant SKU": f"{handle}-{number}",
                "Variant Price": rng.choice(PRICES),
                "Image Src": picture_path(rng),
            }
            if number and rng.random() < 0.2:
                row |= {"Option1 Value": "", "Variant SKU": "", "Variant Price": ""}
            rows.append(row)
    return rows


def woocommerce(rng: random.Random, num_rows: int) -> list[Row]:
    """Return rows of a WooCommerce export: products and their variations."""
    rows: list[Row] = []
    while len(rows) < num_rows:
        style = f"ST{len(rows)}"
        colors = rng.sample(COLORS, 2)
        for number in range(rng.randint(1, 4)):
            rows.append(
                {
                    "ID": len(rows) + 1,
                    "Type": "variation" if number else "variable",
                    "SKU": f"{style}-{number}" if number else style,
                    "Name": f"Product {style}",
                    "Categories": "" if number else f"Clothes > Women > {rng.choice(KINDS)}, New",
                    "Images": ", ".join(picture_path(rng) for _ in range(rng.randint(1, 2))),
                    "Parent": (style if rng.random() < 0.9 else "id:1") if number else "",
                    "Regular price": rng.choice(PRICES),
                    "Attribute 1 name": "Color",
                    "Attribute 1 value(s)": rng.choice(colors) if number else ", ".join(colors),
                    "Attribute 1 default": "" if number else colors[0],
                }
            )
    return rows


def magento(rng: random.Random, num_rows: int) -> list[Row]:
    """Return rows of a Magento export: simple products, some of a configurable one."""
    rows: list[Row] = []
    for number in range(num_rows):
        packed = f"color={rng.choice(COLORS)},size={rng.choice(SIZES)},material=Wool|Silk"
        rows.append(
            {
                "sku": f"M{number}",
                "product_type": "simple",
                "categories": f"Root/Women/{rng.choice(KINDS)},Root/Sale",
                "name": f"Thing {number}",
                "price": rng.choice(PRICES),
                "base_image": picture_path(rng),
                "additional_attributes": packed if rng.random() < 0.9 else rng.choice(STRANGE),
                "configurable_variations": "",
            }
        )
    if rng.random() < 0.6:
        children = "|".join(f"sku=M{number},size=S" for number in range(1, num_rows))
        rows[0] |= {"product_type": "configurable", "configurable_variations": children}
    return rows


def google(rng: random.Random, num_rows: int) -> list[Row]:
    """Return rows of a feed for Google Merchant."""
    return [
        {
            "id": f"G{number}",
            "title": f"A thing, {number}",
            "link": f"https://shop.example/p/{number}",
            "image_link": picture_path(rng),
            "additional_image_link": ",".join(picture_path(rng) for _ in range(rng.randint(0, 2))),
            "availability": rng.choice(("in_stock", "out_of_stock", "preorder")),
            "price": f"{rng.randint(1, 99)}.00 EUR",
            "color": rng.choice(COLORS),
            "item_group_id": f"P{number // 3}",
            "product_type": f"Women > {rng.choice(KINDS)}",
        }
        for number in range(num_rows)
    ]


def kaggle(rng: random.Random, num_rows: int) -> list[Row]:
    """Return rows that name no picture: it has the name of the id."""
    return [
        {
            "id": 6 if number == 0 else 10 + number,
            "gender": rng.choice(("Men", "Women")),
            "masterCategory": "Apparel",
            "subCategory": rng.choice(KINDS),
            "articleType": rng.choice(KINDS),
            "baseColour": rng.choice(COLORS),
            "year": 2012,
            "productDisplayName": f"Thing {number}",
        }
        for number in range(num_rows)
    ]


def trouble(rng: random.Random, rows: list[Row]) -> None:
    """Put in what people and programs leave in catalogs; the number of rows stays."""
    for _ in range(rng.randint(1, 6)):
        row, name = rng.choice(rows), rng.choice(list(rows[0]))
        match rng.randrange(5):
            case 0:
                row[name] = rng.choice(PLACEHOLDERS)
            case 1:
                row[name] = rng.choice(STRANGE)
            case 2:
                row[name] = rng.choice(rows)[name]
            case 3:
                row[name] = str(row[name]) + rng.choice(STRANGE)
            case 4:
                row[name] = rng.choice(STRANGE) * rng.choice((1, 40, 2000))
    if not any(any(str(cell).strip("\x00\x07\ufeff ") for cell in row.values()) for row in rows):
        rows[0]["note"] = "not blank"


# ── How it is written ────────────────────────────────────────────────────────


def delimited(rng: random.Random, rows: list[Row]) -> Made:
    """Write rows as a spreadsheet of some country and age would."""
    delimiter = rng.choice(",,,;\t|")
    suffix = rng.choice((".csv", ".csv", ".txt", "", ".tsv" if delimiter == "\t" else ".csv"))
    end = rng.choice(("\n", "\n", "\r\n", "\r"))
    quoting = rng.choice(("few", "few", "all", "spaced"))
    header = list(dict.fromkeys(name for row in rows for name in row))
    table = [[_text(row.get(name, "")) for name in header] for row in rows]
    has_header = rng.random() < 0.93 or not _tells_pictures(table)
    if rng.random() < 0.1:  # totals
        table.append(["Total", *[""] * (len(header) - 2), str(rng.randint(1, 999))])
    width = len(header) + (rng.randint(1, 3) if rng.random() < 0.1 else 0)
    is_short = rng.random() < 0.1
    lines = [] if not has_header else [_line(header, delimiter, quoting, width)]
    for cells in table:
        used = _without_end(cells) if is_short else cells
        lines.append(_line(used, delimiter, quoting, 0 if is_short else width))
    if rng.random() < 0.1 and has_header:
        titles = [rng.choice(TITLES) + delimiter * rng.choice((0, width - 1))]
        lines = [*titles, *([""] if rng.random() < 0.5 else []), *lines]
    if rng.random() < 0.1:
        lines.insert(0, f"sep={delimiter}")
    if rng.random() < 0.1:
        lines.insert(rng.randint(len(lines) - 1, len(lines)), delimiter * rng.choice((0, 1)))
    text = end.join(lines) + rng.choice((end, end, "", end * 2))
    encoding = rng.choice(
        (
            "utf-8",
            "utf-8",
            "utf-8",
            "utf-8-sig",
            "utf-16",
            "cp1252",
            "cp1250",
            "shift_jis",
            "gb18030",
        )
    )
    num_rows = sum(any(_is_visible(cell) for cell in cells) for cells in table)
    is_sure = all(ord(letter) < 128 and letter not in '\x00\x07\\"' for letter in text)
    return Made(
        kind=f"CSV in {encoding}",
        suffix=suffix,
        data=text.encode(encoding, "replace"),
        num_rows=num_rows if has_header and (is_sure or encoding.startswith("utf")) else None,
        is_good=has_header and is_sure,
    )


def records(rng: random.Random, rows: list[Row]) -> Made:
    """Write rows as JSON in one of its shapes, some products with variants."""
    written: list[object] = []
    num_rows = 0
    for row in rows:
        num_variants = rng.randint(2, 3) if rng.random() < 0.1 else 0
        num_rows += max(1, num_variants)
        written.append(_record(rng, row, num_variants))
    is_good = True
    if rng.random() < 0.1:
        written.insert(
            rng.randrange(len(written)), rng.choice((None, 5, "text", [1, 2], float("nan")))
        )
        num_rows += 1
        is_good = False
    encoding = rng.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16"))
    if rng.random() < 0.4:
        lines = [json.dumps(record, ensure_ascii=rng.random() < 0.5) for record in written]
        if rng.random() < 0.1:
            lines.insert(rng.randrange(len(lines) + 1), rng.choice(('{"id": ', "[", "}", "null")))
            num_rows += 1
            is_good = False
        text, suffix = "\n".join(lines) + "\n", rng.choice((".jsonl", ".ndjson", ".txt"))
        is_good = is_good and len(lines) > 1
        kind = "JSON Lines"
    else:
        document: object = written
        for name in rng.sample(("products", "data", "items", "result"), rng.randint(0, 2)):
            document = {"count": len(written), name: document}
        text = json.dumps(document, indent=rng.choice((None, 1)), ensure_ascii=rng.random() < 0.5)
        suffix, kind = rng.choice((".json", ".txt", "")), "JSON"
    data = text.encode(encoding, "replace")
    is_sure = is_good or suffix in (".jsonl", ".ndjson")
    return Made(
        kind=kind, suffix=suffix, data=data, num_rows=num_rows if is_sure else None, is_good=is_good
    )


def xml(rng: random.Random, rows: list[Row]) -> Made:
    """Write rows as a feed: with and without name space, with CDATA and nested elements."""
    prefix = rng.choice(("g:", ""))
    item, outer = rng.choice((("item", "channel"), ("product", "products"), ("entry", "feed")))

    def element(name: str, cell: object) -> str:
        name = "".join(letter if letter.isalnum() else "_" for letter in name)
        text = "".join(letter for letter in _text(cell) if letter >= " " or letter in "\n\t")
        text = text.encode("utf-8", "ignore").decode()
        if rng.random() < 0.2 and "]]>" not in text:
            return f"<{prefix}{name}><![CDATA[{text}]]></{prefix}{name}>"
        return f"<{prefix}{name}>{html.escape(text)}</{prefix}{name}>"

    shipping = (
        f"<{prefix}shipping><{prefix}country>DE</{prefix}country>"
        f"<{prefix}price>4.90 EUR</{prefix}price></{prefix}shipping>"
    )
    items = "\n".join(
        f"<{item}>{''.join(element(*cell) for cell in row.items())}"
        f"{shipping * rng.choice((0, 0, 1, 2))}</{item}>"
        for row in rows
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><{outer}><title>Shop</title>\n'
        f"{items}</{outer}></rss>"
    )
    return Made(kind="XML", suffix=rng.choice((".xml", "")), data=text.encode(), num_rows=len(rows))


def workbook(rng: random.Random, rows: list[Row]) -> Made:
    """Write rows as an Excel workbook, some with titles above the header."""
    from openpyxl import Workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook()
    sheet = book.active
    header = list(dict.fromkeys(name for row in rows for name in row))
    if rng.random() < 0.3:
        sheet.append([rng.choice(TITLES)])
        sheet.append([])
    sheet.append(header)
    num_rows = 0
    for row in rows:
        cells = [row.get(name, "") for name in header]
        texts = [ILLEGAL_CHARACTERS_RE.sub("", _text(cell)) for cell in cells]
        texts = [text.encode("utf-8", "ignore").decode()[:30000] for text in texts]
        sheet.append([c if isinstance(c, int) else t for c, t in zip(cells, texts, strict=True)])
        for cell in sheet[sheet.max_row]:
            if cell.data_type == "f":  # a formula without a result is an empty cell
                cell.value, cell.data_type = str(cell.value), "s"
        num_rows += any(map(_is_visible, texts))
    file = io.BytesIO()
    book.save(file)
    return Made(kind="Excel workbook", suffix=".xlsx", data=file.getvalue(), num_rows=num_rows)


def parquet(rng: random.Random, rows: list[Row]) -> Made:
    """Write rows as Parquet; as JSON where the library for it is not installed."""
    try:
        import pyarrow
        from pyarrow.parquet import write_table
    except ImportError:
        return records(rng, rows)
    columns = {
        name: [_text(row.get(name)).encode("utf-8", "ignore").decode() for row in rows]
        for name in dict.fromkeys(name for row in rows for name in row)
    }
    file = io.BytesIO()
    write_table(pyarrow.table(columns), file)
    return Made(kind="Parquet", suffix=".parquet", data=file.getvalue(), num_rows=len(rows))


def damaged(rng: random.Random, made: Made) -> Made:
    """Break a file as cut-off downloads, wrong editors and bad disks do."""
    data = bytearray(made.data)
    for _ in range(rng.choice((1, 1, 1, 5, 50))):
        place = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0:
                del data[place:]
            case 1:
                del data[place : place + rng.randint(1, 200)]
            case 2:
                data[place:place] = rng.choice(
                    (b'"', b"\x00", b"\n", b"\xff\xfe", b"{", b"<", b"\\")
                )
            case 3:
                data[place : place + 1] = bytes([rng.randrange(256)])
            case 4:
                data[place:place] = data[rng.randrange(len(data) + 1) :][:300]
            case 5:
                data[place:place] = rng.randbytes(rng.randint(1, 40))
    return replace(
        made, kind=f"{made.kind}, damaged", data=bytes(data), num_rows=None, is_good=False
    )


def _record(rng: random.Random, row: Row, num_variants: int) -> Row:
    record: Row = dict(row)
    if rng.random() < 0.3:
        record["attributes"] = {"fit": rng.choice(("slim", "wide")), "lining": None}
    if rng.random() < 0.2:
        record["details"] = [{"name": "collar", "value": rng.choice(("V", ["round", "wide"]))}]
    if rng.random() < 0.2:
        record["offer"] = {"amount": 12.5, "currency": "EUR", "valid": True}
    if num_variants:
        key = next(iter(row))
        record["variants"] = [
            {key: f"{row[key]}-{number}", "size": rng.choice(SIZES)}
            for number in range(num_variants)
        ]
    return record


def _line(cells: Sequence[str], delimiter: str, quoting: str, width: int) -> str:
    def written(cell: str) -> str:
        needs_quotes = any(sign in cell for sign in (delimiter, '"', "\n", "\r")) or cell[:1] == " "
        if not needs_quotes and quoting != "all":
            return cell
        return f'{" " if quoting == "spaced" else ""}"{cell.replace(chr(34), chr(34) * 2)}"'

    return delimiter.join([*map(written, cells), *[""] * (width - len(cells))])


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)


def _is_visible(text: str) -> bool:
    return bool(text.strip())


def _without_end(cells: Sequence[str]) -> list[str]:
    end = next((n for n in range(len(cells), 0, -1) if cells[n - 1].strip()), 1)
    return list(cells[:end])


def _tells_pictures(table: Sequence[Sequence[str]]) -> bool:
    return all(any(".png" in cell.lower() or ".jpg" in cell for cell in row) for row in table)


# ── The command ──────────────────────────────────────────────────────────────


def _chunk(first: int, num_files: int, seed: int) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        return fuzz(first, num_files, seed, Path(folder))


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=100_000, help="how many files to read")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers")
    parser.add_argument("--first", type=int, default=0, help="number of the first file")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--keep", type=Path, help="a folder to leave the files in")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        outcome = fuzz(options.first, options.files, options.seed, options.keep, keeps=True)
    else:
        outcome = Outcome()
        starts = range(options.first, options.first + options.files, CHUNK)
        sizes = [min(CHUNK, options.first + options.files - start) for start in starts]
        with ProcessPoolExecutor(options.jobs) as pool:
            seeds = [options.seed] * len(sizes)
            for part in pool.map(_chunk, starts, sizes, seeds):
                outcome.add(part)
                num_files = outcome.by_kind.total()
                print(
                    f"\r{num_files:,} files, {len(outcome.faults)} faults", end="", file=sys.stderr
                )
        print(file=sys.stderr)
    kinds: Counter[str] = Counter()
    for kind, number in outcome.by_kind.items():
        kinds[kind.partition(" as ")[2] or kind] += number
    for kind, number in sorted(kinds.items()):
        print(f"{number:8,}  {kind}")
    for fault in outcome.faults:
        print(fault)
    print(
        f"{outcome.by_kind.total():,} files with {outcome.num_rows:,} rows, seed {options.seed}: "
        f"{len(outcome.faults)} faults"
    )
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
