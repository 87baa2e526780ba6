"""`datrnet label`: labels set by hand, their history, and the way back."""

import sys
from collections.abc import Iterable
from dataclasses import asdict

from datrnet.console.output import counted, print_json, print_table, say
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.db.rows import LabelChange

FROM_PIPE = "-"
NO_LABEL = "no label"
NONE_HOLDS = "none holds"


def run_set(workspace: Workspace, items: tuple[str, ...], wanted: str) -> None:
    """Give items a label; a person says so.

    Args:
        workspace: Whose catalogue.
        items: Their codes; ``-`` reads them from standard input.
        wanted: NAME=VALUE, or NAME= where no value holds.

    Raises:
        DatrnetError: A name does not exist, or the words are not of that form.
    """
    name, sign, value = (part.strip() for part in wanted.partition("="))
    if not (name and sign):
        raise ConfigError(
            f"{wanted!r} is not of the form SUPER-CATEGORY=VALUE.",
            mend="For example: datrnet label set 10045 colour=black",
        )
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        # all of them are looked up before the first is changed
        rows = [catalog.row_of_code(code) for code in _codes(items)]
        idx = catalog.super_category_idx(name)
        if value:
            _check_value(catalog, idx, value)
        changes = [
            store.set_label(int(catalog.item_ids[row]), name, value or None, "person")
            for row in rows
        ]
    made = [one for one in changes if one is not None]
    for change in made:
        say(f"{_words(change)} (change {change.id})")
    if len(made) < len(rows):
        say(f"{counted(len(rows) - len(made), 'label')} stood so already, by a person.")
    if any(one.old_value != one.new_value for one in made):
        say("The index still has the old labels' prototypes; `datrnet index` renews them.")


def _check_value(catalog: Catalog, idx: int, value: str) -> None:
    """Refuse a value that there is not, and tell how to say that none holds."""
    try:
        catalog.value_idx(idx, value)
    except UnknownNameError as error:
        name = catalog.super_categories[idx].name
        mend = f"{error.mend} {name}= says that none of its values holds."
        raise UnknownNameError(f"{name} value", value, (), mend=mend) from error


def run_undo(workspace: Workspace, change_id: int | None) -> None:
    """Take a change back: the newest that stands, or the one of a number.

    Raises:
        DatrnetError: There is no such change, or a later one of the same label stands.
    """
    with workspace.open_store() as store:
        change = store.undo_label(change_id)
    if change is None:
        say("There is no change of a label to take back.")
    else:
        back = _said(change.old_value, change.old_source)
        say(f"{change.code}: {change.super_category} is {back} again (change {change.id}).")


def run_redo(workspace: Workspace) -> None:
    """Make the change again that was taken back last.

    Raises:
        DatrnetError: The catalogue cannot be read or written.
    """
    with workspace.open_store() as store:
        change = store.redo_label()
    say("There is nothing to make again." if change is None else f"{_words(change)} again.")


def run_history(workspace: Workspace, item: str | None, top: int, *, as_json: bool) -> None:
    """Print the changes of labels, the newest first.

    Raises:
        DatrnetError: There is no such item, or the catalogue cannot be read.
    """
    with workspace.open_store() as store:
        item_id = None
        if item is not None:
            catalog = Catalog.load(store)
            item_id = int(catalog.item_ids[catalog.row_of_code(item)])
        changes = store.label_history(item_id, top)
    if as_json:
        print_json([asdict(one) for one in changes])
        return
    if not changes:
        say("No label has been changed by hand.")
        return
    rows = [
        (
            one.id,
            one.changed_at,
            one.code,
            one.super_category,
            _said(one.old_value, one.old_source),
            _said(one.new_value, one.new_source),
            "" if one.undone_at is None else "taken back",
        )
        for one in changes
    ]
    header = ("change", "at", "id", "super-category", "before", "after", "state")
    print_table(header, rows, numbers=("change",))


def _codes(items: Iterable[str]) -> list[str]:
    """Return the codes, with those of a pipe in place of a dash: the first field of each line."""
    codes: list[str] = []
    for item in items:
        if item != FROM_PIPE:
            codes.append(item)
            continue
        fields = (line.split("\t")[0].strip() for line in sys.stdin)
        codes += [field for field in fields if field]
    return list(dict.fromkeys(codes))


def _words(change: LabelChange) -> str:
    before = _said(change.old_value, change.old_source)
    after = _said(change.new_value, change.new_source)
    return f"{change.code}: {change.super_category} {before} → {after}"


def _said(value: str | None, source: str | None) -> str:
    if source is None:
        return NO_LABEL
    return f"{value or NONE_HOLDS} ({source})"
