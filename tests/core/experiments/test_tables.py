"""The tables of retrieval agree with the evaluation that they are made from."""

from dataclasses import replace

import pytest

from datrnet.core.errors import UnknownNameError
from datrnet.core.evaluation.assess import assess
from datrnet.core.evaluation.metrics import Estimate
from datrnet.core.evaluation.protocol import Protocol
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.experiments import changes, compared_runs, list_length, specific_prototypes
from datrnet.core.experiments.changes import ChangesOptions
from datrnet.core.experiments.compared_runs import ComparisonOptions
from datrnet.core.experiments.list_length import ListLengthOptions
from datrnet.core.experiments.outcome import Outcome
from datrnet.core.experiments.setting import Setting
from datrnet.core.experiments.specific_prototypes import SpecificOptions


def column(outcome: Outcome, name: str) -> list[object]:
    return [row[outcome.columns.index(name)] for row in outcome.rows]


def test_table_2_groups_one_change_by_what_is_changed(setting: Setting) -> None:
    outcome = compared_runs.run_by_super_category(setting, ComparisonOptions(k=3))
    case = assess(setting.catalog, setting.generation, "test", Protocol(k=3)).use_cases[1]
    found = {row[0]: row for row in outcome.rows}
    assert list(found) == ["colour", "pattern", "micro mean", "macro mean"]
    place = outcome.columns.index("top-3")
    for name, score in case.by_super_category.items():
        assert found[name][place] == score.top_k_accuracy
    assert case.macro is not None
    assert found["macro mean"][place] == case.macro.top_k_accuracy


def test_table_3_takes_whatever_runs_were_evaluated(setting: Setting) -> None:
    before = compared_runs.run_overall(setting, ComparisonOptions(k=3))
    # the shop is too small to choose weights, so that both weighings are the same
    assert column(before, "weights") == ["equal"]
    found = assess(setting.catalog, setting.generation, "test", Protocol(k=3))
    replace(found, run_name="another", weights=Weights(blocks=(1, 2))).keep(setting.store)
    after = compared_runs.run_overall(setting, ComparisonOptions(k=3))
    weights = dict(zip(column(after, "run"), column(after, "weights"), strict=True))
    assert weights["another"] == "chosen"
    assert column(after, "query: top-3")[0] == found.use_cases[0].overall.top_k_accuracy
    assert "another" not in column(
        compared_runs.run_overall(setting, ComparisonOptions(k=4)), "run"
    )


def test_longer_lists_are_no_less_accurate(setting: Setting) -> None:
    outcome = list_length.run(setting, ListLengthOptions(ks=(1, 3, 6)))
    accuracies = [
        row[outcome.columns.index("top-k")] for row in outcome.rows if row[1] == "one change"
    ]
    values = [one.value for one in accuracies if isinstance(one, Estimate)]
    assert values == sorted(values)
    assert len(values) == 3


def test_changes_go_up_to_the_number_of_super_categories(setting: Setting) -> None:
    outcome = changes.run(setting, ChangesOptions(k=3))
    names = ["query only", "one change", "2 changes"]
    assert column(outcome, "use case") == 2 * names


def test_specific_prototypes_are_compared_with_the_generic_ones(setting: Setting) -> None:
    outcome = specific_prototypes.run(setting, SpecificOptions(k=3))
    assert column(outcome, "prototypes") == [
        one for name in ("generic", "within colour", "within pattern") for one in (name, name)
    ]
    gains = column(outcome, "top-3, gain over generic")
    assert gains[:2] == [None, None]
    assert all(isinstance(one, Estimate) for one in gains[2:])


def test_prototypes_within_something_unknown_are_refused(setting: Setting) -> None:
    with pytest.raises(UnknownNameError, match="sleeve"):
        specific_prototypes.run(setting, SpecificOptions(within=("sleeve",)))
