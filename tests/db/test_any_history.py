"""Any steps of the catalog's history, undone in reverse, leave nothing behind."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from datrnet.core.errors import DatrnetError
from datrnet.db.rows import NewItem, NewVariant
from datrnet.db.store import Store
from tests.db.conftest import Contents, contents, labels_by_person

CODES = st.sampled_from(["a", "b", "c", "d", "é"])
CATEGORIES = st.sampled_from(["color", "colour", "sleeve", "Größe"])
VALUES = st.sampled_from(["red", "Red", "grey", "gray", "long", "N/A", "ＲＥＤ"])
TEXTS = st.sampled_from(["", "Shirt", "a\0b", "'\"{}", "👗"])
LABELS = st.dictionaries(CATEGORIES, st.none() | st.lists(VALUES, max_size=3).map(tuple))


@st.composite
def new_items(draw: st.DrawFn) -> list[NewItem]:
    """Items of a file; no two of them have a variant in common."""
    codes = draw(st.lists(CODES, unique=True, max_size=4))
    variants = iter(draw(st.permutations(["v1", "v2", "v3", "v4", "v5"])))
    unstated = draw(st.sets(st.sampled_from(["title", "split", "group", "variants", "picture"])))
    return [
        NewItem(
            code=code,
            title=draw(TEXTS),
            picture_path=draw(st.sampled_from(["p.png", "q.png"])),
            picture_modified_ns=draw(st.sampled_from([0, 2**60 + 1])),
            split=draw(st.sampled_from(["", "train", "test"])),
            group=draw(TEXTS),
            labels=draw(LABELS),
            facts=draw(st.dictionaries(st.sampled_from(["price", "size"]), TEXTS)),
            variants=(NewVariant(code=next(variants), facts={"size": draw(TEXTS)}),),
            unstated=frozenset(unstated),
        )
        for code in codes
    ]


IDS = st.lists(st.integers(1, 9), max_size=3)
STEPS = st.one_of(
    st.tuples(
        st.just("upsert_items"),
        new_items(),
        st.fixed_dictionaries(
            {
                "absent": st.sampled_from(["keep", "hide", "remove"]),
                "fact_kinds": st.just({"price": "number", "size": "text"}),
            }
        ),
    ),
    st.tuples(st.sampled_from(["remove_items", "hide_items", "unhide_items"]), IDS, TEXTS),
    st.tuples(
        st.sampled_from(["rename_super_category", "merge_super_category"]), CATEGORIES, CATEGORIES
    ),
    st.tuples(st.just("drop_super_category"), CATEGORIES),
    st.tuples(st.just("rename_value"), CATEGORIES, VALUES, VALUES),
    st.tuples(st.just("drop_value"), CATEGORIES, VALUES),
    st.tuples(
        st.just("merge_values"), CATEGORIES, st.lists(VALUES, min_size=1, max_size=3), VALUES
    ),
    st.tuples(st.just("forget_synonym"), CATEGORIES, st.just("") | VALUES),
)
BY_PERSON = st.one_of(
    st.tuples(
        st.just("set_label"),
        st.integers(1, 9),
        CATEGORIES,
        st.none() | VALUES,
        st.just("person"),
    ),
    st.tuples(st.sampled_from(["undo_label", "redo_label"])),
    st.tuples(
        st.just("judge_pair"),
        st.integers(1, 4),
        st.integers(1, 4),
        st.sampled_from(["duplicate", "distinct"]),
    ),
)


def do(store: Store, step: tuple[Any, ...]) -> None:
    """Do a step; what is refused changes nothing."""
    name, *arguments = step
    named = arguments.pop() if arguments and isinstance(arguments[-1], dict) else {}
    with contextlib.suppress(DatrnetError):
        getattr(store, name)(*arguments, **named)


@contextlib.contextmanager
def fresh_store() -> Iterator[Store]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.create(Path(folder) / "catalog.db") as store,
    ):
        yield store


def num_open(store: Store) -> int:
    """Return how many steps are not undone."""
    return sum(step.undone_at is None for step in store.history())


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEPS | BY_PERSON, max_size=10))
def test_labels_of_a_person_survive_whatever_is_undone(steps: list[tuple[Any, ...]]) -> None:
    with fresh_store() as store:
        for step in steps:
            do(store, step)
        by_person = labels_by_person(store)
        while store.step_to_undo() is not None:
            step_before = store.step_to_undo()
            store.undo_step(loses_labels=True)
            assert store.step_to_undo() != step_before
            contents(store)  # whole
            ids = set(store.item_columns().ids.tolist())
            now = labels_by_person(store)
            since = {
                (change.item_id, change.super_category.casefold())
                for change in store.label_history()
                if change.undone_at is None
            }
            # only with the item itself does a label go that was set since
            lost = {pair for pair in by_person if pair[0] in ids} - now.keys()
            assert not lost & since
        assert not store.item_columns().ids.tolist()


class Shop(RuleBasedStateMachine):
    """A catalog that is changed, undone and redone in any order, beside the states it has had."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store.create(Path(self.folder.name) / "catalog.db")
        self.undo: list[Contents] = []
        self.redo: list[Contents] = []

    @initialize(steps=st.lists(STEPS | BY_PERSON, max_size=6))
    def begin(self, steps: list[tuple[Any, ...]]) -> None:
        labels = {"color": ("red",), "sleeve": ("long",)}
        first = [
            NewItem(code=code, title="Shirt", picture_path="p.png", split="", labels=labels)
            for code in "ab"
        ]
        self.store.upsert_items(first)  # on an empty catalog most steps are refused
        for step in steps:
            do(self.store, step)

    @rule(step=STEPS)
    def change(self, step: tuple[Any, ...]) -> None:
        before, number = contents(self.store), num_open(self.store)
        do(self.store, step)
        if num_open(self.store) > number:
            self.undo.append(before)
            self.redo.clear()
        else:
            assert contents(self.store) == before

    @precondition(lambda self: self.undo)
    @rule()
    def undo_last(self) -> None:
        before = contents(self.store)
        self.store.undo_step()
        assert contents(self.store) == self.undo.pop()
        self.redo.append(before)

    @precondition(lambda self: self.redo)
    @rule()
    def redo_last(self) -> None:
        before = contents(self.store)
        assert self.store.redo_step() is not None
        assert contents(self.store) == self.redo.pop()
        self.undo.append(before)

    @invariant()
    def what_can_be_redone(self) -> None:
        assert (self.store.step_to_redo() is not None) == bool(self.redo)

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()


TestShop = Shop.TestCase
TestShop.settings = settings(max_examples=25, stateful_step_count=10, deadline=None)
