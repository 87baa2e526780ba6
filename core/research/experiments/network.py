"""The network as built (table 1), and variants of it with one budget: table 4, and grids."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal

import torch
from PIL import Image
from torch import Tensor, nn

from datrnet.core.config import Config, ModelConfig
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.models.datrnet import DAtRNet
from datrnet.core.progress import tracked
from datrnet.core.research.experiments.charts import bar_chart
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.differences import (
    DIFFERENCE,
    differences,
    differences_note,
    verdicts,
)
from datrnet.core.research.experiments.measurement import LEAST_VARIATION, Measured
from datrnet.core.research.experiments.result import (
    INTERVAL_NOTE,
    Cell,
    ExperimentResult,
    Table,
    table_3_cells,
    table_3_columns,
    without_counts,
)
from datrnet.core.research.experiments.study import (
    Study,
    StudyOptions,
    VariantSpec,
    accuracy_chart,
    pooled,
    spread,
)

# ── table 1 ──────────────────────────────────────────────────────────────────

LAYER_COLUMNS = (
    "config",
    "layer",
    "input",
    "output",
    "parameters",
    "multiply-adds",
    "input in the paper",
    "output in the paper",
)

IN_THE_PAPER = {
    "Conv": ("256×256×3", "256×256×32"),
    "Max Pool-1": ("256×256×32", "128×128×32"),
    "ASE-1": ("128×128×32", "128×128×64"),
    "Max Pool-2": ("128×128×64", "64×64×64"),
    "ASE-2": ("64×64×64", "64×64×128"),
    "Max Pool-3": ("64×64×128", "32×32×128"),
    "ASE-3": ("32×32×128", "32×32×256"),
    "Global Avg. Pool": ("32×32×256", "256"),
    "Dense-1": ("256", "256"),
    "Dense-2": ("256", "128"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchitectureOptions:
    """The configs to list."""

    configs: tuple[str, ...] = ("paper", "small")
    """Configs by name, or files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One row of table 1."""

    name: str
    input: tuple[int, ...]
    """(H, W, C), or (C,) after the pooling."""
    output: tuple[int, ...]
    num_parameters: int = 0
    multiply_adds: int = 0
    """Of its convolutions and dense layers, for one picture."""

    @property
    def shapes(self) -> tuple[str, str]:
        """Input and output as the paper writes them."""
        return "×".join(map(str, self.input)), "×".join(map(str, self.output))

    @property
    def counts(self) -> tuple[int, int]:
        """Parameters and multiply-adds."""
        return self.num_parameters, self.multiply_adds


def run_architecture(context: Context, options: ArchitectureOptions) -> ExperimentResult:
    """List the layers of each config.

    Raises:
        ConfigError: There is no such config.
    """
    names = tracked(options.configs, "Configs", context.on_progress)
    tables = {config.name: layers_of(config.model) for config in map(Config.load, names)}
    return ExperimentResult(
        title="Architecture as built (table 1)",
        columns=LAYER_COLUMNS,
        rows=tuple(row for name, layers in tables.items() for row in _layer_rows(name, layers)),
        notes=(
            *(
                f"{sum(IN_THE_PAPER.get(layer.name) == layer.shapes for layer in layers)} of the "
                f"{len(layers)} layers of `{name}` have the paper's shapes."
                for name, layers in tables.items()
            ),
            "Shapes are height×width×channels of one picture. One such network is trained for "
            "every super-category.",
            "Multiply-adds count convolutions and dense layers, those inside each ASE included; "
            "biases, normalization and pooling are not counted.",
            "The paper writes the first layer as Conv (32, (3,3), 2), which in its notation means "
            "stride 2, but lists an output of the input's size; the config `paper` has stride 1, "
            "which agrees with every later row.",
        ),
        pictures={"architecture": _shares(tables)} if tables else {},
    )


def layers_of(config: ModelConfig) -> tuple[Layer, ...]:
    """Return the layers of a network in the order of table 1, without computing anything."""
    with torch.device("meta"):  # shapes without numbers
        network = DAtRNet(config).eval()
        images = torch.empty(1, 3, config.image_size, config.image_size)
    shapes: dict[nn.Module, tuple[torch.Size, torch.Size]] = {}

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        shapes[module] = (inputs[0].shape, output.shape)

    for module in network.modules():
        module.register_forward_hook(note)
    with torch.inference_mode():
        network(images)

    def layer(name: str, module: nn.Module) -> Layer:
        before, after = map(_channels_last, shapes[module])
        return Layer(
            name=name,
            input=before,
            output=after,
            num_parameters=sum(parameter.numel() for parameter in module.parameters()),
            multiply_adds=sum(  # every output number is a weighted sum
                shapes[part][1].numel() * part.weight[0].numel()
                for part in module.modules()
                if isinstance(part, nn.Conv2d | nn.Linear)
            ),
        )

    layers = [layer("Conv", network.stem)]
    for number, stage in enumerate(network.stages, start=1):
        pooling, ase = stage.children()
        layers += [layer(f"Max Pool-{number}", pooling), layer(f"ASE-{number}", ase)]
    last_map = layers[-1].output
    pooled_map = Layer(name="Global Avg. Pool", input=last_map, output=last_map[-1:])
    dense = (layer("Dense-1", network.dense), layer("Dense-2", network.embedding))
    return (*layers, pooled_map, *dense)


def _channels_last(shape: torch.Size) -> tuple[int, ...]:
    """Return (1, C, H, W) as (H, W, C), and (1, C) as (C,)."""
    _, channels, *sides = shape
    return (*sides, channels)


def _layer_rows(config: str, layers: Sequence[Layer]) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for layer in layers:
        in_the_paper = IN_THE_PAPER.get(layer.name, (None, None))
        rows.append((config, layer.name, *layer.shapes, *layer.counts, *in_the_paper))
    ends = (layers[0].shapes[0], layers[-1].shapes[1])
    return [*rows, (config, "total", *ends, *total_counts(layers), None, None)]


def total_counts(layers: Sequence[Layer]) -> tuple[int, int]:
    """Return the parameters and the multiply-adds of a network."""
    parameters, multiply_adds = map(sum, zip(*(layer.counts for layer in layers), strict=True))
    return parameters, multiply_adds


def _shares(tables: dict[str, tuple[Layer, ...]]) -> Image.Image:
    """Draw the share of each layer in the parameters and multiply-adds of each config."""
    names = [layer.name for layer in max(tables.values(), key=len) if layer.num_parameters]
    shares = {}
    for config, layers in tables.items():
        for number, total in enumerate(total_counts(layers)):
            counts = {layer.name: layer.counts[number] for layer in layers}
            what = ("parameters", "multiply-adds")[number]
            shares[f"{config}: {what}"] = [100 * counts.get(name, 0) / total for name in names]
    return bar_chart(names, shares, x_label="share of the network, %")


# ── table 4 and grids ────────────────────────────────────────────────────────

NETWORK_COLUMNS = (
    "network",
    "parameters",
    "million multiply-adds",
    "seconds to train",
    "share of constant masks",
    "constant masks",
)

MIN_SUPER_CATEGORIES = 3
"""With fewer, the lists of changed queries hardly differ among the queries."""

SEEDS_NOTE = "Means over the seeds, and after ± their standard deviation."


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


def run_ablation(context: Context, options: AblationOptions) -> ExperimentResult:
    """Train and measure every variant.

    Raises:
        ConfigError: A variant's setting is wrong.
        UnknownNameError: The reference is no variant.
    """
    names = [spec.name for spec in options.variants]
    if options.reference not in names:
        raise UnknownNameError("variant", options.reference, names)
    study = Study(context, options)
    results = study.measure(options.variants)
    title = "Ablations of the network (table 4)"
    return _result(title, study, options.variants, results, options.reference)


def run_grid(context: Context, options: GridOptions) -> ExperimentResult:
    """Train and measure every point of a grid around the base config.

    Raises:
        ConfigError: The grid names a setting that does not exist, or a wrong value.
    """
    study, variants = Study(context, options), grid_variants(options)
    results = study.measure(variants)
    best, _ = max(zip(variants, results, strict=True), key=_goodness)
    notes = [
        f"The best by the mean of top-{options.k} accuracy and NDCG with one change: "
        f"{best.name}. It was measured on the {context.split} split."
    ]
    if context.split == "test":
        notes.append("To choose a setting, use the validation split.")
    if len(study.names) < MIN_SUPER_CATEGORIES:
        notes.append(
            "With so few super-categories, a query with one change consists mostly of the "
            "prototype: few different lists stand behind many queries."
        )
    return _result("Hyper-parameters", study, variants, results, variants[0].name, notes)


def _goodness(point: tuple[VariantSpec, Sequence[Measured]]) -> float:
    """Return the criterion of the best point; the accuracy alone may be perfect everywhere."""
    scores = [seed.plain.one_change for seed in point[1]]
    accuracy, ndcg = (score.top_k_accuracy for score in scores), (score.ndcg for score in scores)
    return pooled(accuracy).value + pooled(ndcg).value


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
    if options.vary == "all":
        points = [dict(zip(own, point, strict=True)) for point in product(*options.grid.values())]
    else:
        points = [own | {name: value} for name, values in options.grid.items() for value in values]
    once = {repr(point): point for point in (own, *points)}.values()
    return tuple(VariantSpec(name=_point_name(point, own), model=point) for point in once)


def _point_name(point: dict[str, Any], own: dict[str, Any]) -> str:
    differing = [f"{name} {value}" for name, value in point.items() if value != own[name]]
    if differing:
        return ", ".join(differing)
    return "base: " + ", ".join(f"{name} {value}" for name, value in own.items())


def _result(
    title: str,
    study: Study,
    variants: Sequence[VariantSpec],
    results: Sequence[Sequence[Measured]],
    reference: str,
    notes: Sequence[str] = (),
) -> ExperimentResult:
    """Return the figures of all variants, their differences to one of them, and the networks."""
    seeds, k, budget = study.options.seeds, study.options.k, study.base.train
    has_paper = any(spec.paper for spec in variants)
    rows: list[tuple[Cell, ...]] = []
    networks: list[tuple[Cell, ...]] = []
    compared: list[tuple[Cell, ...]] = []
    (whole,) = (
        found for spec, found in zip(variants, results, strict=True) if spec.name == reference
    )
    for spec, measured in zip(variants, results, strict=True):
        readings = [seed.plain for seed in measured]
        cells = [without_counts(table_3_cells(it.query, it.one_change)) for it in readings]
        printed = (spec.paper or (None, None)) if has_paper else ()
        rows.append((spec.name, *map(spread, zip(*cells, strict=True)), *printed))
        networks.append((spec.name, *_network_cells(spec.config(study.base).model, measured)))
        if spec.name != reference:
            compared.append((spec.name, *differences(measured, whole)))
    columns = ("network", *without_counts(table_3_columns(k)))
    first = results[0][0].plain
    about = (
        f"Super-categories: {', '.join(study.names)}. Each network: {budget.triplets:,} triplets, "
        f"{budget.epochs} {'epoch' if budget.epochs == 1 else 'epochs'}; seeds: "
        f"{', '.join(map(str, seeds))}. Ranked with the paper's plain distance. "
        f"{first.query.num_queries:,} queries without a change, "
        f"{first.one_change.num_queries:,} with one."
    )
    difference_table = Table(
        title=f"{DIFFERENCE} {reference}", columns=columns, rows=tuple(compared)
    )
    return ExperimentResult(
        title=title,
        columns=(
            *columns,
            *(("paper: query", "paper: query + attribute") if has_paper else ()),
        ),
        rows=tuple(rows),
        further=(
            difference_table,
            Table(title="The networks", columns=NETWORK_COLUMNS, rows=tuple(networks)),
        ),
        notes=(
            *verdicts(difference_table, reference),
            *notes,
            about,
            INTERVAL_NOTE if len(seeds) == 1 else SEEDS_NOTE,
            differences_note(seeds),
            "A mask is constant if over pictures of the split no entry of it has a standard "
            f"deviation of {LEAST_VARIATION} or more: such a mask attends to nothing. Parameters "
            "and multiply-adds are those of one network, masks those of all networks and seeds.",
        ),
        pictures={
            "accuracy": accuracy_chart(
                [spec.name for spec in variants],
                [[seed.plain for seed in measured] for measured in results],
                k,
            )
        },
    )


def _network_cells(config: ModelConfig, seeds: Sequence[Measured]) -> tuple[Cell, ...]:
    """Return the cells of the table of networks."""
    parameters, multiply_adds = total_counts(layers_of(config))
    found = [seed.metrics for seed in seeds]
    masks = [
        tuple(sum(counts) for counts in zip(*(it.masks[kind] for it in found), strict=True))
        for kind in found[0].masks
    ]
    kinds = [
        f"{kind} {constant} of {total}"
        for kind, (constant, total) in zip(found[0].masks, masks, strict=True)
    ]
    constant, total = map(sum, zip(*masks, strict=True)) if masks else (0, 0)
    return (
        parameters,
        multiply_adds / 1e6,
        round(sum(it.seconds for it in found) / len(found)),
        constant / total if total else None,
        ", ".join(kinds) or "no masks",
    )
