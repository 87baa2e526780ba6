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
class StepRow:
    """One request within a session; positions count from 1."""

    id: int
    session_id: int
    position: int
    action: str
    request_json: str
    made_at: str
