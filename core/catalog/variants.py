"""From rows to products: those that differ only in facts, such as size and price, are variants.

They have the same photo and the same labels, and belong to the same group where the catalog has
groups. One item is one card and one result.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from datrnet.core.catalog.pictures import Picture
from datrnet.core.catalog.products import CatalogRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Rows that are one item: the first leads, the others are its variants."""

    rows: tuple[CatalogRow, ...]
    component: str
    """What the item shares a split with: the same for all items with its group or its photo."""

    @property
    def leader(self) -> CatalogRow:
        """The row that gives the item its id, title, pictures and labels."""
        return self.rows[0]


def fold_variants(
    rows: Sequence[CatalogRow],
    known_items: Mapping[str, str] | None = None,
    *,
    is_folding: bool = True,
) -> list[Product]:
    """Fold rows that are variants of one item, and tell which items belong together.

    Args:
        rows: The rows of a catalog.
        known_items: The code of the item that the workspace has, by its own code and by those of
            its variants; two such items are never folded into one.
        is_folding: Whether to fold; otherwise every row is an item.
    """
    known_items = known_items or {}
    owners: dict[Hashable, str] = {}
    contents = content_keys([row.pictures[0] if row.pictures else None for row in rows])
    cards: dict[Hashable, list[CatalogRow]] = {}
    belongs = _DisjointSets()
    for row, content in zip(rows, contents, strict=True):
        labels = tuple(sorted(row.labels.items()))
        # without a group or a title, only one and the same file is enough
        photo = content if row.group or row.title else (row.pictures[:1] or row.code)
        key: Hashable = (row.group, "" if row.group else row.title, photo, labels)
        item = known_items.get(row.code)
        if not is_folding:
            key = row.code
        elif item is not None and (not row.pictures or owners.setdefault(key, item) != item):
            key = ("item", item)
        cards.setdefault(key, []).append(row)
        if row.group:
            belongs.join(("code", row.code), ("group", row.group))
        belongs.join(("code", row.code), ("photo", content))
    component_of: dict[Hashable, str] = {}
    for row in rows:
        component_of.setdefault(belongs.find(("code", row.code)), row.group or row.code)
    return [
        Product(rows=tuple(same), component=component_of[belongs.find(("code", same[0].code))])
        for same in cards.values()
    ]


def common_title(titles: Sequence[str]) -> str:
    """Return the words that the titles of variants begin with, so without the size."""
    first, *others = titles
    words = first.split()
    length = next(
        (n for n, word in enumerate(words) if any(t.split()[n : n + 1] != [word] for t in others)),
        len(words),
    )
    common = " ".join(words[:length]).rstrip(" ,;/|-–(")
    return common or first


def content_keys(pictures: Sequence[Picture | None]) -> list[Hashable]:
    """Return a key per picture, the same for the same content; files are read only if of one size.

    A file that cannot be read, and no picture at all, are like no other.
    """
    sizes: dict[Path, int] = {}
    for path in dict.fromkeys(picture.path for picture in pictures if picture is not None):
        try:
            sizes[path] = path.stat().st_size
        except OSError:
            sizes[path] = -1
    num_of_size = Counter(sizes.values())
    keys: dict[Path, Hashable] = {
        path: path if size < 0 or num_of_size[size] == 1 else _digest(path)
        for path, size in sizes.items()
    }
    return [
        number if picture is None else (keys[picture.path], picture.box)
        for number, picture in enumerate(pictures)
    ]


def _digest(path: Path) -> Hashable:
    try:
        with path.open("rb") as file:
            return file_digest(file, "blake2b").digest()
    except OSError:
        return path


class _DisjointSets:
    """Which things belong together, by pairs that do."""

    def __init__(self) -> None:
        self._parents: dict[Hashable, Hashable] = {}

    def find(self, thing: Hashable) -> Hashable:
        """Return the thing that stands for a set."""
        root = thing
        while (parent := self._parents.get(root, root)) != root:
            root = parent
        while thing != root:
            self._parents[thing], thing = root, self._parents[thing]
        return root

    def join(self, thing: Hashable, other: Hashable) -> None:
        """Unite the sets of two things."""
        self._parents[self.find(other)] = self.find(thing)
