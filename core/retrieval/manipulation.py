"""Query manipulation in NumPy: how a request changes the blocks of a query.

A method embeds a picture as A blocks of length E. Most methods have one block for each of the T
super-categories (A = T); an entangled method has a single block for all of them (A = 1). Items are
ranked by d² = Σ_a factor_a ‖query_a - item_a‖². The manipulation computes the query's blocks and
factors, and maps item blocks to the space in which they are compared. A wanted value without a
prototype (NaN: no training item carried it) leaves the query unchanged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeGuard

import numpy as np
from numpy.typing import NDArray

from datrnet.core.errors import CheckpointError, IndexStaleError, ShapeError

Floats = NDArray[np.float32]
Labels = NDArray[np.int16]
BoolArray = NDArray[np.bool_]

EPS = 1e-12
"""Lower bound of the norm that a vector is divided by."""


class Manipulation(Protocol):
    """Changes the blocks of queries."""

    kind: ClassVar[str]
    """Name in an index's manifest."""

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of values of each of the T super-categories."""

    @property
    def are_means(self) -> bool:
        """Whether prototypes are mean embeddings of the items that carry a value."""

    def prototypes_of(self, super_category_idx: int) -> Floats:
        """Return the prototypes (V, E) of a super-category; NaN where a value has none."""

    def to_metric_space(self, blocks: Floats) -> Floats:
        """Map item blocks (N, A, E) to the space in which distances are measured."""

    def apply(
        self, blocks: Floats, labels: Labels, targets: Labels, changed: BoolArray
    ) -> tuple[Floats, Floats]:
        """Apply changes to queries.

        Args:
            blocks: (Q, A, E) as embedded.
            labels: (Q, T) current values, -1 where unlabeled.
            targets: (Q, T) wanted values.
            changed: (Q, T) True where the target replaces the current value.

        Returns:
            Blocks (Q, A, E) in the metric space, and factors (Q, A) of the squared distances.
        """

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays to store; ``read_manipulation`` restores them."""


@dataclass(frozen=True, eq=False)
class BlockPrototypes:
    """What the manipulations share that put prototypes into blocks."""

    prototypes: tuple[Floats, ...]
    """(V, E) for each super-category."""

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of values of each super-category."""
        return tuple(len(values) for values in self.prototypes)

    def prototypes_of(self, super_category_idx: int) -> Floats:
        """Return the prototypes (V, E) of a super-category."""
        return self.prototypes[super_category_idx]

    def to_metric_space(self, blocks: Floats) -> Floats:
        """Return the blocks unchanged."""
        return blocks

    def _replace(self, blocks: Floats, targets: Labels, applied: BoolArray) -> Floats:
        """Return the blocks (Q, A, E) with the prototypes of the values that apply."""
        found = blocks.copy()
        for block, prototypes in enumerate(self.prototypes):
            asked = np.flatnonzero(applied[:, block])
            found[asked, block] = prototypes[targets[asked, block]]
        return found

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the concatenated prototypes and the number of values per super-category."""
        return {"prototypes": np.concatenate(self.prototypes), "counts": np.array(self.counts)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpecificPrototypes:
    """Prototypes of a value among the items that share a value of another super-category."""

    column: int
    """Index of that other super-category."""
    means: tuple[Floats, ...]
    """(W, V, E) for each block; NaN where too few items carry both values."""


@dataclass(frozen=True, eq=False)
class Replacement(BlockPrototypes):
    """Replaces a changed block by the prototype of the wanted value.

    DAtRNet: q_t = g_{t,b}, the mean embedding of the items with the value b (section 3.3 of the
    paper: the "generic representation"). Attribute-based retrieval: q_t = e_b, one-hot, where
    blocks are the predicted probabilities of the values.
    """

    specific: SpecificPrototypes | None = None
    """Preferred over ``prototypes`` where they exist."""
    are_means: bool = True
    """False for one-hot and for learned prototypes."""
    unlabeled: Floats | None = None
    """(T, E) prototypes of "no label", where a system learns them; a row of NaN where there is
    none."""

    kind: ClassVar[str] = "replacement"

    def apply(
        self, blocks: Floats, labels: Labels, targets: Labels, changed: BoolArray
    ) -> tuple[Floats, Floats]:
        """Replace the changed blocks; all factors are 1."""
        applied = applied_changes(self, targets, changed)
        found = self._replace(blocks, targets, applied)
        if self.specific is not None:
            within = targets[:, self.specific.column]
            for block, specific in enumerate(self.specific.means):
                asked = np.flatnonzero(applied[:, block] & (within >= 0))
                means = specific[within[asked], targets[asked, block]]
                better = ~np.isnan(means[:, 0]) & (block != self.specific.column)
                found[asked[better], block] = means[better]
        return found, _ones(blocks)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the prototypes, whether they are means, and the specific ones."""
        arrays = {**super().to_arrays(), "are_means": np.array(self.are_means)}
        if self.specific is not None:
            arrays["specific_column"] = np.array(self.specific.column)
            arrays["specific_means"] = np.concatenate(self.specific.means, axis=1)
        if self.unlabeled is not None:
            arrays["unlabeled"] = self.unlabeled
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Replacement":
        """Restore a manipulation from ``to_arrays``."""
        specific = None
        if "specific_column" in arrays:
            means = _split(arrays["specific_means"], arrays["counts"], axis=1)
            specific = SpecificPrototypes(column=int(arrays["specific_column"]), means=means)
        prototypes = _split(arrays["prototypes"], arrays["counts"])
        return cls(prototypes, specific, bool(arrays["are_means"]), arrays.get("unlabeled"))


@dataclass(frozen=True, eq=False)
class WeightedReplacement(BlockPrototypes):
    """Replaces a changed block and weights all blocks as learned for that change.

    FashionSearchNet (Ak et al., CVPR 2018 and ECCV-W 2018): F(x; t*) = [w_{1,t*} f_1(x); …], for
    the query with the prototype of the wanted value in block t*, and for the items. The squared
    distance is thus Σ_t w_{t,t*}² ‖q_t - g_t‖². The papers change one super-category: several
    changes use the mean of their weights, and no change uses weights of 1.
    """

    weights: Floats
    """(T, T): row t* holds w_{t,t*} of every block t, a factor of blocks, not of squares."""

    kind: ClassVar[str] = "weighted-replacement"
    are_means: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check shapes."""
        number = len(self.prototypes)
        if self.weights.shape != (number, number):
            raise ShapeError(
                f"The weights have the shape {self.weights.shape}, not {number} × {number}."
            )

    def apply(
        self, blocks: Floats, labels: Labels, targets: Labels, changed: BoolArray
    ) -> tuple[Floats, Floats]:
        """Replace the changed blocks; the factors are the squared weights."""
        applied = applied_changes(self, targets, changed)
        number = applied.sum(axis=1, keepdims=True)
        means = (applied @ self.weights) / np.maximum(number, 1)
        factors = np.where(number > 0, means**2, 1)
        return self._replace(blocks, targets, applied), factors.astype(np.float32)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the prototypes and the weights."""
        return {**super().to_arrays(), "weights": self.weights}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "WeightedReplacement":
        """Restore a manipulation from ``to_arrays``."""
        return cls(_split(arrays["prototypes"], arrays["counts"]), arrays["weights"])


@dataclass(frozen=True, eq=False)
class MemoryEntries:
    """What the manipulations share that read a memory; they compare L2-normalized vectors."""

    memory: Floats
    """(D, S), one column per value."""
    counts: tuple[int, ...]
    """Number of values of each super-category; they sum to S."""

    are_means: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check shapes."""
        if self.memory.ndim != 2 or self.memory.shape[1] != sum(self.counts):
            raise ShapeError(
                f"The memory has shape {self.memory.shape}; it needs one column for each of "
                f"{sum(self.counts)} values."
            )

    def prototypes_of(self, super_category_idx: int) -> Floats:
        """Return the memory entries (V, D) of a super-category's values."""
        first = sum(self.counts[:super_category_idx])
        return self.memory[:, first : first + self.counts[super_category_idx]].T

    def to_metric_space(self, blocks: Floats) -> Floats:
        """L2-normalize each item over all its blocks."""
        return l2_normalize(blocks)

    def _indicator(self, values: Labels, applied: BoolArray) -> Floats:
        """Return (Q, S): 1 at every value that applies, else 0."""
        table = np.zeros((len(values), sum(self.counts)), dtype=np.float32)
        firsts = np.cumsum([0, *self.counts[:-1]])
        rows, columns = np.nonzero(applied)
        table[rows, firsts[columns] + values[rows, columns]] = 1
        return table

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return every field by its name."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Restore a manipulation from ``to_arrays``."""
        stored: dict[str, Any] = {field.name: arrays[field.name] for field in fields(cls)}
        return cls(**{**stored, "counts": tuple(stored["counts"].tolist())})


@dataclass(frozen=True, eq=False)
class Addition(MemoryEntries):
    """Adds the memory entry of the wanted value and subtracts that of the current value.

    ADDE-M (Hou et al., ICCV 2021): f' = f(q) + W i, with -1 in i at the current value and +1 at
    the wanted one; nothing is subtracted from an unlabeled query. The memory W: (A·E, S) is not
    necessarily block diagonal. Distances compare whole vectors after L2 normalization, but the sum
    uses blocks as embedded, before normalization.
    """

    kind: ClassVar[str] = "addition"

    def __post_init__(self) -> None:
        """Check shapes."""
        super().__post_init__()
        rows, number = len(self.memory), len(self.counts)
        if rows % number:
            raise ShapeError(f"A memory of {rows} rows has no {number} equal blocks.")

    def prototypes_of(self, super_category_idx: int) -> Floats:
        """Return the memory entries (V, E) in a super-category's own block."""
        size = len(self.memory) // len(self.counts)
        own = slice(super_category_idx * size, (super_category_idx + 1) * size)
        return super().prototypes_of(super_category_idx)[:, own]

    def apply(
        self, blocks: Floats, labels: Labels, targets: Labels, changed: BoolArray
    ) -> tuple[Floats, Floats]:
        """Return the normalized f(q) + W i; all factors are 1."""
        applied = applied_changes(self, targets, changed)
        gone = applied_changes(self, labels, applied & (labels >= 0))
        indicator: Floats = self._indicator(targets, applied) - self._indicator(labels, gone)
        memory: Floats = np.nan_to_num(self.memory)
        added: Floats = indicator @ memory.T
        return l2_normalize(blocks + added.reshape(blocks.shape)), _ones(blocks)


@dataclass(frozen=True, eq=False)
class Fusion(MemoryEntries):
    """Fuses the query vector with the memory entries of the wanted values in one layer.

    AMNet (Zhao et al., CVPR 2017): h' = ReLU(W [h ; M t] + c), where t marks the wanted values. The
    vector h is entangled: one block for all super-categories. Without a change the query is h
    itself, because W was never trained on t = 0. Distances compare L2-normalized vectors; blocks
    come here as embedded.
    """

    weight: Floats
    """W: (D, 2 D)."""
    bias: Floats
    """c: (D,)."""

    kind: ClassVar[str] = "fusion"

    def __post_init__(self) -> None:
        """Check shapes."""
        super().__post_init__()
        size = len(self.memory)
        if self.weight.shape != (size, 2 * size) or self.bias.shape != (size,):
            raise ShapeError(
                f"The layer has shapes {self.weight.shape} and {self.bias.shape}; vectors of "
                f"length {size} need {(size, 2 * size)} and {(size,)}."
            )

    def apply(
        self, blocks: Floats, labels: Labels, targets: Labels, changed: BoolArray
    ) -> tuple[Floats, Floats]:
        """Return the normalized h' of changed queries and h of the others; all factors are 1."""
        applied = applied_changes(self, targets, changed)
        own = blocks[:, 0]
        read = self._indicator(targets, applied) @ np.nan_to_num(self.memory).T
        fused = np.concatenate([own, read], axis=1) @ self.weight.T + self.bias
        found = np.where(applied.any(axis=1, keepdims=True), np.maximum(fused, 0), own)
        return l2_normalize(found[:, None]), _ones(blocks)


KINDS: Mapping[str, type[Replacement | WeightedReplacement | Addition | Fusion]] = {
    cls.kind: cls for cls in (Replacement, WeightedReplacement, Addition, Fusion)
}


def read_manipulation(kind: str, arrays: Mapping[str, NDArray[Any]]) -> Manipulation:
    """Restore a stored manipulation.

    Raises:
        IndexStaleError: The kind is unknown, or an array is missing.
    """
    try:
        return KINDS[kind].from_arrays(arrays)
    except (KeyError, ShapeError) as error:
        raise IndexStaleError(
            f"This datrnet cannot read the index's query manipulation ({kind}): {error}.",
            hint="Run `datrnet index` to rebuild it.",
        ) from error


def restricted(manipulation: Manipulation, kept: Sequence[int]) -> Manipulation:
    """Return a manipulation of some of the super-categories, each with a block of its own.

    Args:
        manipulation: Of all.
        kept: Their indexes, ascending.

    Raises:
        IndexStaleError: All super-categories share a block.
    """
    columns = list(kept)
    if isinstance(manipulation, BlockPrototypes):
        prototypes = tuple(manipulation.prototypes[column] for column in columns)
        if isinstance(manipulation, WeightedReplacement):
            weights = manipulation.weights[np.ix_(columns, columns)]
            return WeightedReplacement(prototypes, weights)
        assert isinstance(manipulation, Replacement)
        unlabeled = manipulation.unlabeled
        return Replacement(
            prototypes,
            None,  # specific prototypes are computed with the means of those that are left
            manipulation.are_means,
            None if unlabeled is None else unlabeled[columns],
        )
    if isinstance(manipulation, Addition):
        size, number = len(manipulation.memory) // len(manipulation.counts), manipulation.counts
        firsts = np.cumsum([0, *number])
        rows = [row for column in columns for row in range(column * size, (column + 1) * size)]
        entries = [e for column in columns for e in range(firsts[column], firsts[column + 1])]
        counts = tuple(number[column] for column in columns)
        return Addition(manipulation.memory[np.ix_(rows, entries)], counts)
    raise IndexStaleError(
        "The system of this index compares all super-categories as a whole, and the catalog no "
        "longer has all of them.",
        hint="Run `datrnet train` and `datrnet index`, or bring them back: `datrnet history` lists "
        "what can be undone.",
    )


def save_manipulation(manipulation: Manipulation, path: Path) -> None:
    """Write a manipulation to a file of a run."""
    stored: dict[str, Any] = {"kind": np.array(manipulation.kind), **manipulation.to_arrays()}
    np.savez(path, **stored)


def load_manipulation(path: Path) -> Manipulation:
    """Return the manipulation in a file of a run.

    Raises:
        CheckpointError: The file is missing or damaged.
    """
    try:
        with path.open("rb") as file, np.load(file) as stored:
            arrays = dict(stored)
        return read_manipulation(str(arrays.pop("kind")), arrays)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path} is missing or damaged.", hint="Train again with `datrnet train`."
        ) from error


def unlabeled_of(manipulation: Manipulation, super_category_idx: int) -> Floats | None:
    """Return the prototype (E,) of "no label"; None if the system has none."""
    unlabeled = getattr(manipulation, "unlabeled", None)
    return None if unlabeled is None else unlabeled[super_category_idx]


def replaces_by_means(manipulation: Manipulation) -> TypeGuard[Replacement]:
    """Tell whether changed blocks become mean embeddings, so that specific means are possible."""
    return isinstance(manipulation, Replacement) and manipulation.are_means


def applied_changes(manipulation: Manipulation, targets: Labels, changed: BoolArray) -> BoolArray:
    """Return which changes (Q, T) take effect: those to a value with a prototype."""
    applied = np.zeros_like(changed)
    for idx in range(changed.shape[1]):
        known = ~np.isnan(manipulation.prototypes_of(idx)[:, 0])
        asked = np.flatnonzero(changed[:, idx])
        applied[asked, idx] = known[targets[asked, idx]]
    return applied


def l2_normalize(blocks: Floats) -> Floats:
    """Scale each item (A, E) of (N, A, E) to length 1 over all its blocks together."""
    lengths = np.linalg.norm(blocks, axis=(1, 2), keepdims=True)
    unit: Floats = blocks / np.maximum(lengths, EPS)
    return unit


def _ones(blocks: Floats) -> Floats:
    """Return factors (Q, A) of 1."""
    return np.ones(blocks.shape[:2], dtype=np.float32)


def _split(
    joined: NDArray[Any], counts: NDArray[np.int64], *, axis: int = 0
) -> tuple[NDArray[Any], ...]:
    """Split what is concatenated into the super-categories' parts."""
    return tuple(np.split(joined, np.cumsum(counts)[:-1], axis=axis))
