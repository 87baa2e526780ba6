"""Importing a split folder: what becomes of its lines, and of pictures that are missing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.importer import ImportSummary
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError, UnknownNameError
from datrnet.core.research.datasets.importer import FolderOptions, import_folder

WriteFiles = Callable[..., Path]
SHOPPING_COUNTS = "16 17 19 14 10 15 2 11 16 7 9 15"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.json"
    path.write_text(json.dumps({"colour": ["red", "blue", "black"], "sleeve": ["short", "long"]}))
    return path


def load(workspace: Workspace) -> Catalog:
    with workspace.open_store() as store:
        return Catalog.load(store)


def adde(**given: object) -> FolderOptions:
    return FolderOptions(format="adde", **given)  # type: ignore[arg-type]


def tally(summary: ImportSummary) -> tuple[int, int, int]:
    return summary.added, summary.updated, summary.unchanged


def test_the_toy_folder_goes_in_and_again_without_change(
    workspace: Workspace, toy: Path, names: Path
) -> None:
    steps: list[tuple[str, int, int]] = []
    summary = import_folder(workspace, toy, adde(names=names), lambda *step: steps.append(step))
    assert tally(summary) == (7, 0, 0)
    assert (summary.num_rows, summary.problems) == (7, ())
    assert summary.plan.attributes == ("colour", "sleeve")
    assert ("labels, columns 4 to 5", "super-category sleeve: 2 values") in summary.plan.meanings()
    assert [note.split(" agree")[0] for note in summary.notes] == [
        "The folder's 5 queries",
        "The folder's 2 triplets",
    ]
    assert steps == [("Checking pictures", done, 7) for done in range(1, 8)]
    catalog = load(workspace)
    assert catalog.codes == [f"img/a/{number}.jpg" for number in (4, 5, 6, 0, 1, 2, 3)]
    assert catalog.splits.tolist() == ["train"] * 3 + ["test"] * 4
    assert catalog.labels_of(2) == {"colour": "black", "sleeve": None}
    assert catalog.labels_of(6) == {"colour": None, "sleeve": "long"}
    assert tally(import_folder(workspace, toy, adde(names=names))) == (0, 0, 7)


def test_only_the_asked_super_categories_are_taken(
    workspace: Workspace, toy: Path, names: Path
) -> None:
    options = adde(names=names, attributes=("SLEEVE",))
    summary = import_folder(workspace, toy, options)
    assert summary.plan.attributes == ("sleeve",)
    meanings = summary.plan.meanings()
    left_out = ("labels, columns 1 to 3", "skipped: super-category colour, not chosen")
    assert left_out in meanings
    assert [category.name for category in load(workspace).super_categories] == ["sleeve"]
    with pytest.raises(UnknownNameError, match="Did you mean sleeve"):
        import_folder(workspace, toy, adde(names=names, attributes=("sleeves",)))


def test_pictures_count_from_the_folder_that_a_person_names(
    workspace: Workspace, toy: Path, tmp_path: Path
) -> None:
    (toy / "img").rename(tmp_path / "img")
    with pytest.raises(
        DataError, match=r"imgs_test\.txt, line 1 and 6 more rows: The picture"
    ) as caught:
        import_folder(workspace, toy, adde())
    assert "--images DIR" in caught.value.hint
    assert tally(import_folder(workspace, toy, adde(images=tmp_path))) == (7, 0, 0)
    with pytest.raises(UnknownNameError, match="Did you mean img"):
        import_folder(workspace, toy, adde(images=tmp_path / "imgs"))


def test_missing_pictures_and_repeated_lines_are_told_by_file_and_line(
    workspace: Workspace, toy: Path
) -> None:
    (toy / "img/a/1.jpg").unlink()
    (toy / "imgs_train.txt").write_text("img/a/4.jpg\nimg/a/5.jpg\nimg/a/0.jpg\n")
    summary = import_folder(workspace, toy, adde())
    assert tally(summary) == (5, 0, 0)
    places = {problem.place: problem.message for problem in summary.problems}
    assert list(places) == ["imgs_test.txt, line 1", "imgs_test.txt, line 2"]
    repeated, missing = places.values()
    assert repeated == "The item 'img/a/0.jpg' is already on line 3 of imgs_train.txt."
    assert "1.jpg is missing" in missing


def test_the_same_line_number_in_both_splits_gives_each_item_its_own_thumbnail(
    workspace: Workspace, toy: Path
) -> None:
    from io import BytesIO

    from PIL import Image

    from datrnet.core.catalog.thumbnails import ThumbnailStore

    for number in range(7):
        Image.new("RGB", (8, 8), (30 * number, 0, 0)).save(toy / f"img/a/{number}.jpg", quality=95)
    import_folder(workspace, toy, adde())
    catalog, thumbnails = load(workspace), ThumbnailStore(workspace.thumbnails)
    for item_id, code in zip(catalog.item_ids, catalog.codes, strict=True):
        jpeg = thumbnails.get(int(item_id))
        assert jpeg is not None
        with Image.open(BytesIO(jpeg)) as picture:
            assert picture.getpixel((4, 4))[0] == pytest.approx(30 * int(Path(code).stem), abs=4)


def test_shopping100k_is_known_by_its_counts(
    workspace: Workspace, toy: Path, write_files: WriteFiles
) -> None:
    counts = list(map(int, SHOPPING_COUNTS.split()))
    first = " ".join(" ".join(["1"] + ["0"] * (count - 1)) for count in counts)
    last = " ".join(" ".join(["0"] * (count - 1) + ["1"]) for count in counts)
    folder = write_files(
        {
            "attr_num.txt": SHOPPING_COUNTS,
            "imgs_train.txt": "img/a/0.jpg\nimg/a/1.jpg\n",
            "labels_train.txt": f"{first}\n{last}\n",
            "imgs_test.txt": "img/a/2.jpg\n",
            "labels_test.txt": f"{first}\n",
        },
        "shopping",
    )
    summary = import_folder(workspace, folder, adde(images=toy, attributes=("collar", "colour")))
    assert summary.plan.attributes == ("collar", "colour")
    assert any("Shopping100k" in note for note in summary.notes)
    assert load(workspace).labels_of(1) == {"collar": "17", "colour": "19"}


def test_a_bad_folder_makes_no_workspace(workspace: Workspace, toy: Path) -> None:
    (toy / "labels_test.txt").write_text("1\n")
    with pytest.raises(DataError, match="line 1"):
        import_folder(workspace, toy, adde())
    assert not workspace.root.exists()
