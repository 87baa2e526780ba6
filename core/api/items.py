"""The items of a catalog by id, and their embeddings."""

from collections.abc import Iterator
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datrnet.core.api.frames import MOST_CARDS, PictureCard, Tabular, cards_html
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.conditions import Conditions
from datrnet.core.catalog.pictures import Picture, read_picture
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, DataError
from datrnet.core.retrieval.manipulation import Floats
from datrnet.core.retrieval.search import Searcher


class Item:
    """An item of the catalog."""

    def __init__(self, workspace: Workspace, catalog: Catalog, row: int) -> None:
        self._workspace, self._catalog, self._row = workspace, catalog, row

    def __repr__(self) -> str:
        """Return its id and title."""
        return f"<{type(self).__name__} {self.id}: {self.title}>"

    def _repr_html_(self) -> str:
        return cards_html([self.card()], total=1)

    @property
    def id(self) -> str:
        """Its id, as the catalog file has it."""
        return self._catalog.codes[self._row]

    @property
    def title(self) -> str:
        """Its title; empty if it has none."""
        return self._catalog.titles[self._row]

    @property
    def labels(self) -> dict[str, str | None]:
        """Its first value in every super-category; None where it has none."""
        return self._catalog.labels_of(self._row)

    @property
    def values(self) -> dict[str, tuple[str, ...]]:
        """All its values in every super-category, the first one first."""
        return self._catalog.values_of(self._row)

    @property
    def facts(self) -> dict[str, str]:
        """Its facts, and those of its variants, in words: ``{"price": "19.00–24.00 EUR"}``."""
        return self._catalog.facts.words(self._row)

    @property
    def variants(self) -> dict[str, dict[str, str]]:
        """The facts of each of its variants, by the variant's id; empty for a single item."""
        return {
            variant.code: dict(variant.facts) for variant in self._catalog.facts.variants(self._row)
        }

    @property
    def split(self) -> str:
        """``train``, ``validation``, ``test``, or empty."""
        return str(self._catalog.splits[self._row])

    @property
    def is_hidden(self) -> bool:
        """Whether it is out of the gallery."""
        return bool(self._catalog.is_hidden[self._row])

    @property
    def picture_file(self) -> Picture:
        """Where its picture is: ``picture_file.path``, and the box that is cut out, if any.

        Raises:
            DataError: The box is malformed.
        """
        return self._workspace.picture(self._catalog.picture_paths[self._row])

    @property
    def picture(self) -> Image.Image:
        """Its picture: RGB, upright, cut to its box.

        Raises:
            DataError: It cannot be read.
        """
        return read_picture(self.picture_file)

    def card(self) -> PictureCard:
        """Return what a notebook shows of it."""
        try:
            picture = self.picture_file
        except DataError:
            picture = None
        return PictureCard(
            picture=picture, heading=self._heading, lines=[self.title, *self._lines()]
        )

    @property
    def _heading(self) -> str:
        return self.id

    def _lines(self) -> Iterator[str]:
        for name, text in self._catalog.label_texts(self._row).items():
            yield f"{name}: {text or '–'}"


class Items(Tabular):
    """Items of the catalog, by id; iterating yields each ``Item``.

    Its rows have the columns id, title, split and is_hidden, the labels, and the facts.
    """

    def __init__(
        self, workspace: Workspace, catalog: Catalog, rows: NDArray[np.intp] | None = None
    ) -> None:
        """Take the items of some rows, by default all."""
        self._item = partial(Item, workspace, catalog)
        self._workspace, self._catalog = workspace, catalog
        self._rows = np.arange(catalog.num_items) if rows is None else rows

    def __repr__(self) -> str:
        """Return how many there are, and what they are labeled with."""
        names = ", ".join(category.name for category in self._catalog.super_categories)
        return f"<{len(self):,} items with {names or 'no super-category'}>"

    def _repr_html_(self) -> str:
        cards = (self._item(row).card() for row in self._rows[:MOST_CARDS].tolist())
        return cards_html(cards, total=len(self))

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Item]:
        return map(self._item, self._rows.tolist())

    def __getitem__(self, item_id: str) -> Item:
        """Return an item of the catalog by its id, or by that of a variant.

        Raises:
            UnknownNameError: There is none; the message names the nearest ids.
            ConfigError: It is not a text.
        """
        if not isinstance(item_id, str):
            raise ConfigError(
                f"Items are found by their id, a text, not by {item_id!r}.",
                hint='For example: items["10045"]; by place: list(items)[0].',
            )
        return self._item(self._catalog.row_of_code(item_id))

    def __contains__(self, item_id: object) -> bool:
        row = self._catalog.find_code(item_id) if isinstance(item_id, str) else None
        return row is not None and row in self._rows

    def at(self, row: int) -> Item:
        """Return an item by its row in the catalog."""
        return self._item(row)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Their ids."""
        return tuple(self._catalog.codes[row] for row in self._rows.tolist())

    def where(self, *conditions: str) -> "Items":
        """Return those that meet all conditions on labels and facts.

        Args:
            conditions: Such as ``"color=black"``, ``"color!=black"`` or ``"price<50"``.

        Raises:
            UnknownNameError: There is no such super-category, value or fact.
            ConfigError: A condition is malformed.
        """
        is_met = Conditions.parse(self._catalog, conditions).matching(self._catalog)
        return Items(self._workspace, self._catalog, self._rows[is_met[self._rows]])

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Return a row per item."""
        names = [category.name for category in self._catalog.super_categories]
        facts = [column.name for column in self._catalog.facts.columns]
        rows = []
        for row in self._rows.tolist():
            item, words = self._item(row), self._catalog.facts.words(row)
            texts = self._catalog.label_texts(row)
            labels = [texts[name] for name in names]
            own = [words.get(name) for name in facts]
            rows.append([item.id, item.title, item.split, item.is_hidden, *labels, *own])
        return ["id", "title", "split", "is_hidden", *names, *facts], rows


class Embeddings:
    """The embeddings of the indexed items: ``N`` items, ``A`` blocks of ``E`` numbers.

    DAtRNet has a block per super-category; see ``names``.
    """

    def __init__(self, searcher: Searcher) -> None:
        self._searcher = searcher

    def __repr__(self) -> str:
        """Return the shape, and the run that made them."""
        num_items, num_blocks, size = self.array.shape
        run = self._searcher.generation.manifest.run_name
        return f"<Embeddings of {num_items:,} items, {num_blocks} × {size}, by {run}>"

    def __len__(self) -> int:
        return len(self.array)

    @property
    def array(self) -> Floats:
        """(N, A, E) in the order of ``ids``, float32, read from the index when used."""
        return self._searcher.generation.embeddings

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """(N,) the ids of the items."""
        codes = self._searcher.catalog.codes
        return tuple(codes[row] for row in self._searcher.indexed_rows.tolist())

    @property
    def names(self) -> tuple[str, ...]:
        """(A,) the super-categories of the blocks; ``("all",)`` for a system with a single one."""
        return self._searcher.block_names

    def __getitem__(self, item_id: str) -> Floats:
        """Return the embedding (A, E) of an item.

        Raises:
            UnknownNameError: There is no such item.
            IndexStaleError: It is not in the index.
        """
        row = self._searcher.catalog.row_of_code(item_id)
        return self._searcher.query_of_item(row).blocks

    def block(self, super_category: str) -> Floats:
        """Return the blocks (N, E) of a super-category.

        Raises:
            UnknownNameError: There is no such super-category.
            IndexStaleError: The index does not cover it.
        """
        generation = self._searcher.generation
        place = generation.block_of(self._searcher.block_index(super_category))
        return np.asarray(generation.embeddings[:, place])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return ``array`` for NumPy."""
        return np.array(self.array, dtype=dtype) if copy else np.asarray(self.array, dtype=dtype)
