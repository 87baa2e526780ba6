"""`datrnet demo`: prepare the demo workspace, then open the explorer or print a sample search."""

from pathlib import Path
from typing import Annotated

import numpy as np
from typer import Option

from datrnet.console import options as opt
from datrnet.console.output import counted, is_conversation, results, say
from datrnet.console.progress import JobProgress
from datrnet.console.search import answer_of
from datrnet.console.substitutes import show_plain_answer
from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.catalog.workspace import DEMO_FOLDER, Workspace
from datrnet.core.demo.prepare import COLOR_NAMES, DemoShop, prepare_demo

SAMPLE_VALUE = "black"
SAMPLE_SIZE = 10

app = opt.command_app()


@app.command(epilog="Example: datrnet demo --items 500")
def demo(
    items: Annotated[int | None, Option(min=1, metavar="N", show_default="2000")] = None,
    seed: Annotated[int | None, Option(min=0, metavar="N", show_default="0")] = None,
    workspace: opt.Workspace = None,
) -> None:
    """Draw a demo catalog, index it and open it in the explorer.

    The demo has its own workspace and uses the trained networks that ship with datrnet.
    Without a terminal, the command prints a sample search instead of opening the explorer.

    Args:
        items: Number of items to draw.
        seed: Random seed; each seed draws a different shop.
    """
    place = prepare(workspace, items, seed)
    if is_conversation():
        from datrnet.console.browse import run_explorer

        run_explorer(place)
    else:
        show_sample(place)


def prepare(folder: Path | None, num_items: int | None, seed: int | None) -> Workspace:
    """Return the demo's workspace; draw, import and index what is missing.

    Raises:
        DatrnetError: See ``core.demo.prepare``.
    """
    workspace = Workspace.locate(folder)
    if folder is None:
        workspace = Workspace(workspace.root / DEMO_FOLDER)
    before = DemoShop.of(workspace)
    with JobProgress() as progress:
        shop = prepare_demo(workspace, num_items, seed, progress)
    if before is not None and before != shop:
        say("Replaced the earlier demo, which had another --items or --seed.")
    items = counted(shop.num_items, "item")
    say(f"The demo is in {workspace.root}: {items}, seed {shop.seed}.")
    return workspace


def show_sample(workspace: Workspace) -> None:
    """Print the substitutes of one item with its color changed to black.

    Raises:
        DatrnetError: The workspace cannot be read.
    """
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
    names = {category.name for category in catalog.super_categories}
    name = next(name for name in COLOR_NAMES if name in names)
    code = _sample_item(catalog, catalog.super_category_idx(name))
    change = f"{name}={SAMPLE_VALUE}"
    answer = answer_of(workspace, code, changes=[change], top=SAMPLE_SIZE)
    show_plain_answer(results(), answer)
    say(f"To repeat it: datrnet search {code} --set {change} --workspace {workspace.root}")


def _sample_item(catalog: Catalog, idx: int) -> str:
    """Return the first fully labeled item whose color, at an index, is not black already."""
    labeled = (catalog.labels != UNLABELED).all(axis=1)
    other = catalog.labels[:, idx] != catalog.value_idx(idx, SAMPLE_VALUE)
    return catalog.codes[int(np.argmax(labeled & other))]
