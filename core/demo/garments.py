"""One picture of one garment, from its six values."""

from collections.abc import Mapping

import numpy as np
from PIL import Image

from datrnet.core.demo.attributes import check_attributes
from datrnet.core.demo.canvas import (
    Canvas,
    Color,
    Floats,
    Patch,
    Points,
    closed,
    curve,
    mirrored,
    moved,
    points,
)
from datrnet.core.demo.cloth import (
    IVORY,
    Dyes,
    Light,
    body_shade,
    draw_light,
    dye,
    grain,
    pattern_cover,
    sleeve_shade,
    studio,
)
from datrnet.core.demo.collars import STANDING, paint_behind, paint_collar
from datrnet.core.demo.cut import Cut, Sleeve, body_outline, make_cut, make_sleeves
from datrnet.core.demo.fastenings import paint_fastening

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
    name, collar = attributes["sleeve"], attributes["collar"]
    cut = make_cut(attributes["neckline"], rng, bare_arms=name == "sleeveless")
    body, sleeves = body_outline(cut), make_sleeves(name, cut)
    dyes, light = dye(attributes["color"], rng), draw_light(rng)
    angle, zoom, shift_x, shift_y = rng.uniform(-1, 1, 4).tolist()
    canvas = Canvas(
        size,
        studio(size, light, rng),
        angle=0.03 * angle,
        zoom=0.975 + 0.025 * zoom,
        shift=(2.5 * shift_x, 2.5 * shift_y),
    )
    outlines = [body, *(sleeve.outline for sleeve in sleeves)]
    canvas.shadow(*outlines, blur=6.0, strength=0.30, drop=6.0)
    canvas.shadow(*outlines, blur=1.6, strength=0.35, drop=1.0)
    paint_behind(canvas, collar, cut, dyes)
    cloth = _Cloth(canvas, attributes["pattern"], dyes, light, rng)
    for sleeve in sleeves:
        cloth.paint_sleeve(sleeve)
    cloth.paint_body(body, cut)
    _paint_seams(canvas, cut, bare_arms=not sleeves)
    _paint_opening(canvas, cut, dyes, stands=collar in STANDING)
    paint_fastening(canvas, attributes["fastening"], cut, dyes, rng)
    paint_collar(canvas, collar, cut, dyes)
    canvas.pixels *= np.float32(light.strength)
    return canvas.picture()


class _Cloth:
    """Paints the pieces that carry the pattern."""

    def __init__(
        self, canvas: Canvas, pattern: str, dyes: Dyes, light: Light, rng: np.random.Generator
    ) -> None:
        self._canvas, self._dyes, self._light, self._rng = canvas, dyes, light, rng
        self._pattern, self._knitted = pattern, bool(rng.random() < 0.4)
        self._grow = 1.0 if pattern == "color block" else float(rng.uniform(0.92, 1.1))
        self._shift = rng.uniform(-8, 8, 2) * (pattern != "color block")

    def paint_body(self, outline: Points, cut: Cut) -> None:
        """Paint the body."""
        patch = self._canvas.area(outline)
        x, y = self._canvas.x[patch.box], self._canvas.y[patch.box]
        shade = body_shade(x, y, cut, self._light, self._rng)
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
        hem = sleeve.cuff - sleeve.along * 5.0
        self._canvas.darken(self._canvas.strokes([hem], 0.9), 0.30)

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
            return self._dyes.base
        base = self._dyes.base[:, None, None]
        return base + cover * (self._dyes.second[:, None, None] - base)


def _paint_seams(canvas: Canvas, cut: Cut, *, bare_arms: bool) -> None:
    hem_y = cut.hem_y - 6
    half, low = cut.hem, hem_y + cut.hem_bow
    hem = curve((-half, hem_y), (-half * 0.4, low), (half * 0.4, low), (half, hem_y))
    armholes = [cut.armhole(), mirrored(cut.armhole())]
    canvas.darken(canvas.strokes([hem], 0.9), 0.22)
    canvas.darken(canvas.strokes(armholes, 1.2), 0.35)
    if bare_arms:
        inset = [moved(part, -3.5 * float(np.sign(part[0, 0])), 0.0) for part in armholes]
        canvas.darken(canvas.strokes(inset, 0.8), 0.25)


def _paint_opening(canvas: Canvas, cut: Cut, dyes: Dyes, *, stands: bool) -> None:
    opening = cut.opening
    # the lining of a standing collar continues upwards behind the neck
    patch = canvas.area(opening.outline(-3.0 if stands else 5.0), *opening.holes)
    depth = (canvas.y[patch.box] - np.float32(cut.neck_y)) / np.float32(60)
    canvas.paint(patch, dyes.lining, np.float32(1.06) - np.float32(0.22) * depth)
    y = opening.neck[1] - (2.0 if stands else 0.0)
    label = points((-5.0, y + 6.5), (5.0, y + 6.5), (5.0, y + 11.5), (-5.0, y + 11.5))
    canvas.paint(canvas.area(label), IVORY, 0.95)
    edges = [np.concatenate([opening.edge, mirrored(opening.edge)[::-1][1:]])]
    edges += map(closed, opening.holes)
    canvas.darken(canvas.strokes(edges, 1.4), 0.30)
