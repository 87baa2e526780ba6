"""The configuration file: find it, read it, and change it without losing its comments."""

import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from platformdirs import user_config_path, user_state_path

from datrnet.core.errors import ConfigError, SettingError
from datrnet.core.preferences import (
    Preferences,
    RenamedKeyError,
    SettingPath,
    check,
    flat_keys,
    is_table,
    setting_at,
    spellings,
)

CONFIG_VARIABLE = "DATRNET_CONFIG"
EDIT_HINT = "`datrnet config edit` opens it."


class Stated(NamedTuple):
    """A value in the file, and its line counted from 1."""

    value: Any
    line: int | None


@dataclass(frozen=True, slots=True)
class PreferencesFile:
    """A configuration file; an absent file states nothing."""

    path: Path

    @classmethod
    def locate(cls) -> "PreferencesFile":
        """Return the file that the environment names, else the one in the user's config folder."""
        named = os.environ.get(CONFIG_VARIABLE, "").strip()
        if named:
            return cls(Path(named).expanduser().absolute())
        return cls((user_config_path("datrnet", appauthor=False) / "config.toml").absolute())

    def read(self) -> tuple[Preferences, tuple[ConfigError, ...]]:
        """Return the preferences, and all that is wrong with the file.

        A value that is absent or wrong has its default. Each problem names its line and what is
        allowed; a `SettingError` concerns one setting, any other error the whole file.
        """
        try:
            text = self.text()
            data = self._parse(text)
        except ConfigError as error:
            return Preferences(), (error,)
        if not data:
            return Preferences(), ()
        preferences, problems = check(data)
        problems.sort(key=lambda problem: line_of(text, problem.path) or 0)
        return preferences, tuple(self._located(text, problem) for problem in problems)

    def stated(self) -> dict[SettingPath, Stated]:
        """Return every sound value in the file, with keys and themes by their entries."""
        try:
            text = self.text()
            data = self._parse(text)
        except ConfigError:
            return {}
        problems = check(data)[1] if data else []
        wrong = {p.path[:2] for p in problems if not isinstance(p, RenamedKeyError)}
        return {
            path: Stated(value, line_of(text, path))
            for path, value in _values(data)
            if path[:2] not in wrong
        }

    def text(self) -> str:
        """Return the content of the file, empty without a file.

        Raises:
            ConfigError: The file cannot be read.
        """
        try:
            return self.path.read_text("utf-8")
        except FileNotFoundError:
            return ""
        except UnicodeDecodeError as error:
            raise ConfigError(f"{self.path} is not a text file in UTF-8.") from error
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be read: {error.strerror}.") from error

    def set(self, path: SettingPath, value: str | int | bool) -> None:
        """Write a value into the file.

        Raises:
            ConfigError: The value is not allowed, or the file is not valid TOML.
        """
        if is_table(setting_at(path)):
            name = ".".join(path)
            raise SettingError(path, f"{name} is a table.", hint=f"Set {name}.NAME instead.")
        text = self.text()
        changed = _uncommented(text, self._parse(text), path, value)
        changed = changed or _with_value(text, path, value)
        # Problems elsewhere do not matter: this value may be one of several that are being fixed.
        for problem in check(tomllib.loads(changed))[1]:
            if problem.path[:2] == path[:2]:
                raise problem
        self.replace_text(changed)

    def unset(self, path: SettingPath) -> bool:
        """Remove a value, or a whole table; return whether it was there.

        Raises:
            ConfigError: There is no such setting, or the file is not valid TOML.
        """
        import tomlkit

        setting_at(path)
        text = self.text()
        self._parse(text)
        document = tomlkit.parse(text)
        removed = [_remove(document, spelling) for spelling in spellings(path)]
        if any(removed):
            self.replace_text(tomlkit.dumps(document))
        return any(removed)

    def replace_text(self, text: str) -> None:
        """Write the whole file at once: readers see the old one or the new one.

        Raises:
            ConfigError: The file cannot be written.
        """
        target = self.path.resolve()  # a link stays a link
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
            raise ConfigError(f"{self.path} is not valid TOML: {error}.", hint=EDIT_HINT) from error

    def _located(self, text: str, error: SettingError) -> SettingError:
        line = line_of(text, error.path)
        place = f"{self.path}, line {line}" if line else str(self.path)
        return type(error)(error.path, f"{place}: {error.message}", hint=error.hint)


def read_preferences() -> tuple[Preferences, tuple[ConfigError, ...]]:
    """Return the user's preferences as far as their file is sound, and what is wrong with it."""
    return PreferencesFile.locate().read()


def _values(data: dict[str, Any]) -> Iterator[tuple[SettingPath, Any]]:
    """Yield every value of a parsed file with its path, keys and themes by their entries."""
    for name, value in data.items():
        if name == "keys" and isinstance(value, dict):
            yield from ((("keys", key), keys) for key, keys in flat_keys(value).items())
        elif name == "themes" and isinstance(value, dict):
            for theme, colors in value.items():
                parts = colors.items() if isinstance(colors, dict) else ()
                yield from ((("themes", theme, part), color) for part, color in parts)
        else:
            yield (name,), value


def _uncommented(
    text: str, data: dict[str, Any], path: SettingPath, value: str | int | bool
) -> str | None:
    """Return a text with the value in place of its line of the template, None without one."""
    import tomlkit

    name = path[0]
    if len(path) > 1 or name in data:
        return None
    line = tomlkit.dumps({name: value})
    changed = re.sub(rf"^# {name} = .*(\n|\Z)", lambda _: line, text, count=1, flags=re.MULTILINE)
    return changed if tomllib.loads(changed) == {**data, name: value} else None


def _with_value(text: str, path: SettingPath, value: str | int | bool) -> str:
    """Return a TOML text with one value set; everything else stays as it is."""
    import tomlkit

    document = tomlkit.parse(text)
    for spelling in spellings(path):
        if path[0] == "keys" and (spelling != path or path[1] not in document.get("keys", {})):
            _remove(document, spelling)  # an old name, or a table in a table
    table: Any = document
    for depth, name in enumerate(path[:-1]):
        if name not in table:
            table[name] = tomlkit.table(is_super_table=depth == 0 and len(path) > 2)
        table = table[name]
    table[path[-1]] = value
    return tomlkit.dumps(document)


def _remove(table: Any, path: SettingPath) -> bool:
    """Remove the value at a path; a key may be written as a table in a table."""
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


# ── lines: parsers tell them only of wrong syntax ────────────────────────────

NAME = r"""[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'"""
NAMES = rf"(?:{NAME})(?:\s*\.\s*(?:{NAME}))*"
HEADER = re.compile(rf"\s*\[{{1,2}}\s*({NAMES})\s*\]{{1,2}}")
ASSIGNMENT = re.compile(rf"\s*({NAMES})\s*=")


def line_of(text: str, path: SettingPath) -> int | None:
    """Return the line, counted from 1, of the value at a path, or of the table around it."""
    table: SettingPath = ()
    longest, line_found = 0, None
    for number, line in enumerate(text.splitlines(), 1):
        if header := HEADER.match(line):
            found = table = _names(header[1])
        elif assignment := ASSIGNMENT.match(line):
            found = (*table, *_names(assignment[1]))
        else:
            continue
        # several names without quotes may be one name of the path
        leads_there = ".".join((*path, "")).startswith(".".join((*found, "")))
        if leads_there and len(found) > longest:
            longest, line_found = len(found), number
    return line_found


def _names(text: str) -> SettingPath:
    return tuple(name.strip("\"'") for name in re.findall(NAME, text))


# ── the first start ──────────────────────────────────────────────────────────


def is_first_start() -> bool:
    """Tell whether the tour has been neither seen nor left yet; False without a home folder."""
    with suppress(RuntimeError):
        return not _tour_mark().exists()
    return False


def remember_start() -> None:
    """Remember the tour; where the folder cannot be written to, it comes once more."""
    with suppress(OSError, RuntimeError):
        _tour_mark().parent.mkdir(parents=True, exist_ok=True)
        _tour_mark().touch()


def _tour_mark() -> Path:
    return user_state_path("datrnet", appauthor=False) / "tour-seen"
