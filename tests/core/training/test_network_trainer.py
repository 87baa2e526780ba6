"""A network learns, keeps its best, and goes on after an interrupt as if there had been none."""

import itertools
import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datrnet.core.config import Config, ModelConfig, TrainConfig
from datrnet.core.errors import CheckpointError, DivergenceError
from datrnet.core.training.data import TrainingData
from datrnet.core.training.network_trainer import EpochReport, NetworkTrainer
from datrnet.core.training.pace import Pace

CONFIG = Config(
    model=ModelConfig(image_size=16, filters=4, num_ase=1, embedding_size=8, dropout=0.0),
    train=TrainConfig(triplets=96, epochs=4, batch_triplets=16, precision="float32", shift=0.0),
)


@pytest.fixture
def coloured() -> TrainingData:
    """Two super-categories: plain red, green or blue squares, and noise labels."""
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 3, 90)
    pixels = rng.integers(0, 60, (90, 16, 16, 3)).astype(np.uint8)
    pixels[np.arange(90), :, :, colour] += 150
    labels = np.stack([colour, rng.integers(-1, 2, 90)], axis=1).astype(np.int16)
    return TrainingData(
        pixels=pixels,
        labels=labels,
        is_validation=np.arange(90) >= 60,
        features=Path("unused"),
    )


def weights_of(trainer: NetworkTrainer) -> torch.Tensor:
    return torch.cat([one.flatten().float() for one in trainer.network.state_dict().values()])


def nothing(batch: int, loss: float) -> None:
    """Ignore a batch."""


def test_a_visible_attribute_is_learnt(coloured: TrainingData) -> None:
    reports = list(NetworkTrainer(CONFIG, coloured, 0, 3).epochs(nothing))
    assert [one.epoch for one in reports] == [1, 2, 3, 4]
    assert reports[-1].loss < reports[0].loss or reports[0].loss == 0
    assert max(one.accuracy for one in reports) == 1


def test_the_same_seed_gives_the_same_network(coloured: TrainingData) -> None:
    twins = [NetworkTrainer(CONFIG, coloured, 0, 3) for _ in range(2)]
    for twin in twins:
        list(twin.epochs(nothing))
    torch.testing.assert_close(*map(weights_of, twins), rtol=0, atol=0)


def test_a_resumed_network_equals_an_uninterrupted_one(
    coloured: TrainingData, tmp_path: Path
) -> None:
    # with everything that draws numbers or is learnt: dropout, augmentation, proxies
    config = replace(
        CONFIG,
        model=replace(CONFIG.model, dropout=0.4),
        train=replace(CONFIG.train, shift=0.1, zoom=0.1, light=0.1, proxy_weight=1.0),
    )
    whole = NetworkTrainer(config, coloured, 1, 2)
    expected = list(whole.epochs(nothing))

    interrupted = NetworkTrainer(config, coloured, 1, 2)
    next(interrupted.epochs(nothing))
    interrupted.save_state(tmp_path / "state.pt")
    resumed = NetworkTrainer(config, coloured, 1, 2)
    resumed.load_state(tmp_path / "state.pt")
    rest = list(resumed.epochs(nothing))

    assert [one.epoch for one in rest] == [2, 3, 4]
    assert [one.loss for one in rest] == [one.loss for one in expected[1:]]
    torch.testing.assert_close(weights_of(whole), weights_of(resumed), rtol=0, atol=0)


def test_patience_stops_early(coloured: TrainingData) -> None:
    config = replace(CONFIG, train=replace(CONFIG.train, epochs=50, patience=2))
    trainer = NetworkTrainer(config, coloured, 1, 2)
    reports = list(trainer.epochs(nothing))
    assert trainer.best is not None
    assert len(reports) < 50
    best = max(one.accuracy or 0 for one in reports)
    first_best = next(one.epoch for one in reports if one.accuracy == best)
    assert reports[-1].epoch - first_best == 2


def test_without_validation_labels_there_is_no_accuracy(coloured: TrainingData) -> None:
    coloured.labels[60:, 0] = -1
    trainer = NetworkTrainer(CONFIG, coloured, 0, 3)
    reports = list(trainer.epochs(nothing))
    assert [one.accuracy for one in reports] == [None] * 4
    assert trainer.best == reports[-1]


def test_the_shortest_training_has_a_schedule(coloured: TrainingData) -> None:
    train = replace(CONFIG.train, triplets=16, epochs=5)  # five steps in all
    assert (
        len(list(NetworkTrainer(replace(CONFIG, train=train), coloured, 0, 3).epochs(nothing))) == 5
    )


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_every_optimizer_learns(coloured: TrainingData, optimizer: str) -> None:
    rate = 0.1 if optimizer == "sgd" else 1e-3
    train = replace(CONFIG.train, optimizer=optimizer, learning_rate=rate)
    reports = list(NetworkTrainer(replace(CONFIG, train=train), coloured, 0, 3).epochs(nothing))
    assert max(one.accuracy or 0 for one in reports) > 0.9


def test_a_damaged_state_says_so(coloured: TrainingData, tmp_path: Path) -> None:
    trainer = NetworkTrainer(CONFIG, coloured, 0, 3)
    trainer.save_state(tmp_path / "state.pt")
    whole = (tmp_path / "state.pt").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"garbage", b""):
        (tmp_path / "state.pt").write_bytes(damaged)
        with pytest.raises(CheckpointError, match="resumed"):
            trainer.load_state(tmp_path / "state.pt")


def test_a_clock_ends_the_training_and_the_rate_is_spent(
    coloured: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds, step = 2.0, 0.01
    minutes = seconds * coloured.labels.shape[1] / 60
    now = itertools.count(step=step)
    monkeypatch.setattr(
        "datrnet.core.training.network_trainer.Pace", partial(Pace, clock=lambda: next(now))
    )
    config = replace(CONFIG, system=replace(CONFIG.system, minutes=minutes))
    trainer = NetworkTrainer(config, coloured, 0, 3)
    told: list[tuple[int, int]] = []
    reports = list(trainer.epochs(lambda batch, loss: told.append(trainer.progress(batch))))
    assert seconds <= next(now) <= seconds * 1.1
    assert trainer.num_epochs is None
    assert len(reports) != CONFIG.train.epochs
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert 0.5 * told[-1][1] < told[-1][0] <= told[-1][1]  # measuring may take the rest
    assert trainer._optimizer.param_groups[0]["lr"] < 0.01 * CONFIG.train.learning_rate


def test_a_loss_that_is_not_finite_stops_the_training(coloured: TrainingData) -> None:
    config = replace(CONFIG, train=replace(CONFIG.train, learning_rate=1e18))
    reports: list[EpochReport] = []
    with pytest.raises(DivergenceError, match=r"loss is (nan|inf) in epoch 1") as caught:
        reports.extend(NetworkTrainer(config, coloured, 0, 3).epochs(nothing))
    assert reports == []
    assert "train.learning_rate, which is 1e+18" in caught.value.mend


def test_weights_that_are_not_finite_are_never_the_best(
    coloured: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = NetworkTrainer(CONFIG, coloured, 0, 3)
    next(epochs := trainer.epochs(nothing))
    before = trainer.best
    step = trainer._step

    def damaging_step(*args: Any, **kwargs: Any) -> tuple[float, float]:
        losses = step(*args, **kwargs)
        with torch.no_grad():  # after the batch's loss, which still is finite
            trainer.network.embedding.bias[0] = math.inf
        return losses

    monkeypatch.setattr(trainer, "_step", damaging_step)
    monkeypatch.setattr(trainer, "num_batches", 1)
    with pytest.raises(DivergenceError, match="weight is not finite after epoch 2"):
        next(epochs)
    assert trainer.best is before
    assert trainer.epochs_done == 1
