"""A session step by step, each searched again in today's index."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from datrnet.core.sessions.steps import ReplayedStep, Step, replay
from datrnet.db.rows import SessionRow
from datrnet.tui.context import ExplorerContext, in_thread, start
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.widgets.bars import KeyLine, TitleBar, TooSmall
from datrnet.tui.widgets.detail_pane import DetailPane, Subject, matches
from datrnet.tui.widgets.thumb_grid import EMPTY, Listing, ThumbGrid


class ReplayScreen(ExplorerScreen):
    """The results of a step, and the way to the next."""

    can_renew = False
    HELP_TITLE = "Replay"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right_square_bracket", "go(1)", "Next step", key_display="n", id="replay.next"),
        Binding(
            "N,left_square_bracket",
            "go(-1)",
            "Previous step",
            key_display="N",
            id="replay.previous",
        ),
        Binding("s", "substitutes", "Substitutes", id="replay.substitutes"),
        Binding("escape,backspace", "back", "Back", id="replay.back"),
    ]
    AUTO_FOCUS = "ThumbGrid"

    def __init__(
        self, context: ExplorerContext, session: SessionRow, steps: Sequence[Step]
    ) -> None:
        """Start with the first step.

        Args:
            context: The workspace and the current session, to which a replay adds nothing.
            session: The session to show.
            steps: Its steps, at least one.
        """
        super().__init__(context)
        self._session_name, self._steps = session.name, steps
        self._position = 0
        self._answer: ReplayedStep | None = None

    def compose(self) -> ComposeResult:
        """The results, and the item under the cursor."""
        yield TitleBar()
        with Horizontal(id="body"):
            with Vertical(id="middle"):
                yield self.new_grid("replay")
            yield DetailPane(id="detail")
        yield KeyLine()
        yield TooSmall()

    def on_mount(self) -> None:
        """Search for the first step."""
        self._search()

    def action_go(self, steps: int) -> None:
        """Go to the next step, or to the previous one."""
        position = self._position + steps
        if 0 <= position < len(self._steps):
            self._position = position
            self._search()
        else:
            self.notify("That was the last step." if steps > 0 else "This is the first step.")

    def _search(self) -> None:
        start(self, "replay", self._find, self._steps[self._position])

    async def _find(self, step: Step) -> None:
        searcher, number = self.snapshot.searcher, self.library.num_substitutes
        workspace = self.library.workspace
        assert searcher is not None
        (answer,) = await in_thread(
            self, lambda: list(replay(workspace, searcher, (step,), number))
        )
        self._show(answer)

    def _show(self, answer: ReplayedStep) -> None:
        step, found, bar = answer.step, answer.substitutes, self.query_one(TitleBar)
        bar.trail = (
            self._session_name,
            f"{step.action}: {step.subject} {answer.title}, {step.words or 'as it is'}",
        )
        bar.facts = f"step {self._position + 1} of {len(self._steps)}"
        self._answer = answer
        if answer.problem:
            self.grid.show(EMPTY, empty_text=answer.problem)
            return
        self.grid.show(
            Listing(
                rows=np.array([result.row for result in found], dtype=np.intp),
                caption=lambda place: (found[place].title, matches(found[place], {})),
            ),
            empty_text="No results.",
        )

    @on(ThumbGrid.Highlighted)
    def _show_item(self) -> None:
        row, answer = self.grid.row, self._answer
        if row is None or answer is None:
            self.detail.show(None)
        else:
            result = answer.substitutes[self.grid.cursor]
            self.detail.show(
                Subject(
                    code=result.code,
                    title=result.title,
                    labels=result.labels,
                    predictions=self.predictions(result.row),
                    substitute=result,
                )
            )
        self.show_picture(self.detail.picture, row)

    def action_back(self) -> None:
        """Go back to the sessions."""
        self.dismiss()
