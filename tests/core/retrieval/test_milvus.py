"""Milvus: one inner product for all weights, filters, updates; with Milvus Lite where it is there.

Without the extra ``scale`` the engine is asked through a stand-in for its server, a table of
vectors; `make test-scale` runs all of them.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from typer.testing import Result

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, IndexStaleError
from datrnet.core.retrieval import search
from datrnet.core.retrieval.engines import milvus, milvus_server
from datrnet.core.retrieval.engines.engine import IndexedItems
from datrnet.core.retrieval.engines.milvus import MilvusEngine, item_vectors, query_vector
from datrnet.core.retrieval.engines.milvus_server import ADDRESS, Collection, Server, checked_uri
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import Floats, Replacement

Run = Callable[..., Result]

needs_milvus = pytest.mark.skipif(
    find_spec("pymilvus") is None or find_spec("milvus_lite") is None,
    reason='needs Milvus Lite: pip install "datrnet[scale]", or make test-scale',
)


def made_items(num: int, num_blocks: int = 4, seed: int = 0) -> IndexedItems:
    rng = np.random.default_rng(seed)
    blocks = rng.standard_normal((num, num_blocks, 8)).astype(np.float32)
    return IndexedItems(blocks, Replacement((blocks[:1, 0],)), unit_blocks=False)


@settings(max_examples=50)
@given(
    num_blocks=st.integers(1, 6),
    lengths=st.sampled_from([(1.0, 1.0), (0.2, 5.0)]),
    seed=st.integers(0, 10**6),
)
def test_one_inner_product_is_the_distance_for_all_weights(
    num_blocks: int, lengths: tuple[float, float], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    blocks = rng.standard_normal((20, num_blocks, 16))
    blocks /= np.linalg.norm(blocks, axis=2, keepdims=True)
    blocks *= rng.uniform(*lengths, (20, num_blocks, 1))
    query, weights = blocks[0], rng.uniform(0, 4, num_blocks)
    distances = (weights * ((blocks - query) ** 2).sum(axis=2)).sum(axis=1)
    constant = (weights * (query**2).sum(axis=1)).sum()
    vectors = item_vectors(blocks.astype(np.float32))
    product = vectors @ query_vector(query.astype(np.float32), weights.astype(np.float32))
    size = max(1.0, constant + (weights * (blocks**2).sum(axis=2)).sum(axis=1).max())
    np.testing.assert_allclose(constant - product, distances, atol=2e-6 * size)


class Table:
    """Stands in for a server: its items, and the conditions that it was asked with."""

    def __init__(self, items: IndexedItems, ids: NDArray[np.int64], scalars: Any) -> None:
        self._vectors = item_vectors(items.embeddings)
        self._columns = {"id": ids, "split": scalars[:, 0], "value_of_1": scalars[:, 1]}
        self._ids, self.asked = ids, list[tuple[int, str]]()

    def search(
        self, vectors: Sequence[Floats], limit: int, effort: int, condition: str
    ) -> list[NDArray[np.int64]]:
        self.asked.append((limit, condition))
        passes = np.ones(len(self._ids), dtype=bool)
        for part in filter(None, condition.split(" and ")):
            name, _, listed = part.partition(" in ")
            passes &= np.isin(self._columns[name], json.loads(listed))
        places = np.flatnonzero(passes)
        products = [self._vectors[places] @ vector for vector in vectors]
        return [self._ids[places[np.argsort(-each)[:limit]]] for each in products]


@pytest.mark.parametrize("what", ["all", "half", "like it", "unlike it", "relabeled", "scattered"])
def test_a_filter_loses_no_answer_and_asks_for_few(
    monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(milvus, "FEW_ALLOWED", 20)
    monkeypatch.setattr(milvus, "MOST_CANDIDATES", 200)
    items, rng = made_items(2000), np.random.default_rng(1)
    blocks = items.embeddings
    colors = (blocks[:, 0, 0] > 0).astype(np.int16) * 3  # 0 or 3, which the first block tells
    scalars = np.column_stack([np.zeros(2000, np.int16), colors])
    table = Table(items, np.arange(2000) * 5, scalars)
    engine = MilvusEngine(table, np.arange(2000) * 5, scalars, np.arange(2000), nodes=64)
    query = blocks[0].copy()
    query[0, 0] = 9  # far on the side of color 3
    allowed = {
        "all": np.ones(2000, bool),
        "half": rng.random(2000) < 0.5,
        "like it": colors == 3,
        "unlike it": colors == 0,
        "relabeled": (colors == 0) | np.isin(np.arange(2000), np.flatnonzero(colors)[:7]),
        "scattered": (colors == 0) & (rng.random(2000) < 0.03),
    }[what]
    weights = np.array([3, 1, 0, 2], dtype=np.float32)
    found = engine.candidates(query, weights, 10, allowed)
    assert found is not None
    assert allowed[found].all()
    expected, _ = items.nearest(query, weights, 10, np.flatnonzero(allowed))
    near, _ = items.nearest(query, weights, 10, found)
    assert near.tolist() == expected.tolist()
    limits, conditions = zip(*table.asked, strict=True)
    assert max(limits) <= 200
    by_color = "value_of_1 in [0]"
    last = {"unlike it": by_color, "relabeled": by_color}.get(what, "")
    assert conditions[-1] == last or (what == "scattered" and "in [" in conditions[-1])


def test_a_server_that_finds_too_few_with_a_condition_is_not_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(milvus, "FEW_ALLOWED", 20)
    items, ids = made_items(400), np.arange(400)
    scalars = np.column_stack([ids < 40, ids < 40]).astype(np.int16)
    table = Table(items, ids, scalars)
    every = table.search
    monkeypatch.setattr(
        table, "search", lambda *asked: [found[: 3 if asked[3] else 15] for found in every(*asked)]
    )
    engine = MilvusEngine(table, ids, scalars, ids, nodes=64)  # type: ignore[arg-type]
    assert engine.candidates(items.embeddings[399], np.ones(4), 10, ids < 40) is None
    assert [condition.partition(" ")[0] for _, condition in table.asked] == ["", "split", "id"]


def test_few_allowed_items_are_left_to_the_exact_engine() -> None:
    items = made_items(100)
    scalars = np.zeros((100, 1), dtype=np.int16)
    engine = MilvusEngine(None, np.arange(100), scalars, np.arange(100), nodes=64)  # type: ignore[arg-type]
    assert engine.candidates(items.embeddings[0], np.ones(4), 5, np.ones(100, bool)) is None


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        (None, "needs an address. Give a server, as in --uri http://localhost:19530, or a file"),
        ("localhost:19530", "'localhost:19530' is not an address of Milvus. Give a server, as in"),
        ("http://me:secret@host:19530", "Leave it out, and set DATRNET_MILVUS_TOKEN"),
        ("missing/milvus.db", "There is no folder .*missing. Make it, or give another file"),
    ],
)
def test_a_malformed_address_is_refused(uri: str | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        checked_uri(uri, None, tmp_path)
    assert "secret" not in str(caught.value)


def test_without_the_client_the_extra_is_named(
    run: Run, copied: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    result = run(copied.root, "index", "--engine", "milvus", "--uri", "http://localhost:1")
    assert result.exit_code == 1
    told = " ".join(result.stderr.split())
    assert (
        'needs pymilvus, which is not installed. Install it with: pip install "datrnet[sc' in told
    )
    result = run(copied.root, "index", "--uri", "http://localhost:1")
    assert "Only the engine milvus has an address. Add --engine milvus." in result.stderr


def test_an_error_of_grpc_is_told_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    class RpcError(Exception):
        def details(self) -> str:
            return "auth check failure"

    RpcError.__module__ = "grpc._channel"
    client = Mock()
    client.has_collection.side_effect = RpcError("<RPC that terminated with:\n\tstatus = 16>")
    monkeypatch.setattr(milvus_server, "_client", lambda *_: client)
    with pytest.raises(IndexStaleError, match=r"failed at http://host: auth check failure\. Start"):
        Server("http://host", "items").dimension()


@pytest.fixture
def stored(run: Run, copied: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Return a workspace whose index is in a file of Milvus Lite, which searches then ask."""
    monkeypatch.setattr(milvus, "FEW_ALLOWED", 0)
    monkeypatch.setattr(search, "EXACT_BELOW", 0)
    result = run(copied.root, "index", "--engine", "milvus", "--uri", copied.root / "milvus.db")
    assert result.exit_code == 0, result.output
    assert "Embedded 0 items, copied 48, built Milvus' collection." in result.stderr
    yield copied
    close(copied.root / "milvus.db")


def close(path: Path) -> None:
    from milvus_lite.server_manager import server_manager_instance

    milvus_server._client(str(path), "").close()
    milvus_server._client.cache_clear()
    server_manager_instance.release_server(str(path))


def collections(workspace: Workspace) -> list[str]:
    client = milvus_server._client(str(workspace.root / "milvus.db"), "")
    names: list[str] = client.list_collections()
    return names


def answers(run: Run, workspace: Workspace, *more: str) -> list[str]:
    words = ("search", "item-1", "--set", "colour=Black", "-k", 8, "--json", *more)
    result = run(workspace.root, *words)
    assert result.exit_code == 0, result.output
    return [found["id"] for found in json.loads(result.stdout)["substitutes"]]


@needs_milvus
def test_answers_are_those_of_every_engine(run: Run, stored: Workspace, tmp_path: Path) -> None:
    exact = Workspace(shutil.copytree(stored.root, tmp_path / "exact"))
    assert run(exact.root, "index", "--engine", "exact").exit_code == 0
    for more in (
        (),
        ("--where", "pattern=striped"),
        ("--where", "colour=Red"),
        ("--split", "train"),
    ):
        assert answers(run, stored, *more) == answers(run, exact, *more)
    with stored.open_store() as store:
        generation = Generation.current(stored, store)
    assert isinstance(generation.engine, MilvusEngine)
    assert generation.manifest.recall_at_30 == 1
    for place, found in enumerate(generation.neighbors(np.arange(3), 5, 0)):  # of equal pictures
        np.testing.assert_allclose(generation.embeddings[found[0]], generation.embeddings[place])
    # a copy knows where the collection is, but leaves it alone: it is not the one that made it
    assert run(exact.root, "index", "--engine", "blocks").exit_code == 0
    assert len(collections(stored)) == 1


@needs_milvus
def test_an_update_sends_what_is_new_and_deletes_what_is_gone(
    run: Run, stored: Workspace, shop: Path
) -> None:
    (name,) = collections(stored)
    asked = milvus_server._client(str(stored.root / "milvus.db"), "")
    assert run(stored.root, "remove", "item-2").exit_code == 0
    assert run(stored.root, "label", "set", "item-11", "colour=Red").exit_code == 0
    result = run(stored.root, "index")
    assert "copied 47, kept Milvus' collection" in result.stderr
    with stored.open_store() as store:
        ids = Generation.current(stored, store).item_ids
    held = asked.query(name, filter="id >= 0", output_fields=["id", "value_of_1"])
    assert sorted(row["id"] for row in held) == ids.tolist()
    colors = {row["id"]: row["value_of_1"] for row in held}
    assert colors[12] == colors[5], "item-11 is Red now, as item-4 is"
    # undone, it is new again
    assert run(stored.root, "undo").exit_code == 0
    assert "item-2" not in answers(run, stored)
    assert "Embedded 1 item, copied 47" in run(stored.root, "index").stderr
    assert collections(stored) == [name]
    # another engine, twice: the collection goes with the last index that has it
    for engine in ("exact", "blocks"):
        assert run(stored.root, "index", "--engine", engine).exit_code == 0
    assert collections(stored) == []


@needs_milvus
def test_what_is_wrong_with_a_server_is_one_line(
    run: Run, stored: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(*words: object) -> str:
        result = run(stored.root, *words)
        assert result.exit_code == 1
        (line,) = " ".join(result.stderr.split()).split("error: ")[-1:]
        return line

    before = Generation.current(stored, stored.open_store()).folder
    dead = told("index", "--engine", "milvus", "--uri", "http://127.0.0.1:9")
    assert "Milvus does not answer at http://127.0.0.1:9: " in dead
    assert "Start it, give another address with --uri, or run `datrnet index --eng" in dead
    assert Generation.current(stored, stored.open_store()).folder == before
    address = before / ADDRESS
    place = Collection.of(before)
    text = address.read_text()
    name = place.name[:-1] + ("0" if place.name[-1] != "0" else "1")
    address.write_text(text.replace(place.name, name))
    assert "is gone. Run `datrnet index --rebuild`." in told("search", "item-1")
    client = milvus_server._client(str(stored.root / "milvus.db"), "")
    client.create_collection(name, dimension=7)
    assert "has vectors of 7 numbers, not 18. Run" in told("search", "item-1")
    address.write_text(text)
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "pymilvus", None)
        milvus_server._client.cache_clear()
        assert 'pip install "datrnet[scale]"' in told("search", "item-1")
    close(stored.root / "milvus.db")
    client = milvus_server._client(str(stored.root / "milvus.db"), "")


@needs_milvus
def test_an_interrupted_build_leaves_no_collection(
    run: Run, stored: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = collections(stored)

    def fails(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(milvus_server.Server, "flush", fails)
    run(stored.root, "index", "--rebuild")
    assert collections(stored) == before
