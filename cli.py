"""The ``datrnet`` command: its groups of commands, and the one place where errors are reported.

A command is in ``console/<name>.py``, imported when it runs. ``datrnet --help`` imports none of
them, which is why the short help of a command is here and its options are there.
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

COMMANDS = {
    "Get started": {
        "demo": "Draw a demo catalog, index it and open it in the explorer.",
        "import": "Import a catalog: add new items, update known ones.",
        "export": "Write the corrected catalog as a file, or as a folder for other programs.",
        "train": "Train one network per super-category.",
        "index": "Build the index that searches use, or bring it up to date.",
    },
    "Search": {
        "search": "Find substitutes, with some attributes changed, or items by words.",
        "browse": "Open the explorer: browse and search the catalog with pictures.",
        "map": "Draw the catalog as a map on which near items look alike.",
        "session": "List, replay, export and restore sessions of the explorer.",
    },
    "Maintain": {
        "info": "Show items, super-categories, runs, the index and disk use.",
        "doctor": "Check terminal, installation and workspace; suggest fixes.",
        "review": "Find doubtful labels, near-duplicates and unmet requests.",
        "label": "Set labels by hand; list and undo changes.",
        "attribute": "List, rename, merge and drop super-categories and values.",
        "remove": "Remove items or variants from the catalog, or hide items.",
        "unhide": "Show hidden items again.",
        "history": "List imports, removals and renames, latest first.",
        "undo": "Undo an import, removal or rename.",
        "redo": "Redo the step that was undone last.",
        "prune": "Delete old indexes, interrupted runs and leftovers; tell their sizes first.",
        "config": "Show and change the settings of the explorer.",
    },
    "Measure and compare": {
        "evaluate": "Measure top-k retrieval accuracy on a split.",
        "experiment": "Reproduce a table or figure of the paper.",
        "compare": "Train the paper's comparison systems and print tables 2 and 3.",
        "report": "Write all results of the workspace to one HTML page.",
    },
}
"""Every command with its short help, by the heading it has in ``datrnet --help``."""

MODULES = {
    "import": "catalog",
    "compare": "experiment",
    "report": "experiment",
    **dict.fromkeys(("remove", "unhide", "history", "undo", "redo", "prune"), "upkeep"),
}
"""Modules in ``console`` that are not named like their command."""


class LazyCommand(TyperCommand):
    """A command known by name and short help; its module is imported when it runs."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        """Parse the arguments with the real command; old names of options still work."""
        from datrnet.console.options import with_new_names

        return self.load().make_context(info_name, with_new_names(args), parent, **extra)

    def load(self) -> Any:
        """Return the real command: the only one of its module, or one of several."""
        from datrnet.console.options import document

        name = str(self.name)
        module = import_module(f"datrnet.console.{MODULES.get(name, name)}")
        command: Any = typer.main.get_command(module.app)
        command = getattr(command, "commands", {}).get(name, command)
        command.name = name
        document(command)
        if isinstance(command, TyperGroup):
            command.help = self.help
        return command


def process_value(param: Any, ctx: Any, value: Any) -> Any:
    """Return the value of a parameter; replaces Typer's method.

    Typer converts every value with pydantic, even None, and loading pydantic takes as long as a
    search. Typer still converts and checks what ``_as_typed`` cannot, and reports every error.
    """
    described = param.type_descriptor
    kind, is_list = described.annotation, described.is_list
    kind = get_args(kind)[0] if is_list else kind
    values = () if value is None else tuple(value) if is_list else (value,)
    try:
        converted = [_as_typed(kind, described.parameter_info, given) for given in values]
    except ValueError:
        return _process_value(param, ctx, value)
    if param.required and not converted:
        return _process_value(param, ctx, value)
    value = converted if is_list else converted[0] if converted else None
    return value if param.callback is None else param.callback(ctx, param, value)


def _as_typed(kind: Any, limits: Any, value: Any) -> Any:
    """Convert a text, choice, default, whole number or folder.

    Raises:
        ValueError: The value is something else, or may be out of range.
    """
    if type(value) is kind or value in get_args(kind):
        return value
    if kind is int and value.isdecimal() and int(value) >= (limits.min or 0) and not limits.max:
        return int(value)
    if kind is Path and limits.dir_okay and os.path.isdir(value) and os.access(value, os.R_OK):
        return Path(value)
    raise ValueError(value)


_process_value: Any = TyperOption.process_value  # that of arguments, too
if hasattr(TyperOption, "get_runtime_param"):  # a Typer without it does without pydantic
    TyperOption.process_value = TyperArgument.process_value = process_value  # type: ignore


class Commands(TyperGroup):
    """All commands; reports what goes wrong in any of them."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        for commands in COMMANDS.values():
            for name, words in commands.items():
                self.add_command(LazyCommand(name, help=words))

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """Parse the options before the command."""
        try:
            return super().make_context(*args, **extra)
        except Exception as error:
            self._exit(error)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            super().invoke(ctx)
            sys.stdout.flush()  # a closed pipe shows here, not when Python ends
        except (Exception, KeyboardInterrupt) as error:
            self._exit(error, ctx.invoked_subcommand or "")

    def _exit(self, error: BaseException, name: str = "") -> None:
        """Report an error and end with its exit code; a bug keeps its traceback."""
        if isinstance(error, typer.Exit | typer.Abort):
            raise error
        from datrnet.console.errors import report

        raise typer.Exit(report(error, name)) from error

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands by heading; without Rich, which takes longer than all the rest."""
        width = max(len(name) for commands in COMMANDS.values() for name in commands)
        for heading, commands in COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl([(f"{name:{width}}", words) for name, words in commands.items()])


app = typer.Typer(
    name="datrnet",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(is_given: bool) -> None:
    if is_given:
        from datrnet import __version__

        typer.echo(f"datrnet {__version__}")
        raise typer.Exit


@app.callback(epilog="Run datrnet COMMAND --help for the options of a command and an example.")
def _options(
    workspace: Annotated[
        Path | None,
        typer.Option(
            "--workspace",
            metavar="DIR",
            file_okay=False,
            show_default=False,
            help="Workspace folder; may also follow the command.",
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version."),
    ] = False,
) -> None:
    """Search a fashion catalog for substitutes: this item, but with other attributes.

    New here? Run `datrnet demo`. With a catalog of your own: import, train, index, then search or
    browse.
    """


def main() -> None:
    """Run the command that the arguments name."""
    # torch's threads spin while they wait: ten times slower where another program takes a core
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the caller; a database must not get its number
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # a terminal without Unicode shows question marks instead of failing
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        app(prog_name="datrnet")
    except OSError as error:  # while writing the help or the version
        from datrnet.console.errors import report

        sys.exit(report(error))
