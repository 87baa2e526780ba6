"""A month in a shop: thirty files of a day, a rename, corrections, a bad file and an undo."""

import csv
import runpy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.importer import ImportOptions, import_catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import Config, IndexConfig, ModelConfig, TrainConfig
from datrnet.core.errors import DataError
from datrnet.core.indexing.build import build_index, newest_run
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.request import Request
from datrnet.core.retrieval.search import Searcher
from datrnet.core.training.run import start_run, train

SHOP = runpy.run_path(str(Path(__file__).parents[1] / "tools/make_shop_exports.py"))
Row = dict[str, str]

TINY = Config(
    name="tiny",
    model=ModelConfig(image_size=16, filters=4, num_ase=1, embedding_size=8),
    train=TrainConfig(triplets=24, epochs=1, batch_triplets=12, precision="float32"),
    index=IndexConfig(trees=2),
)
DAYS = 30
HIDING = ImportOptions(absent="hide")
COLORS = ("Sand", "Teal", "Plum")


@dataclass
class Month:
    """The shop's files of a month: each day something new, sold out and with another price."""

    folder: Path
    rows: list[Row]

    def days(self) -> Iterator[Path]:
        """Yield the file of each day."""
        for day in range(1, DAYS + 1):
            if day % 3 == 0:  # a new product in one color
                row = dict(self.rows[0])
                color = COLORS[day % 3]
                photo = SHOP["photo_name"]("Harbor shirt", color).replace("harbor", f"new-{day}")
                SHOP["draw"](self.folder / "photos" / photo, "Harbor shirt", color)
                row |= {"Handle": f"new-{day}", "Title": f"New shirt {day}"}
                row |= {"Option1 Value": color, "Variant SKU": f"N{day}", "Image Src": photo}
                self.rows.append(row | {"Variant Image": photo})
            if day % 5 == 0:  # the last color of a product is sold out
                gone = f"P{day // 5}-Plum-"
                self.rows = [r for r in self.rows if not r["Variant SKU"].startswith(gone)]
            for row in self.rows[day::DAYS]:
                row["Variant Price"] = f"{20 + day}.50"
            yield self.write(f"day-{day}.csv")

    def write(self, name: str) -> Path:
        """Write the rows of today."""
        path = self.folder / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)
        return path


def contents(workspace: Workspace) -> Mapping[str, object]:
    """Return what the catalog says of each item that is shown."""
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
    return {
        code: (
            catalog.titles[row],
            catalog.values_of(row),
            catalog.facts.of(row),
            {variant.code: variant.facts for variant in catalog.facts.variants(row)},
        )
        for row, code in enumerate(catalog.codes)
        if not catalog.is_hidden[row]
    }


def test_a_month_in_a_shop(tmp_path: Path) -> None:
    first = SHOP["make_shop"](tmp_path)
    with first.open(encoding="utf-8") as file:
        month = Month(tmp_path, list(csv.DictReader(file)))
    workspace = Workspace(tmp_path / "workspace")
    import_catalog(workspace, first, HIDING)
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        train(workspace, store, catalog, start_run(workspace, store, catalog, TINY, ()))
        build_index(workspace, store, catalog, newest_run(workspace, store))

    corrected: dict[str, str] = {}
    num_embedded = 0
    for day, path in enumerate(month.days(), start=1):
        import_catalog(workspace, path, HIDING)
        with workspace.open_store() as store:
            ids = {code: stamp.item_id for code, stamp in store.picture_stamps().items()}
            if day % 3 == 1:
                code = f"P{day % 8}-Sand-S"
                store.set_label(ids[code], "pattern", "Floral", "person")
                corrected[code] = "Floral"
        if day % 6 == 0:
            with workspace.open_store() as store:
                catalog = Catalog.load(store)
                report = build_index(workspace, store, catalog, newest_run(workspace, store))
            num_embedded += report.num_embedded
        if day == 10:
            with workspace.open_store() as store:
                store.rename_value("color", "Plum", "Purple")
        if day == 15:
            (tmp_path / "bad.csv").write_text(path.read_text("utf-8").replace(".jpg", ".gone"))
            before = contents(workspace)
            with pytest.raises(DataError):
                import_catalog(Workspace(workspace.root), tmp_path / "bad.csv", HIDING)
            assert contents(workspace) == before
        if day == 20:
            before = contents(workspace)
            wrong = Month(tmp_path, month.rows[:30]).write("wrong.csv")
            import_catalog(workspace, wrong, HIDING)
            assert contents(workspace) != before
            with workspace.open_store() as store:
                store.undo_step()
            assert contents(workspace) == before

    assert num_embedded == DAYS // 3  # only new pictures

    scratch = Workspace(tmp_path / "scratch")
    import_catalog(scratch, month.write("last.csv"), HIDING)
    with scratch.open_store() as store:
        store.rename_value("color", "Plum", "Purple")
        ids = {code: stamp.item_id for code, stamp in store.picture_stamps().items()}
        for code, value in corrected.items():
            store.set_label(ids[code], "pattern", value, "person")
    assert contents(workspace) == contents(scratch)
    assert len(contents(workspace)) > len(SHOP["PRODUCTS"])

    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        build_index(workspace, store, catalog, newest_run(workspace, store))
        searcher = Searcher(catalog, Generation.current(workspace, store))
    query = searcher.query_of_item(catalog.row_of_code("P0-Sand-S"))
    found = searcher.substitutes(query, Request(changes={"color": "Teal"}, k=100))
    shown = {code for row, code in enumerate(catalog.codes) if not catalog.is_hidden[row]}
    assert {result.code for result in found} <= shown
    assert "N30" in {result.code for result in found}
