"""The pane that shows one item: its picture, its values, and how it compares with the query."""

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from datrnet.core.text import inert
from datrnet.tui.widgets.facts import Subject, flow, heading, table
from datrnet.tui.widgets.picture_view import PictureView

PICTURE = "detail-picture"
"""The picture's id."""

LOW = 12
"""Below this height there is running text instead of a table, and no picture."""


class DetailPane(Vertical):
    """One item in words and in a picture."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._subject: Subject | None = None

    def compose(self) -> ComposeResult:
        """Picture above, words below."""
        yield PictureView(id=PICTURE)
        yield Static(id="detail-caption", markup=False)
        yield Static(id="detail-heading", markup=False)
        with VerticalScroll(id="detail-facts", can_focus=False):
            yield Static(id="detail-table", markup=False)

    @property
    def picture(self) -> PictureView:
        """The picture."""
        return self.query_one(PictureView)

    def caption(self, text: str) -> None:
        """Say what the picture shows; nothing where it is simply the item."""
        self.set_class(bool(text), "-captioned")
        self.query_one("#detail-caption", Static).update(inert(text))

    def show(self, subject: Subject | None) -> None:
        """Tell about an item, or about none."""
        self._subject = subject
        if subject is None:
            self.caption("")
        self._write()

    def on_resize(self) -> None:
        """Fit the words to the width."""
        self._write()

    def _write(self) -> None:
        subject = self._subject
        is_low = self.size.height < LOW
        self.set_class(is_low, "-low")
        words = self.query_one("#detail-table", Static)
        self.query_one("#detail-heading", Static).update(heading(subject) if subject else "")
        if subject is None:
            words.update("")
        else:
            words.update(flow(subject) if is_low else table(subject, self.size.width - 2))
