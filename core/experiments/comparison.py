"""Every system of the paper's tables 2 and 3, trained with one budget and measured alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from PIL import Image

from datrnet.core.config import Config, SystemChoice
from datrnet.core.errors import ConfigError, UnknownNameError, nearest
from datrnet.core.evaluation.metrics import Estimate
from datrnet.core.evaluation.protocol import Score
from datrnet.core.experiments.charts import dot_chart
from datrnet.core.experiments.measured import Measured, over_seeds, pooled, spread
from datrnet.core.experiments.outcome import Cell, Outcome, Table
from datrnet.core.experiments.scores import INTERVAL_NOTE
from datrnet.core.experiments.setting import Setting
from datrnet.core.experiments.study import Study, StudyOptions, VariantSpec
from datrnet.core.models.run_folder import plain_name
from datrnet.core.systems.making import check_choices

ALL = "all"

MOST_STAGES = 3
"""Of FashionSearchNet: fewer epochs are not enough for one of each."""

DATRNET = SystemChoice().name


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(StudyOptions):
    """The systems are the variants; their budget is that of [train] and [system]."""

    num_super_categories: int = 0
    systems: tuple[str, ...] = (ALL,)
    """Which rows: by system, as adde-m, or by their own names; all by default."""

    def chosen(self) -> tuple[VariantSpec, ...]:
        """Return the rows that are asked for, in the order of the table.

        Raises:
            UnknownNameError: A name is neither a row's nor a system's.
            ConfigError: There is no row, or a setting that all of them replace.
        """
        names = {ALL}.union(*map(_names_of, self.variants))
        wanted = {plain_name(name) for name in self.systems}
        for name in self.systems:
            if plain_name(name) not in names:
                mend = nearest(name, names)
                if not mend.startswith("Did"):
                    mend = f"Known: {', '.join(sorted(names))}."
                raise UnknownNameError("system of this comparison", name, names, mend=mend)
        found = tuple(one for one in self.variants if wanted & {ALL, *_names_of(one)})
        if not found:
            raise ConfigError("No system is to be compared.", mend="Write: systems = ['all']")
        on_backbone = [one for one in found if one.system.get("name", DATRNET) != DATRNET]
        for name in self.system:
            if on_backbone and all(name in one.system for one in on_backbone):
                raise ConfigError(
                    f"system.{name} has no effect: every row has its own.",
                    mend="Change the rows, in a copy of the experiment's file.",
                )
        return found


def _names_of(variant: VariantSpec) -> set[str]:
    return {plain_name(variant.name), str(variant.system.get("name", DATRNET))}


def run(setting: Setting, options: Options) -> Outcome:
    """Train and measure every system on all super-categories that can be learnt.

    Raises:
        ConfigError: A system's setting is wrong.
        UnknownNameError: There is no such system, row or backbone.
    """
    specs = options.chosen()
    study = Study(setting, options)
    base = options.base_config()
    variants = [(one.name, one.config(base)) for one in specs]
    check_choices([(one.system, one.model.image_size) for _, one in variants])
    results = study.measure(variants)
    names = [one.name for one in study.super_categories]
    found = list(zip([one.name for one in specs], results, strict=True))
    return Outcome(
        title=f"Query, and query with an attribute (table 3), {setting.split} split",
        columns=("system", *_figure_columns(options.k)),
        rows=tuple((name, *_figure_cells(some, lambda one: _plain(one))) for name, some in found),
        further=(
            Table(
                title=f"Top-{options.k} with one change, by what is changed (table 2)",
                columns=("system", *names, "macro mean"),
                rows=tuple((name, *_cells_by_category(some, names)) for name, some in found),
            ),
            Table(
                title="With weights of the super-categories chosen on the validation items",
                columns=("system", *_figure_columns(options.k)),
                rows=tuple((name, *_figure_cells(some, _weighed)) for name, some in found),
            ),
            Table(
                title="What it takes",
                columns=(
                    "system",
                    "parameters",
                    "seconds to train",
                    "ms to embed a picture",
                    "µs to rank a query",
                ),
                rows=tuple((name, *_costs(some)) for name, some in found),
            ),
        ),
        notes=_notes(options, base, names, results[0][0], study.num_items),
        pictures={"accuracy": _chart(options.k, found)},
    )


Found = Sequence[tuple[str, Sequence[Measured]]]


def _figure_columns(k: int) -> tuple[str, ...]:
    return (
        f"query: top-{k}",
        f"query: NDCG@{k}",
        f"query + attribute: top-{k}",
        f"query + attribute: NDCG@{k}",
        "NDCG of the change",
        "NDCG of the rest",
    )


def _plain(one: Measured) -> tuple[Score, Score]:
    return one.query, one.one_change


def _weighed(one: Measured) -> tuple[Score, Score]:
    return one.weighed or _plain(one)


def _figure_cells(
    some: Sequence[Measured], scores: Callable[[Measured], tuple[Score, Score]]
) -> tuple[Cell, ...]:
    return (
        spread(some, lambda one: scores(one)[0].top_k_accuracy),
        spread(some, lambda one: scores(one)[0].ndcg),
        spread(some, lambda one: scores(one)[1].top_k_accuracy),
        spread(some, lambda one: scores(one)[1].ndcg),
        spread(some, lambda one: scores(one)[1].ndcg_target),
        spread(some, lambda one: scores(one)[1].ndcg_others),
    )


def _cells_by_category(some: Sequence[Measured], names: Sequence[str]) -> tuple[Cell, ...]:
    """Return a column for each super-category that a query changes, and their mean."""
    # which changes can be asked for is the split's, the same for all seeds
    columns = {
        name: [one.by_super_category[name].top_k_accuracy.value for one in some]
        for name in names
        if name in some[0].by_super_category
    }
    means = np.mean(list(columns.values()), axis=0).tolist() if columns else []
    return (*(over_seeds(columns.get(name, ())) for name in names), over_seeds(means))


def _costs(some: Sequence[Measured]) -> tuple[Cell, ...]:
    return (
        some[0].num_parameters,
        round(float(np.mean([one.seconds for one in some]))),
        float(np.mean([one.milliseconds for one in some])),
        float(np.mean([one.microseconds for one in some])),
    )


def _notes(
    options: Options, base: Config, names: Sequence[str], first: Measured, num_items: int
) -> tuple[str, ...]:
    whole = (
        f"The split has {num_items} items and a list {options.k}: it is nearly the whole split, "
        f"so that top-{options.k} says little. NDCG still tells the systems apart; a smaller k, "
        "or the split all, says more.",
    )
    return (
        *(whole if num_items < 2 * options.k else ()),
        f"Super-categories: {', '.join(names)}. Every system sees the same pictures of the "
        f"training items ({base.model.image_size} px), {_budget(base)}; the best epoch by the "
        f"validation items is kept. {first.query.num_queries:,} queries without a change, "
        f"{first.one_change.num_queries:,} with one.",
        "Table 3 and table 2 rank by each system's own distance, where all super-categories weigh "
        "alike (FashionSearchNet learns weights for each change); the table after them with "
        "weights as `datrnet index` chooses them. AMNet has one entangled block, which cannot be "
        "weighed.",
        f"{_seeds(options)} Seconds to train are those of its epochs, measuring included; "
        "milliseconds and microseconds are of this machine, whatever else it did: embedding the "
        "whole split at a time, ranking many queries at a time.",
    )


def _budget(base: Config) -> str:
    if base.system.minutes:
        time = timedelta(minutes=base.system.minutes)
        return f"for {time} (hours, minutes, seconds) of wall time each"
    epochs = base.train.epochs
    least = ", one at the least," if epochs < MOST_STAGES else ""
    words = f"{epochs} {'epoch' if epochs == 1 else 'epochs'}"
    return f"for {words} each, which the stages of a system share{least}"


def _seeds(options: Options) -> str:
    if len(options.seeds) == 1:
        return f"Seed {options.seeds[0]}. {INTERVAL_NOTE}"
    seeds = ", ".join(map(str, options.seeds))
    return f"Means over the seeds {seeds}, and after ± their standard deviation."


def _chart(k: int, found: Found) -> Image.Image:
    figures: dict[str, list[Estimate]] = {
        "query": [pooled(some, lambda it: it.query.top_k_accuracy) for _, some in found],
        "query + attribute": [
            pooled(some, lambda it: it.one_change.top_k_accuracy) for _, some in found
        ],
    }
    return dot_chart(
        [name for name, _ in found],
        {name: [one.value for one in some] for name, some in figures.items()},
        x_label=f"top-{k} accuracy",
        intervals={name: [(one.low, one.high) for one in some] for name, some in figures.items()},
        width=8.5,
    )
