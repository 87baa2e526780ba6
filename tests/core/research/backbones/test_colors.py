"""The colors of a garment."""

import pytest
import torch
from torch import Tensor

from datrnet.core.research.backbones.colors import (
    BINS,
    COLOR_FEATURES,
    garment_histograms,
    lab,
)

RED = (1.0, -1.0, -1.0)
WHITE = (1.0, 1.0, 1.0)


def plain(color: tuple[float, float, float], side: int = 64) -> Tensor:
    return torch.tensor(color)[None, :, None, None].expand(1, 3, side, side).clone()


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        (RED, (53.24, 80.09, 67.20)),
        (WHITE, (100.0, 0.0, 0.0)),
        ((-1.0, -1.0, -1.0), (0.0, 0.0, 0.0)),
    ],
)
def test_lab_values_are_those_of_the_standard(
    color: tuple[float, float, float], expected: tuple[float, float, float]
) -> None:
    found = lab(plain(color, side=2))[0, :, 0, 0]
    torch.testing.assert_close(found, torch.tensor(expected), atol=0.1, rtol=0)


def test_the_first_histogram_counts_the_garment_and_not_its_background() -> None:
    picture = plain(WHITE)
    picture[:, :, 16:48, 16:48] = torch.tensor(RED)[None, :, None, None]
    found = garment_histograms(picture)
    assert found.shape == (1, COLOR_FEATURES)
    assert found[0, -1] == pytest.approx(0.25)
    garment = found[0, : BINS**3].view(BINS, BINS, BINS) ** 2
    assert garment.sum() == pytest.approx(1, abs=1e-4)
    # a and b of red are beyond the last bin, L lies between the fourth and the fifth
    assert garment[3:5, -1, -1].sum() == pytest.approx(1, abs=1e-4)
    center = found[0, BINS**3 : -1].view(BINS, BINS, BINS) ** 2
    assert center.sum() == pytest.approx(1, abs=1e-4)
    assert 0.25 < center[3:5, -1, -1].sum() < 0.9


def test_a_picture_without_a_garment_has_an_empty_first_histogram() -> None:
    found = garment_histograms(plain(WHITE, side=100))
    assert found[0, : BINS**3].sum() == 0
    assert found[0, -1] == 0
