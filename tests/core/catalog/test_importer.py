"""Importing catalogs, again and again, with good rows and bad."""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from datrnet.core.catalog import picture_check
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.importer import (
    ImportOptions,
    ImportSummary,
    KnownItems,
    import_catalog,
    plan_table,
    split_by_code,
)
from datrnet.core.catalog.sources.source import read_source
from datrnet.core.catalog.thumbnails import ThumbnailStore
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DatabaseError, DataError, UnknownNameError

Rows = list[dict[str, str]]
WriteTable = Callable[..., Path]

FASHION = os.environ.get("DATRNET_FASHION_PRODUCTS", "")


def load(workspace: Workspace) -> Catalog:
    with workspace.open_store() as store:
        return Catalog.load(store)


def tally(summary: ImportSummary) -> tuple[int, int, int]:
    return summary.added, summary.updated, summary.unchanged


def messages(summary: ImportSummary) -> dict[int, str]:
    return {problem.line: problem.message for problem in summary.problems}


def test_a_catalog_goes_in_whole(workspace: Workspace, rows: Rows, write_table: WriteTable) -> None:
    steps: list[tuple[int, int]] = []
    summary = import_catalog(
        workspace, write_table(rows), on_progress=lambda *step: steps.append(step)
    )
    assert tally(summary) == (12, 0, 0)
    assert (summary.num_rows, summary.problems, summary.not_in_file) == (12, (), 0)
    assert summary.plan.attributes == ("colour", "sleeve")
    assert steps == [(done, 12) for done in range(1, 13)]
    catalog = load(workspace)
    assert catalog.codes == [f"item-{number}" for number in range(12)]
    assert catalog.labels_of(1) == {"colour": "Blue", "sleeve": None}
    assert set(catalog.splits) == {"train", "validation", "test"}


def _middle(jpeg: bytes) -> tuple[int, ...]:
    """Return the color in the middle of a thumbnail."""
    with Image.open(BytesIO(jpeg)) as picture:
        pixel = picture.getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(pixel, tuple)
    return pixel


def test_every_item_gets_its_own_thumbnail(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    import_catalog(workspace, write_table(rows))
    catalog, thumbnails = load(workspace), ThumbnailStore(workspace.thumbnails)
    for row, item_id in enumerate(catalog.item_ids):
        jpeg = thumbnails.get(int(item_id))
        assert jpeg is not None
        strongest = ("Red", "Green", "Blue")[int(np.argmax(_middle(jpeg)))]
        assert strongest == catalog.labels_of(row)["colour"]
    assert sorted(path.name for path in workspace.root.iterdir()) == ["catalog.db", "thumbnails"]


def test_importing_again_changes_nothing_and_decodes_nothing(
    workspace: Workspace, rows: Rows, write_table: WriteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_table(rows)
    import_catalog(workspace, path)

    def refuse(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(picture_check, "read_picture", refuse)
    assert tally(import_catalog(workspace, path)) == (0, 0, 12)


def test_ids_of_known_items_are_compared_as_people_see_them(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    rows[0]["sku"], rows[1]["sku"] = "ｶﾞｳﾝ-1", "Ｇ２"
    import_catalog(workspace, write_table(rows))
    changed = [
        {"sku": code, "colour": "Green"}
        for code in ("ガウン-1", "g2", "ITEM-2", "item-3", "Item-3")
    ]
    summary = import_catalog(workspace, write_table(changed), ImportOptions(skips_bad=True))
    assert tally(summary)[0] == 0
    assert messages(summary) == {6: "The item 'Item-3' is new and has no picture."}
    assert [load(workspace).labels_of(row)["colour"] for row in range(4)] == ["Green"] * 4


def test_importing_again_updates_adds_and_keeps(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    import_catalog(workspace, write_table(rows[:10]))
    rows[3]["productDisplayName"] = "a new name"
    rows[4]["colour"] = ""
    summary = import_catalog(workspace, write_table(rows[2:]))
    assert tally(summary) == (2, 2, 6)
    assert summary.not_in_file == 2
    catalog = load(workspace)
    assert catalog.num_items == 12
    assert catalog.titles[3] == "a new name"
    assert catalog.labels_of(4)["colour"] is None


def test_a_column_that_is_absent_leaves_split_title_and_labels_as_they_are(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    import_catalog(workspace, write_table(rows[:10]))
    before = load(workspace)
    bare = [{"sku": row["sku"], "image": row["image"]} for row in rows]
    assert tally(import_catalog(workspace, write_table(bare))) == (2, 0, 10)
    after = load(workspace)
    assert list(after.splits[:10]) == list(before.splits)
    assert after.titles == [*before.titles, "", ""]
    assert after.labels_of(1) == before.labels_of(1)
    assert list(after.splits[10:]) == [split_by_code(code) for code in after.codes[10:]]


def test_a_column_that_is_not_known_yet_is_news(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    def is_known(changed: Rows) -> bool:
        table, known = read_source(write_table(changed)), KnownItems.of(workspace)
        return known.has_all_of(plan_table(table, ImportOptions(), known)[1])

    assert not is_known(rows)
    import_catalog(workspace, write_table(rows))
    assert is_known(rows)
    assert is_known([{**row, "price": "99"} for row in rows])
    assert is_known([{k: v for k, v in row.items() if k != "colour"} for row in rows])
    assert not is_known([{**row, "fabric": ("wool", "silk")[n % 2]} for n, row in enumerate(rows)])
    assert not is_known([{**row, "added": "2026-01-01"} for row in rows])


def test_a_known_super_category_is_taken_however_uniform_its_values(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    import_catalog(workspace, write_table(rows))
    changed = [{"sku": row["sku"], "image": row["image"], "COLOUR": "Blue"} for row in rows[:3]]
    summary = import_catalog(workspace, write_table(changed))
    assert summary.plan.attributes == ("COLOUR",)
    catalog = load(workspace)
    assert [catalog.labels_of(row)["colour"] for row in range(3)] == ["Blue"] * 3
    assert [category.name for category in catalog.super_categories] == ["colour", "sleeve"]


def test_a_long_title_is_cut_and_a_long_label_left_as_it_is(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    import_catalog(workspace, write_table(rows))
    rows[1]["productDisplayName"] = "x" * 5000
    rows[1]["colour"] = "y" * 5000
    summary = import_catalog(workspace, write_table(rows))
    assert summary.problems == ()
    catalog = load(workspace)
    assert catalog.titles[1] == "x" * 2000
    assert catalog.labels_of(1)["colour"] == "Blue"
    notes = [note for note in summary.notes if "2,000 characters" in note]
    assert len(notes) == 2
    assert all("line 3" in note for note in notes)


def test_copies_of_the_pictures_with_other_times_change_nothing(
    workspace: Workspace,
    rows: Rows,
    write_table: WriteTable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import_catalog(workspace, write_table(rows))
    for row in rows:
        os.utime(tmp_path / row["image"], ns=(1, 1))
    assert tally(import_catalog(workspace, write_table(rows))) == (0, 0, 12)
    with workspace.open_store() as store:
        assert len(store.history(9)) == 1
        assert {stamp.modified_ns for stamp in store.picture_stamps().values()} == {1}
    monkeypatch.setattr(picture_check, "read_picture", None)  # their times are known now
    assert tally(import_catalog(workspace, write_table(rows))) == (0, 0, 12)


def test_a_changed_picture_gets_a_new_thumbnail(
    workspace: Workspace, rows: Rows, write_table: WriteTable, tmp_path: Path
) -> None:
    path = write_table(rows)
    import_catalog(workspace, path)
    Image.new("RGB", (50, 50), (255, 255, 0)).save(tmp_path / rows[0]["image"])
    assert tally(import_catalog(workspace, path)) == (0, 1, 11)
    jpeg = ThumbnailStore(workspace.thumbnails).get(1)
    assert jpeg is not None
    assert _middle(jpeg)[1] > 200


def test_a_lost_thumbnail_is_made_again(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    path = write_table(rows)
    import_catalog(workspace, path)
    thumbnails = ThumbnailStore(workspace.thumbnails)
    thumbnails.path.unlink()
    assert tally(import_catalog(workspace, path)) == (0, 0, 12)
    assert thumbnails.get(12) is not None


def test_bad_rows_are_listed_and_the_rest_goes_in(
    workspace: Workspace, rows: Rows, write_table: WriteTable, tmp_path: Path
) -> None:
    rows[0]["image"] = "images/none.jpg"
    rows[1]["image"] = "https://example.org/missing.jpg"
    rows[2]["image"] = ""
    rows[3]["split"] = "somewhere"
    rows[4]["sku"] = "item-5"
    rows[6]["sku"] = " "
    rows[7]["sku"] = "x" * 5000
    whole = (tmp_path / rows[8]["image"]).read_bytes()
    (tmp_path / rows[8]["image"]).write_bytes(whole[: len(whole) // 2])
    Image.new("1", (20_000, 20_000)).save(tmp_path / "images" / "huge.png")
    rows[9]["image"] = "images/huge.png"
    rows[10]["image"] = "images"
    os.mkfifo(tmp_path / "images" / "fifo.jpg")
    rows[11]["image"] = "images/fifo.jpg"
    summary = import_catalog(workspace, write_table(rows), ImportOptions(skips_bad=True))
    found = messages(summary)
    assert list(found) == [2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13]
    for line, words in {
        2: "no picture 'images/none.jpg",
        3: "no picture 'https://example.org/missing.jpg",
        4: "has no picture",
        5: "'somewhere' is not train, validation or test",
        7: "'item-5' is already on line 6",
        8: "no id",
        9: "5,000 characters",
        10: "damaged or truncated",
        11: "too large: 20,000 x 20,000",
        12: "no picture 'images' in",
        13: "is not a regular file",
    }.items():
        assert words in found[line]
    assert tally(summary) == (1, 0, 0)
    assert summary.num_rows == 12


def test_a_quote_that_is_never_closed_loses_no_row(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    path = write_table(rows)
    lines = path.read_text().splitlines()
    lines[4] = lines[4].replace("Red", '"Red', 1)
    path.write_text("\n".join(lines))
    summary = import_catalog(workspace, path)
    assert tally(summary) == (12, 0, 0)
    assert any("never closed; it was read as text: line 5." in note for note in summary.notes)


def test_more_than_a_few_bad_rows_import_nothing_unless_asked_to(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    for row in rows[:5]:
        row["image"] = f"none{row['sku']}.jpg"
    rows[6]["sku"] = rows[5]["sku"]
    path = write_table(rows)
    with pytest.raises(DataError, match=r"6 of the 12 rows .* nothing was\.") as caught:
        import_catalog(workspace, path)
    assert "Lines 2, 3, 4 and 2 more: There is no picture" in caught.value.message
    assert "Line 8: The id 'item-5' is already on line 7." in caught.value.message
    assert "--skip-bad" in caught.value.hint
    assert not workspace.catalog_path.exists()
    assert tally(import_catalog(workspace, path, ImportOptions(skips_bad=True))) == (6, 0, 0)


def test_an_item_whose_picture_went_bad_stays_as_it_was(
    workspace: Workspace, rows: Rows, write_table: WriteTable, tmp_path: Path
) -> None:
    import_catalog(workspace, write_table(rows))
    (tmp_path / rows[0]["image"]).write_bytes(b"no picture")
    rows[0]["productDisplayName"] = "changed"
    summary = import_catalog(workspace, write_table(rows))
    assert tally(summary) == (0, 0, 11)
    assert summary.not_in_file == 0
    assert load(workspace).titles[0] == "Red shirt number 0"
    assert ThumbnailStore(workspace.thumbnails).get(1) is not None


def test_a_persons_label_survives(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    path = write_table(rows)
    import_catalog(workspace, path)
    with workspace.open_store() as store:
        store.set_label(1, "colour", "Green", "person")
    assert tally(import_catalog(workspace, path)) == (0, 0, 12)
    assert load(workspace).labels_of(0)["colour"] == "Green"


def test_an_import_that_fails_late_leaves_the_old_state(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    import_catalog(workspace, write_table(rows[:5]))

    def interrupt(done: int, total: int) -> None:
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_catalog(workspace, write_table(rows), on_progress=interrupt)
    assert load(workspace).num_items == 5
    assert sorted(path.name for path in workspace.root.iterdir()) == ["catalog.db", "thumbnails"]


def test_nothing_good_is_an_error_and_says_what_to_do(
    workspace: Workspace, rows: Rows, write_table: WriteTable, tmp_path: Path
) -> None:
    path = write_table(rows)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"None of the 12 rows") as caught:
        import_catalog(workspace, path, ImportOptions(images=tmp_path / "empty"))
    assert "--images DIR" in caught.value.hint


def test_a_single_bad_row_is_counted_in_the_singular(
    workspace: Workspace, rows: Rows, write_table: WriteTable, tmp_path: Path
) -> None:
    path = write_table(rows[:1])
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"The only row of .* cannot be imported\. Line 2: "):
        import_catalog(workspace, path, ImportOptions(images=tmp_path / "empty"))


@pytest.mark.parametrize(
    ("choice", "cell", "words"),
    [
        ({"split": "colour"}, {}, "--split COLUMN"),
        ({}, {"sku": " "}, "has no id."),
        ({}, {"image": ""}, "--images DIR"),
    ],
)
def test_the_advice_is_of_what_went_wrong_first(
    workspace: Workspace,
    rows: Rows,
    write_table: WriteTable,
    choice: dict[str, str],
    cell: dict[str, str],
    words: str,
) -> None:
    path = write_table([{**row, **cell} for row in rows[:2]])
    with pytest.raises(DataError) as caught:
        import_catalog(workspace, path, ImportOptions(**choice))  # type: ignore[arg-type]
    assert str(caught.value).count(words) == 1
    assert ("--images DIR" in str(caught.value)) == ("image" in cell)


def test_pictures_may_lie_elsewhere(
    workspace: Workspace, rows: Rows, write_table: WriteTable, tmp_path: Path
) -> None:
    for row in rows:
        row["image"] = row["image"].removeprefix("images/")
    summary = import_catalog(
        workspace, write_table(rows), ImportOptions(images=tmp_path / "images")
    )
    assert tally(summary) == (12, 0, 0)
    assert load(workspace).picture_paths[0] == str(tmp_path / "images" / "0.jpg")


def test_pictures_inside_the_workspace_are_stored_relative_to_it(
    rows: Rows, write_table: WriteTable, tmp_path: Path
) -> None:
    inside = Workspace(tmp_path)
    import_catalog(inside, write_table(rows))
    catalog = load(inside)
    assert catalog.picture_paths[0] == "images/0.jpg"
    assert inside.picture(catalog.picture_paths[0]).path.is_file()


def test_a_picture_may_be_a_part_of_a_file(
    workspace: Workspace, rows: Rows, write_table: WriteTable, tmp_path: Path
) -> None:
    Image.new("RGB", (48, 64), (0, 0, 200)).save(tmp_path / "images/0.jpg")
    with Image.open(tmp_path / "images/0.jpg") as both:
        both.paste((200, 0, 0), (0, 0, 24, 64))
        both.save(tmp_path / "images/0.jpg", quality=95)
    rows[1]["image"] = "images/../images/0.jpg#xywh=28,0,20,64"
    rows[2]["image"] = "images/0.jpg#xywh=48,0,20,64"
    rows[3]["image"] = "images/0.jpg#xywh=some"
    summary = import_catalog(workspace, write_table(rows), ImportOptions(skips_bad=True))
    assert tally(summary) == (10, 0, 0)
    assert "lies outside" in messages(summary)[4]
    assert "not four whole numbers" in messages(summary)[5]
    catalog, thumbnails = load(workspace), ThumbnailStore(workspace.thumbnails)
    picture = workspace.picture(catalog.picture_paths[1])
    assert (picture.path, str(picture.box)) == (tmp_path / "images/0.jpg", "28,0,20,64")
    jpeg = thumbnails.get(int(catalog.item_ids[1]))
    assert jpeg is not None
    assert np.argmax(_middle(jpeg)) == 2


def test_another_box_is_another_picture(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    import_catalog(workspace, write_table(rows))
    rows[0]["image"] += "#xywh=0,0,9,9"
    assert tally(import_catalog(workspace, write_table(rows))) == (0, 1, 11)
    assert tally(import_catalog(workspace, write_table(rows))) == (0, 0, 12)


def test_a_column_of_boxed_pictures_is_recognized_by_its_values(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    changed = [{"sku": row["sku"], "shown": row["image"] + "#xywh=0,0,9,9"} for row in rows]
    assert tally(import_catalog(workspace, write_table(changed))) == (12, 0, 0)


def test_a_wrong_picture_folder_names_the_nearest(
    workspace: Workspace, rows: Rows, write_table: WriteTable, tmp_path: Path
) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean images"):
        import_catalog(workspace, write_table(rows), ImportOptions(images=tmp_path / "image"))
    assert not workspace.root.exists()


def test_file_names_and_hashes_stand_in_for_missing_columns(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    short = [{"image": row["image"], "colour": row["colour"]} for row in rows]
    summary = import_catalog(workspace, write_table(short))
    catalog = load(workspace)
    assert catalog.codes == [str(number) for number in range(12)]
    assert list(catalog.splits) == [split_by_code(code) for code in catalog.codes]
    assert any("No split column" in note for note in summary.notes)


def test_splits_by_hash_are_about_80_10_10() -> None:
    splits = [split_by_code(str(number)) for number in range(5000)]
    assert splits.count("train") == pytest.approx(4000, rel=0.05)
    assert splits.count("validation") == pytest.approx(500, rel=0.2)


def test_json_lines_go_in_too(workspace: Workspace, rows: Rows, tmp_path: Path) -> None:
    lines = [
        json.dumps(
            {
                "id": row["sku"],
                "image": row["image"],
                "attributes": {"colour": row["colour"], "sleeve": row["sleeve"] or None},
            }
        )
        for row in rows
    ]
    path = tmp_path / "catalog.jsonl"
    path.write_text("\n".join([*lines[:3], "{bad", *lines[3:]]))
    summary = import_catalog(workspace, path)
    assert tally(summary) == (12, 0, 0)
    assert list(messages(summary)) == [4]
    assert load(workspace).labels_of(0) == {"colour": "Red", "sleeve": "long"}


def test_values_differing_in_case_or_space_become_one(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    rows[3]["colour"] = " RED"
    rows[6]["colour"] = "red\t"
    import_catalog(workspace, write_table(rows))
    assert load(workspace).super_categories[0].values == ("Blue", "Green", "Red")


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "is empty"), ("id,image\n", "no rows"), ("id,colour\n1,Red\n", "No column contains")],
)
def test_a_bad_file_makes_no_workspace(
    workspace: Workspace, tmp_path: Path, content: str, words: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=words):
        import_catalog(workspace, path)
    assert not workspace.root.exists()


def test_a_workspace_of_a_newer_version_is_left_alone(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    workspace.create_store().close()
    with closing(sqlite3.connect(workspace.catalog_path)) as plain:
        plain.execute("PRAGMA user_version = 99")
    with pytest.raises(DatabaseError, match="newer datrnet"):
        import_catalog(workspace, write_table(rows))


@pytest.mark.slow
@pytest.mark.skipif(not FASHION, reason="DATRNET_FASHION_PRODUCTS does not name the data set")
def test_a_real_catalog_goes_in_twice(workspace: Workspace) -> None:
    source = Path(FASHION) / "catalog.csv"
    rows = ImportOptions(folds_variants=False)
    assert tally(import_catalog(workspace, source, rows)) == (8613, 0, 0)
    assert tally(import_catalog(workspace, source, rows)) == (0, 0, 8613)


def test_a_failed_first_import_leaves_no_database(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    with pytest.raises(DataError, match="None of the 12 rows"):
        import_catalog(workspace, write_table([{**row, "image": "none.png"} for row in rows]))
    assert list(workspace.root.iterdir()) == []


def test_what_a_killed_import_left_is_removed_by_the_next(
    workspace: Workspace, rows: Rows, write_table: WriteTable
) -> None:
    for name in ("import-0a1b2c3d", "import-x_2y4z6w"):
        (workspace.root / name).mkdir(parents=True)
        (workspace.root / name / "32px.bin").write_bytes(b"left")
    (workspace.root / "import-0a1b2c3d.lock").touch()
    with FileLock(workspace.root / "import-running.lock"):
        (workspace.root / "import-running").mkdir()
        import_catalog(workspace, write_table(rows))
    left = {path.name for path in workspace.root.glob("import-*")}
    assert left == {"import-running", "import-running.lock"}
