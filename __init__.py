"""datrnet: attribute-aware substitute search for fashion catalogues."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("datrnet")
except PackageNotFoundError:  # an uninstalled checkout
    __version__ = "0+unknown"
