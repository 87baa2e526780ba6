"""Workspaces of every earlier schema open with all that they hold, and their indexes search.

The first, of schema 1, has an index with ``prototypes.npy`` and a run folder of its time; the last
is one of release 0.1.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DatabaseError
from datrnet.core.retrieval.generation import MANIPULATION, PROTOTYPES, Generation
from datrnet.db.schema import SCHEMA_VERSION
from datrnet.db.store import Store
from tests.conftest import Run
from tests.db.conftest import SCHEMAS, ids_found, unpack


@pytest.fixture(params=SCHEMAS)
def schema(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def old(schema: int, tmp_path: Path) -> Workspace:
    return Workspace(unpack(schema, tmp_path / "old"))


def test_the_fixtures_are_of_the_versions_that_they_name(old: Workspace, schema: int) -> None:
    with closing(sqlite3.connect(old.catalog_path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (schema,)
    (generation,) = old.indexes.iterdir()
    assert (generation / PROTOTYPES).exists() == (schema < 3)
    assert (generation / MANIPULATION).exists() == (schema >= 3)


def test_an_old_database_is_upgraded_with_all_that_it_holds(old: Workspace, schema: int) -> None:
    with old.open_store() as store:
        items = store.item_columns()
        assert list(items.codes) == [f"item-{number}" for number in range(8)]
        assert ids_found(store, "red short") == [4, 8]
        assert [session.name for session in store.sessions()] == ["second look", "first look"]
        assert [step.action for step in store.steps(1)] == ["query", "change"]
        assert store.shortlist(1) == (["item-5", "item-3"] if schema >= 4 else [])
        assert [session.name for session in store.deleted_sessions()] == ["a mistake"] * (
            schema >= 5
        )
        assert [run.status for run in store.runs()] == ["finished"]
        # set by hand: item 2 black, not red; item 3 without any sleeve
        assert store.labels_by_person() == {(2, "color"), (3, "sleeve")}
        assert items.carriers["color", "Black"].tolist() == [1, 2, 3, 5, 7]
        assert items.carriers["sleeve", "long"].tolist() == [1, 2, 5, 6]
    with closing(sqlite3.connect(old.catalog_path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        db.execute("INSERT INTO items_fts (items_fts) VALUES ('integrity-check')")


@pytest.mark.parametrize("schema", [3, 4, 5, 6, 7], indirect=True)
def test_history_and_verdicts_survive_the_upgrade(old: Workspace) -> None:
    with old.open_store() as store:
        assert [(change.item_id, change.undone_at is None) for change in store.label_history()] == [
            (4, False),
            (3, True),
            (2, True),
        ]
        (verdict,) = store.pair_verdicts()
        assert (verdict.kept_id, verdict.other_id, verdict.verdict) == (1, 2, "distinct")
        (redone,) = store.redo_label()
        assert (redone.code, redone.new_value) == ("item-3", "Red")


def test_every_old_schema_ends_up_as_a_new_one(old: Workspace, tmp_path: Path) -> None:
    old.open_store().close()
    Store.create(tmp_path / "new.db").close()

    def schema_of(path: Path) -> dict[str, str]:
        with closing(sqlite3.connect(path)) as db:
            return {
                name: " ".join(sql.split())
                for name, sql in db.execute("SELECT name, sql FROM sqlite_master WHERE sql > ''")
            }

    assert schema_of(old.catalog_path) == schema_of(tmp_path / "new.db")


def test_an_old_index_searches(old: Workspace, run: Run, schema: int) -> None:
    result = run(old.root, "search", "item-0", "--set", "color=Red", "--json")
    assert result.exit_code == 0, result.output
    assert '"item-1"' in result.output
    with old.open_store() as store:
        generation = Generation.current(old, store)
    assert generation.damaged_files() == []
    assert np.isfinite(generation.prototypes_of(0)).all()
    # the manifest of an older one names no engine, which is Annoy
    reason = "at most 4,096 items" if schema > 6 else ""
    assert (generation.manifest.engine, generation.manifest.engine_reason) == ("annoy", reason)
    near = generation.candidates(generation.embeddings[0], np.ones(2, dtype=np.float32), 3, None)
    assert 0 in near


@pytest.mark.parametrize("schema", [1, 5], indirect=True)
def test_an_old_run_is_indexed_again_to_the_same_embeddings(old: Workspace, run: Run) -> None:
    with old.open_store() as store:
        before = np.array(Generation.current(old, store).embeddings)
    result = run(old.root, "index")
    assert result.exit_code == 0, result.output
    with old.open_store() as store:
        after = Generation.current(old, store).embeddings
        assert len(store.generations()) == 2
    np.testing.assert_allclose(after, before, atol=1e-4)


def test_an_old_workspace_that_is_read_only_says_that_it_must_be_updated(
    old: Workspace, schema: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datrnet.db.connection.may_write", lambda _: False)
    if schema == SCHEMA_VERSION:
        old.open_store().close()
        return
    with pytest.raises(DatabaseError, match="of an older datrnet and read-only") as caught:
        old.open_store()
    assert "--workspace" in caught.value.hint
