"""Undo and redo."""

from datrnet.tui.history import AnyOf, History


def test_a_proposal_replaces_the_one_before_it_until_settled() -> None:
    history = History()
    history.propose({"colour": "red"})
    history.propose({"colour": "blue"})
    assert history.settle()
    assert history.undo()
    assert history.changes == {}
    assert not history.undo()


def test_settled_changes_are_undone_one_by_one_and_redone() -> None:
    history = History()
    for colour in ("red", "blue"):
        history.propose({"colour": colour})
        history.settle()
    assert history.undo()
    assert history.changes == {"colour": "red"}
    assert history.redo()
    assert history.changes == {"colour": "blue"}
    assert not history.redo()


def test_a_new_change_forgets_what_was_undone() -> None:
    history = History()
    history.propose({"colour": "red"})
    history.undo()
    history.propose({"colour": "blue"})
    history.settle()
    assert not history.can_redo
    assert history.undo()
    assert history.changes == {}


def test_coming_back_to_where_one_was_is_no_step() -> None:
    history = History()
    history.propose({"colour": "red"})
    history.propose({})
    assert not history.settle()
    assert not history.can_undo


def test_the_changes_given_out_are_a_copy() -> None:
    history = History()
    history.changes["colour"] = "red"
    assert history.changes == {}


def test_prototypes_are_a_step_that_keeps_the_changes() -> None:
    history = History("garment")
    history.propose({"colour": "red"})
    history.stay_within("season")
    assert (history.changes, history.within) == ({"colour": "red"}, "season")
    assert history.undo()
    assert (history.changes, history.within) == ({"colour": "red"}, "garment")
    assert history.undo()
    assert (history.changes, history.within) == ({}, "garment")
    assert not history.undo()


def test_staying_where_one_is_is_no_step() -> None:
    history = History()
    history.stay_within(None)
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
    assert history.goes_on({"colour": "red"})
    history.propose({"colour": "red"})
    assert history.goes_on({"colour": "blue"})
    assert history.goes_on({})
    assert not history.goes_on({"colour": "red", "season": "winter"})
    history.settle()
    assert history.goes_on({"colour": "red", "season": "winter"})
    history.propose({"colour": "red", "season": "winter"})
    assert not history.goes_on({"season": "winter"})


def test_clear_takes_the_changes_back_and_then_what_weighs_and_binds() -> None:
    history = History()
    assert not history.clear()
    history.weigh("colour", 2.0)
    history.keep_exactly("season", exact=True)
    history.propose({"colour": "red"})
    assert history.clear()
    assert (history.changes, history.weights) == ({}, {"colour": 2.0})
    assert history.clear()
    assert (history.weights, history.exact, history.within) == ({}, frozenset(), None)
    assert not history.clear()
    assert history.undo()
    assert history.undo()
    assert history.changes == {"colour": "red"}
