"""t-SNE of the embeddings of each super-category, and how well their values are separated."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from datrnet.core.config import at_least
from datrnet.core.errors import requirement
from datrnet.core.graphics.point_map import BRIGHTER, COLORS
from datrnet.core.progress import tracked
from datrnet.core.research.experiments.charts import (
    MARKERS,
    new_figure,
    plain,
    rendered,
)
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.result import Cell, ExperimentResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = (
    "super-category",
    "items",
    "values",
    "nearest neighbor's label right",
    "most frequent value",
    "silhouette",
)

MIN_ITEMS = 5
"""Labeled items that a panel needs."""

OTHERS = "#C4C4C4"
GROUND = "#F7F7F7"
ACROSS = 3
"""Panels side by side."""

TERMINAL_GROUND = (18, 18, 24)
TERMINAL_OTHERS = (82, 82, 92)


@dataclass(frozen=True, slots=True, kw_only=True)
class TsneOptions:
    """How the panels are computed."""

    num_items: int = 1500
    """Maximum of a panel; of more, as many are sampled."""
    perplexity: float = 30.0
    """About how many neighbors each item should keep; lowered for few items."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Check ranges."""
        at_least(self, num_items=MIN_ITEMS, perplexity=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """One super-category's items in the plane."""

    super_category: str
    values: tuple[str, ...]
    labels: NDArray[np.int16]
    """(n,) into ``values``."""
    points: NDArray[np.float32]
    """(n, 2); empty where there are too few items."""
    neighbor_accuracy: float | None
    """Share of items whose nearest neighbor, by the whole embedding, carries their value."""
    majority_share: float | None
    """Share of the most frequent value: what always guessing it would give."""
    silhouette: float | None
    """Mean silhouette of the values, -1 to 1; None where no two values can be compared."""

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Its row of the table."""
        counts = len(self.labels), self.num_values
        return (
            self.super_category,
            *counts,
            self.neighbor_accuracy,
            self.majority_share,
            self.silhouette,
        )

    @property
    def named(self) -> tuple[int, ...]:
        """The values that get a color, the most frequent first."""
        counts = np.bincount(self.labels, minlength=len(self.values))
        order = np.argsort(-counts, kind="stable")
        return tuple(int(value) for value in order[: len(COLORS)] if counts[value])

    @property
    def legend(self) -> str:
        """The colors of the values, in words."""
        pairs = [
            f"{color} {self.values[value]}"
            for color, value in zip(COLORS, self.named, strict=False)
        ]
        rest = ["gray all others"] if self.num_values > len(pairs) else []
        return f"{self.super_category}: {', '.join([*pairs, *rest])}."

    @property
    def num_values(self) -> int:
        """The number of values that the items carry."""
        return len(np.unique(self.labels))


def run(context: Context, options: TsneOptions) -> ExperimentResult:
    """Draw a panel for each super-category and measure how well its values are separated.

    Raises:
        ConfigError: The extra that draws charts is not installed.
        DataError: The index has no item of the split.
        IndexStaleError: There is no index.
    """
    with requirement("t-SNE needs"):
        panels = panels_of(context, options)
    return ExperimentResult(
        title="t-SNE of the embeddings (supplementary, section 10)",
        columns=COLUMNS,
        rows=tuple(panel.cells for panel in panels),
        notes=(
            "Nearest neighbor's label right: share of the items whose nearest other item, by the "
            "whole embedding and not by its place in the picture, carries the same value. Always "
            "guessing the most frequent value would be right as often as the next column says.",
            "Silhouette: from -1 to 1; above 0, items are on average nearer to those of their own "
            "value than to those of the next value.",
            "t-SNE keeps neighbors together; distances between groups and their sizes in the "
            "picture mean nothing. Panels are in the order of the table, with these colors.",
            *(panel.legend for panel in panels if len(panel.points)),
        ),
        pictures={"t-sne": draw_panels(panels)},
        terminal=terminal_panels(panels),
    )


def panels_of(context: Context, options: TsneOptions) -> tuple[Panel, ...]:
    """Return a panel for each super-category, in the order of the index, of its labeled items.

    Raises:
        ImportError: scikit-learn is not installed.
        DataError: The index has no item of the split.
        IndexStaleError: There is no index.
    """
    items, generation = context.items(), context.generation
    panels = []
    for block, category in enumerate(
        tracked(generation.super_categories, "t-SNE", context.on_progress)
    ):
        labeled = np.flatnonzero(items.labels[:, block] >= 0)
        if len(labeled) > options.num_items:
            rng = np.random.default_rng([options.seed, block])
            labeled = np.sort(rng.choice(labeled, options.num_items, replace=False))
        compared = generation.manipulation.to_metric_space(
            generation.embeddings[items.places[labeled]]
        )
        embeddings = np.asarray(compared[:, generation.block_of(block)])
        labels = items.labels[labeled, block]
        panels.append(
            Panel(
                super_category=category.name,
                values=category.values,
                labels=labels,
                points=_in_the_plane(embeddings, options),
                neighbor_accuracy=nearest_neighbor_accuracy(embeddings, labels),
                majority_share=float(np.bincount(labels).max() / len(labels))
                if len(labels)
                else None,
                silhouette=_silhouette(embeddings, labels),
            )
        )
    return tuple(panels)


def nearest_neighbor_accuracy(
    embeddings: NDArray[np.float32], labels: NDArray[np.int16]
) -> float | None:
    """Return how often the nearest other item carries the same value; None for fewer than two.

    Args:
        embeddings: (n, E).
        labels: (n,).
    """
    if len(labels) < 2:
        return None
    # in float64 around their mean, since embeddings that have nearly collapsed differ by little
    centered = embeddings - embeddings.mean(axis=0, dtype=np.float64)
    squares = np.einsum("ne,ne->n", centered, centered)
    distances = squares[:, None] + squares - 2 * centered @ centered.T  # (n, n)
    np.fill_diagonal(distances, np.inf)
    return float((labels[distances.argmin(axis=1)] == labels).mean())


def _silhouette(embeddings: NDArray[np.float32], labels: NDArray[np.int16]) -> float | None:
    from sklearn.metrics import silhouette_score

    is_defined = 2 <= len(np.unique(labels)) < len(labels)
    return float(silhouette_score(embeddings, labels)) if is_defined else None


def _in_the_plane(embeddings: NDArray[np.float32], options: TsneOptions) -> NDArray[np.float32]:
    """Return the t-SNE (n, 2) of embeddings (n, E); empty with too few of them."""
    from sklearn.manifold import TSNE

    if len(embeddings) < MIN_ITEMS:
        return np.empty((0, 2), dtype=np.float32)
    # a start from the principal components divides by the spread, which may be zero
    alike = float(embeddings.std(axis=0).max()) < 1e-6
    points: NDArray[np.float32] = TSNE(
        perplexity=min(options.perplexity, (len(embeddings) - 1) / 3),
        init="random" if alike or embeddings.shape[1] < 2 else "pca",
        random_state=options.seed,
    ).fit_transform(embeddings)
    return points


def draw_panels(panels: Sequence[Panel]) -> Image.Image:
    """Return all panels, each with the names of its most frequent values.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    across, down = _grid(panels)
    figure = new_figure(4.6 * across, 4.9 * down, rows=down, columns=across)
    layout = figure.get_layout_engine()
    assert layout is not None
    layout.set(w_pad=0.12, h_pad=0.12)  # type: ignore[call-arg]
    for axes, panel in zip(figure.axes, panels, strict=False):
        _draw_panel(axes, panel)
    for axes in figure.axes[len(panels) :]:
        axes.set_axis_off()
    return rendered(figure)


def _grid(panels: Sequence[Panel]) -> tuple[int, int]:
    """Return how many panels are side by side, and how many one above the other."""
    across = min(ACROSS, len(panels))
    return across, -(-len(panels) // across)


def _draw_panel(axes: "Axes", panel: Panel) -> None:
    axes.set_title(plain(panel.super_category), fontsize=13, fontweight="bold", loc="left")
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set(facecolor=GROUND, xticks=[], yticks=[])
    if not len(panel.points):
        axes.text(0.5, 0.5, "too few items", ha="center", transform=axes.transAxes)
        return
    if panel.neighbor_accuracy is not None:
        right = f"nearest neighbor right: {panel.neighbor_accuracy:.0%}"
        axes.set_title(right, fontsize=10, loc="right", color="#555555")
    rest = ~np.isin(panel.labels, panel.named)
    xs, ys = panel.points.T
    axes.scatter(xs[rest], ys[rest], s=9, c=OTHERS, linewidths=0)
    for value, color, marker in zip(panel.named, COLORS.values(), MARKERS, strict=False):
        carried = panel.labels == value
        axes.scatter(
            xs[carried],
            ys[carried],
            s=16,
            c=color,
            marker=marker,
            linewidths=0,
            alpha=0.85,
            label=plain(f"{panel.values[value]} ({carried.sum():,})"),
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


def terminal_panels(panels: Sequence[Panel], *, rows: int = 30, columns: int = 100) -> Image.Image:
    """Return the panels for a number of character cells: two pixels per cell each way, no letters.

    They are in the order of the table, three side by side.
    """
    across, down = _grid(panels)
    pixels = np.full((2 * rows, 2 * columns, 3), TERMINAL_GROUND, dtype=np.uint8)
    width, height = 2 * columns // across, 2 * rows // down
    for number, panel in enumerate(panels):
        left, top = number % across * width, number // across * height
        cell = pixels[top + 2 : top + height - 2, left : left + width - 3]
        if number % across:
            cell[:, 0] = TERMINAL_OTHERS
        if len(panel.points):
            _draw_dots(cell[:, 3:], panel)
    return Image.fromarray(pixels)


def _draw_dots(pixels: NDArray[np.uint8], panel: Panel) -> None:
    """Draw items as single pixels (H, W, 3); the named values last, on top of the others."""
    low, high = panel.points.min(axis=0), panel.points.max(axis=0)
    shares = (panel.points - low) / np.maximum(high - low, 1e-9)
    bottom, right = pixels.shape[0] - 1, pixels.shape[1] - 1
    xs = np.rint(shares[:, 0] * right).astype(int)
    ys = np.rint(bottom - shares[:, 1] * bottom).astype(int)
    colors = np.full((len(panel.values), 3), TERMINAL_OTHERS, dtype=float)
    named = np.array(list(map(ImageColor.getrgb, COLORS.values())))[: len(panel.named)]
    colors[list(panel.named)] = named + BRIGHTER * (255 - named)
    on_top = np.argsort(np.isin(panel.labels, panel.named), kind="stable")
    pixels[ys[on_top], xs[on_top]] = np.rint(colors[panel.labels[on_top]])
