"""Quiet text is quieter than other text, in every theme and without colors."""

from collections.abc import Callable
from operator import mul
from pathlib import Path
from typing import Any, ClassVar

import pytest
from rich.color import Color
from rich.style import Style
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.theme import BUILTIN_THEMES
from textual.widgets import Static

from datrnet import tui
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.preferences import Preferences
from datrnet.tui.widgets.bars import KeyLine
from datrnet.tui.widgets.text import MUTED

Run = Callable[..., Any]


class Words(App[None]):
    def compose(self) -> ComposeResult:
        yield Static(Content.assemble("plain", ("muted", MUTED)))


def styles_of(app: App[Any], line: int = 0) -> dict[str, Style]:
    """Return the style of each stretch of text in a line of the screen."""
    strip = app.screen._compositor.render_strips(app.size)[line]
    return {text.strip(): style for text, style, _ in strip if style is not None}


def contrast(style: Style) -> float:
    """Return how far the text is from its background, in levels of the three channels."""
    assert style.color is not None
    assert style.bgcolor is not None
    pairs = zip(style.color.get_truecolor(), style.bgcolor.get_truecolor(), strict=True)
    return sum(abs(front - back) for front, back in pairs)


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "dracula", "solarized-light"])
@pytest.mark.parametrize("no_color", [False, True])
async def test_quiet_text_is_between_text_and_background(
    monkeypatch: pytest.MonkeyPatch, theme: str, no_color: bool
) -> None:
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    app = Words()
    async with app.run_test(size=(40, 4)) as pilot:
        app.theme = theme
        await pilot.pause()
        styles = styles_of(app)
    plain, muted = (contrast(styles[name]) for name in ("plain", "muted"))
    assert 0 < muted < plain


class Keys(App[None]):
    CSS_PATH = Path(str(tui.__file__)).parent / "styles.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("h", "help", "Help")]

    def compose(self) -> ComposeResult:
        yield KeyLine()


def luminance(color: Color | None) -> float:
    """Return the relative luminance of WCAG 2.2."""
    assert color is not None
    shares = [channel / 255 for channel in color.get_truecolor()]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares]
    return sum(map(mul, (0.2126, 0.7152, 0.0722), linear))


async def test_keys_of_the_footer_can_be_read_in_every_light_theme() -> None:
    app = Keys()
    async with app.run_test(size=(40, 4)) as pilot:
        for theme in BUILTIN_THEMES.values():
            if theme.dark or theme.name.startswith("ansi"):
                continue
            app.theme = theme.name
            await pilot.pause()
            style = styles_of(app, line=3)["h"]
            dark, light = sorted(map(luminance, (style.color, style.bgcolor)))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, theme.name


async def test_in_the_terminals_own_colors_quiet_text_is_dim() -> None:
    app = Words()
    async with app.run_test(size=(40, 4)) as pilot:
        app.theme = "ansi-dark"
        await pilot.pause()
        styles = styles_of(app)
    assert [bool(styles[name].dim) for name in ("plain", "muted")] == [0, 1]


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
async def test_the_explorers_counts_are_quieter_than_its_title(
    workspace: Workspace, run_explorer: Run, theme: str
) -> None:
    async with run_explorer(workspace, preferences=Preferences(theme=theme)) as explorer:
        styles = styles_of(explorer.app)
    assert contrast(styles["48 items"]) < contrast(styles["Catalog"])


def test_no_style_of_content_is_an_auto_color() -> None:
    for path in Path(tui.__path__[0]).rglob("*.py"):
        if path.name != "text_styles.py":
            assert not {"$text-muted", "$text-disabled"} & set(path.read_text().split('"')), path
