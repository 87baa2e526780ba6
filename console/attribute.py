"""`datrnet attribute`: list, rename, merge and drop super-categories and values."""

from collections.abc import Iterable, Sequence
from typing import Annotated

import typer
from typer import Argument, Option

from datrnet.console import options as opt
from datrnet.console.output import counted, is_conversation, percent, print_list, say
from datrnet.core.api.json_facts import AttributeFacts, ValueFacts
from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, DatrnetError
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manifest import ENTANGLED
from datrnet.core.text import fold
from datrnet.db.store import Store
from datrnet.db.synonyms import Synonym

CANCELED_EXIT = 130

app = opt.group_app("datrnet attribute rename color=grey gray")

Name = Annotated[str, Argument(metavar="NAME[=VALUE]")]


@app.command("list", epilog="Example: datrnet attribute list color")
def list_attributes(
    name: Annotated[str | None, Argument(metavar="[NAME]")] = None,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """List the super-categories, or the values of one, and what files call them.

    Args:
        name: Super-category whose values to list.
    """
    with Workspace.locate(workspace).open_store() as store:
        catalog, synonyms = Catalog.load(store), store.synonyms()
    if name is None:
        return _list_categories(catalog, synonyms, as_json=as_json)
    idx = catalog.super_category_idx(name)
    category = catalog.super_categories[idx]
    own = [it for it in synonyms if it.spelled and fold(it.super_category) == fold(category.name)]
    facts: list[ValueFacts] = [
        {
            "value": value,
            "num_items": int(catalog.carries(idx, value_idx).sum()),
            "in_files": [it.spelled for it in own if fold(it.value) == fold(value)],
        }
        for value_idx, value in enumerate(category.values)
    ]
    dropped = [it.spelled for it in own if not it.value]
    facts += [{"value": value, "num_items": 0, "in_files": None} for value in dropped]
    rows = [(it["value"], it["num_items"], _in_files(it["in_files"])) for it in facts]
    print_list(
        facts, ("value", "items", "in files also"), rows, numbers=("items",), as_json=as_json
    )


def _list_categories(catalog: Catalog, synonyms: list[Synonym], *, as_json: bool) -> None:
    whole = [it for it in synonyms if not it.spelled]
    facts: list[AttributeFacts] = [
        {
            "name": category.name,
            "num_values": len(category.values),
            "share_labeled": float((catalog.labels[:, idx] != UNLABELED).mean()),
            "in_files": [
                it.super_category for it in whole if fold(it.value) == fold(category.name)
            ],
        }
        for idx, category in enumerate(catalog.super_categories)
    ]
    dropped = [it.super_category for it in whole if not it.value]
    facts += [
        {"name": name, "num_values": 0, "share_labeled": 0.0, "in_files": None} for name in dropped
    ]
    rows = [
        (it["name"], it["num_values"], percent(it["share_labeled"]), _in_files(it["in_files"]))
        for it in facts
    ]
    print_list(
        facts,
        ("super-category", "values", "labeled", "in files also"),
        rows,
        numbers=("values", "labeled"),
        empty="The catalog has no super-category.",
        as_json=as_json,
    )


def _in_files(names: Iterable[str] | None) -> str:
    return "dropped" if names is None else ", ".join(names)


@app.command(
    epilog="Example: datrnet attribute rename color=grey gray \\\n"
    "or: datrnet attribute rename colour color"
)
def rename(
    name: Name,
    new_name: Annotated[str, Argument(metavar="NEW")],
    workspace: opt.Workspace = None,
) -> None:
    """Give a super-category or value another name. Later imports take the old name as the new one.

    Args:
        name: A super-category, or a value of it.
        new_name: Its new name.
    """
    category, value = _split(name)
    with Workspace.locate(workspace).open_store(to_write=True) as store:
        if value:
            old = f"{category}={store.rename_value(category, value, new_name)}"
        else:
            old = store.rename_super_category(category, new_name)
        say(f"Renamed {old} to {new_name} ({_step(store)}).")


@app.command(
    epilog="Example: datrnet attribute merge color grey gray --into gray \\\n"
    "or: datrnet attribute merge colour --into color"
)
def merge(
    name: Annotated[str, Argument(metavar="NAME")],
    into: Annotated[str, Option("--into", metavar="NAME")],
    values: Annotated[list[str] | None, Argument(metavar="[VALUE]...")] = None,
    workspace: opt.Workspace = None,
) -> None:
    """Make one value of several, or one super-category of two. Later imports do the same.

    Args:
        name: A super-category.
        values: Values of it to merge; without any, the whole super-category is merged.
        into: The value, or super-category, that remains.
    """
    with Workspace.locate(workspace).open_store(to_write=True) as store:
        if values:
            num_items = store.merge_values(name, values, into)
            changed = f"Merged {', '.join(values)} into {into} in {counted(num_items, 'item')}"
        else:
            changed = f"Merged {store.merge_super_category(name, into)} into {into}"
        say(f"{changed} ({_step(store)}).")
        if store.current_generation() is not None:
            say("Searches take both as one. To update the index: datrnet index")


@app.command(
    epilog="Example: datrnet attribute drop added \\\nor: datrnet attribute drop color=other"
)
def drop(
    names: Annotated[list[str], Argument(metavar="NAME[=VALUE]...")],
    yes: Annotated[bool, Option("--yes", "-y")] = False,
    workspace: opt.Workspace = None,
) -> None:
    """Remove super-categories or values with their labels. Later imports leave them out.

    Searches and the index go on with the super-categories that are left. Where that is impossible,
    since the system of the index compares all of them as a whole, a terminal asks first.

    Args:
        names: Super-categories, or values of them.
        yes: Drop without asking.
    """
    place = Workspace.locate(workspace)
    with place.open_store(to_write=True) as store:
        catalog = Catalog.load(store)
        for category, value in map(_split, names):  # look up every name before the first change
            idx = catalog.super_category_idx(category)
            if value:
                catalog.value_idx(idx, value)
        whole = [category for category, value in map(_split, names) if not value]
        stopped = _stops_search(place, store, catalog, whole)
        if stopped and not yes:
            _agree_to_stop(stopped)
        for category, value in map(_split, names):
            if value:
                old = f"{category}={store.drop_value(category, value)}"
            else:
                old = store.drop_super_category(category)
            say(f"Dropped {old} ({_step(store)}).")
        if stopped:
            say("To search again: datrnet train and datrnet index")
        elif store.current_generation() is not None:
            say("Searches go on without it. To update the index: datrnet index")


@app.command(epilog="Example: datrnet attribute forget color=grey")
def forget(
    names: Annotated[list[str], Argument(metavar="NAME[=VALUE]...")],
    workspace: opt.Workspace = None,
) -> None:
    """Let later imports take a name as files have it, although it was renamed, merged or dropped.

    Args:
        names: Super-categories or values, as files have them.
    """
    with Workspace.locate(workspace).open_store(to_write=True) as store:
        for name in names:
            store.forget_synonym(*_split(name))
            say(f"Later imports take {name} as files have it ({_step(store)}).")


def _split(name: str) -> tuple[str, str]:
    """Return a super-category, and its value if one is named.

    Raises:
        ConfigError: One of them is empty.
    """
    category, sign, value = (part.strip() for part in name.partition("="))
    if not category or (sign and not value):
        raise ConfigError(
            f"{name!r} is not of the form NAME or NAME=VALUE.",
            hint="`datrnet attribute list` lists the names.",
        )
    return category, value


def _step(store: Store) -> str:
    return f"step {store.history(1)[0].id}"


def _stops_search(
    workspace: Workspace, store: Store, catalog: Catalog, dropped: Sequence[str]
) -> str:
    """Return why no search can do without some super-categories; empty if they can."""
    names = {catalog.super_categories[catalog.super_category_idx(name)].name for name in dropped}
    try:
        generation = Generation.current(workspace, store).aligned_with(catalog)
    except DatrnetError:
        return ""
    indexed = {category.name for category in generation.super_categories}
    if names.isdisjoint(indexed):
        return ""
    if indexed <= names:
        return "The index has no other super-category."
    if generation.block_names == (ENTANGLED,):
        return "The system of the index compares all super-categories as a whole."
    return ""


def _agree_to_stop(why: str) -> None:
    """Ask whether searches may stop.

    Raises:
        ConfigError: Nobody can be asked.
        Exit: The user said no.
    """
    told = f"{why} Without it, search, evaluate and index stop until `datrnet train`."
    if not is_conversation():
        raise ConfigError(f"{told} Nothing was dropped.", hint="To drop it all the same: --yes")
    if not typer.confirm(f"{told} Drop it?", err=True):
        say("Nothing was dropped.")
        raise typer.Exit(CANCELED_EXIT)
