"""What commands print with ``--json``: its types, from which the schema is made."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from datrnet.core.api.sentence_facts import UnderstoodFacts
from datrnet.core.progress import NetworkResult
from datrnet.core.retrieval.calibration import Calibration
from datrnet.core.retrieval.request import Ranking


class PredictionFacts(TypedDict):
    """A predicted value."""

    value: str
    distance: float
    """To the prototype of the value."""
    second: str
    """The runner-up."""
    margin: float
    """1 - distance / distance to the runner-up: 0 for a tie, 1 at the prototype."""
    probability: float | None
    """Calibrated; null if the index is not."""


class QueryFacts(TypedDict):
    """The query of a search."""

    id: str | None
    """Null for a picture that is no item of the catalog, and for several items."""
    ids: Sequence[str]
    """Of all items of the query."""
    title: str
    picture: str | None
    """Path; null for a picture that is in no file."""
    labels: dict[str, str | None]
    """First value by super-category."""
    values: dict[str, Sequence[str]]
    """All values by super-category."""
    nearest: dict[str, PredictionFacts]
    """Predicted value by super-category."""


class PrototypeFacts(TypedDict):
    """Where the prototype of a change comes from."""

    among: str | None
    """Of a specific prototype, the value that its items share."""
    items: int | None
    """How many it is the mean of; null if it is not a mean."""
    note: str


class VariantFacts(TypedDict):
    """A variant of an item, such as a size."""

    id: str
    facts: Mapping[str, str]


class SubstituteFacts(TypedDict):
    """A substitute."""

    rank: int
    """From 1."""
    id: str
    title: str
    picture: str
    """Path."""
    distance: float
    distance_squared_by_super_category: Mapping[str, float]
    """Parts that add up to the squared distance."""
    share_by_super_category: dict[str, float]
    """The same as shares of 1."""
    score: float | None
    """Match score, at most about 0; null if distances rank."""
    match_by_super_category: Mapping[str, float]
    """Probabilities that values are the wanted ones; empty if distances rank."""
    labels: dict[str, str | None]
    values: Mapping[str, Sequence[str]]
    agreement: Mapping[str, bool | None]
    """Whether a value is a wanted one; null if either is unknown."""
    facts: Mapping[str, str]
    variants: list[VariantFacts]


class SearchFacts(TypedDict):
    """``datrnet search``: an answer."""

    query: QueryFacts
    understood: UnderstoodFacts | None
    """Of a sentence such as "like D00001 but black"; null of a search by options."""
    changes: dict[str, str]
    """Value by changed super-category."""
    taken: dict[str, str]
    """Id or file by super-category taken from another item."""
    unlike: dict[str, list[str]]
    """Ids or files to keep away from, by super-category."""
    liked: list[str]
    """Ids."""
    disliked: list[str]
    within: str | None
    prototypes: dict[str, PrototypeFacts]
    """By changed super-category."""
    where: Mapping[str, Sequence[str]]
    """Required labels."""
    where_others: list[str]
    """Conditions on facts, and labels that are excluded."""
    any_of: Mapping[str, Sequence[str]]
    match: Literal["any", "all"]
    requested_weights: Mapping[str, float]
    weights: dict[str, float]
    """In force, by super-category."""
    agreement: Mapping[str, float]
    """How much several items agree, a factor of the weights; empty for one."""
    feedback: Mapping[str, float]
    """What liked and disliked items are worth, a factor of the weights; empty without them."""
    max_distance: float | None
    ranking: Ranking
    """What orders the substitutes."""
    offset: int | None
    """Substitutes skipped."""
    since: str | None
    """When a saved search was saved or last run, UTC; null of others."""
    new: Sequence[str]
    """Ids that it had not found until then."""
    split: str | None
    index: str
    """Its name."""
    substitutes: list[SubstituteFacts]
    """Closest first."""


# ── the catalog ──────────────────────────────────────────────────────────────


class ImportPreviewFacts(TypedDict):
    """``datrnet import --dry-run``: what an import would do."""

    format: str
    """What the catalog was read as."""
    plan: dict[str, Any]
    """What the columns were taken as."""
    notes: Sequence[str]
    """Everything that was guessed, as sentences."""
    num_rows: int
    num_merged: int
    """Rows that are no item but say something of one."""
    num_variants: int
    """Rows that are variants of other rows' items."""
    num_items: int
    not_in_file: int
    """Items of earlier imports that the catalog does not name."""
    problems: Sequence[Mapping[str, Any]]
    """The rows that would be skipped."""


class MovedFacts(TypedDict):
    """``datrnet remove`` and ``datrnet unhide``."""

    num_items: int
    variants: Sequence[str]
    """Ids of single variants."""
    step: int | None
    """Number in the history; null if nothing has changed."""


class SurplusFacts(TypedDict):
    """Something that a workspace can do without."""

    kind: str
    name: str
    reason: str
    path: str
    num_bytes: int
    last_step: int
    """Of the history: the last step that can then no longer be undone; else 0."""


class PruneFacts(TypedDict):
    """``datrnet prune``."""

    surplus: list[SurplusFacts]
    deleted: bool
    """Whether it was deleted."""


class AttributeFacts(TypedDict):
    """``datrnet attribute list``: a super-category."""

    name: str
    num_values: int
    share_labeled: float
    """From 0 to 1."""
    in_files: list[str] | None
    """What files also call it; null if it was dropped."""


class ValueFacts(TypedDict):
    """``datrnet attribute list NAME``: a value."""

    value: str
    num_items: int
    in_files: list[str] | None
    """What files also call it; null if it was dropped."""


class ShortlistFacts(TypedDict):
    """``datrnet browse --pick --json`` and shortlists: an item."""

    id: str
    title: str | None
    """Null if the item is gone."""
    labels: Mapping[str, str | None]
    in_catalog: bool
    in_catalogue: bool  # spelling:keep
    """Until 0.3, as ``in_catalog``."""


# ── networks and the index ───────────────────────────────────────────────────


class TrainFacts(TypedDict):
    """``datrnet train``."""

    run: str
    """Its name."""
    results: Sequence[NetworkResult]
    """One per super-category, or one of a comparison system."""


class IndexFacts(TypedDict):
    """``datrnet index``."""

    index: str
    """Its name."""
    run: str
    num_items: int
    engine: str
    engine_reason: str
    """Why this engine."""
    precision: str
    """Of the embeddings: float32 or bfloat16."""
    precision_reason: str
    """What computed them, and why; empty for an older index."""
    recall_at_30: float
    """Of the engine against exact search, on changed queries."""
    nodes: int
    """Of Annoy's trees or Milvus' graph that a query visits; 0 for other engines."""
    weights: dict[str, float]
    """Of the super-categories."""
    changed_weight: float
    """Further factor of a changed super-category."""
    calibrations: dict[str, Calibration]
    """Of the super-categories; empty without match scores."""
    ranking: Ranking
    """What orders the items of a search."""
    ranking_reason: str
    match_weights: dict[str, float]
    """Of the super-categories in match scores."""
    match_changed_weight: float
    """Further factor of a changed super-category in match scores."""
    unreadable: Sequence[str]
    """Ids of items left out, since none of their pictures can be read."""
    num_embedded: int
    num_from_shards: int
    """Items that `datrnet index --shard` embedded before."""
    num_copied: int
    """Items whose embedding is that of the index before."""
    num_exact: int
    """Items beside the engine, which every search ranks exactly."""
    is_engine_new: bool
    is_new: bool
    """Whether anything was written."""


class ShardFacts(TypedDict):
    """``datrnet index --shard``."""

    run: str
    shard: str
    """Its number and their count, as in 2/4."""
    num_items: int
    """Of its share."""
    num_embedded: int
    """Now; others were before."""
    unreadable: Sequence[str]
    """Ids of items none of whose pictures can be read."""


class SuperCategoryFacts(TypedDict):
    """A super-category of a workspace."""

    name: str
    num_values: int
    share_labeled: float
    share_labelled: float  # spelling:keep
    """Until 0.3, as ``share_labeled``."""


class RunFacts(TypedDict):
    """A run of a workspace."""

    name: str
    status: str
    """running, finished, interrupted, diverged or missing."""
    started_at: str
    """UTC, ISO 8601."""
    finished_at: str | None
    validation_accuracy: dict[str, float | None]
    """By super-category."""


class WorkspaceFacts(TypedDict):
    """``datrnet info``, without the index."""

    workspace: str
    """The folder."""
    num_items: int
    num_hidden: int
    items_by_split: Mapping[str, int]
    super_categories: list[SuperCategoryFacts]
    runs: list[RunFacts]
    num_evaluations: int
    experiments: list[str]
    bytes_by_part: dict[str, int]
    """Disk use."""


# ── review ───────────────────────────────────────────────────────────────────


class PointFacts(TypedDict):
    """``datrnet map``: an item on the map of a super-category."""

    id: str
    title: str
    x: float
    """From -1, at the left, to 1."""
    y: float
    """From -1, at the bottom, to 1."""
    label: str | None
    """Its first value."""
    guess: str | None
    """The predicted value where the label is doubtful."""


class DuplicateFacts(TypedDict):
    """A duplicate of an item."""

    id: str
    title: str
    reason: Literal["same file", "same pixels", "alike"]
    difference: float | None
    """Of the thumbnails, relative to their contrast; null if one is missing."""


class DuplicateGroupFacts(TypedDict):
    """``datrnet review duplicates``: a group."""

    keep: str
    """Id of the item to keep."""
    title: str
    duplicates: list[DuplicateFacts]


class MarkedPairFacts(TypedDict):
    """``datrnet review duplicates --marked``: a pair."""

    keep: str
    duplicate: str
    marked: str
    """UTC, ISO 8601."""


class AskFacts(TypedDict):
    """A search that comes closest to an unmet request."""

    item: str
    changes: Mapping[str, str]


class NearestFacts(TypedDict):
    """Its first result."""

    id: str
    title: str
    distance: float


class GapFacts(TypedDict):
    """``datrnet review gaps``: a combination that no item has."""

    wanted: dict[str, str]
    """Value by super-category."""
    expected: float
    """Items with it, if values were independent."""
    counts: Mapping[str, int]
    """Items with each of the values, by super-category."""
    sessions: int
    """How many asked for it without a result."""
    ask: AskFacts | None
    nearest: NearestFacts | None


# ── experiments ──────────────────────────────────────────────────────────────


class ExperimentFacts(TypedDict):
    """``datrnet experiment``: one that can be run."""

    name: str
    title: str
    about: str


class TableFacts(TypedDict):
    """A table of an experiment."""

    title: str
    rows: list[dict[str, Any]]


class OutcomeFacts(TypedDict):
    """``datrnet experiment NAME`` and ``datrnet compare``."""

    name: str
    title: str
    rows: list[dict[str, Any]]
    """Of the first table, by heading."""
    further: list[TableFacts]
    notes: Sequence[str]
    pictures: list[str]
    """Paths."""
