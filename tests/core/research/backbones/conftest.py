"""What the public ImageNet weights hold: names and shapes, written out apart from the networks."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

Shapes = dict[str, tuple[int, ...]]


@pytest.fixture(scope="session")
def published() -> dict[str, Shapes]:
    """Names and shapes of the public weights, their order too, the 1,000-way layer included."""
    return {"alexnet": _alexnet(), "resnet50": _resnet50(), "vit_b_16": _vit_b_16()}


@pytest.fixture
def public_file(tmp_path: Path, published: dict[str, Shapes]) -> Callable[..., Path]:
    """Write a file with the names and shapes of public weights, the n-th tensor all n / 1000.

    Each tensor is one number, repeated without being stored again: the files are small.
    """

    def write(name: str, other: Shapes | None = None, *, without: tuple[str, ...] = ()) -> Path:
        tensors = {
            key: torch.tensor(idx / 1000).expand(shape)
            for idx, (key, shape) in enumerate(published[name].items())
            if not key.endswith(without)
        }
        tensors |= {key: torch.zeros(()).expand(shape) for key, shape in (other or {}).items()}
        path = tmp_path / f"{name}.pth"
        torch.save(tensors, path)
        return path

    return write


def _alexnet() -> Shapes:
    return {
        "features.0.weight": (64, 3, 11, 11),
        "features.0.bias": (64,),
        "features.3.weight": (192, 64, 5, 5),
        "features.3.bias": (192,),
        "features.6.weight": (384, 192, 3, 3),
        "features.6.bias": (384,),
        "features.8.weight": (256, 384, 3, 3),
        "features.8.bias": (256,),
        "features.10.weight": (256, 256, 3, 3),
        "features.10.bias": (256,),
        "classifier.1.weight": (4096, 9216),
        "classifier.1.bias": (4096,),
        "classifier.4.weight": (4096, 4096),
        "classifier.4.bias": (4096,),
        "classifier.6.weight": (1000, 4096),
        "classifier.6.bias": (1000,),
    }


def _resnet50() -> Shapes:
    shapes: Shapes = {"conv1.weight": (64, 3, 7, 7), **_batch_norm("bn1", 64)}
    before = 64
    for layer, num, middle in ((1, 3, 64), (2, 4, 128), (3, 6, 256), (4, 3, 512)):
        for block in range(num):
            at = f"layer{layer}.{block}"
            shapes[f"{at}.conv1.weight"] = (middle, before, 1, 1)
            shapes |= _batch_norm(f"{at}.bn1", middle)
            shapes[f"{at}.conv2.weight"] = (middle, middle, 3, 3)
            shapes |= _batch_norm(f"{at}.bn2", middle)
            shapes[f"{at}.conv3.weight"] = (4 * middle, middle, 1, 1)
            shapes |= _batch_norm(f"{at}.bn3", 4 * middle)
            if block == 0:
                shapes[f"{at}.downsample.0.weight"] = (4 * middle, before, 1, 1)
                shapes |= _batch_norm(f"{at}.downsample.1", 4 * middle)
            before = 4 * middle
    return {**shapes, "fc.weight": (1000, 2048), "fc.bias": (1000,)}


def _batch_norm(at: str, channels: int) -> Shapes:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {**{f"{at}.{part}": (channels,) for part in parts}, f"{at}.num_batches_tracked": ()}


def _vit_b_16() -> Shapes:
    shapes: Shapes = {
        "class_token": (1, 1, 768),
        "conv_proj.weight": (768, 3, 16, 16),
        "conv_proj.bias": (768,),
        "encoder.pos_embedding": (1, 197, 768),
    }
    for idx in range(12):
        at = f"encoder.layers.encoder_layer_{idx}"
        shapes |= {
            f"{at}.ln_1.weight": (768,),
            f"{at}.ln_1.bias": (768,),
            f"{at}.self_attention.in_proj_weight": (2304, 768),
            f"{at}.self_attention.in_proj_bias": (2304,),
            f"{at}.self_attention.out_proj.weight": (768, 768),
            f"{at}.self_attention.out_proj.bias": (768,),
            f"{at}.ln_2.weight": (768,),
            f"{at}.ln_2.bias": (768,),
            f"{at}.mlp.0.weight": (3072, 768),
            f"{at}.mlp.0.bias": (3072,),
            f"{at}.mlp.3.weight": (768, 3072),
            f"{at}.mlp.3.bias": (768,),
        }
    return {
        **shapes,
        "encoder.ln.weight": (768,),
        "encoder.ln.bias": (768,),
        "heads.head.weight": (1000, 768),
        "heads.head.bias": (1000,),
    }
