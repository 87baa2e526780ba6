"""What goes into the database and comes out of it: frozen rows, and columns of all items."""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import eq
from typing import Literal, get_args, overload

import numpy as np
from numpy.typing import NDArray

from datrnet.core.text import fold

LabelSource = Literal["shop", "person", "model"]
"""Where a label comes from: the catalog file, a user of datrnet, or a model. A person outranks the
shop, the shop outranks a model."""

StoredLabel = tuple[int, str, str | None, LabelSource]
"""Item id, super-category, value and source; the value is None where a person said that none
applies."""

RunStatus = Literal["running", "finished", "interrupted"]

Verdict = Literal["duplicate", "distinct"]
"""Whether two items that look alike are the same product."""

AbsentItems = Literal["keep", "hide", "remove"]
"""What becomes of the items that a catalog no longer names."""

Unstated = Literal["title", "split", "group", "variants", "picture"]
"""A field that a catalog file may leave out."""

FactKind = Literal["number", "money", "date", "boolean", "text", "link", "tags"]
"""What a fact is: it decides how it is written, sorted and compared."""

FACT_KINDS: tuple[FactKind, ...] = get_args(FactKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVariant:
    """A version of an item that differs in facts only, such as a size."""

    code: str
    """The shop's own id; unique among variants."""
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """An item of a catalog file, before it has a row."""

    code: str
    """The shop's own id; unique."""
    title: str
    picture_path: str
    split: str
    """``train``, ``validation``, ``test``, or empty for none."""
    labels: Mapping[str, str | tuple[str, ...] | None] = field(default_factory=dict)
    """Value or values by super-category. None or no value removes the shop's labels; a
    super-category that is absent keeps its labels."""
    group: str = ""
    """Code of the product that this is a version of; empty for none."""
    views: tuple[str, ...] = ()
    """Paths of further pictures."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Text by name; a fact that is absent is kept, an empty one removed."""
    variants: tuple[NewVariant, ...] = ()
    is_hidden: bool = False
    """Whether it is out of the gallery."""
    sources: Mapping[str, LabelSource] = field(default_factory=dict)
    """Who set the labels, by super-category, where it was not the shop."""
    unstated: frozenset[Unstated] = frozenset()
    """The fields that the file leaves out: a known item keeps its own, a new item gets these."""
    picture_bytes: int = 0
    picture_modified_ns: int = 0

    def values_of(self, super_category: str) -> tuple[str, ...]:
        """Return the values that the item carries in a super-category, without repetitions."""
        values = self.labels.get(super_category) or ()
        return (values,) if isinstance(values, str) else tuple(dict.fromkeys(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsertCounts:
    """How many items an upsert added, updated and left unchanged."""

    added: int
    updated: int
    unchanged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureStamp:
    """An item's picture file at the last import, to tell whether it has changed since."""

    item_id: int
    path: str
    num_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperCategory:
    """A super-category with its attribute values, sorted without regard to case."""

    name: str
    values: tuple[str, ...]


def split_values(text: str | None, known: Collection[str]) -> tuple[str, ...]:
    """Return the values that a text names, each once: the text itself if it is a known value.

    Otherwise a bar separates several: ``Cotton | Elastane``.
    """
    if text is None:
        return ()
    if fold(text) in map(fold, known):
        return (text,)
    values: dict[str, str] = {}
    for part in filter(None, map(str.strip, text.split("|"))):
        values.setdefault(fold(part), part)
    return tuple(values.values())


def joined(values: Iterable[str]) -> str | None:
    """Return values as the text that ``split_values`` takes; None if there are none."""
    return " | ".join(values) or None


class StringColumn(Sequence[str]):
    """A column of strings in one block of bytes, decoded on access: no object for each of them."""

    __slots__ = ("_bytes", "_ends")

    def __init__(self, blocks: Iterable[bytes], lengths: NDArray[np.int64]) -> None:
        """Join blocks of strings.

        Args:
            blocks: UTF-8 strings without separators.
            lengths: (N,), the length of each string in bytes.
        """
        self._bytes = b"".join(blocks)
        self._ends: NDArray[np.int64] = np.concatenate([[0], lengths.cumsum()])

    def __len__(self) -> int:
        """Return the number of strings."""
        return len(self._ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        """Return a string, or the list of strings in a slice."""
        if isinstance(index, slice):
            return [self[idx] for idx in range(*index.indices(len(self)))]
        position = range(len(self))[index]
        return self._decode(int(self._ends[position]), int(self._ends[position + 1]))

    def __iter__(self) -> Iterator[str]:
        """Decode all strings one after the other."""
        return (self._decode(start, end) for start, end in pairwise(self._ends.tolist()))

    def index(self, value: str, start: int = 0, stop: int = sys.maxsize) -> int:
        """Return the first position of a string, without decoding any.

        Raises:
            ValueError: It is not in the column.
        """
        sought = np.frombuffer(value.encode("utf-8", "replace"), dtype=np.uint8)
        letters = np.frombuffer(self._bytes, dtype=np.uint8)
        starts = self._ends[:-1]
        positions = np.flatnonzero(np.diff(self._ends) == len(sought))
        for number, letter in enumerate(sought):
            positions = positions[letters[starts[positions] + number] == letter]
        allowed = range(len(self))[start:stop]
        for position in positions.tolist():
            if position in allowed:
                return int(position)
        raise ValueError(f"{value!r} is not in the column")

    def __eq__(self, other: object) -> bool:
        """Compare with any sequence of strings."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Return a summary."""
        return f"<{len(self):,} strings>"

    def _decode(self, start: int, end: int) -> str:
        return self._bytes[start:end].decode("utf-8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemColumns:
    """All N items as columns, in the order of their ids, and which items carry which value."""

    ids: NDArray[np.int64]
    """(N,), ascending."""
    codes: StringColumn
    titles: StringColumn
    picture_paths: StringColumn
    splits: NDArray[np.str_]
    """(N,)."""
    is_hidden: NDArray[np.bool_]
    """(N,)."""
    carriers: dict[tuple[str, str], NDArray[np.int64]]
    """The ids of the items whose first value this is, ascending, by super-category and value."""
    more_carriers: dict[tuple[str, str], NDArray[np.int64]]
    """The ids of the items that carry a value besides their first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactColumn:
    """A fact that items have."""

    name: str
    kind: FactKind


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryStep:
    """Something done to the catalog that can be undone."""

    id: int
    action: str
    """``import``, ``remove``, ``hide``, ``unhide``, ``rename``, ``merge``, ``drop``, ``forget``."""
    summary: str
    made_at: str
    undone_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemFacts:
    """Facts, groups, variants and further pictures of all N items, in the order of their ids."""

    columns: tuple[FactColumn, ...]
    facts: StringColumn
    """(N,) JSON objects, text by name."""
    groups: StringColumn
    """(N,) codes, empty without a group."""
    views: StringColumn
    """(N,) JSON lists of paths."""
    variants: Mapping[int, tuple[NewVariant, ...]]
    """By item id, of the items that have any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChange:
    """A change of a label by hand, with the label before it.

    A source without a value means that a user said that none of the values applies; neither means
    that there was no label.
    """

    id: int
    item_id: int
    code: str
    super_category: str
    old_value: str | None
    old_source: LabelSource | None
    new_value: str | None
    new_source: LabelSource | None
    changed_at: str
    undone_at: str | None
    """None unless the change is undone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairVerdict:
    """A verdict on two items that look alike."""

    kept_id: int
    """Of duplicates, the item to keep."""
    other_id: int
    verdict: Verdict
    judged_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A training run."""

    id: int
    name: str
    system: str
    config_json: str
    status: RunStatus
    started_at: str
    finished_at: str | None
    metrics_json: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRow:
    """A generation of the index; exactly one of them is current."""

    id: int
    name: str
    run_name: str
    num_items: int
    created_at: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRow:
    """The newest figures of an index on a split by a protocol."""

    id: int
    run_name: str
    generation: str
    split: str
    protocol_json: str
    results_json: str
    made_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session of the explorer or shell."""

    id: int
    name: str
    started_at: str
    updated_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary(SessionRow):
    """A session as lists of sessions show it."""

    num_steps: int
    num_listed: int
    """Items on its shortlist."""
    last_request_json: str | None
    """Of its last step; None before the first."""
    first_listed: str | None
    """The code of the first item on its shortlist; None if it is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """A step of a session; positions count from 1."""

    id: int
    session_id: int
    position: int
    action: str
    request_json: str
    made_at: str
