"""`datrnet index` over time: what it says, and what info, doctor and search know meanwhile."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import Result

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace

Run = Callable[..., Result]


@pytest.fixture
def extra(run: Run, copied: Workspace, shop: Path, tmp_path: Path) -> Path:
    """Return the pictures of two items that were imported after the index."""
    folder = tmp_path / "more"
    folder.mkdir()
    lines = [shop.read_text().splitlines()[0]]
    for name, color in (("new", "red"), ("newer", "blue")):
        Image.new("RGB", (24, 32), color).save(folder / f"{name}.png")
        lines.append(f"{name},{name}.png,New,train,{color.title()},plain")
    (folder / "more.csv").write_text("\n".join(lines))
    assert run(copied.root, "import", folder / "more.csv").exit_code == 0
    return folder


def info(run: Run, workspace: Workspace) -> dict[str, Any]:
    index: dict[str, Any] = json.loads(run(workspace.root, "info", "--json").stdout)["index"]
    return index


def doctor(run: Run, workspace: Workspace) -> dict[str, dict[str, str]]:
    facts = json.loads(run(workspace.root, "doctor", "--json").stdout)
    return {finding["about"]: finding for finding in facts["workspace"]}


def test_an_update_says_how_much_it_did(run: Run, copied: Workspace, extra: Path) -> None:
    assert info(run, copied)["num_unindexed"] == 2
    result = run(copied.root, "index")
    assert "Embedded 2 items, copied 48, kept Annoy's file; 2 beside it." in result.stderr
    state = info(run, copied)
    assert (state["num_unindexed"], state["num_exact"], state["outdated"]) == (0, 2, "")
    assert "ranked exactly beside Annoy" in run(copied.root, "info").stdout
    result = run(copied.root, "index")
    assert "The index was current: 50 items, nothing to do." in result.stderr
    facts = json.loads(run(copied.root, "index", "--rebuild", "--json").stdout)
    assert (facts["num_embedded"], facts["num_copied"], facts["num_exact"]) == (50, 0, 0)
    facts = json.loads(run(copied.root, "index", "--choose-weights", "--json").stdout)
    assert (facts["num_embedded"], facts["num_copied"]) == (0, 50)


def test_a_replaced_photo_is_told_where_it_is_shown(
    run: Run, copied: Workspace, extra: Path
) -> None:
    run(copied.root, "index")
    assert "picture" not in run(copied.root, "search", "new").stderr
    Image.new("RGB", (24, 32), "green").save(extra / "new.png")
    note = "1 item has a new picture. Run `datrnet index`."
    assert note in run(copied.root, "search", "new").stderr
    assert note in run(copied.root, "search", "newer", "-k", 49).stderr
    assert info(run, copied)["num_replaced"] == 1
    finding = doctor(run, copied)["index"]
    assert "1 item has a new picture." in finding["text"]
    assert finding["hint"] == "Run `datrnet index`."
    run(copied.root, "index")
    assert doctor(run, copied)["index"]["sign"] == "ok"


def test_nobody_advises_an_index_for_a_picture_that_cannot_be_read(
    run: Run, copied: Workspace, extra: Path
) -> None:
    (extra / "new.png").unlink()
    (extra / "newer.png").write_bytes(b"no picture")
    result = run(copied.root, "index")
    assert "unreadable pictures: new, newer. Restore or replace the file" in result.stderr
    said = run(copied.root, "search", "new")
    assert said.exit_code == 1
    assert "Item new is not in the index: The picture" in " ".join(said.stderr.split())
    assert "is missing" in said.stderr
    told = run(copied.root, "search", "item-1", "-k", 1)
    assert "2 items have no readable picture: new, newer. Restore" in told.stderr
    for output in (said.stderr, told.stderr):
        assert "Run `datrnet index`" not in output
    state = info(run, copied)
    assert (state["num_unindexed"], state["unreadable"]) == (0, ["new", "newer"])
    assert "2: new, newer" in run(copied.root, "info").stdout
    findings = doctor(run, copied)
    assert findings["index"]["sign"] == "ok"
    expected = "1 of 50 missing; first: new; 1 of 50 unreadable; first: newer"
    assert findings["pictures"]["text"] == expected
    Image.new("RGB", (24, 32), "red").save(extra / "new.png")
    assert "1 item is not indexed yet" in run(copied.root, "search", "item-1", "-k", 1).stderr


def test_a_removed_item_needs_no_index(run: Run, copied: Workspace, extra: Path) -> None:
    run(copied.root, "index")
    with copied.open_store() as store, store.writing() as db:
        db.execute("DELETE FROM items WHERE code = 'new'")
    result = run(copied.root, "search", "newer", "-k", 49, "--json")
    assert result.stderr == ""
    codes = [found["id"] for found in json.loads(result.stdout)["substitutes"]]
    assert len(codes) == 48
    assert "new" not in codes
    assert info(run, copied)["num_removed"] == 1
    assert run(copied.root, "evaluate", "--split", "all", "--changes", 1).exit_code == 0
    assert run(copied.root, "info", "--check").exit_code == 0


def test_a_label_that_moves_no_prototype_is_in_a_later_index_too(
    run: Run, copied: Workspace
) -> None:
    with copied.open_store() as store:
        catalog = Catalog.load(store)
    plain = catalog.value_idx(catalog.super_category_idx("pattern"), "plain")
    column = catalog.labels[:, catalog.super_category_idx("pattern")]
    row = int(np.flatnonzero((column == plain) & (catalog.splits == "test"))[0])
    code = catalog.codes[row]
    assert run(copied.root, "label", "set", code, "pattern=striped").exit_code == 0
    assert "1 label changed since" in run(copied.root, "review", "doubts").stderr
    time.sleep(1.1)  # times are of whole seconds
    assert "Embedded 0 items, copied 48" in run(copied.root, "index").stderr
    assert "changed since" not in run(copied.root, "review", "doubts").stderr
    assert "nothing to do" in run(copied.root, "index").stderr
