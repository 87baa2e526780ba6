"""A map in character cells: steps against a plain loop, what is in view, and what is drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from datrnet.core.graphics.point_map import (
    ACROSS,
    ASIDE,
    DOWN,
    NUM_NAMED,
    OTHERS,
    SET_BACK,
    DrawnMap,
    View,
    class_of_values,
    nearest_in_direction,
    nearest_points,
)

DIRECTIONS = [(1, 0), (-1, 0), (0, 1), (0, -1)]
Dots = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=25)


def _step(dots: list[tuple[int, int]], start: int, across: int, down: int) -> float | None:
    """Return the costs of the best step, in a plain loop."""
    x, y = dots[start]
    ahead: list[tuple[float, float]] = []
    for other_x, other_y in dots:
        along = (other_x - x) * across + (other_y - y) * down
        aside = abs(other_y - y) if across else abs(other_x - x)
        if along >= (ACROSS if across else DOWN):
            ahead.append((along, aside))
    in_cone = [(along, aside) for along, aside in ahead if along >= aside]
    costs = [along + ASIDE * aside for along, aside in in_cone or ahead]
    return min(costs) if costs else None


@given(Dots, st.sampled_from(DIRECTIONS))
def test_a_step_leads_where_a_plain_loop_finds(
    dots: list[tuple[int, int]], direction: tuple[int, int]
) -> None:
    across, down = direction
    array = np.array(dots, dtype=np.float32)
    for start in range(len(dots)):
        found = nearest_in_direction(array, start, across, down, np.ones(len(dots), dtype=bool))
        expected = _step(dots, start, across, down)
        assert (found is None) == (expected is None)
        if found is not None:
            x, y = array[found] - array[start]
            along, aside = x * across + y * down, abs(x * down) + abs(y * across)
            assert along + ASIDE * aside == expected


def test_a_step_leads_only_to_what_is_allowed() -> None:
    dots = np.array([[0, 0], [4, 0], [8, 0]], dtype=np.float32)
    assert nearest_in_direction(dots, 0, 1, 0, np.array([True, False, True])) == 2
    assert nearest_in_direction(dots, 0, 1, 0, np.array([True, False, False])) is None


def test_each_step_leaves_its_cell_and_four_steps_may_lead_back() -> None:
    dots = np.array([[0, 0], [1, 0], [20, 0]], dtype=np.float32)
    everything = np.ones(3, dtype=bool)
    assert nearest_in_direction(dots, 0, 1, 0, everything) == 2
    assert nearest_in_direction(dots, 2, -1, 0, everything) == 1


@given(st.integers(0, 40), st.integers(0, 12))
def test_the_nearest_points_are_the_first_by_distance(num: int, count: int) -> None:
    points = np.random.default_rng(num).normal(size=(num, 2)).astype(np.float32)
    expected = sorted(range(num), key=lambda place: float(((points[place] - 0.3) ** 2).sum()))
    assert nearest_points(points, (0.3, 0.3), count).tolist() == expected[:count]


# ── views ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [(1, 1), (2, 30), (90, 4), (100, 40)])
def test_the_whole_map_is_in_view(size: tuple[int, int]) -> None:
    corners = np.array([[-1, -1], [1, 1], [-1, 1], [1, -1], [0, 0]], dtype=np.float32)
    drawn = DrawnMap(view=View(*size), points=corners, classes=np.zeros(5, dtype=np.int64))
    assert (drawn.cells >= 0).all()


def test_a_long_room_is_filled_as_far_as_the_map_may_be_stretched() -> None:
    for size, proportion in [
        ((40, 20), 1.0),
        ((48, 20), 1.2),
        ((400, 20), 1.6),
        ((20, 40), 1 / 1.6),
    ]:
        across, down = View(*size).scales
        assert across / down == pytest.approx(proportion)


def test_zooming_leaves_a_point_where_it_is_on_screen() -> None:
    view = View(80, 30).zoomed(3, (0.5, -0.2))
    point = np.array([[0.5, -0.2]], dtype=np.float32)
    np.testing.assert_allclose(view.dots(point), View(80, 30).dots(point), atol=1e-3)
    assert view.zoomed(1 / 3, (0.5, -0.2)) == View(80, 30)
    assert view.zoomed(0.001) == View(80, 30)


def test_a_cell_knows_its_part_of_the_plane() -> None:
    view = View(80, 30).zoomed(2.5, (0.1, 0.7))
    for column, row in [(0, 0), (79, 29), (33, 12)]:
        point = np.array([view.at(column, row)], dtype=np.float32)
        drawn = DrawnMap(view=view, points=point, classes=np.zeros(1, dtype=np.int64))
        assert drawn.cells.tolist() == [row * 80 + column]


def test_a_view_follows_a_point_out_of_it_and_stays_else() -> None:
    view = View(80, 30).zoomed(8, (0.5, 0.5))
    assert view.showing(np.array([0.5, 0.5], dtype=np.float32)) == view
    far = np.array([-0.9, -0.9], dtype=np.float32)
    moved = view.showing(far)
    np.testing.assert_allclose(moved.dots(far[None])[0], [80, 60], atol=1e-3)
    assert moved.zoom == view.zoom
    edge = np.array([-1, 1], dtype=np.float32)
    assert View(80, 30).panned(9, 9).showing(edge) == View(80, 30)


def test_panning_ends_at_the_edge_of_the_map() -> None:
    view = View(80, 30).zoomed(8)
    assert view.panned(10, 0).x > 0
    assert view.panned(0, 10).y < 0
    assert view.panned(10_000, -10_000) == View(80, 30, x=1.0, y=1.0, zoom=8)


# ── drawing ──────────────────────────────────────────────────────────────────

VIEW = View(4, 2)


def _drawn(dots: list[tuple[int, int]], classes: list[int]) -> DrawnMap:
    """Return a map of 4 x 2 cells with points in the middle of some dots."""
    across, down = VIEW.scales
    points = [((x + 0.5 - 4) / across, (4 - y - 0.5) / down) for x, y in dots]
    array: NDArray[np.float32] = np.array(points, dtype=np.float32).reshape(-1, 2)
    return DrawnMap(view=VIEW, points=array, classes=np.array(classes, dtype=np.int64))


def _lines(characters: NDArray[np.str_]) -> list[str]:
    return ["".join(line) for line in characters.tolist()]


def test_each_point_is_a_dot_of_its_cell() -> None:
    drawn = _drawn([(0, 0), (1, 3), (2, 4), (7, 7)], [0, 0, 1, 2])
    assert _lines(drawn.braille()) == ["⢁   ", " ⠁ ⢀"]
    assert _lines(drawn.letters()) == ["A   ", " B C"]
    assert drawn.cell_classes.tolist() == [[0, -1, -1, -1], [-1, 1, -1, 2]]


def test_most_points_of_a_cell_give_it_their_class_and_others_come_before_what_is_set_back() -> (
    None
):
    dots = [(0, 0)] * 3 + [(1, 1)] * 2 + [(4, 0), (4, 1), (5, 1), (6, 0)]
    classes = [1, 1, 0, 0, 0, SET_BACK, SET_BACK, OTHERS, SET_BACK]
    drawn = _drawn(dots, classes)
    assert drawn.cell_classes[0].tolist() == [0, -1, OTHERS, SET_BACK]
    assert _lines(drawn.letters())[0] == "A ·."
    assert _lines(drawn.braille())[0] == "⠑ ⠐⠁"


def test_nothing_is_drawn_of_no_points() -> None:
    drawn = _drawn([], [])
    assert _lines(drawn.braille()) == _lines(drawn.letters()) == [" " * 4] * 2
    assert drawn.captions({0: "a"}, np.zeros(0, dtype=np.int64)) == []


def test_names_are_written_on_their_points_the_first_ones_first() -> None:
    view = View(40, 20)
    points = np.array([[0, 0], [0.02, 0], [0.5, 0.5], [0, 0.02]], dtype=np.float32)
    drawn = DrawnMap(view=view, points=points, classes=np.array([0, 1, 2, SET_BACK]))
    found = drawn.captions(
        {0: "red", 1: "blue", 2: "green", 3: "back"}, np.array([0, 1, 2, 3], dtype=np.int64)
    )
    assert [caption.name for caption in found] == ["red", "green"]  # blue would cover red
    assert (found[0].row, found[0].column) == (10, 19)


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (7, 5)])
def test_names_stay_inside_the_smallest_map(size: tuple[int, int]) -> None:
    points = np.array([[-1, 1], [1, -1]], dtype=np.float32)
    drawn = DrawnMap(view=View(*size), points=points, classes=np.array([0, 1]))
    for caption in drawn.captions({0: "a", 1: "bcdefgh"}, np.array([0, 1])):
        assert caption.column >= 1
        assert caption.column + len(caption.name) <= size[0] - 1
    assert drawn.braille().shape == size[::-1]


def test_the_most_frequent_values_are_named() -> None:
    counts = np.array([0, 5, 9, *range(20, 30)])
    classes = class_of_values(counts)
    assert classes[-1] == OTHERS  # no value
    assert classes[[12, 11, 10]].tolist() == [0, 1, 2]
    assert sorted(classes.tolist())[:NUM_NAMED] == list(range(NUM_NAMED))
    assert class_of_values(np.array([0, 3])).tolist() == [OTHERS, 0, OTHERS]
