"""Measuring one trained variant: how well it finds what is asked for, and what it takes."""

import json
import time

import numpy as np
from numpy.typing import NDArray

from datrnet.core.evaluation.protocol import Protocol, evaluate_queries
from datrnet.core.evaluation.queries import QuerySet, draw_queries
from datrnet.core.evaluation.ranking import Gallery, Weights, rank
from datrnet.core.evaluation.weight_search import choose_weights
from datrnet.core.experiments.measured import Measured
from datrnet.core.indexing.build import run_manipulation
from datrnet.core.indexing.embedder import Embedder
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.retrieval.manipulation import Manipulation
from datrnet.core.systems.storing import trained_manipulation
from datrnet.core.training.data import TrainingData

RANKED_TIMES = 3
"""How often the same queries are ranked to tell how long it takes."""


def measure(
    run: RunFolder, data: TrainingData, pixels: NDArray[np.uint8], labels: NDArray[np.int16], k: int
) -> Measured:
    """Return the figures of a finished run.

    Those of ``query`` and ``one_change`` are with the paper's plain distance, so that nothing is
    chosen.

    Args:
        run: What was trained.
        data: What it was trained on; its validation items choose weights.
        pixels: (N, S, S, 3) of a split, which is queries and gallery.
        labels: (N, A) of it, as the run numbers them.
        k: Length of the lists.

    Raises:
        CheckpointError: The run's weights are absent or damaged.
    """
    embedder = Embedder(run)
    manipulation = _manipulation(run, data, embedder)
    begun = time.monotonic()
    embeddings = embedder.embed(pixels)
    seconds = time.monotonic() - begun
    gallery = Gallery(embeddings=embeddings, labels=labels, manipulation=manipulation)
    names = [one.name for one in run.super_categories]
    protocol = Protocol(k=k, max_changes=1)
    query_sets = draw_queries(labels, (0, 1), num_changeable=len(names))
    equal = gallery.equal_weights
    query, one_change = evaluate_queries(gallery, names, query_sets, equal, protocol)
    weights = _chosen_weights(data, embedder, manipulation, equal)
    weighed = None
    if weights != equal:
        cases = evaluate_queries(gallery, names, query_sets, weights, protocol)
        weighed = (cases[0].overall, cases[1].overall)
    return Measured(
        seconds=_training_seconds(run),
        query=query.overall,
        one_change=one_change.overall,
        by_super_category=one_change.by_super_category,
        weighed=weighed,
        num_parameters=embedder.num_parameters,
        milliseconds=1e3 * seconds / len(pixels),
        microseconds=1e6 * _ranking_seconds(gallery, query_sets[1], k),
    )


def _manipulation(run: RunFolder, data: TrainingData, embedder: Embedder) -> Manipulation:
    if not run.config.system.is_datrnet:
        return trained_manipulation(run)
    taught = np.flatnonzero(~data.is_validation)
    splits = np.full(len(taught), "train")
    return run_manipulation(run, embedder.embed(data.pixels[taught]), data.labels[taught], splits)


def _chosen_weights(
    data: TrainingData, embedder: Embedder, manipulation: Manipulation, equal: Weights
) -> Weights:
    """Return the weights that an index would have; equal ones with too little to choose by."""
    validation = np.flatnonzero(data.is_validation)
    if len(validation) == 0:
        return equal
    gallery = Gallery(
        embeddings=embedder.embed(data.pixels[validation]),
        labels=data.labels[validation],
        manipulation=manipulation,
    )
    return choose_weights(gallery)


def _ranking_seconds(gallery: Gallery, queries: QuerySet, k: int) -> float:
    """Return how long one of many queries takes, the fastest of a few times."""
    found = []
    for _ in range(RANKED_TIMES):
        begun = time.perf_counter()
        for _part in rank(gallery, queries, gallery.equal_weights, k, query_in_gallery=True):
            pass
        found.append(time.perf_counter() - begun)
    return min(found) / max(1, len(queries))


def _training_seconds(run: RunFolder) -> float:
    lines = run.log_path.read_text("utf-8").splitlines()
    return float(sum(json.loads(line)["seconds"] for line in lines))
