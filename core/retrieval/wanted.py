"""What stands for a wanted value in a search: its generic prototype, or one among items like these.

The generic prototypes come from the index. Specific ones (section 7 of the paper's supplementary)
are the mean of a few rows of it, made when they are asked for; systems that do not replace blocks
by means have none.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from datrnet.core.data.catalog import UNLABELED, Catalog
from datrnet.core.errors import IndexStaleError
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import replaces_by_means
from datrnet.core.retrieval.prototypes import mean_embeddings

MIN_SPECIFIC = 5
"""Items that a specific prototype needs: the mean of fewer tells more of them than of the value."""

NO_MEAN = "the system's own entry, no mean of items"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prototype:
    """What stands for a wanted value, and what it is made of."""

    super_category: str
    value: str
    embedding: NDArray[np.float32]
    """(E,)."""
    num_items: int | None
    """Items, by their labels of today, that it is the mean of; None where it is no mean."""
    among: str | None = None
    """The value of another super-category that they share; None of a generic prototype."""
    note: str = ""
    """Why it is the generic one although a specific one was asked for."""

    @property
    def source(self) -> str:
        """What it is the mean of, in words, or that it is none."""
        if self.num_items is None:
            words = NO_MEAN
        else:
            words = f"{self.num_items:,} item{'' if self.num_items == 1 else 's'}"
        words += f" among {self.among}" if self.among is not None else ""
        return f"{words} ({self.note})" if self.note else words


class PrototypeSource:
    """The prototypes of an index, and the items that specific ones are made of."""

    def __init__(
        self, catalog: Catalog, generation: Generation, row_of_index: NDArray[np.int64]
    ) -> None:
        """Join the labels of today and the embeddings.

        Args:
            catalog: All items.
            generation: The index.
            row_of_index: (n,) the catalogue's row of each item of the index.
        """
        self._catalog = catalog
        self._generation = generation
        self._row_of_index = row_of_index

    def generic(self, block: int, value: str) -> Prototype:
        """Return the index's prototype of a value.

        Args:
            block: The super-category's place in the index.
            value: In any case.

        Raises:
            UnknownNameError: There is no such value.
            IndexStaleError: No item carried it when the index was built.
        """
        category = self._generation.super_categories[block]
        folded = [one.casefold() for one in category.values]
        idx = self._catalog.super_category_idx(category.name)
        if value.casefold() not in folded:
            self._catalog.value_idx(idx, value)  # knows better which values there are
        else:
            number = folded.index(value.casefold())
            embedding = self._generation.prototypes_of(block)[number]
            value = category.values[number]
            if not np.isnan(embedding).any():
                is_mean = self._generation.manipulation.are_means
                carried = np.count_nonzero(self._carries(idx, value)) if is_mean else None
                return Prototype(
                    super_category=category.name,
                    value=value,
                    embedding=embedding,
                    num_items=None if carried is None else int(carried),
                )
        raise IndexStaleError(
            f"No training item was labelled {category.name} {value!r}, so there is nothing to look "
            "for.",
            mend="Label some so, then run `datrnet train` and `datrnet index`.",
        )

    def specific(self, generic: Prototype, within: str, shared: str | None) -> Prototype:
        """Return the prototype of the same value among the items that share another one.

        Args:
            generic: What stands for the value elsewhere, and here where too few items share both.
            within: The other super-category, as the catalogue spells it.
            shared: Its value, None where the query has none.
        """
        if not replaces_by_means(self._generation.manipulation):
            return replace(generic, note="this system has no others")
        if within == generic.super_category:
            return replace(generic, note=f"{within} itself changes")
        if shared is None:
            return replace(generic, note=f"the query has no {within}")
        catalog = self._catalog
        shared_idx = catalog.super_category_idx(within)
        value_idx = catalog.super_category_idx(generic.super_category)
        both = self._carries(value_idx, generic.value) & self._carries(shared_idx, shared)
        places = np.flatnonzero(both)
        if len(places) < MIN_SPECIFIC:
            few = f"only {len(places)}" if len(places) else "none"
            return replace(generic, note=f"{few} among {shared}")
        block = [one.name for one in self._generation.super_categories].index(
            generic.super_category
        )
        manifest = self._generation.manifest
        (embedding,) = mean_embeddings(
            self._generation.embeddings[places, block],
            np.zeros(len(places), dtype=np.int16),
            1,
            unit_length=manifest.unit_blocks and manifest.unit_prototypes,
        )
        return replace(generic, embedding=embedding, num_items=len(places), among=shared)

    @cached_property
    def _taught(self) -> NDArray[np.bool_]:
        """Which items of the index (n,) its generic prototypes are means of."""
        is_training: NDArray[np.bool_] = self._catalog.splits[self._row_of_index] == "train"
        if self._generation.manifest.prototypes_from == "train" and is_training.any():
            return is_training
        return np.ones(len(self._row_of_index), dtype=bool)

    def _carries(self, super_category_idx: int, value: str) -> NDArray[np.bool_]:
        """Return which items of the index (n,) are among those and carry a value today."""
        category = self._catalog.super_categories[super_category_idx]
        values = [one.casefold() for one in category.values]
        # nobody carries a value that the catalogue has lost
        number = values.index(value.casefold()) if value.casefold() in values else UNLABELED - 1
        labels = self._catalog.labels[self._row_of_index, super_category_idx]
        carried: NDArray[np.bool_] = self._taught & (labels == number)
        return carried
