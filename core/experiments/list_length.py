"""Accuracy against the length of the list k (supplementary 6 and 8 of the paper)."""

from dataclasses import dataclass, replace

from datrnet.core.errors import ConfigError
from datrnet.core.evaluation.assess import gallery_of, weights_of
from datrnet.core.evaluation.protocol import Protocol, Score, UseCase, evaluate_queries
from datrnet.core.evaluation.queries import draw_queries
from datrnet.core.experiments.charts import line_chart
from datrnet.core.experiments.outcome import Outcome
from datrnet.core.experiments.scores import (
    INTERVAL_NOTE,
    score_cells,
    score_columns,
    use_case_name,
)
from datrnet.core.experiments.setting import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ListLengthOptions:
    """Which lengths."""

    ks: tuple[int, ...] = (1, 2, 5, 10, 20, 30, 40, 50)
    max_queries: int = 20_000

    def __post_init__(self) -> None:
        """Check ranges."""
        if not self.ks or min(self.ks) < 1:
            raise ConfigError(f"ks is {list(self.ks)}; it must list lengths of at least 1.")


def run(setting: Setting, options: ListLengthOptions) -> Outcome:
    """Measure the lists of one index at several lengths."""
    gallery = gallery_of(setting.catalog, setting.generation, setting.split)
    names = [one.name for one in setting.generation.super_categories]
    query_sets = draw_queries(gallery.labels, (0, 1), limit=options.max_queries)
    by_k: dict[int, list[tuple[str, Score]]] = {}
    for done, k in enumerate(options.ks):
        setting.on_progress("Measuring", done, len(options.ks))
        protocol = replace(Protocol(), k=k)
        weights = weights_of(setting.generation)
        cases = evaluate_queries(gallery, names, query_sets, weights, protocol)
        by_k[k] = [named for case in cases for named in _named_scores(case)]
    setting.on_progress("Measuring", len(options.ks), len(options.ks))
    rows = [(k, name, *score_cells(score)) for k, scores in by_k.items() for name, score in scores]
    lines = [name for name, _ in by_k[options.ks[0]]]
    accuracies = {name: [dict(by_k[k])[name].top_k_accuracy for k in options.ks] for name in lines}
    overall = ("query only", "one change")
    return Outcome(
        title=f"Accuracy against the length of the list, {setting.split} split",
        columns=("k", "queries of", *score_columns("k")),
        rows=tuple(rows),
        notes=(INTERVAL_NOTE,),
        pictures={
            "accuracy": line_chart(
                options.ks,
                {name: [one.value for one in accuracies[name]] for name in lines},
                x_label="k",
                y_label="top-k accuracy",
                intervals={
                    name: [(one.low, one.high) for one in accuracies[name]] for name in overall
                },
            )
        },
    )


def _named_scores(case: UseCase) -> list[tuple[str, Score]]:
    return [(use_case_name(case.num_changes), case.overall), *case.by_super_category.items()]
