"""Where the workspace lies, and opening its database."""

from pathlib import Path

import pytest
from platformdirs import user_data_dir

from datrnet.core.catalog.pictures import Box, Picture
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DatabaseError


def test_the_folder_given_goes_before_the_environment_and_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATRNET_WORKSPACE", str(tmp_path / "environment"))
    assert Workspace.locate(tmp_path / "given").root == tmp_path / "given"
    assert Workspace.locate(None).root == tmp_path / "environment"
    monkeypatch.delenv("DATRNET_WORKSPACE")
    assert Workspace.locate().root == Path(user_data_dir("datrnet", appauthor=False))


def test_a_relative_folder_becomes_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Workspace.locate(Path("here")).root == tmp_path / "here"


def test_opening_a_workspace_without_a_catalog_says_what_to_do(workspace: Workspace) -> None:
    with pytest.raises(DatabaseError) as caught:
        workspace.open_store()
    assert caught.value.hint == "Run `datrnet import CATALOG` or `datrnet demo` first."
    assert not workspace.root.exists()


def test_a_created_store_can_be_opened(workspace: Workspace) -> None:
    workspace.create_store().close()
    with workspace.open_store() as store:
        assert not len(store.item_columns().ids)


def test_stored_pictures_are_relative_to_the_workspace_or_absolute(workspace: Workspace) -> None:
    assert workspace.picture("demo/1.png") == Picture(workspace.root / "demo" / "1.png")
    assert workspace.picture("/elsewhere/1.png").path == Path("/elsewhere/1.png")
    assert workspace.picture("1.png#xywh=1,2,3,4").box == Box(1, 2, 3, 4)
