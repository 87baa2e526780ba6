"""Paired differences: variants compared with a reference on the same queries."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from datrnet.core.errors import DataError
from datrnet.core.evaluation.metrics import Bootstrap, Difference
from datrnet.core.research.experiments.measurement import (
    Measured,
    ReadingName,
    ReadingOutcomes,
)
from datrnet.core.research.experiments.result import Cell, Table

DIFFERENCE = "Difference to"
"""How the titles of tables of differences begin; the name of the reference follows."""


def differences_note(seeds: Sequence[int]) -> str:
    """Say what a difference is, and what its interval covers."""
    covered = (
        "Each query's outcomes are first averaged over the seeds; the interval covers the choice "
        "of queries, not that of seeds."
        if len(seeds) > 1
        else "The interval covers the choice of queries; another seed may change more."
    )
    return (
        "A difference is the row's figure less the reference's, on the same queries; in brackets "
        f"its 95 % interval, by paired bootstrap over the query items. {covered}"
    )


def reading_over_seeds(seeds: Sequence[Measured], name: ReadingName) -> list[ReadingOutcomes]:
    """Return the outcomes of every seed in a way of ranking."""
    return [seed.outcomes.readings[name] for seed in seeds]


def clusters_of_all(seeds: Sequence[Measured]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return what a bootstrap draws without a change and with one, the same for all.

    Raises:
        DataError: They were measured on different queries.
    """
    first = seeds[0].outcomes.clusters
    for seed in seeds[1:]:
        if not all(map(np.array_equal, first, seed.outcomes.clusters)):
            raise DataError(
                "The networks of this study were measured on different queries.",
                hint="Delete the files figures-* in the folder runs of the experiment, and run it "
                "again: they are measured again, not trained.",
            )
    return first


def differences(
    seeds: Sequence[Measured],
    reference: Sequence[Measured],
    readings: tuple[ReadingName, ReadingName] = ("equal", "equal"),
) -> tuple[Difference | None, ...]:
    """Return how much higher a variant's figures are than the reference's, in table 3's order.

    Args:
        seeds: The variant by seed.
        reference: The reference by seed.
        readings: How the variant and how the reference are ranked.

    Raises:
        DataError: They were measured on different queries.
    """
    alone, changed = map(Bootstrap, clusters_of_all([*seeds, *reference]))
    firsts = reading_over_seeds(seeds, readings[0])
    seconds = reading_over_seeds(reference, readings[1])

    def query(figure: str) -> Difference:
        pair = ([getattr(each.query, figure) for each in part] for part in (firsts, seconds))
        return alone.difference(*map(np.array, pair))

    def one_change(figure: str) -> Difference:
        pair = ([getattr(each.one_change, figure) for each in part] for part in (firsts, seconds))
        return changed.difference(*map(np.array, pair))

    has_others = reference[0].plain.one_change.ndcg_others is not None
    return (
        query("hit"),
        query("ndcg"),
        one_change("hit"),
        one_change("ndcg"),
        one_change("ndcg_target"),
        one_change("ndcg_others") if has_others else None,
    )


def verdicts(table: Table, reference: str) -> tuple[str, ...]:
    """Say of each figure of a table of differences which rows are above the reference, or below.

    Args:
        table: Each row begins with its name.
        reference: The name of the reference.
    """
    sentences = []
    for idx, name in enumerate(table.columns):
        column: dict[str, Cell] = {str(row[0]): row[idx] for row in table.rows}
        found: dict[int, list[str]] = {1: [], -1: [], 0: []}
        for row, cell in column.items():
            if isinstance(cell, Difference):
                found[cell.direction].append(row)
        if any(found.values()):
            words = {1: "above", -1: "below", 0: "not told apart from"}
            parts = [f"{words[sign]} it: {', '.join(rows)}" for sign, rows in found.items() if rows]
            parts[0] = parts[0].replace(" it: ", f" {reference}: ", 1)
            sentences.append(f"{name[0].upper()}{name[1:]}, {'; '.join(parts)}.")
    return tuple(sentences)
