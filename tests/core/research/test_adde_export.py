"""A workspace as a split folder and back: the same items, labels, splits and queries."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.importer import import_catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DatabaseError, DataError
from datrnet.core.research.adde_export import ExportOptions, export_adde
from datrnet.core.research.datasets.adde import read_adde
from datrnet.core.research.datasets.importer import FolderOptions, import_folder

COLORS = ("red", "Blue", "black", "")
SLEEVES = ("short", "long", "none")
SPLITS = ("train", "train", "validation", "test", "test")


def write_rows(folder: Path, rows: list[dict[str, str]]) -> Path:
    path = folder / "catalog.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, str]]:
    made = []
    for number in range(60):
        path = tmp_path / f"shop/photos/{number % 3}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 6)).save(path)
        made.append(
            {
                "id": str(number),
                "image": str(path),
                "split": SPLITS[number % 5],
                "colour": COLORS[number // 5 % 4],
                "sleeve": SLEEVES[number // 7 % 3],
            }
        )
    return made


@pytest.fixture
def workspace(tmp_path: Path, rows: list[dict[str, str]]) -> Workspace:
    workspace = Workspace(tmp_path / "workspace")
    import_catalog(workspace, write_rows(tmp_path, rows))
    return workspace


def labels_by_path(workspace: Workspace) -> dict[str, tuple[str, dict[str, str | None]]]:
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
    return {
        path: (str(catalog.splits[row]), catalog.labels_of(row))
        for row, path in enumerate(catalog.picture_paths)
    }


def test_an_export_comes_back_with_the_same_labels_and_splits(
    workspace: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "splits"
    summary = export_adde(workspace, folder, ExportOptions(num_triplets=50))
    assert summary.image_root == tmp_path / "shop/photos"
    assert (summary.num_train, summary.num_test, summary.num_triplets) == (24, 24, 50)
    assert summary.num_values == {"colour": 3, "sleeve": 3}
    assert any("Validation items skipped: 12;" in note for note in summary.notes)
    again = Workspace(tmp_path / "again")
    options = FolderOptions(format="adde", images=summary.image_root, names=folder / "values.json")
    found = import_folder(again, folder, options)
    assert (found.added, found.problems) == (48, ())
    before = labels_by_path(workspace)
    after = labels_by_path(again)
    assert after == {path: some for path, some in before.items() if some[0] != "validation"}


def test_what_came_from_a_split_folder_keeps_its_ids(workspace: Workspace, tmp_path: Path) -> None:
    folder, images = tmp_path / "splits", tmp_path / "shop/photos"
    export_adde(workspace, folder)
    for name in ("imgs_train.txt", "imgs_test.txt"):
        lines = (folder / name).read_text().splitlines()
        (folder / name).write_text("".join(f"photos/{line}\n" for line in lines))
    again = Workspace(tmp_path / "again")
    import_folder(again, folder, FolderOptions(format="adde", images=images.parent))
    summary = export_adde(again, tmp_path / "exported")
    assert summary.image_root == images.parent
    for name in ("imgs_train.txt", "imgs_test.txt", "gt_test.txt"):
        assert (tmp_path / "exported" / name).read_text() == (folder / name).read_text()


def test_a_test_split_without_a_query_is_exported(
    tmp_path: Path, rows: list[dict[str, str]]
) -> None:
    for row in rows:
        row["colour"] = row["sleeve"] = "one" if row["split"] == "test" else "other"
    workspace = Workspace(tmp_path / "workspace")
    import_catalog(workspace, write_rows(tmp_path, rows))
    summary = export_adde(workspace, tmp_path / "splits")
    assert summary.num_queries == 0
    assert (tmp_path / "splits/gt_test.txt").read_text() == ""


def test_validation_items_can_count_as_train(workspace: Workspace, tmp_path: Path) -> None:
    options = ExportOptions(num_triplets=0, with_validation=True)
    summary = export_adde(workspace, tmp_path / "splits", options)
    assert (summary.num_train, summary.num_test) == (36, 24)
    assert summary.notes == ("No triplets are written.",)
    assert not (tmp_path / "splits/triplet_train.txt").exists()


def test_the_queries_are_all_with_one_change_in_the_formats_order(
    workspace: Workspace, tmp_path: Path
) -> None:
    export_adde(workspace, tmp_path / "splits")
    folder = read_adde(tmp_path / "splits")
    assert folder.queries is not None
    labels = folder.splits["test"].labels.tolist()
    expected = [
        (item, target)
        for item, own in enumerate(labels)
        for column, count in enumerate(folder.counts)
        for value in range(count)
        for target in [[*own[:column], value, *own[column + 1 :]]]
        if value != own[column] and target in labels
    ]
    found = zip(folder.queries.references.tolist(), folder.queries.targets.tolist(), strict=True)
    assert list(found) == expected


def test_the_folder_explains_itself(workspace: Workspace, tmp_path: Path) -> None:
    summary = export_adde(workspace, tmp_path / "splits", ExportOptions(num_triplets=7))
    names = json.loads((tmp_path / "splits/values.json").read_text("utf-8"))
    assert names == {"colour": ["black", "Blue", "red"], "sleeve": ["long", "none", "short"]}
    readme = (tmp_path / "splits/README.md").read_text("utf-8")
    assert str(summary.image_root) in readme
    assert "24 train items, 24 test items, 7 triplets" in readme
    assert "colour 3, sleeve 3" in readme


def test_the_seed_decides_the_triplets(workspace: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "splits"
    found = []
    for seed in (1, 1, 2):
        export_adde(workspace, folder, ExportOptions(seed=seed))
        found.append((folder / "triplet_train.txt").read_bytes())
    assert found[0] == found[1] != found[2]
    assert found[0].count(b"\n") == 40_000


def test_a_value_that_only_validation_items_carry_is_no_column_and_one_of_test_is_told(
    tmp_path: Path, rows: list[dict[str, str]]
) -> None:
    rows[2]["colour"] = "violet"
    rows[3]["colour"] = "white"
    workspace = Workspace(tmp_path / "workspace")
    import_catalog(workspace, write_rows(tmp_path, rows))
    summary = export_adde(workspace, tmp_path / "splits")
    assert summary.num_values == {"colour": 4, "sleeve": 3}
    assert "Values that no train item has: 1 (colour white)." in summary.notes
    assert (read_adde(tmp_path / "splits").splits["test"].labels[:, 0] == 3).sum() == 1


def test_boxes_are_told_to_be_lost(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    rows[0]["image"] += "#xywh=0,0,3,3"
    workspace = Workspace(tmp_path / "workspace")
    import_catalog(workspace, write_rows(tmp_path, rows))
    summary = export_adde(workspace, tmp_path / "splits")
    assert any("cannot represent: 1;" in note for note in summary.notes)
    assert read_adde(tmp_path / "splits").splits["train"].paths[0] == "0/0.png"


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_empty_split_is_told(tmp_path: Path, rows: list[dict[str, str]], split: str) -> None:
    for row in rows:
        row["split"] = row["split"].replace(split, "validation")
    workspace = Workspace(tmp_path / "workspace")
    import_catalog(workspace, write_rows(tmp_path, rows))
    with pytest.raises(DataError, match=f"The {split} split has no item"):
        export_adde(workspace, tmp_path / "splits")
    assert not (tmp_path / "splits").exists()


def test_other_files_are_not_written_over_without_force(
    workspace: Workspace, tmp_path: Path
) -> None:
    folder = tmp_path / "shop"
    with pytest.raises(DataError, match="--force"):
        export_adde(workspace, folder)
    export_adde(workspace, folder, ExportOptions(force=True))
    assert (folder / "photos").is_dir()
    export_adde(workspace, folder)  # it is ours by now


def test_a_workspace_without_a_catalog_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="There is no catalog"):
        export_adde(Workspace(tmp_path / "none"), tmp_path / "splits")


def test_items_without_a_label_have_rows_of_zeros(
    tmp_path: Path, rows: list[dict[str, str]]
) -> None:
    for row in rows[:20]:
        row["colour"] = row["sleeve"] = ""
    workspace = Workspace(tmp_path / "workspace")
    import_catalog(workspace, write_rows(tmp_path, rows))
    export_adde(workspace, tmp_path / "splits")
    labels = read_adde(tmp_path / "splits").splits["train"].labels
    np.testing.assert_array_equal(labels[:8], -1)


def test_hidden_items_and_further_values_are_left_out_and_told(
    workspace: Workspace, tmp_path: Path
) -> None:
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        several, hidden = map(int, catalog.item_ids[catalog.rows_in("train")[:2]])
        values = catalog.super_categories[catalog.super_category_idx("colour")].values
        store.set_label(several, "colour", " | ".join(values), "person")
        with store.writing() as db:
            db.execute("UPDATE items SET hidden_at = 'now' WHERE id = ?", [hidden])
    summary = export_adde(workspace, tmp_path / "splits", ExportOptions(num_triplets=5))
    assert summary.num_train == 23
    assert "Hidden items skipped: 1." in summary.notes
    assert any("several values of a super-category: 1;" in note for note in summary.notes)
