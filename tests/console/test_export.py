"""`datrnet export`, and `datrnet import` of what it wrote."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from datrnet.core.catalog.picture_sets import _field_name
from datrnet.core.catalog.workspace import Workspace

Run = Callable[..., Result]


def test_a_table_goes_out_with_what_the_index_sees(run: Run, ready: Path, tmp_path: Path) -> None:
    result = run(ready, "export", tmp_path / "out.csv")
    assert result.exit_code == 0, result.output
    assert f"Wrote 48 items to {tmp_path / 'out.csv'}." in result.stderr.replace("\n", "")
    text = (tmp_path / "out.csv").read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["colour model"] for row in rows} <= {"Black", "Red", "Blue"}
    assert all(0 <= float(row["colour confidence"]) <= 1 for row in rows)
    unlabeled = rows[11]
    assert (unlabeled["colour"], unlabeled["colour set by"]) == ("", "")
    doubts = json.loads(run(ready, "review", "doubts", "--json", "-k", 1000).stdout)
    doubted = {doubt["id"]: doubt for doubt in doubts if doubt["super_category"] == "colour"}
    for row in rows:
        if row["id"] in doubted:
            assert row["colour model"] == doubted[row["id"]]["guess"]
            confidence = float(row["colour confidence"])
            assert confidence == pytest.approx(doubted[row["id"]]["margin"], abs=1e-3)
        elif row["colour"]:
            assert row["colour model"] == row["colour"]


def test_importing_what_was_exported_changes_nothing(
    run: Run, copied: Workspace, tmp_path: Path
) -> None:
    run(copied.root, "export", tmp_path / "out.xlsx")
    summary = json.loads(run(copied.root, "import", tmp_path / "out.xlsx", "--json").stdout)
    assert (summary["added"], summary["updated"], summary["unchanged"]) == (0, 0, 48)
    assert summary["format"] == "datrnet export (Excel workbook)"


def test_a_dash_writes_csv_to_standard_output(run: Run, ready: Path) -> None:
    result = run(ready, "export", "-")
    assert result.exit_code == 0, result.output
    assert len(list(csv.DictReader(io.StringIO(result.stdout)))) == 48
    assert "Wrote 48 items." in result.stderr


def test_json_tells_what_was_written(run: Run, ready: Path, tmp_path: Path) -> None:
    facts = json.loads(run(ready, "export", tmp_path / "out.jsonl", "--json").stdout)
    assert (facts["num_items"], facts["num_rows"], facts["num_hidden"]) == (48, 48, 0)
    assert facts["path"] == str(tmp_path / "out.jsonl")


def test_corrected_labels_go_back_into_the_file(
    run: Run, copied: Workspace, shop: Path, tmp_path: Path
) -> None:
    run(copied.root, "label", "set", "item-0", "colour=Blue")
    out = tmp_path / "out.csv"
    result = run(copied.root, "export", out, "--like", shop)
    assert result.exit_code == 0, result.output
    assert "Wrote 1 corrected label in 1 cell to" in result.stderr
    old, new = (path.read_text("utf-8").splitlines() for path in (shop, out))
    assert [(a, b) for a, b in zip(old, new, strict=True) if a != b] == [
        (old[1], old[1].replace(",Black,plain", ",Blue,plain"))
    ]


def test_labels_that_cannot_be_written_back_are_listed(
    run: Run, copied: Workspace, tmp_path: Path
) -> None:
    table = tmp_path / "file.csv"
    table.write_text("id,colour\nitem-0,Black\nitem-1,gr\u00fcn\n", encoding="cp1252")
    with copied.open_store() as store, store.writing() as db:
        db.execute("UPDATE attribute_values SET name = '\u9ed2' WHERE name = 'Red'")
    arguments = ("--like", table, "--encoding", "cp1252")
    result = run(copied.root, "export", tmp_path / "out.csv", *arguments)
    assert "Wrote 0 corrected labels to" in result.stderr
    assert "1 label could not be written back:" in result.stderr
    assert "line 3: colour of item-1 is \u9ed2. The file is in cp1252" in result.stderr
    result = run(copied.root, "export", tmp_path / "b.csv", *arguments, "--json")
    (label,) = json.loads(result.stdout)["unwritten"]
    assert (label["code"], label["values"]) == ("item-1", ["\u9ed2"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["out.csv", "--triplets", "3"], "--triplets is for --format adde only. Add --format adde"),
        (["out", "--variants"], "--variants is for a file only. Name a file"),
        (["out.csv", "--encoding", "utf-8"], "--encoding is for --like only. Add --like FILE"),
        (["out", "--format", "coco", "--variants"], "--variants is for a file only. Omit --format"),
        (["out.xls"], "names no format for a table. Use one of .csv, .tsv"),
        (["out.csv", "--like", "gone.csv"], "No file is called 'gone.csv'"),
    ],
)
def test_options_that_do_not_fit_are_told(
    run: Run,
    ready: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(ready, "export", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_pictures_go_out_in_the_format_of_coco(run: Run, ready: Path, tmp_path: Path) -> None:
    result = run(ready, "export", tmp_path / "coco", "--format", "coco")
    assert result.exit_code == 0, result.output
    names = {path.name for path in (tmp_path / "coco").iterdir()}
    assert names == {"train.json", "validation.json", "test.json"}
    content = json.loads((tmp_path / "coco/train.json").read_text("utf-8"))
    assert len(content["images"]) == 24
    categories = {c["id"]: (c["supercategory"], c["name"]) for c in content["categories"]}
    first = content["images"][0]
    assert (first["width"], first["height"], Path(first["file_name"]).name) == (24, 32, "0.png")
    own = [a for a in content["annotations"] if a["image_id"] == first["id"]]
    assert {categories[a["category_id"]] for a in own} == {
        ("colour", "Black"),
        ("pattern", "plain"),
    }
    assert all(a["bbox"] == [0, 0, 24, 32] and a["area"] == 768 for a in own)
    # the library of COCO needs both: its masks, and its info()
    assert all(a["segmentation"] == [[0, 0, 24, 0, 24, 32, 0, 32]] for a in own)
    assert {"info", "licenses"} <= content.keys()
    result = run(ready, "export", tmp_path / "coco", "--format", "coco")
    assert "is there already" in result.stderr


def test_pictures_go_out_as_samples_of_fiftyone(run: Run, ready: Path, tmp_path: Path) -> None:
    facts = json.loads(
        run(ready, "export", tmp_path / "fo", "--format", "fiftyone", "--json").stdout
    )
    assert facts["num_items"] == {"samples.json": 48}
    sample = json.loads((tmp_path / "fo/samples.json").read_text("utf-8"))[0]
    assert sample["labels"] == {"colour": ["Black"], "pattern": ["plain"]}
    assert (sample["tags"], Path(sample["filepath"]).is_file()) == (["train"], True)
    assert [_field_name(name) for name in ("tags", "neck.line", "_x")] == [
        "tags label",
        "neck line",
        "x",
    ]
    assert "fo.Sample(" in (tmp_path / "fo/README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("place", "options"),
    [
        ("out.csv", ()),
        ("out.csv", ("--like", "shop/catalog.csv")),
        ("splits", ("--format", "adde")),
        ("coco", ("--format", "coco")),
        ("fo", ("--format", "fiftyone")),
    ],
)
def test_a_folder_that_is_not_there_is_told_and_not_made(
    run: Run, ready: Path, tmp_path: Path, place: str, options: tuple[str, ...]
) -> None:
    result = run(ready, "export", tmp_path / "typo" / place, *options)
    assert result.exit_code == 1
    assert f"There is no folder {tmp_path / 'typo'}." in result.stderr
    assert not (tmp_path / "typo").exists()


def test_a_workspace_goes_out_and_comes_in_again(run: Run, ready: Path, tmp_path: Path) -> None:
    folder = tmp_path / "splits"
    result = run(ready, "export", folder, "--triplets", 30)
    assert result.exit_code == 0, result.output
    assert "24 train items, 12 test items, 30 triplets" in result.stdout
    assert "Validation items skipped: 12; --with-validation" in " ".join(result.stdout.split())
    root = result.stderr.split("Its image root is ")[1].strip()
    result = run(
        tmp_path / "again",
        "import",
        folder,
        *("--format", "adde", "--images", root),
        *("--names", folder / "values.json", "--json"),
    )
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["added"], facts["problems"]) == (36, [])
    assert facts["plan"]["attributes"] == ["colour", "pattern"]
    assert "Next: datrnet train" in result.stderr


def test_json_of_an_export_is_complete(run: Run, ready: Path, tmp_path: Path) -> None:
    result = run(ready, "export", tmp_path / "splits", "--json", "--with-validation")
    facts = json.loads(result.stdout)
    assert facts["num_values"] == {"colour": 3, "pattern": 2}
    assert (facts["num_train"], facts["num_triplets"]) == (36, 40_000)
    assert facts["folder"] == str(tmp_path / "splits")
    assert Path(facts["image_root"]).name == "images"


def test_a_folder_of_somebody_else_is_one_clear_line(run: Run, ready: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    result = run(ready, "export", tmp_path)
    assert result.exit_code == 1
    assert "Error:" in result.stderr
    assert "--force" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--names", "a.json"], "--names is for --format adde only. Add --format"),
        (["--crop"], "--crop is for --format deepfashion only."),
        (
            ["--format", "adde", "--annotation", "fine"],
            "--annotation is for --format deepfashion only",
        ),
        (["--format", "adde", "--id", "sku"], "--id is for catalog files only."),
    ],
)
def test_an_option_of_another_format_is_told(
    run: Run, tmp_path: Path, arguments: list[str], words: str
) -> None:
    result = run(tmp_path / "workspace", "import", tmp_path, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.output


def test_a_folder_without_a_format_is_told(run: Run, tmp_path: Path) -> None:
    result = run(tmp_path / "workspace", "import", tmp_path)
    assert result.exit_code == 1
    assert "specify the data set's format with --format" in result.stderr


def test_skipped_lines_are_listed_with_their_file(run: Run, ready: Path, tmp_path: Path) -> None:
    folder = tmp_path / "splits"
    run(ready, "export", folder)
    first = (folder / "imgs_test.txt").read_text().splitlines()[0]
    (folder / "imgs_test.txt").write_text(
        (folder / "imgs_test.txt").read_text().replace(first, "gone.png", 1)
    )
    root = json.loads(run(ready, "export", tmp_path / "b", "--json").stdout)["image_root"]
    arguments = ("import", folder, "--format", "adde", "--images", root)
    result = run(tmp_path / "workspace", *arguments)
    assert "imgs_test.txt, line 1: The picture" in result.stdout
    assert "35 items added, 0 updated, 0 unchanged, 1 row skipped" in result.stdout
    (problem,) = json.loads(run(tmp_path / "workspace", *arguments, "--json").stdout)["problems"]
    assert (problem["file"], problem["line"]) == ("imgs_test.txt", 1)
