"""Variants of the network with one budget: table 4 of the paper, and grids of hyper-parameters."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

from datrnet.core.config import Config
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.evaluation.metrics import Estimate
from datrnet.core.research.experiments.architecture import layers_of
from datrnet.core.research.experiments.charts import dot_chart
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.metrics import (
    Metrics,
    pooled,
    table_3_cells,
    table_3_columns,
    top_k_over_seeds,
)
from datrnet.core.research.experiments.result import INTERVAL_NOTE, Cell, ExperimentResult
from datrnet.core.research.experiments.study import Study, StudyOptions, VariantSpec

SEEDS_NOTE = "Means over the seeds; in brackets what their 95 % intervals span together."


@dataclass(frozen=True, slots=True, kw_only=True)
class AblationOptions(StudyOptions):
    """Variants, and the one that they are compared with."""

    reference: str = "DAtRNet"
    """Name of the full model among the variants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridOptions(StudyOptions):
    """Settings of the model and the values to try."""

    grid: dict[str, Any] = field(default_factory=dict)
    """Values by setting of [model]."""
    vary: Literal["one", "all"] = "one"
    """``one`` changes one setting at a time, ``all`` tries every combination."""


def run(context: Context, options: AblationOptions) -> ExperimentResult:
    """Train and measure every variant.

    Raises:
        ConfigError: A variant's setting is wrong.
        UnknownNameError: The reference is no variant.
    """
    names = [spec.name for spec in options.variants]
    if options.reference not in names:
        raise UnknownNameError("variant", options.reference, names)
    study = Study(context, options)
    results = _measured(study, options.base_config(), options.variants)
    reference = results[names.index(options.reference)]
    notes = [
        _compared(name, result, options.reference, reference)
        for name, result in zip(names, results, strict=True)
        if name != options.reference
    ]
    if len(options.seeds) == 1:
        notes.append(
            "The intervals are over queries; what another seed would change is not in them."
        )
    return _result(
        "Ablations of the network (table 4)", study, options, options.variants, results, notes
    )


def run_grid(context: Context, options: GridOptions) -> ExperimentResult:
    """Train and measure every point of a grid around the base config.

    Raises:
        ConfigError: The grid names a setting that does not exist, or a wrong value.
    """
    study = Study(context, options)
    variants = grid_variants(options)
    results = _measured(study, options.base_config(), variants)
    best = max(range(len(results)), key=lambda place: _goodness(results[place]))
    notes = [
        f"The best by the mean of top-{options.k} accuracy and NDCG with one change: "
        f"{variants[best].name}. It was measured on the {context.split} split."
    ]
    if context.split == "test":
        notes.append("To choose a setting, use the validation split.")
    return _result("Hyper-parameters", study, options, variants, results, notes)


def grid_variants(options: GridOptions) -> tuple[VariantSpec, ...]:
    """Return the base config and every point of the grid, each once.

    Raises:
        ConfigError: The grid is empty, or does not list values.
    """
    for name, values in options.grid.items():
        if not isinstance(values, list) or not values:
            raise ConfigError(
                f"The grid's {name} is {values!r}.", hint=f"Write a list: {name} = [32, 64]"
            )
    if not options.grid:
        raise ConfigError("The grid is empty.", hint="List settings of [model] in [settings.grid].")
    base = options.base_config().to_dict()["model"]
    for name in options.grid:
        if name not in base:
            raise UnknownNameError("setting of [model]", name, base)
    own = {name: base[name] for name in options.grid}
    points: list[dict[str, Any]] = [own]
    if options.vary == "all":
        values = (dict(zip(own, point, strict=True)) for point in product(*options.grid.values()))
        points += values
    else:
        points += [own | {name: value} for name, values in options.grid.items() for value in values]
    once = list({repr(point): point for point in points}.values())
    return tuple(VariantSpec(name=_point_name(point, own), model=point) for point in once)


def _point_name(point: dict[str, Any], own: dict[str, Any]) -> str:
    differing = [f"{name} {value}" for name, value in point.items() if value != own[name]]
    if differing:
        return ", ".join(differing)
    return "base: " + ", ".join(f"{name} {value}" for name, value in own.items())


def _measured(study: Study, base: Config, variants: Sequence[VariantSpec]) -> list[list[Metrics]]:
    # all configs are checked before the first training
    return study.measure([(spec.name, spec.config(base)) for spec in variants])


def _result(
    title: str,
    study: Study,
    options: StudyOptions,
    variants: Sequence[VariantSpec],
    results: Sequence[Sequence[Metrics]],
    notes: Sequence[str],
) -> ExperimentResult:
    k = options.k
    paper = any(spec.paper for spec in variants)
    columns = (
        "network",
        "parameters",
        "million multiply-adds",
        *table_3_columns(k),
        *(("paper: query", "paper: query + attribute") if paper else ()),
    )
    base = options.base_config()
    rows = [
        _row(spec, spec.config(base), seeds, paper=paper)
        for spec, seeds in zip(variants, results, strict=True)
    ]
    names = ", ".join(category.name for category in study.super_categories)
    budget = base.train
    about = (
        f"Super-categories: {names}. Each network: {budget.triplets:,} triplets, "
        f"{budget.epochs} {'epoch' if budget.epochs == 1 else 'epochs'}; seeds: "
        f"{', '.join(map(str, options.seeds))}. Ranked with the paper's plain distance."
    )
    spread = INTERVAL_NOTE if len(options.seeds) == 1 else SEEDS_NOTE
    return ExperimentResult(
        title=title,
        columns=columns,
        rows=tuple(rows),
        notes=(about, spread, *notes),
        pictures={
            "accuracy": dot_chart(
                [spec.name for spec in variants],
                top_k_over_seeds(results),
                x_label=f"top-{k} accuracy",
                width=8.5,
            )
        },
    )


def _row(
    spec: VariantSpec, config: Config, results: Sequence[Metrics], *, paper: bool
) -> tuple[Cell, ...]:
    layers = layers_of(config.model)
    return (
        spec.name,
        sum(layer.num_parameters for layer in layers),
        sum(layer.multiply_adds for layer in layers) / 1e6,
        *table_3_cells(results),
        *((spec.paper or (None, None)) if paper else ()),
    )


def _compared(
    name: str, results: Sequence[Metrics], reference: str, full: Sequence[Metrics]
) -> str:
    """Say in a sentence whether leaving something out did harm."""
    gains = {
        use_case: pooled(map(figure, results)).value - pooled(map(figure, full)).value
        for use_case, figure in (
            ("query", lambda seed: seed.query.top_k_accuracy),
            ("query + attribute", _accuracy),
            ("NDCG of the change", lambda seed: seed.one_change.ndcg_target),
        )
    }
    ablated, whole = pooled(map(_accuracy, results)), pooled(map(_accuracy, full))
    verdict = "beats" if ablated.value > whole.value else "does not beat"
    apart = ablated.low > whole.high or ablated.high < whole.low
    sure = "" if apart else ", but the intervals overlap"
    listed = ", ".join(f"{use_case} {gain:+.3f}" for use_case, gain in gains.items())
    return f"{name} {verdict} {reference} with a change{sure}: {listed}."


def _goodness(results: Sequence[Metrics]) -> float:
    """Return the criterion of the best point; the accuracy alone may be perfect everywhere."""
    ndcg = pooled(seed.one_change.ndcg for seed in results).value
    return pooled(map(_accuracy, results)).value + ndcg


def _accuracy(metrics: Metrics) -> Estimate:
    return metrics.one_change.top_k_accuracy
