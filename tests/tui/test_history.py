"""Undo and redo."""

from datrnet.tui.query_state import History


def test_a_proposal_replaces_the_one_before_it_until_settled() -> None:
    history = History(["black"])
    history.propose("red")
    history.propose("blue")
    assert history.settled_state == "black"
    assert history.settle()
    assert history.settled_state == "blue"
    assert history.undo()
    assert history.state == "black"
    assert not history.undo()


def test_settled_states_are_undone_one_by_one_and_redone() -> None:
    history = History(["black"])
    for colour in ("red", "blue"):
        history.propose(colour)
        history.settle()
    assert history.undo()
    assert history.state == "red"
    assert history.redo()
    assert history.state == "blue"
    assert not history.redo()


def test_a_new_state_forgets_what_was_undone() -> None:
    history = History(["black"])
    history.propose("red")
    history.undo()
    history.propose("blue")
    history.settle()
    assert not history.can_redo
    assert history.undo()
    assert history.state == "black"


def test_coming_back_to_where_one_was_is_no_step() -> None:
    history = History(["black"])
    history.propose("red")
    history.propose("black")
    assert not history.settle()
    assert not history.can_undo


def test_a_step_settles_the_proposal_before_it() -> None:
    history = History(["black"])
    history.propose("red")
    assert history.step("blue")
    assert history.undo()
    assert history.state == "red"
    assert history.undo()
    assert history.state == "black"
    assert not history.undo()


def test_staying_where_one_is_is_no_step() -> None:
    history = History(["black"])
    assert not history.step("black")
    assert not history.can_undo


def test_every_state_is_adapted() -> None:
    history = History(["black", "red", "blue"], position=1)
    history.map(str.upper)
    assert history.state == "RED"
    assert history.undo()
    assert history.state == "BLACK"
