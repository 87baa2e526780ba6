"""Charts, and sheets of pictures, in one style, drawn with matplotlib.

Colors can be told apart by color-blind people (the palette of Okabe and Ito); lines differ in
their markers too.
"""

import io
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from datrnet.core.errors import requirement
from datrnet.core.evaluation.metrics import Estimate
from datrnet.core.text import sanitize

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


def new_figure(
    width: float, height: float, *, rows: int = 1, columns: int = 1, **grid: float
) -> "Figure":
    """Return a figure of that many inches with a grid of axes.

    Args:
        width: Inches.
        height: Inches.
        rows: Of the grid.
        columns: Of the grid.
        grid: Margins and gaps, as for ``GridSpec``; by default, they leave room for all words.

    Raises:
        ConfigError: The extra that draws charts is not installed.
    """
    with requirement("Charts need"):
        from matplotlib.figure import Figure
    figure = Figure(
        figsize=(width, height), dpi=DOTS_PER_INCH, layout=None if grid else "constrained"
    )
    figure.subplots(rows, columns, squeeze=False, gridspec_kw=grid)
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
    return Image.open(written, formats=("PNG",)).convert("RGB")


def plain(text: str) -> str:
    """Return text of which matplotlib takes nothing for a formula, and which it does not hide."""
    escaped = sanitize(text).replace("$", r"\$")
    return f"\N{ZERO WIDTH SPACE}{escaped}" if escaped.startswith("_") else escaped


# ── charts ───────────────────────────────────────────────────────────────────


def line_chart(
    xs: Sequence[float],
    lines: Mapping[str, Sequence[Estimate | float]],
    *,
    x_label: str,
    y_label: str,
    whole_xs: bool = False,
    width: float = 7.0,
) -> Image.Image:
    """Draw lines over common xs; estimates with a shaded interval.

    Args:
        xs: (n,).
        lines: (n,) by the name that the legend gives it.
        x_label: Below.
        y_label: At the left.
        whole_xs: Whether the xs are counts, so that only they are ticked.
        width: Inches.
    """
    figure = new_figure(width, 4.2)
    (axes,) = figure.axes
    for name, line in lines.items():
        values, low, high = _ends(line)
        (drawn,) = axes.plot(xs, values, label=plain(name), markersize=5, linewidth=1.6)
        if any(isinstance(point, Estimate) for point in line):
            axes.fill_between(xs, low, high, alpha=0.15, color=drawn.get_color(), linewidth=0)
    if whole_xs:
        axes.set_xticks(list(xs))
    axes.set(xlabel=plain(x_label), ylabel=plain(y_label))
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False, fontsize=9)
    return rendered(figure)


def bar_chart(
    names: Sequence[str], bars: Mapping[str, Sequence[float]], *, x_label: str
) -> Image.Image:
    """Draw horizontal bars, grouped by name.

    Args:
        names: (n,) one group each, from top to bottom.
        bars: (n,) by the name that the legend gives it.
        x_label: What the bars measure.
    """
    figure = new_figure(7.0, 4.8)
    (axes,) = figure.axes
    for number, (name, values) in enumerate(bars.items()):
        axes.barh(
            _places(names, number, len(bars), 0.8),
            values,
            height=0.8 / len(bars) * 0.9,
            label=plain(name),
            color=PALETTE[number % len(PALETTE)],
        )
    _label_rows(axes, names, x_label)
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
    (axes,) = figure.axes
    for number, (name, estimates) in enumerate(dots.items()):
        values, low, high = _ends(estimates)
        axes.errorbar(
            values,
            _places(names, number, len(dots), 0.7),
            xerr=np.fmax(0, [values - low, high - values]),
            label=plain(name),
            color=PALETTE[number % len(PALETTE)],
            marker=MARKERS[number % len(MARKERS)],
            markersize=6,
            linestyle="none",
            elinewidth=1.4,
            capsize=3,
        )
    axes.set_ylim(-0.5, len(names) - 0.5)
    for border in range(1, len(names)):
        axes.axhline(border - 0.5, color="#DDDDDD", linewidth=0.8)
    _label_rows(axes, names, x_label)
    if len(dots) > 1:
        axes.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return rendered(figure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A curve with a point of its own."""

    xs: Sequence[float]
    ys: Sequence[float]
    mark: tuple[float, float]


def curves_chart(
    panels: Mapping[str, Mapping[str, Marked]],
    *,
    names: Sequence[str],
    behind: tuple[str, Marked],
    x_label: str,
    y_label: str,
) -> Image.Image:
    """Draw curves in panels side by side, with common axes and one legend.

    Args:
        panels: Curves by name, by the title of their panel.
        names: Of all curves; each has one color in all panels.
        behind: A curve that every panel has as a broad gray line, and its name.
        x_label: Below.
        y_label: At the left.
    """
    figure = new_figure(1.5 + 4.2 * len(panels), 5.2, columns=len(panels))
    title, base = behind
    lines = {}
    for axes, (heading, curves) in zip(figure.axes, panels.items(), strict=True):
        (lines[title],) = axes.plot(base.xs, base.ys, color="#CCCCCC", linewidth=7, marker="")
        for number, name in enumerate(names):
            if name in curves:
                curve = curves[name]
                cycle, style = divmod(number, len(PALETTE))
                color, marker = PALETTE[style], MARKERS[(style + 3 * cycle) % len(MARKERS)]
                (lines[name],) = axes.plot(
                    curve.xs,
                    curve.ys,
                    color=color,
                    marker=marker,
                    linewidth=1.4,
                    markersize=4,
                )
                x, y = curve.mark
                axes.plot([x], [y], color=color, marker=marker, markersize=9, mec="black")
        axes.set_title(plain(heading), fontsize=11, loc="left")
        axes.set_xlabel(plain(x_label))
        axes.grid(alpha=0.3)
        axes.sharex(figure.axes[0])
        axes.sharey(figure.axes[0])
    figure.axes[0].set_ylabel(plain(y_label))
    figure.legend(
        [lines[name] for name in (title, *names) if name in lines],
        [plain(name) for name in (title, *names) if name in lines],
        loc="outside lower center",
        ncols=min(4, 1 + len(names)),
        frameon=False,
        fontsize=9,
    )
    return rendered(figure)


def _places(names: Sequence[str], number: int, num_series: int, room: float) -> list[float]:
    """Return where a series lies in the rows of its chart, of which all share the room."""
    shift = (number - (num_series - 1) / 2) * room / num_series
    return [row + shift for row in range(len(names))]


def _label_rows(axes: "Axes", names: Sequence[str], x_label: str) -> None:
    axes.set_yticks(range(len(names)), list(map(plain, names)))
    axes.invert_yaxis()
    axes.set_xlabel(plain(x_label))
    axes.grid(axis="x", alpha=0.3)


def _ends(points: Sequence[Estimate | float]) -> NDArray[np.float64]:
    """Return values, low and high ends (3, n) of intervals; a plain number is all three."""
    ends = [(p.value, p.low, p.high) if isinstance(p, Estimate) else (p, p, p) for p in points]
    return np.array(ends, dtype=float).reshape(-1, 3).T


# ── sheets of pictures ───────────────────────────────────────────────────────

INK = "#1A1A1A"
FAINT = "#666666"
ABSENT = "#E1E1E1"
"""In place of a picture that cannot be read."""

SIDE = 1.3
"""Of a picture on a sheet, in inches."""
PIXELS = round(SIDE * DOTS_PER_INCH)
GAP = 0.14
HEAD = 0.55
"""Height above the first row, in inches."""
POINTS, BOLD_POINTS = 7, 9
"""Sizes of the letters."""
CHARACTERS, BOLD_CHARACTERS = 23, 17
"""In a line as wide as a picture."""


def new_sheet(rows: int, columns: int, below: float) -> "Figure":
    """Return a figure of square axes for pictures.

    Args:
        rows: Of the sheet.
        columns: Of the sheet.
        below: Height for the words under each picture, in inches.

    Raises:
        ConfigError: The extra that draws charts is not installed.
    """
    width, height = GAP + columns * (SIDE + GAP), HEAD + rows * (SIDE + below)
    figure = new_figure(
        width,
        height,
        rows=rows,
        columns=columns,
        left=GAP / width,
        right=1 - GAP / width,
        top=1 - HEAD / height,
        bottom=below / height,
        wspace=GAP / SIDE,
        hspace=below / SIDE,
    )
    for axes in figure.axes:
        axes.set(xlim=(0, PIXELS), ylim=(PIXELS, 0), xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return figure


def draw_picture(axes: "Axes", picture: Image.Image | None, frame: str | None = None) -> None:
    """Draw a whole picture in the middle of axes, with a frame if it has a color."""
    picture = picture or Image.new("RGB", (1, 1), ABSENT)
    padded = ImageOps.pad(picture, (PIXELS, PIXELS), Image.Resampling.LANCZOS, color="white")
    axes.imshow(padded, interpolation="nearest")
    if frame is not None:
        axes.spines[:].set(visible=True, color=frame, linewidth=3)


def write(
    axes: "Axes",
    lines: Sequence[str],
    *,
    top: float = -0.05,
    skipped: float = 0,
    bold: bool = False,
    color: str = INK,
) -> None:
    """Write lines that fit into axes of a sheet, or below them.

    Args:
        axes: Of the sheet.
        lines: The text.
        top: Where the first line begins, in heights of the axes from their lower edge.
        skipped: How many lines further down it begins.
        bold: Whether the letters are bold and larger.
        color: Of the letters.
    """
    axes.annotate(
        "\n".join(map(plain, lines)),
        (0, top),
        xycoords="axes fraction",
        xytext=(0, -1.4 * POINTS * skipped),
        textcoords="offset points",
        verticalalignment="top",
        linespacing=1.3,
        color=color,
        fontsize=BOLD_POINTS if bold else POINTS,
        fontweight="bold" if bold else "normal",
    )


def wrapped(text: str, num_lines: int = 1, *, bold: bool = False) -> list[str]:
    """Return text in at most so many lines; the last ends in "…" if cut."""
    characters = BOLD_CHARACTERS if bold else CHARACTERS
    lines = textwrap.wrap(sanitize(text), characters)
    if len(lines) > num_lines:
        lines[num_lines - 1 :] = [f"{lines[num_lines - 1][: characters - 1]}…"]
    return lines
