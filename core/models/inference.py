"""All networks of a run over one batch of pictures, by what computes them fastest here.

Batch normalization is folded into the convolutions, pictures become floats once for all networks,
and a batch is so small that what a layer computes is still in the processor's cache for the next.
OpenVINO, the extra ``fast``, computes the same as one graph. A trial on real pictures compares it
with PyTorch, and bfloat16 with float32.
"""

import copy
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from datrnet.core.config import Precision, PrecisionChoice
from datrnet.core.errors import MissingPackageError, requirement
from datrnet.core.models.datrnet import DAtRNet, to_network_input
from datrnet.core.models.embedding import BATCH_SIZE

if TYPE_CHECKING:
    import openvino

BATCH_PIXELS = 64 * 64**2
"""Pixels of a batch on a processor: 64 pictures of 64 px, 4 of 256 px."""

TRIAL_BATCHES = 4
"""Batches of a trial; the fastest of each way counts."""

LEAST_COSINE = 0.995
"""Between an embedding in bfloat16 and the same in float32; below it, float32 is taken."""

WORTH = 1.25
"""How many times as fast as float32 bfloat16 must be to be taken."""

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Embed = Callable[[Pixels], Floats]


class FoldedNetworks(nn.Module):
    """The networks of a run as one, without batch normalization."""

    def __init__(self, networks: Iterable[DAtRNet], precision: Precision = "float32") -> None:
        super().__init__()
        self.networks = nn.ModuleList(folded(network) for network in networks)
        self.dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self.eval()
        self.to(self.dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels (B, S, S, 3), uint8, to embeddings (B, A, E), float32."""
        images = to_network_input(pixels).to(self.dtype, memory_format=torch.channels_last)
        return torch.stack([network(images) for network in self.networks], dim=1)

    def embed(self, pixels: Pixels) -> Floats:
        """Embed any number of pictures (N, S, S, 3); returns (N, A, E)."""
        device = next(self.parameters()).device
        size = batch_size(pixels.shape[1]) if device.type == "cpu" else BATCH_SIZE
        with torch.inference_mode():
            parts = [
                # a GPU receives bytes, not the floats of four bytes that they become
                self(torch.from_numpy(pixels[start : start + size]).to(device)).cpu().numpy()
                for start in range(0, max(1, len(pixels)), size)
            ]
        return np.concatenate(parts)


def batch_size(image_size: int) -> int:
    """Return how many pictures of a size a processor embeds at a time."""
    return max(1, BATCH_PIXELS // image_size**2)


def folded(network: DAtRNet) -> DAtRNet:
    """Return a copy for inference, its batch normalization made part of the convolutions."""
    network = copy.deepcopy(network).eval()
    for layers in network.modules():
        if isinstance(layers, nn.ReLU):
            layers.inplace = True  # each follows a layer whose output nothing else needs
        if not isinstance(layers, nn.Sequential):
            continue
        for place, (conv, norm) in enumerate(pairwise(layers)):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                layers[place] = fuse_conv_bn_eval(conv, norm)
                layers[place + 1] = nn.Identity()
    return network


def has_bfloat16(device: torch.device) -> bool:
    """Tell whether a device computes bfloat16 itself; emulated, it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # private, so a release of torch may drop it: float32 is right everywhere
    return bool(getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", bool)())


# ── OpenVINO ─────────────────────────────────────────────────────────────────


class OpenVinoGraph:
    """The networks of a run as a graph for the processor."""

    def __init__(self, networks: FoldedNetworks, image_size: int) -> None:
        """Convert the networks, which takes some seconds.

        Args:
            networks: In float32, on the processor.
            image_size: S of the pictures.

        Raises:
            MissingPackageError: The extra ``fast`` is not installed.
        """
        with requirement("Faster embedding needs"):
            import openvino
            from openvino.frontend import FrontEndManager
            from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

        shape = (batch_size(image_size), image_size, image_size, 3)
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # of tracing: the shape is fixed
            example = torch.zeros((1, *shape[1:]), dtype=torch.uint8)
            traced = torch.jit.trace(networks, example, check_trace=False)  # type: ignore[no-untyped-call]
        # openvino.convert_model does the same, and reports its use to Intel
        frontend = FrontEndManager().load_by_framework("pytorch")
        decoder = TorchScriptPythonDecoder(traced)  # must live until all is converted
        self._model = frontend.convert(frontend.load(decoder))
        self._model.reshape(list(shape))
        self._core = openvino.Core()
        self._shape = shape
        names = self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        self.has_bfloat16 = "BF16" in names

    def compiled(self, precision: Precision) -> Embed:
        """Return what embeds any number of pictures (N, S, S, 3) as (N, A, E)."""
        settings = {
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": 1,
        }
        shape, size = self._shape, self._shape[0]
        graph: openvino.CompiledModel = self._core.compile_model(self._model, "CPU", settings)

        def embed(pixels: Pixels) -> Floats:
            batch = np.zeros(shape, dtype=np.uint8)
            parts = []
            for start in range(0, len(pixels), size):
                some = pixels[start : start + size]
                batch[: len(some)] = some
                parts.append(graph(batch)[0][: len(some)].astype(np.float32))
            return np.concatenate(parts)

        return embed


# ── the trial ────────────────────────────────────────────────────────────────


@dataclass(slots=True, kw_only=True)
class Way:
    """One way to embed, and how it did in a trial."""

    library: str
    precision: Precision
    embed: Embed
    seconds: float = float("inf")
    """Of a batch, at best."""
    embeddings: list[Floats] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.precision} by {self.library}"


def fastest(
    networks: list[DAtRNet], pixels: Pixels, asked: PrecisionChoice, device: torch.device
) -> tuple[Way, str]:
    """Return the fastest way to embed and why, after a trial.

    Args:
        networks: Of a run.
        pixels: (N, S, S, 3); the first of them are embedded in every way.
        asked: The precision; ``auto`` takes bfloat16 where it is clearly faster and its embeddings
            are near enough to those in float32.
        device: What computes PyTorch's.
    """
    ways = _ways(networks, pixels.shape[1], asked, device)
    size = batch_size(pixels.shape[1]) if device.type == "cpu" else BATCH_SIZE
    for start in range(0, min(len(pixels), TRIAL_BATCHES * size), size):
        for way in ways:  # in turn, so that whatever else the machine does slows all alike
            begun = time.perf_counter()
            way.embeddings.append(way.embed(pixels[start : start + size]))
            way.seconds = min(way.seconds, time.perf_counter() - begun)
    return _chosen(ways, asked)


def _ways(
    networks: list[DAtRNet], image_size: int, asked: PrecisionChoice, device: torch.device
) -> list[Way]:
    """Return the ways to compare, PyTorch's float32 first."""
    plain = FoldedNetworks(networks)
    graph = None
    if device.type == "cpu":
        with suppress(MissingPackageError):
            graph = OpenVinoGraph(plain, image_size)
    ways = [Way(library="PyTorch", precision="float32", embed=plain.to(device).embed)]
    if asked != "float32" and has_bfloat16(device):
        half = FoldedNetworks(networks, "bfloat16").to(device)
        ways.append(Way(library="PyTorch", precision="bfloat16", embed=half.embed))
    if graph is not None and asked != "bfloat16":
        ways.append(Way(library="OpenVINO", precision="float32", embed=graph.compiled("float32")))
    if graph is not None and asked != "float32" and graph.has_bfloat16:
        ways.append(Way(library="OpenVINO", precision="bfloat16", embed=graph.compiled("bfloat16")))
    return ways


def _chosen(ways: list[Way], asked: PrecisionChoice) -> tuple[Way, str]:
    """Return the best of the ways after the trial, and why."""
    plain = ways[0]
    best = min((way for way in ways if way.precision == "float32"), key=lambda way: way.seconds)
    halves = [way for way in ways if way.precision == "bfloat16"]
    told = ""
    if halves:
        half = min(halves, key=lambda way: way.seconds)
        cosine = least_cosine(np.concatenate(half.embeddings), np.concatenate(plain.embeddings))
        is_near, is_worth = cosine >= LEAST_COSINE, WORTH * half.seconds <= best.seconds
        if asked == "bfloat16" or (is_near and is_worth):
            best = half
            told = f"; smallest cosine to float32 {cosine:.4f}"
        elif not is_near:
            told = f"; bfloat16 is too far from float32: smallest cosine {cosine:.4f}"
        else:
            told = f"; bfloat16 is only {best.seconds / half.seconds:.2f} times as fast"
    elif asked == "bfloat16":
        told = "; this processor does not support bfloat16"
    ratio = plain.seconds / best.seconds
    times = "" if best is plain else f", {ratio:.1f} times as fast as {plain} in a trial"
    return best, f"by {best.library}{times}{told}"


def least_cosine(some: Floats, others: Floats) -> float:
    """Return the smallest cosine between embeddings (N, A, E) of the same pictures."""
    lengths = np.linalg.norm(some, axis=2) * np.linalg.norm(others, axis=2)
    return float((np.einsum("nae,nae->na", some, others) / np.maximum(lengths, 1e-12)).min())
