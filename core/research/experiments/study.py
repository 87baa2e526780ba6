"""Studies: variants of a network, trained with one budget and measured alike.

Every variant has a run folder inside the experiment's; finished variants are not trained again, so
that a stopped study resumes.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from datrnet.core.catalog.catalog import Catalog, split_rows
from datrnet.core.config import Config, at_least
from datrnet.core.errors import CheckpointError, ConfigError, DataError
from datrnet.core.models.pixels import read_pixels
from datrnet.core.models.run_folder import RUN_FILE, RunFolder, plain_name, write_atomically
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.metrics import Metrics, measure, read_metrics
from datrnet.core.training.data import TrainingData, load_training_data
from datrnet.core.training.events import BatchDone, FeaturesCached, PicturesRead, TrainEvent
from datrnet.core.training.run import train_networks, untrainable_super_categories
from datrnet.db.rows import SuperCategory

PROGRESS_STEPS = 100_000
"""Total of the progress of a training."""


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
        values["model"] |= self.model
        values["train"] |= self.train
        values["system"] |= self.system
        return Config.from_dict(values, source=f"variant {self.name!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyOptions:
    """The settings of all studies."""

    base: str = "small"
    """The config that is varied: small, paper, or a TOML file."""
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


class Study:
    """The data of a study, read once, and its variants, trained and measured in turn."""

    def __init__(self, context: Context, options: StudyOptions) -> None:
        """Choose the super-categories.

        Raises:
            ConfigError: There are too few that can be learned.
            UnknownNameError: A super-category does not exist.
            DataError: The split has no item.
        """
        self._context = context
        self._options = options
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

    def measure(self, variants: Sequence[tuple[str, Config]]) -> list[list[Metrics]]:
        """Return the metrics of every variant, one for each seed.

        Raises:
            CheckpointError: Another program is running this study.
            DataError: A split has no readable picture.
        """
        folder, seeds = self._context.folder, self._options.seeds
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise CheckpointError(
                f"Another program is running the experiment {folder.name}.",
                hint="Wait until it finishes.",
            ) from error
        results: list[list[Metrics]] = []
        total = len(variants) * len(seeds)
        try:
            for number, (name, config) in enumerate(variants):
                results.append([])
                for place, seed in enumerate(seeds):
                    step = f"{number + 1} of {len(variants)}: {name}"
                    if len(seeds) > 1:
                        step += f", seed {place + 1} of {len(seeds)}"
                    done = number * len(seeds) + place
                    results[-1].append(self._measured(config.with_seed(seed), step, done, total))
        finally:
            lock.release()
        return results

    def _measured(self, config: Config, step: str, done: int, total: int) -> Metrics:
        """Return the metrics of a run, trained if need be; ``done`` of ``total`` runs precede."""
        context = self._context
        run = self._run_folder(config)
        path = run.path / f"figures-{context.split}-{self._options.k}.json"
        if (known := read_metrics(path)) is not None:
            return known

        def on_event(event: TrainEvent) -> None:
            if isinstance(event, BatchDone):
                share = (names.index(event.super_category) + event.share) / len(names)
                context.on_whole((done + share) / total)
                context.on_progress(step, round(PROGRESS_STEPS * share), PROGRESS_STEPS)
            elif isinstance(event, PicturesRead):
                self._on_pictures_read(event.done, event.total)
            elif isinstance(event, FeaturesCached):
                context.on_progress("Caching features", event.done, event.total)

        system = config.system
        names = [system.name]
        if system.is_datrnet:
            names = [category.name for category in run.super_categories]
        data = self._training_data(run)
        train_networks(run, data, on_event)
        context.on_progress(f"Measuring {step}", 0, 1)
        pixels, rows = self._gallery_data(config.model.image_size)
        labels = context.catalog.encode_labels(run.super_categories)[rows]
        metrics = measure(run, data, pixels, labels, self._options.k)
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
        labels = zlib.crc32(catalog.labels.tobytes())
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
