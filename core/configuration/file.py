"""The configuration file: where it is, reading it, and changing it with its comments kept."""

import os
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from datrnet.core.configuration import schema
from datrnet.core.configuration.lines import line_of
from datrnet.core.configuration.schema import setting_at, sound_settings
from datrnet.core.errors import ConfigError, SettingError
from datrnet.core.settings import Settings

CONFIG_VARIABLE = "DATRNET_CONFIG"
EDIT_HINT = "`datrnet config edit` opens it."


@dataclass(frozen=True, slots=True)
class Stated:
    """A value that the file states."""

    path: schema.Path
    value: Any
    line: int | None


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A configuration file; one that is not there states nothing."""

    path: Path

    @classmethod
    def locate(cls) -> "SettingsFile":
        """Return the file that the environment names, else the one in the user's config folder."""
        named = os.environ.get(CONFIG_VARIABLE, "").strip()
        own = user_config_path("datrnet", appauthor=False) / "config.toml"
        return cls((Path(named).expanduser() if named else own).absolute())

    def read(self) -> tuple[Settings, tuple[ConfigError, ...]]:
        """Return the settings, and what is wrong with the file.

        What it does not state, or states wrongly, has its default. Each trouble says where it is,
        and what is allowed; a `SettingError` is of one setting, any other of the whole file.
        """
        try:
            text = self.text()
            settings, troubles = sound_settings(self._parse(text))
        except ConfigError as error:
            return Settings(), (error,)
        return settings, tuple(self._located(text, one) for one in troubles)

    def stated(self) -> list[Stated]:
        """Return every value that the file states rightly, keys and themes by their entries."""
        settings, troubles = self.read()
        wrong = {one.path for one in troubles if isinstance(one, SettingError)}
        if len(wrong) < len(troubles):
            return []  # nothing of it can be read
        text = self.text()
        data = self._parse(text)
        paths: list[tuple[schema.Path, Any]] = [
            ((name,), value)
            for name, value in data.items()
            if (name,) not in wrong and name not in {"keys", "themes"}
        ]
        paths += [(("keys", key), keys) for key, keys in settings.keys.items()]
        paths += [
            (("themes", theme, key), colour)
            for theme in settings.themes
            for key, colour in data["themes"][theme].items()
        ]
        return [Stated(path, value, line_of(text, path)) for path, value in paths]

    def text(self) -> str:
        """Return what is in the file.

        Raises:
            ConfigError: It cannot be read.
        """
        try:
            return self.path.read_text("utf-8")
        except FileNotFoundError:
            return ""
        except UnicodeDecodeError as error:
            raise ConfigError(f"{self.path} is not a text file in UTF-8.") from error
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be read: {error.strerror}.") from error

    def state(self, path: schema.Path, value: str | int | bool) -> None:
        """Write a value into the file.

        Raises:
            ConfigError: The value is not allowed, or the file is no TOML.
        """
        setting = setting_at(path)
        if setting.is_table:
            name = ".".join(path)
            raise SettingError(path, f"{name} is a table.", mend=f"Set {name}.NAME instead.")
        setting.check(path, value)
        text = self.text()
        data = self._parse(text)
        changed = _uncommented(text, data, path[0], value) if len(path) == 1 else None
        changed = changed or _with_value(text, path, value)
        _refuse_if_wrong(path[:2], changed)
        self.replace_text(changed)

    def withdraw(self, path: schema.Path) -> bool:
        """Take a value, or a whole table, out of the file; return whether it was there.

        Raises:
            ConfigError: There is no such setting, or the file is no TOML.
        """
        import tomlkit

        setting_at(path)
        text = self.text()
        self._parse(text)
        document = tomlkit.parse(text)
        is_there = _remove(document, path)
        if is_there:
            self.replace_text(tomlkit.dumps(document))
        return is_there

    def replace_text(self, text: str) -> None:
        """Write the whole file: beside its place, then moved there, so that it is never half there.

        Raises:
            ConfigError: It cannot be written.
        """
        target = self.path.resolve()  # the file, not the link that a person keeps it behind
        partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial.write_text(text, "utf-8")
            if target.exists():
                partial.chmod(target.stat().st_mode)
            partial.replace(target)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            raise ConfigError(f"{self.path} cannot be written: {error.strerror}.") from error

    def _parse(self, text: str) -> dict[str, Any]:
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{self.path} is not valid TOML: {error}.", mend=EDIT_HINT) from error

    def _located(self, text: str, error: SettingError) -> SettingError:
        line = line_of(text, error.path)
        place = f"{self.path}, line {line}" if line else str(self.path)
        return SettingError(error.path, f"{place}: {error.message}", mend=error.mend)


def read_settings() -> tuple[Settings, tuple[ConfigError, ...]]:
    """Return the person's settings as far as their file is sound, and what is wrong with it."""
    return SettingsFile.locate().read()


def _uncommented(text: str, data: Mapping[str, Any], name: str, value: object) -> str | None:
    """Return a text with a value in the place of its line of the template, None without one."""
    import tomlkit

    if name in data:
        return None
    line = tomlkit.dumps({name: value})
    changed = re.sub(rf"^# {name} = .*(\n|\Z)", lambda _: line, text, count=1, flags=re.MULTILINE)
    return changed if tomllib.loads(changed) == {**data, name: value} else None


def _with_value(text: str, path: schema.Path, value: str | int | bool) -> str:
    """Return a TOML text with one value stated; everything else stays as it is."""
    import tomlkit

    document = tomlkit.parse(text)
    if path[0] == "keys" and path[1] not in document.get("keys", {}):
        _remove(document, path)  # where it is a table in a table
    table: Any = document
    for depth, name in enumerate(path[:-1]):
        if name not in table:
            table[name] = tomlkit.table(is_super_table=depth == 0 and len(path) > 2)
        table = table[name]
    table[path[-1]] = value
    return tomlkit.dumps(document)


def _remove(table: Any, path: schema.Path) -> bool:
    """Remove the value at a path; one of the keys may be written as a table in a table."""
    name, *inner = path
    if name not in table:
        name, dot, rest = name.partition(".")
        if not dot or name not in table:
            return False
        inner = [rest, *inner]
    if not inner:
        del table[name]
        return True
    return isinstance(table[name], dict) and _remove(table[name], tuple(inner))


def _refuse_if_wrong(part: schema.Path, text: str) -> None:
    """Refuse a text that is wrong in the part just written, such as a theme without colours.

    What was wrong before elsewhere is no reason: this value may be one of several to be mended.
    """
    for trouble in sound_settings(tomllib.loads(text))[1]:
        if trouble.path[:2] == part:
            raise trouble
