"""Textual's compositor, from which no change is lost between two layouts.

A widget that is refreshed while it is hidden makes Textual forget where things are, and the next
widget that asks for its place makes it find out anew. What had moved since the last layout then
counts as old: the next layout neither paints it nor tells the widgets their new sizes, and a
terminal that shrank at that moment stays blank. Here those changes are kept for the next layout.
"""

from textual._compositor import Compositor, CompositorMap, ReflowResult
from textual.geometry import Size
from textual.widget import Widget


class SteadyCompositor(Compositor):
    """Keeps what changes when places are found out anew, and reports it with the next layout."""

    def __init__(self) -> None:
        super().__init__()
        self._resized: set[Widget] = set()
        """Widgets that came or grew outside a layout, to be told with the next."""

    @property
    def full_map(self) -> CompositorMap:
        """Where every widget is, found out anew if that was forgotten."""
        before, shown = self._full_map, self._visible_map
        after = super().full_map
        if after is not before:
            self._paint_changes(before if shown is None else shown, after)
            self._resized |= {
                widget
                for widget, geometry in after.items()
                if widget not in before or before[widget].region.size != geometry.region.size
            }
        return after

    def _paint_changes(self, before: CompositorMap, after: CompositorMap) -> None:
        """Have what differs painted."""
        changes = before.items() ^ after.items()
        regions = (geometry.clip.intersection(geometry.region) for _, geometry in changes)
        self._dirty_regions.update(region for region in regions if region)

    def reflow(self, parent: Widget, size: Size) -> ReflowResult:
        """Lay out anew; those that were resized before count among the resized."""
        result = super().reflow(parent, size)
        resized, self._resized = self._resized & self._full_map.keys(), set()
        return result._replace(resized=result.resized | resized)
