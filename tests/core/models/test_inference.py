"""All networks of a run at once embed as each does alone."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from datrnet.core.config import ModelConfig
from datrnet.core.models.datrnet import DAtRNet
from datrnet.core.models.embedding import embed
from datrnet.core.models.inference import FoldedNetworks, batch_size

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)


def networks(**config: object) -> list[DAtRNet]:
    """Return two networks whose batch normalization does something."""
    torch.manual_seed(0)
    made = [
        DAtRNet(ModelConfig(image_size=16, filters=4, num_ase=2, embedding_size=8, **config))  # type: ignore[arg-type]
        for _ in range(2)
    ]
    for layer in (layer for network in made for layer in network.modules()):
        if isinstance(layer, nn.BatchNorm2d):
            for values in (layer.weight.data, layer.running_mean, layer.running_var):
                assert values is not None
                values.uniform_(0.5, 1.5)
    return made


def one_by_one(made: list[DAtRNet]) -> NDArray[np.float32]:
    return np.stack([embed(network, PIXELS) for network in made], axis=1)


@pytest.mark.parametrize(
    "config",
    [{}, {"multi_scale": "residual"}, {"multi_scale": "asymmetric"}, {"batch_norm": False}],
)
def test_folding_changes_no_embedding(config: dict[str, object]) -> None:
    made = networks(**config)
    folded = FoldedNetworks(made)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    np.testing.assert_allclose(folded.embed(PIXELS), one_by_one(made), atol=1e-5)


def test_batches_are_put_together_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = networks()
    fast = FoldedNetworks(made)
    monkeypatch.setattr("datrnet.core.models.inference.BATCH_PIXELS", 2 * 16**2)
    assert batch_size(16) == 2
    np.testing.assert_allclose(fast.embed(PIXELS), one_by_one(made), atol=1e-5)
    assert fast.embed(PIXELS[:0]).shape == (0, 2, 8)
