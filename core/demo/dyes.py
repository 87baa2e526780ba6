"""The colours of one garment: its dye and everything chosen to stand out against it."""

from dataclasses import dataclass

import numpy as np

from datrnet.core.demo.attributes import COLOURS
from datrnet.core.demo.canvas import Colour

IVORY = np.array([0.95, 0.93, 0.87], dtype=np.float32)
CHARCOAL = np.array([0.15, 0.16, 0.19], dtype=np.float32)
METAL = np.array([0.86, 0.87, 0.89], dtype=np.float32)
WOOD = np.array([0.52, 0.33, 0.17], dtype=np.float32)
_LUMINANCE = np.array([0.30, 0.59, 0.11], dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dyes:
    """Colours (3,), 0 to 1.

    Attributes:
        base: The cloth.
        second: The pattern's second colour.
        tone: The cloth, a step lighter or darker: collars, plackets, ribbing.
        lining: What is seen inside the neckline.
        contrast: Buttons, tapes and cords.
    """

    base: Colour
    second: Colour
    tone: Colour
    lining: Colour
    contrast: Colour


def dye(colour: str, rng: np.random.Generator) -> Dyes:
    """Draw the exact colours of one garment.

    Args:
        colour: Value of the colour.
        rng: Where the exact shade comes from.
    """
    span = COLOURS[colour]
    # one step from corner to corner: channels moving apart would tint black and grey
    low, high = np.array(span.low), np.array(span.high)
    base = ((low + (high - low) * rng.random()) / 255).astype(np.float32)
    light = float(base @ _LUMINANCE)
    jitter = np.float32(rng.uniform(-0.03, 0.03))
    stands_out = CHARCOAL if light > 0.57 else IVORY
    second = np.clip(stands_out + jitter, 0, 1)
    if light > 0.45:
        tone, lining = base * np.float32(0.75), base * np.float32(0.42)
    elif light > 0.2:
        tone, lining = base + (1 - base) * np.float32(0.30), base * np.float32(0.36)
    else:
        tone, lining = base + (1 - base) * np.float32(0.24), base + (1 - base) * np.float32(0.58)
    return Dyes(base=base, second=second, tone=tone, lining=lining, contrast=stands_out)
