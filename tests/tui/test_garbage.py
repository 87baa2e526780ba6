"""The search for garbage waits for the first page, and no longer."""

import gc

import pytest

from datrnet.core.catalog.workspace import Workspace
from datrnet.tui.launch import paused_gc, resume_gc
from tests.tui.conftest import RunExplorer


def test_it_is_put_off_until_it_is_called_for_or_the_end() -> None:
    with paused_gc():
        assert not gc.isenabled()
        frozen = gc.get_freeze_count()  # the tests' own: with it, garbage is sought faster
        resume_gc()
        assert gc.isenabled()
        assert gc.get_freeze_count() > frozen
    with pytest.raises(KeyError), paused_gc():
        raise KeyError
    assert gc.isenabled()


def test_where_it_was_not_put_off_nothing_is_kept() -> None:
    frozen = gc.get_freeze_count()
    resume_gc()
    assert gc.get_freeze_count() == frozen


async def test_the_explorer_calls_for_it(workspace: Workspace, run_explorer: RunExplorer) -> None:
    with paused_gc():
        async with run_explorer(workspace) as explorer:
            await explorer.rest(0.5)
            assert gc.isenabled()
