"""Manipulations: how the blocks of a query become those of what is wanted; numpy alone.

A system embeds a picture as A blocks of length E. Most systems have a block for each of the T
super-categories (A = T); an entangled one has a single block for all (A = 1). Nearest are the items
with the least d² = Σ_a factor_a ‖query_a - compared_a‖²: the manipulation gives the query's blocks
and factors, and the blocks of items as they are compared. A value that nothing stands for (NaN: no
training item carried it) changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from datrnet.core.errors import IndexStaleError, ShapeError
from datrnet.core.retrieval.prototypes import SpecificPrototypes

Floats = NDArray[np.float32]
Labels = NDArray[np.int16]
Marks = NDArray[np.bool_]

SHORTEST = 1e-12
"""A vector is divided by this at least, as 0 has no direction."""


class Manipulation(Protocol):
    """What turns a query's blocks into those of what is wanted."""

    kind: ClassVar[str]
    """Its name in an index."""

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of values of each of the T super-categories."""

    @property
    def are_means(self) -> bool:
        """Whether what stands for a value is the mean of the items that carry it."""

    def prototypes_of(self, super_category_idx: int) -> Floats:
        """Return what stands for each value (V, E) of a super-category; NaN where nothing does."""

    def compared(self, blocks: Floats) -> Floats:
        """Return blocks (N, A, E) of items as they are compared."""

    def queries(
        self, blocks: Floats, labels: Labels, targets: Labels, changed: Marks
    ) -> tuple[Floats, Floats]:
        """Return what is searched for.

        Args:
            blocks: (Q, A, E) of the queries, as embedded.
            labels: (Q, T) values that the queries carry, -1 where unlabelled.
            targets: (Q, T) wanted values.
            changed: (Q, T) where a value is wanted that the query is to be changed to.

        Returns:
            Blocks (Q, A, E), those of a query without a change as an item's are compared, and
            factors (Q, A) of the squared distances.
        """

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is stored; ``read_manipulation`` makes the same of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Replacement:
    """A changed block is replaced by the prototype of the wanted value.

    DAtRNet: q_t = g_{t,b}, the mean embedding of the items with the value b (section 3.3 of the
    paper: the "generic representation"). Attribute-based retrieval: q_t = e_b, one-hot, where
    blocks are the predicted probabilities of the values.
    """

    prototypes: tuple[Floats, ...]
    """(V, E) for each super-category."""
    specific: SpecificPrototypes | None = None
    """Taken in place of the others where they are known."""
    are_means: bool = True
    """False of one-hot prototypes."""

    kind: ClassVar[str] = "replacement"

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of values of each super-category."""
        return tuple(len(one) for one in self.prototypes)

    def prototypes_of(self, super_category_idx: int) -> Floats:
        """Return the prototypes (V, E) of a super-category."""
        return self.prototypes[super_category_idx]

    def with_prototype(
        self, super_category_idx: int, value: int, prototype: Floats
    ) -> "Replacement":
        """Return the same with another prototype (E,) of one value."""
        changed = list(self.prototypes)
        changed[super_category_idx] = changed[super_category_idx].copy()
        changed[super_category_idx][value] = prototype
        return replace(self, prototypes=tuple(changed))

    def compared(self, blocks: Floats) -> Floats:
        """Return blocks as they are."""
        return blocks

    def queries(
        self, blocks: Floats, labels: Labels, targets: Labels, changed: Marks
    ) -> tuple[Floats, Floats]:
        """Return the blocks with the changed ones replaced, and factors of 1."""
        found = blocks.copy()
        applied = applied_changes(self, targets, changed)
        for block, prototypes in enumerate(self.prototypes):
            asked = np.flatnonzero(applied[:, block])
            values = targets[asked, block]
            found[asked, block] = prototypes[values]
            if self.specific is not None and block != self.specific.column:
                within = targets[asked, self.specific.column]
                means = self.specific.means[block][within, values]
                better = (within >= 0) & ~np.isnan(means[:, 0])
                found[asked[better], block] = means[better]
        return found, np.ones(blocks.shape[:2], dtype=np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the prototypes of all super-categories one after the other, and their numbers."""
        arrays: dict[str, NDArray[Any]] = {
            "prototypes": np.concatenate(self.prototypes),
            "counts": np.array(self.counts),
            "are_means": np.array(self.are_means),
        }
        if self.specific is not None:
            arrays["specific_column"] = np.array(self.specific.column)
            arrays["specific_means"] = np.concatenate(self.specific.means, axis=1)
        return arrays

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[Any]]) -> "Replacement":
        """Make it of what ``arrays`` returned."""
        ends = np.cumsum(arrays["counts"])[:-1]
        specific = None
        if "specific_column" in arrays:
            specific = SpecificPrototypes(
                column=int(arrays["specific_column"]),
                means=tuple(np.split(arrays["specific_means"], ends, axis=1)),
            )
        return cls(tuple(np.split(arrays["prototypes"], ends)), specific, bool(arrays["are_means"]))


@dataclass(frozen=True, slots=True, eq=False)
class WeightedReplacement:
    """A changed block is replaced, and all blocks weigh as that change has learned.

    FashionSearchNet (Ak et al., CVPR 2018 and ECCV-W 2018): F(x; t*) = [w_{1,t*} f_1(x); …], of the
    query with the prototype of the wanted value in block t*, and of the items. So the squared
    distance is Σ_t w_{t,t*}² ‖q_t - g_t‖². With several changes the mean of their weights is taken,
    without one all are 1; the papers speak of one.
    """

    prototypes: tuple[Floats, ...]
    """(V, E) for each super-category."""
    weights: Floats
    """(T, T): row t* holds w_{t,t*} of every block t, which multiplies blocks, not squares."""

    kind: ClassVar[str] = "weighted-replacement"
    are_means: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check shapes."""
        number = len(self.prototypes)
        if self.weights.shape != (number, number):
            raise ShapeError(
                f"The weights have the shape {self.weights.shape}, not {number} × {number}."
            )

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of values of each super-category."""
        return tuple(len(one) for one in self.prototypes)

    def prototypes_of(self, super_category_idx: int) -> Floats:
        """Return the prototypes (V, E) of a super-category."""
        return self.prototypes[super_category_idx]

    def compared(self, blocks: Floats) -> Floats:
        """Return blocks as they are."""
        return blocks

    def queries(
        self, blocks: Floats, labels: Labels, targets: Labels, changed: Marks
    ) -> tuple[Floats, Floats]:
        """Return the blocks with the changed ones replaced, and the squares of the weights."""
        found, _ = Replacement(self.prototypes).queries(blocks, labels, targets, changed)
        applied = applied_changes(self, targets, changed)
        number = applied.sum(axis=1, keepdims=True)
        means = (applied @ self.weights) / np.maximum(number, 1)
        factors = np.where(number > 0, means**2, 1)
        return found, factors.astype(np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the prototypes one after the other, their numbers, and the weights."""
        return {
            "prototypes": np.concatenate(self.prototypes),
            "counts": np.array(self.counts),
            "weights": self.weights,
        }

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[Any]]) -> "WeightedReplacement":
        """Make it of what ``arrays`` returned."""
        ends = np.cumsum(arrays["counts"])[:-1]
        return cls(tuple(np.split(arrays["prototypes"], ends)), arrays["weights"])


@dataclass(frozen=True, slots=True, eq=False)
class Addition:
    """The memory's entry of the wanted value is added, that of the query's own value taken off.

    ADDE-M (Hou et al., ICCV 2021): f' = f(q) + W i, with -1 in i at the value that goes and +1 at
    the one that comes; a query without a label loses nothing. Whole vectors of length 1 are
    compared, but f and W are added as long as they are: blocks come here as embedded.
    """

    memory: Floats
    """W: (A·E, S), a column for each value; it need not be block diagonal."""
    counts: tuple[int, ...]
    """Number of values of each super-category; S together."""

    kind: ClassVar[str] = "addition"
    are_means: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check shapes."""
        _check_memory(self.memory, self.counts)
        rows, number = len(self.memory), len(self.counts)
        if rows % number:
            raise ShapeError(f"A memory of {rows} rows has no {number} equal blocks.")

    def prototypes_of(self, super_category_idx: int) -> Floats:
        """Return what the memory writes (V, E) into a super-category's own block."""
        size = self.memory.shape[0] // len(self.counts)
        rows = slice(super_category_idx * size, (super_category_idx + 1) * size)
        return self.memory[rows, _columns(self.counts, super_category_idx)].T

    def compared(self, blocks: Floats) -> Floats:
        """Return blocks that are of length 1 as a whole."""
        return _of_length_one(blocks)

    def queries(
        self, blocks: Floats, labels: Labels, targets: Labels, changed: Marks
    ) -> tuple[Floats, Floats]:
        """Return f(q) + W i, of length 1 as a whole, and factors of 1."""
        applied = applied_changes(self, targets, changed)
        gone = applied_changes(self, labels, applied & (labels >= 0))
        come = _indicator(targets, applied, self.counts)
        indicator: Floats = come - _indicator(labels, gone, self.counts)
        memory: Floats = np.nan_to_num(self.memory)
        added: Floats = indicator @ memory.T
        found = _of_length_one(blocks + added.reshape(blocks.shape))
        return found, np.ones(blocks.shape[:2], dtype=np.float32)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the memory and what its columns are."""
        return {"memory": self.memory, "counts": np.array(self.counts)}

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[Any]]) -> "Addition":
        """Make it of what ``arrays`` returned."""
        return cls(arrays["memory"], tuple(arrays["counts"].tolist()))


@dataclass(frozen=True, slots=True, eq=False)
class Fusion:
    """One layer makes the wanted vector of the query's and of what the memory holds of the values.

    AMNet (Zhao et al., CVPR 2017): h' = ReLU(W [h ; M t] + c), where t marks the wanted values. The
    vector h is entangled: one block for all super-categories. Without a change h itself is asked,
    as W never saw t = 0. Compared are vectors of length 1; h comes here as embedded.
    """

    memory: Floats
    """M: (d, S), a column for each value."""
    weight: Floats
    """W: (d, 2 d)."""
    bias: Floats
    """c: (d,)."""
    counts: tuple[int, ...]
    """Number of values of each super-category; S together."""

    kind: ClassVar[str] = "fusion"
    are_means: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check shapes."""
        _check_memory(self.memory, self.counts)
        size = len(self.memory)
        if self.weight.shape != (size, 2 * size) or self.bias.shape != (size,):
            raise ShapeError(
                f"The layer has the shapes {self.weight.shape} and {self.bias.shape}; vectors of "
                f"{size} need {(size, 2 * size)} and {(size,)}."
            )

    def prototypes_of(self, super_category_idx: int) -> Floats:
        """Return what the memory holds (V, d) of a super-category's values."""
        return self.memory[:, _columns(self.counts, super_category_idx)].T

    def compared(self, blocks: Floats) -> Floats:
        """Return blocks of length 1."""
        return _of_length_one(blocks)

    def queries(
        self, blocks: Floats, labels: Labels, targets: Labels, changed: Marks
    ) -> tuple[Floats, Floats]:
        """Return h' where something changes, else h, both of length 1, and factors of 1."""
        applied = applied_changes(self, targets, changed)
        own = blocks[:, 0]
        read = _indicator(targets, applied, self.counts) @ np.nan_to_num(self.memory).T
        fused = np.concatenate([own, read], axis=1) @ self.weight.T + self.bias
        found = np.where(applied.any(axis=1, keepdims=True), np.maximum(fused, 0), own)
        factors = np.ones(blocks.shape[:2], dtype=np.float32)
        return _of_length_one(found[:, None]), factors

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the memory, what its columns are, and the layer."""
        return {
            "memory": self.memory,
            "weight": self.weight,
            "bias": self.bias,
            "counts": np.array(self.counts),
        }

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[Any]]) -> "Fusion":
        """Make it of what ``arrays`` returned."""
        counts = tuple(arrays["counts"].tolist())
        return cls(arrays["memory"], arrays["weight"], arrays["bias"], counts)


KINDS: Mapping[str, type[Replacement | WeightedReplacement | Addition | Fusion]] = {
    one.kind: one for one in (Replacement, WeightedReplacement, Addition, Fusion)
}


def read_manipulation(kind: str, arrays: Mapping[str, NDArray[Any]]) -> Manipulation:
    """Make a manipulation of what was stored of it.

    Raises:
        IndexStaleError: There is no such kind, or an array of it is not there.
    """
    try:
        return KINDS[kind].read(arrays)
    except (KeyError, ShapeError) as error:
        raise IndexStaleError(
            f"The index changes queries in a way ({kind}) that this datrnet cannot read: {error}.",
            mend="Run `datrnet index` to build it again.",
        ) from error


def replaces_by_means(manipulation: Manipulation) -> TypeGuard[Replacement]:
    """Tell whether blocks are replaced by means, which can be taken among fewer items too."""
    return isinstance(manipulation, Replacement) and manipulation.are_means


def applied_changes(manipulation: Manipulation, targets: Labels, changed: Marks) -> Marks:
    """Return which changes (Q, T) are made: those to a value that something stands for."""
    applied = np.zeros_like(changed)
    for idx in range(changed.shape[1]):
        known = ~np.isnan(manipulation.prototypes_of(idx)[:, 0])
        asked = np.flatnonzero(changed[:, idx])
        applied[asked, idx] = known[targets[asked, idx]]
    return applied


def _columns(counts: Sequence[int], super_category_idx: int) -> slice:
    """Return the places of a super-category's values among those of all."""
    first = sum(counts[:super_category_idx])
    return slice(first, first + counts[super_category_idx])


def _indicator(values: Labels, marked: Marks, counts: Sequence[int]) -> Floats:
    """Return (Q, S): 1 at every marked value."""
    table = np.zeros((len(values), sum(counts)), dtype=np.float32)
    firsts = np.cumsum([0, *counts[:-1]])
    rows, columns = np.nonzero(marked)
    table[rows, firsts[columns] + values[rows, columns]] = 1
    return table


def _of_length_one(blocks: Floats) -> Floats:
    """Return blocks (N, A, E) each as long as 1 over all its blocks together."""
    lengths = np.linalg.norm(blocks, axis=(1, 2), keepdims=True)
    unit: Floats = blocks / np.maximum(lengths, SHORTEST)
    return unit


def _check_memory(memory: Floats, counts: Sequence[int]) -> None:
    if memory.ndim != 2 or memory.shape[1] != sum(counts):
        raise ShapeError(
            f"The memory has the shape {memory.shape}; {sum(counts)} values need so many columns."
        )
