"""What has become of pictures since the import."""

import os
from pathlib import Path

import pytest
from PIL import Image

from datrnet.core.catalog import picture_states as module
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.picture_states import MISSING, THERE, UNREADABLE, picture_states
from datrnet.core.catalog.workspace import Workspace
from datrnet.db.rows import NewItem


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Five items, whose pictures the import has read."""
    workspace = Workspace(tmp_path)
    items = []
    for number in range(5):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (8, 8), (number * 40, 0, 0)).save(path)
        status = path.stat()
        items.append(
            NewItem(
                code=f"c{number}",
                title="",
                picture_path=path.name,
                split="",
                picture_bytes=status.st_size,
                picture_modified_ns=status.st_mtime_ns,
            )
        )
    with workspace.create_store() as store:
        store.upsert_items(items)
    return workspace


def _states(workspace: Workspace) -> list[int]:
    with workspace.open_store() as store:
        return picture_states(workspace, Catalog.load(store), store.picture_stamps()).tolist()


def test_what_is_gone_and_what_was_spoilt_since(workspace: Workspace) -> None:
    assert _states(workspace) == [THERE] * 5
    (workspace.root / "1.png").unlink()
    (workspace.root / "2.png").write_bytes(b"no picture")
    Image.new("RGB", (9, 9)).save(workspace.root / "3.png")  # another one, but a good one
    assert _states(workspace) == [THERE, MISSING, UNREADABLE, THERE, THERE]


def test_only_changed_files_are_read(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    original = module.read_picture
    monkeypatch.setattr(
        module,
        "read_picture",
        lambda picture, side: (read.append(picture.path.name), original(picture, side))[1],
    )
    os.utime(workspace.root / "4.png", ns=(1, 1))
    assert _states(workspace) == [THERE] * 5
    assert read == ["4.png"]


def test_it_stops_when_told_to(workspace: Workspace) -> None:
    (workspace.root / "0.png").unlink()
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        states = picture_states(workspace, catalog, store.picture_stamps(), lambda: False)
    assert states.tolist() == [THERE] * 5
