"""Sessions and their steps."""

import pytest

from datrnet.core.errors import UnknownNameError
from datrnet.db.store import Store


def test_steps_keep_their_order_within_their_session(store: Store) -> None:
    first, second = store.start_session("first"), store.start_session("second")
    assert store.add_step(first, "search", '{"item": "a"}') == 1
    assert store.add_step(second, "search", "{}") == 1
    assert store.add_step(first, "change", "{}") == 2
    assert [(step.position, step.action) for step in store.steps(first)] == [
        (1, "search"),
        (2, "change"),
    ]
    assert [session.name for session in store.sessions()] == ["second", "first"]


def test_a_step_of_no_session_is_refused(store: Store) -> None:
    with pytest.raises(UnknownNameError, match="No session"):
        store.add_step(7, "search", "{}")


def test_a_session_is_renamed_and_deleted_with_all_that_it_has(store: Store) -> None:
    kept, gone = store.start_session("kept"), store.start_session("gone")
    store.add_step(gone, "query", "{}")
    store.set_shortlist(gone, ["a"])
    store.rename_session(kept, "a better name")
    store.delete_session(gone)
    assert [one.name for one in store.sessions()] == ["a better name"]
    assert store.steps(gone) == []
    assert store.shortlist(gone) == []


def test_a_shortlist_keeps_its_order_and_is_replaced_as_a_whole(store: Store) -> None:
    session = store.start_session("one")
    store.set_shortlist(session, ["c", "a", "b"])
    assert store.shortlist(session) == ["c", "a", "b"]
    store.set_shortlist(session, ["b", "c"])
    assert store.shortlist(session) == ["b", "c"]
    assert store.shortlist(store.start_session("two")) == []


def test_summaries_tell_of_the_last_step_and_put_the_last_used_first(store: Store) -> None:
    first, second = store.start_session("first"), store.start_session("second")
    store.add_step(first, "query", '{"item": "a"}')
    store.add_step(first, "query", '{"item": "b"}')
    store.set_shortlist(second, ["a", "b", "c"])
    with store._writing() as db:
        db.execute("UPDATE sessions SET updated_at = '9' WHERE id = ?", [first])
    told = [
        (one.session.name, one.num_steps, one.num_listed, one.last_request_json, one.first_listed)
        for one in store.session_summaries()
    ]
    assert told == [("first", 2, 0, '{"item": "b"}', None), ("second", 0, 3, None, "a")]


def test_what_needs_a_session_refuses_without(store: Store) -> None:
    with pytest.raises(UnknownNameError):
        store.rename_session(1, "x")
    with pytest.raises(UnknownNameError):
        store.delete_session(1)
    with pytest.raises(UnknownNameError):
        store.set_shortlist(1, [])
