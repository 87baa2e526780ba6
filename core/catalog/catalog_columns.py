"""The columns of a catalog: read from the database, or mapped from a file that keeps them.

A large catalog takes seconds to read. Its columns are therefore kept beside the database, in
``catalog.columns``: a header that says of which state of the database they are, and then arrays,
which are mapped into memory, so that a search reads what it needs. The file is written again when
the catalog has changed, and can be deleted.
"""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.code_index import CodeIndex
from datrnet.db.rows import FactColumn, ItemFacts, StringColumn, SuperCategory, VariantColumns
from datrnet.db.store import Store

UNLABELED = -1

FILE = "catalog.columns"

KEPT_FROM = 20_000
"""Items of the smallest catalog whose columns are kept; a smaller one is read in milliseconds."""

FORMAT = 1
ALIGNMENT = 64


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CatalogColumns:
    """The columns of N items with M variants; those that are sequences of texts are no arrays."""

    item_ids: NDArray[np.int64]
    codes: StringColumn
    titles: StringColumn
    picture_paths: StringColumn
    splits: NDArray[np.str_]
    is_hidden: NDArray[np.bool_]
    labels: NDArray[np.int16]
    """(N, A), each column in one piece, which is faster to search."""
    more_values: NDArray[np.int64]
    """(V, 3): super-category, value, and the number of items that carry it beside their first."""
    more_rows: NDArray[np.intp]
    """The rows of these items, value after value."""
    facts: StringColumn
    groups: StringColumn
    views: StringColumn
    variant_ids: NDArray[np.int64]
    """(M,) the id of the item."""
    variant_codes: StringColumn
    variant_facts: StringColumn
    code_hashes: NDArray[np.uint64]
    code_rows: NDArray[np.int64]
    variant_hashes: NDArray[np.uint64]
    variant_rows: NDArray[np.int64]

    @classmethod
    def load(cls, store: Store, super_categories: tuple[SuperCategory, ...]) -> "CatalogColumns":
        """Read the columns of a catalog, within ``store.reading()``.

        Args:
            store: The database.
            super_categories: Its super-categories.
        """
        path = store.path.with_name(FILE)
        stamp = repr((FORMAT, store.catalog_stamp()))
        key = blake2b(stamp.encode(errors="surrogatepass"), digest_size=16).hexdigest()
        kept = _read(path, key)
        if kept is not None:
            return cls._of_arrays(kept)
        columns = cls._of_database(store, super_categories)
        if len(columns.item_ids) >= KEPT_FROM:
            with suppress(OSError):  # the workspace is read-only, or the disk full
                _write(path, key, dict(columns._arrays()))
        return columns

    @classmethod
    def _of_database(
        cls, store: Store, super_categories: tuple[SuperCategory, ...]
    ) -> "CatalogColumns":
        columns, facts = store.item_columns(), store.item_facts()
        index_of = {
            (category.name, value): (category_idx, value_idx)
            for category_idx, category in enumerate(super_categories)
            for value_idx, value in enumerate(category.values)
        }
        most = max((len(category.values) for category in super_categories), default=0)
        dtype = np.int16 if most <= np.iinfo(np.int16).max else np.int32
        labels = np.full((len(super_categories), len(columns.ids)), UNLABELED, dtype=dtype).T
        more: dict[tuple[int, int], NDArray[np.intp]] = {}
        for names, item_ids in columns.carriers.items() if len(columns.ids) else ():
            category_idx, value_idx = index_of[names]
            labels[_rows_of(columns.ids, item_ids), category_idx] = value_idx
        for names, item_ids in columns.more_carriers.items() if len(columns.ids) else ():
            category_idx, value_idx = index_of[names]
            rows = _rows_of(columns.ids, item_ids)
            # where the first value was dropped, the next one is the first
            is_first = labels[rows, category_idx] == UNLABELED
            labels[rows[is_first], category_idx] = value_idx
            if not is_first.all():
                more[category_idx, value_idx] = rows[~is_first]
        codes, variants = CodeIndex.of(columns.codes), CodeIndex.of(facts.variants.codes)
        return cls(
            item_ids=columns.ids,
            codes=columns.codes,
            titles=columns.titles,
            picture_paths=columns.picture_paths,
            splits=columns.splits,
            is_hidden=columns.is_hidden,
            labels=labels,
            more_values=np.array(
                [(*key, len(rows)) for key, rows in more.items()], dtype=np.int64
            ).reshape(-1, 3),
            more_rows=np.concatenate([np.zeros(0, dtype=np.intp), *more.values()]),
            facts=facts.facts,
            groups=facts.groups,
            views=facts.views,
            variant_ids=facts.variants.item_ids,
            variant_codes=facts.variants.codes,
            variant_facts=facts.variants.facts,
            code_hashes=codes.hashes,
            code_rows=codes.rows,
            variant_hashes=variants.hashes,
            variant_rows=variants.rows,
        )

    @property
    def more_labels(self) -> dict[tuple[int, int], NDArray[np.intp]]:
        """The rows of the items that carry a value besides their first, by its indexes."""
        ends = np.cumsum(self.more_values[:, 2])[:-1]
        parts = np.split(self.more_rows, ends)
        keys = [(category, value) for category, value, _ in self.more_values.tolist()]
        return dict(zip(keys, parts, strict=False))

    @property
    def code_index(self) -> CodeIndex:
        """The index of the codes of items."""
        return CodeIndex(self.codes, self.code_hashes, self.code_rows)

    @property
    def variant_index(self) -> CodeIndex:
        """The index of the codes of variants."""
        return CodeIndex(self.variant_codes, self.variant_hashes, self.variant_rows)

    def item_facts(self, columns: tuple[FactColumn, ...]) -> ItemFacts:
        """Return the facts of the items, which have these columns."""
        return ItemFacts(
            columns=columns,
            facts=self.facts,
            groups=self.groups,
            views=self.views,
            variants=VariantColumns(self.variant_ids, self.variant_codes, self.variant_facts),
        )

    # ── as arrays ────────────────────────────────────────────────────────────

    def _arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, StringColumn):
                yield f"{field.name}.letters", np.frombuffer(value.letters, dtype=np.uint8)
                yield f"{field.name}.ends", value.ends
            else:
                yield field.name, value

    @classmethod
    def _of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "CatalogColumns":
        columns: dict[str, Any] = {
            field.name: arrays[field.name]
            if field.name in arrays
            else StringColumn(arrays[f"{field.name}.letters"].data, arrays[f"{field.name}.ends"])
            for field in fields(cls)
        }
        return cls(**columns)


def _write(path: Path, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays so that a reader finds all of them or what was there before."""
    places, end = {}, 0
    for name, array in arrays.items():
        places[name] = (array.dtype.str, array.T.shape, end)
        end += -(-array.nbytes // ALIGNMENT) * ALIGNMENT
    header = json.dumps({"key": key, "arrays": places, "num_bytes": end}).encode()
    header += b" " * (-(8 + len(header)) % ALIGNMENT)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{FILE}.", delete=False) as file:
        try:
            file.write(len(header).to_bytes(8, "little") + header)
            for array in arrays.values():
                file.write(np.ascontiguousarray(array.T).data)
                file.write(bytes(-array.nbytes % ALIGNMENT))
        except OSError:
            os.unlink(file.name)
            raise
    os.replace(file.name, path)


def _read(path: Path, key: str) -> dict[str, NDArray[Any]] | None:
    """Map the arrays of a file into memory; None if there is none with that key, whole."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if size > path.stat().st_size:
                return None
            header = json.loads(file.read(size))
        if header["key"] != key:
            return None
        block = np.asarray(np.memmap(path, dtype=np.uint8, mode="r", offset=8 + size))
        if len(block) != header["num_bytes"]:
            return None
    except (OSError, ValueError, KeyError):
        return None
    arrays = {}
    for name, (dtype, shape, start) in header["arrays"].items():
        num_bytes = np.dtype(dtype).itemsize * int(np.prod(shape, dtype=np.int64))
        arrays[name] = block[start : start + num_bytes].view(dtype).reshape(shape).T
    return arrays


def _rows_of(ids: NDArray[np.int64], item_ids: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the rows of items; another program may have left labels of items that it deleted."""
    rows = np.searchsorted(ids, item_ids)
    found: NDArray[np.intp] = rows[ids.take(rows, mode="clip") == item_ids]
    return found
