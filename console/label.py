"""`datrnet label`: set labels by hand, accept proposals, list the changes, undo and redo them."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from datrnet.console import options as opt
from datrnet.console.output import (
    counted,
    is_terminal,
    local_time,
    print_json,
    print_list,
    say,
)
from datrnet.core.api.shop import Shop
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.text import fold
from datrnet.db.rows import LabelChange

if TYPE_CHECKING:
    from datrnet.core.api.findings import Suggestion

STDIN = "-"
NO_LABEL = "no label"
NONE_APPLIES = "none applies"

UNCALIBRATED = (
    "no validation item has a label of it, or it has one value, so its probabilities are not "
    "calibrated. Label some, then run `datrnet index`."
)

LISTED_SUGGESTIONS = 30
"""Proposals that are listed unless a limit is given."""

LISTED = 10
"""Changes of one step that are told one by one; the rest is counted."""

app = opt.group_app("datrnet label set 10045 color=black")


@app.command(
    "set",
    epilog="Example: datrnet label set 10045 10046 color=black \\\n"
    "or: datrnet label set 10045 color=black material='Cotton | Elastane' \\\n"
    "or: cat ids.txt | datrnet label set - color=black",
)
def set_label(
    words: Annotated[list[str], Argument(metavar="ITEM... NAME=VALUE...")],
    workspace: opt.Workspace = None,
) -> None:
    """Set or confirm labels by hand. No import overwrites them, and each change can be undone.

    Args:
        words: Item ids, or - to read them from a pipe, one per line; then one or more labels, each
            with one value, or several separated by |, or NAME= if no value applies.
    """
    shop = Shop(Workspace.locate(workspace))
    items, texts = _split(shop.catalog, words)
    codes, labels = read_codes(items), _labels(texts)
    made = shop.label(codes, labels)
    for change in made:
        say(f"{_transition(change)} (change {change.id})")
    if same := len(codes) * len(labels) - len(made):
        say(f"{counted(same, 'label')} {'was' if same == 1 else 'were'} already set by hand.")
    if shop.has_index and any(change.old_value != change.new_value for change in made):
        say("The index still uses the old labels. Run `datrnet index` to update it.")


def _split(catalog: Catalog, words: list[str]) -> tuple[list[str], list[str]]:
    """Return the items and the labels of a command line: the last words with a "=".

    Raises:
        ConfigError: One of both is missing.
    """
    first = len(words)
    while first and "=" in words[first - 1] and not catalog.has_code(words[first - 1]):
        first -= 1
    items, labels = words[:first], words[first:]
    misplaced = [word for word in items if "=" in word and not catalog.has_code(word)]
    if not (items and labels) or misplaced:
        lacking = "Nothing says which label to set" if items else "No item is named"
        raise ConfigError(
            f"{misplaced[0]!r} is followed by an item." if misplaced else f"{lacking}.",
            hint="Name items, then labels: datrnet label set 10045 10046 color=black fit=slim",
        )
    return items, labels


def _labels(texts: Iterable[str]) -> dict[str, str | None]:
    """Return the labels of a command line by super-category.

    Raises:
        ConfigError: One is malformed, or a super-category has two.
    """
    labels: dict[str, str | None] = {}
    names: set[str] = set()
    for name, value in map(_label, texts):
        if fold(name) in names:
            raise ConfigError(
                f"{name} is named twice.",
                hint=f"Several values go into one label: {name}='VALUE | VALUE'",
            )
        names.add(fold(name))
        labels[name] = value
    return labels


def _label(label: str) -> tuple[str, str | None]:
    """Return the super-category and value of a label.

    Raises:
        ConfigError: It is not of the form NAME=VALUE.
    """
    name, _, value = (part.strip() for part in label.partition("="))
    if not name:
        raise ConfigError(
            f"{label!r} is not of the form SUPER-CATEGORY=VALUE.",
            hint="For example: datrnet label set 10045 color=black",
        )
    return name, value or None


@app.command("suggest", epilog="Example: datrnet label suggest --super-category color --apply")
def suggest_labels(
    super_category: opt.SuperCategories = None,
    min_confidence: Annotated[float, Option(metavar="SHARE")] = 0.9,
    limit: Annotated[
        int | None, Option(min=1, metavar="N", show_default="30; with --apply, all")
    ] = None,
    accepted: Annotated[bool, Option("--accepted")] = False,
    apply: Annotated[bool, Option("--apply")] = False,
    chart: Annotated[Path | None, Option(metavar="FILE.png", dir_okay=False)] = None,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Propose values for items without a label, with the probability that they are right.

    Nothing is changed unless --apply is given. Proposals fill gaps only: a label that a user or an
    import set stays, also where none of the values applies. Accepted labels are searched and
    shown; nothing is trained or measured with them until they are confirmed with `datrnet label
    set` or in the explorer. `datrnet label undo` takes back all that were accepted at once.

    Args:
        min_confidence: Least probability of a proposal, from 0 to 1.
        limit: Maximum number of proposals, the surest first.
        accepted: Also propose labels for which an earlier proposal was accepted.
        apply: Accept the proposals.
        chart: Also draw how often values with a confidence are right, on the validation items,
            before and after calibration.
    """
    shop = Shop(Workspace.locate(workspace))
    if chart is not None:
        shop.reliability_chart(chart)
        say(f"Drew {chart}.")
    found = shop.suggestions(super_category or (), min_confidence=min_confidence, accepted=accepted)
    for name in found.uncalibrated:
        say(f"Nothing is proposed for {name}: {UNCALIBRATED}", "yellow")
    if apply:
        _accept(shop, found[:limit], as_json=as_json)
        return
    shown = found[: limit or LISTED_SUGGESTIONS]
    header = ("id", "title", "super-category", "proposal", "confidence", "label")
    rows = [
        (it.id, it.title, it.super_category, it.value, f"{it.confidence:.3f}", it.label or "–")
        for it in shown
    ]
    if as_json or rows or not is_terminal():
        facts = list(map(asdict, shown))
        print_list(facts, header, rows, numbers=("confidence",), as_json=as_json)
    sure = f"of at least {min_confidence:g}"
    if not found:
        say(f"There is no proposal with a confidence {sure}.")
    elif len(shown) < len(found):
        say(f"{len(shown):,} of {counted(len(found), 'proposal')}; --limit shows more.")
    if found.num_unsure:
        say(f"{counted(found.num_unsure, 'further proposal')} without a confidence {sure}.")
    if found:
        say("To accept them: --apply. To look at each: press v, then 2, in `datrnet browse`.")


def _accept(shop: Shop, found: "Sequence[Suggestion]", *, as_json: bool) -> None:
    """Accept proposals, and say what was changed."""
    made = shop.accept(found)
    if as_json:
        print_json(made)
        return
    for change in made[:LISTED]:
        say(_transition(change))
    _tell_others(made, "No label was changed.")
    if made:
        say(f"Accepted {counted(len(made), 'proposal')}; `datrnet label undo` takes back all.")


@app.command("undo", epilog="Example: datrnet label undo")
def undo_label(
    change: Annotated[int | None, Argument(metavar="[CHANGE]", show_default="the latest")] = None,
    workspace: opt.Workspace = None,
) -> None:
    """Undo a change: restore the label that the item had before, with its source.

    Labels that were accepted together are undone together.

    Args:
        change: Number in the history of the only change to undo.
    """
    undone = Shop(Workspace.locate(workspace)).undo_label(change)
    for each in undone[:LISTED]:
        label = _described(each.old_value, each.old_source)
        say(f"{each.code}: {each.super_category} is {label} again (change {each.id}).")
    _tell_others(undone, "There is no label change to undo.")


@app.command("redo", epilog="Example: datrnet label redo")
def redo_label(workspace: opt.Workspace = None) -> None:
    """Redo what was undone last."""
    redone = Shop(Workspace.locate(workspace)).redo_label()
    for each in redone[:LISTED]:
        say(f"{_transition(each)} again.")
    _tell_others(redone, "There is no label change to redo.")


@app.command("history", epilog="Example: datrnet label history 10045")
def label_history(
    item: Annotated[str | None, Argument(metavar="[ITEM]")] = None,
    top: opt.Top = 30,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """List label changes, latest first: the label before and after, and its source.

    Args:
        item: Only changes of this item.
    """
    changes = Shop(Workspace.locate(workspace)).label_history(item, k=top)
    header = ("change", "at", "id", "super-category", "before", "after", "state")
    rows = [
        (
            change.id,
            local_time(change.changed_at),
            change.code,
            change.super_category,
            _described(change.old_value, change.old_source),
            _described(change.new_value, change.new_source, change.confidence),
            "" if change.undone_at is None else "undone",
        )
        for change in changes
    ]
    empty = "No label has been changed."
    print_list(changes, header, rows, numbers=("change",), empty=empty, as_json=as_json)


def read_codes(items: Iterable[str]) -> list[str]:
    """Return the item ids, each once; "-" reads the first field of each line of a pipe."""
    codes: list[str] = []
    for item in items:
        fields = (line.split("\t")[0].strip() for line in sys.stdin) if item == STDIN else (item,)
        codes += filter(None, fields)
    return list(dict.fromkeys(codes))


def _transition(change: LabelChange) -> str:
    before = _described(change.old_value, change.old_source)
    after = _described(change.new_value, change.new_source, change.confidence)
    return f"{change.code}: {change.super_category} {before} → {after}"


def _tell_others(changes: Sequence[LabelChange], empty: str) -> None:
    """Say how many changes are not listed, or that there is none."""
    if not changes:
        say(empty)
    elif len(changes) > LISTED:
        say(f"… and {counted(len(changes) - LISTED, 'more label')}.")


def _described(value: str | None, source: str | None, confidence: float | None = None) -> str:
    if source is None:
        return NO_LABEL
    sure = "" if confidence is None else f", {confidence:.1%}".replace("%", " %")
    return f"{value or NONE_APPLIES} ({source}{sure})"
