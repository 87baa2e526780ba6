"""What a demo garment can be: six super-categories, their values, how popular each is, the colours.

Every neckline, collar, fastening, pattern and sleeve can be drawn together: collars lie outside the
opening, fastenings begin below it, so that no value ever hides another.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from datrnet.core.errors import ConfigError, UnknownNameError

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourRange:
    """The dyes that a shop would call by one colour name: anything between two corners of RGB."""

    low: Rgb
    high: Rgb


COLOURS: Mapping[str, ColourRange] = {
    "black": ColourRange(low=(24, 24, 26), high=(34, 34, 37)),
    "white": ColourRange(low=(246, 246, 244), high=(253, 253, 252)),
    "navy": ColourRange(low=(22, 32, 84), high=(32, 42, 98)),
    "grey": ColourRange(low=(134, 136, 138), high=(150, 151, 153)),
    "blue": ColourRange(low=(30, 88, 212), high=(46, 102, 228)),
    "red": ColourRange(low=(204, 22, 34), high=(220, 38, 48)),
    "beige": ColourRange(low=(212, 188, 148), high=(224, 200, 164)),
    "green": ColourRange(low=(26, 142, 68), high=(42, 158, 84)),
    "pink": ColourRange(low=(242, 146, 182), high=(252, 164, 198)),
    "sky blue": ColourRange(low=(142, 196, 238), high=(160, 208, 248)),
    "burgundy": ColourRange(low=(104, 10, 44), high=(118, 22, 58)),
    "olive": ColourRange(low=(100, 114, 30), high=(110, 126, 42)),
    "yellow": ColourRange(low=(246, 208, 44), high=(254, 222, 66)),
    "brown": ColourRange(low=(124, 72, 30), high=(138, 84, 42)),
    "orange": ColourRange(low=(242, 122, 22), high=(252, 138, 38)),
    "purple": ColourRange(low=(118, 52, 164), high=(134, 68, 180)),
    "turquoise": ColourRange(low=(26, 178, 182), high=(44, 194, 198)),
}

POPULARITY: Mapping[str, Mapping[str, float]] = {
    "colour": {
        "black": 10,
        "white": 10,
        "navy": 8,
        "grey": 7,
        "blue": 7,
        "red": 7,
        "beige": 6,
        "green": 5,
        "pink": 5,
        "sky blue": 5,
        "burgundy": 5,
        "olive": 4,
        "yellow": 4,
        "brown": 4,
        "orange": 4,
        "purple": 4,
        "turquoise": 4,
    },
    "collar": {
        "none": 35,
        "shirt": 28,
        "hood": 12,
        "mandarin": 7,
        "peter pan": 6,
        "funnel": 5,
        "ruffle": 4,
        "sailor": 3,
        "bow": 3,
    },
    "fastening": {
        "pull-on": 36,
        "buttons": 27,
        "zip": 12,
        "polo placket": 8,
        "half zip": 6,
        "double-breasted": 4,
        "wrap tie": 3,
        "lace-up": 2,
        "toggles": 2,
    },
    "neckline": {
        "crew": 36,
        "v-neck": 27,
        "scoop": 13,
        "boat": 8,
        "square": 7,
        "keyhole": 4,
        "notch": 4,
        "sweetheart": 3,
    },
    "pattern": {
        "plain": 26,
        "striped": 16,
        "checked": 12,
        "polka dot": 11,
        "floral": 10,
        "pinstripe": 8,
        "colour block": 7,
        "zigzag": 6,
        "camouflage": 5,
        "argyle": 5,
    },
    "sleeve": {
        "long": 35,
        "short": 29,
        "sleeveless": 11,
        "three-quarter": 8,
        "elbow": 6,
        "cap": 4,
        "puff": 4,
        "bell": 3,
    },
}

SUPER_CATEGORIES: Mapping[str, tuple[str, ...]] = {
    name: tuple(shares) for name, shares in POPULARITY.items()
}


def check_attributes(attributes: Mapping[str, str]) -> None:
    """Raise unless every super-category has one of its values.

    Args:
        attributes: Super-category to value.

    Raises:
        ConfigError: A super-category is absent.
        UnknownNameError: A value does not exist.
    """
    for super_category, values in SUPER_CATEGORIES.items():
        if super_category not in attributes:
            raise ConfigError(
                f"A garment needs a {super_category}.", mend=f"Give one of {', '.join(values)}."
            )
        if attributes[super_category] not in values:
            raise UnknownNameError(super_category, attributes[super_category], values)
