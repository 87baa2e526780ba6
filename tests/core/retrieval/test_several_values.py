"""A search among items with several values, and among hidden ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import IndexConfig
from datrnet.core.errors import UnknownNameError
from datrnet.core.evaluation.protocol import Protocol, assess, gallery_of, group_numbers
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.indexing.generation_writer import Embedded, write_generation
from datrnet.core.retrieval import search
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import Replacement
from datrnet.core.retrieval.prototypes import mean_embeddings
from datrnet.core.retrieval.request import Request, Substitute
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import NewItem

MATERIALS: Sequence[str | tuple[str, ...] | None] = (
    ("cotton", "elastane"),
    "cotton",
    "elastane",
    ("wool", "cotton"),
    ("elastane", "cotton", "wool"),
    None,
    "wool",
    ("wool", "elastane"),
)
NUM_ITEMS = 64
HIDDEN = {4, 9, 22}


@pytest.fixture
def searcher(tmp_path: Path) -> Searcher:
    place = Workspace(tmp_path)
    items = [
        NewItem(
            code=f"P{row}",
            title=f"Shirt {row}",
            picture_path=f"{row}.jpg",
            split=("train", "train", "test")[row % 3],
            labels={"Côlor": "red" if row % 5 else "blue", "material": MATERIALS[row % 8]},
            group=f"G{row // 2}" if row < 20 else "",
        )
        for row in range(NUM_ITEMS)
    ]
    with place.create_store() as store:
        store.upsert_items(items)
        store.upsert_items(
            [item for row, item in enumerate(items) if row not in HIDDEN], absent="hide"
        )
        catalog = Catalog.load(store)
        rng = np.random.default_rng(0)
        embeddings = rng.normal(size=(NUM_ITEMS, 2, 4)).astype(np.float32)
        embeddings /= np.linalg.norm(embeddings, axis=2, keepdims=True)
        prototypes = tuple(
            mean_embeddings(
                embeddings[:, idx],
                catalog.value_sets[:, idx],
                len(category.values),
                unit_length=True,
            )
            for idx, category in enumerate(catalog.super_categories)
        )
        embedded = Embedded(
            run_name="made-up",
            super_categories=catalog.super_categories,
            item_ids=catalog.item_ids,
            embeddings=embeddings,
            manipulation=Replacement(prototypes),
            weights=Weights.equal(2),
        )
        write_generation(place, store, embedded, IndexConfig(trees=5))
        return Searcher(catalog, Generation.current(place, store))


def found(searcher: Searcher, row: int, request: Request) -> list[Substitute]:
    return searcher.substitutes(searcher.query_of_item(row), request)


def test_an_item_counts_for_the_mean_of_each_of_its_values(searcher: Searcher) -> None:
    carriers = [
        row
        for row in range(NUM_ITEMS)
        if "cotton" in np.atleast_1d(MATERIALS[row % 8] or "") and row not in HIDDEN and row % 3 < 2
    ]
    prototype = searcher.prototype("MATERIAL", "Cotton")
    assert prototype.num_items == len(carriers)


@pytest.mark.parametrize("match", ["any", "all"])
def test_filters_want_one_value_or_all(searcher: Searcher, match: str) -> None:
    wanted = {"cotton", "elastane"}
    request = Request(where={"Material": ("COTTON", "elastane")}, match=match, k=NUM_ITEMS)  # type: ignore[arg-type]
    rows = {result.row for result in found(searcher, 6, request)}
    expected = {
        row
        for row in range(NUM_ITEMS)
        for own in [set(searcher.catalog.values_of(row)["material"])]
        if row != 6 and row not in HIDDEN and (wanted <= own if match == "all" else wanted & own)
    }
    assert rows == expected


def test_equivalent_values_want_one_of_them_however_others_match(searcher: Searcher) -> None:
    request = Request(any_of={"material": ("cotton", "wool")}, match="all", k=NUM_ITEMS)
    results = found(searcher, 2, request)
    assert {result.values["material"] for result in results} >= {("cotton",), ("wool",)}
    assert {result.agreement["material"] for result in results} == {True}


@pytest.mark.parametrize("match", ["any", "all"])
def test_results_agree_by_one_shared_value_or_by_all(searcher: Searcher, match: str) -> None:
    own = {"cotton", "elastane"}
    for result in found(searcher, 0, Request(match=match, k=NUM_ITEMS)):  # type: ignore[arg-type]
        values = set(result.values["material"])
        agrees = own <= values if match == "all" else bool(own & values)
        assert result.agreement["material"] == (agrees if values else None)
        assert result.labels["material"] == (result.values["material"] or [None])[0]


def test_matches_are_counted_as_results_agree(searcher: Searcher) -> None:
    for request in (
        Request(k=NUM_ITEMS),
        Request(match="all", k=NUM_ITEMS),
        Request(changes={"côlor": "blue"}, where={"material": ("wool", "cotton")}, k=NUM_ITEMS),
        Request(where={"material": ("wool", "cotton")}, match="all", k=NUM_ITEMS),
    ):
        plan = searcher.plan(searcher.query_of_item(0), request)
        everything = found(searcher, 0, Request(changes=request.changes, match=request.match, k=99))
        wanted = {"Côlor": plan.wanted["Côlor"]}
        counts = plan.exact_match_counts()["material"]
        for value, count in counts.items():
            assert count == sum(
                value in result.values["material"]
                and not wanted["Côlor"].isdisjoint(result.values["Côlor"])
                for result in everything
            )


def test_hidden_items_are_queries_but_no_results(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(found(searcher, 4, Request(k=NUM_ITEMS))) == NUM_ITEMS - len(HIDDEN)
    for limit in (search.EXACT_BELOW, 0):  # exactly, and with Annoy's candidates
        monkeypatch.setattr(search, "EXACT_BELOW", limit)
        results = found(searcher, 0, Request(k=NUM_ITEMS))
        assert {result.row for result in results} == {*range(1, NUM_ITEMS)} - HIDDEN


def test_hidden_items_are_in_no_gallery(searcher: Searcher) -> None:
    catalog, generation = searcher.catalog, searcher.generation
    gallery = gallery_of(catalog, generation, "all")
    assert len(gallery.labels) == NUM_ITEMS - len(HIDDEN)
    assert assess(catalog, generation, "test", Protocol(k=3)).num_items == sum(
        row % 3 == 2 and row not in HIDDEN for row in range(NUM_ITEMS)
    )


def test_items_of_a_group_have_its_number(searcher: Searcher) -> None:
    rows = np.array([0, 1, 2, 40, 41])
    assert (numbers := group_numbers(searcher.catalog, rows)) is not None
    assert numbers.tolist() == [0, 0, 1, 2, 3]
    assert group_numbers(searcher.catalog, rows[1:]) is None


def test_names_are_found_however_they_are_typed(searcher: Searcher) -> None:
    decomposed, wide = "Co\u0302lor", "\uff23\u00d4\uff2c\uff2f\uff32"
    for name in (decomposed, wide, f"  {decomposed.upper()} "):
        request = Request(changes={name: " ＲＥＤ"}, where={name: ("red",)}, weights={name: 2}, k=3)
        plan = searcher.plan(searcher.query_of_item(0), request)
        assert plan.changes == {"Côlor": "red"}
    with pytest.raises(UnknownNameError):
        searcher.plan(searcher.query_of_item(0), Request(changes={"color": "red"}))
