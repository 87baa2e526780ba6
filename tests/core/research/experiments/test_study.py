"""Variants are trained alike, measured alike, and never twice."""

from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock

from datrnet.core.errors import CheckpointError, ConfigError, DataError, UnknownNameError
from datrnet.core.evaluation.metrics import Difference
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.network import (
    SEEDS_NOTE,
    AblationOptions,
    GridOptions,
    grid_variants,
    run_ablation,
    run_grid,
)
from datrnet.core.research.experiments.study import Study, StudyOptions, VariantSpec

MODEL = {"image_size": 16, "filters": 4, "num_ase": 1, "embedding_size": 8, "stem_stride": 1}
TRAIN = {"triplets": 16, "epochs": 1, "batch_triplets": 8}
VARIANTS = (
    VariantSpec(name="no attention", model={"attention": []}, paper=(0.7, 0.5)),
    VariantSpec(name="DAtRNet"),
)
OPTIONS = AblationOptions(model=MODEL, train=TRAIN, variants=VARIANTS, k=3)


def told(context: Context) -> tuple[Context, list[str]]:
    """Return a context that records its steps."""
    steps: list[str] = []
    return replace(context, on_progress=lambda step, done, total: steps.append(step)), steps


def test_an_ablation_trains_every_variant_and_compares_them(context: Context) -> None:
    result = run_ablation(context, OPTIONS)
    by_name = {row[0]: dict(zip(result.columns, row, strict=True)) for row in result.rows}
    assert list(by_name) == ["no attention", "DAtRNet"]
    assert by_name["no attention"]["paper: query"] == 0.7
    assert by_name["DAtRNet"]["paper: query"] is None
    compared, networks = result.further
    assert [row[0] for row in compared.rows] == ["no attention"]
    assert all(isinstance(cell, Difference) for cell in compared.rows[0][1:])
    without, full = (dict(zip(networks.columns, row, strict=True)) for row in networks.rows)
    assert without["parameters"] < full["parameters"]  # type: ignore[operator]
    assert without["constant masks"] == "no masks"
    assert str(full["constant masks"]).startswith("channel ")
    assert any(note.startswith("Query: top-3") and "DAtRNet" in note for note in result.notes)
    assert result.pictures["accuracy"].width > 300


def test_what_is_finished_is_not_trained_again(context: Context) -> None:
    first = run_ablation(context, OPTIONS)
    again, steps = told(context)
    assert run_ablation(again, OPTIONS).rows == first.rows
    assert steps == []


def test_figures_that_cannot_be_read_are_measured_again(context: Context) -> None:
    first = run_ablation(context, OPTIONS)
    for path in context.folder.glob("runs/*/figures-*.json"):
        path.write_text('{"seconds": 1}')
    again, steps = told(context)
    assert run_ablation(again, OPTIONS).rows == first.rows
    assert any(step.startswith("Measuring") for step in steps)
    assert not any(step.startswith("1 of") for step in steps)


def test_an_interrupted_study_goes_on_where_it_was(context: Context) -> None:
    def interrupt(step: str, done: int, total: int) -> None:
        if step.startswith("2 of 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_ablation(replace(context, on_progress=interrupt), OPTIONS)
    again, steps = told(context)
    whole = run_ablation(again, OPTIONS)
    assert not any(step.startswith("1 of 2") for step in steps)
    assert any(step.startswith("2 of 2") for step in steps)
    fresh = replace(context, folder=context.folder / "fresh")
    assert run_ablation(fresh, OPTIONS).rows == whole.rows


def test_another_budget_or_catalog_is_another_study(context: Context) -> None:
    run_ablation(context, OPTIONS)
    longer, steps = told(context)
    run_ablation(longer, replace(OPTIONS, train=TRAIN | {"triplets": 24}))
    assert any(step.startswith("1 of 2") for step in steps)
    context.catalog.labels[0, 0] = -1
    relabeled, steps = told(context)
    run_ablation(relabeled, OPTIONS)
    assert any(step.startswith("1 of 2") for step in steps)


def test_several_seeds_show_their_spread(context: Context) -> None:
    options = replace(OPTIONS, seeds=(0, 1), super_categories=("colour",))
    result = run_ablation(context, options)
    assert SEEDS_NOTE in result.notes
    assert len(list((context.folder / "runs").iterdir())) == 4


def test_two_programs_do_not_share_a_study(context: Context) -> None:
    context.folder.mkdir(exist_ok=True)
    with (
        FileLock(context.folder / "lock"),
        pytest.raises(CheckpointError, match="Another program"),
    ):
        run_ablation(context, OPTIONS)


def test_a_wrong_variant_shows_before_anything_is_trained(context: Context) -> None:
    wrong = VariantSpec(name="odd", model={"atention": []})
    with pytest.raises(ConfigError, match=r"'odd'.*atention.*attention"):
        run_ablation(context, replace(OPTIONS, variants=(*VARIANTS, wrong)))
    assert not (context.folder / "runs").exists()


def test_the_reference_must_be_a_variant(context: Context) -> None:
    with pytest.raises(UnknownNameError, match="DAtRNot"):
        run_ablation(context, replace(OPTIONS, reference="DAtRNot"))


def test_the_first_learnable_super_categories_are_taken(context: Context) -> None:
    def chosen(**settings: object) -> list[str]:
        options = StudyOptions(**settings)  # type: ignore[arg-type]
        return [category.name for category in Study(context, options).super_categories]

    assert chosen() == ["colour", "pattern"]
    assert chosen(num_super_categories=1) == ["colour"]
    assert chosen(super_categories=("Pattern",)) == ["pattern"]
    context.catalog.labels[:, 0] = 0
    assert chosen(num_super_categories=1) == ["pattern"]
    with pytest.raises(ConfigError, match="colour cannot be learned"):
        chosen(super_categories=("colour",))


def test_without_a_validation_split_the_held_out_items_take_its_place(context: Context) -> None:
    splits = context.catalog.splits
    splits[splits == "validation"] = "train"
    study = replace(context, split="validation")
    assert any("queries without a change" in note for note in run_ablation(study, OPTIONS).notes)


def test_a_split_without_items_is_told_before_training(context: Context) -> None:
    splits = context.catalog.splits
    splits[splits == "test"] = "train"
    with pytest.raises(DataError, match="no item of the split 'test'"):
        run_ablation(context, OPTIONS)
    assert not (context.folder / "runs").exists()


def test_a_grid_varies_one_setting_at_a_time_or_all() -> None:
    grid = {"embedding_size": [8, 16], "kernel": [3, 5]}
    options = GridOptions(model=MODEL, train=TRAIN, grid=grid)
    names = [variant.name for variant in grid_variants(options)]
    assert names == ["base: embedding_size 8, kernel 3", "embedding_size 16", "kernel 5"]
    every = grid_variants(replace(options, vary="all"))
    assert [variant.name for variant in every][3] == "embedding_size 16, kernel 5"
    assert len(every) == 4


@pytest.mark.parametrize("grid", [{}, {"kernel": 3}, {"kernel": []}])
def test_a_grid_without_values_is_refused(grid: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="grid"):
        grid_variants(GridOptions(model=MODEL, train=TRAIN, grid=grid))


def test_a_grid_is_measured(context: Context, tmp_path: Path) -> None:
    options = GridOptions(
        model=MODEL, train=TRAIN, grid={"embedding_size": [4]}, super_categories=("colour",), k=3
    )
    result = run_grid(context, options)
    assert [row[0] for row in result.rows] == ["base: embedding_size 8", "embedding_size 4"]
    assert "To choose a setting, use the validation split." in result.notes
    assert any(note.startswith("With so few super-categories") for note in result.notes)
    assert result.further[0].title == "Difference to base: embedding_size 8"
