"""Every manipulation once more, in plain loops and written from the definitions."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

Vectors = list[list[float]]
PlainQuery = Callable[..., tuple[Vectors, list[float]]]
PlainCompared = Callable[..., Vectors]


@pytest.fixture(scope="session")
def plain_query() -> PlainQuery:
    """Return what makes of one query's blocks, labels and wanted values its blocks and factors."""
    return _query


@pytest.fixture(scope="session")
def plain_compared() -> PlainCompared:
    """Return what makes of one item's blocks those that are compared."""
    return _compared


def _query(
    manipulation: Any,
    blocks: Vectors,
    labels: Sequence[int],
    targets: Sequence[int],
    changed: Sequence[bool],
) -> tuple[Vectors, list[float]]:
    changes = {
        place: targets[place]
        for place in range(len(labels))
        if changed[place] and _is_known(manipulation, place, targets[place])
    }
    ones = [1.0] * len(blocks)
    if manipulation.kind == "replacement":
        return _replaced(manipulation, blocks, targets, changes), ones
    if manipulation.kind == "weighted-replacement":
        found = [
            [float(number) for number in manipulation.prototypes[place][changes[place]]]
            if place in changes
            else blocks[place]
            for place in range(len(blocks))
        ]
        if not changes:
            return found, ones
        rows = [manipulation.weights[place] for place in changes]
        return found, [
            (sum(float(row[place]) for row in rows) / len(rows)) ** 2
            for place in range(len(blocks))
        ]
    if manipulation.kind == "addition":
        return _added(manipulation, blocks, labels, changes), ones
    return _fused(manipulation, blocks, changes), ones


def _is_known(manipulation: Any, place: int, value: int) -> bool:
    return not math.isnan(manipulation.prototypes_of(place)[value][0])


def _replaced(
    manipulation: Any, blocks: Vectors, targets: Sequence[int], changes: dict[int, int]
) -> Vectors:
    found = [list(block) for block in blocks]
    for place, value in changes.items():
        found[place] = [float(number) for number in manipulation.prototypes[place][value]]
        if manipulation.specific is None or manipulation.specific.column == place:
            continue
        shared = targets[manipulation.specific.column]
        specific = manipulation.specific.means[place][shared][value]
        if shared >= 0 and not math.isnan(specific[0]):
            found[place] = [float(number) for number in specific]
    return found


def _column(manipulation: Any, place: int, value: int) -> list[float]:
    number = sum(manipulation.counts[:place]) + value
    return [float(row[number]) for row in manipulation.memory]


def _added(
    manipulation: Any, blocks: Vectors, labels: Sequence[int], changes: dict[int, int]
) -> Vectors:
    size = len(blocks[0])
    whole = [number for block in blocks for number in block]
    for place, value in changes.items():
        for at, number in enumerate(_column(manipulation, place, value)):
            whole[at] += number
        if labels[place] >= 0 and _is_known(manipulation, place, labels[place]):
            for at, number in enumerate(_column(manipulation, place, labels[place])):
                whole[at] -= number
    return _of_length_one([whole[at : at + size] for at in range(0, len(whole), size)])


def _fused(manipulation: Any, blocks: Vectors, changes: dict[int, int]) -> Vectors:
    (own,) = blocks
    if not changes:
        return _of_length_one(blocks)
    columns = [_column(manipulation, place, value) for place, value in changes.items()]
    entry = [sum(numbers) for numbers in zip(*columns, strict=True)]
    fused = []
    for row, bias in zip(manipulation.weight, manipulation.bias, strict=True):
        products = (float(a) * b for a, b in zip(row, [*own, *entry], strict=True))
        fused.append(max(0.0, sum(products) + float(bias)))
    return _of_length_one([fused])


def _compared(manipulation: Any, blocks: Vectors) -> Vectors:
    return _of_length_one(blocks) if manipulation.kind in ("addition", "fusion") else blocks


def _of_length_one(blocks: Vectors) -> Vectors:
    length = math.sqrt(sum(number * number for block in blocks for number in block)) or 1.0
    return [[number / length for number in block] for block in blocks]
