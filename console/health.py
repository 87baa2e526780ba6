"""What is well and what is not, with its mend; and how a workspace is."""

from dataclasses import dataclass
from typing import Literal

from datrnet.console.output import counted
from datrnet.console.overview import IndexState, look_at_index
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.thumbnails import ThumbnailStore
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DatabaseError, DataError, DatrnetError
from datrnet.db.migrations import SCHEMA_VERSION
from datrnet.db.store import Store

Sign = Literal["well", "note", "problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    about: str
    sign: Sign
    text: str
    mend: str = ""
    """What to do; empty where there is nothing to do."""


def workspace_findings(workspace: Workspace, *, check: bool) -> list[Finding]:
    """Return how a workspace is, whatever state it is in.

    Args:
        workspace: The workspace.
        check: Whether the index files are read to verify their checksums.
    """
    place = Finding(about="folder", sign="well", text=str(workspace.root))
    try:
        with workspace.open_store() as store:
            catalog = Catalog.load(store)
            return [
                place,
                _catalogue(catalog),
                Finding(about="schema", sign="well", text=f"version {SCHEMA_VERSION}, the newest"),
                _pictures(workspace, catalog),
                _thumbnails(workspace, catalog),
                *_index(workspace, store, catalog, check=check),
            ]
    except DatabaseError as error:
        return [place, _problem("catalogue", error)]


def _catalogue(catalog: Catalog) -> Finding:
    text = (
        f"{counted(catalog.num_items, 'item')}, {len(catalog.super_categories):,} super-categories"
    )
    if catalog.num_items:
        return Finding(about="catalogue", sign="well", text=text)
    return Finding(about="catalogue", sign="note", text=text, mend="Run `datrnet import CATALOG`.")


def _pictures(workspace: Workspace, catalog: Catalog) -> Finding:
    missing = [
        code
        for code, path in zip(catalog.codes, catalog.picture_paths, strict=True)
        if not _is_there(workspace, path)
    ]
    if not missing:
        return Finding(about="pictures", sign="well", text="all there")
    return Finding(
        about="pictures",
        sign="problem",
        text=f"{len(missing):,} of {catalog.num_items:,} missing, the first that of {missing[0]}",
        mend="Put them back where they were, or import the catalogue with their new places.",
    )


def _is_there(workspace: Workspace, path: str) -> bool:
    try:
        return workspace.picture(path).path.is_file()
    except DataError:
        return False


def _thumbnails(workspace: Workspace, catalog: Catalog) -> Finding:
    store = ThumbnailStore(workspace.thumbnails)
    try:
        absent = sum(int(item_id) not in store for item_id in catalog.item_ids)
    except DataError as error:
        return _problem("thumbnails", error)
    finally:
        store.close()
    if not absent:
        return Finding(about="thumbnails", sign="well", text="all there")
    return Finding(
        about="thumbnails",
        sign="note",
        text=f"{absent:,} of {catalog.num_items:,} missing; the explorer makes them as it goes",
        mend="Run the same `datrnet import` again.",
    )


def _index(workspace: Workspace, store: Store, catalog: Catalog, *, check: bool) -> list[Finding]:
    state = look_at_index(workspace, store, catalog, check=check)
    found = [_currency(state)]
    if state.damaged_files is not None:
        found.append(_checksums(state.damaged_files))
    return found


def _currency(state: IndexState) -> Finding:
    if state.problem:
        sign: Sign = "note" if state.name is None else "problem"
        return Finding(about="index", sign=sign, text=state.problem)
    text = f"{state.name} of run {state.run}, {counted(state.num_items or 0, 'item')}"
    if not state.num_unindexed:
        return Finding(about="index", sign="well", text=f"{text}, current")
    return Finding(
        about="index",
        sign="note",
        text=f"{text}; {counted(state.num_unindexed, 'item')} came after it",
        mend="Run `datrnet index`.",
    )


def _checksums(damaged: tuple[str, ...]) -> Finding:
    if not damaged:
        return Finding(about="checksums", sign="well", text="right")
    return Finding(
        about="checksums",
        sign="problem",
        text=f"wrong: {', '.join(damaged)}",
        mend="Run `datrnet index` to write the index anew.",
    )


def _problem(about: str, error: DatrnetError) -> Finding:
    return Finding(about=about, sign="problem", text=error.message, mend=error.mend)
