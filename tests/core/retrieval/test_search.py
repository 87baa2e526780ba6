"""The search against a plain loop: what is asked for, what is found, in which order."""

from dataclasses import replace

import numpy as np
import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.facts import Condition
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import IndexConfig
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.indexing.generation_writer import write_generation
from datrnet.core.retrieval import search
from datrnet.core.retrieval.engines.annoy_file import candidate_vector
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import Replacement
from datrnet.core.retrieval.prototypes import PrototypeSource
from datrnet.core.retrieval.request import Request
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import NewItem
from tests.core.retrieval.conftest import COLORS, SLEEVES, embedded


def plain_ranking(searcher: Searcher, row: int, request: Request) -> list[tuple[float, int]]:
    """Rank every other item by the definition, one block at a time."""
    generation = searcher.generation
    changes = {name.lower(): value.lower() for name, value in request.changes.items()}
    ranked = []
    for other in range(searcher.catalog.num_items):
        distance = 0.0
        for block, category in enumerate(generation.super_categories):
            wanted = generation.embeddings[row, block]
            weight = generation.manifest.weights[block] * request.weights.get(category.name, 1.0)
            if category.name in request.taken:
                wanted = request.taken[category.name].blocks[block]
                weight *= generation.manifest.changed_weight
            if category.name in changes:
                value = category.values.index(changes[category.name])
                wanted = generation.prototypes_of(block)[value]
                weight *= generation.manifest.changed_weight
            distance += weight * float(((wanted - generation.embeddings[other, block]) ** 2).sum())
        if other != row:
            ranked.append((distance**0.5, other))
    return sorted(ranked)


REQUESTS = [
    Request(k=10),
    Request(changes={"colour": "black"}, k=10),
    Request(changes={"COLOUR": "Red", "sleeve": "long"}, k=10),
    Request(changes={"colour": "blue"}, weights={"colour": 3.0, "sleeve": 0.5}, k=10),
]


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("through_annoy", [False, True])
def test_substitutes_are_the_nearest(
    searcher: Searcher, request_: Request, through_annoy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if through_annoy:
        monkeypatch.setattr(search, "EXACT_BELOW", 0)
    for row in (0, 17, 119):
        found = searcher.substitutes(searcher.query_of_item(row), request_)
        expected = plain_ranking(searcher, row, request_)[:10]
        assert [result.row for result in found] == [other for _, other in expected]
        assert [result.distance for result in found] == pytest.approx([far for far, _ in expected])
        assert [result.rank for result in found] == list(range(1, 11))


@pytest.mark.parametrize("changes", [{}, {"sleeve": "long"}])
@pytest.mark.parametrize("through_annoy", [False, True])
def test_a_super_category_may_be_taken_from_another_item(
    searcher: Searcher,
    changes: dict[str, str],
    through_annoy: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if through_annoy:
        monkeypatch.setattr(search, "EXACT_BELOW", 0)
    other = searcher.query_of_item(11)
    request = Request(changes=changes, taken={"colour": other}, k=10)
    for row in (0, 17):
        query = searcher.query_of_item(row)
        found = searcher.substitutes(query, request)
        expected = plain_ranking(searcher, row, request)[:10]
        assert [result.row for result in found] == [place for _, place in expected]
        assert [result.distance for result in found] == pytest.approx([far for far, _ in expected])
        for result in found:  # what agrees is what the other item carries
            same = result.labels["colour"] == other.labels["colour"]
            assert result.agreement["colour"] is same
        assert query.labels == searcher.query_of_item(row).labels
        np.testing.assert_array_equal(query.blocks, searcher.query_of_item(row).blocks)


@pytest.mark.parametrize("through_annoy", [False, True])
def test_results_meet_conditions_on_facts(
    workspace: Workspace, through_annoy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if through_annoy:
        monkeypatch.setattr(search, "EXACT_BELOW", 0)
    with workspace.open_store() as store:
        known = Catalog.load(store)
        items = [
            NewItem(
                code=code,
                title=known.titles[row],
                picture_path=known.picture_paths[row],
                split=str(known.splits[row]),
                facts={"price": f"{row}.00 EUR", "in stock": "no" if row % 2 else "yes"},
            )
            for row, code in enumerate(known.codes)
        ]
        store.upsert_items(items, {"price": "money", "in stock": "boolean"})
        searcher = Searcher(Catalog.load(store), Generation.current(workspace, store))
    facts = tuple(map(Condition.parse, ("price<20", "in_stock=true")))
    found = searcher.substitutes(searcher.query_of_item(4), Request(others=facts, k=50))
    assert sorted(result.row for result in found) == [0, 2, 6, 8, 10, 12, 14, 16, 18]
    order = [row for _, row in plain_ranking(searcher, 4, Request())]
    assert [result.row for result in found] == [row for row in order if row < 20 and row % 2 == 0]
    wrong = Request(others=(Condition.parse("prize<20"),))
    with pytest.raises(UnknownNameError, match="Did you mean price"):
        searcher.substitutes(searcher.query_of_item(4), wrong)


@pytest.mark.parametrize("exact_many_below", [0, 20_000])
def test_many_queries_have_the_answers_of_each(
    searcher: Searcher, exact_many_below: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "EXACT_MANY_BELOW", exact_many_below)
    monkeypatch.setattr(search, "QUERIES_AT_ONCE", 3)
    queries = [searcher.query_of_item(row) for row in range(8)]
    requests = [*REQUESTS, *REQUESTS]
    monkeypatch.setattr(search, "MANY", 2)
    found = [answer for _, answer in searcher.search_many(queries, requests)]
    assert found == [
        searcher.substitutes(query, request)
        for query, request in zip(queries, requests, strict=True)
    ]
    for_all = list(searcher.search_many(queries, REQUESTS[1]))
    assert for_all[5][1] == searcher.substitutes(queries[5], REQUESTS[1])
    assert list(searcher.search_many([], Request())) == []


def test_all_taken_from_one_item_is_that_item(searcher: Searcher) -> None:
    other = searcher.query_of_item(7)
    request = Request(taken={"Colour": other, "SLEEVE": other}, k=5)
    first, *rest = searcher.substitutes(searcher.query_of_item(3), request)
    assert (first.row, first.distance) == (7, pytest.approx(0, abs=1e-4))
    # each super-category weighs as a changed one, so the order is that of the item itself
    assert [result.row for result in rest] == [
        result.row for result in searcher.substitutes(other, Request(k=9)) if result.row != 3
    ][:4]


def test_prototypes_within_go_by_what_is_taken(searcher: Searcher) -> None:
    other = next(
        searcher.query_of_item(row)
        for row in range(120)
        if searcher.catalog.labels_of(row)["sleeve"] == "long"
    )
    query = next(
        searcher.query_of_item(row)
        for row in range(120)
        if searcher.catalog.labels_of(row)["sleeve"] == "short"
    )
    request = Request(changes={"colour": "red"}, taken={"sleeve": other}, within="sleeve")
    assert searcher.plan(query, request).prototypes["colour"].among == "long"


@pytest.mark.parametrize(
    ("changes", "name", "error", "said"),
    [
        ({"colour": "red"}, "Colour", ConfigError, "changed to a value and taken"),
        ({}, "color", UnknownNameError, "Did you mean colour"),
    ],
)
def test_what_cannot_be_taken_says_so(
    searcher: Searcher, changes: dict[str, str], name: str, error: type[Exception], said: str
) -> None:
    request = Request(changes=changes, taken={name: searcher.query_of_item(1)})
    with pytest.raises(error, match=said):
        searcher.substitutes(searcher.query_of_item(0), request)


def test_parts_sum_to_the_squared_distance(searcher: Searcher) -> None:
    for result in searcher.substitutes(
        searcher.query_of_item(3), Request(changes={"colour": "red"})
    ):
        assert sum(result.parts.values()) == pytest.approx(result.distance**2)


def test_the_query_is_not_its_own_substitute(searcher: Searcher) -> None:
    found = searcher.substitutes(searcher.query_of_item(5), Request(k=500))
    assert sorted(result.row for result in found) == [row for row in range(120) if row != 5]


def test_agreement_compares_labels_with_what_was_asked_for(searcher: Searcher) -> None:
    query = searcher.query_of_item(1)
    for result in searcher.substitutes(query, Request(changes={"colour": "black"}, k=119)):
        assert result.agreement["colour"] == (result.labels["colour"] == "black")
        expected = (
            None
            if result.labels["sleeve"] is None
            else result.labels["sleeve"] == query.labels["sleeve"]
        )
        assert result.agreement["sleeve"] == expected


def test_conditions_keep_only_items_that_carry_the_value(searcher: Searcher) -> None:
    request = Request(where={"sleeve": ("Long",), "colour": ("red", "blue")}, k=200)
    found = searcher.substitutes(searcher.query_of_item(1), request)
    labels = [searcher.catalog.labels_of(row) for row in range(120) if row != 1]
    fitting = [item for item in labels if item["sleeve"] == "long" and item["colour"] != "black"]
    assert len(found) == len(fitting) > 0
    assert {result.labels["sleeve"] for result in found} == {"long"}


def test_a_condition_against_the_query_is_met_in_a_large_gallery(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "EXACT_BELOW", 0)
    query = searcher.query_of_item(1)
    other = next(value for value in COLORS if value != query.labels["colour"])
    found = searcher.substitutes(query, Request(where={"colour": (other,)}, k=5))
    ranking = [row for _, row in plain_ranking(searcher, 1, Request())]
    labels = [searcher.catalog.labels_of(row)["colour"] for row in ranking]
    fitting = [row for row, label in zip(ranking, labels, strict=True) if label == other]
    assert [result.row for result in found] == fitting[:5]


def test_a_split_restricts_the_gallery(searcher: Searcher) -> None:
    found = searcher.substitutes(searcher.query_of_item(1), Request(split="test", k=200))
    assert {searcher.catalog.splits[result.row] for result in found} == {"test"}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request(changes={"color": "red"}), "colour"),
        (Request(changes={"colour": "balck"}), "black"),
        (Request(weights={"sleeves": 2.0}), "sleeve"),
        (Request(where={"colour": ("rde",)}), "red"),
        (Request(within="sleve"), "sleeve"),
    ],
)
def test_wrong_names_bring_the_nearest(searcher: Searcher, request_: Request, message: str) -> None:
    with pytest.raises(UnknownNameError, match=f"Did you mean .*{message}"):
        searcher.substitutes(searcher.query_of_item(1), request_)


def test_a_plan_resolves_a_request_once(
    searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    query, other = searcher.query_of_item(1), searcher.query_of_item(11)
    request = Request(
        changes={"COLOUR": "Red"},
        taken={"Sleeve": other},
        weights={"Colour": 2.0},
        within="sleeve",
        split="test",
    )
    plan, again = searcher.plan(query, request), searcher.plan(query, request)
    expected = (plan.substitutes(), plan.exact_match_counts())

    def refuse(*_: object) -> None:
        raise AssertionError("resolved again")

    for owner, name in (
        (Searcher, "block_index"),
        (PrototypeSource, "generic"),
        (PrototypeSource, "specific"),
        (Replacement, "apply"),
        (Catalog, "super_category_idx"),
        (Catalog, "value_idx"),
    ):
        monkeypatch.setattr(owner, name, refuse)
    assert (again.substitutes(), again.exact_match_counts()) == expected
    assert again.changes == {"colour": "red"}
    assert again.taken == {"sleeve": other}
    assert again.prototypes["colour"].among == other.labels["sleeve"]
    assert again.weights.tolist() == [0.5 * 2 * 2, 1.5 * 2]


def test_some_weight_must_be_above_0(searcher: Searcher) -> None:
    query = searcher.query_of_item(1)
    weights = {"colour": 0.0, "sleeve": 0.0}
    with pytest.raises(ConfigError, match="Give at least one super-category a weight above 0"):
        searcher.plan(query, Request(weights=weights))
    with pytest.raises(ConfigError, match="has weight 0"):
        searcher.plan(query, Request(weights={"sleeve": 0.0}, any_of={"colour": ("red", "blue")}))


def test_recall_is_measured_and_reached(searcher: Searcher) -> None:
    assert searcher.generation.manifest.recall_at_30 >= 0.99


def test_candidates_of_a_weighted_query_are_its_weighted_neighbors() -> None:
    gallery = np.random.default_rng(4).normal(size=(3000, 3, 8)).astype(np.float32)
    gallery /= np.linalg.norm(gallery, axis=2, keepdims=True)
    blocks, weights = gallery[0], np.array([4.0, 0.5, 1.0], dtype=np.float32)
    weighted = (((gallery - blocks) ** 2).sum(axis=2) * weights).sum(axis=1)
    vector = candidate_vector(blocks, weights, unit_blocks=True)
    plain = ((gallery.reshape(3000, -1) - np.array(vector)) ** 2).sum(axis=1)
    assert np.argsort(weighted)[:50].tolist() == np.argsort(plain)[:50].tolist()


def test_blocks_that_are_not_of_length_1_are_ranked_exactly(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "EXACT_BELOW", 0)
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        made = embedded(catalog)
        scale = np.random.default_rng(2).uniform(0.1, 9, (catalog.num_items, 1, 1))
        made = replace(made, embeddings=(made.embeddings * scale).astype(np.float32))
        write_generation(workspace, store, made, IndexConfig(trees=2))
        long = Searcher(catalog, Generation.current(workspace, store))
    found = long.substitutes(long.query_of_item(9), Request(k=10))
    expected = plain_ranking(long, 9, Request())[:10]
    assert [result.row for result in found] == [row for _, row in expected]


def test_any_of_several_values_will_do_and_none_is_nearer(searcher: Searcher) -> None:
    query = searcher.query_of_item(1)
    request = Request(any_of={"colour": ("red", "BLUE")}, k=200)
    found = searcher.substitutes(query, request)
    catalog = searcher.catalog
    expected = [row for row in range(120) if catalog.labels_of(row)["colour"] != "black"]
    assert sorted(result.row for result in found) == [row for row in expected if row != 1]
    assert {result.parts["colour"] for result in found} == {0}
    assert all(result.agreement["colour"] for result in found)
    sleeve = searcher.names.index("sleeve")
    blocks = searcher.generation.embeddings[:, sleeve]
    distances = [
        float(((blocks[result.row] - query.blocks[sleeve]) ** 2).sum()) for result in found
    ]
    assert distances == sorted(distances)


@pytest.mark.parametrize("other", ["changes", "taken"])
def test_a_super_category_is_asked_for_in_one_way(searcher: Searcher, other: str) -> None:
    query = searcher.query_of_item(1)
    asked = {"changes": {"Colour": "red"}, "taken": {"Colour": query}}[other]
    request = Request(any_of={"colour": ("red",)}, **{other: asked})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="open to several values"):
        searcher.substitutes(query, request)


def test_a_label_that_a_condition_allows_is_as_wanted(searcher: Searcher) -> None:
    query = searcher.query_of_item(1)
    other = next(value for value in COLORS if value != query.labels["colour"])
    found = searcher.substitutes(query, Request(where={"colour": (other,)}, k=5))
    assert all(result.agreement["colour"] for result in found)


def test_matching_counts_items_that_are_as_wanted_in_all(searcher: Searcher) -> None:
    catalog, query = searcher.catalog, searcher.query_of_item(1)
    matching = searcher.plan(query, Request(changes={"colour": "red"})).exact_match_counts()
    others = [catalog.labels_of(row) for row in range(120) if row != 1]
    sleeve = query.labels["sleeve"]
    for value in COLORS:
        fitting = [item for item in others if item["colour"] == value and item["sleeve"] == sleeve]
        assert matching["colour"][value] == len(fitting)
    for value in SLEEVES:
        fitting = [item for item in others if item["colour"] == "red" and item["sleeve"] == value]
        assert matching["sleeve"][value] == len(fitting)


def test_matching_sets_no_condition_where_nobody_knows_what_is_wanted(searcher: Searcher) -> None:
    catalog, query = searcher.catalog, searcher.query_of_item(10)
    assert query.labels["sleeve"] is None
    matching = searcher.plan(query, Request()).exact_match_counts()
    others = [catalog.labels_of(row)["colour"] for row in range(120) if row != 10]
    assert matching["colour"] == {value: others.count(value) for value in COLORS}


def test_the_nearest_value_is_that_of_the_nearest_prototype(searcher: Searcher) -> None:
    query = searcher.query_of_item(1)
    nearest = searcher.predict(query)
    for block, category in enumerate(searcher.generation.super_categories):
        prototypes = searcher.generation.prototypes_of(block)
        distances = np.linalg.norm(prototypes - query.blocks[block], axis=1)
        first, second = np.argsort(distances)[:2]
        found = nearest[category.name]
        assert (found.value, found.second) == (category.values[first], category.values[second])
        assert found.distance == pytest.approx(distances[first], rel=1e-5)
        assert found.margin == pytest.approx(1 - distances[first] / distances[second], rel=1e-4)


def test_at_a_prototype_the_margin_is_one(searcher: Searcher) -> None:
    query = searcher.query_of_item(1)
    blocks = query.blocks.copy()
    blocks[0] = searcher.generation.prototypes_of(0)[2]
    assert searcher.predict(replace(query, blocks=blocks))["colour"].margin == 1


def test_an_untaught_value_is_never_the_nearest(searcher: Searcher) -> None:
    prototypes = [searcher.generation.prototypes_of(block).copy() for block in range(2)]
    query = searcher.query_of_item(1)
    nearest = COLORS.index(searcher.predict(query)["colour"].value)
    prototypes[0][nearest] = np.nan
    prototypes[1][0] = np.nan  # leaves one sleeve, so that there is nothing to tell apart
    searcher.generation.manipulation = Replacement(tuple(prototypes))
    found = searcher.predict(query)
    assert set(found) == {"colour"}
    assert COLORS[nearest] not in (found["colour"].value, found["colour"].second)


# ── several items, unlike, marks, pages ──────────────────────────────────────


def test_several_items_are_a_query_that_excludes_them(searcher: Searcher) -> None:
    rows = [4, 17, 30]
    query = searcher.query_of_items([4, 17, 30, 17])
    np.testing.assert_allclose(
        query.blocks, searcher.generation.embeddings[rows].mean(axis=0), rtol=1e-5
    )
    plan = searcher.plan(query, Request(k=200))
    found = plan.substitutes()
    assert sorted([it.row for it in found] + rows) == list(range(120))
    factors = np.array([plan.agreement[name] for name in searcher.names])
    assert factors.mean() == pytest.approx(1)
    np.testing.assert_allclose(plan.weights, factors * searcher.generation.manifest.weights)
    embeddings = searcher.generation.embeddings
    squares = ((embeddings[:, None] - embeddings[rows]) ** 2).sum(axis=3).mean(axis=1)  # (120, 2)
    ranking = np.argsort((squares * plan.weights).sum(axis=1), kind="stable")
    # by the distance to the mean as by the mean squared distance to the items
    assert [it.row for it in found][:20] == [row for row in ranking if row not in rows][:20]
    assert searcher.query_of_items([4]).row == 4


def test_several_items_have_the_values_that_they_share(searcher: Searcher) -> None:
    labels = [searcher.catalog.labels_of(row) for row in range(120)]
    rows = [row for row in range(120) if labels[row]["colour"] == "red"][:6]
    query = searcher.query_of_items(rows)
    assert query.labels["colour"] == "red"
    assert query.labels["sleeve"] is None
    assert searcher.plan(query, Request()).wanted["sleeve"] == frozenset()
    changed = searcher.plan(query, Request(changes={"colour": "blue"}))
    assert changed.agreement == {"colour": 1, "sleeve": 1}  # what is asked for, items do not weigh


def test_results_keep_away_from_an_item(searcher: Searcher) -> None:
    query, other = searcher.query_of_item(0), searcher.query_of_item(11)

    def mean_distance(request: Request) -> float:
        found = [it.row for it in searcher.substitutes(query, request)]
        blocks = searcher.generation.embeddings[found, 0]
        return float(((blocks - other.blocks[0]) ** 2).sum(axis=1).mean())

    assert mean_distance(Request(k=20, unlike={"colour": (other,)})) > mean_distance(Request(k=20))
    itself = searcher.plan(query, Request(unlike={"Colour": (query,)}, k=5))
    assert itself.wanted["colour"] == frozenset()  # the query's own color is not wanted
    both = Request(any_of={"colour": ("red", "blue")}, unlike={"colour": (other,)})
    with pytest.raises(ConfigError, match="open to several values and unlike an item"):
        searcher.plan(query, both)


@pytest.mark.parametrize("is_small", [False, True])
def test_distances_are_those_to_the_query_of_one_that_keeps_away(
    searcher: Searcher, is_small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_small:
        monkeypatch.setattr(search, "EXACT_BELOW", 0)
    query, other = searcher.query_of_item(0), searcher.query_of_item(11)
    plain = {it.row: it.distance for it in searcher.substitutes(query, Request(k=119))}
    plan = searcher.plan(query, Request(k=119, unlike={"colour": (other,)}))
    away = plan.substitutes()
    assert {it.row: it.distance for it in away} == pytest.approx(plain)
    assert plan.weights.tolist() == searcher.plan(query, Request()).weights.tolist()
    limit = sorted(plain.values())[40]
    near = Request(k=7, unlike={"colour": (other,)}, max_distance=limit)
    expected = [it.row for it in away if it.distance <= limit]
    assert expected != list(plain)[:41]  # another order
    assert [it.row for it in searcher.substitutes(query, near)] == expected[:7]


def test_a_value_that_is_excluded_is_not_wanted(searcher: Searcher) -> None:
    query = searcher.query_of_item(0)
    own = str(query.labels["colour"])
    request = Request(others=(Condition("Colour", "!=", own.upper()),), k=200)
    plan = searcher.plan(query, request)
    found = plan.substitutes()
    expected = [it for it in range(120) if searcher.catalog.labels_of(it)["colour"] != own]
    assert sorted(it.row for it in found) == expected
    assert {it.agreement["colour"] for it in found} == {None}
    assert plan.exact_match_counts()["colour"][own] == 0


def test_marks_weigh_the_blocks(searcher: Searcher) -> None:
    query = searcher.query_of_item(0)
    near = [
        int(
            np.argmin(
                ((searcher.generation.embeddings[1:, block] - query.blocks[block]) ** 2).sum(1)
            )
        )
        + 1
        for block in range(2)
    ]
    plan = searcher.plan(query, Request(liked=(near[0],), disliked=(near[1],)))
    assert plan.feedback["colour"] > 1 > plan.feedback["sleeve"]
    plain = searcher.plan(query, Request())
    assert plain.feedback == {}
    factors = np.array(list(plan.feedback.values()))
    np.testing.assert_allclose(plan.weights, plain.weights * factors, rtol=1e-5)


@pytest.mark.parametrize("is_small", [False, True])
def test_pages_fit_together(
    searcher: Searcher, is_small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_small:
        monkeypatch.setattr(search, "EXACT_BELOW", 0)
    query = searcher.query_of_item(0)
    whole = searcher.substitutes(query, Request(k=119, offset=0))
    pages = [searcher.substitutes(query, Request(k=7, offset=7 * page)) for page in range(18)]
    assert [it for page in pages for it in page] == whole
    assert pages[17] == []
    assert [it.rank for it in pages[2]] == list(range(15, 22))
    limit = whole[40].distance
    near = searcher.substitutes(query, Request(k=119, max_distance=limit))
    assert [it.row for it in near] == [it.row for it in whole[:41]]
    assert searcher.substitutes(query, Request(k=7, offset=42, max_distance=limit)) == []
