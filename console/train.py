"""`datrnet train`: train a run, show its progress, and print its accuracies."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from typer import Context, Option

from datrnet.console import options as opt
from datrnet.console.output import percent, print_json, say, show_table
from datrnet.console.progress import TrainingProgress
from datrnet.core.api.json_facts import TrainFacts
from datrnet.core.api.shop import Shop
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import BACKBONE_NAMES, SYSTEM_NAMES, Config, SystemChoice
from datrnet.core.errors import ConfigError, requirement
from datrnet.core.text import sanitize

ADDE = "adde-m"
"""The system that has files of its own."""

app = opt.command_app()


@app.command(epilog="Example: datrnet train --config small --super-category color")
def train(
    ctx: Context,
    config: opt.ConfigName = None,
    super_category: opt.SuperCategories = None,
    seed: Annotated[int | None, Option(min=0, metavar="N")] = None,
    epochs: opt.Epochs = None,
    resume: Annotated[bool, Option("--resume")] = False,
    system: Annotated[
        str | None,
        Option(metavar="NAME", show_default="datrnet", help=f"{opt.one_of(SYSTEM_NAMES)}."),
    ] = None,
    backbone: Annotated[
        str | None,
        Option(metavar="NAME", show_default="alexnet", help=f"{opt.one_of(BACKBONE_NAMES)}."),
    ] = None,
    backbone_weights: Annotated[Path | None, Option(metavar="FILE")] = None,
    frozen: Annotated[bool, Option("--frozen")] = False,
    minutes: Annotated[float | None, Option(min=0, metavar="N")] = None,
    released: Annotated[tuple[Path, Path] | None, Option(metavar="ENCODER MEMORY")] = None,
    names: Annotated[Path | None, Option(metavar="FILE")] = None,
    triplets: Annotated[Path | None, Option(metavar="FOLDER")] = None,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Train one network per super-category.

    Loss and validation accuracy are shown live and logged in the run folder. The weights with the
    best validation accuracy are kept. An interrupted run loses at most its current epoch.

    Args:
        seed: Random seed, instead of the config's.
        resume: Continue the latest unfinished run.

    Comparison systems:
        system: One of ``SYSTEM_NAMES``.
        backbone: One of ``BACKBONE_NAMES``.
        backbone_weights: ImageNet weights of the backbone: safetensors or a PyTorch state dict.
        frozen: Do not train the backbone; compute its features once and cache them.
        minutes: Training time in minutes, instead of epochs.

    ADDE's files, with --system adde-m:
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
        if system != ADDE:
            raise ConfigError(
                f"--released takes weights of {ADDE}, not of {system or 'datrnet'}.",
                hint=f"Add --system {ADDE}.",
            )
        known = {"--system", "--released", "--names" if names else "--super-category"}
        if others := [option for option in typed if option not in known]:
            raise ConfigError(
                f"--released trains nothing, so {others[0]} has no effect.",
                hint=f"Omit {' and '.join(others)}.",
            )
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
    given = {key: value for key, value in chosen.items() if value is not None}
    new = None if resume else _config(config or "small", seed, epochs, given, triplets)
    _train(place, new, categories, as_json=as_json)


def _config(
    name: str, seed: int | None, epochs: int | None, system: dict[str, Any], triplets: Path | None
) -> Config:
    """Return the config of a new run.

    Args:
        name: A ready config or a TOML file.
        seed: Random seed; None keeps the config's.
        epochs: Number of epochs; None keeps the config's.
        system: Fields of the config's ``SystemChoice`` to replace.
        triplets: Split folder with triplets for ADDE-M.

    Raises:
        ConfigError: There is no such config, or options contradict each other.
    """
    config = Config.load(name)
    if seed is not None:
        config = config.with_seed(seed)
    if epochs is not None:
        if "minutes" in system:
            raise ConfigError(
                "--minutes and --epochs both set the length of training; use only one."
            )
        config = replace(config, train=replace(config.train, epochs=epochs))
        system = {**system, "minutes": 0.0}
    elif system.get("minutes") == 0:
        raise ConfigError("--minutes must be above 0.", hint="For example: --minutes 10")
    choice, default = replace(config.system, **system), SystemChoice()
    of_backbone = ("backbone", "backbone_weights", "frozen")
    if choice.is_datrnet and any(
        key in system or getattr(choice, key) != getattr(default, key) for key in of_backbone
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


def _train(
    workspace: Workspace, config: Config | None, super_categories: tuple[str, ...], *, as_json: bool
) -> None:
    """Train a new run, or resume the latest unfinished one if there is no config.

    Raises:
        DatrnetError: See ``core.training.run``.
    """
    shop = Shop(workspace)
    if config is None:
        run, diverged = shop.unfinished_run()
        skipped = dict.fromkeys(diverged, "its training diverged")
    else:
        run, skipped = shop.start_run(config, super_categories)
    for name, reason in skipped.items():
        say(f"Skipping {name}: {reason}.", "yellow")
    if run.config.system.is_datrnet:
        names = [category.name for category in run.super_categories]
        finished = {name for name in names if run.result_path(run.idx_of(name)).exists()}
    else:
        names = [run.config.system.name]
        finished = {name for name in names if run.result_path().exists()}
    say(f"{'Training' if config else 'Resuming'} {run.name}: {', '.join(names)}.")
    with TrainingProgress(names, finished) as progress:
        outcome = shop.train_run(run, progress)
    if as_json:
        facts: TrainFacts = {"run": run.name, "results": outcome}
        print_json(facts)
    else:
        columns = ("super-category", "validation accuracy", "best epoch", "epochs")
        rows = [(r.super_category, percent(r.accuracy), r.best_epoch, r.epochs) for r in outcome]
        show_table(columns, rows, numbers=columns[1:])
    say(f"The log is {run.log_path}. Next: datrnet index")


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
    with requirement("Released weights need"):
        from datrnet.core.research.adde_release import ReleasedFiles, add_released_run

    encoder, memory = weights
    files = ReleasedFiles(
        encoder=encoder, memory=memory, super_categories=super_categories, names=names
    )
    with workspace.open_store(to_write=True) as store:
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
        facts: TrainFacts = {"run": made.run.name, "results": [made.result]}
        print_json(facts)
    say("Next: datrnet index")
