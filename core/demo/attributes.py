"""What a demo garment can be: its super-categories and their values, read from ``shop.toml``."""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from datrnet.core.errors import ConfigError, UnknownNameError

SHOP: Mapping[str, Any] = tomllib.loads(
    files("datrnet.core.demo").joinpath("shop.toml").read_text("utf-8")
)

POPULARITY: Mapping[str, Mapping[str, int]] = SHOP["popularity"]

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
                f"A garment needs a {super_category}.", hint=f"Give one of {', '.join(values)}."
            )
        if attributes[super_category] not in values:
            raise UnknownNameError(super_category, attributes[super_category], values)
