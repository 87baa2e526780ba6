"""The corrected table: what is in it, in every format, and that its import changes nothing."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.export import WRITERS, export_table
from datrnet.core.catalog.export_table import cell_of_texts, quoted, texts_of_cell, unquoted
from datrnet.core.catalog.importer import ImportOptions, import_catalog
from datrnet.core.catalog.sources.source import read_source
from datrnet.core.catalog.sources.table import texts_of
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, DataError
from datrnet.core.text import clean, fold
from datrnet.db.rows import FactKind, NewItem, NewVariant
from datrnet.db.store import Store

Rows = list[dict[str, str]]
WriteTable = Callable[..., Path]

SUFFIXES = tuple(WRITERS)


def records(path: Path) -> list[dict[str, Any]]:
    """Return the rows of an export as the importer's reader finds them."""
    table = read_source(path)
    return [table.row(row) for row in range(len(table.lines))]


def contents(workspace: Workspace) -> dict[str, Any]:
    """Return everything that an export should keep, by the code of an item."""
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        labels: dict[int, list[tuple[str, str | None, str]]] = {}
        for item_id, *label in store.iter_labels():
            labels.setdefault(item_id, []).append(tuple(label))  # type: ignore[arg-type]
        kinds = [(column.name, column.kind) for column in store.fact_columns()]
    items = {
        catalog.codes[row]: (
            catalog.titles[row],
            str(workspace.picture(catalog.picture_paths[row])),
            [str(workspace.picture(view)) for view in catalog.facts.views(row)],
            str(catalog.splits[row]),
            catalog.facts.group(row),
            bool(catalog.is_hidden[row]),
            labels.get(item_id, []),
            catalog.facts.of(row),
            catalog.facts.variants(row),
        )
        for row, item_id in enumerate(catalog.item_ids.tolist())
    }
    names = [category.name for category in catalog.super_categories]
    return {"items": items, "super-categories": names, "kinds": kinds}


@pytest.fixture
def corrected(workspace: Workspace, rows: Rows, write_table: WriteTable) -> Workspace:
    """A workspace with facts, a label by a person, one by a model, and a hidden item."""
    for number, row in enumerate(rows):
        row |= {"material": "Cotton | Elastane" if number % 2 else "Cotton", "stock": str(number)}
    import_catalog(workspace, write_table(rows), ImportOptions(kept_values=("-",)))
    with workspace.open_store() as store:
        ids = {code: stamp.item_id for code, stamp in store.picture_stamps().items()}
        store.set_label(ids["item-0"], "colour", "Blue", "person")
        store.set_label(ids["item-1"], "sleeve", "long", "model")
        store.set_label(ids["item-2"], "sleeve", None, "person")
        with store.writing() as db:
            db.execute("UPDATE items SET hidden_at = '2026-01-01' WHERE code = 'item-3'")
    return workspace


def test_a_table_says_all_of_the_catalog(corrected: Workspace, tmp_path: Path) -> None:
    summary = export_table(corrected, tmp_path / "out.csv")
    assert (summary.num_rows, summary.num_items, summary.num_hidden) == (12, 12, 1)
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        found = list(csv.DictReader(file))
    first, second, third, fourth = found[:4]
    assert first["id"] == "item-0"
    assert first["title"] == "Red shirt number 0"
    assert first["picture"] == str(tmp_path / "images/0.jpg")
    assert (first["split"], first["hidden"], fourth["hidden"]) == ("train", "no", "yes")
    assert (first["colour"], first["colour set by"]) == ("Blue", "person")
    assert (second["sleeve"], second["sleeve set by"]) == ("long", "model")
    assert (third["sleeve"], third["sleeve set by"]) == ("", "person")
    assert second["material"] == "Cotton | Elastane"
    assert (second["price (money)"], second["stock (number)"]) == ("11.00", "1")
    assert "colour model" not in first


def test_formats_with_types_keep_them(corrected: Workspace, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow.parquet import read_table

    for suffix in (".json", ".jsonl", ".parquet"):
        export_table(corrected, tmp_path / f"out{suffix}")
    lines = (tmp_path / "out.jsonl").read_text("utf-8").splitlines()
    for found in (
        json.loads((tmp_path / "out.json").read_text("utf-8")),
        list(map(json.loads, lines)),
        read_table(tmp_path / "out.parquet").to_pylist(),
    ):
        assert found[1]["material"] == ["Cotton", "Elastane"]
        assert found[1]["stock (number)"] == 1
        assert found[3]["hidden"] is True
        assert found[2]["sleeve"] == []


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_importing_an_export_changes_nothing(
    corrected: Workspace, tmp_path: Path, suffix: str
) -> None:
    before = contents(corrected)
    export_table(corrected, tmp_path / f"out{suffix}")
    summary = import_catalog(corrected, tmp_path / f"out{suffix}")
    assert (summary.added, summary.updated, summary.unchanged) == (0, 0, 12)
    assert (summary.problems, summary.disagreements) == ((), 0)
    assert contents(corrected) == before
    again = Workspace(tmp_path / "again")
    import_catalog(again, tmp_path / f"out{suffix}")
    assert contents(again) == before


def test_a_table_of_variants_has_a_row_for_each(workspace: Workspace, tmp_path: Path) -> None:
    Image.new("RGB", (9, 9), "red").save(tmp_path / "a.png")
    (tmp_path / "in.csv").write_text(
        "id,image,title,color,size,price\n"
        "A-S,a.png,Shirt,Red,S,10\nA-M,a.png,Shirt,Red,M,11\nB,a.png,Coat,Red,L,12\n"
    )
    import_catalog(workspace, tmp_path / "in.csv", ImportOptions(attributes=("color",)))
    before = contents(workspace)
    assert len(before["items"]) == 2
    for is_of_variants, number in ((True, 3), (False, 2)):
        path = tmp_path / f"{number}.csv"
        summary = export_table(workspace, path, variants=is_of_variants)
        assert (summary.num_rows, summary.num_items) == (number, 2)
        assert import_catalog(workspace, path).updated == 0
        again = Workspace(tmp_path / str(number))
        import_catalog(again, path)
        assert contents(again) == before == contents(workspace)
    assert [row["item"] for row in records(tmp_path / "3.csv")] == ["A-S", "A-S", "B"]
    assert [row["size"] for row in records(tmp_path / "3.csv")] == ["S", "M", "L"]


def test_a_correction_in_an_export_comes_in(corrected: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    export_table(corrected, path)
    text = path.read_text("utf-8")
    assert text.count("number 4,") == 1
    path.write_text(text.replace("number 4,", "number four,"), "utf-8")
    assert import_catalog(corrected, path).updated == 1
    assert contents(corrected)["items"]["item-4"][0] == "Blue shirt number four"


def test_columns_that_a_person_adds_come_in(corrected: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    export_table(corrected, path)
    head, *lines = path.read_text("utf-8").splitlines()
    added = [f"{head},season (attribute),note", *(f"{line},winter | spring,new" for line in lines)]
    path.write_text("\n".join(added), "utf-8")
    summary = import_catalog(corrected, path)
    assert (summary.updated, summary.problems) == (12, ())
    labels, facts = contents(corrected)["items"]["item-4"][6:8]
    assert [value for name, value, _ in labels if name == "season"] == ["winter", "spring"]
    assert facts["note"] == "new"


def test_what_a_person_set_elsewhere_outranks_the_shop(
    corrected: Workspace, tmp_path: Path, rows: Rows, write_table: WriteTable
) -> None:
    export_table(corrected, tmp_path / "out.csv")
    other = Workspace(tmp_path / "other")
    import_catalog(other, write_table(rows))
    import_catalog(other, tmp_path / "out.csv")
    assert contents(other)["items"] == contents(corrected)["items"]


def test_damaged_json_in_a_cell_skips_the_item(workspace: Workspace, tmp_path: Path) -> None:
    Image.new("RGB", (9, 9), "red").save(tmp_path / "a.png")
    header = "id,title,picture,further pictures,split,group,hidden,variant facts"
    (tmp_path / "in.csv").write_text(f"{header}\nA,,a.png,,,,no,{{\nB,,a.png,,,,no,\n")
    summary = import_catalog(workspace, tmp_path / "in.csv", ImportOptions(skips_bad=True))
    (problem,) = summary.problems
    assert (summary.added, problem.line) == (1, 2)
    assert "not the JSON that datrnet wrote" in problem.message


def test_cells_that_look_like_formulas_are_quoted(workspace: Workspace, tmp_path: Path) -> None:
    Image.new("RGB", (9, 9), "red").save(tmp_path / "a.png")
    titles = ["=1+1", "+cmd", "-x", "@sum", "'=a", "'plain", "-5", "a=b"]
    table = [{"id": f"i{n}", "image": "a.png", "title": t} for n, t in enumerate(titles)]
    (tmp_path / "in.json").write_text(json.dumps(table))
    import_catalog(workspace, tmp_path / "in.json", ImportOptions(folds_variants=False))
    export_table(workspace, tmp_path / "out.csv")
    cells = [
        row["title"] for row in csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text()))
    ]
    assert cells == ["'=1+1", "'+cmd", "'-x", "'@sum", "''=a", "'plain", "-5", "a=b"]
    assert import_catalog(workspace, tmp_path / "out.csv").updated == 0
    assert [item[0] for item in contents(workspace)["items"].values()] == titles


def test_a_file_is_not_written_over_unasked(corrected: Workspace, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(DataError, match="there already") as caught:
        export_table(corrected, tmp_path / "out.csv")
    assert "--force" in caught.value.hint
    export_table(corrected, tmp_path / "out.csv", force=True)
    assert len(records(tmp_path / "out.csv")) == 12


def test_an_unknown_suffix_is_told_with_those_there_are(
    corrected: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"names no format") as caught:
        export_table(corrected, tmp_path / "out.xls")
    assert ".xlsx" in caught.value.hint


def test_a_failed_export_leaves_the_old_file(corrected: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")

    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_table(corrected, path, on_progress=stop, force=True)
    assert path.read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir() if "out" in p.name) == ["out.csv"]


# ── any catalog ──────────────────────────────────────────────────────────────

ODD = st.sampled_from(
    [
        "=1",
        "+a",
        "-",
        "N/A",
        "'",
        "''=x",
        "a|b",
        "a \\",
        "\\|",
        'say "x"',
        "a, b",
        "a;b",
        "é ü",
        "中",
    ]
)
LETTERS = st.characters(codec="utf-8", exclude_categories=("C", "Z"))
TEXTS = st.one_of(ODD, st.text(LETTERS, max_size=6).map(clean).filter(bool))
NAMES = st.sampled_from(
    ["color", "title", "id", "color set by", "x (number)", "item", "Größe", "=name", "a model"]
)
FACTS: dict[FactKind, st.SearchStrategy[str]] = {
    "number": st.sampled_from(["1", "-2.5", "1e+22", "0.001"]),
    "money": st.sampled_from(["9.50 EUR", "10.00"]),
    "date": st.just("2026-01-31"),
    "boolean": st.sampled_from(["yes", "no"]),
    "text": TEXTS,
    "link": st.just("https://shop.example/a?b=c"),
    "tags": st.sampled_from(["a, b", "a;b", "x"]),
}
SOURCES = st.sampled_from(["shop", "person", "model"])


@st.composite
def catalogs(draw: st.DrawFn) -> tuple[list[NewItem], dict[str, FactKind]]:
    """Draw items with labels, facts and variants of the oddest kinds."""
    categories = draw(st.lists(NAMES, unique=True, max_size=3))
    fact_names = draw(st.lists(NAMES, unique=True, max_size=3))
    kinds = {name: draw(st.sampled_from(list(FACTS))) for name in fact_names}

    def facts() -> dict[str, str]:
        chosen = [name for name in kinds if draw(st.booleans())]
        return {name: draw(FACTS[kinds[name]]) for name in chosen}

    items = []
    for number in range(draw(st.integers(1, 4))):
        labels = {
            name: tuple(draw(st.lists(TEXTS, max_size=3, unique_by=fold))) for name in categories
        }
        items.append(
            NewItem(
                code=f"{draw(TEXTS)}{number}",
                title=draw(TEXTS),
                picture_path="",
                split=draw(st.sampled_from(["", "train", "validation", "test"])),
                group=draw(st.one_of(st.just(""), TEXTS)),
                labels=labels,
                sources={name: draw(SOURCES) for name in categories},
                facts=facts(),
                variants=tuple(
                    NewVariant(code=f"v{number}-{n}", facts=facts())
                    for n in range(draw(st.sampled_from([0, 0, 2])))
                ),
                is_hidden=draw(st.booleans()),
            )
        )
    return items, kinds


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(catalog=catalogs(), variants=st.booleans())
def test_any_catalog_goes_out_and_comes_in(
    tmp_path_factory: pytest.TempPathFactory,
    suffix: str,
    catalog: tuple[list[NewItem], dict[str, FactKind]],
    variants: bool,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    Image.new("RGB", (9, 9), "red").save(folder / "a.png")
    first, second = Workspace(folder / "first"), Workspace(folder / "second")
    items, kinds = catalog
    picture = folder / "a.png"
    file = picture.stat()
    stamp = {"picture_bytes": file.st_size, "picture_modified_ns": file.st_mtime_ns}
    with first.create_store() as store:
        store.upsert_items(
            [replace(item, picture_path=str(picture), **stamp) for item in items], kinds
        )
    before = contents(first)
    path = folder / f"out{suffix}"
    export_table(first, path, variants=variants)
    summary = import_catalog(first, path)
    assert (summary.added, summary.updated, summary.problems) == (0, 0, ())
    assert contents(first) == before
    import_catalog(second, path)
    assert contents(second) == before


@given(st.lists(TEXTS.map(str.strip).filter(bool)))
def test_texts_are_joined_and_split_again(texts: list[str]) -> None:
    assert list(texts_of_cell(cell_of_texts(texts))) == texts
    assert [unquoted(quoted(text)) for text in texts] == texts


# ── file kinds ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_data_frame_is_read_like_the_file_it_was_read_from(
    corrected: Workspace, tmp_path: Path, library: str
) -> None:
    frames = pytest.importorskip(library, reason=f"{library} is not installed")
    export_table(corrected, tmp_path / "out.parquet")
    frame = frames.read_parquet(tmp_path / "out.parquet")
    assert import_catalog(corrected, frame).updated == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_export_writes_is_read_back_exactly(
    corrected: Workspace, tmp_path: Path, suffix: str
) -> None:
    export_table(corrected, tmp_path / "out.csv")
    export_table(corrected, tmp_path / f"again{suffix}")

    def cells(path: Path) -> list[dict[str, tuple[str, ...]]]:
        flags = {"true": "yes", "false": "no"}
        return [
            {
                name: texts_of_cell(" | ".join(flags.get(t, t) for t in texts_of(cell)))
                for name, cell in row.items()
            }
            for row in records(path)
        ]

    assert cells(tmp_path / f"again{suffix}") == cells(tmp_path / "out.csv")


def test_a_packed_export_is_read_like_the_plain_one(corrected: Workspace, tmp_path: Path) -> None:
    export_table(corrected, tmp_path / "out.jsonl")
    packed = tmp_path / "packed.jsonl.gz"
    packed.write_bytes(gzip.compress((tmp_path / "out.jsonl").read_bytes()))
    assert records(packed) == records(tmp_path / "out.jsonl")
    assert import_catalog(corrected, packed).updated == 0


def test_an_empty_store_exports_a_header(workspace: Workspace, tmp_path: Path) -> None:
    with workspace.create_store() as store:
        assert isinstance(store, Store)
    for suffix in SUFFIXES:
        assert export_table(workspace, tmp_path / f"out{suffix}").num_rows == 0
    assert (tmp_path / "out.csv").read_text().startswith("id,title,picture")
