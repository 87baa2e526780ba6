"""The listing of layers agrees with numbers computed by hand and with a real pass."""

from dataclasses import replace

import pytest
import torch

from datrnet.core.config import Config, ModelConfig
from datrnet.core.errors import ConfigError
from datrnet.core.models.datrnet import DAtRNet
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.network import (
    IN_THE_PAPER,
    ArchitectureOptions,
    Layer,
    layers_of,
    run_architecture,
)


def by_name(config: ModelConfig) -> dict[str, Layer]:
    """Return the layers by their names."""
    return {layer.name: layer for layer in layers_of(config)}


def test_a_convolution_is_counted_as_by_hand() -> None:
    conv = by_name(ModelConfig())["Conv"]
    # 3 x 3 x 3 weights for each of 32 filters at 256 x 256 places; normalization has 2 x 32
    assert conv.multiply_adds == 3 * 3 * 3 * 32 * 256 * 256
    assert conv.num_parameters == 3 * 3 * 3 * 32 + 2 * 32
    assert (conv.input, conv.output) == ((256, 256, 3), (256, 256, 32))


def test_a_dense_layer_is_counted_as_by_hand() -> None:
    dense = by_name(ModelConfig())["Dense-2"]
    assert dense.multiply_adds == 256 * 128
    assert dense.num_parameters == 256 * 128 + 128


def test_an_ase_is_the_sum_of_what_it_has_inside() -> None:
    plain = ModelConfig(
        image_size=16,
        filters=4,
        num_ase=1,
        batch_norm=False,
        input_conv=False,
        multi_scale="residual",
        attention=(),
    )
    ase = by_name(plain)["ASE-1"]
    # two 3 x 3 convolutions 4 -> 8 -> 8, a 1 x 1 shortcut 4 -> 8, an output 3 x 3 8 -> 8
    weights = 9 * 4 * 8 + 9 * 8 * 8 + 4 * 8 + 9 * 8 * 8
    assert ase.multiply_adds == 8 * 8 * weights
    assert ase.num_parameters == weights + 4 * 8


@pytest.mark.parametrize("name", ["small", "demo"])
def test_layers_follow_each_other_and_hold_all_parameters(name: str) -> None:
    config = Config.load(name).model
    layers = layers_of(config)
    assert [layer.output for layer in layers[:-1]] == [layer.input for layer in layers[1:]]
    network = DAtRNet(config).eval()
    assert sum(layer.num_parameters for layer in layers) == sum(
        parameter.numel() for parameter in network.parameters()
    )
    with torch.inference_mode():
        output = network(torch.zeros(1, 3, config.image_size, config.image_size))
    assert layers[-1].output == tuple(output.shape[1:])


def test_the_paper_config_has_the_shapes_of_table_1(context: Context) -> None:
    result = run_architecture(context, ArchitectureOptions(configs=("paper", "small")))
    paper = {row[1]: row for row in result.rows if row[0] == "paper" and row[1] != "total"}
    assert {name: row[2:4] for name, row in paper.items()} == IN_THE_PAPER
    assert {name: row[6:] for name, row in paper.items()} == IN_THE_PAPER
    assert result.notes[0] == "10 of the 10 layers of `paper` have the paper's shapes."
    assert all(len(row) == len(result.columns) for row in result.rows)


def test_the_total_is_the_sum_of_the_rows_above(context: Context) -> None:
    *rows, total = run_architecture(context, ArchitectureOptions(configs=("small",))).rows
    assert total[1] == "total"
    for column in (4, 5):
        assert total[column] == sum(row[column] for row in rows)


def test_one_ase_less_is_one_row_pair_less() -> None:
    config = replace(Config.load("small").model, num_ase=2)
    assert "ASE-2" in by_name(config)
    assert "ASE-3" not in by_name(config)


def test_an_unknown_config_is_refused(context: Context) -> None:
    with pytest.raises(ConfigError, match="papre"):
        run_architecture(context, ArchitectureOptions(configs=("papre",)))


def test_the_chart_is_not_blank(context: Context) -> None:
    picture = run_architecture(context, ArchitectureOptions(configs=("small",))).pictures[
        "architecture"
    ]
    assert len(picture.getcolors(10**6)) > 10
