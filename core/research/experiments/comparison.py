"""Every system of the paper's tables 2 and 3, trained with one budget and measured alike."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import numpy as np

from datrnet.core.config import Config, SystemChoice
from datrnet.core.errors import ConfigError, UnknownNameError, nearest
from datrnet.core.models.run_folder import plain_name
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.differences import (
    DIFFERENCE,
    differences,
    differences_note,
    verdicts,
)
from datrnet.core.research.experiments.measurement import (
    CURVE_WEIGHTS,
    READINGS,
    Measured,
    Reading,
    ReadingName,
)
from datrnet.core.research.experiments.result import (
    INTERVAL_NOTE,
    Cell,
    ExperimentResult,
    Table,
    table_3_cells,
    table_3_columns,
    without_counts,
)
from datrnet.core.research.experiments.study import (
    Study,
    StudyOptions,
    VariantSpec,
    accuracy_chart,
    spread,
)
from datrnet.core.research.experiments.trade_off import trade_off

ALL = "all"

MOST_STAGES = 3
"""The stages of FashionSearchNet; each takes at least an epoch."""

DATRNET = SystemChoice().name

NUM_FIGURES = len(without_counts(table_3_columns(0)))

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
    reference: str = ""
    """The row that the others are compared with; by default the one that the validation items
    prefer."""
    further_references: tuple[str, ...] = ()
    """Further rows that the others are compared with, where they are chosen."""

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
        rows = [spec.name for spec in self.variants]
        for name in filter(None, (self.reference, *self.further_references)):
            if name not in rows:
                raise UnknownNameError("row to compare with", name, rows)
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
    measured = study.measure(specs, in_all_readings=True)
    results = {spec.name: seeds for spec, seeds in zip(specs, measured, strict=True)}
    best = {name: best_reading(seeds) for name, seeds in results.items()}
    reference = options.reference
    if reference not in results:  # it may not be among the chosen rows
        reference = max(results, key=lambda name: _quality(results[name], best[name]))
    figures = without_counts(table_3_columns(options.k))

    def table(
        title: str,
        columns: Iterable[str],
        cells: Callable[[Sequence[Measured]], tuple[Cell, ...]],
    ) -> Table:
        rows = tuple((name, *cells(seeds)) for name, seeds in results.items())
        return Table(title=title, columns=("system", *columns), rows=rows)

    summary = table(
        f"Best reading of each system, {context.split} split (table 3)",
        ("ranked by", *figures),
        lambda seeds: (READINGS[name := best_reading(seeds)], *_figure_cells(name, seeds)),
    )

    def compared_with(base: str) -> Table:
        rows = tuple(
            (
                name,
                READINGS[best[name]],
                *differences(seeds, results[base], (best[name], best[base])),
            )
            for name, seeds in results.items()
            if name != base
        )
        return Table(title=f"{DIFFERENCE} {base}", columns=summary.columns, rows=rows)

    compared = compared_with(reference)
    further_bases = [
        name for name in options.further_references if name in results and name != reference
    ]
    curves = trade_off(results, reference, best[reference])
    titles = {name: f"Ranked by {words}" for name, words in READINGS.items()}
    titles["equal"] += " (the paper)"
    by_reading = [
        table(title, figures, partial(_figure_cells, reading)) for reading, title in titles.items()
    ]
    further = (
        compared,
        *map(compared_with, further_bases),
        curves.table,
        *by_reading,
        table(
            f"Top-{options.k} with one change, by what is changed (table 2)",
            (*study.names, "macro mean"),
            lambda seeds: _cells_by_category([seed.plain for seed in seeds], study.names),
        ),
        table(
            "Quality of the lists of the validation items",
            READINGS.values(),
            lambda seeds: tuple(spread(_qualities(seeds, reading)) for reading in READINGS),
        ),
        table("What it takes", COST_COLUMNS, lambda seeds: _costs(seeds)),
    )
    found = (*verdicts(compared, reference), *curves.sentences) if len(results) > 1 else ()
    shown = [[seed.metrics.readings[best[name]] for seed in results[name]] for name in results]
    return ExperimentResult(
        title=summary.title,
        columns=summary.columns,
        rows=summary.rows,
        further=tuple(table for table in further if table.rows),
        notes=(*found, *_notes(study, options, measured[0][0].plain, reference)),
        pictures={
            "accuracy": accuracy_chart(list(results), shown, options.k),
            "trade-off": curves.picture,
        },
        data={"trade-off": curves.points},
    )


def best_reading(seeds: Sequence[Measured]) -> ReadingName:
    """Return the way of ranking that the validation items prefer; ``equal`` where none can tell."""
    common = [name for name in READINGS if all(name in seed.metrics.readings for seed in seeds)]
    return max(common, key=lambda name: _quality(seeds, name))


def _quality(seeds: Sequence[Measured], reading: ReadingName) -> float:
    """Return the quality of the validation items' lists over seeds; -inf where it is not known."""
    known = _qualities(seeds, reading)
    return float(np.mean(known)) if len(known) == len(seeds) else -math.inf


def _qualities(seeds: Sequence[Measured], reading: ReadingName) -> list[float]:
    found = [seed.metrics.readings.get(reading) for seed in seeds]
    return [it.quality for it in found if it is not None and it.quality is not None]


def _figure_cells(reading: ReadingName, seeds: Sequence[Measured]) -> tuple[Cell, ...]:
    """Return the figures of table 3, over the seeds; nothing where one lacks the reading."""
    rows = []
    for seed in seeds:
        if (found := seed.metrics.readings.get(reading)) is None:
            return (None,) * NUM_FIGURES
        rows.append(without_counts(table_3_cells(found.query, found.one_change)))
    return tuple(map(spread, zip(*rows, strict=True)))


def _cells_by_category(seeds: Sequence[Reading], names: Sequence[str]) -> tuple[Cell, ...]:
    """Return a column for each super-category that a query changes, and their mean."""
    # the split decides which changes can be asked for: the same for all seeds
    columns = {
        name: [seed.by_super_category[name].top_k_accuracy.value for seed in seeds]
        for name in names
        if name in seeds[0].by_super_category
    }
    means = np.mean(list(columns.values()), axis=0).tolist() if columns else []
    return (*(spread(columns.get(name, ())) for name in names), spread(means))


def _costs(seeds: Sequence[Measured]) -> tuple[Cell, ...]:
    found = [seed.metrics for seed in seeds]
    return (
        found[0].num_parameters,
        round(float(np.mean([metrics.seconds for metrics in found]))),
        float(np.mean([metrics.milliseconds for metrics in found])),
        float(np.mean([metrics.microseconds for metrics in found])),
    )


def _notes(
    study: Study, options: ComparisonOptions, first: Reading, reference: str
) -> tuple[str, ...]:
    base, num_items = study.base, study.num_items
    whole = (
        f"The split has {num_items} items and a list {options.k}: it is nearly the whole split, "
        f"so that top-{options.k} says little. NDCG still tells the systems apart; a smaller k, "
        "or the split all, says more.",
    )
    is_asked = reference == options.reference
    why = "the setting reference" if is_asked else "the validation items prefer its lists"
    return (
        *(whole if num_items < 2 * options.k else ()),
        f"Super-categories: {', '.join(study.names)}. Every system sees the same pictures of the "
        f"training items ({base.model.image_size} px), {_budget(base)}; the best epoch by the "
        f"validation items is kept. {first.query.num_queries:,} queries without a change, "
        f"{first.one_change.num_queries:,} with one.",
        "Each system is ranked in up to three ways: by its own distance with equal weights, as in "
        "the paper (FashionSearchNet learns weights for each change); by distance with weights as "
        "`datrnet index` chooses them on the validation items; by match scores, calibrated and "
        "weighted on the same items, if its prototypes are positions among the embeddings. The "
        "best reading is the one whose lists of the validation items have the highest quality. A "
        "dash: the system has no such reading. AMNet has one entangled block, which cannot be "
        "weighed. Table 2 is by the system's own distance.",
        f"The differences are to {reference} ({why}). {differences_note(options.seeds)}",
        f"The trade-off: weights of the change between {CURVE_WEIGHTS[0]:g} and "
        f"{CURVE_WEIGHTS[-1]:g} give each system a curve of NDCG of the rest and of the change. "
        "Two curves are compared at the same NDCG of the rest, along straight lines between their "
        "points. In the chart the larger mark is the weight that the reading has; trade-off.csv "
        "has all points.",
        f"{_seeds(options)} Seconds to train are those of its epochs, measuring included; "
        "milliseconds and microseconds are of this machine, whatever else it did: embedding and "
        "ranking many at a time.",
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
