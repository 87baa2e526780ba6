"""Every system of the paper's tables 2 and 3, trained and measured alike."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from datrnet.core.experiments.ablation import SEEDS_NOTE
from datrnet.core.experiments.charts import dot_chart
from datrnet.core.experiments.outcome import Cell, Outcome
from datrnet.core.experiments.scores import INTERVAL_NOTE, table_3_columns
from datrnet.core.experiments.setting import Setting
from datrnet.core.experiments.study import (
    Measured,
    Study,
    StudyOptions,
    VariantSpec,
    pooled,
    table_3_cells,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(StudyOptions):
    """The systems are the variants; their budget is that of [train] and [system]."""

    num_super_categories: int = 0


def run(setting: Setting, options: Options) -> Outcome:
    """Train and measure every system on all super-categories that can be learnt.

    Raises:
        ConfigError: A system's setting is wrong.
        UnknownNameError: There is no such system or backbone.
    """
    study = Study(setting, options)
    base = options.base_config()
    variants = [(one.name, one.config(base)) for one in options.variants]
    results = study.measure(variants)
    names = [one.name for one in study.super_categories]
    k, epochs = options.k, base.train.epochs
    return Outcome(
        title=f"Systems (tables 2 and 3), {setting.split} split",
        columns=(
            "system",
            "parameters",
            "seconds",
            "ms a picture",
            *table_3_columns(k),
            *(f"{name}: top-{k}" for name in names),
        ),
        rows=tuple(
            _row(spec.name, found, names)
            for spec, found in zip(options.variants, results, strict=True)
        ),
        notes=(
            f"Super-categories: {', '.join(names)}. Same pictures "
            f"({base.model.image_size} px), at most {epochs} "
            f"{'epoch' if epochs == 1 else 'epochs'} each, best epoch by the validation items; "
            "ranked with each system's own distance. Seeds: "
            f"{', '.join(map(str, options.seeds))}.",
            "Seconds and milliseconds are of this machine, whatever else it did.",
            INTERVAL_NOTE if len(options.seeds) == 1 else SEEDS_NOTE,
        ),
        pictures={"accuracy": _chart(k, options.variants, results)},
    )


def _row(name: str, found: Sequence[Measured], names: Sequence[str]) -> tuple[Cell, ...]:
    return (
        name,
        found[0].num_parameters,
        round(sum(one.seconds for one in found) / len(found)),
        sum(one.milliseconds for one in found) / len(found),
        *table_3_cells(found),
        *(_of_category(found, category) for category in names),
    )


def _of_category(found: Sequence[Measured], category: str) -> Cell:
    if any(category not in one.by_super_category for one in found):
        return None
    return pooled(found, lambda one: one.by_super_category[category].top_k_accuracy)


def _chart(
    k: int, variants: Sequence[VariantSpec], results: Sequence[Sequence[Measured]]
) -> Image.Image:
    figures = {
        "query": [pooled(one, lambda it: it.query.top_k_accuracy) for one in results],
        "query + attribute": [
            pooled(one, lambda it: it.one_change.top_k_accuracy) for one in results
        ],
    }
    return dot_chart(
        [one.name for one in variants],
        {name: [one.value for one in some] for name, some in figures.items()},
        x_label=f"top-{k} accuracy",
        intervals={name: [(one.low, one.high) for one in some] for name, some in figures.items()},
        width=8.5,
    )
