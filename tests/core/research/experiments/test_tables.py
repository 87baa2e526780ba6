"""The tables of retrieval agree with the evaluation that they are made from."""

from dataclasses import replace

import pytest

from datrnet.core.errors import UnknownNameError
from datrnet.core.evaluation.metrics import Estimate
from datrnet.core.evaluation.protocol import Protocol, assess
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.result import ExperimentResult
from datrnet.core.research.experiments.tables import (
    ChangesOptions,
    ListLengthOptions,
    SpecificPrototypesOptions,
    run_changes,
    run_list_length,
    run_specific_prototypes,
    run_table_2,
    run_table_3,
)


def column(result: ExperimentResult, name: str) -> list[object]:
    return [row[result.columns.index(name)] for row in result.rows]


def test_table_2_groups_one_change_by_what_is_changed(context: Context) -> None:
    result = run_table_2(context, Protocol(k=3))
    case = assess(context.catalog, context.generation, "test", Protocol(k=3)).use_cases[1]
    found = {row[0]: row for row in result.rows}
    assert list(found) == ["colour", "pattern", "micro mean", "macro mean"]
    place = result.columns.index("top-3")
    for name, score in case.by_super_category.items():
        assert found[name][place] == score.top_k_accuracy
    assert case.macro is not None
    assert found["macro mean"][place] == case.macro.top_k_accuracy


def test_table_3_takes_whatever_runs_were_evaluated(context: Context) -> None:
    before = run_table_3(context, Protocol(k=3))
    # the shop is too small to choose weights, so that both weightings are the same
    assert column(before, "weights") == ["equal"]
    found = assess(context.catalog, context.generation, "test", Protocol(k=3))
    replace(found, run_name="another", weights=Weights(blocks=(1, 2))).keep(context.store)
    after = run_table_3(context, Protocol(k=3))
    weights = dict(zip(column(after, "run"), column(after, "weights"), strict=True))
    assert weights["another"] == "chosen"
    assert column(after, "query: top-3")[0] == found.use_cases[0].overall.top_k_accuracy
    assert "another" not in column(run_table_3(context, Protocol(k=4)), "run")


def test_longer_lists_are_no_less_accurate(context: Context) -> None:
    result = run_list_length(context, ListLengthOptions(ks=(1, 3, 6)))
    accuracies = [
        row[result.columns.index("top-k")] for row in result.rows if row[1] == "one change"
    ]
    values = [estimate.value for estimate in accuracies if isinstance(estimate, Estimate)]
    assert values == sorted(values)
    assert len(values) == 3


def test_changes_go_up_to_the_number_of_super_categories(context: Context) -> None:
    result = run_changes(context, ChangesOptions(k=3))
    names = ["query only", "one change", "2 changes"]
    assert column(result, "use case") == 2 * names


def test_specific_prototypes_are_compared_with_the_generic_ones(context: Context) -> None:
    result = run_specific_prototypes(context, SpecificPrototypesOptions(k=3))
    assert column(result, "prototypes") == [
        kind for kind in ("generic", "within colour", "within pattern") for _ in range(2)
    ]
    gains = column(result, "top-3, gain over generic")
    assert gains[:2] == [None, None]
    assert all(isinstance(estimate, Estimate) for estimate in gains[2:])


def test_prototypes_within_something_unknown_are_refused(context: Context) -> None:
    with pytest.raises(UnknownNameError, match="sleeve"):
        run_specific_prototypes(context, SpecificPrototypesOptions(within=("sleeve",)))
