"""A compared system goes on after an interrupt, in whatever stage, as if there had been none."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from datrnet.core.config import Config, ModelConfig, SystemChoice, TrainConfig
from datrnet.core.errors import CheckpointError, DivergenceError
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.progress import EpochDone, TrainEvent
from datrnet.core.research.backbones.backbone import Backbone
from datrnet.core.research.backbones.networks import BACKBONES
from datrnet.core.research.method_learner import MethodLearner
from datrnet.core.training.data import TrainingData
from datrnet.core.training.run import train_networks
from datrnet.core.training.trainer import Trainer
from datrnet.db.rows import SuperCategory

CATEGORIES = (
    SuperCategory(name="colour", values=("red", "green", "blue")),
    SuperCategory(name="size", values=("large", "small")),
)
CONFIG = Config(
    model=ModelConfig(image_size=32),
    train=TrainConfig(epochs=6, precision="float32", shift=0.1, light=0.1),
    system=SystemChoice(name="adde-m", backbone="tiny", batch=12, learning_rate=1e-3),
)
SETTINGS = {
    "attribute-based": {},
    "amnet": {"head_size": 8},
    "fashionsearchnet": {
        "conv_channels": [8, 8],
        "branch_sizes": [8, 8, 8],
        "region_size": 1,
        "global_share": 0.4,
    },
    "adde-m": {"embedding_size": 8},
    "datrnet-on-backbone": {"channels": 4, "embedding_size": 8},
}


class Tiny(Backbone):
    """A convolution that begins alike wherever it is made."""

    name = "tiny"
    feature_size = 8
    map_channels = 8

    def __init__(self, image_size: int) -> None:
        super().__init__(image_size)
        self.conv = nn.Conv2d(3, 8, 8, stride=8)

    def feature_map(self, images: Tensor) -> Tensor:
        mapped: Tensor = self.conv(images)
        return mapped.relu()


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKBONES, "tiny", Tiny)


@pytest.fixture
def squares() -> TrainingData:
    """Large and small squares in three colors, each combination ten times."""
    rng = np.random.default_rng(0)
    labels = np.stack([np.arange(60) % 3, np.arange(60) // 3 % 2], axis=1).astype(np.int16)
    pixels = rng.integers(200, 256, (60, 32, 32, 3)).astype(np.uint8)
    for picture, (colour, size) in zip(pixels, labels, strict=True):
        side = 24 - 12 * int(size)
        picture[4 : 4 + side, 4 : 4 + side] = np.eye(3, dtype=np.uint8)[colour] * 200
    return TrainingData(
        pixels=pixels, labels=labels, is_validation=np.arange(60) >= 42, features=Path("unused")
    )


def config_of(system: str) -> Config:
    choice = replace(CONFIG.system, name=system, settings=SETTINGS[system])
    return replace(CONFIG, system=choice)


def trainer_with(
    config: Config, squares: TrainingData, num_values: tuple[int, ...], **settings: Any
) -> Trainer:
    learner = MethodLearner(config, squares, num_values)
    return Trainer(learner, config.train.epochs, **settings)


def trainer_of(system: str, squares: TrainingData) -> Trainer:
    return trainer_with(config_of(system), squares, (3, 2))


def weights_of(trainer: Trainer) -> dict[str, Tensor]:
    return dict(trainer.learner.network.state_dict())


def trained(trainer: Trainer, most: int | None = None) -> list[tuple[str, int, float]]:
    """Train what is left, or some epochs of it; return each one's stage, number and loss."""
    found: list[tuple[str, int, float]] = []
    for report in trainer.train(lambda event: None):
        found.append((trainer.stage.name, report.epoch, report.loss))
        if len(found) == most:
            return found
    return found


Training = tuple[Trainer, list[tuple[str, int, float]]]
"""A finished training, and each epoch's stage, number and loss."""


@pytest.fixture(scope="module")
def trainings() -> dict[str, Training]:
    """Finished trainings by system, which several tests compare with."""
    return {}


@pytest.fixture
def uninterrupted(
    squares: TrainingData, trainings: dict[str, Training]
) -> Callable[[str], Training]:
    """Return a system's finished training."""

    def train(system: str) -> Training:
        if system not in trainings:
            trainer = trainer_of(system, squares)
            trainings[system] = trainer, trained(trainer)
        return trainings[system]

    return train


@pytest.mark.parametrize("system", SETTINGS)
@pytest.mark.parametrize("done", [2, 4])
def test_a_resumed_system_equals_an_uninterrupted_one(
    squares: TrainingData,
    tmp_path: Path,
    uninterrupted: Callable[[str], Training],
    system: str,
    done: int,
) -> None:
    whole, expected = uninterrupted(system)
    interrupted = trainer_of(system, squares)
    before = trained(interrupted, most=done)
    interrupted.save_state(tmp_path / "state.pt")
    resumed = trainer_of(system, squares)
    resumed.load_state(tmp_path / "state.pt")
    assert before + trained(resumed) == expected
    assert resumed.epochs_done == whole.epochs_done == len(expected)
    assert resumed.best is not None
    assert whole.best is not None
    assert replace(resumed.best, seconds=0) == replace(whole.best, seconds=0)
    for name, tensor in weights_of(whole).items():
        torch.testing.assert_close(
            weights_of(resumed)[name], tensor, rtol=0, atol=0, equal_nan=True
        )


def test_a_state_of_version_0_1_is_resumed(
    squares: TrainingData, tmp_path: Path, uninterrupted: Callable[[str], Training]
) -> None:
    _, expected = uninterrupted("adde-m")
    interrupted = trainer_of("adde-m", squares)
    before = trained(interrupted, most=4)
    interrupted.save_state(tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    del state["position"]["improved_at"]
    old = {
        "system": state["network"],
        "optimizer": state["optimizer"],
        "place": state["position"],
        "best": state["best"],
    }
    torch.save(old, tmp_path / "old.pt")
    resumed = trainer_of("adde-m", squares)
    resumed.load_state(tmp_path / "old.pt")
    assert before + trained(resumed) == expected


@pytest.mark.parametrize("system", SETTINGS)
def test_stages_share_the_epochs(uninterrupted: Callable[[str], Training], system: str) -> None:
    trainer, losses = uninterrupted(system)
    epochs = [(stage, number) for stage, number, _ in losses]
    assert len(epochs) == CONFIG.train.epochs
    names = [stage.name for stage in trainer.learner.stages]
    assert [stage for stage, number in epochs if number == 1] == names
    assert trained(trainer) == []


def test_progress_counts_pictures_as_stages_see_them(squares: TrainingData) -> None:
    trainer = trainer_of("adde-m", squares)
    # 3 epochs of 84 pictures, then 3 of 84 triplets
    assert [trainer.progress(done) for done in (0, 0.5, 1)] == [0, 0.125, 0.25]
    trained(trainer, most=5)
    assert trainer.progress(trainer.position.share) == pytest.approx(0.25 + 0.75 * 2 / 3)
    by_clock = replace(config_of("adde-m").system, minutes=1)
    trainer = trainer_with(replace(CONFIG, system=by_clock), squares, (3, 2))
    assert [trainer.progress(done) for done in (0, 0.5, 1)] == [0, 0.25, 0.5]


@pytest.mark.parametrize(("triplet_batch", "num_batches"), [(0, 10), (12, 3), (42, 1), (500, 1)])
def test_batches_of_triplets_have_a_size_of_their_own(
    squares: TrainingData, triplet_batch: int, num_batches: int
) -> None:
    config = config_of("adde-m")
    config = replace(config, system=replace(config.system, triplet_batch=triplet_batch))
    trainer = trainer_with(config, squares, (3, 2))
    learner = trainer.learner
    assert isinstance(learner, MethodLearner)
    assert [stage.name for stage in learner.stages] == ["encoder", "manipulation"]
    assert len(learner.start_epoch(0, 1, 0.0)) == 42 // 12
    assert len(learner.start_epoch(1, 1, 0.0)) == num_batches


def test_time_between_epochs_takes_nothing_of_the_budget(squares: TrainingData) -> None:
    now = [100.0]
    system = replace(config_of("attribute-based").system, minutes=1)
    config = replace(CONFIG, system=system)
    trainer = trainer_with(config, squares, (3, 2), clock=lambda: now[0])

    def fifteen_seconds(event: object) -> None:
        now[0] += 15

    epochs = trainer.train(fifteen_seconds)
    next(epochs)
    now[0] += 1000  # the caller saves and prints
    assert trainer.position.share == pytest.approx(30 / 60)
    next(epochs)
    assert trainer.position.share == 1
    assert trainer.position.spent == pytest.approx(75)


def test_patience_ends_the_last_stage_only(
    squares: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MethodLearner, "validate", lambda self: 0.5)
    config = config_of("adde-m")
    config = replace(config, train=replace(config.train, epochs=12))
    trainer = trainer_with(config, squares, (3, 2), patience=2)
    stages = [stage for stage, _, _ in trained(trainer)]
    assert stages == 6 * ["encoder"] + 3 * ["manipulation"]
    assert trainer.best is not None
    assert trainer.best.epoch == 3  # of equal epochs the last


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(
        path=tmp_path / "run", config=config_of("adde-m"), super_categories=CATEGORIES
    )
    folder.create()
    return folder


def interrupting(after: int) -> Callable[[TrainEvent], None]:
    """Return what is told of a training and ends it after some epochs."""
    seen: list[TrainEvent] = []

    def told(event: TrainEvent) -> None:
        if isinstance(event, EpochDone):
            seen.append(event)
        elif len(seen) == after:
            raise KeyboardInterrupt

    return told


def epochs_of(run: RunFolder, squares: TrainingData) -> list[tuple[str | None, int]]:
    found: list[tuple[str | None, int]] = []

    def told(event: TrainEvent) -> None:
        if isinstance(event, EpochDone):
            found.append((event.stage, event.report.epoch))

    (result,) = train_networks(run, squares, told)
    assert result.epochs == 6
    return found


def test_an_interrupted_run_loses_the_current_epoch_at_most(
    run: RunFolder, squares: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MethodLearner, "seconds_between_states", 0.0)
    for after in (2, 3):  # within a stage, then at the next one's second epoch
        with pytest.raises(KeyboardInterrupt):
            train_networks(run, squares, interrupting(after))
    assert epochs_of(run, squares) == [("manipulation", 3)]
    assert [path.name for path in run.path.glob("*.pt*")] == []
    assert epochs_of(run, squares) == []  # what is finished is not trained again


def test_where_epochs_are_short_the_stage_is_what_is_kept(
    run: RunFolder, squares: TrainingData
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_networks(run, squares, interrupting(4))
    assert epochs_of(run, squares) == [("manipulation", epoch) for epoch in (1, 2, 3)]


def test_a_damaged_state_says_so(
    run: RunFolder, squares: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MethodLearner, "seconds_between_states", 0.0)
    with pytest.raises(KeyboardInterrupt):
        train_networks(run, squares, interrupting(2))
    (state,) = run.path.glob("*.pt")
    whole = state.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"garbage", b""):
        state.write_bytes(damaged)
        with pytest.raises(CheckpointError, match="cannot resume from"):
            train_networks(run, squares, lambda event: None)
    state.unlink()
    assert len(epochs_of(run, squares)) == 6


@pytest.mark.parametrize("system", SETTINGS)
def test_a_system_whose_loss_is_not_finite_stops(squares: TrainingData, system: str) -> None:
    config = config_of(system)
    trainer = trainer_with(
        replace(config, system=replace(config.system, learning_rate=1e30)), squares, (3, 2)
    )
    with pytest.raises(DivergenceError, match=r"not finite|is (nan|inf) in epoch") as caught:
        trained(trainer)
    assert "system.learning_rate, which is 1e+30" in caught.value.hint
    assert trainer.best is None


def test_a_stage_with_a_learning_rate_of_its_own_is_trained_with_it(squares: TrainingData) -> None:
    choice = config_of("fashionsearchnet").system
    choice = replace(choice, settings={**choice.settings, "global_learning_rate": 0.05})
    learner = MethodLearner(replace(CONFIG, system=choice), squares, (3, 2))
    for stage, rate in enumerate((1e-3, 1e-3, 0.05)):
        learner.start_stage(stage)
        assert learner.optimizer is not None
        (group,) = learner.optimizer.param_groups
        assert group["lr"] == rate
        learner.set_learning_rate(0.5)
        assert group["lr"] == pytest.approx(rate / 2)
    assert learner.learning_rate == ("system.settings.global_learning_rate", 0.05)
