"""The part of the app that notices what other programs change, and goes over to it."""

from typing import ClassVar

from textual import on, work
from textual.binding import Binding, BindingType

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.errors import DatabaseError, DatrnetError
from datrnet.core.text import inert
from datrnet.tui.app_settings import AppWithSettings
from datrnet.tui.library import Library
from datrnet.tui.messages import NewsCame, SnapshotRead, WorkFailed
from datrnet.tui.renewing import News, Watch
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.snapshot import Snapshot

LOOK_EVERY_SECONDS = 2.0
"""Between two looks at whether another program has changed the workspace."""


class AppWithNews(AppWithSettings):
    """An app on a workspace that other programs write to as well."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("I", "renew", "Show what is new", id="program.renew"),
    ]

    library: Library
    _watch: Watch
    _news: News | None = None
    """What another program has changed and the explorer does not show yet."""

    def look_out(self) -> None:
        """Look for news from now on."""
        self.set_interval(LOOK_EVERY_SECONDS, self._look_for_news)

    @work(thread=True, exclusive=True, group="news")
    def _look_for_news(self) -> None:
        try:
            news = self._watch.look()
        except DatabaseError:
            return  # in use just now: the next look will tell
        if news is not None:
            self.post_message(NewsCame(news))

    @on(NewsCame)
    def _offer_news(self, message: NewsCame) -> None:
        if message.news != self._news:
            self._news = message.news
            self.refresh_bindings()
            key = self.key_of("program.renew")
            self.notify(f"{message.news.words} {key} shows it.", timeout=10)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what is new only where there is something, and on a screen that can show it."""
        if action == "renew":
            return self._news is not None and isinstance(self.screen, ExplorerScreen)
        return super().check_action(action, parameters)

    def action_renew(self) -> None:
        """Go over to the catalogue and the index as they are now."""
        if all(one.can_renew for one in self.screen_stack if isinstance(one, ExplorerScreen)):
            self._read_again()
        else:
            self.notify("This list is of the state before: leave it first.", timeout=3)

    @work(thread=True, exclusive=True, group="renew")
    def _read_again(self) -> None:
        library = self.library
        try:
            watch = Watch(library.store)
            catalog = Catalog.load(library.store)
            items = library.wants.items
            snapshot = Snapshot.of(library.workspace, library.store, catalog, items)
        except DatrnetError as error:
            self.post_message(WorkFailed(error))
            return
        self.post_message(SnapshotRead(snapshot, watch))

    @on(SnapshotRead)
    async def _renew(self, message: SnapshotRead) -> None:
        """Show what was read, in every screen that is open."""
        trouble = message.snapshot.index_error
        if trouble is not None and self.library.snapshot.searcher is not None:
            told = inert(f"The explorer stays with the old index. {trouble}")
            self.notify(told, severity="error", markup=False)
            return
        self._watch, self._news = message.watch, None
        moved = self.library.renew(message.snapshot)
        self.warm_up()
        for screen in self.screen_stack:
            if isinstance(screen, ExplorerScreen):
                await screen.renewed(moved)
        self.refresh_bindings()
        self.clear_notifications()  # what was offered is done
        self.notify("This is the newest state.", timeout=2)

    @work(thread=True, group="warm-up")
    def warm_up(self) -> None:
        """Load the other screens and search once, in a thread, before a person asks for it."""
        import datrnet.tui.screens.doubts
        import datrnet.tui.screens.duplicates
        import datrnet.tui.screens.gaps
        import datrnet.tui.screens.sessions
        import datrnet.tui.screens.substitutes  # noqa: F401

        self.library.warm_up()
