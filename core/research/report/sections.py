"""The sections of the report on the catalog, the index and the evaluations."""

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
from datrnet.core.research.experiments.result import Cell, score_columns, use_case_name
from datrnet.core.research.report.parts import (
    NOTHING,
    HtmlTable,
    Settings,
    moment,
    percent,
    settings_of,
)
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import EvaluationRow, GenerationRow
from datrnet.db.store import Store

SPLITS = ("train", "validation", "test", "")

Facts = Mapping[str, Any]

ValueCounts = tuple[tuple[str, int], ...]
"""The values of a super-category with the number of their items, the most frequent first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogSection:
    """Items and labels."""

    num_items: int
    splits: HtmlTable
    super_categories: HtmlTable
    values: Mapping[str, ValueCounts]


def catalog_section(catalog: Catalog) -> CatalogSection:
    """Count items and labels."""
    num_items = catalog.num_items
    counts = Counter(str(split) for split in catalog.splits)
    values = {
        category.name: _value_counts(catalog, idx)
        for idx, category in enumerate(catalog.super_categories)
    }
    return CatalogSection(
        num_items=num_items,
        splits=HtmlTable.of(
            ("split", "items", "share"),
            [
                (split or "none", counts[split], percent(counts[split] / num_items))
                for split in SPLITS
                if counts[split]
            ],
        ),
        super_categories=HtmlTable.of(
            ("super-category", "values", "items labeled", "share labeled", "most frequent"),
            [_summary(name, pairs, num_items) for name, pairs in values.items()],
        ),
        values=values,
    )


def _value_counts(catalog: Catalog, idx: int) -> ValueCounts:
    values, labels = catalog.super_categories[idx].values, catalog.labels[:, idx]
    counts = np.bincount(labels[labels != UNLABELED], minlength=len(values)).tolist()
    return tuple(sorted(zip(values, counts, strict=True), key=lambda pair: -pair[1]))


def _summary(name: str, counts: ValueCounts, num_items: int) -> tuple[str | int, ...]:
    labeled = sum(count for _, count in counts)
    share = percent(labeled / num_items if num_items else None)
    frequent = ", ".join(value for value, count in counts[:3] if count)
    return name, len(counts), labeled, share, frequent


# ── the index ────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSection:
    """The current index, as far as it can be read."""

    name: str
    facts: Settings = ()
    weights: HtmlTable | None = None
    problem: str = ""
    """What is wrong with it, and what to do; empty without a problem."""


def index_section(
    workspace: Workspace, store: Store, catalog: Catalog, row: GenerationRow | None
) -> IndexSection | None:
    """Describe the current index; None without an index."""
    if row is None:
        return None
    try:
        generation = Generation.current(workspace, store)
        num_unindexed = Searcher(catalog, generation).num_unindexed
    except DatrnetError as error:
        return IndexSection(name=row.name, problem=str(error))
    manifest = generation.manifest
    # no super-category of an entangled block has a weight of its own
    weights = dict(zip(manifest.block_names, manifest.weights, strict=True))
    return IndexSection(
        name=manifest.name,
        facts=(
            ("run", manifest.run_name),
            ("created", moment(manifest.created_at)),
            ("items", f"{manifest.num_items:,}"),
            ("items not yet indexed", f"{num_unindexed:,}"),
            ("length of an embedding", f"{manifest.embedding_size:,}"),
            ("recall@30 of Annoy against exact search", percent(manifest.recall_at_30)),
            ("nodes that Annoy visits", f"{manifest.nodes:,}"),
            ("extra weight of a change", f"{manifest.changed_weight:g}"),
        ),
        weights=HtmlTable.of(
            ("super-category", "values", "weight"),
            [
                (category.name, len(category.values), weights.get(category.name, "shared"))
                for category in manifest.super_categories
            ],
        ),
    )


# ── evaluations ──────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSection:
    """The figures of one index on one split."""

    split: str
    facts: Settings
    how: str = ""
    """What distinguishes it from other evaluations of the split, in a few words."""
    use_cases: HtmlTable | None = None
    by_super_category: HtmlTable | None = None
    protocol: Settings = ()
    problem: str = ""


def evaluation_section(row: EvaluationRow) -> EvaluationSection:
    """Show an evaluation as tables; another version's may be unreadable."""
    facts = (("run", row.run_name), ("index", row.generation), ("created", moment(row.made_at)))
    try:
        results = json.loads(row.results_json)
        cases, columns = results["use_cases"], score_columns(results["protocol"]["k"])
        return EvaluationSection(
            split=row.split,
            facts=(("items", f"{results['num_items']:,}"), *facts),
            how=_how(results),
            use_cases=HtmlTable.of(
                ("use case", *columns), [(_name(case), *_cells(case["overall"])) for case in cases]
            ),
            by_super_category=_by_super_category(cases, columns),
            protocol=(*settings_of(results["protocol"]), *_weights(results)),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return EvaluationSection(
            split=row.split,
            facts=facts,
            problem="Another version of datrnet wrote it. Run `datrnet evaluate` again.",
        )


def _how(results: Facts) -> str:
    protocol, weights = results["protocol"], results["weights"]
    is_equal = {*weights["blocks"], weights["changed"]} == {1}
    words = [
        f"top-{protocol['k']}",
        "equal weights" if is_equal else "weighted",
        f"at most {protocol['max_changes']} changes",
    ]
    if results.get("queries"):
        words.append(f"queries of {results['queries']}")
    if protocol["match"] != "used":
        words.append(f"match {protocol['match']}")
    if protocol["within"] is not None:
        words.append(f"prototypes within {protocol['within']}")
    if protocol["query_takes_rank"] != "changed":
        words.append(f"query takes a rank {protocol['query_takes_rank']}")
    return ", ".join(words)


def _by_super_category(cases: list[Facts], columns: tuple[str, ...]) -> HtmlTable | None:
    """Return the figures of one change, by what is changed."""
    for case in cases:
        if case["by_super_category"]:
            rows = [(name, *_cells(score)) for name, score in case["by_super_category"].items()]
            rows.append(("mean of these", *_cells(case["macro"])))
            return HtmlTable.of(("super-category", *columns), rows)
    return None


def _name(case: Facts) -> str:
    name = use_case_name(case["num_changes"])
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
        ("extra weight of a change", f"{weights['changed']:g}"),
    )
