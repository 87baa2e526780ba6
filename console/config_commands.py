"""The commands of `datrnet config`: arguments, help, and what the shell completes."""

from typing import Annotated

import typer

from datrnet.console.options import JsonOption

config_app = typer.Typer(
    no_args_is_help=True,
    help="The settings of the explorer: colours, pictures, keys, themes.",
    epilog="Example: datrnet config set theme nord",
)


def _complete_name(incomplete: str) -> list[str]:
    from datrnet.console.configuring import setting_names

    return [name for name in setting_names() if name.startswith(incomplete)]


def _complete_value(ctx: typer.Context, incomplete: str) -> list[str]:
    from datrnet.console.configuring import values_of

    values = values_of(str(ctx.params.get("name") or ""))
    return [value for value in values if value.startswith(incomplete)]


NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="theme, pictures …; keys.catalogue.search; themes.mine.primary",
        autocompletion=_complete_name,
    ),
]


@config_app.command("show", epilog="Example: datrnet config show")
def show_settings(as_json: JsonOption = False) -> None:
    """Show all settings, and where each comes from."""
    from datrnet.console.configuring import run_show

    run_show(as_json=as_json)


@config_app.command("get", epilog="Example: datrnet config get keys.catalogue.search")
def get_setting(name: NameArgument, as_json: JsonOption = False) -> None:
    """Print one setting as it is in force."""
    from datrnet.console.configuring import run_get

    run_get(name, as_json=as_json)


@config_app.command(
    "set",
    context_settings={"ignore_unknown_options": True},  # -3 is a value, though none that is allowed
    epilog="Example: datrnet config set theme nord \\\n"
    "or: datrnet config set keys.catalogue.search ctrl+f,slash",
)
def set_setting(
    name: NameArgument,
    value: Annotated[
        str, typer.Argument(metavar="VALUE", help="In its place.", autocompletion=_complete_value)
    ],
) -> None:
    """Write a setting into the configuration file; its comments stay."""
    from datrnet.console.configuring import run_set

    run_set(name, value)


@config_app.command("unset", epilog="Example: datrnet config unset keys.catalogue.search")
def unset_setting(name: NameArgument) -> None:
    """Take a setting out of the configuration file, so that the default holds."""
    from datrnet.console.configuring import run_unset

    run_unset(name)


@config_app.command("path", epilog="Example: datrnet config path")
def print_path() -> None:
    """Print where the configuration file is; DATRNET_CONFIG names another place."""
    from datrnet.console.configuring import run_path

    run_path()


@config_app.command("init", epilog="Example: datrnet config init")
def write_template(
    force: Annotated[
        bool, typer.Option("--force", help="Write over the file that is there.")
    ] = False,
) -> None:
    """Write a configuration file that explains every setting and changes none."""
    from datrnet.console.configuring import run_init

    run_init(force=force)


@config_app.command("edit", epilog="Example: datrnet config edit")
def edit_file() -> None:
    """Open the configuration file in $EDITOR, and check it afterwards."""
    from datrnet.console.configuring import run_edit

    run_edit()


@config_app.command("keys", epilog="Example: datrnet config keys")
def list_keys(as_json: JsonOption = False) -> None:
    """List everything in the explorer that has a key: its name, its keys, what it does."""
    from datrnet.console.configuring import run_keys

    run_keys(as_json=as_json)


@config_app.command("schema", epilog="Example: datrnet config schema --json")
def show_schema(as_json: JsonOption = False) -> None:
    """Show what the configuration file may say; with --json as a JSON Schema, for editors."""
    from datrnet.console.configuring import run_schema

    run_schema(as_json=as_json)
