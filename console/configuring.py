"""`datrnet config`: the configuration file shown, changed, written and explained."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datrnet.console.output import print_json, print_table, say, show_error
from datrnet.core.configuration.file import SettingsFile, read_settings
from datrnet.core.configuration.schema import (
    SETTINGS,
    SWITCHES,
    THEME_SETTINGS,
    Setting,
    path_of,
    setting_at,
)
from datrnet.core.configuration.texts import json_schema, template
from datrnet.core.data.inert_text import inert
from datrnet.core.errors import ConfigError, SettingError, UnknownNameError
from datrnet.core.settings import WORKSPACE_VARIABLE, OwnTheme, Settings

if TYPE_CHECKING:
    from datrnet.tui.keymap import KeyEntry

EDITOR_VARIABLES = ("VISUAL", "EDITOR")


def run_show(*, as_json: bool) -> None:
    """Print all settings with where each comes from, and what is wrong with the file.

    Raises:
        ConfigError: Something is; the others have been printed before.
    """
    file = SettingsFile.locate()
    rows = list(_rows(file))
    if as_json:
        print_json({"path": str(file.path), "settings": rows})
    else:
        _print_settings(file, rows)
    _tell_troubles(*file.read())


def _print_settings(file: SettingsFile, rows: Iterable[dict[str, Any]]) -> None:
    print_table(
        ("setting", "value", "from"),
        [
            (
                row["name"],
                _shown(row["value"]),
                f"line {row['line']}" if row["from"] == "file" and row["line"] else row["from"],
            )
            for row in rows
        ],
    )
    exists = file.path.exists()
    say(f"The file is {file.path}." if exists else f"There is no file {file.path} yet.")


def _rows(file: SettingsFile) -> Iterable[dict[str, Any]]:
    settings, stated = file.read()[0], {one.path: one for one in file.stated()}
    for name, setting in SETTINGS.items():
        if setting.is_table:
            continue
        one = stated.get((name,))
        origin, line = ("default", None) if one is None else ("file", one.line)
        if name == "workspace" and _named_workspace():
            origin, line = f"${WORKSPACE_VARIABLE}", None
        value = _in_force(settings, name)
        yield {"name": name, "value": value, "from": origin, "line": line}
    for path, one in stated.items():
        if SETTINGS[path[0]].is_table:
            name = ".".join(path)
            yield {"name": name, "value": one.value, "from": "file", "line": one.line}


def run_get(name: str, *, as_json: bool) -> None:
    """Print one setting as it is in force.

    Raises:
        ConfigError: There is no such setting, or the file does not say it rightly.
    """
    path, (settings, troubles) = path_of(name), SettingsFile.locate().read()
    setting_at(path)
    for trouble in troubles:
        if not isinstance(trouble, SettingError) or trouble.path == path:
            raise trouble
    value = _in_force(settings, path[0])
    kinds = ("key",) if path[0] == "keys" else ("theme", "stated colour")
    for kind, part in zip(kinds, path[1:], strict=False):
        if part not in value:
            raise UnknownNameError(kind, part, value)
        value = value[part]
    if as_json or isinstance(value, dict):
        print_json(value)
    else:
        print(inert(_shown(value)))


def _in_force(settings: Settings, name: str) -> Any:
    """Return a setting as the program has it; keys and themes by their names."""
    if name == "workspace":
        return _named_workspace() or settings.workspace
    if name == "themes":
        return {theme: _stated_colours(own) for theme, own in settings.themes.items()}
    if name == "keys":
        from datrnet.tui.keymap import checked_keymap, entries_with

        keymap, _ = checked_keymap(settings.keys)
        return {one.id: ",".join(one.keys) for one in entries_with(keymap)}
    return getattr(settings, name)


def _named_workspace() -> str:
    return os.environ.get(WORKSPACE_VARIABLE, "").strip()


def _stated_colours(own: OwnTheme) -> dict[str, Any]:
    return {name: value for name, value in asdict(own).items() if value != ""}


def run_set(name: str, text: str) -> None:
    """Write one setting into the file.

    Raises:
        ConfigError: There is no such setting, or this is nothing it can be.
    """
    path, file = path_of(name), SettingsFile.locate()
    value = setting_at(path).read(text)
    settings, _ = read_settings()  # a file with a mistake must be mendable from here
    if path == ("theme",):
        from datrnet.tui.themes import check_theme

        check_theme(settings, text)
    elif path[0] == "keys" and len(path) > 1:
        _check_key(settings, path[1], text)
    file.state(path, value)
    say(f"{name} is {_shown(value)} now, in {file.path}.")
    if path == ("workspace",) and not Path(text).expanduser().is_dir():
        say("There is no such folder yet: `datrnet import` or `datrnet demo` makes it.")


def _check_key(settings: Settings, name: str, keys: str) -> None:
    """Refuse keys that the explorer would not take."""
    from datrnet.tui.keymap import checked_keymap

    _, problems = checked_keymap({**settings.keys, name: keys})
    for problem in problems:
        if problem.path == ("keys", name):
            raise problem


def run_unset(name: str) -> None:
    """Take one setting out of the file.

    Raises:
        ConfigError: There is no such setting, or the file is no TOML.
    """
    file = SettingsFile.locate()
    was_there = file.withdraw(path_of(name))
    say(f"{name} is no longer in {file.path}." if was_there else f"{name} was not in {file.path}.")


def run_path() -> None:
    """Print where the file is."""
    print(SettingsFile.locate().path)


def run_init(*, force: bool) -> None:
    """Write the template.

    Raises:
        ConfigError: There is a file already, or it cannot be written.
    """
    file = SettingsFile.locate()
    if file.path.exists() and not force:
        raise ConfigError(f"{file.path} is there already.", mend="--force writes over it.")
    file.replace_text(template())
    say(f"All settings, explained, are in {file.path}.")


def run_edit() -> None:
    """Open the file in the person's editor, and say afterwards what is wrong with it.

    Raises:
        ConfigError: There is no editor, or the file is not valid afterwards.
    """
    file = SettingsFile.locate()
    editor = next((os.environ[name] for name in EDITOR_VARIABLES if os.environ.get(name)), "")
    if not editor:
        raise ConfigError("No editor is named.", mend=f"Set EDITOR, or open {file.path} yourself.")
    if not file.path.exists():
        file.replace_text(template())
    try:
        subprocess.run([*shlex.split(editor), str(file.path)], check=True)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise ConfigError(f"The editor {editor!r} failed: {error}.", mend="Set EDITOR.") from error
    _tell_troubles(*file.read())


def run_keys(*, as_json: bool) -> None:
    """Print everything that has a key, with the keys in force and its own.

    Raises:
        ConfigError: Something is wrong with the file; the keys have been printed before.
    """
    from datrnet.tui.keymap import checked_keymap, entries_with

    settings, troubles = SettingsFile.locate().read()
    keymap, _ = checked_keymap(settings.keys)
    entries = entries_with(keymap)
    if as_json:
        print_json([asdict(one) for one in entries])
    else:
        _print_keys(entries)
    _tell_troubles(settings, troubles)


def _print_keys(entries: Iterable[KeyEntry]) -> None:
    print_table(
        ("name", "keys", "default", "what it does"),
        [
            (
                one.id,
                " ".join(one.keys),
                "" if one.keys == one.default_keys else " ".join(one.default_keys),
                one.description,
            )
            for one in entries
        ],
    )


def run_schema(*, as_json: bool) -> None:
    """Print what the file may say."""
    if as_json:
        print_json(json_schema())
        return
    print_table(
        ("setting", "what it is", "allowed", "default"),
        [
            (
                name,
                setting.words,
                setting.allowed,
                "" if setting.is_table or setting.default is None else _shown(setting.default),
            )
            for name, setting in _every_setting()
        ],
    )


def _every_setting() -> Iterable[tuple[str, Setting]]:
    yield from SETTINGS.items()
    for name, setting in THEME_SETTINGS.items():
        yield f"themes.NAME.{name}", setting


def _tell_troubles(settings: Settings, troubles: Sequence[ConfigError]) -> None:
    """Say what is wrong with the file, and which keys and theme the explorer will not take.

    Raises:
        ConfigError: What is wrong with the file; the last of it, so that it is said once.
    """
    from datrnet.tui.keymap import checked_keymap
    from datrnet.tui.themes import check_theme

    for problem in checked_keymap(settings.keys)[1] if settings.keys else ():
        show_error(problem)
    try:
        check_theme(settings, settings.theme)
    except ConfigError as error:
        show_error(error)
    for trouble in troubles[:-1]:
        show_error(trouble)
    if troubles:
        raise troubles[-1]


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# ── what the shell completes ─────────────────────────────────────────────────


def setting_names() -> list[str]:
    """Return every name that a value can be set for."""
    from datrnet.tui.keymap import default_entries

    settings, _ = read_settings()
    plain = [name for name, one in SETTINGS.items() if not one.is_table]
    keys = [f"keys.{one.id}" for one in default_entries()]
    themes = [f"themes.{theme}.{part}" for theme in settings.themes for part in THEME_SETTINGS]
    return [*plain, *keys, *themes]


def values_of(name: str) -> list[str]:
    """Return the values that a setting can have, as far as they can be listed."""
    if name == "theme":
        from datrnet.tui.themes import theme_names

        return theme_names(read_settings()[0])
    try:
        setting = setting_at(path_of(name))
    except ConfigError:
        return []
    if setting.kind == "switch":
        return [word for word in SWITCHES if word in {"true", "false"}]
    return list(setting.choices)
