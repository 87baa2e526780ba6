"""The rows that go into and come out of the database, as frozen dataclasses of plain types."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datrnet.db.texts import Texts

LabelSource = Literal["shop", "person", "model"]
"""Who said that an item carries a value; a person outranks the shop, the shop outranks a model."""

RunStatus = Literal["running", "finished", "interrupted"]

Verdict = Literal["duplicate", "distinct"]
"""What a person says of two items that look alike."""

Unstated = Literal["title", "split"]
"""A field that a catalogue may be silent about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """An item as a catalogue states it, before it has a row."""

    code: str
    """The shop's own id; unique."""
    title: str
    picture_path: str
    split: str
    """``train``, ``validation``, ``test``, or empty for none."""
    labels: Mapping[str, str | None] = field(default_factory=dict)
    """Value by super-category. ``None`` takes the shop's label away; a super-category that is not
    named keeps what it has."""
    unstated: frozenset[Unstated] = frozenset()
    """The fields that the catalogue does not state: a known item keeps its own, and only a new one
    takes what stands here."""
    picture_bytes: int = 0
    picture_modified_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsertCounts:
    """What became of the items of one upsert."""

    added: int
    updated: int
    unchanged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureStamp:
    """What the database knows of an item's picture file, to tell whether it has changed since."""

    item_id: int
    path: str
    num_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperCategory:
    """A super-category with its attribute values, sorted without regard to case."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ItemColumns:
    """All N items by columns, in the order of their ids, and who carries what."""

    ids: NDArray[np.int64]
    """(N,), ascending."""
    codes: Texts
    titles: Texts
    picture_paths: Texts
    splits: NDArray[np.str_]
    """(N,)."""
    carriers: dict[tuple[str, str], NDArray[np.int64]]
    """By super-category and value the ids of the items that carry it, ascending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueStamp:
    """What differs between two states of the items and labels."""

    num_items: int
    last_updated_at: str | None
    num_labels: int
    last_set_at: str | None
    sum_of_values: int
    """Tells corrections within one second apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChange:
    """A label set by hand, and the one before it.

    A source without a value is a person's word that none of the values holds; neither a source nor
    a value, that there was no label.
    """

    id: int
    item_id: int
    code: str
    """The item's."""
    super_category: str
    old_value: str | None
    old_source: LabelSource | None
    new_value: str | None
    new_source: LabelSource | None
    changed_at: str
    undone_at: str | None
    """When it was taken back; None while it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairVerdict:
    """What a person has said of two items that look alike."""

    kept_id: int
    """Of duplicates, the one to keep."""
    other_id: int
    verdict: Verdict
    judged_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One training run."""

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
    """One generation of the index; exactly one is current once there is any."""

    id: int
    name: str
    run_name: str
    num_items: int
    manifest_json: str
    created_at: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRow:
    """The figures of an index on a split; the newest of those made in one way."""

    id: int
    run_name: str
    generation: str
    split: str
    protocol_json: str
    results_json: str
    made_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """One sitting in the explorer or shell."""

    id: int
    name: str
    started_at: str
    updated_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary:
    """A session with what a list of sessions tells of it."""

    session: SessionRow
    num_steps: int
    num_listed: int
    """Items on its shortlist."""
    last_request_json: str | None
    """Of its newest step; None before the first."""
    first_listed: str | None
    """The code of the first item on its shortlist; None where it is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One request within a session; positions count from 1."""

    id: int
    session_id: int
    position: int
    action: str
    request_json: str
    made_at: str
