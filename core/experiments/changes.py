"""Accuracy against the number of changed super-categories (supplementary 9 of the paper)."""

from dataclasses import dataclass

from PIL import Image

from datrnet.core.evaluation.protocol import Match, Protocol, QueryTakesRank, UseCase
from datrnet.core.experiments.charts import line_chart
from datrnet.core.experiments.outcome import Outcome
from datrnet.core.experiments.scores import (
    INTERVAL_NOTE,
    score_cells,
    score_columns,
    use_case_name,
)
from datrnet.core.experiments.setting import Setting
from datrnet.core.experiments.weighing import assessed_in_both_ways


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesOptions:
    """How many changes, under which protocol."""

    max_changes: int = 6
    k: int = 30
    query_takes_rank: QueryTakesRank = "changed"
    match: Match = "used"
    max_queries: int = 20_000


def run(setting: Setting, options: ChangesOptions) -> Outcome:
    """Evaluate the index with none, one and up to the most changes, weighed in both ways."""
    protocol = Protocol(
        k=options.k,
        query_takes_rank=options.query_takes_rank,
        match=options.match,
        max_changes=options.max_changes,
        max_queries=options.max_queries,
    )
    assessed = assessed_in_both_ways(setting, protocol)
    found = {name: one.use_cases for name, one in assessed.items()}
    rows = [
        (use_case_name(case.num_changes), name, case.num_valid, *score_cells(case.overall))
        for name, cases in found.items()
        for case in cases
    ]
    return Outcome(
        title=f"Accuracy against the number of changes, {setting.split} split",
        columns=("use case", "weights", "valid queries", *score_columns(options.k)),
        rows=tuple(rows),
        notes=(
            "Chosen weights come from the validation split, equal ones are the paper's plain "
            "distance.",
            INTERVAL_NOTE,
        ),
        pictures={"accuracy": _chart(options.k, found)},
    )


def _chart(k: int, found: dict[str, tuple[UseCase, ...]]) -> Image.Image:
    lines = {
        f"{name} weights": [case.overall.top_k_accuracy for case in cases]
        for name, cases in found.items()
    }
    return line_chart(
        [case.num_changes for case in found["chosen"]],
        {name: [one.value for one in some] for name, some in lines.items()},
        x_label="changed super-categories",
        y_label=f"top-{k} accuracy",
        intervals={name: [(one.low, one.high) for one in some] for name, some in lines.items()},
        whole_xs=True,
    )
