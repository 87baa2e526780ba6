"""The manifest of a generation: what it contains, and how it is searched."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from datrnet.core.config import Precision, PrecisionChoice, read_section
from datrnet.core.errors import ConfigError, IndexStaleError
from datrnet.core.retrieval.engines.annoy_file import REBUILD
from datrnet.core.retrieval.engines.block_codes import EFFORTS, Effort
from datrnet.core.retrieval.engines.engine import EngineChoice, EngineName
from datrnet.core.retrieval.manipulation import Replacement
from datrnet.core.retrieval.match import UNCALIBRATED, MatchModel
from datrnet.core.retrieval.request import Ranking
from datrnet.db.rows import SuperCategory

MANIFEST = "manifest.json"

FORMAT = 1
"""Version of the files; increased when their meaning changes."""

ENTANGLED = "all"
"""Name of the block that all super-categories share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """Size and checksum of a file when it was written."""

    num_bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "FileFacts":
        """Compute them for a file."""
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return cls(num_bytes=path.stat().st_size, sha256=digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableItem:
    """An item that is not in the index because none of its pictures could be read."""

    item_id: int
    stamp: int
    """What its picture files were then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic:
    """How the embeddings of an index were computed."""

    precision: Precision = "float32"
    """An update and a search by a picture use the same."""
    precision_asked: PrecisionChoice = "auto"
    precision_reason: str = ""
    """What computed them, and why."""


FLOAT32 = Arithmetic()
"""Of older generations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a generation contains and how to search it."""

    format: int
    name: str
    run_name: str
    created_at: str
    super_categories: tuple[SuperCategory, ...]
    """In the order of the blocks, their values in the order of the prototypes."""
    num_items: int
    embedding_size: int
    unit_blocks: bool
    """Whether every block has length 1 in the metric space."""
    weights: tuple[float, ...]
    """Weight of each block in the distance, chosen on the validation split."""
    changed_weight: float
    """Further factor for a changed super-category's block, chosen on the validation split."""
    nodes: int
    """Annoy's ``search_k`` or Milvus' ``ef`` that reached the recall; 0 if Annoy answers none."""
    recall_at_30: float
    """The engine's recall against exact search, measured when the index was built."""
    files: dict[str, FileFacts]
    prototypes_from: Literal["train", "all"] = "train"
    """Which items the prototypes are means of; older manifests omit the default."""
    unit_prototypes: bool = True
    """Whether each prototype was L2-normalized, if the blocks are."""
    manipulation: str = Replacement.kind
    """Kind of the query manipulation."""
    unreadable: tuple[UnreadableItem, ...] = ()
    engine: EngineName = "annoy"
    """What finds the candidates of a search."""
    engine_asked: EngineChoice = "auto"
    """What was asked for."""
    engine_reason: str = ""
    """Why the engine was chosen; empty in older manifests."""
    effort: Effort = EFFORTS[-1]
    """How much of the block codes a query looks at."""
    arithmetic: Arithmetic = FLOAT32
    """Of the embeddings; older manifests omit it."""
    ranking: Ranking = "distance"
    """What orders the items of a search; older manifests omit it."""
    ranking_reason: str = ""
    """Why; empty in older manifests."""
    match: MatchModel = UNCALIBRATED
    """What match scores are computed with; without calibrations in older manifests."""

    @property
    def block_names(self) -> tuple[str, ...]:
        """The super-categories' names, or a single name if they share an entangled block."""
        names = tuple(category.name for category in self.super_categories)
        return names if len(self.weights) == len(names) else (ENTANGLED,)

    def of(self, kept: Sequence[int]) -> "Manifest":
        """Return the manifest of some of the super-categories, each with its own block."""
        weights = tuple(self.weights[block] for block in kept)
        return replace(
            self,
            super_categories=tuple(self.super_categories[idx] for idx in kept),
            weights=weights if any(weights) else (1.0,) * len(kept),
            match=self.match.of(kept),
        )

    def to_json(self) -> str:
        """Return the manifest as JSON."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Read a manifest.

        Raises:
            IndexStaleError: The manifest is damaged or has another format.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            if data["format"] != FORMAT:
                raise IndexStaleError(
                    f"The index has format {data['format']}; this datrnet reads {FORMAT}.",
                    hint=REBUILD,
                )
            return read_section(cls, data, MANIFEST)
        except (ValueError, KeyError, TypeError, ConfigError) as error:
            why = f"The index's manifest is damaged: {str(error).rstrip('.')}."
            raise IndexStaleError(why, hint=REBUILD) from error
