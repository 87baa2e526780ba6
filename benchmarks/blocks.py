"""How near pictures in characters come to the original, and how long a page of them takes.

python benchmarks/blocks.py FOLDER         writes docs/results/blocks.md and a sheet to look at

FOLDER holds pictures, such as demo/images of the workspace of `datrnet demo`. Where chafa.py is
installed, it draws the same cells with the same characters.
"""

import sys
import time
import unicodedata
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datrnet.core.catalog.garment_box import trimmed
from datrnet.core.catalog.pictures import read_picture
from datrnet.core.catalog.thumbnails import SIZE, letterboxed, make_thumbnail
from datrnet.core.graphics.blocks import Cells, cells_of
from datrnet.core.preferences import Blocks

GLYPHS: tuple[Blocks, ...] = ("halves", "quadrants", "sextants")
COLUMNS, ROWS = 20, 10
"""Cells of a thumbnail, as in the explorer's grid."""

PAGE = 60
"""Thumbnails of a page."""

NUM_PICTURES = 200
CELL = (12, 24)
"""Width and height of a cell in pixels, where what a terminal shows is compared."""

REPETITIONS = 15
SHOWN = 6
"""Pictures on the sheet."""

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"

Pixels = NDArray[np.uint8]
Draw = Callable[[Pixels, Blocks], list[Cells]]


def main() -> None:
    """Compare all ways, and write the page."""
    folder = Path(sys.argv[1])
    paths = [path for path in sorted(folder.iterdir()) if path.is_file()][:NUM_PICTURES]
    side = COLUMNS * CELL[0]
    originals = np.stack([boxed(trimmed(read_picture(path)), side) for path in paths])
    thumbnails = np.stack([boxed(read_picture(make_thumbnail(path)), SIZE) for path in paths])
    ways: dict[str, Draw] = {"NumPy": with_numpy}
    try:
        ways["chafa.py"] = with_chafa()
    except ImportError:
        print("chafa.py is not installed, and left away.", file=sys.stderr)
    lines = ["characters   drawn by   error, of 255   a page, ms"]
    for glyphs in GLYPHS:
        for name, draw in ways.items():
            drawn = draw(thumbnails, glyphs)
            error = root_mean_square(drawn, originals)
            milliseconds = 1000 * best_time(partial(draw, thumbnails[:PAGE], glyphs))
            lines.append(f"{glyphs:<12} {name:<8} {error:>15.1f} {milliseconds:>12.1f}")
    page = PAGE_TEXT.format(count=len(paths), table="\n".join(lines))
    (RESULTS / "blocks.md").write_text(page, "utf-8")
    print("\n".join(lines))
    sheet(originals[:SHOWN], thumbnails[:SHOWN]).save(RESULTS / "blocks.png", optimize=True)


PAGE_TEXT = f"""# Pictures in characters

The demo catalog's first {{count}} pictures as thumbnails of {COLUMNS} x {ROWS} cells. The error
is the root mean square over all pixels of what a terminal with cells of {CELL[0]} x {CELL[1]}
pixels shows, against the trimmed picture at that size. A page is {PAGE} thumbnails, from decoded
ones of {SIZE} px to characters and colors (the best of {REPETITIONS} times, on one of two
cores that others use too).

```text
$ python benchmarks/blocks.py WORKSPACE/demo/images
{{table}}
```

The explorer draws quadrants, which common fonts have. `datrnet doctor` shows whether the terminal's
font has the sextants; `datrnet browse --blocks sextants` draws with them.

![Six garments: the originals, then in halves, quadrants and sextants](blocks.png)
"""


def boxed(picture: Image.Image, side: int) -> Pixels:
    """Return a picture as a square."""
    return np.asarray(letterboxed(picture, side, side))


def with_numpy(pictures: Pixels, glyphs: Blocks) -> list[Cells]:
    """Draw all pictures at once."""
    cells = cells_of(pictures, ROWS, COLUMNS, glyphs=glyphs)
    return [cells[place] for place in range(len(pictures))]


def with_chafa() -> Draw:
    """Return what draws with chafa.py: of each picture, a function that reads the cells."""
    import chafa

    tags = chafa.SymbolTags
    basic = (tags.CHAFA_SYMBOL_TAG_SPACE, tags.CHAFA_SYMBOL_TAG_SOLID)
    kinds = {
        "halves": (tags.CHAFA_SYMBOL_TAG_HHALF,),
        "quadrants": (tags.CHAFA_SYMBOL_TAG_QUAD, tags.CHAFA_SYMBOL_TAG_HALF),
        "sextants": (tags.CHAFA_SYMBOL_TAG_SEXTANT, tags.CHAFA_SYMBOL_TAG_HALF),
    }

    def draw(pictures: Pixels, glyphs: Blocks) -> list[Cells]:
        symbols, config = chafa.SymbolMap(), chafa.CanvasConfig()
        for tag in (*basic, *kinds[glyphs]):
            symbols.add_by_tags(tag)
        config.set_symbol_map(symbols)
        config.width, config.height = COLUMNS, ROWS
        config.cell_width, config.cell_height = CELL
        config.canvas_mode = chafa.CanvasMode.CHAFA_CANVAS_MODE_TRUECOLOR
        drawn = []
        for picture in pictures:
            canvas = chafa.Canvas(config)
            height, width = picture.shape[:2]
            canvas.draw_all_pixels(
                chafa.PixelType.CHAFA_PIXEL_RGB8, picture.tobytes(), width, height, 3 * width
            )
            drawn.append(canvas)
        # reading cells one by one is slow, and no fault of chafa's: a page is not read
        return drawn if len(pictures) == PAGE else [read(canvas) for canvas in drawn]

    def read(canvas: "chafa.Canvas") -> Cells:
        cells = [[canvas[row, column] for column in range(COLUMNS)] for row in range(ROWS)]
        black = (0, 0, 0)
        return Cells(
            characters=np.array([[cell.char for cell in row] for row in cells]),
            foreground=np.array(
                [[cell.fg_color or black for cell in row] for row in cells], dtype=np.uint8
            ),
            background=np.array(
                [[cell.bg_color or black for cell in row] for row in cells], dtype=np.uint8
            ),
        )

    return draw


def root_mean_square(drawn: list[Cells], originals: Pixels) -> float:
    """Return the error of pictures against the originals, over all pixels."""
    squares = [
        np.square(painted(cells).astype(float) - original).mean()
        for cells, original in zip(drawn, originals, strict=True)
    ]
    return float(np.sqrt(np.mean(squares)))


def painted(cells: Cells) -> Pixels:
    """Return what a terminal shows of cells, ``(H, W, 3)``."""
    masks = np.stack([[mask_of(cell) for cell in row] for row in cells.characters.tolist()])
    spread = np.where(
        masks[..., None], cells.foreground[:, :, None, None], cells.background[:, :, None, None]
    )  # (rows, columns, CELL height, CELL width, 3)
    width, height = CELL
    return spread.transpose(0, 2, 1, 3, 4).reshape(ROWS * height, COLUMNS * width, 3)


def mask_of(character: str) -> NDArray[np.bool_]:
    """Return the pixels of a cell that a block character fills, (CELL height, CELL width)."""
    name = unicodedata.name(character)
    width, height = CELL
    mask = np.zeros((height, width), dtype=np.bool_)
    if name == "FULL BLOCK":
        mask[:] = True
    elif "SEXTANT" in name:
        for place in name.partition("-")[2]:
            row, column = divmod(int(place) - 1, 2)
            mask[row * height // 3 : (row + 1) * height // 3, column * width // 2 :][
                :, : width // 2
            ] = True
    elif name.endswith(("HALF BLOCK", "QUADRANT")) or name.startswith("QUADRANT"):
        for part in name.replace("QUADRANT ", "").replace(" BLOCK", "").split(" AND "):
            rows = slice(0, height // 2) if "UPPER" in part else slice(height // 2, height)
            columns = slice(0, width // 2) if "LEFT" in part else slice(width // 2, width)
            if "HALF" in part:
                both = slice(None)
                rows, columns = (both, columns) if "T HALF" in part else (rows, both)
            mask[rows, columns] = True
    return mask


def best_time(work: Callable[[], object]) -> float:
    """Return the seconds of the quickest of some repetitions."""
    times = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def sheet(originals: Pixels, thumbnails: Pixels) -> Image.Image:
    """Return the originals and what each kind of characters makes of them, row by row."""
    rows = [np.concatenate(list(originals), axis=1)]
    for glyphs in GLYPHS:
        rows.append(
            np.concatenate([painted(blocks) for blocks in with_numpy(thumbnails, glyphs)], axis=1)
        )
    return Image.fromarray(np.concatenate(rows)).quantize(192)


if __name__ == "__main__":
    main()
