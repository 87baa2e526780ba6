"""A fresh store, and items to put in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datrnet.db.rows import NewItem
from datrnet.db.store import Store

MakeItem = Callable[..., NewItem]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "catalog.db") as fresh:
        yield fresh


@pytest.fixture
def make_item() -> MakeItem:
    def make(code: str, title: str = "", split: str = "train", **labels: str | None) -> NewItem:
        return NewItem(
            code=code, title=title, picture_path=f"{code}.png", split=split, labels=labels
        )

    return make
