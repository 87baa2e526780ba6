"""One picture of one garment, from its six values."""

from collections.abc import Mapping

import numpy as np
from PIL import Image

from datrnet.core.demo.attributes import check_attributes
from datrnet.core.demo.canvas import Canvas, Color, Floats, Patch
from datrnet.core.demo.cloth import (
    Light,
    body_shade,
    draw_light,
    dye,
    grain,
    pattern_cover,
    sleeve_shade,
    studio,
)
from datrnet.core.demo.layers import Painter, collar_shapes
from datrnet.core.demo.shapes import DESCRIPTION, Shapes, Sleeve, make_shapes, make_sleeves

PICTURE_SIZE = (192, 256)


def draw_garment(
    attributes: Mapping[str, str],
    rng: np.random.Generator,
    size: tuple[int, int] = PICTURE_SIZE,
) -> Image.Image:
    """Draw a garment as in a shop's photograph.

    Args:
        attributes: Super-category to value, all six.
        rng: The source of shape, pose, dye and light; another draw gives another picture.
        size: Width and height of the picture in pixels.

    Returns:
        The picture, RGB.

    Raises:
        ConfigError: A super-category is absent.
        UnknownNameError: A value does not exist.
    """
    check_attributes(attributes)
    collar = DESCRIPTION["collar"][attributes["collar"]]
    fastening = DESCRIPTION["fastening"][attributes["fastening"]]
    bare_arms = attributes["sleeve"] == "sleeveless"
    shapes = make_shapes(attributes["neckline"], rng, bare_arms=bare_arms)
    sleeves = make_sleeves(attributes["sleeve"], shapes)
    dyes, light = dye(attributes["color"], rng), draw_light(rng)
    angle, zoom, shift_x, shift_y = rng.uniform(-1, 1, 4).tolist()
    canvas = Canvas(
        size,
        studio(size, light, rng),
        angle=0.03 * angle,
        zoom=0.975 + 0.025 * zoom,
        shift=(2.5 * shift_x, 2.5 * shift_y),
    )
    painter = Painter(canvas, dyes)
    outlines = [shapes.paths["body"], *(sleeve.outline for sleeve in sleeves)]
    canvas.shadow(*outlines, blur=6.0, strength=0.30, drop=6.0)
    canvas.shadow(*outlines, blur=1.6, strength=0.35, drop=1.0)
    painter.paint(collar.get("behind", ()), shapes)
    cloth = _Cloth(canvas, attributes["pattern"], dyes, light, rng)
    for sleeve in sleeves:
        cloth.paint_sleeve(sleeve)
    cloth.paint_body(shapes)
    painter.paint(DESCRIPTION["seams"], shapes)
    if bare_arms:
        painter.paint(DESCRIPTION["armhole hems"], shapes)
    _paint_opening(painter, shapes, is_standing="behind" in collar)
    painter.paint(fastening, shapes.where({"size": rng.uniform(0.93, 1.07)}))
    painter.paint(collar["front"], collar_shapes(shapes, collar.get("band", {})))
    canvas.pixels *= np.float32(light.strength)
    return canvas.picture()


class _Cloth:
    """Paints the pieces that carry the pattern."""

    def __init__(
        self,
        canvas: Canvas,
        pattern: str,
        dyes: Mapping[str, Color],
        light: Light,
        rng: np.random.Generator,
    ) -> None:
        self._canvas, self._dyes, self._light, self._rng = canvas, dyes, light, rng
        self._pattern, self._knitted = pattern, bool(rng.random() < 0.4)
        self._grow = 1.0 if pattern == "color block" else float(rng.uniform(0.92, 1.1))
        self._shift = rng.uniform(-8, 8, 2) * (pattern != "color block")

    def paint_body(self, shapes: Shapes) -> None:
        """Paint the body."""
        outline = shapes.paths["body"]
        patch = self._canvas.area(outline)
        x, y = self._canvas.x[patch.box], self._canvas.y[patch.box]
        shade = body_shade(x, y, shapes, self._light, self._rng)
        self._canvas.shadow(outline, blur=2.0, strength=0.28, drop=0.5)
        self._paint(patch, self._color(x, y, shade), shade)

    def paint_sleeve(self, sleeve: Sleeve) -> None:
        """Paint one sleeve, its pattern turned with the arm."""
        patch = self._canvas.area(sleeve.outline)
        x, y = self._canvas.x[patch.box], self._canvas.y[patch.box]
        shade, across, along = sleeve_shade(x, y, sleeve, self._light, self._rng)
        top = np.float32(sleeve.start[1])
        color = self._color(across + np.float32(7), along + top, shade)
        self._paint(patch, color, shade)
        self._canvas.darken(self._canvas.strokes([sleeve.hem], 0.9), 0.30)

    def _paint(self, patch: Patch, color: Color, shade: Floats) -> None:
        cloth = color if color.ndim == 3 else color[:, None, None]
        # even black cloth shines a little where a fold meets the light
        sheen = np.float32(0.09) * (shade - np.float32(0.97))
        texture = grain((shade.shape[0], shade.shape[1]), self._knitted, self._rng)
        self._canvas.paint(patch, cloth * (shade * texture) + sheen)

    def _color(self, u: Floats, v: Floats, shade: Floats) -> Floats:
        # cloth that leans away carries the pattern with it
        bend = (shade - np.float32(1)) * np.float32(14)
        cover = pattern_cover(
            self._pattern,
            u + bend + np.float32(self._shift[0]),
            v + bend + np.float32(self._shift[1]),
            self._grow,
        )
        if cover is None:
            return self._dyes["base"]
        base = self._dyes["base"][:, None, None]
        return base + cover * (self._dyes["second"][:, None, None] - base)


def _paint_opening(painter: Painter, shapes: Shapes, *, is_standing: bool) -> None:
    canvas = painter.canvas
    holes = [shapes.paths["hole"]] if "hole" in shapes.paths else []
    # the lining of a standing collar continues upwards behind the neck
    shapes = shapes.where({"back": -3, "tag": "y-2"} if is_standing else {"back": 5, "tag": "y"})
    patch = canvas.area(shapes.path(DESCRIPTION["opening"]), *holes)
    depth = (canvas.y[patch.box] - np.float32(shapes.length("neck"))) / np.float32(60)
    canvas.paint(patch, painter.dyes["lining"], np.float32(1.06) - np.float32(0.22) * depth)
    painter.paint(DESCRIPTION["label"], shapes)
    canvas.darken(canvas.strokes([shapes.path("edge |"), *holes], 1.4), 0.30)
