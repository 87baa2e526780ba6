"""The measures of one garment, drawn anew for every item, and the outline of its body."""

from dataclasses import dataclass

import numpy as np

from datrnet.core.demo.curves import Points, curve, mirrored
from datrnet.core.demo.necklines import Opening, make_opening

WAIST_DROP = 48.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """All measures of one garment, in garment units; widths count from the centre line."""

    neck_y: float
    shoulder: float
    shoulder_drop: float
    armpit_y: float
    chest: float
    waist: float
    hem: float
    hem_y: float
    hem_bow: float
    arm_angle: float
    sleeve_grow: float
    opening: Opening

    @property
    def shoulder_end(self) -> tuple[float, float]:
        """Where the right shoulder ends."""
        return self.shoulder, self.neck_y + self.shoulder_drop

    def half_width(self, y: float) -> float:
        """Return about how far the body reaches from the centre line at a height."""
        heights = [self.armpit_y, self.armpit_y + WAIST_DROP, self.hem_y]
        return float(np.interp(y, heights, [self.chest, self.waist, self.hem]))

    def armhole(self) -> Points:
        """Return the right armhole, from the shoulder's end to the armpit."""
        x, y = self.shoulder_end
        armpit = (self.chest, self.armpit_y)
        return curve((x, y), (x - 5, y + 14), (x - 6, self.armpit_y - 12), armpit)


def make_cut(neckline: str, rng: np.random.Generator, *, bare_arms: bool) -> Cut:
    """Draw the measures of a garment.

    Args:
        neckline: Value of the neckline.
        rng: Where small variation comes from.
        bare_arms: Whether the shoulders are cut narrower because no sleeve follows.
    """
    vary = rng.uniform(-1, 1, 12).tolist()
    neck_y, drop = 56.0 + vary[0] * 2, 12.0 + vary[1] * 2
    return Cut(
        neck_y=neck_y,
        shoulder=51.0 + vary[2] * 2 - (8.0 if bare_arms else 0.0),
        shoulder_drop=drop,
        armpit_y=neck_y + 48.0 + vary[8] * 2,
        chest=50.0 + vary[3] * 2,
        waist=46.5 + vary[4] * 3.5,
        hem=50.0 + vary[5] * 3.5,
        hem_y=210.0 + vary[6] * 7,
        hem_bow=2.0 + vary[7] * 3,
        arm_angle=0.21 + 0.035 * vary[9],
        sleeve_grow=1.0 + 0.03 * vary[11],
        opening=make_opening(neckline, neck_y, drop, 1.0 + 0.05 * vary[10]),
    )


def body_outline(cut: Cut) -> Points:
    """Return the closed outline of the body, straight across the neck."""
    (x, y), end, neck = cut.shoulder_end, cut.shoulder_end, cut.opening.neck
    waist, waist_y = cut.waist, cut.armpit_y + WAIST_DROP
    hem, low = (cut.hem, cut.hem_y), cut.hem_y + cut.hem_bow
    over = ((neck[0] + x) / 2, (neck[1] + y) / 2 - 1.5)
    right = np.concatenate(
        [
            curve(neck, over, (x - 3, y - 1.5), end, num_points=6),
            cut.armhole()[1:],
            curve(
                (cut.chest, cut.armpit_y),
                (waist + 0.5, waist_y - 34),
                (waist - 0.5, waist_y - 8),
                (waist, waist_y),
            )[1:],
            curve((waist, waist_y), (waist + 0.5, waist_y + 18), (hem[0], hem[1] - 24), hem)[1:],
            curve(hem, (hem[0] * 0.6, low), (hem[0] * 0.3, low), (0.0, low))[1:],
        ]
    )
    return np.concatenate([right, mirrored(right)[::-1][1:]])
