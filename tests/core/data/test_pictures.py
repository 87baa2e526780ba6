"""Pictures of every kind become upright RGB; damaged ones become one clear error."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from datrnet.core.data.pictures import (
    Box,
    Picture,
    picture_pixels,
    read_picture,
    thumbnail_pixels,
)
from datrnet.core.errors import DataError

RED = (200, 30, 40)


def near(pixel: object, colour: tuple[int, int, int], tolerance: int = 8) -> bool:
    return bool(np.all(np.abs(np.array(pixel, dtype=int) - colour) <= tolerance))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "1", "LA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("picture.tif" if mode == "CMYK" else "picture.png")
    if mode == "I;16":
        Image.fromarray(np.full((20, 10), 30_000, dtype=np.uint16)).save(path)
    else:
        Image.new("RGB", (10, 20), RED).convert(mode).save(path)
    picture = read_picture(path)
    assert (picture.mode, picture.size) == ("RGB", (10, 20))
    if mode in ("RGB", "RGBA", "P", "CMYK"):
        assert near(picture.getpixel((5, 5)), RED, 40)
    if mode == "I;16":
        assert picture.getpixel((0, 0)) == (117, 117, 117)


def test_transparent_parts_become_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "rgba.png")
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([0, 0, 0, 255, 0, 0])
    palette.save(tmp_path / "palette.png", transparency=0)
    for name in ("rgba.png", "palette.png"):
        assert read_picture(tmp_path / name).getpixel((1, 1)) == (255, 255, 255)


def test_a_picture_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    picture = Image.new("RGB", (40, 20), RED)
    picture.paste((0, 0, 255), (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees, clockwise
    picture.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    upright = read_picture(tmp_path / "turned.jpg")
    assert upright.size == (20, 40)
    assert near(upright.getpixel((10, 5)), (0, 0, 255), 30)


def test_a_large_jpeg_is_decoded_small_where_the_size_is_known(tmp_path: Path) -> None:
    Image.new("RGB", (1600, 800), RED).save(tmp_path / "large.jpg")
    small = read_picture(tmp_path / "large.jpg", 64)
    assert small.width < 1600
    assert min(small.size) >= 64
    assert near(small.getpixel((3, 3)), RED)


def test_network_input_is_square_and_may_be_written_to(tmp_path: Path) -> None:
    Image.new("RGB", (30, 60), RED).save(tmp_path / "a.png")
    pixels = picture_pixels(tmp_path / "a.png", 16)
    assert (pixels.shape, pixels.dtype) == ((16, 16, 3), np.uint8)
    assert pixels.flags.writeable
    assert near(pixels[8, 8], RED, 1)


def test_a_thumbnail_keeps_proportions_and_pads_with_the_border_colour() -> None:
    picture = Image.new("RGB", (40, 80), (240, 240, 230))
    picture.paste(RED, (10, 20, 30, 60))
    pixels = thumbnail_pixels(picture)
    assert pixels.shape == (32, 32, 3)
    assert near(pixels[16, 0], (240, 240, 230), 1)
    assert near(pixels[16, 16], RED, 1)
    red_columns = np.flatnonzero(pixels[16, :, 1] < 100)
    assert (red_columns[0], red_columns[-1]) == (12, 19)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (31, 33)])
def test_a_thumbnail_of_any_shape_can_be_made(size: tuple[int, int]) -> None:
    assert thumbnail_pixels(Image.new("RGB", size, RED)).shape == (32, 32, 3)


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jpg is missing"):
        read_picture(tmp_path / "none.jpg")


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="folder"):
        read_picture(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"])
def test_other_files_are_no_pictures(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"no picture|damaged"):
        read_picture(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp", "tif"])
@pytest.mark.parametrize("size", [None, 32])
def test_a_truncated_picture_is_damaged(tmp_path: Path, suffix: str, size: int | None) -> None:
    path = tmp_path / f"whole.{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"damaged|cut off|no picture"):
        read_picture(path, size)


@pytest.mark.parametrize("side", [10_000, 20_000])
def test_a_huge_png_is_refused_before_decoding_and_without_a_warning(
    tmp_path: Path, side: int
) -> None:
    Image.new("1", (side, side)).save(tmp_path / "huge.png")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(DataError, match=f"too large: {side:,} x {side:,} pixels"):
            read_picture(tmp_path / "huge.png")
    assert caught == []


def test_a_box_stands_behind_the_path() -> None:
    folder = Path("/shop")
    whole = Picture.parse("a b#1.jpg", folder)
    assert whole == Picture(folder / "a b#1.jpg")
    assert (whole.fragment, whole.name) == ("", "a b#1.jpg")
    part = Picture.parse("a.jpg#xywh=1,2,30,40", folder)
    assert part == Picture(folder / "a.jpg", Box(1, 2, 30, 40))
    assert part == Picture.parse("a.jpg#xywh=pixel:1,2,30,40", folder)
    assert str(part) == str(folder / "a.jpg") + "#xywh=1,2,30,40"
    assert Picture.parse(str(part)) == part


@pytest.mark.parametrize("numbers", ["", "1,2,3", "1,2,3,4,5", "-1,2,3,4", "1.5,2,3,4", "a,b,c,d"])
def test_a_box_that_is_not_four_numbers_is_told(numbers: str) -> None:
    with pytest.raises(
        DataError, match=r"of the picture a\.jpg is not four whole numbers"
    ) as caught:
        Picture.parse(f"a.jpg#xywh={numbers}")
    assert "#xywh=x,y,width,height" in caught.value.mend


def halves(path: Path, size: tuple[int, int] = (40, 20), **options: object) -> Path:
    """Draw a picture whose left half is red and its right half blue."""
    picture = Image.new("RGB", size, RED)
    picture.paste((0, 0, 255), (size[0] // 2, 0, *size))
    picture.save(path, **options)
    return path


@pytest.mark.parametrize(
    ("box", "size"),
    [
        (Box(20, 0, 20, 20), (20, 20)),
        (Box(25, 5, 1, 1), (1, 1)),
        (Box(20, 10, 500, 500), (20, 10)),
    ],
)
def test_only_the_box_is_read_clipped_to_the_picture(
    tmp_path: Path, box: Box, size: tuple[int, int]
) -> None:
    part = read_picture(Picture(halves(tmp_path / "a.png"), box))
    assert part.size == size
    assert part.getcolors() == [(size[0] * size[1], (0, 0, 255))]
    assert near(picture_pixels(Picture(tmp_path / "a.png", box), 8), (0, 0, 255), 0)


@pytest.mark.parametrize(
    "box", [Box(40, 0, 5, 5), Box(0, 20, 5, 5), Box(0, 0, 0, 5), Box(3, 3, 4, 0)]
)
def test_an_empty_box_is_told(tmp_path: Path, box: Box) -> None:
    with pytest.raises(
        DataError, match=r"holds nothing of the picture .* 40 x 20 pixels"
    ) as caught:
        read_picture(Picture(halves(tmp_path / "a.png"), box))
    assert "#xywh=" in caught.value.mend


def test_a_box_counts_on_the_picture_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees, clockwise: the left half comes to the top
    path = halves(tmp_path / "turned.jpg", exif=exif, quality=95)
    for size in (None, 4):
        lower = read_picture(Picture(path, Box(0, 22, 20, 18)), size)
        assert near(lower.getpixel((lower.width // 2, lower.height // 2)), (0, 0, 255), 30)
    assert read_picture(Picture(path, Box(0, 22, 20, 18))).size == (20, 18)


def test_a_small_box_of_a_large_jpeg_is_decoded_large_enough(tmp_path: Path) -> None:
    path = halves(tmp_path / "large.jpg", (1600, 800))
    whole = read_picture(path, 50)
    part = read_picture(Picture(path, Box(1500, 0, 100, 100)), 50)
    assert whole.width < 1600
    assert 50 <= min(part.size) <= 100
    assert near(part.getpixel((3, 3)), (0, 0, 255))
