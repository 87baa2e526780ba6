"""Finding the file that a catalog means."""

import unicodedata
from pathlib import Path

import pytest

from datrnet.core.catalog.picture_files import PictureFolder, picture_folder
from datrnet.core.errors import DataError, UnknownNameError

FILES = ("a.png", "Sub/B.JPG", "x/c.png", "y/c.png", "été.png", "q b.png", "12.webp", "0012.png")


@pytest.fixture
def folder(tmp_path: Path) -> PictureFolder:
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return PictureFolder(tmp_path)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a.png", "a.png"),
        ("./x/../a.png", "a.png"),
        ("/a.png", "a.png"),
        ("images/a.png", "a.png"),
        ("a.png?v=3", "a.png"),
        ("A.PNG", "a.png"),
        ("a.jpeg", "a.png"),
        ("a", "a.png"),
        ("a-300x300.png", "a.png"),
        ("https://cdn.example/a_1024x1024@2x.jpg", "a.png"),
        ("12", "12.webp"),
        ("Sub\\B.JPG", "Sub/B.JPG"),
        ("C:\\shop\\sub\\b.jpg", "Sub/B.JPG"),
        ("https://cdn.example/files/a.png?v=170", "a.png"),
        ("//cdn.example/q%20b.png", "q b.png"),
        ("https://[cdn/files/a.png?v=1", "a.png"),
        ("q%20b.png", "q b.png"),
        ("photos/y/c.png", "y/c.png"),
        (unicodedata.normalize("NFD", "été.png"), "été.png"),
        ("ÉTÉ.png", "été.png"),
    ],
)
def test_a_picture_is_found_however_its_path_is_written(
    folder: PictureFolder, text: str, name: str
) -> None:
    assert folder.find(text).path == folder.root / name


def test_absolute_paths_file_addresses_and_boxes_are_understood(folder: PictureFolder) -> None:
    path = folder.root / "x" / "c.png"
    assert folder.find(str(path)).path == path
    assert folder.find(path.as_uri()).path == path
    assert str(folder.find("a.png#xywh=1,2,3,4")).endswith("a.png#xywh=1,2,3,4")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("c.png", "Several files may be", "--images"),
        ("aa.png", "There is no picture 'aa.png", "Did you mean a.png"),
        ("https://cdn.example/9.png", "There is no picture 'https", "--fetch DIR"),
        ("", "has no picture", ""),
        ("x" * 500, "There is no picture", ""),
        ("a\0b.png", "There is no picture", ""),
    ],
)
def test_what_is_not_found_says_what_helps_here(
    folder: PictureFolder, text: str, message: str, hint: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        folder.find(text)
    assert hint in caught.value.hint


def test_a_folder_that_does_not_exist_names_one_that_helps(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(UnknownNameError) as caught:
        picture_folder(tmp_path / "photo", tmp_path)
    assert caught.value.hint == "Did you mean photos?"
    with pytest.raises(UnknownNameError) as caught:
        picture_folder(Path("/nonexist"), tmp_path)
    assert caught.value.hint == f"Omit --images to look in {tmp_path} and its sub-folders."


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        PictureFolder(tmp_path).find("a.png")
    assert "no pictures" in caught.value.hint


def test_what_was_downloaded_is_found_beside_the_rest(
    folder: PictureFolder, tmp_path: Path
) -> None:
    downloads = tmp_path / "downloads"
    downloads.mkdir()
    (downloads / "new.png").touch()
    (tmp_path / "shop").mkdir()
    both = PictureFolder(tmp_path / "shop", downloads)
    assert both.find("https://cdn.example/new.png").path == downloads / "new.png"
    assert not both.has("https://cdn.example/a.png")
    assert folder.has("https://cdn.example/a.png")
