"""The kinds of experiments: what each does and what it can be set to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from datrnet.core.experiments import (
    ablation,
    activation_maps,
    architecture,
    changes,
    compared_runs,
    comparison,
    list_length,
    sheets,
    specific_prototypes,
    tsne,
)
from datrnet.core.experiments.outcome import Outcome
from datrnet.core.experiments.setting import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How experiments of one kind are run."""

    run: Callable[[Setting, Any], Outcome]
    options: Callable[..., Any]
    """The dataclass of its settings."""
    needs_index: bool = True


KINDS: Mapping[str, Kind] = {
    "architecture": Kind(run=architecture.run, options=architecture.Options, needs_index=False),
    "table-2": Kind(
        run=compared_runs.run_by_super_category, options=compared_runs.ComparisonOptions
    ),
    "table-3": Kind(run=compared_runs.run_overall, options=compared_runs.ComparisonOptions),
    "comparison": Kind(run=comparison.run, options=comparison.Options, needs_index=False),
    "ablation": Kind(run=ablation.run, options=ablation.AblationOptions, needs_index=False),
    "grid": Kind(run=ablation.run_grid, options=ablation.GridOptions, needs_index=False),
    "list-length": Kind(run=list_length.run, options=list_length.ListLengthOptions),
    "specific-prototypes": Kind(
        run=specific_prototypes.run, options=specific_prototypes.SpecificOptions
    ),
    "changes": Kind(run=changes.run, options=changes.ChangesOptions),
    "t-sne": Kind(run=tsne.run, options=tsne.Options),
    "activation-maps": Kind(run=activation_maps.run, options=activation_maps.Options),
    "sheets": Kind(run=sheets.run, options=sheets.Options),
}
