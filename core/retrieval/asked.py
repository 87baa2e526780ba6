"""What a person names to search with: an item, or a picture that is in no catalogue."""

from pathlib import Path

from datrnet.core.data.catalog import Catalog
from datrnet.core.errors import UnknownNameError


def source_of(catalog: Catalog, asked: str) -> int | Path:
    """Return an item's row or a picture's path; an item comes before a file of the same name.

    Raises:
        UnknownNameError: It is neither.
    """
    if not asked.strip():
        mend = "Name an item by its code, or a picture by its path."
        raise UnknownNameError("item", asked, (), mend=mend)
    path = Path(asked).expanduser()
    if path.exists() and not path.is_dir() and not catalog.has_code(asked):
        return path
    try:
        return catalog.row_of_code(asked)
    except UnknownNameError as error:
        if path.is_dir():
            mend = "It is a folder; name one picture in it."
        else:
            mend = f"{error.mend} There is no such file either."
        raise UnknownNameError("item", asked, (), mend=mend) from error
