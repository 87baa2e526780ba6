"""Every system of the paper's tables 2 and 3, trained with one budget and measured alike."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import numpy as np

from datrnet.core.config import Config, SystemChoice
from datrnet.core.errors import ConfigError, UnknownNameError, nearest
from datrnet.core.evaluation.protocol import Score
from datrnet.core.models.run_folder import plain_name
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.result import (
    INTERVAL_NOTE,
    Cell,
    ExperimentResult,
    Table,
    table_3_cells,
    table_3_columns,
)
from datrnet.core.research.experiments.study import (
    Metrics,
    Study,
    StudyOptions,
    VariantSpec,
    accuracy_chart,
    spread,
)

Entry = TypeVar("Entry")

ALL = "all"

MOST_STAGES = 3
"""The stages of FashionSearchNet; each takes at least an epoch."""

DATRNET = SystemChoice().name

COST_COLUMNS = (
    "parameters",
    "seconds to train",
    "ms to embed a picture",
    "µs to rank a query",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonOptions(StudyOptions):
    """The systems are the variants; their budget is that of [train] and [system]."""

    num_super_categories: int = 0
    systems: tuple[str, ...] = (ALL,)
    """The rows by system, such as adde-m, or by their own names; all by default."""

    def chosen(self) -> tuple[VariantSpec, ...]:
        """Return the chosen rows, in the order of the table.

        Raises:
            UnknownNameError: A name is neither a row's nor a system's.
            ConfigError: There is no row, or a setting that all of them replace.
        """
        names = {ALL}.union(*map(_names_of, self.variants))
        wanted = {plain_name(name) for name in self.systems}
        for name in self.systems:
            if plain_name(name) not in names:
                hint = nearest(name, names)
                if not hint.startswith("Did"):
                    hint = f"Known: {', '.join(sorted(names))}."
                raise UnknownNameError("system of this comparison", name, names, hint=hint)
        found = tuple(spec for spec in self.variants if wanted & {ALL, *_names_of(spec)})
        if not found:
            raise ConfigError("No system is selected.", hint="Write: systems = ['all']")
        on_backbone = [spec for spec in found if spec.system.get("name", DATRNET) != DATRNET]
        for name in self.system:
            if on_backbone and all(name in spec.system for spec in on_backbone):
                raise ConfigError(
                    f"system.{name} has no effect: every row has its own.",
                    hint="Change the rows, in a copy of the experiment's file.",
                )
        return found


def _names_of(variant: VariantSpec) -> set[str]:
    return {plain_name(variant.name), str(variant.system.get("name", DATRNET))}


def run(context: Context, options: ComparisonOptions) -> ExperimentResult:
    """Train and measure every system on all super-categories that can be learned.

    Raises:
        ConfigError: A system's setting is wrong.
        UnknownNameError: There is no such system, row or backbone.
    """
    specs, study = options.chosen(), Study(context, options)
    results = study.measure(specs)
    columns = table_3_columns(options.k)
    names = study.names

    def table(
        title: str, columns: Iterable[str], cells: Callable[[Sequence[Metrics]], tuple[Cell, ...]]
    ) -> Table:
        rows = [(spec.name, *cells(seeds)) for spec, seeds in zip(specs, results, strict=True)]
        return Table(title=title, columns=("system", *columns), rows=tuple(rows))

    table_3 = table(
        f"Query, and query with an attribute (table 3), {context.split} split",
        without_counts(columns),
        lambda seeds: _figure_cells((seed.query, seed.one_change) for seed in seeds),
    )
    further = (
        table(
            f"Top-{options.k} with one change, by what is changed (table 2)",
            (*names, "macro mean"),
            lambda seeds: _cells_by_category(seeds, names),
        ),
        table(
            "With weights of the super-categories chosen on the validation items",
            without_counts(columns),
            lambda seeds: _figure_cells(
                seed.weighed or (seed.query, seed.one_change) for seed in seeds
            ),
        ),
        table("What it takes", COST_COLUMNS, _costs),
    )
    return ExperimentResult(
        title=table_3.title,
        columns=table_3.columns,
        rows=table_3.rows,
        further=further,
        notes=_notes(study, results[0][0]),
        pictures={"accuracy": accuracy_chart([spec.name for spec in specs], results, options.k)},
    )


def without_counts(row: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Return a row of table 3 without its numbers of queries, which are the same for all."""
    return (*row[1:3], *row[4:])


def _figure_cells(scores: Iterable[tuple[Score, Score]]) -> tuple[Cell, ...]:
    """Return the figures of table 3, over seeds."""
    rows = [without_counts(table_3_cells(*pair)) for pair in scores]
    return tuple(map(spread, zip(*rows, strict=True)))


def _cells_by_category(seeds: Sequence[Metrics], names: Sequence[str]) -> tuple[Cell, ...]:
    """Return a column for each super-category that a query changes, and their mean."""
    # the split decides which changes can be asked for: the same for all seeds
    columns = {
        name: [seed.by_super_category[name].top_k_accuracy.value for seed in seeds]
        for name in names
        if name in seeds[0].by_super_category
    }
    means = np.mean(list(columns.values()), axis=0).tolist() if columns else []
    return (*(spread(columns.get(name, ())) for name in names), spread(means))


def _costs(seeds: Sequence[Metrics]) -> tuple[Cell, ...]:
    return (
        seeds[0].num_parameters,
        round(float(np.mean([seed.seconds for seed in seeds]))),
        float(np.mean([seed.milliseconds for seed in seeds])),
        float(np.mean([seed.microseconds for seed in seeds])),
    )


def _notes(study: Study, first: Metrics) -> tuple[str, ...]:
    options, base, num_items = study.options, study.base, study.num_items
    whole = (
        f"The split has {num_items} items and a list {options.k}: it is nearly the whole split, "
        f"so that top-{options.k} says little. NDCG still tells the systems apart; a smaller k, "
        "or the split all, says more.",
    )
    return (
        *(whole if num_items < 2 * options.k else ()),
        f"Super-categories: {', '.join(study.names)}. Every system sees the same pictures of the "
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


def _seeds(options: StudyOptions) -> str:
    if len(options.seeds) == 1:
        return f"Seed {options.seeds[0]}. {INTERVAL_NOTE}"
    seeds = ", ".join(map(str, options.seeds))
    return f"Means over the seeds {seeds}, and after ± their standard deviation."
