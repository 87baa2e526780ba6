"""Split folders: the toy example, and every way in which a folder can be wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

from datrnet.core.errors import DataError, UnknownNameError
from datrnet.core.research.datasets.adde import SplitFolder, read_adde

TOY_QUERIES = [
    (0, [1, 0]),
    (1, [0, 0]),
    (1, [1, 1]),
    (2, [1, 0]),
    (3, [1, 1]),
]


def test_the_toy_folder_is_read_whole(toy: Path) -> None:
    folder = read_adde(toy)
    assert folder.counts == (3, 2)
    assert folder.splits["test"].paths == [f"img/a/{number}.jpg" for number in range(4)]
    assert folder.splits["test"].labels.tolist() == [[0, 0], [1, 0], [1, 1], [-1, 1]]
    assert folder.splits["train"].labels.tolist() == [[0, 0], [1, 0], [2, -1]]
    assert folder.queries is not None
    assert folder.triplets is not None
    columns = (folder.queries.references, folder.queries.targets)
    asked = list(zip(*(column.tolist() for column in columns), strict=True))
    assert asked == TOY_QUERIES
    assert folder.triplets.tolist() == [[0, 1, 2], [1, 0, 0]]


def test_queries_are_read_without_the_triplets(toy: Path) -> None:
    (toy / "triplet_train_ind.txt").write_text("damaged")
    reader = SplitFolder.open(toy)
    queries = reader.queries(reader.split("test"))
    assert queries is not None
    assert queries.references.tolist() == [0, 1, 1, 2, 3]


def test_queries_and_triplets_may_be_absent(toy: Path) -> None:
    for path in (*toy.glob("*_test.txt"), *toy.glob("triplet_*")):
        if not path.name.startswith(("imgs", "labels")):
            path.unlink()
    folder = read_adde(toy)
    assert folder.queries is None
    assert folder.triplets is None


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("attr_num.txt", "3 two\n", "attr_num.txt, line 1: 'two' is not a number of values"),
        ("attr_num.txt", "3 0\n", "'0' is not a number of values"),
        ("attr_num.txt", "", "attr_num.txt, line 1: There is no number"),
        ("attr_num.txt", "3 3\n", "line 1: Numbers on the line: 5 instead of 6"),
        ("labels_test.txt", "1 0 0 1\n", "labels_test.txt, line 1: Numbers on the line: 4 instead"),
        (
            "labels_test.txt",
            "1 0 0 1 0\n0 1 0 2 0\n",
            "labels_test.txt, line 2: '2' is not 0 or 1",
        ),
        (
            "labels_test.txt",
            "1 0 0 1 0\n0 1 1 0 1\n",
            r"labels_test.txt, line 2: More than one value of super-category 1 \(columns 1 to 3\)",
        ),
        (
            "labels_test.txt",
            "1 0 0 1 0\n0 1 0 1 0\n0 1 0 0 1\n",
            "imgs_test.txt, line 4: The line has no counterpart: labels_test.txt ends at line 3, "
            "this file at line 4",
        ),
        (
            "imgs_test.txt",
            "img/a/0.jpg\n",
            "labels_test.txt, line 2: The line has no counterpart: imgs_test.txt ends at line 1,",
        ),
        ("ref_test.txt", "0\n1\n4\n2\n3\n", "ref_test.txt, line 3: There is no item 4; 4 items"),
        ("ref_test.txt", "0\n1\nx\n2\n3\n", "ref_test.txt, line 3: 'x' is not a whole number"),
        (
            "ref_test.txt",
            "0\n1\n1\n2\n",
            "gt_test.txt, line 5: The line has no counterpart: ref_test",
        ),
        (
            "ref_test.txt",
            "0\n1\n0\n2\n3\n",
            "indfull_test.txt, line 3: The change does not fit: labels_test.txt",
        ),
        (
            "indfull_test.txt",
            "-1 1 0 0 0\n1 -1 0 0 0\n",
            "ref_test.txt, line 3: The line has no counterpart: indfull_test.txt ends at line 2,",
        ),
        (
            "gt_test.txt",
            "0 1 0 1 0\n1 0 0 1 0\n0 1 0 0 1\n0 1 0 1 0\n0 1 0 1 1\n",
            "gt_test.txt, line 5: More than one value of super-category 2",
        ),
        ("triplet_train.txt", "0 1 2\n1 0 3\n", "triplet_train.txt, line 2: There is no item 3"),
        (
            "triplet_train.txt",
            "0 1 2\n1 0\n",
            "triplet_train.txt, line 2: Numbers on the line: 2 instead",
        ),
        (
            "triplet_train_ind.txt",
            "-1 1 0 0 0\n1 -1 0 0 0\n0 0 0 0 0\n",
            "triplet_train_ind.txt, line 3: The line has no counterpart: triplet_train.txt",
        ),
        (
            "triplet_train_ind.txt",
            "-1 1 0 0 0\n0 0 0 0 0\n",
            "triplet_train_ind.txt, line 2: The change does not fit: the reference's labels",
        ),
    ],
)
def test_a_damaged_file_is_named_with_its_line(
    toy: Path, name: str, content: str, words: str
) -> None:
    (toy / name).write_text(content)
    with pytest.raises(DataError, match=words) as caught:
        read_adde(toy)
    assert caught.value.hint
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["imgs_train.txt", "labels_train.txt", "labels_test.txt"])
def test_a_missing_file_is_named(toy: Path, name: str) -> None:
    (toy / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing"):
        read_adde(toy)


@pytest.mark.parametrize("name", ["gt_test.txt", "triplet_train_ind.txt"])
def test_files_that_belong_together_must_all_be_there(toy: Path, name: str) -> None:
    (toy / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing: it belongs to") as caught:
        read_adde(toy)
    assert "remove" in caught.value.hint


def test_a_pointer_of_git_lfs_is_recognized_in_every_file(toy: Path) -> None:
    for path in sorted(toy.glob("*.txt")):
        content = path.read_bytes()
        path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
        with pytest.raises(DataError, match=f"{path.name} is a Git-LFS pointer"):
            read_adde(toy)
        path.write_bytes(content)
    read_adde(toy)


def test_a_folder_that_is_none_or_another_is_told(
    toy: Path, write_files: Callable[..., Path]
) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean set"):
        read_adde(toy.parent / "sets")
    with pytest.raises(DataError, match=r"has no attr_num\.txt.* Use one of its folders: set\."):
        read_adde(toy.parent)
    with pytest.raises(DataError, match="Use the folder that contains"):
        read_adde(write_files({"a.txt": ""}, "other"))
