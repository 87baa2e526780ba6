"""Commands are run in this process, on one thread."""

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # two threads that wait for each other on a busy machine are far slower than one
    torch.set_num_threads(1)
