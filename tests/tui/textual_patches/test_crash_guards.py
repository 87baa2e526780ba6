"""Keys and clicks whose target has gone do nothing; plain Textual would end the app."""

from collections.abc import Callable
from typing import Any

import pytest
from rich.style import Style
from textual import events
from textual._compositor import Compositor
from textual.app import App, ComposeResult, ScreenStackError
from textual.command import CommandPalette
from textual.content import Content
from textual.css.query import NoMatches
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static

from datrnet.tui import textual_patches
from datrnet.tui.textual_patches import install
from tests.tui.conftest import loop_is_idle


class ListApp(App[None]):
    CSS = "OptionList { height: 1fr; border: none; }"

    def compose(self) -> ComposeResult:
        yield Static("words")
        yield OptionList("a", "b", "c")


class Dialog(ModalScreen[None]):
    def compose(self) -> ComposeResult:
        yield Static("dialog")


@pytest.fixture(params=[True, False], ids=["patched", "plain Textual"])
def is_patched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run with the patches, and once more with what they replace."""
    install()
    if not request.param:
        monkeypatch.setattr("textual.screen.Compositor", Compositor)
        monkeypatch.setattr("textual.screen.Screen.dismiss", textual_patches._dismiss)
        monkeypatch.setattr(OptionList, "_move_page", textual_patches._move_page)
        monkeypatch.setattr(OptionList, "_on_click", textual_patches._on_click)
        monkeypatch.setattr(Content, "get_height", textual_patches._get_height)
        plain = {
            "_watch__list_visible": textual_patches._watch_list_visible,
            "_watch__show_busy": textual_patches._watch_show_busy,
        }
        for name, watch in plain.items():
            monkeypatch.setattr(CommandPalette, name, watch)
    return request.param


async def crashes(app: App[Any], act: Callable[[App[Any]], Any], kind: type[Exception]) -> bool:
    """Return whether an app dies of an exception after something was done to it."""
    try:
        async with app.run_test(size=(40, 12), notifications=True):
            await loop_is_idle()
            await act(app)
            await loop_is_idle()
    except kind:
        return True
    return False


async def test_a_click_on_a_removed_widget(is_patched: bool) -> None:
    async def click(app: App[Any]) -> None:
        words = app.query_one(Static)
        x, y = words.region.offset
        parent, words._parent = words._parent, None  # as it is between removal and layout
        try:
            app.screen._forward_event(
                events.MouseDown(None, x, y, 0, 0, 1, False, False, False, screen_x=x, screen_y=y)
            )
        finally:
            words._parent = parent

    assert await crashes(ListApp(), click, AttributeError) != is_patched


async def test_a_page_key_in_a_list_without_room(is_patched: bool) -> None:
    async def page(app: App[Any]) -> None:
        app.query_one(OptionList).focus()
        await loop_is_idle()
        app.post_message(events.Key("pageup", None))

    app = ListApp()
    app.CSS += "OptionList { width: 0; }"
    assert await crashes(app, page, KeyError) != is_patched


async def test_a_click_on_an_option_that_has_gone(is_patched: bool) -> None:
    async def click(app: App[Any]) -> None:
        options = app.query_one(OptionList)
        event = events.Click(options, 1, 1, 0, 0, 1, False, False, False)
        event.style = Style.from_meta({"option": 7})
        options.post_message(event)

    assert await crashes(ListApp(), click, IndexError) != is_patched


async def test_a_screen_dismissed_twice_leaves_the_one_below(is_patched: bool) -> None:
    async def dismiss_twice(app: App[Any]) -> None:
        dialog = Dialog()
        await app.push_screen(dialog)
        dialog.dismiss()
        dialog.dismiss()

    assert await crashes(ListApp(), dismiss_twice, ScreenStackError) != is_patched


async def test_a_palette_whose_search_ends_after_it_has_closed(is_patched: bool) -> None:
    async def close(app: App[Any]) -> None:
        palette = CommandPalette()
        await app.push_screen(palette)
        await palette.query_children().remove()
        palette._list_visible = not palette._list_visible
        palette._show_busy = not palette._show_busy

    assert await crashes(ListApp(), close, NoMatches) != is_patched


def test_text_without_a_column_has_a_height(is_patched: bool) -> None:
    if is_patched:
        assert Content("word").get_height({}, 0) == 4
    else:
        with pytest.raises(ValueError, match="must not be zero"):
            Content("word").get_height({}, 0)
