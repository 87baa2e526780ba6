"""The shortlist as pure logic."""

from hypothesis import given
from hypothesis import strategies as st

from datrnet.tui.controllers.session_log import Shortlist


def test_toggling_puts_at_the_end_and_takes_off() -> None:
    told: list[tuple[str, ...]] = []
    one = Shortlist(told.append)
    assert one.toggle("a")
    assert one.toggle("b")
    assert not one.toggle("a")
    assert told == [("a",), ("a", "b"), ("b",)]
    assert "b" in one
    assert "a" not in one


def test_moving_stops_at_the_ends_and_tells_only_of_changes() -> None:
    told: list[tuple[str, ...]] = []
    one = Shortlist(told.append)
    one.load("abc")
    assert one.move("a", 1) == 1
    assert one.codes == ("b", "a", "c")
    assert one.move("c", 5) == 2
    assert one.move("b", -1) == 0
    assert told == [("b", "a", "c")]


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(-3, 3))))
def test_undo_and_redo_go_through_every_state(moves: list[tuple[str, int]]) -> None:
    one = Shortlist()
    states = [one.codes]
    for code, places in moves:
        if code in one and places:
            one.move(code, places)
        else:
            one.toggle(code)
        if one.codes != states[-1]:
            states.append(one.codes)
        assert len(set(one.codes)) == len(one.codes)
    for state in reversed(states[:-1]):
        assert one.undo()
        assert one.codes == state
    assert not one.undo()
    for state in states[1:]:
        assert one.redo()
        assert one.codes == state
    assert not one.redo()
    if one.undo():
        one.toggle("f")
        assert not one.redo()
