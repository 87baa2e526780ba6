"""Runs, index generations that become current in one step, and evaluations."""

import sqlite3
from contextlib import closing

import pytest

from datrnet.core.errors import DatabaseError, UnknownNameError
from datrnet.db.store import Store


def test_a_run_goes_from_running_to_finished(store: Store) -> None:
    store.add_run("first", "datrnet", '{"seed": 1}')
    run = store.run("first")
    assert (run.status, run.finished_at, run.metrics_json) == ("running", None, None)
    store.update_run("first", metrics_json='{"top_1": 0.5}')
    store.update_run("first", status="finished")
    run = store.run("first")
    assert (run.status, run.metrics_json) == ("finished", '{"top_1": 0.5}')
    assert run.finished_at is not None


def test_a_resumed_run_is_not_finished(store: Store) -> None:
    store.add_run("first", "datrnet", "{}")
    store.update_run("first", status="interrupted")
    store.update_run("first", status="running")
    assert store.run("first").finished_at is None


def test_the_latest_run_of_a_status(store: Store) -> None:
    assert store.latest_run() is None
    for name in ("a", "b"):
        store.add_run(name, "datrnet", "{}")
    store.update_run("a", status="finished")
    latest, finished = store.latest_run(), store.latest_run("finished")
    assert latest is not None
    assert finished is not None
    assert (latest.name, finished.name) == ("b", "a")
    assert [run.name for run in store.runs()] == ["a", "b"]


def test_run_names_are_unique(store: Store) -> None:
    store.add_run("a", "datrnet", "{}")
    with pytest.raises(DatabaseError, match="already"):
        store.add_run("a", "datrnet", "{}")


def test_an_unknown_run_suggests_the_nearest(store: Store) -> None:
    store.add_run("demo", "datrnet", "{}")
    with pytest.raises(UnknownNameError, match="Did you mean demo"):
        store.update_run("dmo", status="finished")


def test_the_newest_generation_is_the_current_one(store: Store) -> None:
    assert store.current_generation() is None
    store.publish_generation("g1", "run", 10, "{}")
    published = store.publish_generation("g2", "run", 11, '{"trees": 5}')
    assert store.current_generation() == published
    assert [(generation.name, generation.is_current) for generation in store.generations()] == [
        ("g1", False),
        ("g2", True),
    ]


def test_a_failing_publication_leaves_the_old_generation_current(store: Store) -> None:
    current = store.publish_generation("g1", "run", 10, "{}")
    with pytest.raises(DatabaseError):
        store.publish_generation("g1", "run", 99, "{}")
    assert store.current_generation() == current
    assert len(store.generations()) == 1


def test_a_reader_never_sees_two_or_no_current_generations(store: Store) -> None:
    store.publish_generation("g1", "run", 10, "{}")
    with Store.open(store.path) as reader, reader.reading():
        before = reader.current_generation()
        store.publish_generation("g2", "run", 11, "{}")
        assert reader.current_generation() == before
    with closing(sqlite3.connect(store.path)) as plain, pytest.raises(sqlite3.IntegrityError):
        plain.execute("UPDATE index_generations SET is_current = 1")


def test_an_evaluation_replaces_the_one_by_the_same_protocol(store: Store) -> None:
    store.add_evaluation("run", "generation", "test", '{"k": 30}', '{"top": 0.5}')
    store.add_evaluation("run", "generation", "test", '{"k": 10}', '{"top": 0.3}')
    store.add_evaluation("run", "generation", "test", '{"k": 30}', '{"top": 0.6}')
    found = [(row.protocol_json, row.results_json) for row in store.evaluations()]
    assert found == [('{"k": 10}', '{"top": 0.3}'), ('{"k": 30}', '{"top": 0.6}')]
    assert store.evaluations()[0].made_at
