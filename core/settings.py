"""How a person wants the explorer: what the configuration file can say, with its defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Pictures = Literal["auto", "sixel", "kitty", "blocks", "none"]
"""How the picture of one item is shown: as pixels by a protocol of the terminal, or in cells."""

Blocks = Literal["quadrants", "sextants", "halves"]
"""The characters that pictures in cells are drawn with. Common fonts lack the sextants."""

Colours = Literal["auto", "truecolor", "256", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The explorer's settings."""

    theme: str = "textual-dark"
    pictures: Pictures = "auto"
    blocks: Blocks = "quadrants"
    color: Colours = "auto"
    keys: Mapping[str, str] = field(default_factory=dict)
    """Keys, separated by commas, by the id of a binding."""
