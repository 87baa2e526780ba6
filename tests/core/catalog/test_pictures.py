"""Pictures of every kind become upright RGB; damaged ones become one clear error."""

import ast
import os
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from datrnet.core.catalog import pictures
from datrnet.core.catalog.pictures import (
    FORMATS,
    Box,
    Picture,
    picture_pixels,
    read_picture,
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


def test_a_missing_picture_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jpg is missing"):
        read_picture(tmp_path / "none.jpg")


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="folder"):
        read_picture(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"])
def test_other_files_are_no_pictures(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"not a picture|damaged"):
        read_picture(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp", "tif"])
@pytest.mark.parametrize("size", [None, 32])
def test_a_truncated_picture_is_damaged(tmp_path: Path, suffix: str, size: int | None) -> None:
    path = tmp_path / f"whole.{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (90, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"damaged|truncated|not a picture"):
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
    assert "#xywh=x,y,width,height" in caught.value.hint


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
    with pytest.raises(DataError, match=r"lies outside the picture .* 40 x 20 pixels") as caught:
        read_picture(Picture(halves(tmp_path / "a.png"), box))
    assert "#xywh=" in caught.value.hint


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


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "avif", "jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_and_cut_alike(
    tmp_path: Path, suffix: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    noise = np.random.default_rng(0).integers(0, 255, (37, 53, 3), dtype=np.uint8)
    path = tmp_path / f"turned.{suffix}"
    Image.fromarray(noise).save(path, exif=exif)
    with Image.open(path) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    assert np.array_equal(read_picture(path), upright)
    part = read_picture(Picture(path, Box(5, 7, 11, 13)))
    assert np.array_equal(part, upright.crop((5, 7, 16, 20)))


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("mode", ["RGBA", "RGB", "P", "L"])
def test_a_large_picture_is_reduced_where_the_size_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, orientation: int
) -> None:
    monkeypatch.setattr(pictures, "_BAND_PIXELS", 5_000)
    exif = Image.Exif()
    exif[0x0112] = orientation
    gradient = Image.merge("RGBA", [Image.linear_gradient("L").resize((301, 207))] * 4)
    gradient.convert(mode).save(tmp_path / "large.png", exif=exif)
    whole = read_picture(tmp_path / "large.png")
    small = read_picture(tmp_path / "large.png", 10)
    assert 10 <= min(small.size) < 50
    expected = whole.reduce(6)  # the largest with three times the size left
    assert small.size == expected.size
    # a picture that is turned is reduced first: its partial cells are at another edge
    inner = (slice(2, -2), slice(2, -2))
    difference = np.asarray(small, dtype=int)[inner] - np.asarray(expected, dtype=int)[inner]
    assert np.abs(difference).max() <= 8


def asked_formats(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make every reader of Pillow's note that it is asked, and find nothing."""
    Image.init()
    asked: list[str] = []

    def reader(name: str) -> tuple[Callable[..., Image.Image], None]:
        def read(*_: object) -> Image.Image:
            asked.append(name)
            raise SyntaxError

        return read, None

    for name in list(Image.OPEN):
        monkeypatch.setitem(Image.OPEN, name, reader(name))
    return asked


@pytest.mark.parametrize("name", ["a.jpg", "a.eps", "a"])
def test_postscript_never_reaches_an_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    )
    asked = asked_formats(monkeypatch)
    with pytest.raises(DataError, match="not a picture") as caught:
        read_picture(tmp_path / name)
    assert asked == [known.upper() for known in FORMATS]
    assert all(known in caught.value.hint for known in FORMATS)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp", "tiff", "avif"])
def test_every_named_format_is_read(tmp_path: Path, suffix: str) -> None:
    halves(tmp_path / f"a.{suffix}")
    assert read_picture(tmp_path / f"a.{suffix}").size == (40, 20)
    assert suffix.replace("jpg", "jpeg") in [known.lower() for known in FORMATS]


def test_a_picture_of_several_photos_is_read(tmp_path: Path) -> None:
    photo = Image.new("RGB", (30, 20), RED)
    photo.save(tmp_path / "a.mpo", save_all=True, append_images=[photo])
    assert near(read_picture(tmp_path / "a.mpo", 8).getpixel((1, 1)), RED)


def outcome(call: Callable[[], object]) -> BaseException | None:
    """Return what a call raises; fail where it hangs."""
    raised: list[BaseException | None] = []

    def attempt() -> None:
        try:
            call()
            raised.append(None)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(60)
    assert raised, "it hangs"
    return raised[0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")
@pytest.mark.parametrize("kind", ["fifo", "link", "socket", "device"])
def test_only_regular_files_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.jpg"
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif kind == "device":
        path = Path("/dev/zero")
    else:
        os.mkfifo(tmp_path / "fifo")
        path = tmp_path / "fifo"
        if kind == "link":
            (tmp_path / "a.jpg").symlink_to(path)
            path = tmp_path / "a.jpg"
    error = outcome(lambda: read_picture(path, 8))
    assert isinstance(error, DataError)
    assert f"{path} is not a regular file" in error.message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")
def test_a_file_replaced_by_a_fifo_at_the_last_moment_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = halves(tmp_path / "a.png")
    open_file = os.open

    def replace_and_open(name: str, flags: int) -> int:
        path.unlink()
        os.mkfifo(path)
        return open_file(name, flags)

    monkeypatch.setattr(os, "open", replace_and_open)
    error = outcome(lambda: read_picture(path))
    assert isinstance(error, DataError)
    assert "is not a regular file" in error.message


_PEAK = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from datrnet.core.catalog import pictures
folder, num_threads = Path(sys.argv[1]), int(sys.argv[2])
pictures._decoding = pictures._PixelBudget(9_000_000)
pictures.read_picture(folder / "small.png", 32)
unit = 1 if sys.platform == "darwin" else 1024
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with ThreadPoolExecutor(num_threads) as pool:
    list(pool.map(lambda _: pictures.read_picture(folder / "a.png", 64), range(num_threads)))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="getrusage is not there")
@pytest.mark.parametrize("num_threads", [1, 4])
def test_large_pictures_take_little_more_memory_than_one_decoded(
    tmp_path: Path, num_threads: int
) -> None:
    gradient = Image.linear_gradient("L").resize((3000, 3000))
    large = Image.merge("RGBA", [gradient] * 4)
    large.save(tmp_path / "a.png", compress_level=1)
    large.crop((0, 0, 50, 50)).save(tmp_path / "small.png")
    peak = subprocess.run(
        [sys.executable, "-c", _PEAK, str(tmp_path), str(num_threads)],
        check=True,
        capture_output=True,
        text=True,
    )
    decoded = 3000 * 3000 * 4  # bytes
    assert int(peak.stdout) < 1.7 * decoded + 10_000_000


def test_a_large_picture_waits_until_enough_others_are_decoded() -> None:
    budget = pictures._PixelBudget(100)
    started = threading.Event()
    decoded = threading.Event()

    def decode() -> None:
        started.set()
        with budget.taken(1_000):  # more than there is: then all of it
            decoded.set()

    thread = threading.Thread(target=decode)
    with budget.taken(60), budget.taken(40):
        thread.start()
        started.wait()
        assert not decoded.is_set()
    thread.join()
    assert decoded.is_set()


def test_every_picture_is_opened_with_a_list_of_formats() -> None:
    package = Path(pictures.__file__).parents[2]
    calls = [
        (path.relative_to(package), ast.unparse(node))
        for folder in ("core", "db", "console", "tui")
        for path in (package / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Image.open")
    ]
    assert calls
    assert [call for call in calls if "formats=" not in call[1]] == []
