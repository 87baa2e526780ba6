"""Snapshots are immutable, and what is derived from one belongs to it alone."""

import numpy as np
import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.db.rows import NewItem
from datrnet.db.store import Store
from datrnet.tui.screens.dialogs import find_id
from datrnet.tui.snapshot import Library, RowMap, Snapshot, Subset


def snapshot_of(workspace: Workspace, store: Store) -> Snapshot:
    return Snapshot.of(workspace, store, Catalog.load(store))


def item(code: str) -> NewItem:
    labels = {"garment": "dress"}
    return NewItem(code=code, title=code, picture_path="a.png", split="", labels=labels)


def test_ids_imported_later_are_found_by_prefix(bare_workspace: Workspace) -> None:
    with bare_workspace.open_store() as store:
        library = Library(bare_workspace, store, Catalog.load(store), 30)
        row, words = find_id(library.snapshot, "P-00")
        assert row is not None
        assert words.startswith("10 ids")
        assert find_id(library.snapshot, "Q")[0] is None
        store.upsert_items([item("Q-7"), item("P-0077")])
        library.renew(snapshot_of(bare_workspace, store))
        assert find_id(library.snapshot, "Q")[0] == 48
        assert find_id(library.snapshot, "P-00")[1].startswith("11 ids")
        library.thumbnails.close()


def test_a_label_makes_a_new_snapshot_and_leaves_the_old_one(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        before = snapshot_of(workspace, store)
        counts, rows, query = before.value_counts["colour"], before.rows, before.query_of(1)
        row = before.catalog.row_of_code("P-000")
        after = before.relabeled((row, "colour", "red"))
        assert after.looker is before.looker  # it keeps its networks
        assert before.catalog.labels_of(row)["colour"] == "black"
        assert before.value_counts["colour"] is counts
        assert after.catalog.labels_of(row)["colour"] == "red"
        assert after.value_counts["colour"]["red"] == counts["red"] + 1
        assert after.query_of(row).labels["colour"] == "red"
        assert after.query_of(1) is query  # searches that are under way stay comparable
        assert after.rows is not rows
        for snapshot in (before, after):
            with pytest.raises(ValueError, match="read-only"):
                snapshot.catalog.labels[0, 0] = 1


def test_the_label_of_an_item_that_the_snapshot_lacks_changes_nothing(
    workspace: Workspace,
) -> None:
    with workspace.open_store() as store:
        library = Library(workspace, store, Catalog.load(store), 30)
        before = library.snapshot
        for item_id in (0, 10_000):
            library.relabel((item_id, "colour", "red"))
        assert library.snapshot is before
        library.thumbnails.close()


def test_a_subset_keeps_its_order_and_names_what_is_unknown(bare_workspace: Workspace) -> None:
    with bare_workspace.open_store() as store:
        catalog = Catalog.load(store)
        subset = Subset.of(catalog, ["P-005", "nope", "p-001", "P-005"])
        assert subset.rows.tolist() == [5, 1]
        assert subset.unknown == ("nope",)
        with pytest.raises(UnknownNameError, match="'nope'"):
            Subset.of(catalog, ["nope"])
        with pytest.raises(ConfigError, match=r"The list of items is empty\."):
            Subset.of(catalog, [])


def test_rows_are_mapped_to_those_of_a_later_catalog(bare_workspace: Workspace) -> None:
    with bare_workspace.open_store() as store:
        before = Catalog.load(store)
        store.upsert_items([item("A-1")])
        row_map = RowMap(before, Catalog.load(store))
        assert np.array_equal(row_map.rows, np.arange(48))
        assert RowMap(Catalog.load(store), before)(48) is None


def test_the_index_opens_when_it_is_asked_for(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        snapshot = snapshot_of(workspace, store)
        assert "_index" not in vars(snapshot)
        assert snapshot.searcher is not None
        assert snapshot.index_error is None
        assert snapshot.searcher is snapshot.searcher
