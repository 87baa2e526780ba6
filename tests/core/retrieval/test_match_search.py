"""Searches ranked by match scores, against the definition computed one item at a time."""

import json
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

import datrnet
from datrnet.core.api.shop import Shop
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, IndexStaleError
from datrnet.core.retrieval import indexed_catalog, search
from datrnet.core.retrieval.manifest import MANIFEST
from datrnet.core.retrieval.match import EPSILON
from datrnet.core.retrieval.request import Request

Run = Callable[..., Result]


def posterior(shop: Shop, item: str, name: str) -> dict[str, float]:
    """Return the probability of every value of an item."""
    generation = shop.searcher.generation
    idx = shop.searcher.names.index(name)
    calibration = generation.manifest.match.calibrations[idx]
    block = shop.embeddings[item][idx]
    shares = {
        value: calibration.shares[generation.super_categories[idx].values.index(value)]
        * math.exp(-float(((block - prototype) ** 2).sum()) / calibration.temperature)
        for value, prototype in shop.prototypes(name).items()
    }
    return {value: share / sum(shares.values()) for value, share in shares.items()}


def plain_score(shop: Shop, query: str, item: str, wanted: str, weight: float) -> float:
    """Return the score of an item for a query of another color, with a weight of patterns."""
    match = shop.searcher.generation.manifest.match
    own, other = (posterior(shop, code, "pattern") for code in (query, item))
    by_name = dict(zip(shop.searcher.names, match.weights, strict=True))
    color = math.log(EPSILON + posterior(shop, item, "colour")[wanted])
    pattern = math.log(EPSILON + sum(own[value] * other[value] for value in own))
    return by_name["colour"] * match.changed_weight * color + by_name["pattern"] * weight * pattern


def test_results_are_ranked_by_the_definition(ready: Path) -> None:
    shop = datrnet.open(ready)
    wanted, options = {"colour": "Black"}, {"k": 60, "ranking": "match"}
    answer = shop.search("item-1", set=wanted, weight={"pattern": 2}, **options)
    assert (answer.ranking, len(answer)) == ("match", 47)
    expected = [plain_score(shop, "item-1", found.id, "Black", 2) for found in answer]
    np.testing.assert_allclose([found.score for found in answer], expected, atol=1e-4)
    assert all(a >= b - 1e-4 for a, b in pairwise(expected))
    first = answer[0]
    assert first.matches["colour"] == pytest.approx(
        posterior(shop, first.id, "colour")["Black"], abs=1e-5
    )
    by_distance = shop.search("item-1", set=wanted, k=60, ranking="distance")
    assert by_distance[0].score is None
    distances = {found.id: found.distance for found in by_distance}
    again = shop.search("item-1", set=wanted, **options)
    assert {found.id: found.distance for found in again} == pytest.approx(distances)
    paged = [*shop.search("item-1", set=wanted, k=5, offset=5, ranking="match").ids]
    assert paged == [*again.ids[5:10]]
    filtered = shop.search("item-1", set=wanted, where="colour=Black", **options)
    assert {found.labels["colour"] for found in filtered} == {"Black"}
    many = shop.search_many(["item-1"] * 5, set=wanted, **options)
    assert all(found.ids == again.ids for found in many)


def test_results_ranked_by_distance_have_matches_of_what_counts(ready: Path) -> None:
    shop = datrnet.open(ready)
    searcher = shop.searcher
    request = Request(changes={"colour": "Black"}, weights={"pattern": 0}, k=5, ranking="distance")
    plan = searcher.plan(searcher.query_of_item(searcher.catalog.row_of_code("item-1")), request)
    found = plan.substitutes()
    assert not any(it.matches for it in found)
    matched = plan.with_matches(found)
    assert [(it.row, it.distance) for it in matched] == [(it.row, it.distance) for it in found]
    assert {*matched[0].matches} == {*searcher.names} - {"pattern"}
    for it in matched:
        expected = posterior(shop, it.code, "colour")["Black"]
        assert it.matches["colour"] == pytest.approx(expected, abs=1e-5)
    assert plan.with_matches([]) == []


def test_in_a_large_index_the_nearest_get_scores(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = datrnet.open(ready).search("item-1", set={"colour": "Red"}, k=48, ranking="match")
    for module in (indexed_catalog, search):
        monkeypatch.setattr(module, "MATCHED_EXACTLY", 10)
    monkeypatch.setattr(search, "MATCH_CANDIDATES", 30)
    shop = datrnet.open(ready)
    found = shop.search("item-1", set={"colour": "Red"}, k=3, ranking="match")
    nearest = shop.search("item-1", set={"colour": "Red"}, k=30, ranking="distance").ids
    assert [*found.ids] == [code for code in exact.ids if code in nearest][:3]


def test_what_only_distances_have_is_ranked_by_them(copied: Workspace) -> None:
    shop = datrnet.open(copied.root)
    report = shop.index(ranking="match")
    assert (report.manifest.ranking, report.manifest.ranking_reason) == ("match", "asked for")
    assert shop.search("item-1").ranking == "match"
    assert shop.evaluate("validation", changes=0).ranking == "match"
    for options in ({"within": "pattern"}, {"max_distance": 9}, {"unlike": {"colour": "item-2"}}):
        assert shop.search("item-1", **options).ranking == "distance"
        with pytest.raises(ConfigError, match="rank by distance"):
            shop.search("item-1", ranking="match", **options)
    assert shop.index().manifest.ranking == "match"  # an update keeps it


def test_a_saved_search_keeps_what_ranks_it(run: Run, copied: Workspace) -> None:
    options = ("--set", "colour=Black", "--ranking", "match", "--json")
    saved = json.loads(run(copied.root, "search", "item-1", *options, "--save", "mine").stdout)
    again = json.loads(run(copied.root, "search", "--saved", "mine", "--json").stdout)
    assert (saved["ranking"], again["ranking"]) == ("match", "match")
    assert saved["substitutes"] == again["substitutes"]


def test_an_older_index_guesses_and_searches_as_before_and_says_what_is_missing(
    copied: Workspace,
) -> None:
    shop = datrnet.open(copied.root)
    guess = shop.searcher.predict(shop.search("item-1").query)["colour"]
    assert guess.probability == pytest.approx(
        posterior(shop, "item-1", "colour")[guess.value], abs=1e-5
    )
    path = shop.searcher.generation.folder / MANIFEST
    manifest = json.loads(path.read_text("utf-8"))
    for name in ("match", "ranking", "ranking_reason"):
        del manifest[name]
    path.write_text(json.dumps(manifest), "utf-8")
    shop = datrnet.open(copied.root)
    answer = shop.search("item-1")
    assert answer.ranking == "distance"
    assert answer.predictions["colour"].probability is None
    with pytest.raises(IndexStaleError, match="datrnet index"):
        shop.search("item-1", ranking="match")
