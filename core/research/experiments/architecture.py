"""Table 1 as built: each layer's shapes, parameters and multiply-adds."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor, nn

from datrnet.core.config import Config, ModelConfig
from datrnet.core.models.datrnet import DAtRNet
from datrnet.core.research.experiments.charts import bar_chart
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.result import Cell, ExperimentResult

Shapes = dict[nn.Module, tuple[torch.Size, torch.Size]]
"""The shapes of input and output of each module."""

COLUMNS = (
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
    num_parameters: int
    multiply_adds: int
    """Of its convolutions and dense layers, for one picture."""


def run(context: Context, options: ArchitectureOptions) -> ExperimentResult:
    """List the layers of each config.

    Raises:
        ConfigError: There is no such config.
    """
    tables = {}
    for done, name in enumerate(options.configs):
        context.on_progress("Configs", done, len(options.configs))
        config = Config.load(name)
        tables[config.name] = layers_of(config.model)
    context.on_progress("Configs", len(options.configs), len(options.configs))
    rows = [row for name, layers in tables.items() for row in _rows(name, layers)]
    return ExperimentResult(
        title="Architecture as built (table 1)",
        columns=COLUMNS,
        rows=tuple(rows),
        notes=(
            *(_agreement(name, layers) for name, layers in tables.items()),
            "Shapes are height×width×channels of one picture. One such network is trained for "
            "every super-category.",
            "Multiply-adds count convolutions and dense layers, those inside each ASE included; "
            "biases, normalization and pooling are not counted.",
            "The paper writes the first layer as Conv (32, (3,3), 2), which in its notation means "
            "stride 2, but lists an output of the input's size; the config `paper` has stride 1, "
            "which agrees with every later row.",
        ),
        pictures={"architecture": _chart(tables)} if tables else {},
    )


def layers_of(config: ModelConfig) -> tuple[Layer, ...]:
    """Return the layers of a network in the order of table 1, without computing anything."""
    with torch.device("meta"):  # shapes without numbers
        network = DAtRNet(config).eval()
        images = torch.empty(1, 3, config.image_size, config.image_size)
    shapes = _shapes(network, images)
    layers = [
        Layer(
            name=name,
            input=_plain(shapes[module][0]),
            output=_plain(shapes[module][1]),
            num_parameters=sum(parameter.numel() for parameter in module.parameters()),
            multiply_adds=sum(_multiply_adds(part, shapes) for part in module.modules()),
        )
        for name, module in _rows_of_table_1(network).items()
    ]
    last_map = layers[-3].output
    pooling = Layer(
        name="Global Avg. Pool",
        input=last_map,
        output=last_map[-1:],
        num_parameters=0,
        multiply_adds=0,
    )
    return (*layers[:-2], pooling, *layers[-2:])


def _rows_of_table_1(network: DAtRNet) -> dict[str, nn.Module]:
    """Return the modules of table 1 by name; the average pooling is not a module."""
    modules: dict[str, nn.Module] = {"Conv": network.stem}
    for number, stage in enumerate(network.stages, start=1):
        pooling, ase = stage.children()
        modules |= {f"Max Pool-{number}": pooling, f"ASE-{number}": ase}
    return modules | {"Dense-1": network.dense, "Dense-2": network.embedding}


def _shapes(network: DAtRNet, images: Tensor) -> Shapes:
    """Return the shapes of all inputs and outputs."""
    shapes: Shapes = {}

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        shapes[module] = (inputs[0].shape, output.shape)

    for module in network.modules():
        module.register_forward_hook(note)
    with torch.inference_mode():
        network(images)
    return shapes


def _multiply_adds(module: nn.Module, shapes: Shapes) -> int:
    """Return the multiply-adds of a module itself: every output number is a weighted sum."""
    if not isinstance(module, nn.Conv2d | nn.Linear):
        return 0
    return shapes[module][1].numel() * module.weight[0].numel()


def _plain(shape: torch.Size) -> tuple[int, ...]:
    """Return (1, C, H, W) as (H, W, C), and (1, C) as (C,)."""
    _, channels, *sides = shape
    return (*sides, channels)


def _rows(config: str, layers: tuple[Layer, ...]) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = [
        (
            config,
            layer.name,
            _written(layer.input),
            _written(layer.output),
            layer.num_parameters,
            layer.multiply_adds,
            *IN_THE_PAPER.get(layer.name, (None, None)),
        )
        for layer in layers
    ]
    parameters = sum(layer.num_parameters for layer in layers)
    multiply_adds = sum(layer.multiply_adds for layer in layers)
    first, last = rows[0][2], rows[-1][3]
    return [*rows, (config, "total", first, last, parameters, multiply_adds, None, None)]


def _agreement(config: str, layers: tuple[Layer, ...]) -> str:
    """Say how many layers have the shapes of the paper."""
    as_printed = sum(
        IN_THE_PAPER.get(layer.name) == (_written(layer.input), _written(layer.output))
        for layer in layers
    )
    return f"{as_printed} of the {len(layers)} layers of `{config}` have the paper's shapes."


def _written(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _chart(tables: Mapping[str, tuple[Layer, ...]]) -> Image.Image:
    """Draw the share of each layer in the parameters and multiply-adds of each config."""
    names = [layer.name for layer in max(tables.values(), key=len) if layer.num_parameters]
    shares = {}
    for config, layers in tables.items():
        for what, count in (("parameters", "num_parameters"), ("multiply-adds", "multiply_adds")):
            total = sum(getattr(layer, count) for layer in layers)
            by_name = {layer.name: 100 * getattr(layer, count) / total for layer in layers}
            shares[f"{config}: {what}"] = [by_name.get(name, 0.0) for name in names]
    return bar_chart(names, shares, x_label="share of the network, %")
