"""t-SNE of each super-category's embeddings, and how well their values keep apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw

from datrnet.core.config import at_least
from datrnet.core.errors import ConfigError
from datrnet.core.research.experiments.charts import EXTRA_MEND, MARKERS, new_figure, rendered
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.result import ExperimentResult
from datrnet.core.text import sanitize

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = (
    "super-category",
    "items",
    "values",
    "nearest neighbor's label right",
    "commonest value",
    "silhouette",
)

FEWEST = 5
"""Labelled items below which there is nothing to draw."""

COLOURS = {
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "green": "#009E73",
    "pink": "#CC79A7",
    "amber": "#E69F00",
    "sky blue": "#56B4E9",
    "olive": "#8A8A00",
    "violet": "#7A4FBF",
}
"""Of the commonest values, which alone are named; more colours cannot be told apart."""

OTHERS = "#C4C4C4"
GROUND = "#F7F7F7"
ACROSS = 3
"""Panels side by side."""

TERMINAL_GROUND = (18, 18, 24)
TERMINAL_OTHERS = (82, 82, 92)
TERMINAL_BRIGHTER = 0.35
"""How far each colour goes towards white on the dark ground."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TsneOptions:
    """How the panels are made."""

    num_items: int = 1500
    """Most items of a panel; of more, so many are drawn."""
    perplexity: float = 30.0
    """About how many neighbors each item should keep; lowered where there are few items."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Check ranges."""
        at_least(self, num_items=FEWEST, perplexity=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """One super-category's items in the plane."""

    super_category: str
    values: tuple[str, ...]
    labels: NDArray[np.int16]
    """(n,) into ``values``."""
    points: NDArray[np.float32]
    """(n, 2); empty where there are too few items."""
    neighbor_right: float | None
    """Share of items whose nearest neighbor, all 128 numbers considered, carries their value."""
    commonest: float | None
    """Share of the value that most carry: what guessing it always would give."""
    silhouette: float | None
    """Mean silhouette of the values, -1 to 1; None where no two values can be compared."""

    @property
    def named(self) -> tuple[int, ...]:
        """The values that get a colour, the commonest first."""
        counts = np.bincount(self.labels, minlength=len(self.values))
        order = np.argsort(-counts, kind="stable")
        return tuple(int(value) for value in order[: len(COLOURS)] if counts[value])

    @property
    def legend(self) -> str:
        """Which colour stands for which value, in words."""
        pairs = [
            f"{colour} {self.values[value]}"
            for colour, value in zip(COLOURS, self.named, strict=False)
        ]
        rest = ["grey all others"] if self.num_values > len(pairs) else []
        return f"{self.super_category}: {', '.join([*pairs, *rest])}."

    @property
    def num_values(self) -> int:
        """How many values the items carry."""
        return len(np.unique(self.labels))


def run(context: Context, options: TsneOptions) -> ExperimentResult:
    """Draw a panel for each super-category and measure how well its values keep apart.

    Raises:
        ConfigError: The extra that draws charts is not installed.
        DataError: The index has no item of the split.
        IndexStaleError: There is no index.
    """
    panels = panels_of(context, options)
    return ExperimentResult(
        title="t-SNE of the embeddings (supplementary, section 10)",
        columns=COLUMNS,
        rows=tuple(
            (
                panel.super_category,
                len(panel.labels),
                panel.num_values,
                panel.neighbor_right,
                panel.commonest,
                panel.silhouette,
            )
            for panel in panels
        ),
        notes=(
            "Nearest neighbor's label right: share of the items whose nearest other item, by the "
            "whole embedding and not by its place in the picture, carries the same value. Always "
            "guessing the commonest value would be right as often as the next column says.",
            "Silhouette: from -1 to 1; above 0, items are nearer to their own value's than to the "
            "next value's, on average.",
            "t-SNE keeps neighbors together; distances between groups and their sizes in the "
            "picture mean nothing. Panels stand in the table's order, colours as follows.",
            *(panel.legend for panel in panels if len(panel.points)),
        ),
        pictures={"t-sne": draw_panels(panels)},
        terminal=terminal_panels(panels),
    )


def panels_of(context: Context, options: TsneOptions) -> tuple[Panel, ...]:
    """Return a panel for each super-category, in the index's order, of the items labelled in it.

    Raises:
        ConfigError: The extra that draws charts is not installed.
        DataError: The index has no item of the split.
        IndexStaleError: There is no index.
    """
    items = context.items()
    categories = context.generation.super_categories
    panels = []
    for block, category in enumerate(categories):
        context.on_progress("t-SNE", block, len(categories))
        labelled = np.flatnonzero(items.labels[:, block] >= 0)
        if len(labelled) > options.num_items:
            rng = np.random.default_rng([options.seed, block])
            labelled = np.sort(rng.choice(labelled, options.num_items, replace=False))
        generation = context.generation
        compared = generation.manipulation.to_metric_space(
            generation.embeddings[items.places[labelled]]
        )
        embeddings = np.asarray(compared[:, generation.block_of(block)])
        labels = items.labels[labelled, block]
        panels.append(
            Panel(
                super_category=category.name,
                values=category.values,
                labels=labels,
                points=_in_the_plane(embeddings, options),
                neighbor_right=neighbor_accuracy(embeddings, labels),
                commonest=float(np.bincount(labels).max() / len(labels)) if len(labels) else None,
                silhouette=_silhouette(embeddings, labels),
            )
        )
    context.on_progress("t-SNE", len(categories), len(categories))
    return tuple(panels)


def neighbor_accuracy(embeddings: NDArray[np.float32], labels: NDArray[np.int16]) -> float | None:
    """Return how often the nearest other item carries the same value; None of fewer than two.

    Args:
        embeddings: (n, E).
        labels: (n,).
    """
    if len(labels) < 2:
        return None
    squares = np.einsum("ne,ne->n", embeddings, embeddings)
    distances = squares[:, None] + squares - 2 * embeddings @ embeddings.T  # (n, n)
    np.fill_diagonal(distances, np.inf)
    return float((labels[distances.argmin(axis=1)] == labels).mean())


def _silhouette(embeddings: NDArray[np.float32], labels: NDArray[np.int16]) -> float | None:
    num_values = len(np.unique(labels))
    if not 2 <= num_values < len(labels):
        return None
    _, silhouette_score = _scikit_learn()
    return float(silhouette_score(embeddings, labels))


def _in_the_plane(embeddings: NDArray[np.float32], options: TsneOptions) -> NDArray[np.float32]:
    """Return the t-SNE (n, 2) of embeddings (n, E); nothing where there are too few."""
    if len(embeddings) < FEWEST:
        return np.empty((0, 2), dtype=np.float32)
    tsne, _ = _scikit_learn()
    # a start from the principal components divides by the spread, which may be none
    alike = float(embeddings.std(axis=0).max()) < 1e-6
    points: NDArray[np.float32] = tsne(
        perplexity=min(options.perplexity, (len(embeddings) - 1) / 3),
        init="random" if alike or embeddings.shape[1] < 2 else "pca",
        random_state=options.seed,
    ).fit_transform(embeddings)
    return points


def _scikit_learn() -> tuple[Any, Any]:
    """Return scikit-learn's t-SNE and its silhouette score.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        from sklearn.manifold import TSNE
        from sklearn.metrics import silhouette_score
    except ImportError as error:
        raise ConfigError(
            "t-SNE needs scikit-learn, which is not installed.", mend=EXTRA_MEND
        ) from error
    return TSNE, silhouette_score


def draw_panels(panels: Sequence[Panel]) -> Image.Image:
    """Return all panels, each with the names of its commonest values.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    across = min(ACROSS, len(panels))
    down = -(-len(panels) // across)
    figure = new_figure(4.6 * across, 4.9 * down, rows=down, columns=across)
    layout = figure.get_layout_engine()
    assert layout is not None
    layout.set(w_pad=0.12, h_pad=0.12)  # type: ignore[call-arg]
    for axes, panel in zip(figure.axes, panels, strict=False):
        _draw_panel(axes, panel)
    for axes in figure.axes[len(panels) :]:
        axes.set_axis_off()
    return rendered(figure)


def _draw_panel(axes: "Axes", panel: Panel) -> None:
    axes.set_title(_plain(panel.super_category), fontsize=13, fontweight="bold", loc="left")
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_facecolor(GROUND)
    axes.set_xticks([])
    axes.set_yticks([])
    if not len(panel.points):
        axes.text(0.5, 0.5, "too few items", ha="center", transform=axes.transAxes)
        return
    if panel.neighbor_right is not None:
        right = f"nearest neighbor right: {panel.neighbor_right:.0%}"
        axes.set_title(right, fontsize=10, loc="right", color="#555555")
    rest = ~np.isin(panel.labels, panel.named)
    xs, ys = panel.points.T
    axes.scatter(xs[rest], ys[rest], s=9, c=OTHERS, linewidths=0)
    for value, colour, marker in zip(panel.named, COLOURS.values(), MARKERS, strict=False):
        carried = panel.labels == value
        axes.scatter(
            xs[carried],
            ys[carried],
            s=16,
            c=colour,
            marker=marker,
            linewidths=0,
            alpha=0.85,
            label=_plain(f"{panel.values[value]} ({carried.sum():,})"),
        )
    if rest.any():
        others = f"{panel.num_values - len(panel.named)} others ({rest.sum():,})"
        axes.scatter([], [], s=9, c=OTHERS, linewidths=0, label=others)  # last in the legend
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.01),
        ncols=3,
        fontsize=8.5,
        frameon=False,
        handletextpad=0.1,
        columnspacing=0.8,
        markerscale=1.6,
    )


def _plain(text: str) -> str:
    """Return a name of the catalogue's as it may stand in a chart."""
    return sanitize(text).replace("$", r"\$")


def terminal_panels(panels: Sequence[Panel], *, rows: int = 30, columns: int = 100) -> Image.Image:
    """Return the panels for so many character cells: two pixels a cell each way, no letters.

    They stand in the table's order, three side by side.
    """
    across = min(ACROSS, len(panels))
    down = -(-len(panels) // across)
    picture = Image.new("RGB", (2 * columns, 2 * rows), TERMINAL_GROUND)
    draw = ImageDraw.Draw(picture)
    width, height = 2 * columns // across, 2 * rows // down
    for number, panel in enumerate(panels):
        left, top = number % across * width, number // across * height
        if number % across:
            draw.line((left, top + 2, left, top + height - 3), fill=TERMINAL_OTHERS)
        if len(panel.points):
            _draw_dots(draw, panel, (left + 3, top + 2, left + width - 4, top + height - 3))
    return picture


def _draw_dots(draw: ImageDraw.ImageDraw, panel: Panel, box: tuple[int, int, int, int]) -> None:
    """Draw a panel's items as single pixels; the named ones last, on top of the others."""
    left, top, right, bottom = box
    low, high = panel.points.min(axis=0), panel.points.max(axis=0)
    shares = (panel.points - low) / np.maximum(high - low, 1e-9)
    xs = np.rint(left + shares[:, 0] * (right - left)).astype(int)
    ys = np.rint(bottom - shares[:, 1] * (bottom - top)).astype(int)
    colours = dict(zip(panel.named, map(_brighter, COLOURS.values()), strict=False))
    on_top = np.argsort(np.isin(panel.labels, panel.named), kind="stable")
    for item in on_top:
        colour = colours.get(int(panel.labels[item]), TERMINAL_OTHERS)
        draw.point((int(xs[item]), int(ys[item])), fill=colour)


def _brighter(colour: str) -> tuple[int, ...]:
    channels = ImageColor.getrgb(colour)
    return tuple(round(one + TERMINAL_BRIGHTER * (255 - one)) for one in channels)
