"""DeepFashion's own list files, with their headers, padding and two ways of naming pictures."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from PIL import Image

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.importer import ImportSummary
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError, UnknownNameError
from datrnet.core.research.datasets import deepfashion
from datrnet.core.research.datasets.importer import FolderOptions, import_folder

WriteFiles = Callable[..., Path]

TYPES = {
    1: ("floral", "graphic", "striped", "embroidered", "pleated", "solid", "lattice"),
    2: ("long_sleeve", "short_sleeve", "sleeveless"),
    3: ("maxi_length", "mini_length", "no_dress"),
    4: ("crew_neckline", "v_neckline", "square_neckline", "no_neckline"),
    5: ("denim", "chiffon", "cotton", "leather", "faux", "knit"),
    6: ("tight", "loose", "conventional"),
}
NAMES = {1: "texture", 2: "sleeve", 3: "length", 4: "neckline", 5: "fabric", 6: "fit"}

COARSE = (
    ("a-line", 3),
    ("abstract chevron print", 1),
    ("ankle strap", 4),
    ("baroque", 1),
    ("boxy", 3),
    ("cotton", 2),
    ("floral", 1),
)
"""Sorted by name, the types mixed, as in the real file."""


def listed(header: str, records: list[str], promised: int | None = None) -> str:
    count = len(records) if promised is None else promised
    return "\n".join([str(count), header, *records]) + "\n"


def attribute_list(attributes: list[tuple[str, int]]) -> str:
    return listed(
        "attribute_name  attribute_type", [f"{name:<40}{kind}" for name, kind in attributes]
    )


FINE_ATTRIBUTES = [(name, kind) for kind, names in TYPES.items() for name in names]


def fine_row(*values: int) -> list[int]:
    """Return 26 labels, one positive in each type."""
    return [
        int(place == value)
        for value, names in zip(values, TYPES.values(), strict=True)
        for place in range(len(names))
    ]


ROWS = [
    fine_row(0, 0, 0, 0, 0, 0),
    fine_row(1, 1, 1, 1, 1, 1),
    fine_row(6, 2, 2, 3, 5, 2),
    fine_row(0, 0, 0, 0, 0, 2),
]
IMAGES = [f"img/Sheer_Pleated-Front_Blouse/img_{number:08}.jpg" for number in range(1, 5)]
SPLITS = ["train", "train", "val", "test"]
BOXES = [(2, 3, 12, 23), (0, 0, 20, 30), (-1, 5, 10, 40), (5, 5, 15, 15)]


def text_of(row: list[int]) -> str:
    return " ".join(map(str, row))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """The folder that contains ``img``; a picture is red, and blue in its box."""
    root = tmp_path / "Img"
    for name, (left, top, right, bottom) in zip(IMAGES, BOXES, strict=True):
        draw(root / name, (max(left, 0), top, right, bottom))
    return root


def draw(path: Path, box: tuple[int, int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", (20, 30), (250, 0, 0))
    picture.paste((0, 0, 250), box)
    picture.save(path.with_suffix(".png"))
    path.with_suffix(".png").rename(path)


def bare_files(style: Callable[[str], str] = str) -> dict[str, str]:
    """Return Anno_fine as it comes with a list of images for each split."""
    files = {"Anno_fine/list_attr_cloth.txt": attribute_list(FINE_ATTRIBUTES)}
    for split in ("train", "val", "test"):
        rows = [row for row, name in enumerate(SPLITS) if name == split]
        kinds = {
            "": [style(IMAGES[row]) for row in rows],
            "_attr": [text_of(ROWS[row]) + " " for row in rows],
            "_bbox": [f"{BOXES[row][0]} {text_of(list(BOXES[row][1:]))}" for row in rows],
            "_cate": ["3" for _ in rows],
        }
        files |= {
            f"Anno_fine/{split}{kind}.txt": "\n".join(lines) + "\n" for kind, lines in kinds.items()
        }
    return files


def list_files(style: Callable[[str], str] = str) -> dict[str, str]:
    """Return Anno_fine and Eval as they come with one list of all images."""
    names = [style(name) for name in IMAGES]
    pairs = list(zip(names, ROWS, BOXES, SPLITS, strict=True))
    return {
        "Anno_fine/list_attr_cloth.txt": attribute_list(FINE_ATTRIBUTES),
        "Anno_fine/list_attr_img.txt": listed(
            "image_name  attribute_labels",
            [f"{name:<70}{'   '.join(map(str, row))}" for name, row, *_ in pairs],
        ),
        "Anno_fine/list_bbox.txt": listed(
            "image_name  x_1  y_1  x_2  y_2",
            [f"{name:<70}{box[0]:03} {text_of(list(box[1:]))}" for name, _, box, _ in pairs],
        ),
        "Eval/list_eval_partition.txt": listed(
            "image_name  evaluation_status", [f"{name:<70}{split}" for name, *_, split in pairs]
        ),
    }


def high_resolution(name: str) -> str:
    _, item, file = name.split("/")
    return f"img_highres_subset/{item}-{file}"


def run(workspace: Workspace, folder: Path, **given: object) -> ImportSummary:
    return import_folder(workspace, folder, FolderOptions(format="deepfashion", **given))  # type: ignore[arg-type]


def load(workspace: Workspace) -> Catalog:
    with workspace.open_store() as store:
        return Catalog.load(store)


@pytest.mark.parametrize("files", [bare_files, list_files])
@pytest.mark.parametrize("style", [str, high_resolution])
def test_the_fine_annotation_has_six_super_categories(
    workspace: Workspace,
    write_files: WriteFiles,
    images: Path,
    files: Callable[..., dict[str, str]],
    style: Callable[[str], str],
) -> None:
    summary = run(workspace, write_files(files(style)), images=images)
    assert (summary.added, summary.problems, summary.notes) == (4, (), ())
    assert summary.plan.attributes == tuple(NAMES.values())
    catalog = load(workspace)
    assert catalog.codes == IMAGES
    assert catalog.titles[0] == "Sheer Pleated-Front Blouse"
    assert catalog.splits.tolist() == ["train", "train", "validation", "test"]
    assert catalog.labels_of(2) == {
        name: TYPES[kind][(6, 2, 2, 3, 5, 2)[kind - 1]] for kind, name in NAMES.items()
    }
    assert catalog.picture_paths[0] == str(images / IMAGES[0])


@pytest.mark.parametrize("files", [bare_files, list_files])
def test_cropped_pictures_show_what_is_in_the_box(
    workspace: Workspace,
    write_files: WriteFiles,
    images: Path,
    files: Callable[..., dict[str, str]],
) -> None:
    from datrnet.core.catalog.pictures import read_picture

    summary = run(workspace, write_files(files()), images=images, crop=True)
    assert summary.problems == ()
    catalog = load(workspace)
    pictures = [workspace.picture(stored) for stored in catalog.picture_paths]
    assert [str(picture.box) for picture in pictures] == [
        *("2,3,10,20", "0,0,20,30", "0,5,10,35", "5,5,10,10"),
    ]
    for picture, size in zip(pictures, [(10, 20), (20, 30), (10, 25), (10, 10)], strict=True):
        shown = read_picture(picture)
        assert shown.size == size
        assert shown.getcolors() == [(size[0] * size[1], (0, 0, 250))]
    # taking the whole pictures again is an update
    assert run(workspace, write_files(files()), images=images).updated == 4


def test_a_high_resolution_picture_is_taken_where_it_is_there(
    workspace: Workspace, write_files: WriteFiles, images: Path
) -> None:
    draw(images / high_resolution(IMAGES[1]), (0, 0, 1, 1))
    run(workspace, write_files(list_files(high_resolution)), images=images)
    stored = load(workspace).picture_paths
    assert stored[1] == str(images / high_resolution(IMAGES[1]))
    assert stored[2] == str(images / IMAGES[2])


@pytest.mark.parametrize("given", ["Img", "Img/img", "."])
def test_the_picture_folder_is_found_from_close_by(
    workspace: Workspace, write_files: WriteFiles, images: Path, tmp_path: Path, given: str
) -> None:
    folder = write_files(bare_files())
    assert run(workspace, folder, images=tmp_path / given).added == 4


def test_a_wrong_picture_folder_says_which_one_is_meant(
    workspace: Workspace, write_files: WriteFiles, images: Path
) -> None:
    with pytest.raises(DataError, match=r"None of the 4 rows") as caught:
        run(workspace, write_files(bare_files()))
    assert caught.value.hint == "Specify the folder that contains the folder img with --images DIR."


def coarse_files(
    labels: Mapping[str, Mapping[str, int]], categories: Mapping[str, int], folder: str
) -> dict[str, str]:
    """Return the coarse annotation of images: what is not said of an attribute is -1."""
    rows = {image: [values.get(name, -1) for name, _ in COARSE] for image, values in labels.items()}
    splits = ["train", "train", "val", "test"]
    return {
        f"{folder}/list_attr_cloth.txt": attribute_list(list(COARSE)),
        f"{folder}/list_attr_img.txt": listed(
            "image_name  attribute_labels",
            [
                f"{image:<60}" + " ".join(f"{value:>2}" for value in row)
                for image, row in rows.items()
            ],
        ),
        f"{folder}/list_category_cloth.txt": listed(
            "category_name  category_type", ["Anorak   1", "Button-Down Shirt   1", "Cape  3"]
        ),
        f"{folder}/list_category_img.txt": listed(
            "image_name  category_label",
            [f"{image:<60} {category}" for image, category in categories.items()],
        ),
        "Eval/list_eval_partition.txt": listed(
            "image_name  evaluation_status",
            [f"{image}  {splits[place % 4]}" for place, image in enumerate(labels)],
        ),
    }


COARSE_IMAGES = [f"img/Boxy_Tee/img_{number:08}.jpg" for number in range(1, 13)]


@pytest.fixture
def coarse(write_files: WriteFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve images, of which eight are to be kept."""
    monkeypatch.setattr(deepfashion, "RARE", 2)
    labels: dict[str, dict[str, int]] = {
        image: {
            "floral" if place % 2 else "abstract chevron print": 1,
            "boxy": 1,
            "cotton": 1,
            "a-line": 0,
        }
        for place, image in enumerate(COARSE_IMAGES)
    }
    labels[COARSE_IMAGES[8]]["baroque"] = 1  # two textures
    labels[COARSE_IMAGES[9]]["boxy"] = 0  # no shape
    labels[COARSE_IMAGES[10]] = {"baroque": 1, "boxy": 1}  # a rare texture
    categories = {image: 2 - place % 2 for place, image in enumerate(COARSE_IMAGES)}
    categories[COARSE_IMAGES[11]] = 3  # a rare category
    for image in COARSE_IMAGES:
        draw(tmp_path / "pictures" / image, (0, 0, 9, 9))
    return write_files(coarse_files(labels, categories, "Anno_coarse"))


def test_the_coarse_annotation_keeps_images_with_one_texture_and_one_shape(
    workspace: Workspace, coarse: Path, tmp_path: Path
) -> None:
    summary = run(workspace, coarse, images=tmp_path / "pictures")
    assert summary.problems == ()
    assert (summary.added, summary.num_rows) == (8, 8)
    assert summary.notes == (
        "10 of 12 images have exactly one texture and one shape; 2 of them are skipped, "
        "because fewer "
        "than 2 images have one of their values.",
    )
    catalog = load(workspace)
    assert catalog.codes == COARSE_IMAGES[:8]
    assert {category.name: category.values for category in catalog.super_categories} == {
        "category": ("Anorak", "Button-Down Shirt"),
        "texture": ("abstract chevron print", "floral"),
        "shape": ("boxy",),
    }
    assert catalog.labels_of(0) == {
        "category": "Button-Down Shirt",
        "texture": "abstract chevron print",
        "shape": "boxy",
    }
    assert catalog.splits.tolist() == ["train", "train", "validation", "test"] * 2


def test_leaving_rare_values_out_can_make_others_rare(
    workspace: Workspace, coarse: Path, tmp_path: Path
) -> None:
    path = coarse / "Anno_coarse/list_attr_img.txt"
    lines = path.read_text().splitlines()
    # two baroque ones, of which the last goes with its rare category; so the other goes too
    lines[13] = lines[12].replace(COARSE_IMAGES[10], COARSE_IMAGES[11])
    path.write_text("\n".join(lines))
    summary = run(workspace, coarse, images=tmp_path / "pictures")
    assert load(workspace).codes == COARSE_IMAGES[:8]
    assert "10 of 12 images" in summary.notes[0]


def test_nothing_left_says_why(
    workspace: Workspace, coarse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deepfashion, "RARE", 100)
    with pytest.raises(DataError, match=r"contains no item to import\. 10 of 12 images"):
        run(workspace, coarse, images=tmp_path / "pictures")


def test_the_old_single_folder_is_the_coarse_annotation(
    workspace: Workspace, coarse: Path, tmp_path: Path
) -> None:
    (coarse / "Anno_coarse").rename(coarse / "Anno")
    assert run(workspace, coarse / "Anno", images=tmp_path / "pictures").added == 8


def test_fine_goes_before_coarse_unless_a_person_says_otherwise(
    workspace: Workspace, coarse: Path, images: Path, tmp_path: Path, write_files: WriteFiles
) -> None:
    write_files(bare_files())
    assert len(run(workspace, coarse, images=images).plan.attributes) == 6
    summary = run(workspace, coarse, images=tmp_path / "pictures", annotation="coarse")
    assert summary.plan.attributes == ("category", "texture", "shape")


def test_images_that_other_lists_do_not_name_are_told(
    workspace: Workspace, coarse: Path, tmp_path: Path
) -> None:
    for name, line in (
        ("Eval/list_eval_partition.txt", 2),
        ("Anno_coarse/list_category_img.txt", 3),
    ):
        lines = (coarse / name).read_text().splitlines()
        del lines[line]
        (coarse / name).write_text("\n".join(lines))
    summary = run(workspace, coarse, images=tmp_path / "pictures")
    assert {problem.place: problem.message for problem in summary.problems} == {
        "Anno_coarse/list_attr_img.txt, line 3": "list_eval_partition.txt does not list the image.",
        "Anno_coarse/list_attr_img.txt, line 4": "list_category_img.txt does not list the image.",
    }
    assert summary.added == 6


@pytest.mark.parametrize("name", list(list_files()))
def test_a_count_that_is_wrong_is_told(
    workspace: Workspace, write_files: WriteFiles, images: Path, name: str
) -> None:
    files = list_files()
    number, rest = files[name].split("\n", 1)
    files[name] = f"289222\n{rest}"
    summary = run(workspace, write_files(files), images=images)
    file = Path(name).name
    assert summary.notes == (f"{file} declares 289,222 records and has {int(number)}; check it.",)


def test_an_image_with_two_values_of_a_type_is_skipped(
    workspace: Workspace, write_files: WriteFiles, images: Path
) -> None:
    files = bare_files()
    rows = [list(ROWS[0]), list(ROWS[1])]
    rows[0][5] = 1
    rows[1][8] = 0
    files["Anno_fine/train_attr.txt"] = "\n".join(map(text_of, rows))
    summary = run(workspace, write_files(files), images=images)
    assert summary.added == 2
    assert {problem.place: problem.message for problem in summary.problems} == {
        "Anno_fine/train.txt, line 1": "2 values of texture are 1; exactly one must be.",
        "Anno_fine/train.txt, line 2": "0 values of sleeve are 1; exactly one must be.",
    }


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "Anno_fine/list_attr_cloth.txt",
            "floral 1\n",
            "line 1: The number of records must be here",
        ),
        (
            "Anno_fine/list_attr_cloth.txt",
            "1\nname type\nfloral\n",
            "line 3: Words on the line: 1 instead",
        ),
        ("Anno_fine/list_attr_cloth.txt", "1\nname type\nfloral x\n", "line 3: 'x' is not a whole"),
        ("Anno_fine/list_attr_cloth.txt", "0\nname type\n", "line 3: There is no record"),
        (
            "Anno_fine/list_attr_cloth.txt",
            attribute_list(list(COARSE)),
            r"has no attribute of type 5 \(fabric\), which the fine annotation has",
        ),
        (
            "Anno_fine/list_attr_cloth.txt",
            attribute_list([*FINE_ATTRIBUTES, ("extra", 7)]),
            "has attributes of type 7: the fine annotation has types 1 to 6",
        ),
        (
            "Anno_fine/list_attr_img.txt",
            listed("h", [f"{IMAGES[0]} {text_of(ROWS[0])}", f"{IMAGES[1]} 1 0"]),
            "list_attr_img.txt, line 4: Numbers on the line: 2 instead of 26",
        ),
        (
            "Anno_fine/list_attr_img.txt",
            listed("h", [f"{IMAGES[0]} {text_of(ROWS[0]).replace('0', '2', 1)}"]),
            "list_attr_img.txt, line 3: '2' is not -1, 0 or 1",
        ),
        (
            "Anno_fine/list_attr_img.txt",
            listed("h", ["a.jpg"]),
            "line 3: Numbers on the line: 0 instead",
        ),
        (
            "Eval/list_eval_partition.txt",
            listed("h", [f"{IMAGES[0]} nowhere"]),
            "list_eval_partition.txt, line 3: The split 'nowhere' is not train, val or test",
        ),
        (
            "Anno_fine/list_bbox.txt",
            listed("h", [f"{IMAGES[0]} 1 2 3 4.5"]),
            "list_bbox.txt, line 3: '4.5' is not a whole number",
        ),
    ],
)
def test_a_damaged_list_is_named_with_its_line(
    workspace: Workspace,
    write_files: WriteFiles,
    images: Path,
    name: str,
    content: str,
    words: str,
) -> None:
    with pytest.raises(DataError, match=words) as caught:
        run(workspace, write_files(list_files() | {name: content}), images=images, crop=True)
    assert caught.value.hint
    assert not workspace.root.exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "train_attr.txt",
            text_of(ROWS[0]),
            "train.txt, line 2: The line has no counterpart: train_attr",
        ),
        (
            "train_bbox.txt",
            "1 2 3 4\n",
            "train.txt, line 2: The line has no counterpart: train_bbox",
        ),
        (
            "train_bbox.txt",
            "1 2 3\n1 2 3 4\n",
            "train_bbox.txt, line 1: Numbers on the line: 3 instead",
        ),
    ],
)
def test_files_of_a_split_must_agree(
    workspace: Workspace,
    write_files: WriteFiles,
    images: Path,
    name: str,
    content: str,
    words: str,
) -> None:
    with pytest.raises(DataError, match=words):
        run(
            workspace,
            write_files(bare_files() | {f"Anno_fine/{name}": content}),
            images=images,
            crop=True,
        )


def test_a_category_beyond_the_list_is_named(workspace: Workspace, coarse: Path) -> None:
    path = coarse / "Anno_coarse/list_category_img.txt"
    path.write_text(listed("h", [f"{COARSE_IMAGES[0]} 4"]))
    with pytest.raises(DataError, match=r"line 3: There is no category 4; .* has 3"):
        run(workspace, coarse)


def test_a_folder_without_annotation_or_with_a_wrong_name_is_told(
    workspace: Workspace, tmp_path: Path, coarse: Path
) -> None:
    with pytest.raises(DataError, match="in Anno_fine or Anno_coarse or Anno"):
        run(workspace, tmp_path)
    with pytest.raises(DataError, match=r"no list_attr_cloth\.txt in Anno_fine\. Use the folder"):
        run(workspace, coarse, annotation="fine")
    with pytest.raises(UnknownNameError, match="Did you mean set"):
        run(workspace, tmp_path / "sets")
