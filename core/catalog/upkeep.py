"""Keeping a catalog true: items go, are hidden or come back, and every step can be undone."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.conditions import Conditions
from datrnet.core.catalog.thumbnails import ThumbnailStore
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.text import fold
from datrnet.db.rows import HistoryStep
from datrnet.db.store import Store

Fate = Literal["remove", "hide", "unhide"]
"""What becomes of items: gone, out of the gallery but kept, or in the gallery again."""

NAMED = 3
"""Items that the history names; more are counted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen:
    """Items, and single variants of others."""

    rows: NDArray[np.intp]
    """Rows of the items in the catalog, ascending."""
    variants: tuple[str, ...] = ()
    """Codes of variants, of items that have others."""

    def described(self, catalog: Catalog) -> str:
        """Return what they are, in words; a few are named, more are counted."""
        few = len(self.rows) <= NAMED
        names = [_item_words(catalog, row) for row in self.rows] if few else []
        if not few:
            names = [f"{len(self.rows):,} items"]
        if len(self.variants) > NAMED:
            names.append(f"{len(self.variants):,} variants")
        else:
            names += [
                f"the variant {code} of {catalog.codes[catalog.row_of_code(code)]}"
                for code in self.variants
            ]
        return ", ".join(names)


def _item_words(catalog: Catalog, row: int) -> str:
    number = len(catalog.facts.variants(row))
    return f"{catalog.codes[row]} with {number} variants" if number > 1 else catalog.codes[row]


def choose(
    catalog: Catalog,
    codes: Sequence[str],
    conditions: Sequence[str] = (),
    *,
    as_variants: bool = False,
) -> Chosen:
    """Return the named items and variants that meet all conditions; without codes, all items.

    The code of an item is the item with all its variants; that of another variant is this variant.
    All variants of an item are the item.

    Args:
        catalog: Has them.
        codes: Of items and variants.
        conditions: Such as ``price<50``.
        as_variants: Whether a code that an item shares with its variant means the variant.

    Raises:
        UnknownNameError: There is no such item, super-category, value or fact.
        ConfigError: A condition is malformed, or asks for single variants.
    """
    is_chosen = np.full(catalog.num_items, not codes)
    variants: dict[int, dict[str, None]] = {}
    for code in codes:
        row = catalog.row_of_code(code)
        own = {fold(variant.code): variant.code for variant in catalog.facts.variants(row)}
        if fold(code) in own and (as_variants or fold(code) != fold(catalog.codes[row])):
            variants.setdefault(row, {})[own[fold(code)]] = None
        else:
            is_chosen[row] = True
    for row, named in variants.items():
        is_chosen[row] |= len(named) == len(catalog.facts.variants(row))
    single = [code for row, named in variants.items() if not is_chosen[row] for code in named]
    if single and conditions:
        raise ConfigError(
            f"{single[0]} is a variant, and conditions choose whole items.",
            hint="Name the variants without --where.",
        )
    is_chosen &= Conditions.parse(catalog, conditions).matching(catalog, every_variant=True)
    return Chosen(rows=np.flatnonzero(is_chosen), variants=tuple(single))


def move_items(
    store: Store, catalog: Catalog, chosen: Chosen, fate: Fate, *, why: str = ""
) -> HistoryStep | None:
    """Remove items, hide them, or show them again, as one step of the history.

    Args:
        store: The database.
        catalog: What it holds.
        chosen: The items; single variants can only be removed.
        fate: What becomes of them.
        why: How they were chosen, for the history.

    Returns:
        The step; None if nothing has changed.

    Raises:
        ConfigError: A single variant would be hidden or shown.
    """
    if chosen.variants and fate != "remove":
        code = chosen.variants[0]
        item = catalog.codes[catalog.row_of_code(code)]
        raise ConfigError(
            f"{code} is a variant of {item}, and only whole items can be hidden or shown.",
            hint=f"Name the item: {item}. A variant can be removed: datrnet remove {code}",
        )
    before = store.history(1)
    item_ids = catalog.item_ids[chosen.rows].tolist()
    words = f"{chosen.described(catalog)}{why and f' with {why}'}"
    if fate == "remove":
        store.remove_items(item_ids, words, chosen.variants)
    else:
        (store.hide_items if fate == "hide" else store.unhide_items)(item_ids, words)
    after = store.history(1)
    return after[0] if after != before else None


def undo(
    workspace: Workspace, store: Store, step_id: int | None = None, *, loses_labels: bool = False
) -> HistoryStep | None:
    """Undo a step of the catalog's history; labels set by hand since then stay.

    Args:
        workspace: Has the thumbnails.
        store: Its database.
        step_id: Which step; by default the newest that is not undone.
        loses_labels: Whether to remove items labeled by hand since the step added them.

    Returns:
        The undone step; None if there is nothing to undo.

    Raises:
        UnknownNameError: There is no such step.
        ConfigError: It is undone already, a later one is not, or labels would be lost.
    """
    step = store.step_to_undo(step_id)
    if step is None:
        return None
    _remove_thumbnails(workspace, store, step)
    return store.undo_step(step.id, loses_labels=loses_labels)


def redo(workspace: Workspace, store: Store) -> HistoryStep | None:
    """Redo the step that was undone last.

    Args:
        workspace: Has the thumbnails.
        store: Its database.

    Returns:
        The step; None if nothing was undone, or the catalog was changed since.
    """
    step = store.step_to_redo()
    if step is None:
        return None
    _remove_thumbnails(workspace, store, step)
    return store.redo_step()


def _remove_thumbnails(workspace: Workspace, store: Store, step: HistoryStep) -> None:
    """Remove the thumbnails of items that get another picture, before they do.

    An interrupt leaves items without thumbnails, never with others'.
    """
    with closing(ThumbnailStore(workspace.thumbnails)) as thumbnails:
        thumbnails.remove(store.items_with_another_picture(step.id))
