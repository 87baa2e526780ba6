"""A compared system's training run: one system for all super-categories, resumable by epoch."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from datrnet.core.errors import CheckpointError
from datrnet.core.models.run_folder import RunFolder, save_weights, write_atomically
from datrnet.core.research.method_trainer import MethodTrainer
from datrnet.core.research.systems.method import Stage
from datrnet.core.retrieval.manipulation import save_manipulation
from datrnet.core.training.data import TrainingData
from datrnet.core.training.events import (
    BatchDone,
    EpochDone,
    EpochReport,
    FeaturesKept,
    NetworkResult,
    TrainEvent,
    TripletsRead,
)
from datrnet.core.training.pace import STEPS

BETWEEN_STATES = 60.0
"""Seconds after which the state is saved again: a backbone's is hundreds of megabytes."""

OnEvent = Callable[[TrainEvent], None]


def train_method(run: RunFolder, data: TrainingData, on_event: OnEvent) -> NetworkResult:
    """Train the system of a run's folder, if it is not finished, keeping the best by validation.

    An interrupt loses the current epoch at most, or a minute's where epochs are short.

    Raises:
        UnknownNameError: There is no such system or backbone.
        ConfigError: A setting of it does not exist, or is out of range.
        DataError: It trains on changes, and the items allow none, or the triplets of a folder, and
            none of them is of the items.
        CheckpointError: The state of an interrupted training is damaged.
    """
    if run.system_result_path.exists():
        return NetworkResult(**json.loads(run.system_result_path.read_text("utf-8")))
    trainer = MethodTrainer(
        run.config, data, tuple(len(one.values) for one in run.super_categories)
    )
    if (given := trainer.batches.given) is not None:
        taken = len(given.triplets.items)
        on_event(TripletsRead(taken=taken, given=given.num_given))
    trainer.keep_features(lambda done, total: on_event(FeaturesKept(done=done, total=total)))
    state_path = _state_path(run)
    if state_path.exists():
        trainer.load_state(state_path)
    for stage in trainer.remaining:
        _train_stage(run, trainer, stage, on_event)
        trainer.save_state(state_path)
    if trainer.best is None:
        raise CheckpointError(f"{run.config.system.name} was not trained for a single epoch.")
    result = NetworkResult(
        super_category=run.config.system.name,
        accuracy=trainer.best.accuracy,
        best_epoch=trainer.best.epoch,
        epochs=trainer.epochs_done,
    )
    write_atomically(run.system_result_path, json.dumps(asdict(result)))
    state_path.unlink()
    return result


def _train_stage(run: RunFolder, trainer: MethodTrainer, stage: Stage, on_event: OnEvent) -> None:
    """Train what is left of a stage, saving the state from time to time."""
    on_batch = partial(_tell_batch, trainer, stage, run, on_event)
    saved_at = time.monotonic()
    for report in trainer.epochs(stage, on_batch):
        if report.is_best:
            save_weights(trainer.system, run.system_path)
            manipulation = trainer.system.eval().manipulation(trainer.training_set)
            save_manipulation(manipulation, run.manipulation_path)
        run.log({"super_category": stage.name, **asdict(report)})
        _tell_epoch(trainer, stage, run, on_event, report)
        if time.monotonic() - saved_at >= BETWEEN_STATES:
            trainer.save_state(_state_path(run))
            saved_at = time.monotonic()


def _tell_epoch(
    trainer: MethodTrainer, stage: Stage, run: RunFolder, on_event: OnEvent, report: EpochReport
) -> None:
    on_event(
        EpochDone(
            super_category=run.config.system.name,
            num_epochs=trainer.pace_of(stage).num_epochs,
            report=report,
            stage=stage.name,
        )
    )


def _tell_batch(
    trainer: MethodTrainer,
    stage: Stage,
    run: RunFolder,
    on_event: OnEvent,
    epoch: int,
    done: float,
    loss: float,
) -> None:
    """Tell of a batch: the share of a stage that is done as a share of the whole."""
    on_event(
        BatchDone(
            super_category=run.config.system.name,
            epoch=epoch,
            num_epochs=trainer.pace_of(stage).num_epochs,
            batches_done=round(STEPS * trainer.progress(done)),
            num_batches=STEPS,
            loss=loss,
            stage=stage.name,
        )
    )


def _state_path(run: RunFolder) -> Path:
    return run.path / "system.resume.pt"
