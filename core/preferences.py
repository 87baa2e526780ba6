"""What the configuration file can set: the settings with their defaults, help and checks.

The dataclasses are the schema. pydantic checks a file against them and derives a JSON Schema, from
which the messages, the template and docs/settings.md are written. It takes a tenth of a second to
load, so only a file that says something, or `datrnet config`, loads it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from datrnet.core.errors import SettingError, nearest

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Pictures = Literal["auto", "sixel", "kitty", "blocks", "none"]
"""How a picture is shown: as pixels by a protocol of the terminal, or in character cells."""

Blocks = Literal["quadrants", "sextants", "halves"]
"""The characters for pictures in cells. Common fonts lack the sextants."""

Colors = Literal["auto", "truecolor", "256", "none"]

WORKSPACE_VARIABLE = "DATRNET_WORKSPACE"
"""The environment variable that overrides the workspace setting."""

SettingPath = tuple[str, ...]
"""The names that lead to a value: ``("theme",)``, ``("keys", "catalog.search")``."""

Facts = Mapping[str, Any]
"""The JSON Schema of one setting."""

SWITCHES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
"""What the command line accepts for true and false."""

RENAMED = {
    "catalogue.": "catalog.",  # spelling:keep
    "doubts.unlabelled": "doubts.unlabeled",  # spelling:keep
    "item.copy_code": "program.copy",
    "review.copy_code": "program.copy",
}
"""How the names of some keys began before, and how they begin now."""

HEX_COLOR = "^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"

FORBID_EXTRA = {"extra": "forbid"}


def _setting(default: Any, description: str, **facts: object) -> Any:
    """Return a field with a default; ``facts`` are arguments of pydantic's ``Field``."""
    metadata = {"description": description, **facts}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


def _color(description: str, example: str) -> Any:
    return _setting("", description, pattern=HEX_COLOR, examples=[example])


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomTheme:
    """A theme of the user's own; Textual derives the colors that are left out."""

    __pydantic_config__: ClassVar = FORBID_EXTRA

    primary: str = _setting(
        MISSING, "Focused elements; required.", pattern=HEX_COLOR, examples=["#0178d4"]
    )
    secondary: str = _color("Accompanies the primary color.", "#004578")
    accent: str = _color("Selection and keys.", "#ffa62b")
    foreground: str = _color("Text.", "#e0e0e0")
    background: str = _color("Screen background.", "#121212")
    surface: str = _color("Panes.", "#1e1e1e")
    panel: str = _color("Title line and open panels.", "#242f38")
    success: str = _color("Success.", "#4ebf71")
    warning: str = _color("Warnings.", "#ffa62b")
    error: str = _color("Errors.", "#ba3c5b")
    dark: bool = _setting(True, "Whether the theme is dark.", strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The user's settings."""

    __pydantic_config__: ClassVar = FORBID_EXTRA

    theme: str = _setting(
        "textual-dark", "Theme of the explorer: one of Textual's or one of [themes]."
    )
    pictures: Pictures = _setting(  # noqa: RUF009
        "auto", "How to show pictures; auto: in pixels where possible."
    )
    blocks: Blocks = _setting(  # noqa: RUF009
        "quadrants", "Characters for block pictures; many fonts lack sextants."
    )
    color: Colors = _setting(  # noqa: RUF009
        "auto", "Color depth; auto asks the terminal."
    )
    results: int = _setting(
        60, "Number of substitutes in the explorer.", ge=1, le=1000, strict=True
    )
    workspace: str = _setting("", "Workspace to use without --workspace and DATRNET_WORKSPACE.")
    tour: bool = _setting(
        True, "Whether the first start of the explorer begins with a tour.", strict=True
    )
    keys: Mapping[str, str] = _setting(
        {}, "Key bindings by name, keys separated by commas; `datrnet config keys` lists all."
    )
    themes: Mapping[str, CustomTheme] = _setting(
        {}, "Custom themes by name, with colors as #rrggbb."
    )


class RenamedKeyError(SettingError):
    """A key under its old name, which still works."""


# ── the schema ───────────────────────────────────────────────────────────────


@cache
def _adapter() -> "TypeAdapter[Preferences]":
    from pydantic import TypeAdapter

    return TypeAdapter(Preferences)


@cache
def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the file, which editors of TOML read."""
    schema = _adapter().json_schema()
    schema["properties"]["themes"]["additionalProperties"] = schema.pop("$defs")["CustomTheme"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "The configuration file of datrnet",
    }


def settings() -> dict[str, Facts]:
    """Return the schema of every setting by name."""
    properties: dict[str, Facts] = json_schema()["properties"]
    return properties


def theme_settings() -> dict[str, Facts]:
    """Return the schema of every setting of a custom theme by name."""
    properties: dict[str, Facts] = settings()["themes"]["additionalProperties"]["properties"]
    return properties


def setting_at(path: SettingPath) -> Facts:
    """Return the schema of the value at a path.

    Raises:
        SettingError: There is no such setting.
    """
    facts: Facts = json_schema()
    for depth, name in enumerate(path):
        match facts:
            case {"properties": known} if name in known:
                facts = known[name]
            case {"properties": known}:
                what = "A theme has" if depth else "There is"
                message = f"{what} no setting {name!r}."
                raise SettingError(path, message, hint=nearest(name, known))
            case {"additionalProperties": entry}:
                facts = entry
            case _:
                outer = ".".join(path[:depth])
                raise SettingError(path, f"{outer} is not a table; it must be {allowed(facts)}.")
    return facts


def is_table(facts: Facts) -> bool:
    """Tell whether a setting has entries by name instead of a value."""
    return str(facts["type"]) == "object"


def allowed(facts: Facts) -> str:
    """Return in words what a setting accepts."""
    match facts:
        case {"enum": choices}:
            return f"one of {', '.join(choices)}"
        case {"minimum": least, "maximum": most}:
            return f"a whole number from {least} to {most}"
        case {"type": "boolean"}:
            return "true or false"
        case {"pattern": _}:
            return "a color such as #0178d4"
        case {"type": "string"}:
            return "text"
        case {"properties": _}:
            return "a table of colors"
        case {"additionalProperties": {"type": "string"}}:
            return "a table of keys by name"
    return "a table with a table for each theme"


def parse_value(facts: Facts, text: str) -> str | int | bool:
    """Return the value that a text at the command line means; it is not checked yet."""
    if facts["type"] == "integer" and re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    if facts["type"] == "boolean":
        return SWITCHES.get(text.lower(), text)
    return text


def path_of(address: str) -> SettingPath:
    """Return the path that an address at the command line names, as ``keys.catalog.search``."""
    name, dot, rest = address.partition(".")
    if not dot:
        return (name,)
    return (name, current_name(rest)) if name == "keys" else (name, *rest.rsplit(".", 1))


# ── checking ─────────────────────────────────────────────────────────────────


def check(data: Mapping[str, Any]) -> tuple[Preferences, list[SettingError]]:
    """Return the preferences that data make, leaving out what is wrong, and what that is.

    Args:
        data: The parsed file. Key names without quotes may have come as tables in tables.
    """
    from pydantic import ValidationError

    problems: list[SettingError] = []
    if isinstance(data.get("keys"), dict):
        keys = flat_keys(data["keys"])
        renamed = {name: current_name(name) for name in keys if current_name(name) != name}
        problems = [
            RenamedKeyError(
                ("keys", old), f"keys.{old} is now keys.{new}; the old name works until 0.3."
            )
            for old, new in renamed.items()
        ]
        current = {name: value for name, value in keys.items() if name not in renamed}
        data = {**data, "keys": {new: keys[old] for old, new in renamed.items()} | current}
    try:
        return _adapter().validate_python(data), problems
    except ValidationError as error:
        # a missing color is often a misspelled one, which says more
        details = sorted(error.errors(), key=lambda detail: detail["type"] == "missing")
    wrong: dict[SettingPath, SettingError] = {}
    for detail in details:
        path = tuple(map(str, detail["loc"]))
        wrong.setdefault(path[:2], _problem(path, detail["type"], detail["input"]))
    sound = _adapter().validate_python(_without(data, wrong))
    return sound, [*problems, *wrong.values()]


def _problem(path: SettingPath, kind: str, value: Any) -> SettingError:
    if kind == "missing":
        return SettingError(path[:-1], f"{'.'.join(path[:-1])} has no {path[-1]} color.")
    try:
        facts = setting_at(path)
    except SettingError as error:
        return error
    hint = nearest(value, facts["enum"]) if isinstance(value, str) and "enum" in facts else ""
    return SettingError(
        path,
        f"{'.'.join(path)} is {_shown(value)}; it must be {allowed(facts)}.",
        hint=hint if hint.startswith("Did") else "",  # the message lists them all
    )


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _without(data: Mapping[str, Any], paths: Mapping[SettingPath, object]) -> dict[str, Any]:
    """Return data without the values, and entries of tables, at some paths."""
    return {
        name: {key: entry for key, entry in value.items() if (name, key) not in paths}
        if isinstance(value, dict)
        else value
        for name, value in data.items()
        if (name,) not in paths
    }


def flat_keys(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return keys by their names; TOML takes names without quotes for tables in tables."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{rest}": keys for rest, keys in flat_keys(value).items()}
        else:
            flat[name] = value
    return flat


def current_name(key: str) -> str:
    """Return what a key is called now."""
    for old, new in RENAMED.items():
        if key.startswith(old):
            return new + key.removeprefix(old)
    return key


def spellings(path: SettingPath) -> list[SettingPath]:
    """Return the path of a setting, and the one that it had under an older name."""
    old_names = [
        ("keys", old + path[-1].removeprefix(new))
        for old, new in RENAMED.items()
        if path[0] == "keys" and path[-1].startswith(new)
    ]
    return [path, *old_names]


# ── what the schema says to readers ──────────────────────────────────────────

HEADING = """\
# Settings of datrnet. The values below are the defaults: remove a # to change one.
# `datrnet config` shows the current values.
"""
KEYS_EXAMPLE = '# [keys]\n# "catalog.search" = "slash,ctrl+f"\n'


def template() -> str:
    """Return a configuration file that explains every setting and sets none."""
    parts = [HEADING]
    for name, facts in settings().items():
        if not is_table(facts):
            note = f"# Allowed: {allowed(facts)}.\n" if allowed(facts) != "text" else ""
            default = json.dumps(facts["default"])
            parts.append(f"# {facts['description']}\n{note}# {name} = {default}\n")
    parts.append(f"# {settings()['keys']['description']}\n{KEYS_EXAMPLE}")
    colors = "".join(
        f"# {f'{name} = {_example(facts)}':<24} # {facts['description']}\n"
        for name, facts in theme_settings().items()
    )
    parts.append(f"# {settings()['themes']['description']}\n# [themes.mine]\n{colors}")
    return "\n".join(parts)


def _example(facts: Facts) -> str:
    return json.dumps(facts["examples"][0] if "examples" in facts else facts["default"])


def settings_table() -> str:
    """Return all settings as tables in Markdown."""
    head = ["| setting | description | allowed values | default |", "|---|---|---|---|"]
    return "\n".join(
        [
            *head,
            *map(_row, settings(), settings().values()),
            "\nA custom theme, `[themes.NAME]`:\n",
            *head,
            *map(_row, theme_settings(), theme_settings().values()),
        ]
    )


def _row(name: str, facts: Facts) -> str:
    default = f"`{json.dumps(facts['default'])}`" if facts.get("default") else ""
    return f"| `{name}` | {facts['description']} | {allowed(facts)} | {default} |"
