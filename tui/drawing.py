"""How pictures are drawn where a widget is."""

from typing import TYPE_CHECKING, cast

from datrnet.core.graphics.terminal import Drawing

if TYPE_CHECKING:
    from textual.widget import Widget

    from datrnet.tui.app import ExplorerApp


def drawing_of(widget: "Widget") -> Drawing:
    """Return how pictures are drawn where a widget is."""
    return cast("ExplorerApp", widget.app).drawing
