"""datrnet: attribute-aware substitute search for fashion catalogs.

``datrnet.open(folder)`` is the way in; docs/api.md has the rest. Importing this module loads
nothing else: what it offers is loaded when it is first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datrnet.core.api.answer import Answer, FoundItem
    from datrnet.core.api.findings import Doubt, Doubts
    from datrnet.core.api.items import Embeddings, Item, Items
    from datrnet.core.api.shop import Shop
    from datrnet.core.api.shop import open as open
    from datrnet.core.errors import DatrnetError

__version__: str

_HOMES = {
    "Answer": "core.api.answer",
    "DatrnetError": "core.errors",
    "Doubt": "core.api.findings",
    "Doubts": "core.api.findings",
    "Embeddings": "core.api.items",
    "FoundItem": "core.api.answer",
    "Item": "core.api.items",
    "Items": "core.api.items",
    "Shop": "core.api.shop",
    "open": "core.api.shop",
}
"""The module of each public name."""

__all__ = [  # without `open`: a star import must not replace Python's own
    "Answer",
    "DatrnetError",
    "Doubt",
    "Doubts",
    "Embeddings",
    "FoundItem",
    "Item",
    "Items",
    "Shop",
]


def __getattr__(name: str) -> Any:
    """Load what is asked for; the version too is looked up only then, which takes a while."""
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(f"datrnet.{_HOMES[name]}"), name)
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("datrnet")
    except PackageNotFoundError:  # an uninstalled checkout
        return "0+unknown"


def __dir__() -> list[str]:
    """Return the public names."""
    return [*_HOMES, "__version__"]
