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


def test_a_step_of_an_unknown_session_is_refused(store: Store) -> None:
    with pytest.raises(UnknownNameError, match="No session"):
        store.add_step(7, "search", "{}")


def test_a_deleted_session_is_restored_with_everything(store: Store) -> None:
    kept, gone = store.start_session("kept"), store.start_session("gone")
    store.add_step(gone, "query", "{}")
    store.set_shortlist(gone, ["a"])
    store.rename_session(kept, "a better name")
    store.delete_session(gone)
    assert [session.name for session in store.sessions()] == ["a better name"]
    assert [summary.name for summary in store.session_summaries()] == ["a better name"]
    assert [session.name for session in store.deleted_sessions()] == ["gone"]
    for refused in (
        lambda: store.delete_session(gone),
        lambda: store.rename_session(gone, "x"),
        lambda: store.add_step(gone, "query", "{}"),
        lambda: store.set_shortlist(gone, []),
        lambda: store.session(gone),
    ):
        with pytest.raises(UnknownNameError, match=f"session restore {gone}"):
            refused()
    assert store.start_session("new") == 3  # its number is not given to another
    back = store.restore_session(gone)
    assert back == store.session(gone)
    assert [step.action for step in store.steps(gone)] == ["query"]
    assert store.shortlist(gone) == ["a"]


def test_the_session_deleted_last_is_restored_first(store: Store) -> None:
    assert store.restore_session() is None
    for name in ("a", "b", "c"):
        store.start_session(name)
    for number in (2, 1):
        store.delete_session(number)
    back = [store.restore_session() for _ in range(3)]
    assert [session and session.name for session in back] == ["a", "b", None]
    with pytest.raises(UnknownNameError, match="No deleted session is called '2'"):
        store.restore_session(2)


def test_the_result_position_belongs_to_the_last_step(store: Store) -> None:
    session = store.start_session("one")
    assert store.result_position(session) == 0
    store.set_result_position(session, 7)
    assert store.result_position(session) == 7
    store.add_step(session, "change", "{}")
    assert store.result_position(session) == 0


def test_a_shortlist_keeps_its_order_and_is_replaced_as_a_whole(store: Store) -> None:
    session = store.start_session("one")
    store.set_shortlist(session, ["c", "a", "b"])
    assert store.shortlist(session) == ["c", "a", "b"]
    store.set_shortlist(session, ["b", "c"])
    assert store.shortlist(session) == ["b", "c"]
    assert store.shortlist(store.start_session("two")) == []


def test_summaries_show_the_last_step_and_are_sorted_by_last_use(store: Store) -> None:
    first, second = store.start_session("first"), store.start_session("second")
    store.add_step(first, "query", '{"item": "a"}')
    store.add_step(first, "query", '{"item": "b"}')
    store.set_shortlist(second, ["a", "b", "c"])
    with store.writing() as db:
        db.execute("UPDATE sessions SET updated_at = '9' WHERE id = ?", [first])
    summaries = [
        (row.name, row.num_steps, row.num_listed, row.last_request_json, row.first_listed)
        for row in store.session_summaries()
    ]
    assert summaries == [("first", 2, 0, '{"item": "b"}', None), ("second", 0, 3, None, "a")]


def test_changing_an_unknown_session_is_refused(store: Store) -> None:
    with pytest.raises(UnknownNameError):
        store.rename_session(1, "x")
    with pytest.raises(UnknownNameError):
        store.delete_session(1)
    with pytest.raises(UnknownNameError):
        store.set_shortlist(1, [])
