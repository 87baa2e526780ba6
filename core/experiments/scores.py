"""Scores as the cells of a table, the same four figures in all of them."""

from datrnet.core.evaluation.protocol import Score
from datrnet.core.experiments.outcome import Cell


def score_columns(k: int | str) -> tuple[str, ...]:
    """Return the headings of ``score_cells``."""
    return ("queries", f"top-{k}", f"NDCG@{k}", "NDCG of the change", "NDCG of the rest")


def score_cells(score: Score) -> tuple[Cell, ...]:
    """Return the number of queries and all figures: none of them tells enough by itself."""
    return (
        score.num_queries,
        score.top_k_accuracy,
        score.ndcg,
        score.ndcg_target,
        score.ndcg_others,
    )


def table_3_columns(k: int) -> tuple[str, ...]:
    """Return the headings of ``score_cells`` of a query (without a change) and of one change."""
    return (
        "queries",
        f"query: top-{k}",
        f"query: NDCG@{k}",
        "queries + attribute",
        f"query + attribute: top-{k}",
        f"query + attribute: NDCG@{k}",
        "NDCG of the change",
        "NDCG of the rest",
    )


INTERVAL_NOTE = "In brackets the 95 % interval, by bootstrap over the query items."


def use_case_name(num_changes: int) -> str:
    """Return what a use case is called."""
    return {0: "query only", 1: "one change"}.get(num_changes, f"{num_changes} changes")
