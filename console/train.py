"""`datrnet train`: train a run, show its progress, and print its accuracies."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from datrnet.console import options as opt
from datrnet.console.output import percent, print_json, say, show_table
from datrnet.console.progress import Bars, Clock
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import Config, SystemChoice
from datrnet.core.errors import ConfigError
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.text import sanitize
from datrnet.core.training.events import (
    BatchDone,
    EpochDone,
    FeaturesCached,
    NetworkResult,
    PicturesRead,
    TrainEvent,
    TripletsRead,
)

INTERRUPTED = "Finished epochs are kept. Run `datrnet train --resume` to continue."

WHOLE = 1.0
"""A super-category's share of the overall bar."""

ADDE = "adde-m"
"""The system that has files of its own."""

SYSTEM_PANEL = "Comparison systems"
ADDE_PANEL = "ADDE's files, with --system adde-m"

app = opt.command_app()


@app.command(epilog="Example: datrnet train --config small --super-category color")
def train(
    ctx: typer.Context,
    config: opt.ConfigName = None,
    super_category: opt.SuperCategories = None,
    seed: Annotated[int | None, typer.Option(min=0, metavar="N")] = None,
    epochs: opt.Epochs = None,
    resume: Annotated[bool, typer.Option("--resume")] = False,
    system: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default="datrnet", rich_help_panel=SYSTEM_PANEL),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default="alexnet", rich_help_panel=SYSTEM_PANEL),
    ] = None,
    backbone_weights: Annotated[
        Path | None, typer.Option(metavar="FILE", rich_help_panel=SYSTEM_PANEL)
    ] = None,
    frozen: Annotated[bool, typer.Option("--frozen", rich_help_panel=SYSTEM_PANEL)] = False,
    minutes: Annotated[
        float | None, typer.Option(min=0, metavar="N", rich_help_panel=SYSTEM_PANEL)
    ] = None,
    released: Annotated[
        tuple[Path, Path] | None, typer.Option(metavar="ENCODER MEMORY", rich_help_panel=ADDE_PANEL)
    ] = None,
    names: Annotated[Path | None, typer.Option(metavar="FILE", rich_help_panel=ADDE_PANEL)] = None,
    triplets: Annotated[
        Path | None, typer.Option(metavar="FOLDER", rich_help_panel=ADDE_PANEL)
    ] = None,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Train one network per super-category.

    Loss and validation accuracy are shown live and logged in the run folder. The weights with the
    best validation accuracy are kept. An interrupted run loses at most its current epoch.

    Args:
        seed: Random seed, instead of the config's.
        resume: Continue the latest unfinished run.
        system: datrnet, attribute-based, amnet, fashionsearchnet, fashionsearchnet-without-loc,
            adde-m or datrnet-on-backbone.
        backbone: alexnet, resnet50, vit_b_16 or efficientnet_lite0.
        backbone_weights: ImageNet weights of the backbone: safetensors or a PyTorch state dict.
        frozen: Do not train the backbone; compute its features once and cache them.
        minutes: Training time in minutes, instead of epochs.
        released: Do not train; create a finished run from the weights that ADDE's authors released.
        names: With --released: JSON file with the names in column order, as given to `import`.
        triplets: Split folder whose triplets the last stage trains on; without it, triplets are
            sampled.
    """
    place, categories = Workspace.locate(workspace), tuple(super_category or ())
    typed = [max(param.opts, key=len) for param, _ in opt.typed_parameters(ctx)]
    if resume and len(typed) > 1:
        raise ConfigError(
            "--resume continues a run with its own options.",
            hint="Omit the other options, or omit --resume to start a new run.",
        )
    if released is not None:
        _check_released(system, names, typed)
        _add_released(place, released, categories, names, as_json=as_json)
        return
    if names is not None:
        raise ConfigError(
            "--names gives the column order of --released weights.",
            hint="Omit it, or add --released ENCODER MEMORY.",
        )
    chosen = {
        "name": system,
        "backbone": backbone,
        "backbone_weights": str(backbone_weights) if backbone_weights else None,
        "frozen": frozen or None,
        "minutes": minutes,
    }
    new = None
    if not resume:
        new = run_config(config, seed=seed, epochs=epochs, system=chosen, triplets=triplets)
    _train(place, new, categories, as_json=as_json)


def run_config(
    name: str | None,
    *,
    seed: int | None,
    epochs: int | None,
    system: dict[str, Any],
    triplets: Path | None,
) -> Config:
    """Return the config of a new run.

    Args:
        name: A config or a TOML file; None is ``small``.
        seed: Random seed; None keeps the config's.
        epochs: Number of epochs; None keeps the config's.
        system: Choices of a system by name; None keeps the config's.
        triplets: Split folder with triplets for ADDE-M.

    Raises:
        ConfigError: There is no such config, or options contradict each other.
    """
    config = Config.load(name or "small")
    given = {key: value for key, value in system.items() if value is not None}
    minutes = given.get("minutes")
    if seed is not None:
        config = config.with_seed(seed)
    if epochs is not None:
        if minutes is not None:
            raise ConfigError(
                "--minutes and --epochs both set the length of training; use only one."
            )
        config = replace(
            config,
            train=replace(config.train, epochs=epochs),
            system=replace(config.system, minutes=0.0),
        )
    if minutes == 0:
        raise ConfigError("--minutes must be above 0.", hint="For example: --minutes 10")
    choice, default = replace(config.system, **given), SystemChoice()
    of_backbone = ("backbone", "backbone_weights", "frozen")
    if choice.is_datrnet and (
        given.keys() & set(of_backbone)
        or any(getattr(choice, key) != getattr(default, key) for key in of_backbone)
    ):
        raise ConfigError(
            "DAtRNet has no backbone.",
            hint="Choose another --system, such as datrnet-on-backbone, or omit --backbone, "
            "--backbone-weights and --frozen, on the command line and in the config.",
        )
    if triplets is not None:
        if choice.name != ADDE:
            raise ConfigError(
                f"--triplets is for {ADDE}; {choice.name} samples its own.",
                hint=f"Add --system {ADDE}, or omit --triplets.",
            )
        folder = str(triplets.expanduser().absolute())
        choice = replace(choice, settings={**choice.settings, "triplets": folder})
    return replace(config, system=choice)


def _check_released(system: str | None, names: Path | None, typed: Sequence[str]) -> None:
    """Refuse options that say nothing of released weights.

    Raises:
        ConfigError: There is one.
    """
    if system != ADDE:
        raise ConfigError(
            f"--released takes weights of {ADDE}, not of {system or 'datrnet'}.",
            hint=f"Add --system {ADDE}.",
        )
    known = {"--system", "--released", "--names" if names else "--super-category"}
    others = [option for option in typed if option not in known]
    if others:
        raise ConfigError(
            f"--released trains nothing, so {others[0]} has no effect.",
            hint=f"Omit {' and '.join(others)}.",
        )


def _add_released(
    workspace: Workspace,
    weights: tuple[Path, Path],
    super_categories: tuple[str, ...],
    names: Path | None,
    *,
    as_json: bool,
) -> None:
    """Make a finished run of released weights, and print what it has.

    Raises:
        DatrnetError: See ``core.research.adde_release``.
    """
    from datrnet.core.research.adde_release import ReleasedFiles, add_released_run

    encoder, memory = weights
    files = ReleasedFiles(
        encoder=encoder, memory=memory, super_categories=super_categories, names=names
    )
    with workspace.open_store() as store:
        made = add_released_run(workspace, store, Catalog.load(store), files)
    counts = [f"{sanitize(c.name)} ({len(c.values)})" for c in made.run.super_categories]
    say(f"{made.run.name} has the released weights. Values: {', '.join(counts)}.")
    if made.in_alphabetical_order:
        say(
            f"The values of {', '.join(made.in_alphabetical_order)} are assumed to be in "
            "alphabetical order. If the columns of the split folder are in another order, "
            "results for them are wrong: add --names FILE with the names used for the import.",
            "yellow",
        )
    if as_json:
        print_json({"run": made.run.name, "results": [made.result]})
    say("Next: datrnet index")


def _train(
    workspace: Workspace,
    config: Config | None,
    super_categories: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """Train a new run, or resume the latest unfinished one if there is no config.

    Raises:
        DatrnetError: See ``core.training.run``.
    """
    from datrnet.core.training.run import (
        start_run,
        train,
        unfinished_run,
        untrainable_super_categories,
    )

    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        if config is None:
            run = unfinished_run(workspace, store)
        else:
            run = start_run(workspace, store, catalog, config, super_categories)
            if not super_categories:
                for name, reason in untrainable_super_categories(catalog).items():
                    say(f"Skipping {name}: {reason}.", "yellow")
        names = [category.name for category in run.super_categories]
        if not run.config.system.is_datrnet:
            names = [run.config.system.name]
        finished = {name for name in names if _is_finished(run, name)}
        say(f"{'Training' if config else 'Resuming'} {run.name}: {', '.join(names)}.")
        with TrainingProgress(names, finished) as progress:
            outcome = train(workspace, store, catalog, run, progress)
    _show(run, outcome, as_json=as_json)


def _is_finished(run: RunFolder, name: str) -> bool:
    if not run.config.system.is_datrnet:
        return run.system_result_path.exists()
    return run.result_path(run.idx_of(name)).exists()


def _show(run: RunFolder, outcome: list[NetworkResult], *, as_json: bool) -> None:
    if as_json:
        print_json({"run": run.name, "results": outcome})
    else:
        columns = ("super-category", "validation accuracy", "best epoch", "epochs")
        rows = [(r.super_category, percent(r.accuracy), r.best_epoch, r.epochs) for r in outcome]
        show_table(columns, rows, numbers=columns[1:])
    say(f"The log is {run.log_path}. Next: datrnet index")


class TrainingProgress(Bars):
    """Progress of training: one bar for all super-categories and one for each."""

    def __init__(self, names: list[str], finished: set[str]) -> None:
        """Prepare the bars.

        Args:
            names: The super-categories, in order.
            finished: Those that are finished already.
        """
        super().__init__()
        self._shares = {name: WHOLE if name in finished else 0.0 for name in names}
        self._clock: Clock | None = None
        self._pictures = self.bars.add_task("Reading pictures", total=None, note="")
        self._overall = self.bars.add_task("All", total=len(names), note="", start=False)
        self._tasks = {
            name: self.bars.add_task(sanitize(name), total=WHOLE, note="", start=False)
            for name in names
        }
        self.bars.update(self._overall, completed=len(finished))
        for name in finished:
            self.bars.update(self._tasks[name], completed=WHOLE, note="finished earlier")

    def __call__(self, event: TrainEvent) -> None:
        """Show an event."""
        match event:
            case PicturesRead():
                self._read(event, "Reading pictures", f"{event.total:,} pictures read")
            case FeaturesCached():
                words = f"Features of {event.total:,} pictures cached"
                self._read(event, "Caching features", words)
            case TripletsRead():
                self.console.print(_triplets(event))
            case BatchDone():
                self._batch(event)
            case EpochDone():
                self._epoch(event)

    def _read(self, event: PicturesRead | FeaturesCached, step: str, finished: str) -> None:
        self.bars.update(self._pictures, description=step, completed=event.done, total=event.total)
        if not self.live and event.done == event.total:
            self.console.print(finished)

    def _batch(self, event: BatchDone) -> None:
        task = self._tasks[event.super_category]
        self._begin(event.super_category)
        self._shares[event.super_category] = event.share
        accuracy = self.bars.tasks[task].fields.get("accuracy", "")
        self.bars.update(
            task,
            completed=self._shares[event.super_category],
            note=f"{_place(event, event.epoch)}  loss {event.loss:.4f}{accuracy}",
        )
        self.bars.update(self._overall, completed=sum(self._shares.values()))
        if self._clock is None:  # starts after the first batch: a resumed run starts midway
            self._clock = Clock(self._share)

    def _epoch(self, event: EpochDone) -> None:
        report = event.report
        task = self._tasks[event.super_category]
        accuracy = "" if report.accuracy is None else f"  validation {percent(report.accuracy)}"
        self.bars.update(
            task,
            accuracy=accuracy,
            note=f"{_place(event, report.epoch)}  loss {report.loss:.4f}{accuracy}",
        )
        if self.live:
            return
        left = self._clock.left(self._share) if self._clock else ""
        parts = [
            f"{sanitize(event.super_category)}: {_place(event, report.epoch, ' of ')}",
            f"loss {report.loss:.4f}",
        ]
        if report.triplet_loss is not None:
            parts.append(f"triplets {report.triplet_loss:.4f}")
        if report.accuracy is not None:
            best = " (best)" if report.is_best else ""
            parts.append(f"validation accuracy {percent(report.accuracy)}{best}")
        self.console.print(", ".join([*parts, f"{report.seconds:.1f} s{left}"]))

    def _begin(self, name: str) -> None:
        """Start a super-category's clock, and fill the bars before it: they may stop early."""
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
        f"Training on {event.taken:,} of the folder's {event.given:,} triplets. The others have "
        "validation items, items outside the workspace, or no change of a trained super-category."
    )


def _place(event: BatchDone | EpochDone, epoch: int, separator: str = "/") -> str:
    """Return the position in training, as "encoder, epoch 2/5"."""
    of_all = "" if event.num_epochs is None else f"{separator}{event.num_epochs}"
    return f"{event.stage + ', ' if event.stage else ''}epoch {epoch}{of_all}"
