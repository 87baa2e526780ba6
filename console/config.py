"""`datrnet config`: show, change, write and explain the configuration file."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Context, Option

from datrnet.console import options as opt
from datrnet.console.output import print_json, print_list, say, show_error
from datrnet.core.errors import ConfigError, SettingError, UnknownNameError
from datrnet.core.preferences import (
    WORKSPACE_VARIABLE,
    Preferences,
    RenamedKeyError,
    allowed,
    is_table,
    json_schema,
    parse_value,
    path_of,
    setting_at,
    settings,
    template,
    theme_settings,
)
from datrnet.core.preferences_file import PreferencesFile, read_preferences
from datrnet.core.text import sanitize

if TYPE_CHECKING:
    from datrnet.tui.keymap import KeyEntry, Keymap

EDITOR_VARIABLES = ("VISUAL", "EDITOR")

app = opt.command_app(no_args_is_help=True, epilog="Example: datrnet config set theme nord")

# ── shell completion ─────────────────────────────────────────────────────────


def _complete_name(incomplete: str) -> list[str]:
    from datrnet.tui.keymap import default_entries

    names = [name for name, facts in settings().items() if not is_table(facts)]
    names += [f"keys.{entry.id}" for entry in default_entries()]
    themes = read_preferences()[0].themes
    names += [f"themes.{theme}.{part}" for theme in themes for part in theme_settings()]
    return [name for name in names if name.startswith(incomplete)]


def _complete_value(ctx: Context, incomplete: str) -> list[str]:
    name = str(ctx.params.get("name") or "")
    values: Sequence[str]
    if name == "theme":
        from datrnet.tui.controllers.preferences import theme_names

        values = theme_names(read_preferences()[0])
    else:
        try:
            facts = setting_at(path_of(name))
        except ConfigError:
            return []
        values = ("true", "false") if facts["type"] == "boolean" else facts.get("enum", ())
    return [value for value in values if value.startswith(incomplete)]


NameArgument = Annotated[
    str,
    Argument(
        metavar="NAME",
        help="theme, pictures …; keys.catalog.search; themes.mine.primary",
        autocompletion=_complete_name,
    ),
]

# ── showing ──────────────────────────────────────────────────────────────────


@app.command("show", epilog="Example: datrnet config show")
def show(as_json: opt.Json = False) -> None:
    """Show all settings and where each comes from."""
    file = PreferencesFile.locate()
    facts = list(_rows(file))
    rows = [
        (row["name"], _shown(row["value"]), f"line {row['line']}" if row["line"] else row["from"])
        for row in facts
    ]
    report = {"path": str(file.path), "settings": facts}
    print_list(report, ("setting", "value", "from"), rows, as_json=as_json)
    if not as_json:
        exists = file.path.exists()
        say(f"The file is {file.path}." if exists else f"There is no file {file.path} yet.")
    _report_problems(*file.read())


def _rows(file: PreferencesFile) -> Iterator[dict[str, Any]]:
    preferences, stated = file.read()[0], file.stated()
    for name in (name for name, facts in settings().items() if not is_table(facts)):
        origin, line = ("file", stated[(name,)].line) if (name,) in stated else ("default", None)
        if name == "workspace" and _workspace_of_environment():
            origin, line = f"${WORKSPACE_VARIABLE}", None
        value = _in_force(preferences, name)
        yield {"name": name, "value": value, "from": origin, "line": line}
    for path, (value, line) in stated.items():
        if len(path) > 1:
            yield {"name": ".".join(path), "value": value, "from": "file", "line": line}


@app.command("get", epilog="Example: datrnet config get keys.catalog.search")
def get(name: NameArgument, as_json: opt.Json = False) -> None:
    """Print the current value of a setting."""
    path, (preferences, problems) = path_of(name), read_preferences()
    setting_at(path)
    for problem in problems:
        if not isinstance(problem, SettingError) or problem.path == path:
            raise problem
    value = _in_force(preferences, path[0])
    kinds = ("key",) if path[0] == "keys" else ("theme", "stated color")
    for kind, part in zip(kinds, path[1:], strict=False):
        if part not in value:
            raise UnknownNameError(kind, part, value)
        value = value[part]
    if as_json or isinstance(value, dict):
        print_json(value, version=None)
    else:
        print(sanitize(_shown(value)))


def _in_force(preferences: Preferences, name: str) -> Any:
    """Return a setting as the program uses it; keys and themes by their names."""
    match name:
        case "workspace":
            return _workspace_of_environment() or preferences.workspace
        case "themes":
            return {
                theme: {part: value for part, value in asdict(colors).items() if value != ""}
                for theme, colors in preferences.themes.items()
            }
        case "keys":
            return {entry.id: ",".join(entry.keys) for entry in _entries(preferences)}
        case _:
            return getattr(preferences, name)


def _workspace_of_environment() -> str:
    return os.environ.get(WORKSPACE_VARIABLE, "").strip()


def _keymap(keys: Mapping[str, str]) -> tuple[Keymap, list[SettingError]]:
    """Return the usable keys, and what is wrong with the others."""
    from datrnet.tui.keymap import checked_keymap

    return checked_keymap(keys) if keys else ({}, [])


def _entries(preferences: Preferences) -> Sequence[KeyEntry]:
    """Return the key bindings in force."""
    from datrnet.tui.keymap import entries_with

    return entries_with(_keymap(preferences.keys)[0])


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _report_problems(preferences: Preferences, problems: Sequence[ConfigError]) -> None:
    """Print what is wrong with the file, and which keys and theme the explorer ignores.

    Raises:
        ConfigError: The last problem of the file, so that the exit code tells.
    """
    from datrnet.tui.controllers.preferences import check_theme

    for clash in _keymap(preferences.keys)[1]:
        show_error(clash)
    try:
        check_theme(preferences, preferences.theme)
    except ConfigError as error:
        show_error(error)
    errors = [problem for problem in problems if not isinstance(problem, RenamedKeyError)]
    for problem in problems:
        if isinstance(problem, RenamedKeyError):
            say(str(problem))
        elif problem is not errors[-1]:
            show_error(problem)
    if errors:
        raise errors[-1]


@app.command("keys", epilog="Example: datrnet config keys")
def list_keys(as_json: opt.Json = False) -> None:
    """List the key bindings of the explorer: name, keys and action."""
    preferences, problems = read_preferences()
    entries = _entries(preferences)
    rows = [
        (
            entry.id,
            " ".join(entry.keys),
            "" if entry.keys == entry.default_keys else " ".join(entry.default_keys),
            entry.description,
        )
        for entry in entries
    ]
    print_list(entries, ("name", "keys", "default", "action"), rows, as_json=as_json)
    _report_problems(preferences, problems)


@app.command("schema", epilog="Example: datrnet config schema --json")
def show_schema(as_json: opt.Json = False) -> None:
    """Show what the configuration file accepts; with --json as a JSON Schema, for editors."""
    own = {f"themes.NAME.{name}": facts for name, facts in theme_settings().items()}
    rows = [
        (name, facts["description"], allowed(facts), _shown(facts.get("default", "")))
        for name, facts in (settings() | own).items()
    ]
    header = ("setting", "description", "allowed values", "default")
    print_list(json_schema(), header, rows, as_json=as_json, version=None)


@app.command("path", epilog="Example: datrnet config path")
def print_path() -> None:
    """Print the path of the configuration file; DATRNET_CONFIG overrides it."""
    print(PreferencesFile.locate().path)


# ── changing ─────────────────────────────────────────────────────────────────


@app.command(
    "set",
    context_settings={"ignore_unknown_options": True},  # -3 is a value, although never allowed
    epilog="Example: datrnet config set theme nord \\\n"
    "or: datrnet config set keys.catalog.search ctrl+f,slash",
)
def set_setting(
    name: NameArgument,
    value: Annotated[str, Argument(metavar="VALUE", autocompletion=_complete_value)],
) -> None:
    """Change a setting in the configuration file; comments are kept.

    Args:
        value: Its new value.
    """
    path, file = path_of(name), PreferencesFile.locate()
    parsed = parse_value(setting_at(path), value)
    preferences, _ = file.read()  # a file with a mistake must be fixable from here
    if path == ("theme",):
        from datrnet.tui.controllers.preferences import check_theme

        check_theme(preferences, value)
    elif path[0] == "keys" and len(path) > 1:
        for problem in _keymap({**preferences.keys, path[1]: value})[1]:
            if problem.path == path:
                raise problem
    file.set(path, parsed)
    say(f"{'.'.join(path)} is now {_shown(parsed)}, in {file.path}.")
    if path == ("workspace",) and not Path(value).expanduser().is_dir():
        say("There is no such folder yet: `datrnet import` or `datrnet demo` creates it.")


@app.command("unset", epilog="Example: datrnet config unset keys.catalog.search")
def unset(name: NameArgument) -> None:
    """Remove a setting from the configuration file, so that its default applies."""
    file = PreferencesFile.locate()
    was_there = file.unset(path_of(name))
    say(f"Removed {name} from {file.path}." if was_there else f"{name} was not in {file.path}.")


@app.command("init", epilog="Example: datrnet config init")
def write_template(force: Annotated[bool, Option("--force")] = False) -> None:
    """Write a configuration file that explains every setting and changes none.

    Args:
        force: Overwrite an existing file.
    """
    file = PreferencesFile.locate()
    if file.path.exists() and not force:
        raise ConfigError(f"{file.path} exists.", hint="--force overwrites it.")
    file.replace_text(template())
    say(f"{file.path} explains all settings.")


@app.command("edit", epilog="Example: datrnet config edit")
def edit_file() -> None:
    """Open the configuration file in $EDITOR, then check it."""
    file = PreferencesFile.locate()
    editor = next((os.environ[name] for name in EDITOR_VARIABLES if os.environ.get(name)), "")
    if not editor:
        raise ConfigError("No editor is set.", hint=f"Set EDITOR, or open {file.path} yourself.")
    if not file.path.exists():
        file.replace_text(template())
    try:
        subprocess.run([*shlex.split(editor), str(file.path)], check=True)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise ConfigError(f"The editor {editor!r} failed: {error}.", hint="Set EDITOR.") from error
    _report_problems(*file.read())
