"""Pictures are taken from where they lie: an array, a tensor, a GPU that has room for them."""

import numpy as np
import pytest
import torch

from datrnet.core.config import ModelConfig
from datrnet.core.models.datrnet import DAtRNet
from datrnet.core.models.embedding import embed, to_device_if_fits

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)


def test_a_tensor_is_embedded_as_an_array_is() -> None:
    network = DAtRNet(ModelConfig(image_size=16, filters=4, num_ase=1, embedding_size=8))
    of_array, of_tensor = embed(network, PIXELS), embed(network, torch.from_numpy(PIXELS))
    assert of_array.shape == (5, 8)
    np.testing.assert_array_equal(of_array, of_tensor)


def test_without_a_gpu_pixels_stay_where_they_are() -> None:
    assert to_device_if_fits(torch.device("cpu"), PIXELS).data_ptr() == PIXELS.ctypes.data


@pytest.mark.parametrize("room", [4 * PIXELS.nbytes, 4 * PIXELS.nbytes - 4])
def test_a_gpu_takes_the_pixels_it_has_room_for(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    moved: list[torch.device] = []

    def to(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
        moved.append(device)
        return tensor

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (room, 10 * room))
    monkeypatch.setattr(torch.Tensor, "to", to)
    to_device_if_fits(torch.device("cuda"), PIXELS)
    assert moved == ([torch.device("cuda")] if room == 4 * PIXELS.nbytes else [])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_embeds_as_the_cpu_does() -> None:
    network = DAtRNet(ModelConfig(image_size=16, filters=4, num_ase=1, embedding_size=8))
    here = embed(network, PIXELS)
    device = torch.device("cuda")
    there = embed(network.to(device), to_device_if_fits(device, PIXELS))
    np.testing.assert_allclose(here, there, atol=5e-3)
