"""Every key of the explorer by name, and the keys that a person has in their place."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
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
    ("shortlist", "pictures", "item", "program"),
    ("replay", "pictures", "item", "program"),
    ("sessions", "pictures", "program"),
    ("doubts", "review", "program"),
    ("duplicates", "review", "program"),
    ("gaps", "review", "program"),
    ("values", "pickers"),
)
"""Groups of keys that work at the same moment; those named nowhere have their keys to themselves.

Their order is that of the documentation.
"""

MODIFIERS = ("ctrl", "shift", "alt", "super", "hyper", "meta")

KEY_NAMES = (
    *(key.value for key in Keys if re.fullmatch("[a-z0-9]{2,}", key.value)),
    *(
        one.key
        for code in range(ord("!"), ord("~") + 1)
        for one in Binding.make_bindings([Binding(chr(code), "")] if code != ord(",") else [])
        if len(one.key) > 1
    ),
    "comma",
)
"""The keys that have a name: those that are no character, and the signs."""

Keymap = dict[str, str]
"""Keys, separated by commas, by the id of a binding: what Textual's keymap takes."""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One thing to do, and the keys that do it."""

    id: str
    title: str
    """The part of the screen that it belongs to."""
    description: str
    default_keys: tuple[str, ...]
    keys: tuple[str, ...]

    @property
    def group(self) -> str:
        """The first part of its id."""
        return self.id.partition(".")[0]


@cache
def default_entries() -> tuple[KeyEntry, ...]:
    """Return everything that has a key, with the keys it has on its own."""
    order = list(dict.fromkeys(group for groups in TOGETHER for group in groups))
    entries = [_entry(owner, binding) for owner, binding in own_bindings()]
    places = {group: place for place, group in enumerate(order)}
    return tuple(sorted(entries, key=lambda one: places.get(one.group, len(order))))


def own_bindings() -> Iterator[tuple[type[DOMNode], Binding]]:
    """Yield the described bindings of the explorer, with the class that each is declared in."""
    for module in walk_packages(tui.__path__, "datrnet.tui."):
        declared = vars(import_module(module.name)).values()
        for owner in declared:
            is_ours = isinstance(owner, type) and owner.__module__ == module.name
            if is_ours and issubclass(owner, DOMNode):
                for binding in vars(owner).get("BINDINGS", ()):
                    if isinstance(binding, Binding) and binding.description:
                        yield owner, binding


def _entry(owner: type[DOMNode], binding: Binding) -> KeyEntry:
    keys = tuple(one.key for one in Binding.make_bindings([binding]))
    title = str(getattr(owner, "HELP_TITLE", owner.__name__))
    return KeyEntry(binding.id or "", title, binding.description, keys, keys)


def entries_with(keymap: Mapping[str, str]) -> tuple[KeyEntry, ...]:
    """Return everything that has a key, with the keys of a keymap."""
    return tuple(
        replace(one, keys=tuple(keymap[one.id].split(","))) if one.id in keymap else one
        for one in default_entries()
    )


def key_for(screen: Screen[Any], name: str) -> str:
    """Return how the key is shown that stands, on a screen, for the id of a binding."""
    active = screen.active_bindings.values()
    found = next((one.binding for one in active if one.binding.id == name), None)
    return "" if found is None else screen.app.get_key_display(found)


def checked_keymap(wanted: Mapping[str, str]) -> tuple[Keymap, list[SettingError]]:
    """Return the keys of a configuration file that can be had, and what is wrong with the others.

    Args:
        wanted: Keys, separated by commas, by the name of what they do.
    """
    keymap: Keymap = {}
    problems: list[SettingError] = []
    known = [one.id for one in default_entries()]
    for name, keys in wanted.items():
        path = ("keys", name)
        if name not in known:
            message = f"Nothing that has a key is called {name!r}."
            problems.append(SettingError(path, message, mend=nearest(name, known)))
            continue
        try:
            keymap[name] = ",".join(normal_key(path, key) for key in keys.split(","))
        except SettingError as error:
            problems.append(error)
    while clashes := list(_clashes(keymap)):
        name, clash = clashes[0]
        del keymap[name]
        problems.append(clash)
    return keymap, problems


def normal_key(path: tuple[str, ...], text: str) -> str:
    """Return a key as Textual calls it: ``/`` is ``slash``, ``Ctrl+F`` is ``ctrl+f``.

    Raises:
        SettingError: There is no such key.
    """
    text = text.strip()
    *modifiers, key = re.split(r"(?<=.)\+(?=.)", text)
    modifiers = [one.lower() for one in modifiers]
    if modifiers == ["shift"] and len(key) == 1 and key.isalpha():
        modifiers, key = [], key.upper()
    elif modifiers or len(key) > 1:
        key = key.lower()
    wrong = next((one for one in modifiers if one not in MODIFIERS), None)
    if wrong is not None:
        message = f"{'.'.join(path)} has {text!r}: {wrong!r} is no key to hold."
        raise SettingError(path, message, mend=nearest(wrong, MODIFIERS))
    if not text:
        message = f"{'.'.join(path)} has nothing where a key should be."
        raise SettingError(path, message, mend="Separate keys by commas; `comma` is that key.")
    if not (len(key) == 1 or key in KEY_NAMES):
        message = f"{'.'.join(path)} has {text!r}, which is no key."
        raise SettingError(path, message, mend=nearest(key, KEY_NAMES))
    (normal,) = Binding.make_bindings([Binding(key, "")])
    return "+".join([*modifiers, normal.key])


def _clashes(keymap: Mapping[str, str]) -> Iterator[tuple[str, SettingError]]:
    """Yield the names of changed keys that another thing has at the same moment."""
    for one, other in _pairs(entries_with(keymap)):
        shared = sorted(set(one.keys) & set(other.keys))
        if shared and (one.id in keymap or other.id in keymap):
            changed, there = (other, one) if other.id in keymap else (one, other)
            message = f"keys.{changed.id} has {shared[0]!r}, which {there.id} has too."
            mend = f"Give {there.id} another key as well, or take another one."
            yield changed.id, SettingError(("keys", changed.id), message, mend=mend)


def _pairs(entries: Sequence[KeyEntry]) -> Iterable[tuple[KeyEntry, KeyEntry]]:
    """Yield any two things to do whose keys work at the same moment."""
    known = {group for groups in TOGETHER for group in groups}
    alone = {(one.group,) for one in entries if one.group not in known}
    seen: set[tuple[str, str]] = set()
    for groups in (*TOGETHER, *sorted(alone)):
        for one, other in combinations([one for one in entries if one.group in groups], 2):
            if (one.id, other.id) not in seen:
                seen.add((one.id, other.id))
                yield one, other
