"""A walk that is recorded step by step, and the trail that is made of the steps again."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.retrieval.request import Query
from datrnet.core.sessions.steps import Step
from datrnet.tui.controllers.sessions import trail_of
from datrnet.tui.history import History
from datrnet.tui.state import QueryState, Visit

MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("follow"), st.integers(0, 4)),
        st.tuples(st.just("leave"), st.integers(0, 4)),
        st.tuples(st.just("back"), st.just(0)),
        st.tuples(st.just("change"), st.sampled_from("abc")),
        st.tuples(st.just("within"), st.sampled_from(["x", "y"])),
        st.tuples(st.just("weight"), st.sampled_from([0.5, 1.0, 2.0])),
        st.tuples(st.just("undo"), st.just(0)),
        st.tuples(st.just("redo"), st.just(0)),
    ),
    max_size=40,
)


def _query(row: int) -> Query:
    return Query(blocks=np.zeros((1, 1), dtype=np.float32), labels={}, row=row, title="")


class Walk:
    """What a person does, and the steps that a session keeps of it."""

    def __init__(self) -> None:
        self.trail = [Visit(_query(0))]
        self.steps: list[Step] = []
        self._record("query")

    def _record(self, action: str) -> None:
        history = self.trail[-1].history
        self.steps.append(
            Step(
                position=len(self.steps) + 1,
                action=action,
                made_at="",
                item=str(self.trail[-1].query.row),
                trail=tuple((str(one.query.row), one.cursor) for one in self.trail[:-1]),
                changes=history.state.values,
                within=history.state.within,
                weights=history.state.weights,
            )
        )

    def move(self, action: str, what: object) -> None:
        """Do one thing as the screen does it."""
        history = self.trail[-1].history
        before = history._states[history._position]
        if action == "follow":
            self.trail[-1].cursor = int(str(what))
            self.trail.append(
                Visit(
                    _query(int(str(what))),
                    History(
                        [QueryState(within=history.state.within, weights=history.state.weights)]
                    ),
                )
            )
            self._record("query")
        elif action == "leave":  # to the catalog, and from there to another item
            self.trail = [Visit(_query(int(str(what))))]
            self._record("query")
        elif action == "back" and len(self.trail) > 1:
            self.trail.pop()
            self._record("back")
        elif action == "change":
            history.propose(history.state.changed("colour", str(what)))
            if history.settle():
                self._record("change")
        elif action == "within":
            history.step(replace(history.state, within=str(what)))
        elif action == "weight":
            history.step(history.state.weighted("colour", float(str(what))))
        elif action in ("undo", "redo") and getattr(history, action)():
            self._record(action)
        if action in ("within", "weight") and history._states[history._position] != before:
            self._record(action)


@given(MOVES)
def test_the_steps_tell_the_whole_trail(moves: list[tuple[str, object]]) -> None:
    walk = Walk()
    for action, what in moves:
        walk.move(action, what)
    pasts = trail_of(walk.steps)
    assert [past.subject for past in pasts] == [str(one.query.row) for one in walk.trail]
    assert [past.cursor for past in pasts[:-1]] == [one.cursor for one in walk.trail[:-1]]
    for past, visit in zip(pasts, walk.trail, strict=True):
        now = past.states[past.position]
        history = visit.history
        assert (now.changes, now.within, now.weights) == (
            history.state.values,
            history.state.within,
            history.state.weights,
        )
        assert past.position == history._position
        assert len(past.states) == len(history._states)
