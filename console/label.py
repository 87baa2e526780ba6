"""`datrnet label`: set labels by hand, list the changes, undo and redo them."""

import sys
from collections.abc import Iterable
from typing import Annotated

from typer import Argument

from datrnet.console import options as opt
from datrnet.console.output import counted, local_time, print_list, say
from datrnet.core.api.shop import Shop
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.text import fold
from datrnet.db.rows import LabelChange

STDIN = "-"
NO_LABEL = "no label"
NONE_APPLIES = "none applies"

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


@app.command("undo", epilog="Example: datrnet label undo")
def undo_label(
    change: Annotated[int | None, Argument(metavar="[CHANGE]", show_default="the latest")] = None,
    workspace: opt.Workspace = None,
) -> None:
    """Undo a change: restore the label that the item had before, with its source.

    Args:
        change: Number in the history.
    """
    undone = Shop(Workspace.locate(workspace)).undo_label(change)
    if undone is None:
        say("There is no label change to undo.")
    else:
        label = _described(undone.old_value, undone.old_source)
        say(f"{undone.code}: {undone.super_category} is {label} again (change {undone.id}).")


@app.command("redo", epilog="Example: datrnet label redo")
def redo_label(workspace: opt.Workspace = None) -> None:
    """Redo the last undone change."""
    change = Shop(Workspace.locate(workspace)).redo_label()
    say("There is no label change to redo." if change is None else f"{_transition(change)} again.")


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
            _described(change.new_value, change.new_source),
            "" if change.undone_at is None else "undone",
        )
        for change in changes
    ]
    empty = "No label has been changed by hand."
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
    after = _described(change.new_value, change.new_source)
    return f"{change.code}: {change.super_category} {before} → {after}"


def _described(value: str | None, source: str | None) -> str:
    return NO_LABEL if source is None else f"{value or NONE_APPLIES} ({source})"
