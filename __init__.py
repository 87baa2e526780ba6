"""datrnet: attribute-aware substitute search for fashion catalogs."""

__version__: str


def __getattr__(name: str) -> str:
    """Look the version up when it is asked for: most commands never do, and it takes a while."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("datrnet")
    except PackageNotFoundError:  # an uninstalled checkout
        return "0+unknown"
