"""Options and arguments that several commands share, each written once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

RENAMED = {"--unlabelled": "--unlabeled"}  # spelling:keep
"""Old names of options, accepted with a notice until the next release."""

SplitName = Literal["train", "validation", "test"]
SplitOrAll = Literal["train", "validation", "test", "all"]


def command_app() -> typer.Typer:
    """Return the Typer application of a single command."""
    return typer.Typer(add_completion=False, rich_markup_mode="markdown")


def group_app(example: str) -> typer.Typer:
    """Return the Typer application of a group of commands."""
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode="markdown",
        no_args_is_help=True,
        epilog=f"Example: {example}",
    )

    @app.callback()
    def _options(workspace: WorkspaceOption = None) -> None:
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


def typed_parameters(ctx: typer.Context) -> list[tuple[Any, Any]]:
    """Return the parameters of the command line, with values; without --workspace and --json."""
    sources = {param: ctx.get_parameter_source(str(param.name)) for param in ctx.command.params}
    return [
        (param, ctx.params[param.name])
        for param, source in sources.items()
        if source is not None
        and source.name == "COMMANDLINE"
        and param.name not in ("workspace", "as_json")
    ]


def _or_before(ctx: typer.Context, given: Path | None) -> Path | None:
    """Return the folder given here, else the one given before the command."""
    return given or (None if ctx.parent is None else ctx.parent.params.get("workspace"))


WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        metavar="DIR",
        file_okay=False,
        callback=_or_before,
        show_default=False,
        help="Workspace folder. Default: $DATRNET_WORKSPACE, then the `workspace` setting, then "
        "the user data folder.",
    ),
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print the results as JSON.")]

CheckOption = Annotated[
    bool, typer.Option("--check", help="Also read the index files and verify their checksums.")
]

TopOption = Annotated[
    int, typer.Option("-k", "--top", min=1, metavar="N", help="Maximum number of results.")
]

SeedOption = Annotated[int, typer.Option(min=0, metavar="N", help="Random seed.")]

ConfigOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="small, paper, or a TOML file that changes one of them.",
        show_default="small",
    ),
]

EpochsOption = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Epochs, in place of the config's.")
]

NamesOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        dir_okay=False,
        help="JSON file with the names of super-categories and values, in column order.",
        rich_help_panel="ADDE's format",
    ),
]

SettingsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Override a setting of the experiment, as train.epochs=4; repeatable.",
    ),
]

GallerySplitOption = Annotated[
    SplitOrAll | None,
    typer.Option(
        "--split",
        help="Split whose items are queries and gallery.",
        show_default="the experiment's",
    ),
]

SuperCategoriesOption = Annotated[
    list[str] | None,
    typer.Option("--super-category", metavar="NAME", help="Only this super-category; repeatable."),
]

SessionOption = Annotated[
    str,
    typer.Option(
        "--session", metavar="NUMBER|NAME|last", help="Session by number or name; last: the latest."
    ),
]
