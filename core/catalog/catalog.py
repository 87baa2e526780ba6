"""The catalog as columns: a snapshot of all items, their labels, splits, facets and pictures."""

import zlib
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog_columns import UNLABELED as UNLABELED
from datrnet.core.catalog.catalog_columns import CatalogColumns
from datrnet.core.catalog.code_index import CodeIndex
from datrnet.core.catalog.facts import CatalogFacts
from datrnet.core.catalog.value_sets import left_aligned
from datrnet.core.errors import IndexStaleError, UnknownNameError
from datrnet.core.text import fold
from datrnet.db.rows import SuperCategory, joined, split_values
from datrnet.db.store import Store
from datrnet.db.synonyms import Synonyms

ALL = "all"
"""Instead of the name of a split: every item."""

SPLITS = ("train", "validation", "test", ALL)

HELD_OUT = 10
"""Without a validation split, one of this many training items is held out, chosen by its code."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Catalog:
    """All items, one sequence per column; row ``i`` of each is the same item."""

    item_ids: NDArray[np.int64]
    """``(N,)``, ascending."""
    codes: Sequence[str]
    titles: Sequence[str]
    picture_paths: Sequence[str]
    splits: NDArray[np.str_]
    """``(N,)``: ``train``, ``validation``, ``test`` or empty."""
    super_categories: tuple[SuperCategory, ...]
    labels: NDArray[np.int16]
    """``(N, A)``: index into ``super_categories[a].values`` of an item's first value; -1 where the
    item has no value."""
    is_hidden: NDArray[np.bool_]
    """``(N,)``: items out of the gallery, since they are sold out or were removed from it."""
    more_labels: Mapping[tuple[int, int], NDArray[np.intp]]
    """Rows of the items that carry a value besides their first one, ascending, by the indexes of
    super-category and value."""
    facts: CatalogFacts
    """What is shown and filtered, but not learned; variants and further pictures."""
    synonyms: Synonyms = field(default_factory=Synonyms)
    """Names that were there before: of runs, indexes, sessions and files."""
    code_index: CodeIndex | None = None
    """Of the codes; made when it is first needed if there is none."""

    @classmethod
    def load(cls, store: Store, *, with_proposals: bool = True) -> "Catalog":
        """Read the catalog from the database, or from the file beside it that keeps its columns.

        Args:
            store: The database.
            with_proposals: Whether labels count that a model proposed and nobody looked at. They
                are searched and shown, but nothing is learned from them or measured with them.
        """
        with store.reading():
            proposals = set() if with_proposals else store.labels_by("model")
            super_categories = tuple(store.super_categories())
            columns = CatalogColumns.load(store, super_categories)
            facts = columns.item_facts(tuple(store.fact_columns()))
            synonyms = Synonyms(store.synonyms())
        catalog = cls(
            item_ids=columns.item_ids,
            codes=columns.codes,
            titles=columns.titles,
            picture_paths=columns.picture_paths,
            splits=columns.splits,
            super_categories=super_categories,
            labels=columns.labels,
            is_hidden=columns.is_hidden,
            more_labels=columns.more_labels,
            facts=CatalogFacts(columns.item_ids, facts, columns.variant_index),
            synonyms=synonyms,
            code_index=columns.code_index,
        )
        return catalog.without_labels(proposals) if proposals else catalog

    @property
    def num_items(self) -> int:
        """The number of items, hidden ones included."""
        return len(self.codes)

    @cached_property
    def shown_rows(self) -> NDArray[np.intp]:
        """The rows of the items that are not hidden, ascending."""
        return np.flatnonzero(~self.is_hidden)

    @cached_property
    def value_sets(self) -> NDArray[np.int16]:
        """(N, A, L): all values of every item; see ``value_sets``."""
        if not self.more_labels:
            return self.labels[:, :, None]
        num_more = np.zeros(self.labels.shape, dtype=np.int64)
        for (category_idx, _), rows in self.more_labels.items():
            num_more[rows, category_idx] += 1
        sets = np.repeat(self.labels[:, :, None], 1 + int(num_more.max()), axis=2)
        place = np.zeros_like(num_more)
        for (category_idx, value_idx), rows in sorted(self.more_labels.items(), key=itemgetter(0)):
            place[rows, category_idx] += 1
            sets[rows, category_idx, place[rows, category_idx]] = value_idx
        return sets

    def find_code(self, code: str) -> int | None:
        """Return the row of the item with that code, or with a variant of that code.

        Case, width and spaces do not count. None if there is none.
        """
        row = self._index.find(code)
        return self.facts.row_of_variant(code) if row is None else row

    def row_of_code(self, code: str) -> int:
        """Return the row of the item with that code.

        Raises:
            UnknownNameError: There is no such item.
        """
        row = self.find_code(code)
        if row is None:
            raise UnknownNameError("item", code, self.codes)
        return row

    def has_code(self, code: str) -> bool:
        """Tell whether an item has exactly that code."""
        return self._index.has(code)

    @cached_property
    def _index(self) -> CodeIndex:
        return self.code_index or CodeIndex.of(self.codes)

    def super_category_idx(self, name: str) -> int:
        """Return the index of the super-category that is or was called so, ignoring case.

        Raises:
            UnknownNameError: There is none.
        """
        known = [category.name for category in self.super_categories]
        return _position("super-category", name, known, self.synonyms.category(name))

    def value_idx(self, super_category_idx: int, value: str) -> int:
        """Return the index of the value that is or was called so within its super-category.

        Raises:
            UnknownNameError: There is none.
        """
        category = self.super_categories[super_category_idx]
        now = self.synonyms.value(category.name, value)
        return _position(f"{category.name} value", value, category.values, now)

    def labels_of(self, row: int) -> dict[str, str | None]:
        """Return an item's first value in every super-category; None if it has none."""
        return {
            category.name: category.values[value_idx] if value_idx != UNLABELED else None
            for category, value_idx in zip(self.super_categories, self.labels[row], strict=True)
        }

    def values_of(self, row: int) -> dict[str, tuple[str, ...]]:
        """Return all of an item's values in every super-category, the first one first."""
        return {
            category.name: tuple(
                category.values[value_idx]
                for value_idx in dict.fromkeys(value_set.tolist())
                if value_idx != UNLABELED
            )
            for category, value_set in zip(self.super_categories, self.value_sets[row], strict=True)
        }

    def label_texts(self, row: int) -> dict[str, str | None]:
        """Return all of an item's values in every super-category as text; None if it has none."""
        return {name: joined(values) for name, values in self.values_of(row).items()}

    def carries(self, super_category_idx: int, value_idx: int) -> NDArray[np.bool_]:
        """Return which items (N,) carry a value, be it their first or another."""
        return self.carries_any(super_category_idx, (value_idx,))

    def carries_any(
        self, super_category_idx: int, value_idxs: Collection[int]
    ) -> NDArray[np.bool_]:
        """Return which items (N,) carry one of the values; -1 is for items without a label."""
        labels = self.labels[:, super_category_idx]
        return _carries_any(labels, self.more_labels, super_category_idx, value_idxs)

    def relabeled(self, row: int, super_category: str, value: str | None) -> "Catalog":
        """Return a catalog in which an item has another label, or several, joined by " | ".

        A value that the catalog does not know, because no item has it, becomes no label.
        """
        idx = self.super_category_idx(super_category)
        known = self.super_categories[idx].values
        values = [known.index(name) for name in split_values(value, known) if name in known]
        labels = self.labels.copy()
        labels[row, idx] = values[0] if values else UNLABELED
        more_labels = {
            key: rows[rows != row] if key[0] == idx else rows
            for key, rows in self.more_labels.items()
        }
        for other in values[1:]:
            rows = more_labels.get((idx, other), np.zeros(0, dtype=np.intp))
            more_labels[idx, other] = np.union1d(rows, [row]).astype(np.intp)
        return replace(
            self,
            labels=labels,
            more_labels={key: rows for key, rows in more_labels.items() if len(rows)},
        )

    def without_labels(self, taken: Collection[tuple[int, str]]) -> "Catalog":
        """Return a catalog without some labels, named by item id and super-category."""
        labels, more_labels = self.labels.copy(), dict(self.more_labels)
        for idx, category in enumerate(self.super_categories):
            ids = [item_id for item_id, name in taken if name == category.name]
            is_taken = np.isin(self.item_ids, ids)
            labels[is_taken, idx] = UNLABELED
            for key in [key for key in more_labels if key[0] == idx]:
                more_labels[key] = more_labels[key][~is_taken[more_labels[key]]]
        more_labels = {key: rows for key, rows in more_labels.items() if len(rows)}
        return replace(self, labels=labels, more_labels=more_labels)

    def encode_labels(self, super_categories: Sequence[SuperCategory]) -> NDArray[np.int16]:
        """Return first values (N, A) in the order and numbering of a run or an index.

        See ``encode_value_sets``.
        """
        return np.ascontiguousarray(self.encode_value_sets(super_categories)[:, :, 0])

    def encode_value_sets(self, super_categories: Sequence[SuperCategory]) -> NDArray[np.int16]:
        """Return all values (N, A, L) in the order and numbering of a run or an index.

        A value that did not exist when that was made is left out: it has no prototype. An item
        without any other becomes -1.

        Raises:
            IndexStaleError: A super-category is no longer in the catalog.
        """
        columns = []
        for category in map(self.synonyms.renamed, super_categories):
            idx = self._idx_of_trained(category.name)
            index_of = {fold(value): index for index, value in enumerate(category.values)}
            now = self.super_categories[idx].values
            indexes = [*(index_of.get(fold(value), UNLABELED) for value in now), UNLABELED]
            # -1 picks the last
            columns.append(np.array(indexes, dtype=self.labels.dtype)[self.value_sets[:, idx]])
        if not columns:
            return np.zeros((self.num_items, 0, 1), dtype=self.labels.dtype)
        return left_aligned(np.stack(columns, axis=1))

    def renamed(self, super_categories: Sequence[SuperCategory]) -> tuple[SuperCategory, ...]:
        """Return the super-categories of a run or index with the names that they have now.

        Raises:
            IndexStaleError: One is no longer in the catalog.
        """
        renamed = map(self.synonyms.renamed, super_categories)
        return tuple(
            replace(category, name=self.super_categories[self._idx_of_trained(category.name)].name)
            for category in renamed
        )

    def kept_of(self, super_categories: Sequence[SuperCategory]) -> list[int]:
        """Return the indexes of those super-categories of a run or index that the catalog has.

        Of several that have become one, it is the one that was called so, or else the first.

        Raises:
            IndexStaleError: It has none of them.
        """
        kept: dict[int, int] = {}
        for place, category in enumerate(super_categories):
            try:
                idx = self.super_category_idx(category.name)
            except UnknownNameError:
                continue
            is_own = fold(self.super_categories[idx].name) == fold(category.name)
            if idx not in kept or is_own:
                kept[idx] = place
        if not kept and super_categories:
            self._idx_of_trained(super_categories[0].name)
        return sorted(kept.values())

    def _idx_of_trained(self, name: str) -> int:
        """Return the index of a super-category of a run or index.

        Raises:
            IndexStaleError: There is none.
        """
        try:
            return self.super_category_idx(name)
        except UnknownNameError:
            raise IndexStaleError(
                f"The catalog no longer has the super-category {name!r} of this run and index.",
                hint="Run `datrnet train` and `datrnet index`, or bring it back: `datrnet history` "
                "lists what can be undone.",
            ) from None

    def rows_in(self, split: str) -> NDArray[np.intp]:
        """Return the rows of the items in a split that are not hidden, ascending."""
        return np.flatnonzero((self.splits == split) & ~self.is_hidden)


def training_rows(catalog: Catalog) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the rows (n,) of training and validation items, and which of them validate (n,)."""
    train, validation = catalog.rows_in("train"), catalog.rows_in("validation")
    if len(validation):
        rows = np.concatenate([train, validation])
        return rows, catalog.splits[rows] == "validation"
    codes = (zlib.crc32(catalog.codes[row].encode()) for row in train)
    return train, np.array([code % HELD_OUT == 0 for code in codes], dtype=bool)


def split_rows(catalog: Catalog, split: str) -> NDArray[np.intp]:
    """Return the rows of the items in a split that are not hidden, ascending.

    Without a validation split, ``validation`` is what training holds out.
    """
    if split == ALL:
        return catalog.shown_rows
    return validation_rows(catalog) if split == "validation" else catalog.rows_in(split)


def validation_rows(catalog: Catalog) -> NDArray[np.intp]:
    """Return the rows of the validation items, ascending."""
    rows, validates = training_rows(catalog)
    return np.sort(rows[validates])


def group_numbers(catalog: Catalog, rows: NDArray[np.integer[Any]]) -> NDArray[np.intp] | None:
    """Return the number (n,) of the group of each item; None if each is a group of its own."""
    groups = [catalog.facts.group(row) or (row,) for row in rows.tolist()]
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    if len(numbers) == len(groups):
        return None
    return np.array([numbers[group] for group in groups], dtype=np.intp)


Chosen = Mapping[int, Collection[int]]
"""Value indices by super-category index, -1 for no label: an item must carry one of the values of
every super-category that has any."""

MoreLabels = Mapping[tuple[int, int], NDArray[np.intp]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facets:
    """The items that pass a choice, and the counts for further choices."""

    rows: NDArray[np.intp]
    """Items that carry the chosen values, in the given order."""
    counts: tuple[NDArray[np.int64], ...]
    """For each super-category (V + 1,): number of items with each value, and last without a label,
    among those that carry the chosen values of the other super-categories."""


def facets_of(
    labels: NDArray[np.int16],
    rows: NDArray[np.intp],
    num_values: Sequence[int],
    chosen: Chosen,
    more_labels: MoreLabels | None = None,
    all_of: Set[int] = frozenset(),
    excluded: Chosen | None = None,
) -> Facets:
    """Filter items and count their values.

    Args:
        labels: (N, A) of the catalog, first values, -1 where unlabeled.
        rows: (n,) items to filter.
        num_values: Number of values of each super-category.
        chosen: Required values.
        more_labels: Further values, as of the catalog.
        all_of: Super-categories in which an item must carry all chosen values, not one of them.
        excluded: Values that an item must not carry.
    """
    fails: dict[int, NDArray[np.bool_]] = {}
    further = more_labels or {}
    for idx, values in (excluded or {}).items():
        rows = rows[~_carries_any(labels[:, idx], further, idx, values)[rows]]
    for idx, values in chosen.items():
        if not values:
            continue
        for part in [[value] for value in values] if idx in all_of else [values]:
            failed = ~_carries_any(labels[:, idx], further, idx, part)[rows]
            fails[idx] = failed | fails[idx] if idx in fails else failed
    num_failed = np.zeros(len(rows), dtype=np.int64)
    for failed in fails.values():
        num_failed += failed
    passing = rows[num_failed == 0]
    counts = []
    for idx, number in enumerate(num_values):
        counted = rows[num_failed == fails[idx]] if idx in fails else passing
        own_labels = labels[:, idx]
        if len(counted) < len(labels):  # else picking them takes longer than counting
            own_labels = own_labels[counted]
        # shifted by 1 to count -1 (no label), which then moves to the end
        numbers = np.roll(np.bincount(own_labels + 1, minlength=number + 1), -1)
        own = {value: carriers for (of, value), carriers in further.items() if of == idx}
        if own:
            is_counted = np.zeros(len(labels), dtype=bool)
            is_counted[counted] = True
            for value, carriers in own.items():
                numbers[value] += is_counted[carriers].sum()
        counts.append(numbers)
    return Facets(rows=passing, counts=tuple(counts))


def _carries_any(
    labels: NDArray[np.int16], more_labels: MoreLabels, idx: int, values: Collection[int]
) -> NDArray[np.bool_]:
    """Return which items (N,) carry one of the values as their first, in labels (N,), or later."""
    carried: NDArray[np.bool_] = np.zeros(len(labels), dtype=bool)
    for value in values:  # a few comparisons are faster than numpy.isin
        carried |= labels == value
    for value in values:
        if (more := more_labels.get((idx, value))) is not None:
            carried[more] = True
    return carried


def _position(kind: str, name: str, known: Sequence[str], now: str) -> int:
    """Return the position of a name, or else of what it is called now."""
    folded = [fold(candidate) for candidate in known]
    for wanted in (fold(name), fold(now)):
        if wanted in folded:
            return folded.index(wanted)
    raise UnknownNameError(kind, name, known)
