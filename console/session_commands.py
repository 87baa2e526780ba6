"""The commands of `datrnet session`: arguments and help."""

from pathlib import Path
from typing import Annotated

import typer

from datrnet.console.options import JsonOption, WorkspaceOption

session_app = typer.Typer(
    no_args_is_help=True,
    help="The sessions of the explorer: what was asked, step by step.",
    epilog="Example: datrnet session export session.html",
)
WHICH = "Its number or name, as in `list`, or last: the one used last."
SessionOption = Annotated[str, typer.Option("--session", metavar="NUMBER|NAME|last", help=WHICH)]
SessionArgument = Annotated[str, typer.Argument(metavar="[NUMBER|NAME|last]", help=WHICH)]
GivenSession = Annotated[str, typer.Argument(metavar="NUMBER|NAME|last", help=WHICH)]
TopOption = Annotated[
    int, typer.Option("-k", "--top", min=1, metavar="NUMBER", help="Substitutes of each step.")
]


@session_app.command("list", epilog="Example: datrnet session list")
def list_sessions(
    deleted: Annotated[
        bool, typer.Option("--deleted", help="Those that were deleted, and can be restored.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List all sessions, the newest first."""
    from datrnet.console.sessions import run_list
    from datrnet.core.catalog.workspace import Workspace

    run_list(Workspace.locate(workspace), deleted=deleted, as_json=as_json)


@session_app.command("show", epilog="Example: datrnet session show 3")
def show_session(
    session: SessionArgument = "last",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the steps of a session: the items, and what was asked of each."""
    from datrnet.console.sessions import run_show
    from datrnet.core.catalog.workspace import Workspace

    run_show(Workspace.locate(workspace), session, as_json=as_json)


@session_app.command("replay", epilog="Example: datrnet session replay last -k 5")
def replay_session(
    session: SessionArgument = "last",
    top: TopOption = 5,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the steps of a session again, of the index as it is today."""
    from datrnet.console.sessions import run_replay
    from datrnet.core.catalog.workspace import Workspace

    run_replay(Workspace.locate(workspace), session, top, as_json=as_json)


@session_app.command("export", epilog="Example: datrnet session export session.html")
def export_session(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Where to write; .csv, .json or, with pictures, .html."
        ),
    ],
    session: SessionOption = "last",
    top: TopOption = 12,
    workspace: WorkspaceOption = None,
) -> None:
    """Write a session with its substitutes into a file, for programs or for people."""
    from datrnet.console.sessions import run_export_session
    from datrnet.core.catalog.workspace import Workspace

    run_export_session(Workspace.locate(workspace), session, file, top)


@session_app.command("shortlist", epilog="Example: datrnet session shortlist list.html")
def session_shortlist(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="Where to write it; .csv, .json or, with pictures, .html."
        ),
    ] = None,
    session: SessionOption = "last",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the ids on the shortlist of a session, one a line, or write its items into a file."""
    from datrnet.console.sessions import run_shortlist
    from datrnet.core.catalog.workspace import Workspace

    run_shortlist(Workspace.locate(workspace), session, file, as_json=as_json)


@session_app.command("rename", epilog="Example: datrnet session rename 3 'Coats for spring'")
def rename_session(
    session: GivenSession,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its new name.")],
    workspace: WorkspaceOption = None,
) -> None:
    """Give a session another name."""
    from datrnet.console.sessions import run_rename
    from datrnet.core.catalog.workspace import Workspace

    run_rename(Workspace.locate(workspace), session, name)


@session_app.command("delete", epilog="Example: datrnet session delete 3")
def delete_session(session: GivenSession, workspace: WorkspaceOption = None) -> None:
    """Take a session out of the list, with its steps and shortlist; `restore` brings it back."""
    from datrnet.console.sessions import run_delete
    from datrnet.core.catalog.workspace import Workspace

    run_delete(Workspace.locate(workspace), session)


@session_app.command("restore", epilog="Example: datrnet session restore 3")
def restore_session(
    number: Annotated[
        int | None,
        typer.Argument(
            metavar="[NUMBER]",
            help="Which one, as `list --deleted` counts.",
            show_default="the one deleted last",
        ),
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Bring a deleted session back with all that it had."""
    from datrnet.console.sessions import run_restore
    from datrnet.core.catalog.workspace import Workspace

    run_restore(Workspace.locate(workspace), number)
