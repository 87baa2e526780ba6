"""A map as a picture: points in the colors of their values, thumbnails, and a legend."""

from contextlib import suppress

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.pictures import read_picture
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.graphics.point_map import COLORS, NUM_NAMED, OTHERS
from datrnet.core.review.catalog_map import MOST_SIGNS, CatalogMap
from datrnet.core.text import sanitize

SIDE = 1500
"""Width and height of the map in pixels."""
MARGIN = 80
LEGEND = 430
"""Width of the legend."""
LINE = 34
"""Height of its lines."""
THUMBNAIL = 96
MOST_THUMBNAILS = 40
"""Values that get a thumbnail, the most frequent first; one that would cover another gets none."""
RADIUS = 4

GROUND, INK, FAINT, GRAY, RED = "#FFFFFF", "#1A1A1A", "#666666", "#B4B4B4", "#C1121F"

Box = tuple[int, int, int, int]


def draw_map(found: CatalogMap, workspace: Workspace, catalog: Catalog) -> Image.Image:
    """Draw a map.

    Args:
        found: The map.
        workspace: Where the pictures are.
        catalog: The items.
    """
    drawn = Image.new("RGB", (SIDE + LEGEND, SIDE), GROUND)
    pen = ImageDraw.Draw(drawn)
    colors = [*COLORS.values(), GRAY]
    places = np.rint(MARGIN + (found.points * [1, -1] + 1) / 2 * (SIDE - 2 * MARGIN)).astype(int)
    for place in np.argsort(found.classes != OTHERS, kind="stable").tolist():  # the others below
        x, y = places[place].tolist()
        _dot(pen, x, y, colors[found.classes[place]])
    for place in found.doubtful[:MOST_SIGNS].tolist():
        x, y = places[place].tolist()
        pen.ellipse((x - 8, y - 8, x + 8, y + 8), outline=RED, width=2)
    taken: list[Box] = []
    for value, number in list(found.value_classes.items())[:MOST_THUMBNAILS]:
        carried = np.flatnonzero(found.labels == value)
        apart = np.abs(places[carried] - np.median(places[carried], axis=0)).sum(axis=1)
        typical = int(carried[apart.argmin()])
        x, y = places[typical].tolist()
        box = (x - THUMBNAIL // 2, y - THUMBNAIL // 2, x + THUMBNAIL // 2, y + THUMBNAIL // 2 + 24)
        if any(_overlap(box, other) for other in taken):
            continue
        with suppress(DataError):  # a picture that is gone or damaged
            picture = workspace.picture(catalog.picture_paths[int(found.rows[typical])])
            read = read_picture(picture, THUMBNAIL)
            _thumbnail(drawn, box, read, found.values[value], colors[number])
            taken.append(box)
    _legend(pen, found, colors)
    return drawn


def _dot(pen: ImageDraw.ImageDraw, x: int, y: int, color: str) -> None:
    pen.ellipse((x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS), fill=color)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _thumbnail(drawn: Image.Image, box: Box, picture: Image.Image, name: str, color: str) -> None:
    """Draw a picture in a frame, with a name below it."""
    inner = THUMBNAIL - 6
    shown = ImageOps.pad(picture, (inner, inner), Image.Resampling.LANCZOS, color=GROUND)
    pen = ImageDraw.Draw(drawn)
    pen.rectangle((box[0], box[1], box[2], box[1] + THUMBNAIL), fill=color)
    drawn.paste(shown, (box[0] + 3, box[1] + 3))
    middle = (box[0] + box[2]) // 2, box[1] + THUMBNAIL + 3
    pen.text(
        middle,
        _shortened(name),
        fill=INK,
        font=_font(18),
        anchor="ma",
        stroke_width=3,
        stroke_fill=GROUND,
    )


def _legend(pen: ImageDraw.ImageDraw, found: CatalogMap, colors: list[str]) -> None:
    left, y = SIDE + 10, MARGIN
    pen.text((left, y), _shortened(found.super_category), fill=INK, font=_font(30))
    total = f"{len(found.rows):,} items"
    pen.text((left, y + 42), total, fill=FAINT, font=_font(18))
    y += 100
    entries = [
        (colors[number], found.values[value], int(found.counts[value]))
        for value, number in found.value_classes.items()
        if number < NUM_NAMED
    ]
    if rest := int((found.classes == OTHERS).sum()):
        entries.append((GRAY, "others", rest))
    for color, name, count in entries:
        pen.ellipse((left, y + 3, left + 18, y + 21), fill=color)
        pen.text((left + 30, y), _shortened(name), fill=INK, font=_font(20))
        pen.text((left + LEGEND - 40, y), f"{count:,}", fill=FAINT, font=_font(20), anchor="ra")
        y += LINE
    if found.doubts:
        pen.ellipse((left + 1, y + 4, left + 17, y + 20), outline=RED, width=2)
        words = "doubtful label" if len(found.doubts) <= MOST_SIGNS else "surest doubts of"
        pen.text((left + 30, y), words, fill=INK, font=_font(20))
        number = f"{len(found.doubts):,}"
        pen.text((left + LEGEND - 40, y), number, fill=FAINT, font=_font(20), anchor="ra")


def _shortened(name: str) -> str:
    name = sanitize(name)
    return name if len(name) <= 24 else f"{name[:23]}…"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
