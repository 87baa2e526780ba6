"""`datrnet demo`: getting the demo workspace ready, and one sample search of it in words."""

from pathlib import Path

import numpy as np

from datrnet.console.output import results, say
from datrnet.console.progress import StepProgress
from datrnet.console.searching import SearchOptions, answer_of
from datrnet.console.substitutes import show_plain_answer
from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.demo.prepare import DemoShop, prepare_demo

FOLDER = "demo-workspace"
"""The demo's own workspace inside the default one, so that it never mixes with a person's items."""

SAMPLE_CHANGE = ("colour", "black")
SAMPLE_SIZE = 10


def prepare(given: Path | None, num_items: int | None, seed: int | None) -> Workspace:
    """Return the demo's workspace, made if it is not there.

    Raises:
        DatrnetError: See ``core.demo.prepare``.
    """
    workspace = Workspace.locate(given)
    if given is None:
        workspace = Workspace(workspace.root / FOLDER)
    before = DemoShop.of(workspace)
    with StepProgress() as progress:
        shop = prepare_demo(workspace, num_items, seed, progress)
    if before is not None and before != shop:
        say("The demo that was there had other --items or --seed and has been replaced.")
    say(f"The demo is in {workspace.root}: {shop.num_items:,} items, seed {shop.seed}.")
    return workspace


def show_sample(workspace: Workspace) -> None:
    """Print the substitutes of one item: this one, but black.

    Raises:
        DatrnetError: The workspace cannot be read.
    """
    with workspace.open_store() as store:
        code = _sample_item(Catalog.load(store))
    name, value = SAMPLE_CHANGE
    options = SearchOptions(changes=(f"{name}={value}",), top=SAMPLE_SIZE)
    show_plain_answer(results(), answer_of(workspace, code, options))
    say(f"The same: datrnet search {code} --set {name}={value} --workspace {workspace.root}")


def _sample_item(catalog: Catalog) -> str:
    """Return the first item that carries a value everywhere and is not black already."""
    idx = catalog.super_category_idx(SAMPLE_CHANGE[0])
    labelled = (catalog.labels != UNLABELED).all(axis=1)
    other = catalog.labels[:, idx] != catalog.value_idx(idx, SAMPLE_CHANGE[1])
    return catalog.codes[int(np.argmax(labelled & other))]
