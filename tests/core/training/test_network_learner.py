"""A network learns, keeps its best, and goes on after an interrupt as if there had been none."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from datrnet.core.config import Config, ModelConfig, TrainConfig
from datrnet.core.errors import CheckpointError, DivergenceError
from datrnet.core.progress import BatchDone, EpochReport
from datrnet.core.training.data import TrainingData
from datrnet.core.training.network_learner import NetworkLearner
from datrnet.core.training.trainer import Trainer

CONFIG = Config(
    model=ModelConfig(image_size=16, filters=4, num_ase=1, embedding_size=8, dropout=0.0),
    train=TrainConfig(triplets=96, epochs=4, batch_triplets=16, precision="float32", shift=0.0),
)


@pytest.fixture
def colored() -> TrainingData:
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


def weights_of(trainer: Trainer) -> torch.Tensor:
    return torch.cat(
        [tensor.flatten().float() for tensor in trainer.learner.network.state_dict().values()]
    )


def trainer_of(config: Config, data: TrainingData, idx: int, num_values: int) -> Trainer:
    learner = NetworkLearner(config, data, idx, num_values)
    return Trainer(learner, config.train.epochs, config.train.patience)


def nothing(event: BatchDone) -> None:
    """Ignore a batch."""


def test_a_visible_attribute_is_learned(colored: TrainingData) -> None:
    reports = list(trainer_of(CONFIG, colored, 0, 3).train(nothing))
    assert [report.epoch for report in reports] == [1, 2, 3, 4]
    assert reports[-1].loss < reports[0].loss or reports[0].loss == 0
    assert max(report.accuracy for report in reports) == 1


def test_the_same_seed_gives_the_same_network(colored: TrainingData) -> None:
    twins = [trainer_of(CONFIG, colored, 0, 3) for _ in range(2)]
    for twin in twins:
        list(twin.train(nothing))
    torch.testing.assert_close(*map(weights_of, twins), rtol=0, atol=0)


def test_a_resumed_network_equals_an_uninterrupted_one(
    colored: TrainingData, tmp_path: Path
) -> None:
    # with everything that draws numbers or is learned: dropout, augmentation, proxies
    config = replace(
        CONFIG,
        model=replace(CONFIG.model, dropout=0.4),
        train=replace(CONFIG.train, shift=0.1, zoom=0.1, light=0.1, proxy_weight=1.0),
    )
    whole = trainer_of(config, colored, 1, 2)
    expected = list(whole.train(nothing))

    interrupted = trainer_of(config, colored, 1, 2)
    next(interrupted.train(nothing))
    interrupted.save_state(tmp_path / "state.pt")
    resumed = trainer_of(config, colored, 1, 2)
    resumed.load_state(tmp_path / "state.pt")
    rest = list(resumed.train(nothing))

    assert [report.epoch for report in rest] == [2, 3, 4]
    assert [report.loss for report in rest] == [report.loss for report in expected[1:]]
    torch.testing.assert_close(weights_of(whole), weights_of(resumed), rtol=0, atol=0)


def test_patience_stops_early(colored: TrainingData) -> None:
    config = replace(CONFIG, train=replace(CONFIG.train, epochs=50, patience=2))
    trainer = trainer_of(config, colored, 1, 2)
    reports = list(trainer.train(nothing))
    assert trainer.best is not None
    assert len(reports) < 50
    best = max(report.accuracy or 0 for report in reports)
    first_best = next(report.epoch for report in reports if report.accuracy == best)
    assert reports[-1].epoch - first_best == 2


def test_without_validation_labels_there_is_no_accuracy(colored: TrainingData) -> None:
    colored.labels[60:, 0] = -1
    trainer = trainer_of(CONFIG, colored, 0, 3)
    reports = list(trainer.train(nothing))
    assert [report.accuracy for report in reports] == [None] * 4
    assert trainer.best == reports[-1]


def test_the_shortest_training_has_a_schedule(colored: TrainingData) -> None:
    train = replace(CONFIG.train, triplets=16, epochs=5)  # five steps in all
    assert len(list(trainer_of(replace(CONFIG, train=train), colored, 0, 3).train(nothing))) == 5


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_every_optimizer_learns(colored: TrainingData, optimizer: str) -> None:
    rate = 0.1 if optimizer == "sgd" else 1e-3
    train = replace(CONFIG.train, optimizer=optimizer, learning_rate=rate)
    reports = list(trainer_of(replace(CONFIG, train=train), colored, 0, 3).train(nothing))
    assert max(report.accuracy or 0 for report in reports) > 0.9


def test_a_damaged_state_says_so(colored: TrainingData, tmp_path: Path) -> None:
    trainer = trainer_of(CONFIG, colored, 0, 3)
    trainer.save_state(tmp_path / "state.pt")
    whole = (tmp_path / "state.pt").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"garbage", b""):
        (tmp_path / "state.pt").write_bytes(damaged)
        with pytest.raises(CheckpointError, match="cannot resume"):
            trainer.load_state(tmp_path / "state.pt")


def test_a_clock_ends_the_training_and_the_rate_is_spent(colored: TrainingData) -> None:
    seconds, step = 1.0, 0.01
    minutes = seconds * colored.labels.shape[1] / 60
    now = [0.0]
    config = replace(CONFIG, system=replace(CONFIG.system, minutes=minutes))
    learner = NetworkLearner(config, colored, 0, 3)
    trainer = Trainer(learner, CONFIG.train.epochs, clock=lambda: now[0])
    shares: list[float] = []
    rates: list[float] = []

    def on_batch(event: BatchDone) -> None:
        assert learner.optimizer is not None
        now[0] += step
        shares.append(event.share)
        rates.append(learner.optimizer.param_groups[0]["lr"])

    reports = list(trainer.train(on_batch))
    assert now[0] == pytest.approx(seconds + step)
    assert trainer.num_epochs is None
    assert len(reports) != CONFIG.train.epochs
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert max(rates) == pytest.approx(CONFIG.train.learning_rate, rel=0.01)
    assert rates[-1] < 0.01 * CONFIG.train.learning_rate
    assert reports[-1].accuracy is not None  # the last epoch is validated, however short


def test_a_loss_that_is_not_finite_stops_the_training(colored: TrainingData) -> None:
    config = replace(CONFIG, train=replace(CONFIG.train, learning_rate=1e18))
    reports: list[EpochReport] = []
    with pytest.raises(DivergenceError, match=r"loss is (nan|inf) in epoch 1") as caught:
        reports.extend(trainer_of(config, colored, 0, 3).train(nothing))
    assert reports == []
    assert "train.learning_rate, which is 1e+18" in caught.value.hint


def test_weights_that_are_not_finite_are_never_the_best(
    colored: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = NetworkLearner(CONFIG, colored, 0, 3)
    trainer = Trainer(learner, CONFIG.train.epochs)
    next(epochs := trainer.train(nothing))
    before = trainer.best

    def damage(share: float) -> None:
        with torch.no_grad():  # after the batch's loss, which still is finite
            learner.network.embedding.bias[0] = math.inf

    monkeypatch.setattr(learner, "set_learning_rate", damage)
    monkeypatch.setattr(learner, "_num_batches", 1)
    with pytest.raises(DivergenceError, match="weight is not finite after epoch 2"):
        next(epochs)
    assert trainer.best is before
    assert trainer.epochs_done == 1


def test_a_state_of_version_0_1_is_resumed(colored: TrainingData, tmp_path: Path) -> None:
    config = replace(CONFIG, train=replace(CONFIG.train, proxy_weight=1.0, shift=0.1))
    whole = trainer_of(config, colored, 1, 2)
    expected = list(whole.train(nothing))
    interrupted = trainer_of(config, colored, 1, 2)
    next(interrupted.train(nothing))
    interrupted.save_state(tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    old = {
        "network": state["network"],
        "proxies": state["extra"]["proxies"],
        "optimizer": state["optimizer"],
        "schedule": {"last_epoch": 6},
        "epochs_done": 1,
        "seconds_spent": 3.5,
        "last_gain": 1,
        "best": state["best"],
    }
    torch.save(old, tmp_path / "old.pt")
    resumed = trainer_of(config, colored, 1, 2)
    resumed.load_state(tmp_path / "old.pt")
    assert resumed.position == replace(interrupted.position, spent=3.5, measured_at=0.0)
    rest = list(resumed.train(nothing))
    assert [report.loss for report in rest] == [report.loss for report in expected[1:]]
    torch.testing.assert_close(weights_of(whole), weights_of(resumed), rtol=0, atol=0)
