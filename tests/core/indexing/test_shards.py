"""Embedding by shards: what each does, how they become an index, and what happens if one dies."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from typer.testing import Result

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import Config, ModelConfig
from datrnet.core.errors import ConfigError, DataError
from datrnet.core.indexing import shard_job
from datrnet.core.indexing.embedder import Embedder
from datrnet.core.indexing.shards import EmbeddedShards, Shard
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.index_lag import item_content, item_stamp
from datrnet.db.rows import NewItem, SuperCategory

Run = Callable[..., Result]

HANG_SECONDS = 240


@given(num=st.integers(0, 50), count=st.integers(1, 9))
def test_every_item_is_in_one_shard(num: int, count: int) -> None:
    rows = np.arange(num) * 3
    shares = [Shard(number, count).rows(rows) for number in range(1, count + 1)]
    assert sorted(np.concatenate(shares).tolist()) == rows.tolist()
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("text", ["3", "0/4", "5/4", "1/0", "-1/2", "a/b", ""])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is not a shard\. Write its number.*--shard 1/4"):
        Shard.parse(text)


def current(workspace: Workspace) -> Generation:
    with workspace.open_store() as store:
        return Generation.current(workspace, store)


def told(result: Result, code: int = 0) -> str:
    assert result.exit_code == code, result.output
    return " ".join(result.stderr.split())


def test_shards_make_the_index_that_one_process_makes(
    run: Run, copied: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = current(copied)
    root = copied.root
    said = told(run(root, "index", "--rebuild", "--shard", "1/3"))
    assert "Embedded 16 items of 16 in shard 1/3; the index is as it was." in said
    told(run(root, "index", "--rebuild", "--shard", "3/3"))
    assert "nothing to do" in told(run(root, "index"))  # and the shards are still there
    said = told(run(root, "index", "--rebuild"), 1)
    assert "Shard 2 of 3 is not finished; the index is as it was." in said
    assert "Run `datrnet index --shard 2/3`, which goes on where it stopped, or" in said
    assert current(copied).folder == before.folder
    facts = json.loads(run(root, "index", "--rebuild", "--shard", "2/3", "--json").stdout)
    assert (facts["shard"], facts["num_items"], facts["num_embedded"]) == ("2/3", 16, 16)
    assert "Embedded 0 items of 16" in told(run(root, "index", "--rebuild", "--shard", "2/3"))
    with monkeypatch.context() as patched:
        patched.delattr(Embedder, "embed")
        said = told(run(root, "index", "--rebuild"))
    assert "Embedded 0 items, 48 by shards, copied 0" in said
    after = current(copied)
    assert after.folder != before.folder
    np.testing.assert_allclose(after.embeddings, before.embeddings, atol=1e-5)
    np.testing.assert_array_equal(after.item_ids, before.item_ids)
    assert not any(copied.shards.iterdir())
    said = told(run(root, "index", "--shard", "1/2", "--engine", "exact"), 2)
    assert "Give --engine, --uri and --choose-weights to the `datrnet index` after it." in said


def test_a_shard_goes_on_where_it_died_and_reads_new_pictures_again(
    run: Run, copied: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard_job, "PART", 10)
    embed, root, calls = Embedder.embed, copied.root, list[int]()

    def counted(embedder: Embedder, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        calls.append(len(pixels))
        if len(calls) == 3:
            raise DataError("The power failed.")
        return embed(embedder, pixels)

    monkeypatch.setattr(Embedder, "embed", counted)
    assert "The power failed." in told(run(root, "index", "--rebuild", "--shard", "1/1"), 1)
    assert "Shard 1 of 1 is not finished" in told(run(root, "index", "--rebuild"), 1)
    first, second = sorted((copied.shards / current(copied).manifest.run_name).glob("*.npz"))
    second.write_bytes(first.read_bytes()[:1000])
    said = told(run(root, "index", "--rebuild", "--shard", "1/1"))
    assert "Embedded 38 items of 48 in shard 1/1" in said
    assert "48 by shards" in told(run(root, "index", "--rebuild"))


def test_what_fits_the_catalog_is_taken_from_the_parts(tmp_path: Path) -> None:
    config = Config(model=ModelConfig(embedding_size=3))
    categories = tuple(SuperCategory(name=name, values=("a", "b")) for name in ("color", "size"))
    run = RunFolder(path=tmp_path, config=config, super_categories=categories)
    place = Workspace(tmp_path)
    with place.create_store() as store:
        for number in range(5):
            (tmp_path / f"{number}.png").write_bytes(bytes([number]))
        items = [
            NewItem(
                code=f"P{number}", title="", picture_path=f"{number}.png", split="train", labels={}
            )
            for number in range(5)
        ]
        store.upsert_items(items)
        catalog = Catalog.load(store)
    ids = catalog.item_ids
    stamps = np.array(
        [(item_stamp(place, catalog, row), item_content(place, catalog, row)) for row in range(5)]
    )
    values = np.arange(6, dtype=np.float32)[:, None, None] * np.ones((2, 3), dtype=np.float32)
    shards = EmbeddedShards(tmp_path / "shards", run)
    # item 2 cannot be read; one is no longer in the catalog
    even, odd = [0, 2, 4], [1, 3]
    taken = np.array([0, 2])
    shards.write(Shard(1, 2), ids[even], stamps[even], taken, values[[0, 4]], "float32")
    others = np.append(ids[odd], 999)
    marks = np.append(stamps[odd], [(7, 7)], axis=0)
    shards.write(Shard(2, 2), others, marks, np.arange(3), values[[1, 3, 5]], "float32")
    assert shards.precision_of("auto") == "float32"
    # item 4 has a new picture since; that of item 1 was copied, so it has another time
    (tmp_path / "4.png").write_bytes(b"another")
    os.utime(tmp_path / "1.png", (1, 1))
    found = shards.read(place, catalog, np.array([0, 1, 2, 4]), "float32")
    assert (found.seen.tolist(), found.rows.tolist()) == ([0, 1, 2], [0, 1])
    assert found.contents.tolist() == stamps[:3, 1].tolist()
    rows, embeddings = found.with_others(np.array([4]), values[[5]])
    assert rows.tolist() == [0, 1, 4]
    np.testing.assert_array_equal(embeddings, values[[0, 1, 5]])
    # another precision, or other super-categories, are other embeddings
    assert not len(shards.read(place, catalog, np.arange(5), "bfloat16").seen)
    other = EmbeddedShards(tmp_path / "shards", replace(run, super_categories=categories[:1]))
    assert not len(other.read(place, catalog, np.arange(5), "float32").seen)


PROCESS = """
import os, signal, sys
from datrnet.cli import main
from datrnet.core.indexing.embedder import Embedder

def dies(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv.pop(1) == os.environ["RANK"]:
    Embedder.embed = dies
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("dying", [None, 1])
def test_two_processes_of_torchrun_make_an_index(
    copied: Workspace, tmp_path: Path, dying: int | None
) -> None:
    before, script = current(copied), tmp_path / "process.py"
    script.write_text(PROCESS)
    words = [str(dying), "index", "--rebuild", "--workspace", str(copied.root)]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*torchrun, "--nproc-per-node", "2", str(script), *words],
        check=False,
        timeout=HANG_SECONDS,
        capture_output=True,
        text=True,
    )
    said, after = " ".join(done.stderr.split()), current(copied)
    print(done.stderr)
    if dying is None:
        assert done.returncode == 0, done.stderr
        assert said.count("Embedded 0 items, 48 by shards, copied 0") == 1
        np.testing.assert_allclose(after.embeddings, before.embeddings, atol=1e-5)
    else:
        assert done.returncode != 0
        assert "of 2 ended before it had embedded its share; the index is as it was." in said
        assert after.folder == before.folder
