"""Running an experiment in a workspace and keeping what it found."""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from datrnet.core.catalog.catalog import Catalog, split_rows
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import read_section
from datrnet.core.errors import UnknownNameError
from datrnet.core.experiments.kinds import KINDS
from datrnet.core.experiments.outcome import Outcome, Provenance, StoredOutcome, write_outcome
from datrnet.core.experiments.plan import Plan
from datrnet.core.experiments.setting import Progress, Setting
from datrnet.db.store import Store


def conduct(
    workspace: Workspace,
    store: Store,
    plan: Plan,
    command: str,
    on_progress: Progress = lambda step, done, total: None,
    on_whole: Callable[[float], None] = lambda share: None,
) -> tuple[Outcome, StoredOutcome]:
    """Run an experiment and write its table and pictures into the workspace.

    Args:
        workspace: Where; its folder ``experiments/<name>`` takes the outcome.
        store: Its database.
        plan: What to do.
        command: What a person typed, for the record.
        on_progress: Told the steps and how far they are.
        on_whole: Told what share of an experiment of several parts is done.

    Raises:
        UnknownNameError: There is no such kind of experiment.
        ConfigError: A setting does not exist or is out of range.
        DatrnetError: The workspace lacks what the experiment needs.
    """
    options = options_of(plan)
    kind = KINDS[plan.kind]
    setting = Setting(
        workspace=workspace,
        store=store,
        catalog=Catalog.load(store),
        folder=workspace.experiments / plan.name,
        split=plan.split,
        on_progress=on_progress,
        on_whole=on_whole,
    )
    begun = time.monotonic()
    outcome = kind.run(setting, options)
    if not plan.is_shipped:
        outcome = replace(outcome, title=f"{plan.title}: {outcome.title}")
    provenance = Provenance(
        name=plan.name,
        kind=plan.kind,
        command=command,
        config=asdict(options),
        facts=_facts(setting, needs_index=kind.needs_index),
        seconds=time.monotonic() - begun,
    )
    return outcome, write_outcome(setting.folder, outcome, provenance)


def options_of(plan: Plan) -> Any:
    """Return what an experiment is set to, the defaults among it.

    Raises:
        UnknownNameError: There is no such kind of experiment.
        ConfigError: A setting does not exist or is out of range.
    """
    if plan.kind not in KINDS:
        raise UnknownNameError("kind of experiment", plan.kind, KINDS)
    kind: Any = KINDS[plan.kind].options
    return read_section(kind, plan.settings, f"experiment {plan.name} [settings]")


def _facts(setting: Setting, *, needs_index: bool) -> dict[str, Any]:
    num_items = len(split_rows(setting.catalog, setting.split))
    facts: dict[str, Any] = {"split": setting.split, "num_items": num_items}
    if needs_index:
        manifest = setting.generation.manifest
        facts |= {"run": manifest.run_name, "generation": manifest.name}
    return facts
