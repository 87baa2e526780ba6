"""The review as state: what is found, and what decisions do to the queues."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import IndexStaleError
from datrnet.core.progress import no_progress
from datrnet.core.review.label_issues import LabelIssue
from datrnet.core.review.unmet_requests import closest_match
from datrnet.db.store import Store
from datrnet.tui.controllers.review import (
    Judgment,
    Pair,
    ReviewQueue,
    ReviewSession,
    count_relabeled,
    sure_of,
)
from datrnet.tui.screens.doubts import share_of
from datrnet.tui.snapshot import Snapshot


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    """Return the database of a shop in which a black item is called red and a blue one green."""
    with workspace.open_store() as store:
        for code, value in {"P-000": "red", "P-005": "green"}.items():
            store.set_label(int(code[2:]) + 1, "colour", value, "shop")
        yield store


def _snapshot(workspace: Workspace, store: Store) -> Snapshot:
    return Snapshot.of(workspace, store, Catalog.load(store))


def _doubts(review: ReviewSession, snapshot: Snapshot) -> dict[tuple[int, str], str]:
    found = review.find_doubts(snapshot, no_progress)
    return {issue.key: issue.guess for issue in found}


def test_doubts_are_of_all_super_categories_or_one(workspace: Workspace, store: Store) -> None:
    review, snapshot = ReviewSession(), _snapshot(workspace, store)
    both = {(0, "colour"): "black", (5, "colour"): "blue"}
    assert _doubts(review, snapshot) == both
    review.only = "garment"
    assert _doubts(review, snapshot) == {}
    review.only = "colour"
    assert _doubts(review, snapshot) == both
    store.set_label(1, "colour", "red", "person")  # confirmed
    assert _doubts(review, snapshot) == {(5, "colour"): "blue"}


def test_missing_labels_have_a_guess(workspace: Workspace, store: Store) -> None:
    store.set_label(1, "colour", None, "shop")
    review, snapshot = ReviewSession(), _snapshot(workspace, store)
    (found,) = review.find_proposals(snapshot, no_progress)
    assert (found.key, found.guess) == ((0, "colour"), "black")
    review.only = "season"  # with one value there is no second nearest
    assert review.find_proposals(snapshot, no_progress) == []


def test_without_an_index_there_are_no_doubts_but_pairs(bare_workspace: Workspace) -> None:
    with bare_workspace.open_store() as store:
        snapshot, review = _snapshot(bare_workspace, store), ReviewSession()
        with pytest.raises(IndexStaleError):
            review.find_doubts(snapshot, no_progress)
        assert count_relabeled(snapshot) == 0
        assert len(review.find_pairs(snapshot, no_progress)) == 36


def test_a_gap_that_sessions_asked_for_comes_first(workspace: Workspace, store: Store) -> None:
    for row in range(3, 48, 12):
        store.set_label(row + 1, "season", "summer", "shop")
    where = {"garment": ["dress"], "colour": ["red"], "season": ["winter"]}
    number = store.start_session("earlier")
    store.add_step(number, "exact", json.dumps({"item": "P-001", "where": where}))
    snapshot = _snapshot(workspace, store)
    first = ReviewSession().find_gaps(snapshot, no_progress)[0]
    assert first.sessions == 1
    assert dict(first.wanted) == {name: values[0] for name, values in where.items()}
    assert snapshot.searcher is not None
    closest = closest_match(snapshot.searcher, first)
    assert closest is not None
    assert closest.row == 1


def test_a_queue_advances_to_what_is_undecided_and_around_the_end(
    workspace: Workspace, store: Store
) -> None:
    queue: ReviewQueue[Pair] = ReviewQueue()
    assert queue.current is None
    queue.advance()
    queue.load(ReviewSession().find_pairs(_snapshot(workspace, store), no_progress)[:4])
    keys = [pair.key for pair in queue.entries]
    queue.decisions = {keys[0]: "kept", keys[2]: "kept"}
    queue.go(9)
    assert queue.position == 3
    queue.advance()
    assert queue.position == 1
    queue.advance()
    assert queue.position == 3
    queue.decisions |= {keys[1]: "kept"}
    queue.advance()
    assert queue.position == 3  # nothing else is undecided
    assert queue.go_to(keys[2])
    assert not queue.go_to((-1, -1))
    assert queue.position == 2


def _issue(row: int, confidence: float | None) -> LabelIssue:
    return LabelIssue(
        row=row,
        super_category="colour",
        label="red",
        guess="black",
        confidence=confidence,
        self_confidence=None,
        margin=0.9,
        distance=1,
        guess_distance=0,
    )


def test_only_undecided_labels_of_which_the_model_is_sure_are_accepted_at_once() -> None:
    queue: ReviewQueue[LabelIssue] = ReviewQueue()
    queue.load([_issue(row, confidence) for row, confidence in enumerate((1, 0.95, 0.9, None))])
    assert [entry.row for entry in sure_of(queue, 0.95)] == [0, 1]
    queue.decisions[1, "colour"] = "kept"
    assert [entry.row for entry in sure_of(queue, 0.95)] == [0]
    assert sure_of(queue, 0) == queue.entries[::2]


def test_verdicts_are_undone_and_redone_one_by_one(workspace: Workspace, store: Store) -> None:
    review, snapshot = ReviewSession(), _snapshot(workspace, store)
    review.pairs.load(review.find_pairs(snapshot, no_progress))
    first, second = review.pairs.entries[:2]
    review.swapped ^= {first.key}
    assert review.sides(first) == first.key[::-1]
    one = Judgment(first, *review.sides(first), "duplicate")
    other = Judgment(second, *review.sides(second), "distinct")
    review.record_verdict("set", one, None)
    review.record_verdict("set", other, None)
    assert review.pairs.decisions == {first.key: "duplicate", second.key: "different products"}
    review.record_verdict("undo", review.judgments[-1], None)
    assert review.pairs.decisions == {first.key: "duplicate"}
    review.record_verdict("redo", review.undone[-1], None)
    assert review.judgments == [one, other]
    review.record_verdict("undo", review.judgments[-1], None)
    review.record_verdict("set", one, "duplicate")  # another verdict: nothing left to redo
    assert review.undone == []
    assert review.judgments[-1].before == "duplicate"


@pytest.mark.parametrize(
    ("value", "words"), [("red", "kept"), ("black", "black"), (None, "none applies")]
)
def test_a_decision_on_a_label_is_told_in_words(
    workspace: Workspace, store: Store, value: str | None, words: str
) -> None:
    review, key = ReviewSession(typical={("colour", "red"): [1]}), (0, "colour")
    change: Any = store.set_label(1, "colour", value, "person")
    review.record_label("set", key, change)
    assert review.doubts.decisions == {key: words}
    assert review.typical == {}  # they may have changed
    review.record_label("undo", key, store.undo_label()[0])
    assert review.doubts.decisions == {}


@pytest.mark.parametrize(
    ("text", "share"),
    [(".6", 0.6), ("0,6", 0.6), ("60%", 0.6), (" 60 ", 0.6), ("1", 1), ("1%", 0.01), ("0", 0)],
)
def test_a_share_may_be_in_percent(text: str, share: float) -> None:
    assert share_of(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "101%", "-1", "nan", "inf", "half"])
def test_what_is_no_share_is_refused(text: str) -> None:
    assert share_of(text) is None
