"""What the configuration file may say: the fields of ``Settings`` as data, and checks by them."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from datrnet.core.errors import SettingError, nearest
from datrnet.core.settings import OwnTheme, Settings

Kind = Literal["text", "choice", "number", "switch", "colour", "keys", "themes"]

Path = tuple[str, ...]
"""The names that lead to a value: ``("theme",)``, ``("keys", "catalogue.search")``."""

COLOUR = r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})"

SWITCHES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
"""What the two states of a switch can be called at a command line."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What there is to know about one setting."""

    name: str
    kind: Kind
    words: str
    default: Any
    """None where it must be given."""
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int = 0

    @property
    def is_table(self) -> bool:
        """Whether it has entries by name instead of a value."""
        return self.kind in {"keys", "themes"}

    @property
    def allowed(self) -> str:
        """What it can be, in words."""
        return {
            "text": "a text",
            "choice": f"one of {', '.join(self.choices)}",
            "number": f"a whole number from {self.least} to {self.most}",
            "switch": "true or false",
            "colour": "a colour such as #0178d4",
            "keys": "a table of keys by name",
            "themes": "a table with a table for each theme",
        }[self.kind]

    def check(self, path: Path, value: object) -> None:
        """Refuse a value that is not allowed.

        Raises:
            SettingError: The message says what is allowed.
        """
        if self._allows(value):
            return
        shown = str(value).lower() if isinstance(value, bool) else repr(value)
        mend = nearest(value, self.choices) if isinstance(value, str) and self.choices else ""
        raise SettingError(
            path,
            f"{'.'.join(path)} is {shown}; it must be {self.allowed}.",
            mend=mend if mend.startswith("Did") else "",  # the message lists them all
        )

    def _allows(self, value: object) -> bool:
        match self.kind:
            case "choice":
                return value in self.choices
            case "number":
                is_whole = isinstance(value, int) and not isinstance(value, bool)
                return is_whole and value in range(self.least, self.most + 1)
            case "switch":
                return isinstance(value, bool)
            case "colour":
                return isinstance(value, str) and bool(re.fullmatch(COLOUR, value))
            case "text":
                return isinstance(value, str)
            case "keys" | "themes":
                return isinstance(value, dict)

    def read(self, text: str) -> str | int | bool:
        """Return what a text at a command line means; it is not checked yet."""
        if self.kind == "number" and re.fullmatch(r"-?[0-9]+", text):
            return int(text)
        if self.kind == "switch":
            return SWITCHES.get(text.lower(), text)
        return text


def _settings_of(kind: type) -> dict[str, Setting]:
    hints = get_type_hints(kind)
    return {item.name: _setting(item, hints[item.name]) for item in fields(kind)}


def _setting(item: "Field[Any]", hint: Any) -> Setting:
    """Return what a dataclass says about one of its fields."""
    default = None if item.default is MISSING else item.default
    if item.default_factory is not MISSING:
        default = item.default_factory()
    kinds: dict[Any, Kind] = {
        str: "text",
        int: "number",
        bool: "switch",
        Mapping[str, str]: "keys",
        Mapping[str, OwnTheme]: "themes",
    }
    is_choice = get_origin(hint) is Literal
    return Setting(
        **{
            "name": item.name,
            "kind": "choice" if is_choice else kinds[hint],
            "default": default,
            "choices": get_args(hint) if is_choice else (),
            **item.metadata,
        }
    )


SETTINGS = _settings_of(Settings)
"""Every setting by name, in the order of the template."""

THEME_SETTINGS = _settings_of(OwnTheme)
"""What a theme of one's own can say."""


def sound_settings(data: Mapping[str, Any]) -> tuple[Settings, list[SettingError]]:
    """Return the settings that a file makes without what is wrong in it, and what that is."""
    values: dict[str, Any] = {}
    troubles: list[SettingError] = []
    for name, value in data.items():
        try:
            setting = setting_at((name,))
            setting.check((name,), value)
        except SettingError as error:
            troubles.append(error)
            continue
        if setting.kind == "keys":
            values[name] = flat_keys(value, troubles)
        elif setting.kind == "themes":
            values[name] = _own_themes(value, troubles)
        else:
            values[name] = value
    return Settings(**values), troubles


def flat_keys(
    table: Mapping[str, Any], troubles: list[SettingError], within: Path = ()
) -> dict[str, str]:
    """Return keys by name; to TOML a name without quotes is a table in a table.

    Args:
        table: As the file has it.
        troubles: What is no text is left out, and told here.
        within: The names that lead to the table.
    """
    keys: dict[str, str] = {}
    for name, value in table.items():
        path = (*within, name)
        if isinstance(value, dict):
            keys |= flat_keys(value, troubles, path)
            continue
        address = ("keys", ".".join(path))
        try:
            setting_at(address).check(address, value)
            keys[address[1]] = value
        except SettingError as error:
            troubles.append(error)
    return keys


def _own_themes(themes: Mapping[str, Any], troubles: list[SettingError]) -> dict[str, OwnTheme]:
    """Return the themes in which nothing is wrong; what is wrong in others is told."""
    sound = {}
    for name, colours in themes.items():
        try:
            sound[name] = _own_theme(name, colours)
        except SettingError as error:
            troubles.append(error)
    return sound


def _own_theme(name: str, colours: Any) -> OwnTheme:
    path = ("themes", name)
    if not isinstance(colours, dict):
        raise SettingError(path, f"themes.{name} must be a table of colours.")
    for key, value in colours.items():
        setting_at((*path, key)).check((*path, key), value)
    if "primary" not in colours:
        raise SettingError(path, f"themes.{name} lacks its primary colour.")
    return OwnTheme(**colours)


def setting_at(path: Path) -> Setting:
    """Return what there is to know about the value at a path.

    Raises:
        SettingError: There is no such setting.
    """
    name, *inner = path
    if name not in SETTINGS:
        raise SettingError(path, f"There is no setting {name!r}.", mend=nearest(name, SETTINGS))
    setting = SETTINGS[name]
    if not inner:
        return setting
    if setting.kind == "keys":
        return Setting(name=".".join(inner), kind="text", words=setting.words, default=None)
    if setting.kind != "themes":
        raise SettingError(path, f"{name} has no parts: it must be {setting.allowed}.")
    if len(inner) == 1:
        return setting
    if inner[1] not in THEME_SETTINGS or len(inner) > 2:
        raise SettingError(
            path, f"A theme has no setting {inner[1]!r}.", mend=nearest(inner[1], THEME_SETTINGS)
        )
    return THEME_SETTINGS[inner[1]]


def path_of(address: str) -> Path:
    """Return the path that an address at a command line names, as ``keys.catalogue.search``."""
    name, dot, rest = address.partition(".")
    if not dot:
        return (name,)
    return (name, rest) if name == "keys" else (name, *rest.rsplit(".", 1))
