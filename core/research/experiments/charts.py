"""Charts in one style, drawn with matplotlib into pictures.

Colors can be told apart by color-blind people (the palette of Okabe and Ito); lines differ in
their markers too.
"""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from PIL import Image

from datrnet.core.errors import ConfigError
from datrnet.core.evaluation.metrics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#8A8A00",
    "#7A4FBF",
    "#8B5A2B",
)
MARKERS = "osD^vPX*<>"
DOTS_PER_INCH = 150

EXTRA_MEND = 'Install it with: pip install "datrnet[experiments]"'


def new_figure(width: float, height: float, *, rows: int = 1, columns: int = 1) -> "Figure":
    """Return a figure of that many inches with a grid of axes.

    Raises:
        ConfigError: The extra that draws charts is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            "Charts need matplotlib, which is not installed.", hint=EXTRA_MEND
        ) from error
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")
    figure.subplots(rows, columns, squeeze=False)
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_prop_cycle(color=PALETTE, marker=list(MARKERS[: len(PALETTE)]))
    return figure


def rendered(figure: "Figure") -> Image.Image:
    """Return a figure as an RGB picture."""
    written = io.BytesIO()
    with warnings.catch_warnings():
        # of a name in letters that the font lacks, which are drawn as boxes
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(written, format="png")
    written.seek(0)
    return Image.open(written, formats=("PNG",)).convert("RGB")


def line_chart(
    xs: Sequence[float],
    lines: Mapping[str, Sequence[Estimate | float]],
    *,
    x_label: str,
    y_label: str,
    whole_xs: bool = False,
    width: float = 7.0,
    height: float = 4.2,
) -> Image.Image:
    """Draw lines over common xs; estimates with a shaded interval.

    Args:
        xs: (n,).
        lines: (n,) by the name that the legend gives it.
        x_label: Below.
        y_label: At the left.
        whole_xs: Whether the xs are counts, so that only they are ticked.
        width: Inches.
        height: Inches.
    """
    figure = new_figure(width, height)
    axes = figure.axes[0]
    for name, line in lines.items():
        (drawn,) = axes.plot(xs, _values(line), label=_escaped(name), markersize=5, linewidth=1.6)
        if any(isinstance(point, Estimate) for point in line):
            low, high = _bounds(line)
            axes.fill_between(xs, low, high, alpha=0.15, color=drawn.get_color(), linewidth=0)
    if whole_xs:
        axes.set_xticks(list(xs))
    _label(axes, x_label, y_label)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False, fontsize=9)
    return rendered(figure)


def bar_chart(
    names: Sequence[str],
    bars: Mapping[str, Sequence[float]],
    *,
    x_label: str,
    width: float = 7.0,
    height: float = 4.8,
) -> Image.Image:
    """Draw horizontal bars, grouped by name.

    Args:
        names: (n,) one group each, from top to bottom.
        bars: (n,) by the name that the legend gives it.
        x_label: What the bars measure.
        width: Inches.
        height: Inches.
    """
    figure = new_figure(width, height)
    axes = figure.axes[0]
    thickness = 0.8 / max(1, len(bars))
    for number, (name, values) in enumerate(bars.items()):
        places = [row + (number - (len(bars) - 1) / 2) * thickness for row in range(len(names))]
        axes.barh(
            places,
            values,
            height=thickness * 0.9,
            label=_escaped(name),
            color=PALETTE[number % len(PALETTE)],
        )
    axes.set_yticks(range(len(names)), [_escaped(name) for name in names])
    axes.invert_yaxis()
    _label(axes, x_label, "")
    axes.grid(axis="x", alpha=0.3)
    if len(bars) > 1:
        axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return rendered(figure)


def dot_chart(
    names: Sequence[str],
    dots: Mapping[str, Sequence[Estimate]],
    *,
    x_label: str,
    width: float = 7.0,
) -> Image.Image:
    """Draw a dot with whiskers for each name and series.

    The axis begins where the dots do, which bars may not: what differs little can be seen.

    Args:
        names: (n,) one line each, from top to bottom.
        dots: (n,) by the name that the legend gives the series.
        x_label: What the dots measure.
        width: Inches.
    """
    figure = new_figure(width, 1.2 + 0.22 * len(names) * (len(dots) + 0.8))
    axes = figure.axes[0]
    for number, (name, estimates) in enumerate(dots.items()):
        shift = (number - (len(dots) - 1) / 2) * 0.7 / len(dots)
        values, (low, high) = _values(estimates), _bounds(estimates)
        whiskers = [
            [max(0.0, value - bound) for value, bound in zip(values, low, strict=True)],
            [max(0.0, bound - value) for value, bound in zip(values, high, strict=True)],
        ]
        axes.errorbar(
            values,
            [row + shift for row in range(len(names))],
            xerr=whiskers,
            label=_escaped(name),
            color=PALETTE[number % len(PALETTE)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=6,
            linestyle="none",
            elinewidth=1.4,
            capsize=3,
        )
    axes.set_yticks(range(len(names)), [_escaped(name) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    for border in range(1, len(names)):
        axes.axhline(border - 0.5, color="#DDDDDD", linewidth=0.8)
    _label(axes, x_label, "")
    axes.grid(axis="x", alpha=0.3)
    if len(dots) > 1:
        axes.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return rendered(figure)


def _values(points: Sequence[Estimate | float]) -> list[float]:
    return [point.value if isinstance(point, Estimate) else point for point in points]


def _bounds(points: Sequence[Estimate | float]) -> tuple[list[float], list[float]]:
    """Return the low and the high ends of intervals; a plain number is both."""
    estimates = [p if isinstance(p, Estimate) else Estimate(p, p, p) for p in points]
    return [estimate.low for estimate in estimates], [estimate.high for estimate in estimates]


def _label(axes: "Axes", x_label: str, y_label: str) -> None:
    axes.set_xlabel(_escaped(x_label))
    axes.set_ylabel(_escaped(y_label))


def _escaped(text: str) -> str:
    """Return text of which matplotlib takes nothing for a formula, and which it does not hide."""
    escaped = text.replace("$", r"\$")
    return f"\N{ZERO WIDTH SPACE}{escaped}" if escaped.startswith("_") else escaped
