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
