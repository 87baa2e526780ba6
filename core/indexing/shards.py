"""Shards: shares of the items, which several processes embed before one makes the index.

A shard is written in parts, beside the index, which stays as it is:

    shards/<run>/<number>-of-<count>-….npz   items, what their pictures were, and embeddings
    shards/<run>/<number>-of-<count>.done         this shard has embedded all that it should

A process that died goes on where it stopped. The parts may come from several machines; whoever
makes the index takes what fits its catalog, and deletes them.
"""

import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import Precision, PrecisionChoice
from datrnet.core.errors import ConfigError, IndexStaleError
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.retrieval.index_lag import has_same_pictures

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]

PART = 20_000
"""Items in a part, and the most that a process loses when it dies."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several shares of the items to embed."""

    number: int
    """From 1."""
    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a shard such as 2/4.

        Raises:
            ConfigError: The text is not a shard.
        """
        found = re.fullmatch(r"\s*(\d{1,6})\s*/\s*(\d{1,6})\s*", text)
        number, count = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= count:
            raise ConfigError(
                f"{text!r} is not a shard.", hint="Write its number and their count: --shard 1/4."
            )
        return cls(number, count)

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def stem(self) -> str:
        """What the names of its files start with."""
        return f"{self.number}-of-{self.count}"

    def rows(self, wanted: Rows) -> Rows:
        """Return its share (n,) of the rows to embed (N,)."""
        return wanted[self.number - 1 :: self.count]


class EmbeddedShards:
    """What shards of a run have embedded."""

    def __init__(self, folder: Path, run: RunFolder) -> None:
        """Read and write a folder.

        Args:
            folder: Of this run's shards.
            run: The run, with the super-categories that the catalog has now.
        """
        self._folder = folder
        self._names = np.array([category.name for category in run.super_categories])

    def write(
        self,
        shard: Shard,
        item_ids: Rows,
        stamps: Rows,
        embedded: Rows,
        embeddings: Floats,
        precision: Precision,
    ) -> None:
        """Write a part.

        Args:
            shard: Whose part it is.
            item_ids: (n,) of the items.
            stamps: (n, 2) what their pictures were; see ``index_lag.has_same_pictures``.
            embedded: (m,) which of them have a readable picture.
            embeddings: (m, A, E).
            precision: Of the embeddings.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{shard.stem}-{precision}-{secrets.token_hex(4)}.npz"
        partial = path.with_suffix(".partial")
        with partial.open("wb") as stream:
            np.savez(
                stream,
                names=self._names,
                item_ids=item_ids,
                stamps=stamps,
                embedded=embedded,
                embeddings=embeddings,
            )
        partial.rename(path)

    def finish(self, shard: Shard) -> None:
        """Note that a shard has embedded all that it should."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{shard.stem}.done").touch()

    def precision_of(self, asked: PrecisionChoice) -> PrecisionChoice:
        """Return the precision that is asked for; that of the parts for auto, if there are any."""
        if asked == "auto":
            for path in sorted(self._folder.glob("*.npz")):
                return "bfloat16" if "-bfloat16-" in path.name else "float32"
        return asked

    def read(
        self,
        workspace: Workspace,
        catalog: Catalog,
        wanted: Rows,
        precision: PrecisionChoice,
        *,
        whole: bool = True,
    ) -> "SharedItems":
        """Return what shards have done of the wanted rows, ascending.

        Items that have other pictures now are left out, and parts of another precision or of other
        super-categories, or that are damaged: their items are embedded again.

        Args:
            workspace: Where relative paths start.
            catalog: Its items.
            wanted: (N,) rows, ascending.
            precision: Of the embeddings.
            whole: Whether to read the embeddings too.
        """
        ids, contents = catalog.item_ids[wanted], np.zeros(len(wanted), dtype=np.int64)
        is_seen, is_embedded = np.zeros((2, len(wanted)), dtype=bool)
        found = np.empty((0, 0, 0), dtype=np.float32)
        for part in self._parts(precision):
            here = np.flatnonzero(np.isin(part["item_ids"], ids))
            places = np.searchsorted(ids, part["item_ids"][here])
            stamps = part["stamps"][here]
            is_same = [
                has_same_pictures(workspace, catalog, row, stamp)
                for row, stamp in zip(wanted[places].tolist(), stamps, strict=True)
            ]
            kept = np.array(is_same, dtype=bool)
            is_seen[places[kept]] = True
            contents[places[kept]] = stamps[kept, 1]
            is_taken = np.isin(part["embedded"], here[kept])
            targets = np.searchsorted(ids, part["item_ids"][part["embedded"][is_taken]])
            is_embedded[targets] = True
            if whole:
                if not found.size:
                    found = np.empty((len(wanted), *part["embeddings"].shape[1:]), dtype=np.float32)
                found[targets] = part["embeddings"][is_taken]
        if not is_embedded.all():
            found = found[is_embedded[: len(found)]]
        return SharedItems(
            seen=wanted[is_seen],
            contents=contents[is_seen],
            rows=wanted[is_embedded],
            embeddings=found,
        )

    def _parts(self, precision: PrecisionChoice) -> Iterator[dict[str, Any]]:
        """Yield the arrays of each part of these super-categories; a damaged one is deleted."""
        for path in sorted(self._folder.glob(f"*-{precision}-*.npz")):
            try:
                # NumPy leaves the file of a damaged archive open
                with path.open("rb") as stream, np.load(stream) as part:
                    arrays = dict(part)
            except (OSError, ValueError, BadZipFile):
                path.unlink(missing_ok=True)
                continue
            if np.array_equal(arrays["names"], self._names):
                yield arrays

    def check_complete(self) -> None:
        """Refuse shards of which one is missing.

        Raises:
            IndexStaleError: A shard is not finished.
        """
        finished: dict[int, set[int]] = {}
        for path in self._folder.glob("*-of-*"):
            number, count, *_ = re.findall(r"\d+", path.name)
            finished.setdefault(int(count), set())
            if path.suffix == ".done":
                finished[int(count)].add(int(number))
        if not finished or any(len(numbers) == count for count, numbers in finished.items()):
            return
        count = max(finished, key=lambda count: len(finished[count]))
        missing = sorted(set(range(1, count + 1)) - finished[count])
        listed = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
        plural, verb = ("", "is") if len(missing) == 1 else ("s", "are")
        again = f"`datrnet index --shard {missing[0]}/{count}`"
        raise IndexStaleError(
            f"Shard{plural} {listed} of {count} {verb} not finished; the index is as it was.",
            hint=f"Run {again}, which goes on where it stopped, or `datrnet index --shard 1/1` to "
            "embed the rest here.",
        )

    @property
    def has_parts(self) -> bool:
        """Whether any shard has embedded items."""
        return any(self._folder.glob("*.npz"))

    def delete(self) -> None:
        """Delete all parts, which an index now has."""
        shutil.rmtree(self._folder, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SharedItems:
    """What shards have done."""

    seen: Rows
    """(n,) rows that were embedded or have no readable picture, ascending."""
    contents: Rows
    """(n,) the second of their stamps."""
    rows: Rows
    """(m,) rows that were embedded, ascending."""
    embeddings: Floats
    """(m, A, E), if they were read."""

    def with_others(self, rows: Rows, embeddings: Floats) -> tuple[Rows, Floats]:
        """Return the embedded rows and those of others, ascending, and all embeddings."""
        if not len(rows) or not len(self.rows):
            return (rows, embeddings) if len(rows) else (self.rows, self.embeddings)
        order = np.argsort(np.concatenate([self.rows, rows]))
        together = np.concatenate([self.embeddings, embeddings])
        return np.union1d(self.rows, rows), together[order]
