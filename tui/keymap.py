"""All keys of the explorer by name, and the user's keys in their place."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import import_module
from itertools import combinations
from pkgutil import walk_packages
from typing import Any

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import Keys
from textual.screen import Screen

from datrnet import tui
from datrnet.core.errors import SettingError, nearest

TOGETHER = (
    ("catalog", "facets", "item", "program"),
    ("catalog", "pictures", "item", "program"),
    ("substitutes", "pictures", "item", "program"),
    ("substitutes", "pickers", "item", "program"),
    ("substitutes", "chips", "item", "program"),
    ("catalog", "chips", "item", "program"),
    ("map", "points", "item", "program"),
    ("map", "pictures", "item", "program"),
    ("shortlist", "pictures", "item", "program"),
    ("replay", "pictures", "item", "program"),
    ("sessions", "pictures", "program"),
    ("doubts", "review", "program"),
    ("duplicates", "review", "program"),
    ("gaps", "review", "program"),
    ("values", "pickers"),
    ("search", "program"),
)
"""Groups of keys that work at the same time; groups not listed are alone on their screen.

The documentation uses this order.
"""

hidden = partial(Binding, show=False)
"""A binding that the footer does not show; the help lists it."""

MODIFIERS = ("ctrl", "shift", "alt", "super", "hyper", "meta")

KEY_NAMES = (
    *(key.value for key in Keys if re.fullmatch("[a-z0-9]{2,}", key.value)),
    *(
        binding.key
        for code in range(ord("!"), ord("~") + 1)
        for binding in Binding.make_bindings([Binding(chr(code), "")] if code != ord(",") else [])
        if len(binding.key) > 1
    ),
    "comma",
)
"""The keys with a name: those that are not characters, and punctuation."""

Keymap = dict[str, str]
"""Keys, separated by commas, by the id of a binding, as Textual's keymap expects."""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """An action and its keys."""

    id: str
    title: str
    """The part of the screen."""
    description: str
    default_keys: tuple[str, ...]
    keys: tuple[str, ...]

    @property
    def group(self) -> str:
        """The first part of the id."""
        return self.id.partition(".")[0]


@cache
def default_entries() -> tuple[KeyEntry, ...]:
    """Return all actions with their default keys."""
    order = list(dict.fromkeys(group for groups in TOGETHER for group in groups))
    entries = [_entry(owner, binding) for owner, binding in own_bindings()]
    places = {group: place for place, group in enumerate(order)}
    return tuple(sorted(entries, key=lambda entry: places.get(entry.group, len(order))))


def own_bindings() -> Iterator[tuple[type[DOMNode], Binding]]:
    """Yield the described bindings of the explorer with the classes that declare them."""
    for module in walk_packages(tui.__path__, "datrnet.tui."):
        declared = vars(import_module(module.name)).values()
        for owner in declared:
            is_ours = isinstance(owner, type) and owner.__module__ == module.name
            if is_ours and issubclass(owner, DOMNode):
                for binding in vars(owner).get("BINDINGS", ()):
                    if isinstance(binding, Binding) and binding.description:
                        yield owner, binding


def _entry(owner: type[DOMNode], binding: Binding) -> KeyEntry:
    keys = tuple(made.key for made in Binding.make_bindings([binding]))
    title = str(getattr(owner, "HELP_TITLE", owner.__name__))
    return KeyEntry(binding.id or "", title, words_of(binding), keys, keys)


def words_of(binding: Binding) -> str:
    """Return what a key does, in full: the footer may have a shorter description."""
    return binding.tooltip or binding.description


def entries_with(keymap: Mapping[str, str]) -> tuple[KeyEntry, ...]:
    """Return all actions with the keys of a keymap."""
    return tuple(
        replace(entry, keys=tuple(keymap[entry.id].split(","))) if entry.id in keymap else entry
        for entry in default_entries()
    )


def key_for(screen: Screen[Any], name: str) -> str:
    """Return the key that a screen has for the id of a binding, as it is shown."""
    for active in screen.active_bindings.values():
        if active.binding.id == name:
            return screen.app.get_key_display(active.binding)
    return ""


def checked_keymap(wanted: Mapping[str, str]) -> tuple[Keymap, list[SettingError]]:
    """Return the valid keys of a configuration file, and what is wrong with the others.

    Args:
        wanted: Keys, separated by commas, by the name of the action.
    """
    keymap: Keymap = {}
    problems: list[SettingError] = []
    known = [entry.id for entry in default_entries()]
    for name, keys in wanted.items():
        path = ("keys", name)
        if name not in known:
            message = f"No action is called {name!r}."
            problems.append(SettingError(path, message, hint=nearest(name, known)))
            continue
        try:
            keymap[name] = ",".join(normal_key(path, key) for key in keys.split(","))
        except SettingError as error:
            problems.append(error)
    while (clash := next(_clashes(keymap), None)) is not None:
        del keymap[clash.path[1]]
        problems.append(clash)
    return keymap, problems


def normal_key(path: tuple[str, ...], text: str) -> str:
    """Return Textual's name of a key: ``slash`` for ``/``, ``ctrl+f`` for ``Ctrl+F``.

    Raises:
        SettingError: There is no such key.
    """
    text = text.strip()
    *modifiers, key = re.split(r"(?<=.)\+(?=.)", text)
    modifiers = [modifier.lower() for modifier in modifiers]
    if modifiers == ["shift"] and len(key) == 1 and key.isalpha():
        modifiers, key = [], key.upper()
    elif modifiers or len(key) > 1:
        key = key.lower()
    wrong = next((name for name in modifiers if name not in MODIFIERS), None)
    if wrong is not None:
        message = f"{'.'.join(path)} has {text!r}: {wrong!r} is not a modifier key."
        raise SettingError(path, message, hint=nearest(wrong, MODIFIERS))
    if not text:
        message = f"{'.'.join(path)} has no key."
        raise SettingError(
            path, message, hint="Separate keys by commas; the key itself is `comma`."
        )
    if not (len(key) == 1 or key in KEY_NAMES):
        message = f"{'.'.join(path)} has {text!r}, which is not a key."
        raise SettingError(path, message, hint=nearest(key, KEY_NAMES))
    (normal,) = Binding.make_bindings([Binding(key, "")])
    return "+".join([*modifiers, normal.key])


def _clashes(keymap: Mapping[str, str]) -> Iterator[SettingError]:
    """Yield the changed keys that another action uses at the same time."""
    entries = entries_with(keymap)
    known = {group for groups in TOGETHER for group in groups}
    alone = sorted({entry.group for entry in entries} - known)
    for groups in (*TOGETHER, *((group,) for group in alone)):
        for first, second in combinations([it for it in entries if it.group in groups], 2):
            shared = sorted(set(first.keys) & set(second.keys))
            if shared and (first.id in keymap or second.id in keymap):
                changed, other = (second, first) if second.id in keymap else (first, second)
                message = f"keys.{changed.id} has {shared[0]!r}, which {other.id} has too."
                hint = f"Give {other.id} another key as well, or choose a different key."
                yield SettingError(("keys", changed.id), message, hint=hint)


def is_ours(binding: Binding) -> bool:
    """Return whether a binding is the explorer's own: Textual's have no id."""
    return bool(binding.description) and binding.id is not None
