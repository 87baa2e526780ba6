"""`datrnet train`: the networks' progress while they learn, and their accuracies at the end."""

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from datrnet.console.output import new_table, percent, print_json, results, say
from datrnet.console.progress import Bars, Clock
from datrnet.console.released import run_released
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import Config, SystemChoice
from datrnet.core.errors import ConfigError
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.text import inert
from datrnet.core.training.events import (
    BatchDone,
    EpochDone,
    FeaturesKept,
    NetworkResult,
    PicturesRead,
    TrainEvent,
    TripletsRead,
)
from datrnet.core.training.plan import obstacles
from datrnet.core.training.released import ReleasedFiles
from datrnet.core.training.run import start_run, train, unfinished_run

WHOLE = 1.0
"""A super-category's share of the overall bar."""

ADDE = "adde-m"
"""The system that has files of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """What a person says of a training; what is None stays as the config has it."""

    config: str | None = None
    super_categories: tuple[str, ...] = ()
    seed: int | None = None
    epochs: int | None = None
    resume: bool = False
    system: str | None = None
    backbone: str | None = None
    backbone_weights: Path | None = None
    frozen: bool = False
    minutes: float | None = None
    released: tuple[Path, Path] | None = None
    names: Path | None = None
    triplets: Path | None = None

    @property
    def released_files(self) -> ReleasedFiles | None:
        """The weights to take in place of training; None trains.

        Raises:
            ConfigError: They are of another system, or an option has nothing to say of them.
        """
        if self.released is None:
            if self.names is not None:
                raise ConfigError(
                    "--names says in which order the values of --released weights stand.",
                    mend="Leave it away, or add --released ENCODER MEMORY.",
                )
            return None
        if self.system != ADDE:
            raise ConfigError(
                f"--released takes weights of {ADDE}, not of {self.system or 'datrnet'}.",
                mend=f"Add --system {ADDE}.",
            )
        own = TrainOptions(
            system=ADDE,
            released=self.released,
            names=self.names,
            super_categories=() if self.names else self.super_categories,
        )
        others = [
            f"--{name.name.replace('_', '-').replace('categories', 'category')}"
            for name in fields(self)
            if getattr(self, name.name) != getattr(own, name.name)
        ]
        if others:
            raise ConfigError(
                f"--released trains nothing, so {others[0]} has nothing to say.",
                mend=f"Leave {' and '.join(others)} away.",
            )
        encoder, memory = self.released
        return ReleasedFiles(
            encoder=encoder,
            memory=memory,
            super_categories=self.super_categories,
            names=self.names,
        )

    def run_config(self) -> Config:
        """Return the config of a new run.

        Raises:
            ConfigError: There is no such config, or it is not valid.
        """
        config = Config.load(self.config or "small")
        if self.seed is not None:
            config = config.with_seed(self.seed)
        if self.epochs is not None:
            if self.minutes is not None:
                raise ConfigError(
                    "--minutes and --epochs are two ways to say when to stop; give one."
                )
            config = replace(
                config,
                train=replace(config.train, epochs=self.epochs),
                system=replace(config.system, minutes=0.0),
            )
        if self.minutes == 0:
            raise ConfigError("--minutes is 0, which is no time.", mend="For example: --minutes 10")
        given: dict[str, Any] = {
            "name": self.system,
            "backbone": self.backbone,
            "backbone_weights": str(self.backbone_weights) if self.backbone_weights else None,
            "frozen": self.frozen or None,
            "minutes": self.minutes,
        }
        named = {name: value for name, value in given.items() if value is not None}
        choice = replace(config.system, **named)
        default = SystemChoice()
        stands_on_one = (choice.backbone, choice.backbone_weights, choice.frozen) != (
            default.backbone,
            default.backbone_weights,
            default.frozen,
        )
        is_asked = named.keys() & {"backbone", "backbone_weights", "frozen"}
        if choice.is_datrnet and (stands_on_one or is_asked):
            raise ConfigError(
                "DAtRNet has no backbone.",
                mend="Choose another --system, as datrnet-on-backbone, or leave --backbone, "
                "--backbone-weights and --frozen away, on the command line and in the config.",
            )
        if self.triplets is not None:
            if choice.name != ADDE:
                raise ConfigError(
                    f"--triplets is of {ADDE}; {choice.name} draws its own.",
                    mend=f"Add --system {ADDE}, or leave --triplets away.",
                )
            folder = str(self.triplets.expanduser().absolute())
            choice = replace(choice, settings={**choice.settings, "triplets": folder})
        return replace(config, system=choice)

    def check(self) -> None:
        """Refuse what a resumed run cannot change.

        Raises:
            ConfigError: A resumed run is asked to be another one.
        """
        if self.resume and replace(self, resume=False) != TrainOptions():
            raise ConfigError(
                "--resume goes on with the run as it was started.",
                mend="Leave the other options away, or start a new run without --resume.",
            )


def run_training(workspace: Workspace, options: TrainOptions, *, as_json: bool) -> None:
    """Train, and print how well each super-category was learnt.

    Raises:
        DatrnetError: See ``core.training.run``.
    """
    options.check()
    if (files := options.released_files) is not None:
        run_released(workspace, files, as_json=as_json)
        return
    config = None if options.resume else options.run_config()
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        if config is None:
            run = unfinished_run(workspace, store)
        else:
            run = start_run(workspace, store, catalog, config, options.super_categories)
            if not options.super_categories:
                for name, reason in obstacles(catalog).items():
                    say(f"{name} is left out: {reason}.", "yellow")
        names = [one.name for one in run.super_categories]
        if not run.config.system.is_datrnet:
            names = [run.config.system.name]
        finished = {one for one in names if _is_finished(run, one)}
        say(f"{'Going on with' if options.resume else 'Training'} {run.name}: {', '.join(names)}.")
        with TrainingProgress(names, finished) as progress:
            outcome = train(workspace, store, catalog, run, progress)
    _show(run, outcome, as_json=as_json)


def _is_finished(run: RunFolder, name: str) -> bool:
    if not run.config.system.is_datrnet:
        return run.system_result_path.exists()
    return run.result_path(run.idx_of(name)).exists()


def _show(run: RunFolder, outcome: list[NetworkResult], *, as_json: bool) -> None:
    if as_json:
        print_json({"run": run.name, "results": [asdict(one) for one in outcome]})
    else:
        columns = ("super-category", "validation accuracy", "best epoch", "epochs")
        table = new_table(*columns, numbers=columns[1:])
        for one in outcome:
            table.add_row(
                inert(one.super_category),
                percent(one.accuracy),
                str(one.best_epoch),
                str(one.epochs),
            )
        results().print(table)
    say(f"The log is {run.log_path}. Next: datrnet index")


class TrainingProgress(Bars):
    """A training: one bar over all super-categories and one for each."""

    def __init__(self, names: list[str], finished: set[str]) -> None:
        """Show nothing yet.

        Args:
            names: The super-categories, in order.
            finished: Those of them that an earlier part of the run has finished.
        """
        super().__init__()
        self._shares = {name: WHOLE if name in finished else 0.0 for name in names}
        self._clock: Clock | None = None
        self._pictures = self.bars.add_task("Reading pictures", total=None, note="")
        self._overall = self.bars.add_task("All", total=len(names), note="", start=False)
        self._tasks = {
            name: self.bars.add_task(inert(name), total=WHOLE, note="", start=False)
            for name in names
        }
        self.bars.update(self._overall, completed=len(finished))
        for name in finished:
            self.bars.update(self._tasks[name], completed=WHOLE, note="finished before")

    def __call__(self, event: TrainEvent) -> None:
        """Take note of what happened."""
        match event:
            case PicturesRead():
                self.bars.update(self._pictures, completed=event.done, total=event.total)
                if not self.live and event.done == event.total:
                    self.console.print(f"{event.total:,} pictures read")
            case FeaturesKept():
                self.bars.update(
                    self._pictures,
                    description="Keeping features",
                    completed=event.done,
                    total=event.total,
                )
                if not self.live and event.done == event.total:
                    self.console.print(f"Features of {event.total:,} pictures kept")
            case TripletsRead():
                self.console.print(_triplets(event))
            case BatchDone():
                self._batch(event)
            case EpochDone():
                self._epoch(event)

    def _batch(self, event: BatchDone) -> None:
        task = self._tasks[event.super_category]
        self._begin(event.super_category)
        self._shares[event.super_category] = event.batches_done / event.num_batches
        accuracy = self.bars.tasks[task].fields.get("accuracy", "")
        self.bars.update(
            task,
            completed=self._shares[event.super_category],
            note=f"{_place(event, event.epoch)}  loss {event.loss:.4f}{accuracy}",
        )
        self.bars.update(self._overall, completed=sum(self._shares.values()))
        if self._clock is None:  # begins after the first batch: a resumed run starts midway
            self._clock = Clock(self._share)

    def _epoch(self, event: EpochDone) -> None:
        report = event.report
        task = self._tasks[event.super_category]
        is_measured = report.accuracy is not None
        accuracy = f"  validation {percent(report.accuracy)}" if is_measured else ""
        self.bars.update(
            task,
            accuracy=accuracy,
            note=f"{_place(event, report.epoch)}  loss {report.loss:.4f}{accuracy}",
        )
        if self.live:
            return
        left = self._clock.left(self._share) if self._clock else ""
        triplets = "" if report.triplet_loss is None else f"triplets {report.triplet_loss:.4f}, "
        self.console.print(
            f"{inert(event.super_category)}: {_place(event, report.epoch, ' of ')}, "
            f"loss {report.loss:.4f}, {triplets}"
            + (f"validation accuracy {percent(report.accuracy)}" if is_measured else "")
            + (" (best), " if is_measured and report.is_best else ", " if is_measured else "")
            + f"{report.seconds:.1f} s{left}"
        )

    def _begin(self, name: str) -> None:
        """Start a super-category's clock, and end those before it: they may have stopped early."""
        for earlier, task in self._tasks.items():
            if earlier == name:
                break
            self._shares[earlier] = WHOLE
            self.bars.update(task, completed=WHOLE)
        self.bars.start_task(self._overall)
        self.bars.start_task(self._tasks[name])

    @property
    def _share(self) -> float:
        return sum(self._shares.values()) / len(self._shares)


def _triplets(event: TripletsRead) -> str:
    if event.taken == event.given:
        return f"Training on the folder's {event.given:,} triplets."
    return (
        f"Training on {event.taken:,} of the folder's {event.given:,} triplets: the others are of "
        "items held out for validation or not in the workspace, or change nothing that is trained."
    )


def _place(event: BatchDone | EpochDone, epoch: int, separator: str = "/") -> str:
    """Return how far a training is, as "encoder, epoch 2/5"."""
    of_all = "" if event.num_epochs is None else f"{separator}{event.num_epochs}"
    return f"{event.stage + ', ' if event.stage else ''}epoch {epoch}{of_all}"
