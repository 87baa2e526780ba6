"""Run an experiment in a workspace and store its result."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, get_type_hints

from datrnet.core.catalog.catalog import Catalog, split_rows
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import read_section
from datrnet.core.errors import UnknownNameError
from datrnet.core.progress import Progress, no_progress
from datrnet.core.research.experiments import (
    activation_maps,
    comparison,
    network,
    sheets,
    tables,
    tsne,
)
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.plan import Plan
from datrnet.core.research.experiments.result import (
    ExperimentResult,
    Provenance,
    StoredResult,
    write_result,
)
from datrnet.db.store import Store

KINDS: Mapping[str, Callable[[Context, Any], ExperimentResult]] = {
    "architecture": network.run_architecture,
    "table-2": tables.run_table_2,
    "table-3": tables.run_table_3,
    "comparison": comparison.run,
    "ablation": network.run_ablation,
    "grid": network.run_grid,
    "list-length": tables.run_list_length,
    "specific-prototypes": tables.run_specific_prototypes,
    "changes": tables.run_changes,
    "t-sne": tsne.run,
    "activation-maps": activation_maps.run,
    "sheets": sheets.run,
}
"""What runs experiments of each kind; its options are the settings of the experiment's file."""


def run_experiment(
    workspace: Workspace,
    store: Store,
    plan: Plan,
    command: str,
    on_progress: Progress = no_progress,
    on_whole: Callable[[float], None] = lambda share: None,
) -> tuple[ExperimentResult, StoredResult]:
    """Run an experiment and write its tables and pictures into the workspace.

    Args:
        workspace: Its folder ``experiments/<name>`` takes the result.
        store: The database of the workspace.
        plan: The experiment.
        command: The command line, for the record.
        on_progress: Called with the step, what is done of it and its total.
        on_whole: Called with the share that is done of an experiment of several parts.

    Raises:
        UnknownNameError: There is no such kind of experiment.
        ConfigError: A setting does not exist or is out of range.
        DatrnetError: The workspace lacks what the experiment needs.
    """
    options = options_of(plan)
    context = Context(
        workspace=workspace,
        store=store,
        catalog=Catalog.load(store, with_proposals=False),
        folder=workspace.experiments / plan.name,
        split=plan.split,
        on_progress=on_progress,
        on_whole=on_whole,
    )
    started = time.monotonic()
    result = KINDS[plan.kind](context, options)
    if not plan.is_shipped:
        result = replace(result, title=f"{plan.title}: {result.title}")
    facts: dict[str, Any] = {
        "split": context.split,
        "num_items": len(split_rows(context.catalog, context.split)),
    }
    if context.has_used_index:
        manifest = context.generation.manifest
        facts |= {"run": manifest.run_name, "generation": manifest.name}
    provenance = Provenance(
        name=plan.name,
        kind=plan.kind,
        command=command,
        config=asdict(options),
        facts=facts,
        seconds=time.monotonic() - started,
    )
    return result, write_result(context.folder, result, provenance)


def options_of(plan: Plan) -> Any:
    """Return the settings of an experiment, defaults included.

    Raises:
        UnknownNameError: There is no such kind of experiment.
        ConfigError: A setting does not exist or is out of range.
    """
    if plan.kind not in KINDS:
        raise UnknownNameError("kind of experiment", plan.kind, KINDS)
    kind = get_type_hints(KINDS[plan.kind])["options"]
    return read_section(kind, plan.settings, f"experiment {plan.name} [settings]")
