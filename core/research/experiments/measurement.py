"""The figures of a trained run: ranked in several ways, for each query and on average.

Beside the means of a run lie the outcomes of its queries. The split alone decides which queries
there are, so those of two runs can be compared query by query.
"""

import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter
from torch import Tensor, nn

from datrnet.core.catalog.value_sets import count_values
from datrnet.core.evaluation.protocol import (
    Figures,
    Protocol,
    Score,
    clusters_of,
    query_figures,
    use_case,
)
from datrnet.core.evaluation.queries import QuerySet, draw_queries
from datrnet.core.evaluation.ranking import (
    Gallery,
    Weights,
    list_quality,
    rank,
    weights_of_match,
)
from datrnet.core.indexing.build import run_manipulation
from datrnet.core.indexing.embedder import Embedder
from datrnet.core.indexing.ranking_choice import choose_ranking
from datrnet.core.models.datrnet import ConcurrentAxialAttention, to_network_input
from datrnet.core.models.embedding import BATCH_SIZE, compute_device
from datrnet.core.models.run_folder import RunFolder, write_atomically
from datrnet.core.research.method_learner import embed_with_cached_features, load_method
from datrnet.core.retrieval.manipulation import Manipulation, load_manipulation
from datrnet.core.retrieval.match import MatchModel
from datrnet.core.training.data import TrainingData

Embed = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""Embeds pixels (N, S, S, 3): (N, A, E)."""

ReadingName = Literal["equal", "chosen", "match"]

READINGS: Mapping[ReadingName, str] = {
    "equal": "distance, equal weights",
    "chosen": "distance, chosen weights",
    "match": "match scores",
}
"""How the same embeddings can be ranked: as in the paper; with weights of the super-categories
chosen on the validation items; by the probabilities that values are the wanted ones, calibrated and
weighted on the same items."""

CURVE_WEIGHTS = tuple(2.0**power for power in range(-2, 5))
"""Weights of a change, from 1/4 to 16, that the trade-off is measured at."""

RANKED_TIMES = 3
"""How often the same queries are ranked to measure the time."""

NUM_TIMED = 128
"""Pictures that are embedded to measure the time."""

NUM_MASKED = 256
"""Pictures that masks are measured on."""

LEAST_VARIATION = 0.001
"""Standard deviation over pictures that an entry of a mask, between 0 and 1, must have; a mask of
which none has is constant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The metrics of a run in one way of ranking."""

    weights: Weights
    quality: float | None
    """Of the lists of the validation items, in [0, 1]; None with too few of them."""
    query: Score
    """Without a change."""
    one_change: Score
    by_super_category: dict[str, Score]
    """One change, by what is changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The metrics of one trained variant."""

    seconds: float
    """Training time of all its networks, whatever else the machine did."""
    readings: dict[ReadingName, Reading]
    """Always ``equal``, so that nothing is chosen; the others where the system has them."""
    num_parameters: int
    """Of all networks together."""
    milliseconds: float
    """To embed one picture, with many at a time."""
    microseconds: float
    """To compute one query vector and rank the whole split by it, with many queries at a time."""
    masks: dict[str, tuple[int, int]] = field(default_factory=dict)
    """How many attention masks are constant, and how many there are, by kind."""


METRICS = TypeAdapter(Metrics)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadingOutcomes:
    """What each query came to in one way of ranking."""

    query: Figures
    """(Q,) without a change."""
    one_change: Figures
    """(P,) with one."""
    curve: NDArray[np.float32]
    """(W, 2, P): NDCG of the rest and of the change, by weight of the change."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcomes:
    """What each query came to."""

    clusters: tuple[NDArray[np.int64], NDArray[np.int64]]
    """What a bootstrap draws: the query items (Q,) without a change and (P,) with one, or their
    groups."""
    readings: dict[ReadingName, ReadingOutcomes]

    def to_bytes(self) -> bytes:
        """Return the arrays as a compressed file."""
        arrays: dict[str, NDArray[Any]] = {
            f"clusters-{number}": each.astype(np.int32) for number, each in enumerate(self.clusters)
        }
        for name, outcomes in self.readings.items():
            arrays[f"{name}-query"] = np.stack(astuple(outcomes.query)).astype(np.float32)
            arrays[f"{name}-change"] = np.stack(astuple(outcomes.one_change)).astype(np.float32)
            arrays[f"{name}-curve"] = outcomes.curve.astype(np.float16)  # of 7,000 queries, 200 kB
        written = io.BytesIO()
        np.savez_compressed(written, allow_pickle=False, **arrays)
        return written.getvalue()

    @classmethod
    def read(cls, path: Path, names: Sequence[ReadingName]) -> Self:
        """Read what ``to_bytes`` returned.

        Raises:
            OSError: There is no file.
            ValueError: It is damaged, or another version's.
        """
        try:
            with np.load(path) as arrays:
                first, second = (arrays[f"clusters-{number}"].astype(np.int64) for number in (0, 1))
                readings = {
                    name: ReadingOutcomes(
                        query=Figures(*arrays[f"{name}-query"].astype(np.float64)),
                        one_change=Figures(*arrays[f"{name}-change"].astype(np.float64)),
                        curve=arrays[f"{name}-curve"].astype(np.float32),
                    )
                    for name in names
                }
        except (KeyError, EOFError, TypeError) as error:
            raise ValueError(f"{path} is damaged") from error
        return cls(clusters=(first, second), readings=readings)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """A measured run."""

    metrics: Metrics
    outcomes: Outcomes

    @property
    def plain(self) -> Reading:
        """Its metrics by the paper's plain distance, so that nothing is chosen."""
        return self.metrics.readings["equal"]

    def keep(self, path: Path) -> None:
        """Write the metrics as JSON, and first the outcomes beside them."""
        write_atomically(path.with_suffix(".npz"), self.outcomes.to_bytes())
        write_atomically(path, json.dumps(asdict(self.metrics)))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what ``keep`` wrote.

        Raises:
            OSError: It is not there.
            ValueError: It is damaged, or of another version.
        """
        metrics = METRICS.validate_json(path.read_bytes())
        outcomes = Outcomes.read(path.with_suffix(".npz"), tuple(metrics.readings))
        return cls(metrics=metrics, outcomes=outcomes)


def measure(
    run: RunFolder,
    data: TrainingData,
    pixels: NDArray[np.uint8],
    value_sets: NDArray[np.int16],
    k: int,
    groups: NDArray[np.intp] | None = None,
    *,
    in_all_readings: bool = True,
) -> Measured:
    """Return the metrics of a finished run.

    Args:
        run: The run.
        data: What it was trained on; its validation items choose weights.
        pixels: (N, S, S, 3) of a split, which is queries and gallery.
        value_sets: (N, A, L) of it, in the numbering of the run.
        k: Length of the lists.
        groups: (N,) number of the group of each item; None if each is a group of its own.
        in_all_readings: Whether to rank in all ways that the system has, and along the trade-off;
            otherwise by the plain distance only.

    Raises:
        CheckpointError: The run's weights are absent or damaged.
    """
    embedder = Embedder(run)
    embed = _embedding(run, data, embedder)
    manipulation = _manipulation(run, data, embedder)
    some = pixels[:NUM_TIMED]
    started = time.monotonic()
    embedder.embed(some)
    seconds = time.monotonic() - started
    embeddings = embed(pixels)
    gallery = Gallery(
        embeddings=embeddings,
        labels=value_sets[:, :, 0],
        all_values=value_sets,
        manipulation=manipulation,
        groups=groups,
    )
    queries = draw_queries(
        value_sets, (0, 1), num_changeable=len(run.super_categories), groups=groups
    )
    names = [category.name for category in run.super_categories]
    ways: dict[ReadingName, _Way] = {"equal": _Way.plain(gallery)}
    if in_all_readings:
        ways = _ways(gallery, data, embed)
    steps = CURVE_WEIGHTS if in_all_readings else ()
    found = {name: way.read(names, queries, k, steps) for name, way in ways.items()}
    log = run.log_path.read_text("utf-8").splitlines()
    metrics = Metrics(
        seconds=float(sum(json.loads(line)["seconds"] for line in log)),
        readings={name: reading for name, (reading, _) in found.items()},
        num_parameters=embedder.num_parameters,
        milliseconds=1e3 * seconds / len(some),
        microseconds=1e6 * _ranking_seconds(gallery, queries[1], k),
        masks=constant_masks(run, pixels[:NUM_MASKED]) if run.config.system.is_datrnet else {},
    )
    clusters = (clusters_of(gallery, queries[0]), clusters_of(gallery, queries[1]))
    outcomes = {name: outcomes for name, (_, outcomes) in found.items()}
    return Measured(metrics=metrics, outcomes=Outcomes(clusters=clusters, readings=outcomes))


def _embedding(run: RunFolder, data: TrainingData, embedder: Embedder) -> Embed:
    """Return what embeds pictures; features of a frozen backbone are computed once for all runs."""
    if run.config.system.is_datrnet or not run.config.system.frozen:
        return embedder.embed
    system = load_method(run).to(compute_device())
    return lambda pixels: embed_with_cached_features(system, pixels, data.features)


def _manipulation(run: RunFolder, data: TrainingData, embedder: Embedder) -> Manipulation:
    if not run.config.system.is_datrnet:
        return load_manipulation(run.manipulation_path)
    train = np.flatnonzero(~data.is_validation)
    return run_manipulation(run, embedder.embed(data.pixels[train]), data.value_sets[train])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Way:
    """A way of ranking a gallery."""

    gallery: Gallery
    weights: Weights
    quality: float | None = None

    @classmethod
    def plain(cls, gallery: Gallery) -> Self:
        return cls(gallery=gallery, weights=gallery.equal_weights)

    def read(
        self, names: Sequence[str], queries: Sequence[QuerySet], k: int, steps: Sequence[float]
    ) -> tuple[Reading, ReadingOutcomes]:
        """Return the metrics, also along the weights of a change."""
        protocol = Protocol(k=k, max_changes=1)

        def figures(queries: QuerySet, weights: Weights) -> Figures:
            return query_figures(self.gallery, queries, weights, protocol)

        alone, changed = (figures(each, self.weights) for each in queries)
        curve = [figures(queries[1], replace(self.weights, changed=step)) for step in steps]
        one_change = use_case(self.gallery, names, queries[1], changed)
        reading = Reading(
            weights=self.weights,
            quality=self.quality,
            query=use_case(self.gallery, names, queries[0], alone).overall,
            one_change=one_change.overall,
            by_super_category=one_change.by_super_category,
        )
        points = [np.stack([at.ndcg_others, at.ndcg_target]) for at in curve]
        shape = (len(steps), 2, len(queries[1]))
        return reading, ReadingOutcomes(
            query=alone, one_change=changed, curve=np.reshape(points, shape).astype(np.float32)
        )


def _ways(gallery: Gallery, data: TrainingData, embed: Embed) -> dict[ReadingName, _Way]:
    """Return all ways of ranking that a system has; what is chosen, is on the validation items."""
    train, validation = np.flatnonzero(~data.is_validation), np.flatnonzero(data.is_validation)
    if not len(validation):
        return {"equal": _Way.plain(gallery)}
    validated = Gallery(
        embeddings=embed(data.pixels[validation]),
        labels=data.labels[validation],
        all_values=data.value_sets[validation],
        manipulation=gallery.manipulation,
        groups=data.groups_of(validation),
    )

    def way(weights: Weights, match: MatchModel | None = None) -> _Way:
        quality = list_quality(replace(validated, match=match), weights)
        return _Way(
            gallery=replace(gallery, match=match),
            weights=weights,
            quality=None if np.isnan(quality) else quality,
        )

    sets = data.value_sets[train]
    counts = [
        count_values(sets[:, idx], num) for idx, num in enumerate(gallery.manipulation.counts)
    ]
    chosen = choose_ranking(validated, counts)
    ways: dict[ReadingName, _Way] = {"equal": way(gallery.equal_weights)}
    if gallery.num_blocks > 1:
        ways["chosen"] = way(chosen.weights)
    if chosen.match.calibrations:
        ways["match"] = way(weights_of_match(chosen.match), chosen.match)
    return ways


def _ranking_seconds(gallery: Gallery, queries: QuerySet, k: int) -> float:
    """Return how long one of many queries takes, the fastest of a few times."""
    times = []
    for _ in range(RANKED_TIMES):
        started = time.perf_counter()
        for _part in rank(gallery, queries, gallery.equal_weights, k, query_in_gallery=True):
            pass
        times.append(time.perf_counter() - started)
    return min(times) / max(1, len(queries))


def constant_masks(run: RunFolder, pixels: NDArray[np.uint8]) -> dict[str, tuple[int, int]]:
    """Return how many of DAtRNet's masks are the same for all pictures, and of how many, by kind.

    A constant mask attends to nothing: the layer after it could scale its input by itself. It
    arises where ReLU cuts off all of the few hidden numbers of a mask.

    Args:
        run: A finished run.
        pixels: (N, S, S, 3).
    """
    counts: dict[str, list[int]] = {}
    images = to_network_input(torch.from_numpy(pixels)).to(compute_device())
    for idx in range(len(run.super_categories)):
        network = run.load_network(idx).to(images.device).eval()
        masks: dict[nn.Module, list[Tensor]] = {}
        kinds: dict[nn.Module, str] = {}
        for module in network.modules():
            if isinstance(module, ConcurrentAxialAttention):
                kinds |= {mask: kind for kind, mask in module.masks.items()}
        for mask in kinds:
            masks[mask] = []
            mask.register_forward_hook(
                lambda mask, _, output, masks=masks: masks[mask].append(output.flatten(1).cpu())
            )
        with torch.inference_mode():
            for batch in torch.split(images, BATCH_SIZE):
                network(batch)
        for mask, outputs in masks.items():
            varies = torch.cat(outputs).std(dim=0, correction=0).max() >= LEAST_VARIATION
            counts.setdefault(kinds[mask], []).append(int(not varies))
    return {kind: (sum(are_constant), len(are_constant)) for kind, are_constant in counts.items()}
