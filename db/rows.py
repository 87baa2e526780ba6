"""What goes into the database and comes out of it: frozen rows, and columns of all items."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from operator import eq
from typing import Literal, get_args, overload

import numpy as np
from numpy.typing import NDArray

from datrnet.core.text import fold

LabelSource = Literal["shop", "person", "model"]
"""Where a label comes from: the catalog file, a user by hand, or a model. A user outranks the
shop, the shop outranks a model."""

StoredLabel = tuple[int, str, str | None, LabelSource]
"""Item id, super-category, value and source; the value is None where a user said that none
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
    is_hidden: bool = False


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

    __slots__ = ("ends", "letters")

    def __init__(self, letters: bytes | memoryview, ends: NDArray[np.int64]) -> None:
        """Take over a block.

        Args:
            letters: UTF-8 strings without separators.
            ends: (N + 1,) where each string ends; 0 first.
        """
        self.letters = memoryview(letters)
        self.ends = ends

    @classmethod
    def joined(cls, blocks: Iterable[bytes], lengths: NDArray[np.int64]) -> "StringColumn":
        """Join blocks of strings; lengths (N,) are those of the strings in bytes."""
        return cls(b"".join(blocks), np.concatenate([[0], lengths.cumsum()]))

    @classmethod
    def of(cls, texts: Iterable[str]) -> "StringColumn":
        """Take over strings."""
        blocks = [text.encode("utf-8", "replace") for text in texts]
        return cls.joined(blocks, np.array([*map(len, blocks)], dtype=np.int64))

    def __len__(self) -> int:
        """Return the number of strings."""
        return len(self.ends) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        """Return a string, or the list of strings in a slice."""
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step == 1:
                return [
                    self._decode(*ends) for ends in pairwise(self.ends[start : stop + 1].tolist())
                ]
            return [self[idx] for idx in range(start, stop, step)]
        position = range(len(self))[index]
        return self._decode(int(self.ends[position]), int(self.ends[position + 1]))

    def __iter__(self) -> Iterator[str]:
        """Decode all strings one after the other."""
        return (self._decode(start, end) for start, end in pairwise(self.ends.tolist()))

    def rows_with(self, text: str) -> NDArray[np.intp]:
        """Return the rows of the strings that contain a text of at least one letter, ascending."""
        sought, letters = text.encode(), np.frombuffer(self.letters, dtype=np.uint8)
        # the last byte of a letter tells it from others of its script
        starts = np.flatnonzero(letters[len(sought) - 1 :] == sought[-1])
        for place, letter in enumerate(sought[:-1]):
            starts = starts[letters[starts + place] == letter]
        rows = np.searchsorted(self.ends, starts, side="right") - 1
        rows = rows[starts + len(sought) <= self.ends[rows + 1]]  # not across two strings
        return rows[np.diff(rows, prepend=-1) > 0]

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
        return str(self.letters[start:end], "utf-8", "replace")


class VariantColumns(Mapping[int, tuple[NewVariant, ...]]):
    """The M variants of all items by item id, decoded on access."""

    def __init__(
        self, item_ids: NDArray[np.int64], codes: StringColumn, facts: StringColumn
    ) -> None:
        """Take over columns.

        Args:
            item_ids: (M,), ascending.
            codes: (M,).
            facts: (M,) JSON objects, text by name.
        """
        self.item_ids, self.codes, self.facts = item_ids, codes, facts

    @classmethod
    def of(cls, variants: Mapping[int, Sequence[NewVariant]]) -> "VariantColumns":
        """Take over variants by item id."""
        every = [(item_id, variant) for item_id, own in sorted(variants.items()) for variant in own]
        return cls(
            np.array([item_id for item_id, _ in every], dtype=np.int64),
            StringColumn.of(variant.code for _, variant in every),
            StringColumn.of(json.dumps(dict(variant.facts)) for _, variant in every),
        )

    def __getitem__(self, item_id: int) -> tuple[NewVariant, ...]:
        """Return the variants of an item that has any."""
        first, last = np.searchsorted(self.item_ids, [item_id, item_id + 1]).tolist()
        if first == last:
            raise KeyError(item_id)
        return tuple(
            NewVariant(code=self.codes[idx], facts=json.loads(self.facts[idx]))
            for idx in range(first, last)
        )

    def __iter__(self) -> Iterator[int]:
        """Yield the ids of the items that have variants."""
        return iter(np.unique(self.item_ids).tolist())

    def __len__(self) -> int:
        """Return the number of items that have variants."""
        return len(np.unique(self.item_ids))


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
    variants: VariantColumns


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
    step_id: int | None = None
    """Number of the first of the changes that were made as one step; None for one on its own."""
    confidence: float | None = None
    """The model's probability of a proposal that was accepted with others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedLabel:
    """A value that a model proposes for an item."""

    item_id: int
    super_category: str
    value: str
    confidence: float
    """Its probability."""


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
