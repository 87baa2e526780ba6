"""Pairs joined into groups: everything that is connected through pairs is one group."""

from collections.abc import Iterable


def joined(pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return the groups of numbers that pairs connect, each ascending, by their first number."""
    parents: dict[int, int] = {}

    def root(one: int) -> int:
        parents.setdefault(one, one)
        while parents[one] != one:
            parents[one] = parents[parents[one]]
            one = parents[one]
        return one

    for one, other in pairs:
        first, second = sorted((root(one), root(other)))
        parents[second] = first
    groups: dict[int, list[int]] = {}
    for one in sorted(parents):
        groups.setdefault(root(one), []).append(one)
    return list(groups.values())
