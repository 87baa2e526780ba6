"""How fast pictures are embedded and networks trained, against the loop that first comes to mind.

    make bench        or        python benchmarks/embedding.py --write

The plain loop takes network after network, and for each reads every batch of pictures, computes in
float32, and keeps the result. Ours is what `datrnet index` does. Six untrained networks of the
configs `small` (64 px) and `paper` (256 px) take as long as trained ones; the pictures are made up,
JPEG files of 480 x 640 pixels. The sides of a ratio take turns, and the best time of each counts.
``--write`` renews docs/results/embedding.md; without the extra ``fast`` its rows are left out.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import get_args
from unittest.mock import patch

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as the commands do

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from datrnet.core.catalog.pictures import picture_pixels
from datrnet.core.config import Config, Precision
from datrnet.core.demo.catalog import write_demo_catalog
from datrnet.core.demo.prepare import shipped_run
from datrnet.core.models.datrnet import DAtRNet, to_network_input
from datrnet.core.models.inference import FoldedNetworks, batch_size, fastest, least_cosine
from datrnet.core.models.pixels import read_ahead, read_pixels
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.training.data import TrainingData, augment
from datrnet.core.training.network_learner import NetworkLearner
from datrnet.core.training.triplets import Objective

PAGE = Path(__file__).resolve().parent.parent / "docs" / "results" / "embedding.md"
TEMPLATE = Path(__file__).with_suffix(".md")
NUM_NETWORKS = 6
NUM_VALUES = 12
CPU = torch.device("cpu")

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A config, and how much is measured of it."""

    config: str
    num_pictures: int
    batch: int
    """Pictures of the plain loop at a time."""
    triplets: int
    """Of a training step."""
    turns: int


SIZES = (
    Size(config="small", num_pictures=256, batch=64, triplets=32, turns=3),
    Size(config="paper", num_pictures=4, batch=4, triplets=2, turns=2),
)


@dataclass(slots=True)
class Timed:
    """Something that is measured: its best times and its last result."""

    name: str
    run: Callable[[], Floats]
    wall: float = float("inf")
    processor: float = float("inf")
    result: Floats = field(default_factory=lambda: np.empty(0, dtype=np.float32))


def take_turns(all_timed: Sequence[Timed], turns: int) -> None:
    """Measure everything several times, in turns, so that what else runs slows all alike."""
    for _ in range(turns):
        for timed in all_timed:
            wall, processor = time.perf_counter(), time.process_time()
            timed.result = timed.run()
            timed.wall = min(timed.wall, time.perf_counter() - wall)
            timed.processor = min(timed.processor, time.process_time() - processor)


def main() -> None:
    """Measure every size, and print or write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="renew docs/results/embedding.md")
    parser.add_argument("--threads", type=int, help="threads of PyTorch and OpenVINO")
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            for line in of_size(size, Path(folder)):
                print(line, flush=True)
                lines.append(line)
        for line in nearness(Path(folder)):
            print(line, flush=True)
            lines.append(line)
    if given.write:
        page = TEMPLATE.read_text("utf-8").replace("{machine}", machine())
        PAGE.write_text(page.replace("{figures}", "\n".join(lines).strip()), "utf-8")


def of_size(size: Size, folder: Path) -> Iterator[str]:
    """Yield the section of a size."""
    config = Config.load(size.config).model
    side = config.image_size
    torch.manual_seed(0)
    networks = [DAtRNet(config).eval() for _ in range(NUM_NETWORKS)]
    pictures = made_up(size.num_pictures, folder / size.config)
    pixels, _ = read_pixels(pictures, side)
    ways = {"PyTorch, float32": FoldedNetworks(networks).embed}
    with without_openvino():
        way, reason = fastest(networks, pixels, "auto", CPU)
        ways["as without extras"] = way.embed
    chosen = {"as without extras": f"{way.precision} {reason.partition('. ')[0]}"}
    if has_openvino():
        way, reason = fastest(networks, pixels, "auto", CPU)
        ways["with `datrnet[fast]`"] = way.embed
        chosen["with `datrnet[fast]`"] = f"{way.precision} {reason}"
    yield f"\n## {side} px, config `{size.config}`\n"
    alone = [Timed("plain loop", lambda: plain_loop(networks, pixels, size.batch))]
    alone += [Timed(name, lambda embed=embed: embed(pixels)) for name, embed in ways.items()]
    take_turns(alone, size.turns)
    yield from table("networks only", alone, len(pixels))
    whole = [Timed("plain loop", lambda: plain_loop(networks, pictures, size.batch))]
    whole += [
        Timed(name, lambda embed=embed: index_loop(embed, pictures, side))
        for name, embed in ways.items()
    ]
    take_turns(whole, size.turns)
    yield from table("with reading the pictures", whole, len(pixels))
    for name, words in chosen.items():
        yield f"- What a trial chose {name}: {words}."
    read = min(timed_once(lambda: read_pixels(pictures, side)) for _ in range(3))
    yield f"- Reading a picture takes {1000 * read / len(pictures):.1f} ms, once for all networks."
    yield ""
    yield from training(size, pictures, pixels)


def table(title: str, all_timed: Sequence[Timed], number: int) -> Iterator[str]:
    """Yield the rows of a table of pictures per second."""
    first = all_timed[0]
    yield f"| {title} | pictures a second | times as fast | in processor time | smallest cosine |"
    yield "|---|---:|---:|---:|---:|"
    for timed in all_timed:
        yield (
            f"| {timed.name} | {number / timed.wall:.1f} | {first.wall / timed.wall:.1f} "
            f"| {first.processor / timed.processor:.1f} "
            f"| {least_cosine(timed.result, first.result):.4f} |"
        )
    yield ""


@torch.inference_mode()
def plain_loop(networks: list[DAtRNet], pictures: Sequence[Path] | Pixels, batch: int) -> Floats:
    """Embed pictures network by network; files are read again for each."""
    side = networks[0].config.image_size
    blocks = []
    for network in networks:
        parts = []
        for start in range(0, len(pictures), batch):
            some = pictures[start : start + batch]
            pixels = some if isinstance(some, np.ndarray) else read_one_by_one(some, side)
            parts.append(network(to_network_input(torch.from_numpy(pixels)).contiguous()).numpy())
        blocks.append(np.concatenate(parts))
    return np.stack(blocks, axis=1)


def read_one_by_one(pictures: Sequence[Path], side: int) -> Pixels:
    """Read pictures as a plain loop does."""
    return np.stack([picture_pixels(picture, side) for picture in pictures])


def index_loop(embed: Callable[[Pixels], Floats], pictures: Sequence[Path], side: int) -> Floats:
    """Embed pictures as `datrnet index` does, in smaller parts, as the pictures are few."""
    step = max(batch_size(side), len(pictures) // 4)
    parts = [pictures[start : start + step] for start in range(0, len(pictures), step)]
    read = read_ahead(lambda part: read_pixels(part, side)[0], parts)
    return np.concatenate([embed(pixels) for pixels in read])


def training(size: Size, pictures: Sequence[Path], pixels: Pixels) -> Iterator[str]:
    """Yield how fast training steps are, and what their time goes into."""
    config = Config.load(size.config)
    config = replace(config, train=replace(config.train, batch_triplets=size.triplets))
    labels = np.arange(len(pixels), dtype=np.int16)[:, None] % min(NUM_VALUES, len(pixels) // 2)
    data = TrainingData(
        pixels=pixels,
        labels=labels,
        all_values=labels[:, :, None],
        is_validation=np.zeros(len(pixels), dtype=bool),
        features=Path(),
    )
    learners = {}
    for precision in get_args(Precision):
        of_precision = replace(config, train=replace(config.train, precision=precision))
        learners[precision] = NetworkLearner(of_precision, data, 0, NUM_VALUES)
        learners[precision].start_stage(0)
        batch = learners[precision].start_epoch(0, 1, 0.0)[0]
    learner = learners["float32"]
    rows = learner._triplets[batch].T.reshape(-1)
    plain = DAtRNet(config.model).train()
    objective = Objective(config.train, NUM_VALUES, config.model.embedding_size)
    optimizer = torch.optim.AdamW([*plain.parameters(), *objective.parameters()])
    sets = torch.from_numpy(labels[rows].astype(np.int64))

    def plain_step(read: Callable[[], Pixels]) -> Floats:
        images = to_network_input(torch.from_numpy(read())).contiguous()
        images = augment(images, config.train, torch.Generator().manual_seed(0)).contiguous()
        loss, _ = objective(plain(images), sets, warming_up=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return np.empty(0, dtype=np.float32)

    def our_step(learner: NetworkLearner) -> Floats:
        loss, _ = learner.loss(0, batch)
        assert learner.optimizer is not None
        learner.optimizer.zero_grad()
        loss.backward()
        learner.optimizer.step()
        return np.empty(0, dtype=np.float32)

    images = torch.zeros(len(rows), 3, *[config.model.image_size] * 2)
    images = images.to(memory_format=torch.channels_last)

    def only_network() -> Floats:
        learner.network(images).sum().backward()
        return np.empty(0, dtype=np.float32)

    def read_all() -> Pixels:
        return read_one_by_one([pictures[row] for row in rows], config.model.image_size)

    steps = [
        Timed(
            "plain loop",
            lambda: plain_step(
                lambda: read_one_by_one([pictures[r] for r in rows], images.shape[2])
            ),
        ),
        Timed("plain loop, pixels in memory", lambda: plain_step(lambda: pixels[rows])),
        Timed("ours", lambda: our_step(learner)),
        Timed('ours, `precision = "bfloat16"`', lambda: our_step(learners["bfloat16"])),
        Timed("of that, the network forward and backward", only_network),
    ]
    take_turns(steps, size.turns)
    yield f"| training steps of {len(rows)} pictures | pictures a second | times as fast |"
    yield "|---|---:|---:|"
    for timed in steps[:4]:
        yield f"| {timed.name} | {len(rows) / timed.wall:.1f} | {steps[0].wall / timed.wall:.1f} |"
    yield ""
    share = min(1.0, steps[4].wall / steps[2].wall)
    yield f"- {share:.0%} of our step is the network, forward and backward."


def nearness(folder: Path) -> Iterator[str]:
    """Yield how near bfloat16 comes on the demo's trained networks and its garments."""
    write_demo_catalog(folder / "demo", num_items=300)
    run = RunFolder.open(shipped_run())
    pictures = sorted((folder / "demo").rglob("*.jpg"))
    pixels, _ = read_pixels(pictures, run.config.model.image_size)
    networks = [run.load_network(idx) for idx in range(len(run.super_categories))]
    exact = FoldedNetworks(networks).embed(pixels)
    way, _ = fastest(networks, pixels, "bfloat16", CPU)
    half = way.embed(pixels)
    same = [
        len(np.intersect1d(some, others)) / 30
        for some, others in zip(nearest(exact), nearest(half), strict=True)
    ]
    yield "\n## How near bfloat16 comes\n"
    yield (
        f"The demo's trained networks, {len(pixels)} of its garments, {way}: the smallest cosine "
        f"of an embedding to that in float32 is {least_cosine(half, exact):.4f}; of the 30 nearest "
        f"{np.mean(same):.1%} are the same."
    )


def nearest(embeddings: Floats) -> NDArray[np.int64]:
    """Return the 30 nearest of each, by all blocks equally."""
    flat = embeddings.reshape(len(embeddings), -1)
    return np.argsort(-(flat @ flat.T), axis=1)[:, :30]


def made_up(number: int, folder: Path) -> list[Path]:
    """Write pictures with smooth colors and some texture."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    paths = [folder / f"{idx}.jpg" for idx in range(number)]
    for path in paths:
        coarse = Image.fromarray(rng.integers(0, 255, (8, 6, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((480, 640), Image.Resampling.BICUBIC)).astype(np.int16)
        noisy = smooth + rng.integers(-12, 12, smooth.shape, dtype=np.int16)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=85)
    return paths


def has_openvino() -> bool:
    """Tell whether the extra ``fast`` is installed."""
    return find_spec("openvino") is not None


@contextmanager
def without_openvino() -> Iterator[None]:
    """Hide the extra ``fast``."""
    with patch.dict(sys.modules, {"openvino": None}):
        yield


def timed_once(run: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def machine() -> str:
    """Return what computes, in words."""
    info = Path("/proc/cpuinfo")
    text = info.read_text("utf-8") if info.exists() else ""
    has = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in text]
    return f"{torch.get_num_threads()} threads, instructions {', '.join(has) or 'unknown'}"


if __name__ == "__main__":
    main()
