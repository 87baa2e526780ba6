"""Every key of the explorer can be named in a keymap, and does something."""

import re
from collections import Counter
from importlib import import_module
from pkgutil import walk_packages

from textual.binding import Binding
from textual.dom import DOMNode

from datrnet import tui


def own_bindings() -> list[tuple[type[DOMNode], Binding]]:
    """Return the described bindings of the explorer with the class that has each."""
    for module in walk_packages(tui.__path__, "datrnet.tui."):
        import_module(module.name)
    pending, owners = [DOMNode], set[type[DOMNode]]()
    while pending:
        kind = pending.pop()
        pending += kind.__subclasses__()
        if kind.__module__.startswith("datrnet.tui."):
            owners.add(kind)
    return [
        (owner, binding)
        for owner in owners
        for binding in vars(owner).get("BINDINGS", ())
        if isinstance(binding, Binding) and binding.description
    ]


def test_every_described_binding_has_an_id_of_its_own() -> None:
    ids = Counter(binding.id for _, binding in own_bindings())
    assert len(ids) > 50
    assert [one for one, number in ids.items() if number > 1] == []
    assert [one for one in ids if not re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", one or "")] == []


def test_every_described_binding_has_an_action_where_it_stands() -> None:
    missing = [
        (owner.__name__, binding.action)
        for owner, binding in own_bindings()
        if not hasattr(owner, f"action_{binding.action.partition('(')[0]}")
    ]
    assert missing == []
