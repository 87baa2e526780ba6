"""Studies: variants of a network, trained with one budget and measured alike.

Every variant has a run folder inside the experiment's; finished variants are not trained again, so
that a stopped study resumes.
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from PIL import Image

from datrnet.core.catalog.catalog import Catalog, group_numbers, split_rows
from datrnet.core.config import Config, at_least
from datrnet.core.errors import CheckpointError, ConfigError, DataError
from datrnet.core.evaluation.metrics import Estimate
from datrnet.core.models.pixels import read_pixels
from datrnet.core.models.run_folder import RUN_FILE, RunFolder, plain_name
from datrnet.core.progress import BatchDone, FeaturesCached, PicturesRead, TrainEvent
from datrnet.core.research.experiments.charts import dot_chart
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.measurement import Measured, Reading, measure
from datrnet.core.research.experiments.result import UNKNOWN, Cell, Spread
from datrnet.core.research.systems.registry import check_choices
from datrnet.core.training.data import TrainingData, load_training_data
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

    def measure(
        self, variants: Sequence[VariantSpec], *, in_all_readings: bool = False
    ) -> list[list[Measured]]:
        """Return every variant measured, once for each seed.

        Args:
            variants: What is trained.
            in_all_readings: See ``measurement.measure``.

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
        results: list[list[Measured]] = []
        with lock:
            for number, (spec, config) in enumerate(zip(variants, configs, strict=True)):
                results.append([])
                for place, seed in enumerate(seeds):
                    step = f"{number + 1} of {len(variants)}: {spec.name}"
                    if len(seeds) > 1:
                        step += f", seed {place + 1} of {len(seeds)}"
                    runs = number * len(seeds) + place, len(variants) * len(seeds)
                    measured = self._measured(
                        config.with_seed(seed), step, *runs, in_all_readings=in_all_readings
                    )
                    results[-1].append(measured)
        return results

    def _measured(
        self, config: Config, step: str, done: int, total: int, *, in_all_readings: bool
    ) -> Measured:
        """Return a measured run, trained if need be; ``done`` of ``total`` runs precede."""
        context = self._context
        run = self._run_folder(config)
        path = run.path / f"figures-{context.split}-{self.options.k}.json"
        try:
            return Measured.read(path)
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
        measured = measure(
            run,
            data,
            pixels,
            sets,
            self.options.k,
            group_numbers(context.catalog, rows),
            in_all_readings=in_all_readings,
        )
        measured.keep(path)
        return Measured.read(path)  # rounded as it is kept: a repetition comes to the same

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


def figures_over_seeds(seeds: Sequence[Reading]) -> dict[str, Estimate]:
    """Return the figures that variants are compared by, over seeds."""
    return {
        "query": pooled(seed.query.top_k_accuracy for seed in seeds),
        "query + attribute": pooled(seed.one_change.top_k_accuracy for seed in seeds),
        "NDCG of the change": pooled(seed.one_change.ndcg_target for seed in seeds),
    }


def accuracy_chart(
    names: Sequence[str], results: Sequence[Sequence[Reading]], k: int
) -> Image.Image:
    """Draw the accuracies of several variants without a change and with one."""
    found = list(map(figures_over_seeds, results))
    dots = {use: [figures[use] for figures in found] for use in ("query", "query + attribute")}
    return dot_chart(names, dots, x_label=f"top-{k} accuracy", width=8.5)
