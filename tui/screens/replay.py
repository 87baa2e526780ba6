"""A session step by step, each asked again of the index of today."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.worker import get_current_worker

from datrnet.core.sessions.steps import ReplayedStep, Step, replay
from datrnet.db.rows import SessionRow
from datrnet.tui.library import Library
from datrnet.tui.messages import StepAnswered
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.session_log import SessionLog
from datrnet.tui.widgets.detail_pane import DetailPane
from datrnet.tui.widgets.facts import Subject, matches
from datrnet.tui.widgets.key_line import KeyLine
from datrnet.tui.widgets.thumb_grid import EMPTY, Listing, ThumbGrid
from datrnet.tui.widgets.title_bar import TitleBar
from datrnet.tui.widgets.too_small import TooSmall


class ReplayScreen(ExplorerScreen):
    """What is found for a step, and the way to the next."""

    can_renew = False
    HELP_TITLE = "Replay"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n,right_square_bracket", "go(1)", "Next step", key_display="n", id="replay.next"),
        Binding(
            "N,left_square_bracket",
            "go(-1)",
            "Step before",
            key_display="N",
            id="replay.previous",
        ),
        Binding("s", "substitutes", "Substitutes", id="replay.substitutes"),
        Binding("escape,backspace", "back", "Back", id="replay.back"),
    ]
    AUTO_FOCUS = "ThumbGrid"

    def __init__(
        self, library: Library, log: SessionLog, session: SessionRow, steps: Sequence[Step]
    ) -> None:
        """Begin with the first step.

        Args:
            library: Where to search.
            log: The session one is in, which a replay adds nothing to.
            session: The one to show.
            steps: Its steps, at least one.
        """
        super().__init__(library, log)
        self._shown, self._steps = session, steps
        self._at = 0
        self._answer: ReplayedStep | None = None

    def compose(self) -> ComposeResult:
        """What is found, and the item under the cursor."""
        yield TitleBar()
        with Horizontal(id="body"):
            with Vertical(id="middle"):
                yield ThumbGrid(self.library.thumbnails, id="replay")
            yield DetailPane(id="detail")
        yield KeyLine()
        yield TooSmall()

    def on_mount(self) -> None:
        """Ask the first step."""
        self._ask(self._steps[0])

    def action_go(self, steps: int) -> None:
        """Go to the next step, or to the one before."""
        aim = self._at + steps
        if not 0 <= aim < len(self._steps):
            self.notify("That was the last step." if steps > 0 else "This is the first step.")
            return
        self._at = aim
        self._ask(self._steps[aim])

    @work(thread=True, exclusive=True, group="replay")
    def _ask(self, step: Step) -> None:
        worker, searcher = get_current_worker(), self.snapshot.searcher
        assert searcher is not None
        workspace, number = self.library.workspace, self.library.num_substitutes
        (answer,) = replay(workspace, searcher, (step,), number)
        if not worker.is_cancelled:
            self.post_message(StepAnswered(answer))

    @on(StepAnswered)
    def _show_answer(self, message: StepAnswered) -> None:
        answer, bar = message.answered, self.query_one(TitleBar)
        step, found = answer.step, answer.substitutes
        bar.trail = (
            self._shown.name,
            f"{step.action}: {step.subject} {answer.title}, {step.words or 'as it is'}",
        )
        bar.facts = f"step {self._at + 1} of {len(self._steps)}"
        self._answer = answer
        if answer.problem:
            self.grid.show(EMPTY, empty_text=answer.problem)
            return
        self.grid.show(
            Listing(
                rows=np.array([one.row for one in found], dtype=np.intp),
                caption=lambda position: (found[position].title, matches(found[position], {})),
            ),
            empty_text="Nothing is found for it.",
        )

    @on(ThumbGrid.Highlighted)
    def _show_item(self) -> None:
        row, answer = self.grid.row, self._answer
        if row is None or answer is None:
            self.detail.show(None)
        else:
            found = answer.substitutes[self.grid.cursor]
            self.detail.show(
                Subject(
                    code=found.code,
                    title=found.title,
                    labels=found.labels,
                    nearest=self.nearest_values(found.row),
                    substitute=found,
                )
            )
        self.show_picture(self.detail.picture, row)

    def action_back(self) -> None:
        """Go back to the sessions."""
        self.dismiss()
