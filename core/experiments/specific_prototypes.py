"""Generic prototypes against those of the query's own category (supplementary 7 of the paper)."""

from dataclasses import dataclass

import numpy as np

from datrnet.core.evaluation.assess import equal_weights_of, gallery_of, weights_of
from datrnet.core.evaluation.metrics import Bootstrap, Estimate
from datrnet.core.evaluation.protocol import Figures, Protocol, evaluate_queries, query_figures
from datrnet.core.evaluation.queries import draw_queries
from datrnet.core.experiments.charts import dot_chart
from datrnet.core.experiments.outcome import Cell, Outcome
from datrnet.core.experiments.scores import INTERVAL_NOTE, score_cells, score_columns
from datrnet.core.experiments.setting import Setting

GENERIC = "generic"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecificOptions:
    """Among which items prototypes are taken."""

    within: tuple[str, ...] = ()
    """Super-categories within whose values prototypes are taken; none tries each."""
    k: int = 30
    max_queries: int = 20_000


def run(setting: Setting, options: SpecificOptions) -> Outcome:
    """Ask for one change with each kind of prototype, weighed in both ways."""
    names = [one.name for one in setting.generation.super_categories]
    kinds: list[str | None] = [None, *(options.within or names)]
    weighings = {
        "chosen": weights_of(setting.generation),
        "equal": equal_weights_of(setting.generation),
    }
    rows: list[tuple[Cell, ...]] = []
    gains: dict[str, list[Estimate]] = {name: [] for name in weighings}
    generic: dict[str, Figures] = {}
    for done, within in enumerate(kinds):
        setting.on_progress("Measuring", done, len(kinds))
        gallery = gallery_of(setting.catalog, setting.generation, setting.split, within=within)
        (queries,) = draw_queries(gallery.labels, (1,), limit=options.max_queries)
        protocol = Protocol(k=options.k, within=within)
        for name, weights in weighings.items():
            figures = query_figures(gallery, queries, weights, protocol)
            (case,) = evaluate_queries(gallery, names, [queries], weights, protocol)
            before = generic.setdefault(name, figures)
            gain = Bootstrap(queries.items).mean(
                figures.hit - before.hit, np.ones(len(queries), dtype=bool)
            )
            label = GENERIC if within is None else f"within {within}"
            rows.append((label, name, *score_cells(case.overall), None if within is None else gain))
            gains[name] += [] if within is None else [gain]
    setting.on_progress("Measuring", len(kinds), len(kinds))
    return Outcome(
        title=f"Generic and specific prototypes, one change, {setting.split} split",
        columns=(
            "prototypes",
            "weights",
            *score_columns(options.k),
            f"top-{options.k}, gain over generic",
        ),
        rows=tuple(rows),
        notes=(
            "A specific prototype is the mean over the training items that also carry the wanted "
            "value of that super-category; where there are too few, the generic one stands.",
            "The gain is measured on the same queries; where its interval holds 0, the two cannot "
            "be told apart.",
            INTERVAL_NOTE,
        ),
        pictures={
            "gain": dot_chart(
                [f"within {one}" for one in kinds[1:]],
                {f"{name} weights": [one.value for one in some] for name, some in gains.items()},
                x_label=f"gain in top-{options.k} accuracy over generic prototypes, one change",
                intervals={
                    f"{name} weights": [(one.low, one.high) for one in some]
                    for name, some in gains.items()
                },
            )
        },
    )
