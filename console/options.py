"""Options that several commands share, each written once; and what all commands have in common."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer import Option

from datrnet.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    from datrnet.core.api.shop import Shop

RENAMED = {"--unlabelled": "--unlabeled"}  # spelling:keep
"""Old names of options, accepted with a notice until the next release."""

Split = Literal["train", "validation", "test"]
SplitOrAll = Literal["train", "validation", "test", "all"]


def command_app(**attrs: Any) -> typer.Typer:
    """Return the Typer application of a command, or of several."""
    return typer.Typer(add_completion=False, rich_markup_mode="markdown", **attrs)


def group_app(example: str) -> typer.Typer:
    """Return the Typer application of a group of commands."""
    app = command_app(no_args_is_help=True, epilog=f"Example: {example}")

    @app.callback()
    def _options(workspace: Workspace = None) -> None:
        pass

    return app


def with_new_names(arguments: Sequence[str]) -> list[str]:
    """Replace old names of options, with a notice on standard error."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    replaced = list(arguments)
    for place, argument in enumerate(arguments[:end]):
        old, sign, value = argument.partition("=")
        if old in RENAMED:
            new = RENAMED[old]
            typer.echo(f"{old} is now {new}; the old name will be removed.", err=True)
            replaced[place] = f"{new}{sign}{value}"
    return replaced


def document(command: Any) -> None:
    """Make the docstring of a command its help: the text, and a line of ``Args`` per option.

    Every other section is a panel of options. Help that an option brings along takes precedence.
    """
    command.help, *sections = re.split(r"\n\n(?=.+:\n {4}\w+: )", command.help or "")
    params = {param.name: param for param in command.params}
    for section in sections:
        heading, _, lines = section.partition(":\n")
        for name, words in re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", lines, re.MULTILINE):
            params[name].help = params[name].help or " ".join(words.split())
            if heading != "Args":
                params[name].rich_help_panel = heading
    for subcommand in getattr(command, "commands", {}).values():
        document(subcommand)


def one_of(names: Sequence[str]) -> str:
    """Return names as a choice: "a, b or c"."""
    return f"{', '.join(names[:-1])} or {names[-1]}"


def typed_parameters(ctx: typer.Context) -> list[tuple[Any, Any]]:
    """Return the parameters of the command line, with values; without --workspace and --json."""
    names = ctx.params.keys() - {"workspace", "as_json"}
    return [
        (param, ctx.params[param.name])
        for param in ctx.command.params
        if param.name in names
        and getattr(ctx.get_parameter_source(param.name), "name", "") == "COMMANDLINE"
    ]


def _or_before(ctx: typer.Context, given: Path | None) -> Path | None:
    """Return the folder given here, else the one given before the command."""
    return given or (None if ctx.parent is None else ctx.parent.params.get("workspace"))


Workspace = Annotated[
    Path | None,
    Option(
        "--workspace",
        metavar="DIR",
        file_okay=False,
        callback=_or_before,
        show_default=False,
        help="Workspace folder. Default: $DATRNET_WORKSPACE, then the `workspace` setting, then "
        "the user data folder.",
    ),
]

Json = Annotated[bool, Option("--json", help="Print the results as JSON.")]

Check = Annotated[
    bool, Option("--check", help="Also read the index files and verify their checksums.")
]

Top = Annotated[int, Option("-k", "--top", min=1, metavar="N", help="Maximum number of results.")]

ConfigName = Annotated[
    str | None,
    Option(
        metavar="NAME|FILE",
        help="small, paper, best, demo, or a TOML file based on one of them.",
        show_default="small",
    ),
]

Epochs = Annotated[
    int | None,
    Option(min=1, metavar="N", help="Number of epochs, instead of the config's or a time."),
]

Settings = Annotated[
    list[str] | None,
    Option(
        "--set",
        metavar="NAME=VALUE",
        help="Override a setting of the experiment, as in train.epochs=4; repeatable.",
    ),
]

GallerySplit = Annotated[
    SplitOrAll | None,
    Option(
        "--split",
        help="Split whose items are queries and gallery.",
        show_default="the experiment's",
    ),
]

SuperCategories = Annotated[
    list[str] | None,
    Option("--super-category", metavar="NAME", help="Only this super-category; repeatable."),
]

Session = Annotated[
    str,
    Option(
        "--session", metavar="NUMBER|NAME|last", help="Session by number or name; last: the latest."
    ),
]


def shop_at(workspace: Path | None) -> "Shop":
    """Return the library's view of a workspace; loaded here, since no help needs it."""
    from datrnet.core.api.shop import Shop
    from datrnet.core.catalog.workspace import Workspace

    return Shop(Workspace.locate(workspace))


def read_ids(source: str, *, command: str = "browse") -> tuple[str, ...]:
    """Return item ids from a file with one per line; ``-`` is standard input.

    Raises:
        ConfigError: Standard input is the keyboard, which the explorer needs.
        DataError: The file cannot be read.
    """
    if source == "-" and sys.stdin.isatty():
        raise ConfigError(
            "There are no ids on standard input.",
            hint=f"Pipe them in, one per line: cut -f1 ids.txt | datrnet {command} --items -",
        )
    try:
        path = Path(source).expanduser()
        content = sys.stdin.buffer.read() if source == "-" else path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{source} cannot be read: {error.strerror}.",
            hint="Use a file with one id per line, or - for standard input.",
        ) from error
    lines = content.decode("utf-8-sig", "replace").splitlines()
    return tuple(filter(None, map(str.strip, lines)))
