"""Undo and redo."""

from dataclasses import replace

from datrnet.tui.state import AnyOf, History, QueryState


def test_a_proposal_replaces_the_one_before_it_until_settled() -> None:
    history = History()
    history.propose({"colour": "red"})
    history.propose({"colour": "blue"})
    assert history.settle()
    assert history.undo()
    assert history.state.changes == {}
    assert not history.undo()


def test_settled_changes_are_undone_one_by_one_and_redone() -> None:
    history = History()
    for colour in ("red", "blue"):
        history.propose({"colour": colour})
        history.settle()
    assert history.undo()
    assert history.state.changes == {"colour": "red"}
    assert history.redo()
    assert history.state.changes == {"colour": "blue"}
    assert not history.redo()


def test_a_new_change_forgets_what_was_undone() -> None:
    history = History()
    history.propose({"colour": "red"})
    history.undo()
    history.propose({"colour": "blue"})
    history.settle()
    assert not history.can_redo
    assert history.undo()
    assert history.state.changes == {}


def test_coming_back_to_where_one_was_is_no_step() -> None:
    history = History()
    history.propose({"colour": "red"})
    history.propose({})
    assert not history.settle()
    assert not history.can_undo


def test_the_changes_given_out_are_a_copy() -> None:
    history = History()
    changes = {"colour": "red"}
    history.propose(changes)
    changes["colour"] = "blue"
    assert history.state.changes == {"colour": "red"}


def test_prototypes_are_a_step_that_keeps_the_changes() -> None:
    history = History([QueryState(within="garment")])
    history.propose({"colour": "red"})
    history.step(replace(history.state, within="season"))
    assert (history.state.changes, history.state.within) == ({"colour": "red"}, "season")
    assert history.undo()
    assert (history.state.changes, history.state.within) == ({"colour": "red"}, "garment")
    assert history.undo()
    assert (history.state.changes, history.state.within) == ({}, "garment")
    assert not history.undo()


def test_staying_where_one_is_is_no_step() -> None:
    history = History()
    history.step(replace(history.state, within=None))
    assert not history.can_undo


def test_values_of_which_any_will_do_are_ticked_and_unticked() -> None:
    one = AnyOf(("red",))
    both = one.toggled("blue")
    assert both == AnyOf(("red", "blue"))
    assert both is not None
    assert both.toggled("red") == AnyOf(("blue",))
    assert one.toggled("red") is None


def test_only_moves_in_one_picker_go_on_with_a_proposal() -> None:
    history = History()
    assert history.continues({"colour": "red"})
    history.propose({"colour": "red"})
    assert history.continues({"colour": "blue"})
    assert history.continues({})
    assert not history.continues({"colour": "red", "season": "winter"})
    history.settle()
    assert history.continues({"colour": "red", "season": "winter"})
    history.propose({"colour": "red", "season": "winter"})
    assert not history.continues({"season": "winter"})


def test_clear_takes_the_changes_back_and_then_what_weighs_and_binds() -> None:
    history = History()
    assert not history.clear()
    history.step(history.state.weighted("colour", 2.0))
    history.step(replace(history.state, exact=frozenset({"season"})))
    history.propose({"colour": "red"})
    assert history.clear()
    assert (history.state.changes, history.state.weights) == ({}, {"colour": 2.0})
    assert history.clear()
    assert (history.state.weights, history.state.exact, history.state.within) == (
        {},
        frozenset(),
        None,
    )
    assert not history.clear()
    assert history.undo()
    assert history.undo()
    assert history.state.changes == {"colour": "red"}
