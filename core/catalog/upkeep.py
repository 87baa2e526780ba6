"""Keeping a catalog true: items go, are hidden or come back, and every step can be undone."""

from collections.abc import Sequence
from contextlib import closing
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.conditions import Conditions
from datrnet.core.catalog.thumbnails import ThumbnailStore
from datrnet.core.catalog.workspace import Workspace
from datrnet.db.rows import HistoryStep
from datrnet.db.store import Store

Fate = Literal["remove", "hide", "unhide"]
"""What becomes of items: gone, out of the gallery but kept, or in the gallery again."""

NAMED = 3
"""Items that the history names; more are counted."""


def chosen_rows(
    catalog: Catalog, codes: Sequence[str], conditions: Sequence[str]
) -> NDArray[np.intp]:
    """Return the rows of the named items that meet all conditions; without codes, of all items.

    Raises:
        UnknownNameError: There is no such item, super-category, value or fact.
        ConfigError: A condition is malformed.
    """
    rows = np.unique(np.array([catalog.row_of_code(code) for code in codes], dtype=np.intp))
    if not codes:
        rows = np.arange(catalog.num_items, dtype=np.intp)
    is_chosen = Conditions.parse(catalog, conditions).matching(catalog, every_variant=True)
    return rows[is_chosen[rows]]


def move_items(
    store: Store, catalog: Catalog, rows: NDArray[np.intp], fate: Fate, *, why: str = ""
) -> HistoryStep | None:
    """Remove items, hide them, or show them again, as one step of the history.

    Args:
        store: The database.
        catalog: What it holds.
        rows: Of the items.
        fate: What becomes of them.
        why: How they were chosen, for the history.

    Returns:
        The step; None if nothing has changed.
    """
    before = store.history(1)
    codes = [catalog.codes[row] for row in rows[:NAMED]]
    words = ", ".join(codes) if len(rows) <= NAMED else f"{len(rows):,} items"
    move = {"remove": store.remove_items, "hide": store.hide_items, "unhide": store.unhide_items}
    move[fate](catalog.item_ids[rows].tolist(), f"{words}{why and f' with {why}'}")
    after = store.history(1)
    return after[0] if after != before else None


def undo(
    workspace: Workspace, store: Store, step_id: int | None = None, *, loses_labels: bool = False
) -> HistoryStep | None:
    """Undo a step of the catalog's history; labels that a person has set since stay.

    Args:
        workspace: Has the thumbnails.
        store: Its database.
        step_id: Which step; by default the newest that is not undone.
        loses_labels: Whether items may go that a person has labeled since the step added them.

    Returns:
        The undone step; None if there is nothing to undo.

    Raises:
        UnknownNameError: There is no such step.
        ConfigError: It is undone already, a later one is not, or labels would be lost.
    """
    step = store.step_to_undo(step_id)
    if step is None:
        return None
    # before the pictures change: an interrupt leaves items without thumbnails, never with others'
    with closing(ThumbnailStore(workspace.thumbnails)) as thumbnails:
        for item_id in store.items_with_another_picture(step.id):
            thumbnails.remove(item_id)
    return store.undo_step(step.id, loses_labels=loses_labels)
