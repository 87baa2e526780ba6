"""A training run: starting it, training its networks in turn, resuming it."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from itertools import chain, count
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from datrnet import __version__
from datrnet.core.catalog.catalog import Catalog, training_rows
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import Config
from datrnet.core.errors import CheckpointError, ConfigError, DivergenceError
from datrnet.core.models.registry import comparison_systems
from datrnet.core.models.run_folder import (
    DIVERGENCE_FILE,
    LOCK_FILE,
    RunFolder,
    load_weights,
    plain_name,
    write_atomically,
)
from datrnet.core.progress import (
    EpochDone,
    NetworkResult,
    PicturesRead,
    TrainEvent,
)
from datrnet.core.training.data import TrainingData, load_training_data
from datrnet.core.training.network_learner import NetworkLearner
from datrnet.core.training.trainer import Learner, Trainer
from datrnet.db.rows import SuperCategory
from datrnet.db.store import Store


def start_run(
    workspace: Workspace, store: Store, catalog: Catalog, config: Config, names: tuple[str, ...]
) -> RunFolder:
    """Create the folder and the database row of a new run.

    Args:
        workspace: Holds the run.
        store: Its database.
        catalog: Its catalog.
        config: Of the run.
        names: Super-categories to train; by default all that can be trained.

    Raises:
        UnknownNameError: A super-category does not exist.
        ConfigError: A named super-category cannot be trained, or none can.
        DataError: None of the triplets of the config's folder is of training items.
        CheckpointError: The config's initial run lacks a super-category.
    """
    if not config.system.is_datrnet:  # a wrong name or file is refused before there is a run
        systems = comparison_systems()
        systems.check_choices([(config.system, config.model.image_size)])
        systems.check_training(config, catalog)
    chosen = _chosen(catalog, names)
    if config.train.initial_run:
        earlier = RunFolder.open(workspace.models / config.train.initial_run)
        for category in chosen:
            earlier.idx_of(category.name)
    kind = config.name if config.system.is_datrnet else config.system.name
    run = RunFolder(path=new_run_path(workspace, kind), config=config, super_categories=chosen)
    run.create()
    config_json = json.dumps({"version": __version__, **config.to_dict()})
    store.add_run(run.name, config.system.name, config_json)
    return run


def new_run_path(workspace: Workspace, kind: str) -> Path:
    """Return the folder of a new run, named by its kind and the time."""
    stem = f"{plain_name(kind)}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    names = chain([stem], (f"{stem}-{number}" for number in count(2)))
    return next(path for name in names if not (path := workspace.models / name).exists())


def untrainable_super_categories(catalog: Catalog) -> dict[str, str]:
    """Return the super-categories of a catalog that cannot be trained, each with the reason."""
    rows, is_validation = training_rows(catalog)
    reasons = {}
    for idx, category in enumerate(catalog.super_categories):
        values = catalog.value_sets[rows[~is_validation], idx]
        num_values = len(np.unique(values[values >= 0]))
        if num_values < 2:
            found = "only one value" if num_values else "no value"
            reasons[category.name] = f"its training items have {found}"
    return reasons


def _chosen(catalog: Catalog, names: tuple[str, ...]) -> tuple[SuperCategory, ...]:
    """Return the super-categories to train."""
    reasons, every = untrainable_super_categories(catalog), catalog.super_categories
    named = dict.fromkeys(every[catalog.super_category_idx(name)] for name in names)
    for category in named:
        if category.name in reasons:
            raise ConfigError(
                f"{category.name} cannot be trained: {reasons[category.name]}.",
                hint="Label more training items.",
            )
    chosen = tuple(named) or tuple(c for c in every if c.name not in reasons)
    if not chosen:
        raise ConfigError(
            "The catalog has no super-category that can be trained.",
            hint="Import a table with attribute columns, and items in the train split.",
        )
    return chosen


def unfinished_run(workspace: Workspace, store: Store) -> tuple[RunFolder, list[str]]:
    """Return the newest unfinished run that can go on, and the newer ones that diverged, by name.

    Raises:
        CheckpointError: There is none; where runs diverged, it tells why the newest one did.
    """
    diverged: list[str] = []
    for row in reversed(store.runs()):
        path = workspace.models / row.name
        if row.status == "finished" or not path.is_dir():
            continue
        if not (path / DIVERGENCE_FILE).exists():
            return RunFolder.open(path), diverged
        diverged.append(row.name)
    if diverged:
        reason = (workspace.models / diverged[0] / DIVERGENCE_FILE).read_text("utf-8").strip()
        raise CheckpointError(f"The run {diverged[0]} cannot be resumed.", hint=reason)
    raise CheckpointError("There is no unfinished run.", hint="Start one with `datrnet train`.")


def train(
    workspace: Workspace,
    store: Store,
    catalog: Catalog,
    run: RunFolder,
    on_event: Callable[[TrainEvent], None] = lambda event: None,
) -> list[NetworkResult]:
    """Train the unfinished networks of a run, keeping the best epoch of each by validation.

    An interrupt loses at most the current epoch; the run is marked interrupted and can be resumed.

    Raises:
        DataError: A split has no picture, or a super-category has fewer than two values.
        UnknownNameError: The catalog no longer has a super-category of the run.
    """
    try:
        lock = FileLock(run.path / LOCK_FILE).acquire(timeout=0)
    except Timeout as error:
        raise CheckpointError(
            f"The run {run.name} is already being trained by another process.",
            hint="Wait until it finishes.",
        ) from error

    def on_picture(done: int, total: int) -> None:
        on_event(PicturesRead(done=done, total=total))

    with lock:
        run.divergence_path.unlink(missing_ok=True)
        store.update_run(run.name, status="running")
        try:
            data = load_training_data(workspace, catalog, run, on_picture)
            results = train_networks(run, data, on_event)
        except BaseException as error:
            if isinstance(error, DivergenceError):
                write_atomically(run.divergence_path, str(error))
            store.update_run(run.name, status="interrupted")
            raise
    metrics = {result.super_category: asdict(result) for result in results}
    store.update_run(run.name, status="finished", metrics_json=json.dumps(metrics))
    return results


def train_networks(
    run: RunFolder, data: TrainingData, on_event: Callable[[TrainEvent], None]
) -> list[NetworkResult]:
    """Train what is not finished of a run's folder; see ``train``."""
    if not run.config.system.is_datrnet:
        make = partial(comparison_systems().make_learner, run, data, on_event)
        return [_train(run, None, make, on_event)]
    return [
        _train(run, idx, partial(_network_learner, run, data, idx), on_event)
        for idx in range(len(run.super_categories))
    ]


def _network_learner(run: RunFolder, data: TrainingData, idx: int) -> NetworkLearner:
    category = run.super_categories[idx]
    learner = NetworkLearner(run.config, data, idx, len(category.values), category.name)
    if run.config.train.initial_run:
        earlier = RunFolder.open(run.path.parent / run.config.train.initial_run)
        load_weights(learner.network, earlier.weights_path(earlier.idx_of(category.name)))
    return learner


def _train(
    run: RunFolder,
    idx: int | None,
    make_learner: Callable[[], Learner],
    on_event: Callable[[TrainEvent], None],
) -> NetworkResult:
    """Train a network, or a comparison system (None), to its end.

    Returns:
        Its result, which an earlier process may have left.
    """
    state_path, result_path = run.resume_path(idx), run.result_path(idx)
    if result_path.exists():
        return NetworkResult(**json.loads(result_path.read_text("utf-8")))
    learner = make_learner()
    trainer = Trainer(learner, run.config.train.epochs, run.config.train.patience)
    if state_path.exists():
        trainer.load_state(state_path)
    saved_at = time.monotonic()
    for report in trainer.train(on_event):
        if report.is_best:
            learner.save_best(run)
        is_stage_done = trainer.position.share >= 1
        if is_stage_done or time.monotonic() - saved_at >= learner.seconds_between_states:
            trainer.save_state(state_path)
            saved_at = time.monotonic()
        run.log({"super_category": trainer.stage.name or learner.name, **asdict(report)})
        on_event(
            EpochDone(
                super_category=learner.name,
                num_epochs=trainer.num_epochs,
                report=report,
                stage=trainer.stage.name,
            )
        )
    if trainer.best is None:
        raise CheckpointError(f"{learner.name} was not trained for a single epoch.")
    result = NetworkResult(
        super_category=learner.name,
        accuracy=trainer.best.accuracy,
        best_epoch=trainer.best.epoch,
        epochs=trainer.epochs_done,
    )
    write_atomically(result_path, json.dumps(asdict(result)))
    state_path.unlink(missing_ok=True)
    return result
