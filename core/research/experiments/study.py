"""Studies: networks that differ in one thing, trained with one budget and measured alike.

Every variant has a run folder of its own inside the experiment's; what is finished is not done
again, so that a study goes on where it was stopped.
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
from datrnet.core.training.events import BatchDone, FeaturesKept, PicturesRead, TrainEvent
from datrnet.core.training.run import train_networks, untrainable_super_categories
from datrnet.db.rows import SuperCategory


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantSpec:
    """A network of a study, as its file describes it."""

    name: str
    model: dict[str, Any] = field(default_factory=dict)
    """Settings of [model] that differ from the base config's."""
    train: dict[str, Any] = field(default_factory=dict)
    """The same of [train]."""
    system: dict[str, Any] = field(default_factory=dict)
    """The same of [system]."""
    paper: tuple[float, ...] = ()
    """The paper's top-30 accuracy of query and of query + attribute, where it has them."""

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
    """What all studies share."""

    base: str = "small"
    """The config that is varied: small, paper, or a TOML file."""
    super_categories: tuple[str, ...] = ()
    """Those to train; none takes the first ``num_super_categories`` that can be learnt."""
    num_super_categories: int = 2
    """0 takes all."""
    train: dict[str, Any] = field(default_factory=dict)
    """The budget: settings of [train] that are the same for all variants."""
    model: dict[str, Any] = field(default_factory=dict)
    """Settings of [model] that are the same for all variants, but where one says otherwise."""
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
    """The data of a study, read once, and its variants trained and measured one by one."""

    def __init__(self, context: Context, options: StudyOptions) -> None:
        """Choose the super-categories.

        Raises:
            ConfigError: There are too few that can be learnt.
            UnknownNameError: One that is named does not exist.
        """
        self._setting = context
        self._folder = context.folder
        self._options = options
        self.super_categories = _chosen(context.catalog, options)
        self._rows = split_rows(context.catalog, context.split)
        if len(self._rows) == 0:
            raise DataError(
                f"The catalogue has no item of the split {context.split!r}.",
                mend="Choose another --split.",
            )
        self._training: dict[int, TrainingData] = {}
        self._gallery: dict[int, tuple[NDArray[np.uint8], NDArray[np.int64]]] = {}

    @property
    def num_items(self) -> int:
        """How many items of the catalogue the split has."""
        return len(self._rows)

    def measure(self, variants: Sequence[tuple[str, Config]]) -> list[list[Metrics]]:
        """Return the figures of every variant, one for each seed.

        Raises:
            CheckpointError: Another program is at this study.
            DataError: A split has no readable picture.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._folder / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise CheckpointError(
                f"Another program is at the experiment {self._folder.name}.", mend="Wait for it."
            ) from error
        try:
            return [
                [
                    self._measured(
                        config.with_seed(seed),
                        Part(name, number, len(variants), place, len(self._options.seeds)),
                    )
                    for place, seed in enumerate(self._options.seeds)
                ]
                for number, (name, config) in enumerate(variants)
            ]
        finally:
            lock.release()

    def _measured(self, config: Config, part: "Part") -> Metrics:
        run = self._run_folder(config)
        path = run.path / f"figures-{self._setting.split}-{self._options.k}.json"
        if (known := read_metrics(path)) is not None:
            return known
        data = self._training_data(run)
        train_networks(run, data, _Told(self._setting, part, run))
        self._setting.on_progress(f"Measuring {part.step}", 0, 1)
        pixels, rows = self._gallery_data(run.config.model.image_size)
        labels = self._setting.catalog.encode_labels(run.super_categories)[rows]
        measured = measure(run, data, pixels, labels, self._options.k)
        write_atomically(path, json.dumps(asdict(measured)))
        return measured

    def _run_folder(self, config: Config) -> RunFolder:
        """Return the folder of a config on this catalogue, made if it is absent."""
        settings = {key: value for key, value in config.to_dict().items() if key != "name"}
        if config.system.is_datrnet:
            del settings["system"]  # says nothing of it, but for how long
            if config.system.minutes:
                settings["minutes"] = config.system.minutes
        parts = (json.dumps(settings, sort_keys=True), *map(str, self.super_categories))
        digest = zlib.crc32("\n".join((*parts, self._catalog_digest)).encode())
        name = f"{plain_name(config.name)[:40]}-{config.train.seed}-{digest:08x}"
        path = self._folder / "runs" / name
        if (path / RUN_FILE).exists():
            return RunFolder.open(path)
        run = RunFolder(path=path, config=config, super_categories=self.super_categories)
        run.create()
        return run

    @cached_property
    def _catalog_digest(self) -> str:
        """What tells this catalogue from another, so that its networks are not taken for it."""
        catalog = self._setting.catalog
        labels = zlib.crc32(catalog.labels.tobytes())
        items = repr((list(catalog.codes), catalog.splits.tolist()))
        return f"{labels} {zlib.crc32(items.encode())}"

    def _training_data(self, run: RunFolder) -> TrainingData:
        size = run.config.model.image_size
        if size not in self._training:
            self._training = {
                size: load_training_data(
                    self._setting.workspace, self._setting.catalog, run, self._tell_reading
                )
            }
        return self._training[size]

    def _gallery_data(self, size: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return the pixels of the split and the rows of the catalogue that they are of."""
        if size not in self._gallery:
            workspace, catalog = self._setting.workspace, self._setting.catalog
            pictures = [workspace.picture(catalog.picture_paths[row]) for row in self._rows]
            pixels, readable = read_pixels(pictures, size, self._tell_reading)
            if not readable:
                raise DataError(
                    f"No item of the split {self._setting.split!r} has a readable picture.",
                    mend="Import the catalogue again with its pictures in place.",
                )
            self._gallery = {size: (pixels, self._rows[readable])}
        return self._gallery[size]

    def _tell_reading(self, done: int, total: int) -> None:
        self._setting.on_progress("Reading pictures", done, total)


@dataclass(frozen=True, slots=True)
class Part:
    """One training of a study, and its place among all."""

    name: str
    number: int
    """Of its variant, from 0."""
    num_variants: int
    seed: int
    """Its place among the seeds, from 0."""
    num_seeds: int

    @property
    def step(self) -> str:
        """What is shown of it."""
        seed = f", seed {self.seed + 1} of {self.num_seeds}" if self.num_seeds > 1 else ""
        return f"{self.number + 1} of {self.num_variants}: {self.name}{seed}"

    def share(self, done: float) -> float:
        """Return what share of the whole study is done when so much of this part is."""
        before = self.number * self.num_seeds + self.seed
        return (before + done) / (self.num_variants * self.num_seeds)


class _Told:
    """Turns a training's events into the progress of a step, and of the whole study."""

    def __init__(self, context: Context, part: Part, run: RunFolder) -> None:
        self._on_progress, self._on_whole = context.on_progress, context.on_whole
        self._part, self._step = part, part.step
        system = run.config.system
        self._names = (
            [one.name for one in run.super_categories] if system.is_datrnet else [system.name]
        )

    def __call__(self, event: TrainEvent) -> None:
        if isinstance(event, BatchDone):
            before = self._names.index(event.super_category) * event.num_batches
            total = len(self._names) * event.num_batches
            self._on_whole(self._part.share((before + event.batches_done) / total))
            self._on_progress(self._step, before + event.batches_done, total)
        elif isinstance(event, PicturesRead):
            self._on_progress("Reading pictures", event.done, event.total)
        elif isinstance(event, FeaturesKept):
            self._on_progress("Keeping features", event.done, event.total)


def _chosen(catalog: Catalog, options: StudyOptions) -> tuple[SuperCategory, ...]:
    reasons = untrainable_super_categories(catalog)
    idxs = [catalog.super_category_idx(name) for name in options.super_categories]
    idxs = (
        list(dict.fromkeys(idxs))
        or [idx for idx, one in enumerate(catalog.super_categories) if one.name not in reasons][
            : options.num_super_categories or None
        ]
    )
    chosen = tuple(catalog.super_categories[idx] for idx in idxs)
    for one in chosen:
        if one.name in reasons:
            raise ConfigError(
                f"{one.name} cannot be learnt: {reasons[one.name]}.",
                mend="Label more training items.",
            )
    if not chosen:
        raise ConfigError(
            "The catalogue has no super-category that can be learnt.",
            mend="Import a table with attribute columns, and items in the train split.",
        )
    return chosen
