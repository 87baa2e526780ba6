"""A compared system's training run: one system for all super-categories, resumable by stage."""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from datrnet.core.errors import CheckpointError
from datrnet.core.models.run_folder import RunFolder, load_weights, write_atomically
from datrnet.core.systems.storing import save_manipulation, save_system
from datrnet.core.training.data import TrainingData
from datrnet.core.training.events import (
    BatchDone,
    EpochDone,
    FeaturesKept,
    NetworkResult,
    TrainEvent,
    TripletsRead,
)
from datrnet.core.training.pace import STEPS
from datrnet.core.training.system_trainer import SystemTrainer


def train_system(
    run: RunFolder, data: TrainingData, on_event: Callable[[TrainEvent], None]
) -> NetworkResult:
    """Train the system of a run's folder, if it is not finished, keeping the best by validation.

    An interrupt loses the current stage at most.

    Raises:
        UnknownNameError: There is no such system or backbone.
        ConfigError: A setting of it does not exist, or is out of range.
        DataError: It trains on changes, and the items allow none, or the triplets of a folder, and
            none of them is of the items.
    """
    if run.system_result_path.exists():
        return NetworkResult(**json.loads(run.system_result_path.read_text("utf-8")))
    trainer = SystemTrainer(
        run.config, data, tuple(len(one.values) for one in run.super_categories)
    )
    if (given := trainer.given) is not None:
        taken = len(given.triplets.items)
        on_event(TripletsRead(taken=taken, given=given.num_given))
    trainer.keep_features(lambda done, total: on_event(FeaturesKept(done=done, total=total)))
    finished = _finished_stages(run)
    if finished:
        load_weights(trainer.system, _stage_path(run))
    num_epochs = 0
    for number, stage in enumerate(trainer.stages):
        if number < finished:
            continue
        on_batch = partial(_tell, trainer, number, run, on_event)
        for report in trainer.epochs(stage, on_batch):
            num_epochs += 1
            if report.is_best:
                save_system(trainer.system, run.system_path)
                manipulation = trainer.system.eval().manipulation(trainer.taught)
                save_manipulation(manipulation, run.manipulation_path)
            run.log({"super_category": stage.name, **asdict(report)})
            on_event(
                EpochDone(
                    super_category=run.config.system.name,
                    num_epochs=trainer.pace_of(stage).num_epochs,
                    report=report,
                    stage=stage.name,
                )
            )
        if number + 1 < len(trainer.stages):
            save_system(trainer.system, _stage_path(run))
            write_atomically(_stage_path(run).with_suffix(".json"), json.dumps(number + 1))
    if trainer.best is None:
        raise CheckpointError(f"{run.config.system.name} was not trained for a single epoch.")
    result = NetworkResult(
        super_category=run.config.system.name,
        accuracy=trainer.best.accuracy,
        best_epoch=trainer.best.epoch,
        epochs=num_epochs,
    )
    write_atomically(run.system_result_path, json.dumps(asdict(result)))
    for path in (_stage_path(run), _stage_path(run).with_suffix(".json")):
        path.unlink(missing_ok=True)
    return result


def _tell(
    trainer: SystemTrainer,
    number: int,
    run: RunFolder,
    on_event: Callable[[TrainEvent], None],
    epoch: int,
    done: float,
    loss: float,
) -> None:
    """Tell of a batch: the share of a stage that is done as a share of the whole."""
    stage = trainer.stages[number]
    before = sum(one.share for one in trainer.stages[:number])
    share = before + stage.share * min(done, 1.0)
    on_event(
        BatchDone(
            super_category=run.config.system.name,
            epoch=epoch,
            num_epochs=trainer.pace_of(stage).num_epochs,
            batches_done=min(STEPS, round(STEPS * share)),
            num_batches=STEPS,
            loss=loss,
            stage=stage.name,
        )
    )


def _stage_path(run: RunFolder) -> Path:
    return run.path / "stage.safetensors"


def _finished_stages(run: RunFolder) -> int:
    path = _stage_path(run).with_suffix(".json")
    return int(json.loads(path.read_text("utf-8"))) if path.exists() else 0
