"""How far an index lags behind its catalog: items and pictures that came, changed or went since."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b, file_digest

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.pictures import Picture, read_picture
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.retrieval.generation import Generation

Stamps = NDArray[np.int64]

RESTORE = "Restore or replace the file, then run `datrnet index`."
"""What helps an item without a readable picture."""

LISTED = 3
"""Items named in a sentence; the rest is counted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class IndexLag:
    """The difference between a catalog and an index, as rows of the catalog, ascending."""

    new: NDArray[np.int64]
    """Items that are not indexed yet, or whose unreadable picture has changed since."""
    replaced: NDArray[np.int64]
    """Items whose picture files have changed since they were embedded."""
    unreadable: NDArray[np.int64]
    """Items without a readable picture: their file is missing, or an update has left them out and
    nothing has changed since."""
    num_removed: int
    """Indexed items that the catalog no longer has."""

    @classmethod
    def of(
        cls,
        workspace: Workspace,
        catalog: Catalog,
        generation: Generation,
        seen: Iterable[int] | None = None,
    ) -> "IndexLag":
        """Compare a catalog with an index.

        Args:
            workspace: Where relative paths start.
            catalog: Its items.
            generation: Its index.
            seen: Rows whose picture files are looked at; by default all, which takes seconds for a
                million items.
        """
        rows, is_known = known_rows(catalog, generation.item_ids)
        place_of = np.full(catalog.num_items, -1, dtype=np.int64)
        place_of[rows[is_known]] = np.flatnonzero(is_known)
        replaced: list[int] = []
        unreadable: list[int] = []
        if (stamps := generation.picture_stamps) is not None:
            for row in range(catalog.num_items) if seen is None else sorted(set(seen)):
                place = place_of[row]
                if place >= 0 and not has_same_pictures(workspace, catalog, row, stamps[place]):
                    is_there = any(map(workspace.has_picture, picture_paths(catalog, row)))
                    (replaced if is_there else unreadable).append(row)
        failed = {item.item_id: item.stamp for item in generation.manifest.unreadable}
        left_out = np.flatnonzero(np.isin(catalog.item_ids, list(failed)) & (place_of < 0))
        unreadable += [
            row
            for row, item_id in zip(left_out.tolist(), catalog.item_ids[left_out], strict=True)
            if failed[int(item_id)] == item_stamp(workspace, catalog, row)
        ]
        is_new = place_of < 0  # a mask: numpy.setdiff1d takes 30 ms to load what it needs
        is_new[unreadable] = False
        return cls(
            new=np.flatnonzero(is_new),
            replaced=np.array(replaced, dtype=np.int64),
            unreadable=np.array(sorted(unreadable), dtype=np.int64),
            num_removed=int((~is_known).sum()),
        )

    @property
    def outdated(self) -> str:
        """What `datrnet index` would bring up to date, as a sentence; empty if nothing."""
        clauses = (
            _clause(len(self.new), "is not indexed yet", "are not indexed yet"),
            _clause(len(self.replaced), "has a new picture", "have new pictures"),
        )
        return ", ".join(filter(None, clauses)) + "." if any(clauses) else ""

    def notes(self, catalog: Catalog) -> Iterator[str]:
        """Yield what is to be known of the lag, each with what helps."""
        if self.outdated:
            yield f"{self.outdated} Run `datrnet index`."
        if number := len(self.unreadable):
            codes = ", ".join(catalog.codes[row] for row in self.unreadable[:LISTED])
            what = _clause(number, "has no readable picture", "have no readable picture")
            more = ", …" if number > LISTED else ""
            yield f"{what}: {codes}{more}. {RESTORE}"


def known_rows(
    catalog: Catalog, item_ids: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the rows (n,) of items by their ids, and which of them the catalog has (n,)."""
    rows = np.searchsorted(catalog.item_ids, item_ids)
    rows = np.minimum(rows, max(catalog.num_items - 1, 0)).astype(np.int64)
    if not catalog.num_items:
        return rows, np.zeros(len(rows), dtype=bool)
    return rows, catalog.item_ids[rows] == item_ids


def item_stamp(workspace: Workspace, catalog: Catalog, row: int) -> int:
    """Return a number that changes with the pictures of an item: their paths, sizes and times."""
    digest = blake2b(digest_size=8)
    for stored in picture_paths(catalog, row):
        path, fragment = Picture.split(stored)
        try:
            status = os.stat(os.path.join(workspace.root, path))
            state = f"{status.st_size},{status.st_mtime_ns}"
        except (OSError, ValueError):  # the latter for what no file can be called
            state = "missing"
        digest.update(f"{path}\0{fragment}\0{state}\0".encode(errors="surrogatepass"))
    return int.from_bytes(digest.digest(), "little", signed=True)


def item_content(workspace: Workspace, catalog: Catalog, row: int) -> int:
    """Return a number that changes with what is in the pictures of an item; it reads their files.

    A copy of a catalog has the same pictures with other times.
    """
    digest = blake2b(digest_size=8)
    for stored in picture_paths(catalog, row):
        path, fragment = Picture.split(stored)
        digest.update(f"{fragment}\0".encode(errors="surrogatepass"))
        try:
            with open(os.path.join(workspace.root, path), "rb") as file:
                digest.update(file_digest(file, "blake2b").digest())
        except (OSError, ValueError):
            digest.update(b"missing")
    return int.from_bytes(digest.digest(), "little", signed=True)


def has_same_pictures(workspace: Workspace, catalog: Catalog, row: int, stamps: Stamps) -> bool:
    """Tell whether the pictures of an item are those that were embedded.

    Args:
        workspace: Where relative paths start.
        catalog: Has the item.
        row: Its row.
        stamps: ``item_stamp`` and ``item_content``, 0 if unknown, of the item in the index; in an
            older index only the first.
    """
    stamp, *contents = map(int, np.atleast_1d(stamps))
    if stamp == item_stamp(workspace, catalog, row):
        return True
    return any(contents) and contents[0] == item_content(workspace, catalog, row)


def picture_paths(catalog: Catalog, row: int) -> tuple[str, ...]:
    """Return the stored paths of all pictures of an item, the leading one first."""
    return (catalog.picture_paths[row], *catalog.facts.views(row))


def unreadable_because(workspace: Workspace, catalog: Catalog, row: int) -> str:
    """Return why none of an item's pictures can be read, in a sentence; empty if one can."""
    reasons = []
    for stored in picture_paths(catalog, row):
        try:
            read_picture(workspace.picture(stored), 1)
        except DataError as error:
            reasons.append(error.message)
        else:
            return ""
    return reasons[0]


def _clause(number: int, one_does: str, many_do: str) -> str:
    """Return what a number of items do; empty for none."""
    return f"{number:,} item{f' {one_does}' if number == 1 else f's {many_do}'}" if number else ""
