"""Textual's compositor without two of its faults.

Changes lost between two layouts (seen in Textual 8.2.8; no upstream issue): refreshing a hidden
widget invalidates the map of widgets, and the next widget that asks for its region rebuilds it.
Whatever moved since the last layout then counts as old. The next layout neither paints it nor
sends resize events, and a terminal that shrank at that moment stays blank. Here these changes are
kept for the next layout.

A click on a widget that has just been removed, such as a toast clicked twice, starts a text
selection in a widget without a parent and raises ``AttributeError``
(https://github.com/Textualize/textual/issues/6643). Here removed widgets cannot be selected.
"""

from textual._compositor import Compositor, CompositorMap, ReflowResult
from textual.geometry import Offset, Size
from textual.screen import Screen
from textual.widget import Widget


class SteadyCompositor(Compositor):
    """Reports with the next layout what changed while the map was rebuilt outside of one."""

    def __init__(self) -> None:
        super().__init__()
        self._resized: set[Widget] = set()
        """Widgets added or resized outside a layout, to be reported with the next."""

    @property
    def full_map(self) -> CompositorMap:
        """Every widget with its region, rebuilt if it was invalidated."""
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
        """Mark what differs between two maps for painting."""
        changes = before.items() ^ after.items()
        regions = (geometry.clip.intersection(geometry.region) for _, geometry in changes)
        self._dirty_regions.update(region for region in regions if region)

    def reflow(self, parent: Widget, size: Size) -> ReflowResult:
        """Lay out again; widgets resized since the last layout count among the resized."""
        result = super().reflow(parent, size)
        resized, self._resized = self._resized & self._full_map.keys(), set()
        return result._replace(resized=result.resized | resized)

    def get_widget_and_offset_at(self, x: int, y: int) -> tuple[Widget | None, Offset | None]:
        """Return the widget at a cell that text can be selected in, and the offset in its text."""
        widget, offset = super().get_widget_and_offset_at(x, y)
        if widget is not None and widget.parent is None and not isinstance(widget, Screen):
            return None, None
        return widget, offset
