"""Small data sets, written as text in exactly the formats they are released in."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from PIL import Image

WriteFiles = Callable[..., Path]

TOY = {
    "attr_num.txt": "3 2\n",
    "imgs_train.txt": "img/a/4.jpg\nimg/a/5.jpg\nimg/a/6.jpg\n",
    "labels_train.txt": "1 0 0 1 0\n0 1 0 1 0\n0 0 1 0 0\n",
    "imgs_test.txt": "img/a/0.jpg\nimg/a/1.jpg\nimg/a/2.jpg\nimg/a/3.jpg\n",
    "labels_test.txt": "1 0 0 1 0\n0 1 0 1 0\n0 1 0 0 1\n0 0 0 0 1\n",
    "triplet_train.txt": "0 1 2\n1 0 0\n",
    "triplet_train_ind.txt": "-1 1 0 0 0\n1 -1 0 0 0\n",
    "ref_test.txt": "0\n1\n1\n2\n3\n",
    "indfull_test.txt": "-1 1 0 0 0\n1 -1 0 0 0\n0 0 0 -1 1\n0 0 0 1 -1\n0 1 0 0 0\n",
    "gt_test.txt": "0 1 0 1 0\n1 0 0 1 0\n0 1 0 0 1\n0 1 0 1 0\n0 1 0 0 1\n",
}
"""Colors red, blue, black and sleeves short, long: a red short one, a blue short one, a blue long
one, a long one of no known colour."""


@pytest.fixture
def write_files(tmp_path: Path) -> WriteFiles:
    """Write files into a folder of the test's own."""

    def write(files: Mapping[str, str | bytes], folder: str = "set") -> Path:
        root = tmp_path / folder
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return root

    return write


@pytest.fixture
def toy(write_files: WriteFiles) -> Path:
    """The toy split folder, its pictures beside it."""
    folder = write_files(TOY)
    for number in range(7):
        draw(folder / f"img/a/{number}.jpg")
    return folder


def draw(path: Path, colour: tuple[int, int, int] = (200, 30, 30)) -> None:
    """Draw a picture of 20 x 30 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 30), colour).save(path)
