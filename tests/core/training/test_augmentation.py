"""Random changes of training images are the same wherever the images lie."""

import pytest
import torch

from datrnet.core.config import TrainConfig
from datrnet.core.training.data import augment

CHANGES = TrainConfig(flip=True, shift=0.2, zoom=0.2, light=0.2)


def test_without_changes_images_stay_as_they_are() -> None:
    images = torch.rand(4, 3, 9, 9) * 2 - 1
    nothing = TrainConfig(flip=False, shift=0.0)
    torch.testing.assert_close(augment(images, nothing, torch.Generator()), images)


def test_what_moves_in_is_white() -> None:
    black = torch.full((8, 3, 20, 20), -1.0)
    config = TrainConfig(shift=0.5, flip=False)
    moved = augment(black, config, torch.Generator().manual_seed(1))
    assert moved.amax() == pytest.approx(1)
    assert moved.amin() == pytest.approx(-1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_draws_the_same_changes() -> None:
    images = torch.rand(6, 3, 16, 16) * 2 - 1
    here = augment(images, CHANGES, torch.Generator().manual_seed(3))
    there = augment(images.cuda(), CHANGES, torch.Generator().manual_seed(3))
    torch.testing.assert_close(here, there.cpu(), atol=1e-4, rtol=0)
