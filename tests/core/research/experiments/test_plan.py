"""Experiments are read from files; what is wrong in one is said in a line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.research.experiments.plan import ORDER, Plan, shipped_plans
from datrnet.core.research.experiments.runner import options_of


def test_the_experiments_of_the_paper_come_along_in_its_order() -> None:
    assert tuple(plan.name for plan in shipped_plans()) == ORDER


@pytest.mark.parametrize("plan", shipped_plans(), ids=lambda plan: plan.name)
def test_every_experiment_that_ships_is_valid(plan: Plan) -> None:
    assert options_of(plan)
    assert plan.title
    assert plan.about


def test_an_unknown_experiment_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"'ablations'.*Did you mean ablation"):
        Plan.load("ablations")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind = ", "not valid TOML"),
        ("title = 'x'", "has no kind"),
        ("kind = 'grid'\nsetings = 1", "unknown entry 'setings'. Did you mean settings"),
        ("kind = 'grid'\nsettings = 1", "not a table of settings"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        Plan.load(str(path))


def test_settings_are_replaced_and_reach_into_tables() -> None:
    plan = Plan.load("ablation")
    given = ("base=paper", "train.epochs=3", "seeds=[1, 2]", "model.image_size=32")
    changed = plan.with_settings(given)
    assert changed.settings["base"] == "paper"
    assert changed.settings["train"] == {**plan.settings["train"], "epochs": 3}
    assert changed.settings["seeds"] == [1, 2]
    assert changed.settings["model"] == {**plan.settings["model"], "image_size": 32}
    assert plan.settings["train"]["epochs"] != 3


@pytest.mark.parametrize("one", ["k", "=3", "k=", "base.size=3"])
def test_a_setting_of_another_form_is_refused(one: str) -> None:
    with pytest.raises(ConfigError, match="--set"):
        Plan.load("ablation").with_settings([one])


@given(st.text(min_size=1).filter(lambda text: text.strip()))
def test_any_text_may_be_a_value(text: str) -> None:
    changed = Plan.load("t-sne").with_settings([f"name={text}"])
    assert "name" in changed.settings
