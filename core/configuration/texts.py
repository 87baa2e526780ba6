"""What the schema says to people and programs: the commented template, a JSON Schema, a page."""

import json
from typing import Any

from datrnet.core.configuration.schema import COLOUR, SETTINGS, THEME_SETTINGS, Setting

HEADING = """\
# Settings of datrnet. What stands here is what holds without this file:
# take the # off a line to change it. `datrnet config` shows what is in force.
"""
KEYS_EXAMPLE = '# [keys]\n# "catalogue.search" = "slash,ctrl+f"\n'


def template() -> str:
    """Return a configuration file that states nothing and explains everything."""
    parts = [HEADING]
    for setting in SETTINGS.values():
        if setting.is_table:
            continue
        note = f"# Allowed: {setting.allowed}.\n" if setting.kind != "text" else ""
        parts.append(f"# {setting.words}\n{note}# {setting.name} = {json.dumps(setting.default)}\n")
    parts.append(f"# {SETTINGS['keys'].words}\n{KEYS_EXAMPLE}")
    colours = "".join(
        f"# {f'{one.name} = {_example(one)}':<24} # {one.words}\n"
        for one in THEME_SETTINGS.values()
    )
    parts.append(f"# {SETTINGS['themes'].words}\n# [themes.mine]\n{colours}")
    return "\n".join(parts)


EXAMPLES = {
    "primary": "#0178d4",
    "secondary": "#004578",
    "accent": "#ffa62b",
    "foreground": "#e0e0e0",
    "background": "#121212",
    "surface": "#1e1e1e",
    "panel": "#242f38",
    "success": "#4ebf71",
    "warning": "#ffa62b",
    "error": "#ba3c5b",
}


def _example(setting: Setting) -> str:
    return json.dumps(EXAMPLES.get(setting.name, setting.default))


def json_schema() -> dict[str, Any]:
    """Return the schema of the file in the words of JSON Schema, which editors of TOML read."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The configuration file of datrnet",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _property(one) for name, one in SETTINGS.items()},
    }


def _property(setting: Setting) -> dict[str, Any]:
    facts: dict[str, Any] = {"description": setting.words}
    match setting.kind:
        case "choice":
            facts["enum"] = list(setting.choices)
        case "number":
            facts |= {"type": "integer", "minimum": setting.least, "maximum": setting.most}
        case "switch":
            facts["type"] = "boolean"
        case "colour":
            facts |= {"type": "string", "pattern": f"^{COLOUR}$"}
        case "text":
            facts["type"] = "string"
        case "keys":
            facts |= {"type": "object", "additionalProperties": {"type": "string"}}
        case "themes":
            theme = {
                "type": "object",
                "additionalProperties": False,
                "required": [one.name for one in THEME_SETTINGS.values() if one.default is None],
                "properties": {name: _property(one) for name, one in THEME_SETTINGS.items()},
            }
            facts |= {"type": "object", "additionalProperties": theme}
    if not setting.is_table and setting.default not in (None, ""):
        facts["default"] = setting.default
    return facts


def settings_table() -> str:
    """Return all settings as tables in Markdown."""
    return "\n".join(
        [
            *_rows(SETTINGS),
            "\nOf a theme of your own, `[themes.NAME]`:\n",
            *_rows(THEME_SETTINGS),
        ]
    )


def _rows(settings: dict[str, Setting]) -> list[str]:
    rows = ["| setting | what it is | allowed | default |", "|---|---|---|---|"]
    for one in settings.values():
        stated = "" if one.is_table or one.default in (None, "") else f"`{json.dumps(one.default)}`"
        rows.append(f"| `{one.name}` | {one.words} | {one.allowed} | {stated} |")
    return rows
