"""Every key of the explorer can be named in a keymap, does something, and can be changed."""

import re
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.binding import Binding
from textual.screen import Screen

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import SettingError
from datrnet.core.preferences import Preferences
from datrnet.tui.keymap import (
    KEY_NAMES,
    TOGETHER,
    checked_keymap,
    default_entries,
    normal_key,
    own_bindings,
)
from datrnet.tui.screens.help import HelpScreen
from datrnet.tui.screens.substitutes import SubstitutesScreen
from tests.tui.conftest import RunExplorer


def test_every_described_binding_has_an_id_of_its_own() -> None:
    ids = Counter(binding.id for _, binding in own_bindings())
    assert len(ids) > 50
    assert [name for name, number in ids.items() if number > 1] == []
    assert [name for name in ids if not re.fullmatch(r"[a-z_]+\.[a-z0-9_]+", name or "")] == []


def test_every_described_binding_has_an_action_where_it_stands() -> None:
    screens = [owner for owner, _ in own_bindings() if issubclass(owner, Screen)]

    def has_action(owner: type, action: str) -> bool:
        namespace, _, name = action.partition("(")[0].rpartition(".")
        owners = screens if namespace == "screen" else [owner]
        return any(hasattr(place, f"action_{name}") for place in owners)

    missing = [
        (owner.__name__, binding.action)
        for owner, binding in own_bindings()
        if not has_action(owner, binding.action)
    ]
    assert missing == []


def test_no_two_things_have_the_same_key_at_the_same_moment() -> None:
    clashes = [
        (entry.id, other.id)
        for groups in TOGETHER
        for entry, other in combinations([e for e in default_entries() if e.group in groups], 2)
        if set(entry.keys) & set(other.keys)
    ]
    assert clashes == []


def test_every_action_has_a_key_that_any_terminal_passes_on() -> None:
    plain = re.compile(r"(?!(ctrl|alt|shift)\+)(?!f\d)\w+")
    assert [e.id for e in default_entries() if not any(map(plain.fullmatch, e.keys))] == []


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("/", "slash"),
        ("slash", "slash"),
        ("x", "x"),
        ("G", "G"),
        ("shift+g", "G"),
        (" Ctrl+F ", "ctrl+f"),
        ("PageDown", "pagedown"),
        ("+", "plus"),
        ("F5", "f5"),
        ("alt+enter", "alt+enter"),
        ("é", "é"),
    ],
)
def test_keys_are_understood_as_people_write_them(text: str, key: str) -> None:
    (textuals,) = Binding.make_bindings([Binding(key, "")])
    assert normal_key(("keys", "a.b"), text) == textuals.key


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pagedwn", "'pagedwn', which is not a key. Did you mean pagedown"),
        ("crtl+f", "'crtl' is not a modifier key. Did you mean ctrl?"),
        ("", "has no key"),
        ("ctrl+", "which is not a key"),
    ],
)
def test_what_is_no_key_is_told_in_words(text: str, words: str) -> None:
    with pytest.raises(SettingError) as caught:
        normal_key(("keys", "a.b"), text)
    assert "keys.a.b has" in str(caught.value)
    assert words in str(caught.value)


@given(st.sampled_from(KEY_NAMES), st.sets(st.sampled_from(["ctrl", "alt"])))
def test_a_normal_key_stays_as_it_is(key: str, modifiers: set[str]) -> None:
    text = "+".join([*sorted(modifiers), key])
    assert normal_key(("keys", "a.b"), text) == text


def test_unknown_names_and_clashes_are_left_out_and_told() -> None:
    keymap, problems = checked_keymap(
        {
            "catalog.serch": "x",
            "catalog.search": "f",
            "pictures.down": "C",
            "facets.down": "0",
            "pickers.down": "0",
        }
    )
    assert keymap == {"facets.down": "0", "pickers.down": "0"}  # these two are never together
    assert [problem.path[1] for problem in problems] == [
        "catalog.serch",
        "catalog.search",
        "pictures.down",
    ]
    told = "\n".join(map(str, problems))
    assert "No action is called 'catalog.serch'. Did you mean catalog.s" in told
    assert "keys.catalog.search has 'f', which catalog.facets has too" in told
    assert "which program.copy has too" in told


def test_two_things_can_swap_their_keys() -> None:
    swapped = {"substitutes.undo": "r", "substitutes.redo": "u"}
    assert checked_keymap(swapped) == (swapped, [])


async def test_a_changed_key_does_it_and_the_old_one_no_longer(
    workspace: Workspace, run_explorer: RunExplorer
) -> None:
    keys = {"catalog.substitutes": "ctrl+x,Z", "pictures.right": "0", "facets.down": "0"}
    async with run_explorer(workspace, preferences=Preferences(keys=keys)) as explorer:
        await explorer.press("s", "right", "l")
        assert explorer.code == "P-000"
        await explorer.press("0")
        assert explorer.code == "P-001"
        await explorer.press("Z")
        assert isinstance(explorer.screen, SubstitutesScreen)


async def test_help_and_footer_show_the_keys_in_force(
    workspace: Workspace, run_explorer: RunExplorer
) -> None:
    keys = {"catalog.search": "ctrl+f", "help.close": "w", "program.help": "Z"}
    async with run_explorer(workspace, preferences=Preferences(keys=keys)) as explorer:
        assert "^f Search" in explorer.text()
        await explorer.press("Z")
        assert isinstance(explorer.screen, HelpScreen)
        await explorer.until(lambda: re.search(r"\^f +Search", explorer.text()))
        assert "w closes" in explorer.text()
        await explorer.press("escape")
        assert isinstance(explorer.screen, HelpScreen)
        await explorer.press("w")
        assert not isinstance(explorer.screen, HelpScreen)


async def test_keys_that_cannot_be_had_are_told_and_the_others_work(
    workspace: Workspace, run_explorer: RunExplorer
) -> None:
    keys = {"catalog.search": "f", "pictures.right": "0"}
    async with run_explorer(workspace, preferences=Preferences(keys=keys)) as explorer:
        assert "keys.catalog.search has 'f'" in explorer.notices()
        await explorer.press("0")
        assert explorer.code == "P-001"
        await explorer.press("slash")
        assert explorer.screen.focused is explorer.screen.query_one("#search")
