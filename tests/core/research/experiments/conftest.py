"""The setting of an experiment in the small shop."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.research.experiments.context import Context


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    # two threads that wait for each other on a busy machine are far slower than one
    torch.set_num_threads(1)


@pytest.fixture
def context(ready: Path, tmp_path: Path) -> Iterator[Context]:
    """The ready workspace and its test split: 12 items, each of 6 label vectors twice."""
    workspace = Workspace(ready)
    with workspace.open_store() as store:
        yield Context(
            workspace=workspace, store=store, catalog=Catalog.load(store), folder=tmp_path
        )
