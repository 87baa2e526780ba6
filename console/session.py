"""`datrnet session`: list, show, replay, export, rename, delete and restore sessions."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from datrnet.console import options as opt
from datrnet.console.output import (
    counted,
    local_time,
    print_ids,
    print_json,
    print_list,
    results,
    say,
    show_table,
)
from datrnet.console.progress import JobProgress
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.sessions.export import (
    SessionSheet,
    check_file,
    export_session,
    export_shortlist,
    session_facts,
    shortlist_facts,
)
from datrnet.core.sessions.steps import ReplayedStep, session_of, steps_of
from datrnet.core.text import sanitize

UNCHANGED = "no change"

WHICH = "Number or name, as in `list`; last: the latest."
LatestSession = Annotated[str, Argument(metavar="[NUMBER|NAME|last]", help=WHICH)]
NamedSession = Annotated[str, Argument(metavar="NUMBER|NAME|last", help=WHICH)]
StepResultsOption = Annotated[
    int, Option("-k", "--top", min=1, metavar="N", help="Substitutes per step.")
]

app = opt.group_app("datrnet session export session.html")


@app.command("list", epilog="Example: datrnet session list")
def list_sessions(
    deleted: Annotated[bool, Option("--deleted")] = False,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """List all sessions, latest first.

    Args:
        deleted: List deleted sessions, which `restore` brings back.
    """
    facts = opt.shop_at(workspace).sessions(deleted=deleted)
    none_yet = "There is no session yet. The explorer starts one with the first search."
    print_list(
        facts,
        ("session", "name", "started", "last step", "steps"),
        [
            (s["id"], s["name"], *map(local_time, (s["started_at"], s["updated_at"])), s["steps"])
            for s in facts
        ],
        numbers=("steps",),
        empty="There is no deleted session." if deleted else none_yet,
        as_json=as_json,
    )


@app.command("show", epilog="Example: datrnet session show 3")
def show_session(
    session: LatestSession = "last", workspace: opt.Workspace = None, as_json: opt.Json = False
) -> None:
    """Show the steps of a session: each query and its changes."""
    with Workspace.locate(workspace).open_store() as store:
        row = session_of(store, session)
        steps = steps_of(store, row)
    rows = [
        (s.position, local_time(s.made_at), s.action, s.subject, s.words or UNCHANGED)
        for s in steps
    ]
    print_list(
        {**asdict(row), "steps": steps},
        ("step", "at", "action", "item", "request"),
        rows,
        numbers=("step",),
        as_json=as_json,
    )


@app.command("replay", epilog="Example: datrnet session replay last -k 5")
def replay_session(
    session: LatestSession = "last",
    top: StepResultsOption = 5,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Repeat the searches of a session on the current index."""
    sheet = _sheet(workspace, session, top)
    if as_json:
        print_json(session_facts(sheet))
        return
    for answer in sheet.steps:
        _show_answer(answer)


@app.command("export", epilog="Example: datrnet session export session.html")
def export(
    file: Annotated[Path, Argument(metavar="FILE")],
    session: opt.Session = "last",
    top: StepResultsOption = 12,
    workspace: opt.Workspace = None,
) -> None:
    """Write a session with the substitutes of each step to a file.

    Args:
        file: Output file: .csv, .json, or .html with pictures.
    """
    check_file(file, "session")
    sheet = _sheet(workspace, session, top)
    export_session(file, sheet)
    if problems := sum(bool(answer.problem) for answer in sheet.steps):
        say(f"{counted(problems, 'step')} could not be repeated; the file says why.", "yellow")
    say(f"Wrote session {sheet.session.id}, {counted(len(sheet.steps), 'step')}, to {file}.")


@app.command("shortlist", epilog="Example: datrnet session shortlist list.html")
def shortlist(
    file: Annotated[Path | None, Argument(metavar="FILE")] = None,
    session: opt.Session = "last",
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Print the ids on the shortlist of a session, or write its items to a file.

    Args:
        file: Output file: .csv, .json, or .html with pictures.
    """
    place = Workspace.locate(workspace)
    with place.open_store() as store:
        row = session_of(store, session)
        codes = tuple(store.shortlist(row.id))
        catalog = Catalog.load(store) if as_json or file else None
    if file is not None and catalog is not None:
        export_shortlist(file, place, catalog, row.name, codes)
        say(f"Wrote the shortlist of session {row.id}, {counted(len(codes), 'item')}, to {file}.")
    elif catalog is not None:
        print_json(shortlist_facts(catalog, codes))
    else:
        print_ids(codes)


@app.command("rename", epilog="Example: datrnet session rename 3 'Coats for spring'")
def rename_session(
    session: NamedSession,
    name: Annotated[str, Argument(metavar="NAME")],
    workspace: opt.Workspace = None,
) -> None:
    """Rename a session.

    Args:
        name: New name.
    """
    if not name.strip():
        raise ConfigError("The name of a session must not be empty.", hint="Enter a name.")
    with Workspace.locate(workspace).open_store() as store:
        row = session_of(store, session)
        store.rename_session(row.id, name.strip())
    say(f"Renamed session {row.id} to {name.strip()}.")


@app.command("delete", epilog="Example: datrnet session delete 3")
def delete_session(session: NamedSession, workspace: opt.Workspace = None) -> None:
    """Delete a session with its steps and shortlist; `restore` brings it back."""
    with Workspace.locate(workspace).open_store() as store:
        row = session_of(store, session)
        num_steps = len(store.steps(row.id))
        store.delete_session(row.id)
    say(
        f"Deleted session {row.id}, {row.name}, with {counted(num_steps, 'step')}. "
        f"To restore it: datrnet session restore {row.id}"
    )


@app.command("restore", epilog="Example: datrnet session restore 3")
def restore_session(
    number: Annotated[
        int | None, Argument(metavar="[NUMBER]", show_default="the last deleted session")
    ] = None,
    workspace: opt.Workspace = None,
) -> None:
    """Restore a deleted session with its steps and shortlist.

    Args:
        number: Number in `list --deleted`.
    """
    with Workspace.locate(workspace).open_store() as store:
        session = store.restore_session(number)
    if session is None:
        say("There is no deleted session.")
    else:
        say(f"Restored session {session.id}, {session.name}.")


def _sheet(workspace: Path | None, session: str, top: int) -> SessionSheet:
    with JobProgress() as progress:
        return opt.shop_at(workspace).replay(session, k=top, on_progress=progress)


def _show_answer(answer: ReplayedStep) -> None:
    out, step = results(), answer.step
    heading = f"{step.position}. {step.subject} {answer.title}: {step.words or UNCHANGED}"
    out.print(sanitize(heading), style="bold")
    if answer.problem:
        out.print(sanitize(answer.problem))
        return
    rows = []
    for found in answer.substitutes:
        agreed = ", ".join(name for name, agrees in found.agreement.items() if agrees)
        rows.append((found.rank, found.code, found.title, f"{found.distance:.3f}", agreed or "–"))
    show_table(("", "id", "title", "distance", "matches"), rows, numbers=("", "distance"))
