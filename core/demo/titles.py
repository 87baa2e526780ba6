"""Titles as a shop writes them: a made-up brand, the garment's name, a few of its values."""

from collections.abc import Mapping

import numpy as np

BRANDS = (
    "Alder & Finch",
    "Brisa",
    "Calder Row",
    "Dunmore",
    "Elvestad",
    "Fern Street",
    "Halden",
    "Juniper Lane",
    "Kestrel",
    "Lumen",
    "Marrow Bay",
    "Norrhavn",
    "Orla Quay",
    "Pippin",
    "Rowan Mill",
    "Tamsin",
)

# the first rule whose values all hold names the garment
_NOUNS: tuple[tuple[Mapping[str, str], tuple[str, ...]], ...] = (
    ({"collar": "hood", "fastening": "zip"}, ("Zip Hoodie", "Hooded Jacket")),
    ({"collar": "hood"}, ("Hoodie", "Hooded Sweatshirt")),
    ({"collar": "funnel"}, ("Funnel Jacket", "Funnel-Neck Top")),
    ({"fastening": "polo placket", "collar": "shirt"}, ("Polo Shirt", "Polo")),
    ({"fastening": "polo placket"}, ("Henley", "Henley Top")),
    ({"fastening": "wrap tie"}, ("Wrap Top", "Wrap Blouse")),
    ({"fastening": "double-breasted"}, ("Double-Breasted Jacket", "Peacoat")),
    ({"fastening": "toggles"}, ("Duffle Jacket", "Toggle Jacket")),
    ({"fastening": "zip"}, ("Zip Jacket", "Track Top")),
    ({"fastening": "half zip"}, ("Half-Zip Pullover", "Half-Zip Top")),
    ({"fastening": "lace-up"}, ("Lace-Up Top", "Lace-Up Blouse")),
    ({"fastening": "buttons", "collar": "shirt"}, ("Shirt", "Button-Through Shirt")),
    ({"fastening": "buttons", "collar": "none"}, ("Cardigan", "Button-Through Top")),
    ({"fastening": "buttons"}, ("Blouse", "Button-Through Blouse")),
    ({"collar": "bow"}, ("Pussy-Bow Blouse", "Bow Blouse")),
    ({"collar": "sailor"}, ("Sailor Blouse", "Middy Top")),
    ({"collar": "ruffle"}, ("Ruffle Blouse", "Frill Top")),
    ({"sleeve": "sleeveless", "collar": "none"}, ("Tank Top", "Shell Top")),
    ({"sleeve": "long", "collar": "none"}, ("Sweater", "Jumper", "Long-Sleeve Tee")),
    ({"sleeve": "short", "collar": "none"}, ("T-Shirt", "Tee")),
    ({}, ("Blouse", "Top")),
)
_COLOUR_WORDS: Mapping[str, tuple[str, ...]] = {
    "black": ("Black", "Jet"),
    "white": ("White", "Chalk"),
    "navy": ("Navy", "Midnight"),
    "grey": ("Grey", "Stone Grey"),
    "beige": ("Beige", "Sand"),
    "red": ("Red", "Poppy"),
    "green": ("Green", "Emerald"),
    "pink": ("Pink", "Rose"),
    "burgundy": ("Burgundy", "Claret"),
    "yellow": ("Yellow", "Sunflower"),
    "orange": ("Orange", "Tangerine"),
}
_EXTRAS: Mapping[str, tuple[str, ...]] = {
    "sleeve": ("puff", "bell", "cap", "elbow", "three-quarter"),
    "neckline": ("v-neck", "boat", "square", "scoop", "keyhole", "sweetheart"),
}


def write_title(attributes: Mapping[str, str], rng: np.random.Generator) -> str:
    """Return a title for an item.

    Args:
        attributes: Super-category to value, all six.
        rng: Where the choice of words comes from.
    """
    nouns = next(
        nouns
        for rule, nouns in _NOUNS
        if all(attributes[name] == value for name, value in rule.items())
    )
    colour = attributes["colour"]
    words = [_one_of(BRANDS, rng), _one_of(_COLOUR_WORDS.get(colour, (colour.title(),)), rng)]
    if attributes["pattern"] != "plain":
        words.append(attributes["pattern"].title())
    words.append(_one_of(nouns, rng))
    extras = [
        f"{attributes[name].title()} {name.title()}" if name == "sleeve" else _neck(attributes)
        for name, values in _EXTRAS.items()
        if attributes[name] in values
    ]
    if extras and rng.random() < 0.6:
        words.append(f"with {_one_of(tuple(extras), rng)}")
    return " ".join(words)


def _neck(attributes: Mapping[str, str]) -> str:
    neckline = attributes["neckline"].title()
    return neckline if neckline.endswith("Neck") else f"{neckline} Neck"


def _one_of(words: tuple[str, ...], rng: np.random.Generator) -> str:
    return words[int(rng.integers(len(words)))]
