"""The preview of an import: what each column is used as, and what will be skipped and why.

Keys change the uses; nothing is written before enter.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from datrnet.core.catalog.importer import ImportOptions
from datrnet.core.catalog.mappings.mapping import Use
from datrnet.core.catalog.picture_check import ParsedCatalog
from datrnet.core.catalog.plan import ColumnPlan, TablePlan
from datrnet.core.errors import ConfigError, DatrnetError
from datrnet.core.preferences import Preferences
from datrnet.core.text import sanitize
from datrnet.tui.context import in_thread, start_another
from datrnet.tui.controllers.preferences import PreferencesController
from datrnet.tui.key_queue import KeyQueue
from datrnet.tui.keymap import hidden
from datrnet.tui.preview_state import PreviewState
from datrnet.tui.screens.help import HelpScreen, keys_of, signs_of
from datrnet.tui.textual_patches import install
from datrnet.tui.widgets.bars import HEIGHTS, WIDTHS, KeyLine, TitleBar, TooSmall

Parse = Callable[[ImportOptions], ParsedCatalog]
Plan = Callable[[ImportOptions], TablePlan]
Chosen = tuple[ImportOptions, ParsedCatalog]
"""The options of an import, and what it brings."""

Outcome = ParsedCatalog | tuple[DatrnetError, TablePlan | None]

MARGIN = 4
"""Columns beside a line: padding and the scroll bar."""


class ColumnList(OptionList, inherit_bindings=False):
    """The columns of a catalog, with what each is used as."""

    HELP_TITLE = "Columns"
    BINDINGS: ClassVar[list[BindingType]] = [
        hidden("down,j", "cursor_down", "Next column", id="preview.down"),
        hidden("up,k", "cursor_up", "Previous column", id="preview.up"),
        hidden("home", "first", "First column", id="preview.first"),
        hidden("end,G", "last", "Last column", id="preview.last"),
        hidden("pagedown", "page_down", "Page down", id="preview.page_down"),
        hidden("pageup", "page_up", "Page up", id="preview.page_up"),
    ]

    def __init__(self, state: PreviewState) -> None:
        lines = [Option(state.line(column, MARGIN)) for column in state.columns]
        super().__init__(*lines, id="columns", compact=True)
        self._state = state

    @property
    def column(self) -> ColumnPlan | None:
        """The column under the cursor."""
        return None if self.highlighted is None else self._state.columns[self.highlighted]

    def on_mount(self) -> None:
        """Start with the first column."""
        self.highlighted = 0

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self.show()

    def show(self) -> None:
        """Write the lines."""
        width = self.app.size.width - MARGIN
        for place, column in enumerate(self._state.columns):
            self.replace_option_prompt_at_index(place, self._state.line(column, width))


class PreviewScreen(Screen[None]):
    """A list of columns; below it, what there is to say of one, of skipped rows and guesses."""

    HELP_TITLE = "Preview of an import"
    HELP_SIGNS: ClassVar[Mapping[str, str]] = {"•": "Changed by you"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "import", "Import", key_display="enter", id="preview.import"),
        Binding("right,l", "step(1)", "Other use", key_display="→", id="preview.next_use"),
        hidden("left,h", "step(-1)", "Previous use", id="preview.previous_use"),
        Binding("a", "use('attribute')", "Super-category", id="preview.attribute"),
        Binding("f", "use_as_fact", "Fact", id="preview.fact"),
        Binding("x,delete", "use('ignore')", "Leave out", id="preview.leave_out"),
        hidden("i", "use('id')", "Use as id", id="preview.id"),
        hidden("t", "use('title')", "Use as title", id="preview.title"),
        hidden("p", "use('image')", "Use as picture", id="preview.picture"),
        hidden("g", "use('group')", "Use as group of variants", id="preview.group"),
        hidden("s", "use('split')", "Use as split", id="preview.split"),
        Binding("r,backspace", "reset", "Reset", id="preview.reset"),
        hidden("b", "skip_bad", "Import the good rows, however many are bad", id="preview.bad"),
        hidden("ctrl+d,d", "scroll(5)", "Scroll the text down", id="preview.scroll_down"),
        hidden("ctrl+u,D", "scroll(-5)", "Scroll the text up", id="preview.scroll_up"),
        Binding("question_mark,f1", "help", "Help", key_display="?", id="preview.help"),
        Binding("q,escape", "quit", "Cancel", id="preview.quit"),
    ]
    AUTO_FOCUS = "ColumnList"

    def __init__(
        self, state: PreviewState, parse: Parse, plan: Plan, key_of: Callable[[str], str]
    ) -> None:
        """Show a state.

        Args:
            state: Its columns and their uses.
            parse: Tells in a thread what an import with some options would do.
            plan: Tells what the columns are taken as where that is impossible.
            key_of: Returns the key for the id of a binding, as it is shown.
        """
        super().__init__()
        self.state = state
        self._parse, self._plan, self._key_of = parse, plan, key_of
        self._is_parsing = False
        self._is_accepted = False
        """Whether enter was pressed before it was known what would be imported."""

    def compose(self) -> ComposeResult:
        """The heading, the columns, and the text about one of them."""
        yield TitleBar()
        yield Static(id="columns-heading", markup=False)
        yield ColumnList(self.state)
        with VerticalScroll(id="columns-details", can_focus=False):
            yield Static(id="columns-words", markup=False)
        yield KeyLine()
        yield TooSmall()

    def on_mount(self) -> None:
        """Show what was recognized."""
        self.state.skip_key = self._key_of("preview.bad")
        if self.state.parsed is not None:
            self.state.show(self.state.options, self.state.parsed)  # the error names the key
        self._show()

    def on_resize(self) -> None:
        """Fit the heading to the width."""
        width = self.app.size.width - MARGIN
        self.query_one("#columns-heading", Static).update(self.state.heading(width))

    @property
    def columns(self) -> ColumnList:
        """The columns."""
        return self.query_one(ColumnList)

    @on(OptionList.OptionHighlighted)
    def _show_details(self) -> None:
        self.query_one("#columns-words", Static).update(self.state.details(self.columns.column))
        self.query_one("#columns-details").scroll_home(animate=False)

    def _show(self) -> None:
        """Show the state; find out in a thread what it would import, if that is not known."""
        bar, parsed = self.query_one(TitleBar), self.state.parsed
        bar.trail = (self.state.source, *([parsed.format] if parsed is not None else []))
        bar.facts = self.state.summary
        self.columns.show()
        self._show_details()
        if not self.state.is_settled and not self._is_parsing:
            self._is_parsing = True
            start_another(self, "parse", self._parse_again)

    async def _parse_again(self) -> None:
        """Parse until what is known is of the options as they are by then."""
        while not self.state.is_settled:
            options = self.state.options
            outcome = await in_thread(self, self._outcome, options)
            if isinstance(outcome, ParsedCatalog):
                self.state.show(options, outcome)
            else:
                self.state.fail(options, *outcome)
        self._is_parsing = False
        self._show()
        if self._is_accepted:
            self.action_import()

    def _outcome(self, options: ImportOptions) -> Outcome:
        try:
            return self._parse(options)
        except DatrnetError as error:
            try:
                return error, self._plan(options)
            except DatrnetError:
                return error, None

    # ── keys ─────────────────────────────────────────────────────────────────

    def action_use(self, use: Use) -> None:
        """Use the column under the cursor as something."""
        if (column := self.columns.column) is not None:
            self.state.use(column.column, use)
            self._show()

    def action_use_as_fact(self) -> None:
        """Show, sort and filter by the column, but do not learn it."""
        if (column := self.columns.column) is not None:
            self.state.use_as_fact(column.column)
            self._show()

    def action_step(self, step: int) -> None:
        """Go through all uses of the column."""
        if (column := self.columns.column) is not None:
            self.state.step(column.column, step)
            self._show()

    def action_reset(self) -> None:
        """Use the column as was recognized."""
        if (column := self.columns.column) is not None:
            self.state.reset(column.column)
            self._show()

    def action_skip_bad(self) -> None:
        """Import the good rows however many are bad, or no longer."""
        self.state.skips_bad = not self.state.skips_bad
        words = "are skipped" if self.state.skips_bad else "end the import if they are many"
        self.notify(f"Bad rows {words}.", timeout=3)
        self._show()

    def action_scroll(self, lines: int) -> None:
        """Scroll the text about the column."""
        self.query_one("#columns-details").scroll_relative(y=lines, animate=False)

    def action_help(self) -> None:
        """List the keys."""
        self.app.push_screen(HelpScreen(keys_of(self) + signs_of(self), self._key_of))

    def action_import(self) -> None:
        """Import, once it is known what."""
        self._is_accepted = not self.state.is_settled
        if self._is_accepted:
            return
        if self.state.error or self.state.parsed is None:
            self.notify(sanitize(self.state.error), severity="error", markup=False)
        else:
            self.app.exit((self.state.options, self.state.parsed))

    def action_quit(self) -> None:
        """Leave; nothing is imported."""
        self.app.exit(None)


class ImportPreview(App[Chosen]):
    """Shows the preview; returns what to import, or None for nothing."""

    TITLE = "datrnet import"
    CSS_PATH = "styles.tcss"
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        state: PreviewState,
        parse: Parse,
        plan: Plan,
        preferences: Preferences | None = None,
        problems: Sequence[ConfigError] = (),
    ) -> None:
        """Show a state; see ``PreviewScreen``, ``PreferencesController``."""
        install()
        super().__init__()
        self.animation_level = "none"
        self._keys = KeyQueue(self, super().on_event)
        self.preferences = PreferencesController(self, preferences or Preferences(), problems)
        self._first = PreviewScreen(state, parse, plan, self.preferences.key_of)

    def get_default_screen(self) -> Screen[None]:
        """Start with the preview."""
        return self._first

    async def on_event(self, event: events.Event) -> None:
        """Let keys act in order."""
        if not await self._keys.takes(event):
            await super().on_event(event)

    def action_help_quit(self) -> None:
        """Leave on ctrl+c, as any command does; nothing is imported."""
        self.exit(None)
