"""`datrnet session`: the sessions of the explorer listed, shown, asked again and exported."""

from dataclasses import asdict
from pathlib import Path

from datrnet.console.output import (
    counted,
    is_terminal,
    new_table,
    print_json,
    print_table,
    results,
    say,
)
from datrnet.console.progress import StepProgress
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.search import Searcher
from datrnet.core.sessions.exporting import SessionSheet, export_session, facts_of
from datrnet.core.sessions.files import check_file
from datrnet.core.sessions.replaying import Answered, replayed
from datrnet.core.sessions.shortlists import ShortlistSheet, export_shortlist, items_of
from datrnet.core.sessions.steps import Step, session_of, steps_of
from datrnet.core.text import inert
from datrnet.db.store import Store


def run_list(workspace: Workspace, *, deleted: bool, as_json: bool) -> None:
    """Print all sessions, the newest first; or those that can be restored, the last deleted first.

    Raises:
        DatrnetError: The catalogue cannot be read.
    """
    with workspace.open_store() as store:
        sessions = store.deleted_sessions() if deleted else store.sessions()
        rows = [(one, len(store.steps(one.id))) for one in sessions]
    if as_json:
        print_json([{**asdict(one), "steps": number} for one, number in rows])
        return
    if not rows and deleted:
        say("There is no deleted session.")
        return
    if not rows:
        say("There is no session yet: one begins with the first substitutes seen in the explorer.")
        return
    print_table(
        ("session", "name", "begun", "last step", "steps"),
        [
            (one.id, one.name, _minute(one.started_at), _minute(one.updated_at), number)
            for one, number in rows
        ],
        numbers=("steps",),
    )


def run_show(workspace: Workspace, wanted: str, *, as_json: bool) -> None:
    """Print the steps of a session.

    Raises:
        DatrnetError: There is no such session, or it cannot be read.
    """
    with workspace.open_store() as store:
        session = session_of(store, wanted)
        steps = steps_of(store, session)
    if as_json:
        print_json({**asdict(session), "steps": [asdict(one) for one in steps]})
        return
    print_table(
        ("step", "at", "did", "item", "asked for"),
        [
            (one.position, _minute(one.made_at), one.action, one.subject, one.words or "as it is")
            for one in steps
        ],
        numbers=("step",),
    )


def run_replay(workspace: Workspace, wanted: str, top: int, *, as_json: bool) -> None:
    """Ask the steps of a session of today's index, and print what is found.

    Raises:
        DatrnetError: There is no such session, or no index.
    """
    with workspace.open_store() as store:
        sheet = _sheet(workspace, store, wanted, top)
    if as_json:
        print_json(facts_of(sheet))
        return
    for one in sheet.answers:
        _show_answer(one)


def run_export_session(workspace: Workspace, wanted: str, path: Path, top: int) -> None:
    """Write a session into a file.

    Raises:
        DatrnetError: See ``core.sessions.exporting``.
    """
    check_file(path, "session")
    with workspace.open_store() as store:
        sheet = _sheet(workspace, store, wanted, top)
    export_session(path, sheet)
    problems = sum(bool(one.problem) for one in sheet.answers)
    if problems:
        say(f"{counted(problems, 'step')} could not be asked again; the file says why.", "yellow")
    say(f"Session {sheet.session.id} with {counted(len(sheet.answers), 'step')} is in {path}.")


def run_shortlist(workspace: Workspace, wanted: str, path: Path | None, *, as_json: bool) -> None:
    """Print the shortlist of a session, or write it into a file.

    Raises:
        DatrnetError: There is no such session, or the file cannot be written.
    """
    with workspace.open_store() as store:
        session = session_of(store, wanted)
        codes = tuple(store.shortlist(session.id))
        catalog = Catalog.load(store) if as_json or path else None
    if path is not None and catalog is not None:
        sheet = ShortlistSheet(workspace=workspace, catalog=catalog, name=session.name, codes=codes)
        export_shortlist(path, sheet)
        number_of_items = counted(len(codes), "item")
        say(f"The shortlist of session {session.id} with {number_of_items} is in {path}.")
    elif catalog is not None:
        print_json(items_of(catalog, codes))
    else:
        for code in codes:
            print(inert(code) if is_terminal() else code)


def run_rename(workspace: Workspace, wanted: str, name: str) -> None:
    """Give a session another name.

    Raises:
        DatrnetError: There is no such session, or the name is empty.
    """
    if not name.strip():
        raise ConfigError("A session needs a name.", mend="Give one that tells it from others.")
    with workspace.open_store() as store:
        session = session_of(store, wanted)
        store.rename_session(session.id, name.strip())
    say(f"Session {session.id} is now called {name.strip()}.")


def run_delete(workspace: Workspace, wanted: str) -> None:
    """Delete a session, and tell how it comes back.

    Raises:
        DatrnetError: There is no such session.
    """
    with workspace.open_store() as store:
        session = session_of(store, wanted)
        num_steps = len(store.steps(session.id))
        store.delete_session(session.id)
    say(
        f"Deleted session {session.id}, {session.name}, with {counted(num_steps, 'step')}."
        f" `datrnet session restore {session.id}` brings it back."
    )


def run_restore(workspace: Workspace, number: int | None) -> None:
    """Bring a deleted session back: the one of a number, or the one deleted last.

    Raises:
        DatrnetError: There is no such deleted session.
    """
    with workspace.open_store() as store:
        session = store.restore_session(number)
    if session is None:
        say("There is no deleted session.")
    else:
        say(f"Session {session.id}, {session.name}, is back.")


def _sheet(workspace: Workspace, store: Store, wanted: str, top: int) -> SessionSheet:
    session = session_of(store, wanted)
    steps = steps_of(store, session)
    catalog = Catalog.load(store)
    searcher = Searcher(catalog, Generation.current(workspace, store))
    with StepProgress() as progress:
        answers = replayed(
            workspace,
            searcher,
            steps,
            top,
            lambda done, total: progress("Searching", done, total),
        )
    return SessionSheet(workspace=workspace, catalog=catalog, session=session, answers=answers)


def _show_answer(one: Answered) -> None:
    out = results()
    out.print(inert(_heading(one.step, one.title)), style="bold")
    if one.problem:
        out.print(inert(one.problem))
        return
    table = new_table("", "id", "title", "distance", "as wanted", numbers=("", "distance"))
    for found in one.substitutes:
        agreed = [name for name, agrees in found.agreement.items() if agrees]
        cells = (found.code, found.title, f"{found.distance:.3f}", ", ".join(agreed) or "–")
        table.add_row(str(found.rank), *map(inert, cells))
    out.print(table)


def _heading(step: Step, title: str) -> str:
    return f"{step.position}. {step.subject} {title}: {step.words or 'as it is'}"


def _minute(stamp: str) -> str:
    """Return a time in UTC to the minute; the seconds would break narrow tables."""
    return stamp[:16].replace("T", " ")
