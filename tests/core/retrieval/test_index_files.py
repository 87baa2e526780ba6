"""The files of an index: complete, undamaged, and only the last two of them."""

from pathlib import Path

import pytest

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import IndexConfig
from datrnet.core.errors import IndexStaleError
from datrnet.core.indexing.generation_writer import write_generation
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.index_lag import IndexLag
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import NewItem
from tests.core.retrieval.conftest import embedded


def test_an_item_imported_after_the_index_says_so(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        store.upsert_items([NewItem(code="new", title="", picture_path="x", split="test")])
        late = Searcher(Catalog.load(store), Generation.current(workspace, store))
        lag = IndexLag.of(workspace, late.catalog, late.generation)
    assert (len(lag.new), lag.outdated) == (1, "1 item is not indexed yet.")
    with pytest.raises(IndexStaleError, match="not in the index yet"):
        late.query_of_item(late.catalog.row_of_code("new"))


def test_no_index_says_what_to_run(tmp_path: Path) -> None:
    with Workspace(tmp_path).create_store() as store, pytest.raises(IndexStaleError, match="train"):
        Generation.current(Workspace(tmp_path), store)


@pytest.mark.parametrize("name", ["embeddings.npy", "index.ann", "manipulation.npz"])
def test_a_file_cut_in_half_is_found_out(workspace: Workspace, name: str) -> None:
    with workspace.open_store() as store:
        path = Generation.current(workspace, store).folder / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(IndexStaleError, match=f"{name} has .* bytes; .*datrnet index"):
            Generation.current(workspace, store)


def test_a_header_of_nonsense_is_found_out(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        path = Generation.current(workspace, store).folder / "item_ids.npy"
        path.write_bytes(b"?" * path.stat().st_size)
        with pytest.raises(IndexStaleError, match="damaged"):
            Generation.current(workspace, store)


def test_changed_bytes_are_found_by_the_checksum(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        generation = Generation.current(workspace, store)
    assert generation.damaged_files() == []
    path = generation.folder / "index.ann"
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    assert generation.damaged_files() == ["index.ann"]


def test_a_generation_is_whole_or_not_there(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        before = Generation.current(workspace, store).folder
        monkeypatch.setattr("datrnet.core.indexing.engine_choice.build_annoy", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_generation(workspace, store, embedded(catalog), IndexConfig(trees=2))
        assert Generation.current(workspace, store).folder == before
        assert [path.name for path in workspace.indexes.iterdir()] == [before.name]


def interrupt(*_args: object, **_options: object) -> None:
    raise KeyboardInterrupt


def test_only_two_generations_are_kept(workspace: Workspace) -> None:
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        for _ in range(3):
            manifest = write_generation(workspace, store, embedded(catalog), IndexConfig(trees=2))
        assert Generation.current(workspace, store).manifest.name == manifest.name
        published = [row.name for row in store.generations()]
    assert {path.name for path in workspace.indexes.iterdir()} == set(published[-2:])
