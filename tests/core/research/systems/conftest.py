"""Colored squares, a backbone of two convolutions, and a plain way to train on them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datrnet.core.research.systems.method import (
    ImageBatch,
    MethodStage,
    RetrievalMethod,
    TrainingSet,
)

SIDE = 16
COLORS = np.array([[220, 30, 30], [30, 180, 60], [40, 60, 220]]) / 127.5 - 1
SIDES = (4, 8)
NUM_VALUES = (3, 2)
"""Colors, and small or large."""


class TinyBackbone(nn.Module):
    """Two convolutions, as a backbone."""

    name = "tiny"
    feature_size = 32
    map_channels = 32
    image_size = SIDE

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
        )

    def feature_map(self, images: Tensor) -> Tensor:
        return self.convs(images)

    def forward(self, images: Tensor) -> Tensor:
        return self.feature_map(images).mean(dim=(2, 3))

    def maps(self, images: Tensor) -> list[Tensor]:
        return [self.convs[:2](images), self.feature_map(images)]

    def map_size(self) -> tuple[int, int]:
        return SIDE // 4, SIDE // 4


@dataclass
class Squares:
    images: Tensor
    labels: NDArray[np.int16]
    boxes: NDArray[np.float64]
    """(N, 4) top, left, bottom, right as shares."""

    @property
    def training_set(self) -> TrainingSet:
        return TrainingSet(
            labels=self.labels, images=lambda rows: self.images[torch.from_numpy(rows)]
        )

    @cached_property
    def changes(self) -> tuple[NDArray[np.int64], NDArray[np.int16], NDArray[np.bool_]]:
        """Return every change of one value: rows, wanted labels, what changes."""
        rows, targets = [], []
        for row, labels in enumerate(self.labels):
            for idx, num in enumerate(NUM_VALUES):
                for value in range(num):
                    if value != labels[idx]:
                        target = labels.copy()
                        target[idx] = value
                        rows.append(row)
                        targets.append(target)
        wanted = np.stack(targets)
        return np.array(rows), wanted, wanted != self.labels[rows]


def draw_squares(num: int, seed: int) -> Squares:
    rng = np.random.default_rng(seed)
    labels = np.stack([rng.integers(0, 3, num), rng.integers(0, 2, num)], axis=1).astype(np.int16)
    images = np.ones((num, 3, SIDE, SIDE), dtype=np.float32)
    boxes = np.empty((num, 4))
    for image, (colour, size), box in zip(images, labels, boxes, strict=True):
        side = SIDES[size] + rng.integers(-1, 2)
        top, left = rng.integers(0, SIDE - side + 1, 2)
        image[:, top : top + side, left : left + side] = COLORS[colour][:, None, None]
        box[:] = np.array([top, left, top + side, left + side]) / SIDE
    images += rng.normal(0, 0.03, images.shape).astype(np.float32)
    return Squares(images=torch.from_numpy(images), labels=labels, boxes=boxes)


@pytest.fixture
def backbone() -> TinyBackbone:
    torch.manual_seed(0)
    return TinyBackbone()


@pytest.fixture(scope="session")
def squares() -> Squares:
    return draw_squares(192, seed=0)


@pytest.fixture(scope="session")
def other_squares() -> Squares:
    return draw_squares(96, seed=1)


@pytest.fixture
def num_values() -> tuple[int, ...]:
    return NUM_VALUES


def _triplets(squares: Squares, num: int, rng: np.random.Generator) -> ImageBatch:
    rows, targets, _ = squares.changes
    drawn = rng.integers(0, len(rows), num)
    alike = (squares.labels[None] == targets[drawn][:, None]).all(axis=2)
    chances = rng.random(alike.shape)
    positives = np.where(alike, chances, -1).argmax(axis=1)
    negatives = np.where(alike, -1, chances).argmax(axis=1)
    labels = torch.from_numpy(squares.labels).long()
    chosen = [rows[drawn], positives, negatives]
    return ImageBatch(
        images=squares.images[np.concatenate(chosen)],
        labels=labels[np.concatenate(chosen)],
    )


def _images(squares: Squares, num: int, rng: np.random.Generator) -> ImageBatch:
    rows = rng.integers(0, len(squares.labels), num)
    labels = torch.from_numpy(squares.labels[rows]).long()
    return ImageBatch(images=squares.images[rows], labels=labels)


@pytest.fixture
def triplets(squares: Squares) -> ImageBatch:
    return _triplets(squares, 16, np.random.default_rng(5))


def _train_stage(
    system: RetrievalMethod,
    stage: MethodStage,
    squares: Squares,
    steps: int,
    rng: np.random.Generator,
) -> list[float]:
    if stage.on_start is not None:
        system.eval()
        stage.on_start(squares.training_set)
    optimizer = torch.optim.Adam(system.enter(stage), 3e-3)
    draw = _images if stage.batches == "images" else _triplets
    losses = []
    for _ in range(steps):
        loss = stage.loss(draw(squares, 48, rng))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.fixture
def train() -> Callable[[RetrievalMethod, Squares, int], dict[str, list[float]]]:
    """Train all stages of a system, so many steps in all; returns the losses of each."""

    def run(system: RetrievalMethod, squares: Squares, steps: int) -> dict[str, list[float]]:
        torch.manual_seed(1)
        rng = np.random.default_rng(2)
        losses = {}
        for stage in system.stages():
            num = max(10, round(stage.share * steps))
            losses[stage.name] = _train_stage(system, stage, squares, num, rng)
        system.eval()
        return losses

    return run


@pytest.fixture
def accuracy() -> Callable[[RetrievalMethod, Squares, Squares], float]:
    """Share of all changes of the second squares whose nearest first square is as wanted."""

    def measure(system: RetrievalMethod, gallery: Squares, asked: Squares) -> float:
        manipulation = system.manipulation(gallery.training_set)
        rows, targets, changed = asked.changes
        own = asked.training_set.embed(system)[rows]
        queries, factors = manipulation.apply(own, asked.labels[rows], targets, changed)
        compared = manipulation.to_metric_space(gallery.training_set.embed(system))
        gaps = ((queries[:, None] - compared[None]) ** 2).sum(axis=3)  # (Q, G, A)
        nearest = np.einsum("qga,qa->qg", gaps, factors).argmin(axis=1)
        return float((gallery.labels[nearest] == targets).all(axis=1).mean())

    return measure
