"""Answers of the terminal that come too late do nothing; keys do what they always do."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import constants
from textual._xterm_parser import XTermParser
from textual.events import Key

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.graphics.terminal import Terminal
from datrnet.tui import textual_patches
from datrnet.tui.textual_patches import LateReplies

Run = Callable[..., Any]

ANSWERS = (
    "\x1bP>|XTerm(379)\x1b\\\x1b_Gi=4211;OK\x1b\\\x1b[6;16;8t\x1b[?1;0;1024S"
    "\x1bP1$r0;48:2::1:2:3m\x1b\\\x1b[?62;4;22c"
)


def keys_of(pieces: Iterable[str]) -> list[Key]:
    """Return the keys that Textual makes of what comes from the terminal, with a rest after it."""
    parser, events = XTermParser(), []
    for piece in pieces:
        events += list(parser.feed(piece))
    time.sleep(constants.ESCAPE_DELAY * 1.5)
    events += list(parser.tick())
    return [event for event in events if isinstance(event, Key)]


def left(keys: Iterable[Key]) -> str:
    late = LateReplies()
    return "".join(key.character or key.key for key in keys if not late.swallows(key))


def test_textual_takes_answers_for_keys() -> None:
    # the reason for all this; where it fails, LateReplies may go
    assert "c" in [key.key for key in keys_of([ANSWERS])]


@pytest.mark.parametrize("pieces", [[ANSWERS], list(ANSWERS), [ANSWERS[:9], ANSWERS[9:]]])
def test_nothing_of_late_answers_is_left(pieces: list[str]) -> None:
    assert left(keys_of(pieces)) == ""


def test_the_last_answer_alone_is_swallowed_and_ends_it() -> None:
    assert left([*keys_of(["\x1b[?62;4c"]), *keys_of(["[c^P"])]) == "[c^P"


def test_keys_around_answers_are_left() -> None:
    keys = [*keys_of(["jq"]), *keys_of([ANSWERS]), *keys_of(["/shirt"])]
    assert left(keys) == "jq/shirt"


@given(
    st.text(
        st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="[^"), max_size=20
    )
)
def test_what_a_person_types_is_left(typed: str) -> None:
    assert left(Key(key, key) for key in typed) == typed


def test_after_a_while_no_answer_is_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textual_patches, "EXPECTED_FOR", -1.0)
    assert left(Key(key, key) for key in "[ab^P") == "[ab^P"


def test_an_answer_without_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textual_patches, "LONGEST", 5)
    assert left(Key(key, key) for key in "[111111jj") == "1jj"


async def test_late_answers_fire_no_keys_in_the_explorer(
    workspace: Workspace, run_explorer: Run
) -> None:
    keys = keys_of([ANSWERS])
    for known, is_disturbed in ((Terminal(is_asked=True), False), (Terminal(), True)):
        async with run_explorer(workspace, terminal=known) as explorer:
            screen, code = explorer.screen, explorer.code
            for key in keys:
                explorer.app.post_message(Key(key.key, key.character))
            await explorer.rest(0.05)
            changed = explorer.screen is not screen or explorer.code != code or explorer.notices()
            assert bool(changed) == is_disturbed
