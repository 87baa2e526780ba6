"""How a person wants the explorer: what the configuration file can say, with its defaults.

The fields are the schema: names, kinds, allowed values, defaults and help come from here alone
(``core/configuration/schema.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Pictures = Literal["auto", "sixel", "kitty", "blocks", "none"]
"""How the picture of one item is shown: as pixels by a protocol of the terminal, or in cells."""

Blocks = Literal["quadrants", "sextants", "halves"]
"""The characters that pictures in cells are drawn with. Common fonts lack the sextants."""

Colours = Literal["auto", "truecolor", "256", "none"]

WORKSPACE_VARIABLE = "DATRNET_WORKSPACE"
"""The environment's variable that goes before the setting of the workspace."""


def _about(words: str, **details: object) -> dict[str, object]:
    """Return the help of a field; ``details`` are further facts of its ``Setting``."""
    return {"words": words, **details}


def _colour(words: str) -> dict[str, object]:
    return _about(words, kind="colour")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTheme:
    """A theme of a person's own; a colour left out follows from the others."""

    primary: str = field(metadata=_colour("What has the focus; must be given."))
    secondary: str = field(default="", metadata=_colour("Beside the primary colour."))
    accent: str = field(default="", metadata=_colour("What is chosen, and keys."))
    foreground: str = field(default="", metadata=_colour("Text."))
    background: str = field(default="", metadata=_colour("What everything stands on."))
    surface: str = field(default="", metadata=_colour("Panes."))
    panel: str = field(default="", metadata=_colour("The title line, and what is open."))
    success: str = field(default="", metadata=_colour("What went well."))
    warning: str = field(default="", metadata=_colour("Warnings."))
    error: str = field(default="", metadata=_colour("Errors."))
    dark: bool = field(default=True, metadata=_about("Whether the theme is a dark one."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a person."""

    theme: str = field(
        default="textual-dark",
        metadata=_about("Colours of the explorer: a theme of Textual or one of [themes]."),
    )
    pictures: Pictures = field(
        default="auto",
        metadata=_about("How the picture of an item is shown; auto: in pixels where that works."),
    )
    blocks: Blocks = field(
        default="quadrants",
        metadata=_about("Characters of pictures in blocks; many fonts lack the sextants."),
    )
    color: Colours = field(
        default="auto", metadata=_about("How many colours to use; auto asks the terminal.")
    )
    results: int = field(
        default=60, metadata=_about("Substitutes that the explorer shows.", least=1, most=1000)
    )
    workspace: str = field(
        default="",
        metadata=_about(
            "The folder to work in where neither --workspace nor DATRNET_WORKSPACE is."
        ),
    )
    tour: bool = field(
        default=True, metadata=_about("Whether the explorer shows around on its first start.")
    )
    keys: Mapping[str, str] = field(
        default_factory=dict,
        metadata=_about("Keys, separated by commas, by name; `datrnet config keys` lists them."),
    )
    themes: Mapping[str, OwnTheme] = field(
        default_factory=dict,
        metadata=_about("Themes of your own: colours as #rrggbb, by the theme's name."),
    )
