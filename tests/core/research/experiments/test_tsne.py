"""Panels of embeddings: whom they show, what is measured, what a small picture keeps."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from datrnet.core.errors import ConfigError, DataError
from datrnet.core.research.experiments import tsne
from datrnet.core.research.experiments.context import Context
from datrnet.core.research.experiments.tsne import (
    COLORS,
    Panel,
    TsneOptions,
    draw_panels,
    nearest_neighbor_accuracy,
    panels_of,
    run,
    terminal_panels,
)


def panel(labels: list[int], points: np.ndarray | None = None, num_values: int = 3) -> Panel:
    """Return a panel of items on a diagonal."""
    if points is None:
        points = np.repeat(np.arange(len(labels), dtype=np.float32)[:, None], 2, axis=1)
    return Panel(
        super_category="collar",
        values=tuple(f"v{number}" for number in range(num_values)),
        labels=np.array(labels, dtype=np.int16),
        points=points,
        neighbor_accuracy=0.5,
        majority_share=0.5,
        silhouette=None,
    )


def colors_of(picture: Image.Image) -> set[tuple[int, ...]]:
    """Return the colors of a picture."""
    return {color for _, color in picture.getcolors(10**6)}


def test_the_nearest_neighbor_is_another_item() -> None:
    embeddings = np.array([[0], [1], [5], [5.5]], dtype=np.float32)
    # 0 and 1 are neighbors of the same value; 5 and 5.5 are neighbors of different ones
    assert nearest_neighbor_accuracy(embeddings, np.array([0, 0, 1, 0], dtype=np.int16)) == 0.5
    assert nearest_neighbor_accuracy(embeddings, np.array([0, 0, 1, 1], dtype=np.int16)) == 1
    assert nearest_neighbor_accuracy(embeddings[:1], np.array([0], dtype=np.int16)) is None


def by_hand(context: Context, block: int) -> tuple[float, float]:
    """Return how often the nearest item is right, and the mean silhouette, item by item."""
    rows = context.catalog.rows_in("test")
    labels = context.catalog.labels[rows, block]
    embeddings = np.asarray(context.generation.embeddings)[rows, block].astype(float)
    right, silhouettes = [], []
    for item, label in enumerate(labels):
        distances = np.linalg.norm(embeddings - embeddings[item], axis=1)
        others = np.arange(len(labels)) != item
        right.append(labels[others][distances[others].argmin()] == label)
        own = distances[others & (labels == label)].mean()
        next_value = min(distances[labels == value].mean() for value in set(labels) - {label})
        silhouettes.append((next_value - own) / max(own, next_value))
    return float(np.mean(right)), float(np.mean(silhouettes))


def test_the_table_counts_the_split(context: Context) -> None:
    result = run(context, TsneOptions())
    color, pattern = result.rows
    assert color[:3] == ("colour", 12, 3)
    assert pattern[:3] == ("pattern", 12, 2)
    assert (color[4], pattern[4]) == (pytest.approx(4 / 12), 0.5)
    for block, row in enumerate(result.rows):
        right, silhouette = by_hand(context, block)
        assert row[3] == pytest.approx(right)
        assert row[5] == pytest.approx(silhouette, abs=1e-4)
    assert list(result.pictures) == ["t-sne"]
    assert result.pictures["t-sne"].width > 600
    assert len(colors_of(result.pictures["t-sne"])) > 10
    assert result.terminal is not None


def test_items_without_a_label_are_left_out(context: Context) -> None:
    color, pattern = panels_of(replace(context, split="train"), TsneOptions())
    assert (len(color.labels), len(pattern.labels)) == (23, 24)  # item-11 has no color


def test_no_more_items_than_asked_for_and_the_same_every_time(context: Context) -> None:
    first, second = (panels_of(context, TsneOptions(num_items=7, seed=3)) for _ in range(2))
    assert [len(drawn.labels) for drawn in first] == [7, 7]
    for drawn, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(drawn.points, other.points)


def test_embeddings_that_are_all_alike_can_be_drawn(context: Context) -> None:
    context.generation.embeddings = np.ones_like(context.generation.embeddings)
    for drawn in panels_of(context, TsneOptions()):
        assert np.isfinite(drawn.points).all()


def test_progress_names_every_panel(context: Context) -> None:
    told: list[tuple[str, int, int]] = []
    panels_of(replace(context, on_progress=lambda *step: told.append(step)), TsneOptions())
    assert told == [("t-SNE", 0, 2), ("t-SNE", 1, 2), ("t-SNE", 2, 2)]


def test_without_scikit_learn_the_extra_is_named(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.manifold", None)
    with pytest.raises(ConfigError, match="scikit-learn") as caught:
        run(context, TsneOptions())
    assert 'pip install "datrnet[experiments]"' in caught.value.hint


def test_a_split_without_items_is_refused(context: Context) -> None:
    with pytest.raises(DataError, match="tset"):
        run(replace(context, split="tset"), TsneOptions())


@pytest.mark.parametrize("options", [{"num_items": 4}, {"perplexity": 0.5}])
def test_settings_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        TsneOptions(**options)  # type: ignore[arg-type]


def test_only_the_commonest_values_are_named() -> None:
    labels = [value for value in range(10) for _ in range(10 - value)]
    crowded = panel(labels, num_values=12)
    assert crowded.num_values == 10
    assert crowded.named == tuple(range(8))
    assert crowded.legend.startswith("collar: blue v0, vermilion v1, ")
    assert crowded.legend.endswith("violet v7, gray all others.")
    assert panel([1, 1, 0]).legend == "collar: blue v1, vermilion v0."


def test_the_small_picture_has_two_pixels_a_cell_and_every_named_color() -> None:
    picture = terminal_panels([panel([0] * 6 + [1] * 5 + [2] * 4)] * 6, rows=30, columns=100)
    assert picture.size == (200, 60)
    dots = colors_of(picture) - {tsne.TERMINAL_GROUND, tsne.TERMINAL_OTHERS}
    assert len(dots) == 3


def test_the_small_picture_shows_items_where_they_are() -> None:
    points = np.array([[0, 0], [1, 0], [0, 1]] * 2, dtype=np.float32)
    picture = terminal_panels([panel([0] * 6, points)], rows=10, columns=20)
    lit = np.argwhere((np.asarray(picture) != tsne.TERMINAL_GROUND).any(axis=2))
    # lower left, lower right, upper left: the second axis points upwards
    assert {tuple(place) for place in lit} == {(17, 3), (17, 36), (2, 3)}


def test_too_few_items_leave_an_empty_panel() -> None:
    nothing = panel([0, 1], np.empty((0, 2), dtype=np.float32))
    assert draw_panels([nothing, panel([0, 1, 2])]).width > 600
    assert colors_of(terminal_panels([nothing])) == {tsne.TERMINAL_GROUND}


def test_names_of_a_catalog_are_no_formulas(recwarn: pytest.WarningsRecorder) -> None:
    odd = panel([0, 1, 2, 0])
    object.__setattr__(odd, "values", ("$x^", "\x1b[31m", "夏"))
    assert draw_panels([odd]).width > 300
    assert not recwarn.list


def test_no_two_values_have_one_color() -> None:
    assert len(set(COLORS.values())) == len(COLORS) == 8
