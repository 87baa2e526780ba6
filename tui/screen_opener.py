"""Opens the explorer's screens: each is loaded then, or a moment after the first page."""

from abc import abstractmethod

from textual import on

from datrnet.tui.context import (
    ExplorerContext,
    OpenMap,
    OpenReplay,
    OpenReview,
    OpenSubstitutes,
)
from datrnet.tui.screens.browse import BrowseScreen
from datrnet.tui.textual_patches import NoticeApp


class ScreenOpener(NoticeApp):
    """An app with the explorer's screens."""

    context: ExplorerContext
    """What every screen is given."""

    @abstractmethod
    def resume_chosen(self, number: int | None) -> None:
        """Continue the session that was chosen from the list; None is none."""

    def warm_up(self) -> None:
        """Load the other screens and the index in a thread, before they are needed."""
        self.run_worker(self._warm_up, thread=True, group="warm-up")

    def _warm_up(self) -> None:
        import datrnet.tui.screens.comparisons
        import datrnet.tui.screens.doubts
        import datrnet.tui.screens.map_screen
        import datrnet.tui.screens.sessions
        import datrnet.tui.screens.substitutes  # noqa: F401

        self.context.library.warm_up()

    @on(OpenSubstitutes)
    def _open_substitutes(self, message: OpenSubstitutes) -> None:
        from datrnet.tui.screens.substitutes import SubstitutesScreen

        screen = SubstitutesScreen(self.context, message.trail, is_resumed=message.is_resumed)
        self.push_screen(screen)

    @on(OpenReview)
    def _open_review(self, message: OpenReview) -> None:
        from datrnet.tui.controllers.review import ReviewSession
        from datrnet.tui.screens.comparisons import DuplicatesScreen, GapsScreen
        from datrnet.tui.screens.doubts import DoubtsScreen, ProposalsScreen
        from datrnet.tui.screens.review_screen import ReviewScreen

        tab = (DoubtsScreen, DuplicatesScreen, GapsScreen, ProposalsScreen)[message.tab]
        screen = tab(self.context, message.review or ReviewSession())
        if isinstance(self.screen, ReviewScreen):
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    @on(OpenMap)
    def _open_map(self, message: OpenMap) -> None:
        from datrnet.tui.screens.map_screen import MapScreen

        self.push_screen(MapScreen(self.context, message))

    @on(OpenReplay)
    def _open_replay(self, message: OpenReplay) -> None:
        from datrnet.tui.screens.sessions import ReplayScreen

        self.push_screen(ReplayScreen(self.context, message.session, message.steps))

    def action_show_shortlist(self) -> None:
        """Show the shortlist."""
        from datrnet.tui.screens.shortlist import ShortlistScreen

        if not isinstance(self.screen, ShortlistScreen):
            self.push_screen(ShortlistScreen(self.context))

    def action_show_sessions(self) -> None:
        """Show all sessions."""
        from datrnet.tui.screens.sessions import SessionsScreen

        if not isinstance(self.screen, SessionsScreen):
            self.push_screen(SessionsScreen(self.context), self.resume_chosen)

    async def back_to_catalog(self) -> None:
        """Leave all screens but the first."""
        while not isinstance(self.screen, BrowseScreen):
            await self.pop_screen()

    async def action_go_back(self, steps: int) -> None:
        """Go back as often as the key does: to a step of the trail that was clicked."""
        screen = self.screen
        for _ in range(steps):
            if self.screen is screen:
                await self.run_action("back", screen)
