"""`datrnet label suggest`: proposals are listed, accepted as one step, and never learned from."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import Result

import datrnet
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.retrieval.manifest import MANIFEST

Run = Callable[..., Result]

ALL = ("label", "suggest", "--min-confidence", 0)


def _listed(run: Run, root: Path, *words: object) -> list[dict[str, Any]]:
    done = run(root, *ALL, *words, "--json")
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def _label_of(workspace: Workspace, code: str, *, with_proposals: bool = True) -> str | None:
    with workspace.open_store() as store:
        catalog = Catalog.load(store, with_proposals=with_proposals)
    return catalog.labels_of(catalog.row_of_code(code))["colour"]


def test_the_gap_is_listed_and_nothing_changed(run: Run, ready: Path) -> None:
    (found,) = _listed(run, ready)
    assert (found["id"], found["super_category"], found["label"]) == ("item-11", "colour", None)
    assert 1 >= found["confidence"] >= found["second"] >= 0
    _, row = run(ready, *ALL).stdout.splitlines()
    assert row.split("\t")[0] == "item-11"
    assert run(ready, *ALL, "--super-category", "pattern").stdout.count("\n") == 1
    assert _label_of(Workspace(ready), "item-11") is None
    none = run(ready, "label", "suggest", "--min-confidence", 1)
    assert "There is no proposal" in none.stderr
    assert "1 further proposal without" in none.stderr


def test_accepted_proposals_are_one_step_that_undo_takes_back(run: Run, copied: Workspace) -> None:
    run(copied.root, "label", "set", "item-1", "item-2", "colour=")  # none applies
    shop = datrnet.open(copied.root)
    with copied.open_store() as store:
        store.set_label(4, "colour", None, "shop")
    (first, second) = _listed(run, copied.root)
    assert {first["id"], second["id"]} == {"item-11", "item-3"} or first["id"] != second["id"]
    done = run(copied.root, *ALL, "--apply")
    assert done.exit_code == 0, done.output
    assert "Accepted 2 proposals" in done.stderr
    shown = " ".join(run(copied.root, "label", "history", "-k", 2).stdout.split())
    assert shown.count("(model, ") == 2
    assert _label_of(copied, first["id"]) == first["value"]
    assert _label_of(copied, "item-1") is None
    assert "No label was changed" in run(copied.root, *ALL, "--apply").stderr
    assert run(copied.root, "label", "undo").stderr.count("no label again") == 2
    assert _label_of(copied, first["id"]) is None
    assert [it.id for it in shop.suggestions(min_confidence=0)] == [first["id"], second["id"]]
    assert len(json.loads(run(copied.root, *ALL, "--limit", 1, "--apply", "--json").stdout)) == 1


def test_nothing_is_learned_from_proposals_until_they_are_confirmed(
    run: Run, copied: Workspace
) -> None:
    shop = datrnet.open(copied.root)
    (made,) = shop.accept(shop.suggestions(min_confidence=0))
    assert (made.new_source, made.old_value) == ("model", None)
    assert _label_of(copied, made.code) == made.new_value
    assert _label_of(copied, made.code, with_proposals=False) is None
    assert shop.items[made.code].labels["colour"] == made.new_value  # it is shown and searched
    assert made.code in shop.search("item-1", where=f"colour={made.new_value}", k=48).ids
    assert not shop.index().is_new  # the prototypes do not know of it
    assert _listed(run, copied.root) == []
    (again,) = _listed(run, copied.root, "--accepted")
    assert (again["id"], again["label"]) == (made.code, made.new_value)
    assert shop.accept(shop.suggestions(min_confidence=0, accepted=True)) == []
    run(copied.root, "label", "set", made.code, f"colour={made.new_value}")
    assert _label_of(copied, made.code, with_proposals=False) == made.new_value
    assert datrnet.open(copied.root).index().is_new


def test_an_index_without_calibration_says_how_to_get_one(run: Run, copied: Workspace) -> None:
    (generation,) = copied.indexes.iterdir()
    manifest = json.loads((generation / MANIFEST).read_text("utf-8"))
    del manifest["match"]
    (generation / MANIFEST).write_text(json.dumps(manifest), "utf-8")
    done = run(copied.root, *ALL)
    assert done.exit_code == 1
    assert "not calibrated" in done.stderr
    assert "Run `datrnet index`" in " ".join(done.stderr.split())
    doubts = json.loads(run(copied.root, "review", "doubts", "--unlabeled", "--json").stdout)
    assert [(it["id"], it["confidence"]) for it in doubts] == [("item-11", None)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--min-confidence", 90), "A confidence of 90 is not a probability"),
        (("--super-category", "collar"), "No super-category is called 'collar'"),
        (("--chart", "reliability.pdf"), "is not a PNG file"),
        (("--limit", 0), "--limit"),
    ],
)
def test_a_mistake_is_told(run: Run, ready: Path, words: tuple[object, ...], said: str) -> None:
    done = run(ready, "label", "suggest", *words)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())


def test_the_reliability_is_drawn(run: Run, ready: Path, tmp_path: Path) -> None:
    target = tmp_path / "reliability.png"
    done = run(ready, "label", "suggest", "--chart", target)
    assert done.exit_code == 0, done.output
    assert str(target) in "".join(done.stderr.split())
    with Image.open(target) as picture:
        assert min(picture.size) > 300
    missing = run(ready, "label", "suggest", "--chart", tmp_path / "no" / "r.png")
    assert missing.exit_code != 0
    assert "no folder" in missing.stderr
