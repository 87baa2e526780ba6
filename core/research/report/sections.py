"""The sections of the report: catalog, index, evaluations, and how they are read."""

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DatrnetError
from datrnet.core.research.experiments.result import Cell
from datrnet.core.research.report.parts import (
    NOTHING,
    Settings,
    Table,
    moment,
    percent,
    settings_of,
)
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import EvaluationRow, GenerationRow
from datrnet.db.store import Store

SPLITS = ("train", "validation", "test", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The values of one super-category with the items that carry each, the most frequent first."""

    super_category: str
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CataloguePart:
    """The items and their labels."""

    num_items: int
    splits: Table
    super_categories: Table
    values: tuple[Values, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexPart:
    """The current index, as far as it can be read."""

    name: str
    facts: tuple[tuple[str, str], ...] = ()
    weights: Table | None = None
    problem: str = ""
    """What is wrong with it, and what to do; empty where nothing is."""


def look_at_catalogue(catalog: Catalog) -> CataloguePart:
    """Count items and labels."""
    counts = Counter(str(split) for split in catalog.splits)
    values = tuple(_values(catalog, idx) for idx in range(len(catalog.super_categories)))
    return CataloguePart(
        num_items=catalog.num_items,
        splits=Table.of(
            ("split", "items", "share"),
            [
                (split or "none", counts[split], percent(counts[split] / catalog.num_items))
                for split in SPLITS
                if counts[split]
            ],
        ),
        super_categories=Table.of(
            ("super-category", "values", "items labelled", "share labelled", "most frequent"),
            [_summary(one, catalog.num_items) for one in values],
        ),
        values=values,
    )


def _values(catalog: Catalog, idx: int) -> Values:
    category = catalog.super_categories[idx]
    labels = catalog.labels[:, idx]
    counts = np.bincount(labels[labels != UNLABELED], minlength=len(category.values)).tolist()
    pairs = sorted(zip(category.values, counts, strict=True), key=lambda pair: -pair[1])
    return Values(super_category=category.name, counts=tuple(pairs))


def _summary(values: Values, num_items: int) -> tuple[str | int, ...]:
    labelled = sum(count for _, count in values.counts)
    share = percent(labelled / num_items if num_items else None)
    frequent = ", ".join(value for value, count in values.counts[:3] if count)
    return values.super_category, len(values.counts), labelled, share, frequent


def look_at_index(
    workspace: Workspace, store: Store, catalog: Catalog, row: GenerationRow | None
) -> IndexPart | None:
    """Return what the current index is, or None where there is none."""
    if row is None:
        return None
    try:
        generation = Generation.current(workspace, store)
        num_unindexed = Searcher(catalog, generation).num_unindexed
    except DatrnetError as error:
        return IndexPart(name=row.name, problem=str(error))
    manifest = generation.manifest
    # of an entangled block no super-category has a weight alone
    weights = dict(zip(manifest.block_names, manifest.weights, strict=True))
    return IndexPart(
        name=manifest.name,
        facts=(
            ("run", manifest.run_name),
            ("made", moment(manifest.created_at)),
            ("items", f"{manifest.num_items:,}"),
            ("items not yet indexed", f"{num_unindexed:,}"),
            ("length of an embedding", f"{manifest.embedding_size:,}"),
            ("recall@30 of Annoy against exact search", percent(manifest.recall_at_30)),
            ("nodes that Annoy visits", f"{manifest.nodes:,}"),
            ("further weight of a change", f"{manifest.changed_weight:g}"),
        ),
        weights=Table.of(
            ("super-category", "values", "weight"),
            [
                (one.name, len(one.values), weights.get(one.name, "shared"))
                for one in manifest.super_categories
            ],
        ),
    )


Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPart:
    """The figures of one index on one split."""

    split: str
    facts: Settings
    how: str = ""
    """What sets it apart from others of its split, in a few words."""
    use_cases: Table | None = None
    by_super_category: Table | None = None
    protocol: Settings = ()
    problem: str = ""


def look_at_evaluation(row: EvaluationRow) -> EvaluationPart:
    """Return an evaluation as tables; one of another version may be unreadable."""
    facts = (("run", row.run_name), ("index", row.generation), ("made", moment(row.made_at)))
    try:
        results = json.loads(row.results_json)
        cases = results["use_cases"]
        k = results["protocol"]["k"]
        return EvaluationPart(
            split=row.split,
            facts=(("items", f"{results['num_items']:,}"), *facts),
            how=_how(results),
            use_cases=Table.of(
                ("use case", *_columns(k)), [(_name(one), *_cells(one["overall"])) for one in cases]
            ),
            by_super_category=_by_super_category(cases, k),
            protocol=(*settings_of(results["protocol"]), *_weights(results)),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return EvaluationPart(
            split=row.split,
            facts=facts,
            problem="Another version of datrnet wrote it. Run `datrnet evaluate` again.",
        )


def _how(results: Facts) -> str:
    protocol, weights = results["protocol"], results["weights"]
    words = [f"top-{protocol['k']}"]
    words.append("equal weights" if {*weights["blocks"], weights["changed"]} == {1} else "weighted")
    words.append(f"{protocol['max_changes']} changes at most")
    if results.get("queries"):
        words.append(f"queries of {results['queries']}")
    if protocol["match"] != "used":
        words.append(f"match {protocol['match']}")
    if protocol["within"] is not None:
        words.append(f"prototypes within {protocol['within']}")
    if protocol["query_takes_rank"] != "changed":
        words.append(f"query takes a rank {protocol['query_takes_rank']}")
    return ", ".join(words)


def _columns(k: int) -> tuple[str, ...]:
    return "queries", f"top-{k}", f"NDCG@{k}", "NDCG of the change", "NDCG of the rest"


def _by_super_category(cases: list[Facts], k: int) -> Table | None:
    """Return the figures of one change, by what is changed."""
    for case in cases:
        if case["by_super_category"]:
            rows = [(name, *_cells(score)) for name, score in case["by_super_category"].items()]
            rows.append(("mean of these", *_cells(case["macro"])))
            return Table.of(("super-category", *_columns(k)), rows)
    return None


def _name(case: Facts) -> str:
    names = {0: "query only", 1: "one change"}
    name = names.get(case["num_changes"], f"{case['num_changes']} changes")
    asked, valid = case["overall"]["num_queries"], case["num_valid"]
    return name if asked == valid else f"{name} (a sample of {valid:,} queries)"


def _cells(score: Facts) -> tuple[Cell, ...]:
    return (
        score["num_queries"],
        _estimate(score["top_k_accuracy"], as_share=True),
        *(_estimate(score[name]) for name in ("ndcg", "ndcg_target", "ndcg_others")),
    )


def _estimate(estimate: Facts | None, *, as_share: bool = False) -> str:
    """Return a mean with its 95 % interval in brackets."""
    if estimate is None or not math.isfinite(estimate["value"]):
        return NOTHING
    value, low, high = (estimate[name] for name in ("value", "low", "high"))
    if as_share:
        return f"{percent(value)} ({100 * low:.1f}–{100 * high:.1f})"
    return f"{value:.3f} ({low:.3f}–{high:.3f})"


def _weights(results: Facts) -> Settings:
    weights = results["weights"]
    blocks = zip(results["super_categories"], weights["blocks"], strict=True)
    return (
        *((f"weight of {name}", f"{weight:g}") for name, weight in blocks),
        ("further weight of a change", f"{weights['changed']:g}"),
    )
