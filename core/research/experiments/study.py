"""Studies: variants of a network, trained with one budget and measured alike.

Every variant has a run folder inside the experiment's; finished variants are not trained again, so
that a stopped study resumes.
"""

import json
import time
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from PIL import Image
from pydantic import TypeAdapter

from datrnet.core.catalog.catalog import Catalog, group_numbers, split_rows
from datrnet.core.config import Config, at_least
from datrnet.core.errors import CheckpointError, ConfigError, DataError
from datrnet.core.evaluation.metrics import Estimate
from datrnet.core.evaluation.protocol import Protocol, Score, evaluate
from datrnet.core.evaluation.queries import QuerySet, draw_queries
from datrnet.core.evaluation.ranking import Gallery, choose_weights, rank
from datrnet.core.indexing.build import run_manipulation
from datrnet.core.indexing.embedder import Embedder
from datrnet.core.models.pixels import read_pixels
from datrnet.core.models.run_folder import RUN_FILE, RunFolder, plain_name, write_atomically
from datrnet.core.progress import BatchDone, FeaturesCached, PicturesRead, TrainEvent
from datrnet.core.research.experiments.charts import dot_chart
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.result import UNKNOWN, Cell, Spread
from datrnet.core.research.systems.registry import check_choices
from datrnet.core.retrieval.manipulation import Manipulation, load_manipulation
from datrnet.core.training.data import TrainingData, load_training_data
from datrnet.core.training.run import train_networks, untrainable_super_categories
from datrnet.db.rows import SuperCategory

PROGRESS_STEPS = 100_000
"""Total of the progress of a training."""

RANKED_TIMES = 3
"""How often the same queries are ranked to measure the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantSpec:
    """A variant as the file of the experiment describes it."""

    name: str
    model: dict[str, Any] = field(default_factory=dict)
    """Settings of [model] that differ from the base config's."""
    train: dict[str, Any] = field(default_factory=dict)
    """The same of [train]."""
    system: dict[str, Any] = field(default_factory=dict)
    """The same of [system]."""
    paper: tuple[float, ...] = ()
    """The paper's top-30 accuracy of query and of query + attribute, if it has them."""

    def config(self, base: Config) -> Config:
        """Return the config of this variant.

        Raises:
            ConfigError: A setting does not exist or is out of range.
        """
        values = base.to_dict()
        for section in ("model", "train", "system"):
            values[section] |= getattr(self, section)
        return Config.from_dict(values, source=f"variant {self.name!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyOptions:
    """The settings of all studies."""

    base: str = "small"
    """The config that is varied: small, paper, demo, or a TOML file."""
    super_categories: tuple[str, ...] = ()
    """Those to train; none for the first ``num_super_categories`` that can be learned."""
    num_super_categories: int = 2
    """0 for all."""
    train: dict[str, Any] = field(default_factory=dict)
    """The budget: settings of [train] that are the same for all variants."""
    model: dict[str, Any] = field(default_factory=dict)
    """Settings of [model] for all variants; a variant may override them."""
    system: dict[str, Any] = field(default_factory=dict)
    """The same of [system]."""
    seeds: tuple[int, ...] = (0,)
    k: int = 30
    variants: tuple[VariantSpec, ...] = ()

    def __post_init__(self) -> None:
        """Check ranges."""
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ConfigError(f"seeds is {list(self.seeds)}; it must name each seed once.")
        at_least(self, num_super_categories=0, k=1)

    def base_config(self) -> Config:
        """Return the config that is varied, with the budget.

        Raises:
            ConfigError: There is no such config, or a setting is wrong.
        """
        shared = VariantSpec(
            name="shared settings", model=self.model, train=self.train, system=self.system
        )
        return shared.config(Config.load(self.base))


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The metrics of one trained variant."""

    seconds: float
    """Training time of all its networks, whatever else the machine did."""
    query: Score
    """Without a change, by the paper's plain distance, so that nothing is chosen."""
    one_change: Score
    """The same with one."""
    by_super_category: dict[str, Score]
    """One change, by what is changed."""
    weighed: tuple[Score, Score] | None
    """Query and one change with weights of the blocks chosen on the validation items; None where
    there is a single block, or too few items to choose by."""
    num_parameters: int
    """Of all networks together."""
    milliseconds: float
    """To embed one picture, with the whole split at a time."""
    microseconds: float
    """To compute one query vector and rank the whole split by it, with many queries at a time."""


METRICS = TypeAdapter(Metrics)


class Study:
    """The data of a study, read once, and its variants, trained and measured in turn."""

    def __init__(self, context: Context, options: StudyOptions) -> None:
        """Choose the super-categories.

        Raises:
            ConfigError: The base config is wrong, or too few can be learned.
            UnknownNameError: A super-category does not exist.
            DataError: The split has no item.
        """
        self._context = context
        self.options = options
        self.base = options.base_config()
        self.super_categories = _chosen_super_categories(context.catalog, options)
        self._rows = split_rows(context.catalog, context.split)
        if len(self._rows) == 0:
            raise DataError(
                f"The catalog has no item of the split {context.split!r}.",
                hint="Choose another --split.",
            )
        # of the last image size only
        self._training: dict[int, TrainingData] = {}
        self._gallery: dict[int, tuple[NDArray[np.uint8], NDArray[np.int64]]] = {}

    @property
    def num_items(self) -> int:
        """The number of the catalog's items in the split."""
        return len(self._rows)

    @property
    def names(self) -> list[str]:
        """The names of the super-categories."""
        return [category.name for category in self.super_categories]

    def measure(self, variants: Sequence[VariantSpec]) -> list[list[Metrics]]:
        """Return the metrics of every variant, one for each seed.

        Raises:
            ConfigError: A setting of a variant is wrong.
            UnknownNameError: There is no such system or backbone.
            CheckpointError: Another program is running this study.
            DataError: A split has no readable picture.
        """
        # all configs are checked before the first training
        configs = [spec.config(self.base) for spec in variants]
        check_choices([(config.system, config.model.image_size) for config in configs])
        folder, seeds = self._context.folder, self.options.seeds
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock = FileLock(folder / "lock").acquire(timeout=0)
        except Timeout as error:
            raise CheckpointError(
                f"Another program is running the experiment {folder.name}.",
                hint="Wait until it finishes.",
            ) from error
        results: list[list[Metrics]] = []
        with lock:
            for number, (spec, config) in enumerate(zip(variants, configs, strict=True)):
                results.append([])
                for place, seed in enumerate(seeds):
                    step = f"{number + 1} of {len(variants)}: {spec.name}"
                    if len(seeds) > 1:
                        step += f", seed {place + 1} of {len(seeds)}"
                    runs = number * len(seeds) + place, len(variants) * len(seeds)
                    results[-1].append(self._measured(config.with_seed(seed), step, *runs))
        return results

    def _measured(self, config: Config, step: str, done: int, total: int) -> Metrics:
        """Return the metrics of a run, trained if need be; ``done`` of ``total`` runs precede."""
        context = self._context
        run = self._run_folder(config)
        path = run.path / f"figures-{context.split}-{self.options.k}.json"
        try:
            return METRICS.validate_json(path.read_bytes())
        except (OSError, ValueError):  # there are none, or another version's
            pass

        def on_event(event: TrainEvent) -> None:
            if isinstance(event, BatchDone):
                share = (networks.index(event.super_category) + event.share) / len(networks)
                context.on_whole((done + share) / total)
                context.on_progress(step, round(PROGRESS_STEPS * share), PROGRESS_STEPS)
            elif isinstance(event, PicturesRead):
                self._on_pictures_read(event.done, event.total)
            elif isinstance(event, FeaturesCached):
                context.on_progress("Caching features", event.done, event.total)

        system = config.system
        networks = self.names if system.is_datrnet else [system.name]
        data = self._training_data(run)
        train_networks(run, data, on_event)
        context.on_progress(f"Measuring {step}", 0, 1)
        pixels, rows = self._gallery_data(config.model.image_size)
        sets = context.catalog.encode_value_sets(run.super_categories)[rows]
        metrics = measure(
            run, data, pixels, sets, self.options.k, group_numbers(context.catalog, rows)
        )
        write_atomically(path, json.dumps(asdict(metrics)))
        return metrics

    def _run_folder(self, config: Config) -> RunFolder:
        """Return the folder of a config on this catalog; make it if it is absent."""
        settings = {key: value for key, value in config.to_dict().items() if key != "name"}
        if config.system.is_datrnet:
            del settings["system"]  # only its minutes affect DAtRNet
            if config.system.minutes:
                settings["minutes"] = config.system.minutes
        parts = (json.dumps(settings, sort_keys=True), *map(str, self.super_categories))
        digest = zlib.crc32("\n".join((*parts, self._catalog_digest)).encode())
        name = f"{plain_name(config.name)[:40]}-{config.train.seed}-{digest:08x}"
        path = self._context.folder / "runs" / name
        if (path / RUN_FILE).exists():
            return RunFolder.open(path)
        run = RunFolder(path=path, config=config, super_categories=self.super_categories)
        run.create()
        return run

    @cached_property
    def _catalog_digest(self) -> str:
        """A digest of the catalog, so that networks of another one are not reused."""
        catalog = self._context.catalog
        labels = zlib.crc32(np.ascontiguousarray(catalog.value_sets).tobytes())
        items = repr((list(catalog.codes), catalog.splits.tolist()))
        return f"{labels} {zlib.crc32(items.encode())}"

    def _training_data(self, run: RunFolder) -> TrainingData:
        size, context = run.config.model.image_size, self._context
        if size not in self._training:
            data = load_training_data(
                context.workspace, context.catalog, run, self._on_pictures_read
            )
            self._training = {size: data}
        return self._training[size]

    def _gallery_data(self, size: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the pixels of the split and their rows of the catalog."""
        if size not in self._gallery:
            workspace, catalog = self._context.workspace, self._context.catalog
            pictures = [workspace.picture(catalog.picture_paths[row]) for row in self._rows]
            pixels, readable = read_pixels(pictures, size, self._on_pictures_read)
            if not readable:
                raise DataError(
                    f"No item of the split {self._context.split!r} has a readable picture.",
                    hint="Import the catalog again with its pictures in place.",
                )
            self._gallery = {size: (pixels, self._rows[readable])}
        return self._gallery[size]

    def _on_pictures_read(self, done: int, total: int) -> None:
        self._context.on_progress("Reading pictures", done, total)


def _chosen_super_categories(catalog: Catalog, options: StudyOptions) -> tuple[SuperCategory, ...]:
    reasons = untrainable_super_categories(catalog)
    named = dict.fromkeys(map(catalog.super_category_idx, options.super_categories))
    trainable = [c for c in catalog.super_categories if c.name not in reasons]
    chosen = [catalog.super_categories[idx] for idx in named]
    chosen = chosen or trainable[: options.num_super_categories or None]
    for category in chosen:
        if category.name in reasons:
            raise ConfigError(
                f"{category.name} cannot be learned: {reasons[category.name]}.",
                hint="Label more training items.",
            )
    if not chosen:
        raise ConfigError(
            "The catalog has no super-category that can be learned.",
            hint="Import a table with attribute columns, and items in the train split.",
        )
    return tuple(chosen)


# ── metrics of a run ─────────────────────────────────────────────────────────


def measure(
    run: RunFolder,
    data: TrainingData,
    pixels: NDArray[np.uint8],
    value_sets: NDArray[np.int16],
    k: int,
    groups: NDArray[np.intp] | None = None,
) -> Metrics:
    """Return the metrics of a finished run.

    Args:
        run: The run.
        data: What it was trained on; its validation items choose weights.
        pixels: (N, S, S, 3) of a split, which is queries and gallery.
        value_sets: (N, A, L) of it, in the numbering of the run.
        k: Length of the lists.
        groups: (N,) number of the group of each item; None if each is a group of its own.

    Raises:
        CheckpointError: The run's weights are absent or damaged.
    """
    embedder = Embedder(run)
    manipulation = _manipulation(run, data, embedder)
    started = time.monotonic()
    embeddings = embedder.embed(pixels)
    seconds = time.monotonic() - started
    gallery = Gallery(
        embeddings=embeddings,
        labels=value_sets[:, :, 0],
        all_values=value_sets,
        manipulation=manipulation,
        groups=groups,
    )
    names = [category.name for category in run.super_categories]
    protocol = Protocol(k=k, max_changes=1)
    query_sets = draw_queries(value_sets, (0, 1), num_changeable=len(names), groups=groups)
    equal = weights = gallery.equal_weights
    query, one_change = evaluate(gallery, names, equal, protocol, query_sets=query_sets)
    validation = np.flatnonzero(data.is_validation)
    if len(validation):
        validated = Gallery(
            embeddings=embedder.embed(data.pixels[validation]),
            labels=data.labels[validation],
            all_values=data.value_sets[validation],
            manipulation=manipulation,
            groups=data.groups_of(validation),
        )
        weights = choose_weights(validated)
    weighed = None
    if weights != equal:
        cases = evaluate(gallery, names, weights, protocol, query_sets=query_sets)
        weighed = (cases[0].overall, cases[1].overall)
    log = run.log_path.read_text("utf-8").splitlines()
    return Metrics(
        seconds=float(sum(json.loads(line)["seconds"] for line in log)),
        query=query.overall,
        one_change=one_change.overall,
        by_super_category=one_change.by_super_category,
        weighed=weighed,
        num_parameters=embedder.num_parameters,
        milliseconds=1e3 * seconds / len(pixels),
        microseconds=1e6 * _ranking_seconds(gallery, query_sets[1], k),
    )


def _manipulation(run: RunFolder, data: TrainingData, embedder: Embedder) -> Manipulation:
    if not run.config.system.is_datrnet:
        return load_manipulation(run.manipulation_path)
    train = np.flatnonzero(~data.is_validation)
    return run_manipulation(run, embedder.embed(data.pixels[train]), data.value_sets[train])


def _ranking_seconds(gallery: Gallery, queries: QuerySet, k: int) -> float:
    """Return how long one of many queries takes, the fastest of a few times."""
    times = []
    for _ in range(RANKED_TIMES):
        started = time.perf_counter()
        for _part in rank(gallery, queries, gallery.equal_weights, k, query_in_gallery=True):
            pass
        times.append(time.perf_counter() - started)
    return min(times) / max(1, len(queries))


# ── over seeds ───────────────────────────────────────────────────────────────


def pooled(cells: Iterable[Cell]) -> Estimate:
    """Return the mean of a figure over seeds, and what the intervals of all seeds span."""
    known = [cell for cell in cells if isinstance(cell, Estimate)]
    if not known:
        return UNKNOWN
    return Estimate(
        float(np.mean([estimate.value for estimate in known])),
        min(estimate.low for estimate in known),
        max(estimate.high for estimate in known),
    )


def spread(cells: Iterable[Cell]) -> Cell:
    """Return a figure over seeds: a single one as it is, else mean and deviation."""
    known = [cell for cell in cells if isinstance(cell, float | Estimate)]
    if len(known) < 2:
        return known[0] if known else None
    values = [cell.value if isinstance(cell, Estimate) else cell for cell in known]
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)))


def figures_over_seeds(seeds: Sequence[Metrics]) -> dict[str, Estimate]:
    """Return the figures that variants are compared by, over seeds."""
    return {
        "query": pooled(seed.query.top_k_accuracy for seed in seeds),
        "query + attribute": pooled(seed.one_change.top_k_accuracy for seed in seeds),
        "NDCG of the change": pooled(seed.one_change.ndcg_target for seed in seeds),
    }


def accuracy_chart(
    names: Sequence[str], results: Sequence[Sequence[Metrics]], k: int
) -> Image.Image:
    """Draw the accuracies of several variants without a change and with one."""
    found = list(map(figures_over_seeds, results))
    dots = {use: [figures[use] for figures in found] for use in ("query", "query + attribute")}
    return dot_chart(names, dots, x_label=f"top-{k} accuracy", width=8.5)
