"""All networks of a run at once embed as each does alone."""

import sys

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from datrnet.core.config import ModelConfig, Precision, PrecisionChoice
from datrnet.core.models.datrnet import DAtRNet
from datrnet.core.models.embedding import embed
from datrnet.core.models.inference import (
    FoldedNetworks,
    OpenVinoGraph,
    Way,
    _chosen,
    batch_size,
    fastest,
    least_cosine,
)

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


# ── the trial ────────────────────────────────────────────────────────────────


def way(library: str, precision: Precision, seconds: float, nearness: float = 1) -> Way:
    """Return a way that a trial has measured, with a cosine to float32."""
    block = np.array([[[nearness, (1 - nearness**2) ** 0.5]]], dtype=np.float32)
    return Way(
        library=library,
        precision=precision,
        embed=lambda pixels: block,
        seconds=seconds,
        embeddings=[block],
    )


@pytest.mark.parametrize(
    ("asked", "half", "chosen", "told"),
    [
        ("auto", way("OpenVINO", "bfloat16", 1, 0.999), "bfloat16", "cosine to float32 0.9990"),
        (
            "auto",
            way("OpenVINO", "bfloat16", 1, 0.99),
            "float32",
            "too far from float32: smallest cosine 0.9900",
        ),
        ("auto", way("OpenVINO", "bfloat16", 1.9), "float32", "only 1.05 times as fast"),
        ("bfloat16", way("PyTorch", "bfloat16", 9, 0.99), "bfloat16", "0.9900"),
        ("bfloat16", None, "float32", "this processor does not support bfloat16"),
        ("float32", None, "float32", "by OpenVINO, 2.0 times as fast as float32 by PyTorch"),
    ],
)
def test_bfloat16_is_taken_where_it_is_faster_and_near(
    asked: PrecisionChoice, half: Way | None, chosen: Precision, told: str
) -> None:
    ways = [way("PyTorch", "float32", 4), way("OpenVINO", "float32", 2)]
    best, reason = _chosen([*ways, half] if half else ways, asked)
    assert best.precision == chosen
    assert told in reason


def test_a_trial_takes_what_it_has_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datrnet.core.models.inference.BATCH_PIXELS", 2 * 16**2)
    made = networks()
    best, reason = fastest(made, PIXELS, "float32", torch.device("cpu"))
    assert reason.startswith(f"by {best.library}")
    np.testing.assert_allclose(best.embed(PIXELS), one_by_one(made), atol=1e-5)


def test_a_trial_does_without_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    best, reason = fastest(networks(), PIXELS, "float32", torch.device("cpu"))
    assert best.library == "PyTorch"
    assert reason == "by PyTorch"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_openvino_embeds_as_pytorch_does(precision: Precision) -> None:
    pytest.importorskip("openvino", reason="needs the extra fast")
    made = networks()
    graph = OpenVinoGraph(FoldedNetworks(made), 16)
    if precision == "bfloat16" and not graph.has_bfloat16:
        pytest.skip("this processor does not support bfloat16")
    found = graph.compiled(precision)(PIXELS)
    assert least_cosine(found, one_by_one(made)) > {"float32": 0.99999, "bfloat16": 0.99}[precision]
