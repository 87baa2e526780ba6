"""Commands that keep the workspace true and small: what goes, comes back, and is undone."""

from typing import Annotated

import typer
from rich.filesize import decimal
from typer import Argument, Option

from datrnet.console import options as opt
from datrnet.console.label import read_codes
from datrnet.console.output import (
    is_conversation,
    local_time,
    print_json,
    print_list,
    say,
)
from datrnet.core.api.json_facts import MovedFacts, PruneFacts, SurplusFacts
from datrnet.core.api.shop import Shop
from datrnet.core.catalog.upkeep import Fate
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.indexing.prune import delete_surplus, find_surplus

DONE = {"remove": "Removed", "hide": "Hid", "unhide": "Showed"}
"""What became of items, by action."""

app = opt.command_app()

Items = Annotated[list[str] | None, Argument(metavar="[ITEM]...")]
Where = Annotated[
    list[str] | None,
    Option(
        "--where",
        metavar="CONDITION",
        help='Only items that meet it, such as color=black or "price>100"; repeatable.',
    ),
]


@app.command(
    epilog="Example: datrnet remove 10045 10046 \\\nor: datrnet remove --where in_stock=no --hide"
)
def remove(
    items: Items = None,
    where: Where = None,
    hide: Annotated[bool, Option("--hide")] = False,
    variant: Annotated[bool, Option("--variant")] = False,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Remove items or variants from the catalog, or hide items.

    The id of an item, as the lists and the explorer show it, removes it with all its variants; the
    id of another variant removes that variant. A condition on a fact must hold for all variants of
    an item: stock=0 removes what no size is in stock of. Picture files stay. The step can be
    undone. The next import adds an item again, or shows it again, if its file has it.

    Args:
        items: Item ids; - reads them from a pipe, one per line.
        hide: Keep the items with their labels, but out of the gallery.
        variant: Of an id that an item and one of its variants share, remove the variant only.
    """
    fate: Fate = "hide" if hide else "remove"
    _move(workspace, items, where, fate, as_variants=variant, as_json=as_json)


@app.command(epilog="Example: datrnet unhide 10045 \\\nor: datrnet unhide --all")
def unhide(
    items: Items = None,
    where: Where = None,
    every: Annotated[bool, Option("--all")] = False,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Show hidden items again.

    Args:
        items: Item ids; - reads them from a pipe, one per line.
        every: All that are hidden.
    """
    _move(workspace, items, where, "unhide", every=every, as_json=as_json)


def _move(
    workspace: opt.Workspace,
    items: list[str] | None,
    where: list[str] | None,
    fate: Fate,
    *,
    every: bool = False,
    as_variants: bool = False,
    as_json: bool,
) -> None:
    shop, codes, conditions = (
        Shop(Workspace.locate(workspace)),
        read_codes(items or ()),
        where or (),
    )
    if fate == "unhide":
        moved = shop.unhide(codes, where=conditions, all=every)
    else:
        moved = shop.remove(codes, where=conditions, hide=fate == "hide", variant=as_variants)
    if as_json:
        facts: MovedFacts = {
            "num_items": moved.num_items,
            "variants": moved.variants,
            "step": None if moved.step is None else moved.step.id,
        }
        print_json(facts)
    elif moved.step is None:
        already = {"remove": "", "hide": " that is shown", "unhide": " that is hidden"}[fate]
        say(f"There is no such item{already}. Nothing was changed.")
    else:
        say(f"{DONE[fate]} {moved.words} (step {moved.step.id}). To undo: datrnet undo")


@app.command(epilog="Example: datrnet history --top 5")
def history(top: opt.Top = 30, workspace: opt.Workspace = None, as_json: opt.Json = False) -> None:
    """List imports, removals and renames, latest first.

    Each can be undone with `datrnet undo`. Single labels have a history of their own: `datrnet
    label history`.
    """
    steps = Shop(Workspace.locate(workspace)).history(top)
    header = ("step", "at", "action", "what", "state")
    rows = [
        (
            step.id,
            local_time(step.made_at),
            step.action,
            step.summary,
            "" if step.undone_at is None else "undone",
        )
        for step in steps
    ]
    empty = "Nothing has been done to the catalog yet."
    print_list(steps, header, rows, numbers=("step",), empty=empty, as_json=as_json)


@app.command(epilog="Example: datrnet undo")
def undo(
    step: Annotated[
        int | None, Argument(metavar="[STEP]", show_default="the latest that is not undone")
    ] = None,
    yes: Annotated[bool, Option("--yes", "-y")] = False,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Undo an import, removal or rename.

    The catalog is again as it was before. Steps are undone from the latest back. Labels set by hand
    since then stay.

    Args:
        step: Number in the history.
        yes: Also remove items labeled by hand since the step added them.
    """
    shop = Shop(Workspace.locate(workspace))
    undone = shop.undo(step, loses_labels=yes)
    if as_json:
        print_json({"undone": undone})
    elif undone is None:
        say("There is nothing to undo.")
    else:
        say(f"Undid step {undone.id}: {undone.action} {undone.summary}. To redo: datrnet redo")
        if shop.has_index:
            say("To update the index: datrnet index")


@app.command(epilog="Example: datrnet redo")
def redo(workspace: opt.Workspace = None, as_json: opt.Json = False) -> None:
    """Redo the step that was undone last.

    Once something else is changed, there is nothing to redo.
    """
    shop = Shop(Workspace.locate(workspace))
    redone = shop.redo()
    if as_json:
        print_json({"redone": redone})
    elif redone is None:
        say("There is nothing to redo: nothing was undone, or the catalog was changed since.")
    else:
        say(f"Redid step {redone.id}: {redone.action} {redone.summary}")
        if shop.has_index:
            say("To update the index: datrnet index")


@app.command(epilog="Example: datrnet prune \\\nor: datrnet prune --old-runs --yes")
def prune(
    old_runs: Annotated[bool, Option("--old-runs")] = False,
    features: Annotated[bool, Option("--features")] = False,
    history_days: Annotated[int | None, Option("--history", min=0, metavar="DAYS")] = None,
    yes: Annotated[bool, Option("--yes", "-y")] = False,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Delete old indexes, interrupted runs and leftovers; tell their sizes first.

    A terminal asks before anything is deleted. The index in use, its run and the newest finished
    run stay.

    Args:
        old_runs: Also finished runs that neither the index nor the next one is made with.
        history_days: Also what undo needs for steps that are older.
        features: Also the features of frozen backbones, which are computed again when needed.
        yes: Delete without asking.
    """
    place = Workspace.locate(workspace)
    with place.open_store(to_write=True) as store:
        found = find_surplus(
            place, store, old_runs=old_runs, features=features, history_days=history_days
        )
        facts: list[SurplusFacts] = [
            {
                "kind": it.kind,
                "name": it.name,
                "reason": it.reason,
                "path": str(it.path),
                "num_bytes": it.num_bytes,
                "last_step": it.last_step,
            }
            for it in found
        ]
        rows = [(it.kind, it.name, it.reason, decimal(it.num_bytes)) for it in found]
        total = decimal(sum(it.num_bytes for it in found))
        if not as_json:
            empty = "There is nothing to delete."
            header = ("what", "name", "why", "size")
            print_list(facts, header, rows, numbers=("size",), empty=empty, as_json=False)
        is_agreed = yes or (
            bool(found)
            and not as_json
            and is_conversation()
            and typer.confirm(f"Delete {total}?", err=True)
        )
        if is_agreed:
            for surplus in found:
                delete_surplus(place, store, surplus)
    if as_json:
        print_json(PruneFacts(surplus=facts, deleted=is_agreed))
    elif found:
        say(f"Deleted {total}." if is_agreed else f"Nothing was deleted. To delete {total}: --yes")
