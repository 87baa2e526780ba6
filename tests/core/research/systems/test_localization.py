"""A region is the box around the largest part of a map; a piece of it shows that part alone."""

from collections import deque

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from datrnet.core.research.systems.fashionsearchnet import (
    activation_maps,
    pooled_regions,
    regions,
)


def plain_boxes(mask: np.ndarray) -> tuple[int, set[tuple[int, int, int, int]]]:
    """Return the size of the largest part, and the boxes of all parts of that size."""
    found: list[tuple[int, tuple[int, int, int, int]]] = []
    seen = np.zeros_like(mask)
    for start in zip(*np.nonzero(mask), strict=True):
        if seen[start]:
            continue
        queue, part = deque([start]), []
        seen[start] = True
        while queue:
            row, column = queue.popleft()
            part.append((row, column))
            for near in np.ndindex(3, 3):
                place = row + near[0] - 1, column + near[1] - 1
                inside = all(0 <= at < end for at, end in zip(place, mask.shape, strict=True))
                if inside and mask[place] and not seen[place]:
                    seen[place] = True
                    queue.append(place)
        rows, columns = zip(*part, strict=True)
        found.append((len(part), (min(rows), min(columns), max(rows) + 1, max(columns) + 1)))
    largest = max(size for size, _ in found)
    return largest, {box for size, box in found if size == largest}


@given(st.integers(1, 6), st.integers(1, 7), st.data())
def test_regions_equal_a_plain_search_for_parts(
    height: int, width: int, data: st.DataObject
) -> None:
    cells = st.lists(st.booleans(), min_size=height * width, max_size=height * width)
    mask = np.array(data.draw(cells.filter(any))).reshape(height, width)
    maps = torch.from_numpy(mask.astype(np.float32))[None, None]
    box = regions(maps, 0.2)[0, 0] * torch.tensor([height, width, height, width])
    _, possible = plain_boxes(mask)
    assert tuple(box.round().int().tolist()) in possible


def test_a_map_of_which_nothing_speaks_for_the_value_has_the_whole_as_region() -> None:
    assert regions(-torch.ones(1, 2, 4, 5), 0.2).tolist() == [[[0, 0, 1, 1]] * 2]


def test_places_below_the_threshold_are_outside() -> None:
    maps = torch.zeros(1, 1, 4, 4)
    maps[0, 0, 1, 1:3] = torch.tensor([10.0, 2.5])
    maps[0, 0, 3, 3] = 1.9
    assert regions(maps, 0.2).tolist() == [[[0.25, 0.25, 0.5, 0.75]]]


def test_an_activation_map_is_of_the_value_predicted_and_its_mean_is_what_speaks_for_it() -> None:
    torch.manual_seed(0)
    feature_map, weights = torch.randn(3, 5, 4, 6), [torch.randn(4, 5), torch.randn(2, 5)]
    maps = activation_maps(feature_map, weights)
    for picture in range(3):
        for idx, weight in enumerate(weights):
            logits = weight @ feature_map[picture].mean(dim=(1, 2))
            value = int(logits.argmax())
            expected = sum(weight[value, k] * feature_map[picture, k] for k in range(5))
            torch.testing.assert_close(maps[picture, idx], expected)
            torch.testing.assert_close(maps[picture, idx].mean(), logits.max())


def test_the_whole_of_a_map_of_the_same_size_keeps_the_places() -> None:
    feature_map = torch.rand(2, 3, 6, 6)
    pooled = pooled_regions(feature_map, torch.tensor([[0.0, 0, 1, 1]]).expand(2, 2, 4), 3)
    assert pooled.shape == (2, 2, 3, 3, 3)
    expected = torch.nn.functional.max_pool2d(feature_map, 2)
    for idx in range(2):  # two samples a side of each cell: exactly the places of the map
        torch.testing.assert_close(pooled[:, idx], expected)


def test_a_box_shows_only_what_is_in_it() -> None:
    feature_map = torch.zeros(2, 1, 8, 8)
    feature_map[0, 0, 4:, :4] = 1  # bottom left
    feature_map[1, 0, :4, 4:] = 2  # top right
    boxes = torch.tensor(
        [[[0.5, 0, 1, 0.5], [0, 0, 0.5, 0.5]], [[0, 0.5, 0.5, 1], [0.5, 0.5, 1, 1]]]
    )
    pooled = pooled_regions(feature_map, boxes, 2)[:, :, 0]
    # the outermost samples of a box lie a quarter cell or more inside it
    assert pooled[0, 0].min() == 1
    assert pooled[0, 1].max() <= 0.5
    assert pooled[1, 0].min() == 2
    assert pooled[1, 1].max() <= 1


def test_pooled_regions_have_a_gradient() -> None:
    feature_map = torch.rand(1, 2, 5, 5, requires_grad=True)
    pooled_regions(feature_map, torch.tensor([[[0.6, 0.6, 1, 1]]]), 2).sum().backward()
    assert feature_map.grad is not None
    assert not feature_map.grad[:, :, :2].any()
    assert not feature_map.grad[:, :, :, :2].any()
    # each of the 4 cells of each of the 2 channels hands on the whole of its gradient
    torch.testing.assert_close(feature_map.grad.sum(), torch.tensor(8.0))
