"""`datrnet remove`, `unhide`, `history`, `undo`, `attribute` and `prune`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from datrnet.core.catalog.workspace import Workspace
from datrnet.db.rows import NewItem

Run = Callable[..., Result]


def done(result: Result) -> Result:
    assert result.exit_code == 0, result.output
    return result


def rows(result: Result) -> list[list[str]]:
    return [line.split("\t") for line in done(result).stdout.splitlines()]


def test_items_go_are_hidden_and_come_back(run: Run, copied: Workspace, shop: Path) -> None:
    root = copied.root
    gone = done(run(root, "remove", "item-1", "item-2"))
    assert "Removed item-1, item-2 (step 2). To undo: datrnet undo" in gone.stderr
    hidden = done(run(root, "remove", "--where", "colour=Red", "--hide", "--json"))
    facts = json.loads(hidden.stdout)
    assert facts["num_items"] > 0
    assert facts["step"] == 3
    assert (
        "no such item that is shown"
        in run(root, "remove", "item-3", "--where", "colour=Red", "--hide").stderr
    )
    found = json.loads(done(run(root, "search", "item-5", "-k", 100, "--json")).stdout)
    labels = {it["labels"]["colour"] for it in found["substitutes"]}
    assert "Red" not in labels
    assert not {"item-1", "item-2"} & {it["id"] for it in found["substitutes"]}
    back = done(run(root, "unhide", "--all"))
    assert f"Showed {facts['num_items']} items (step 4)" in back.stderr
    for _ in range(3):
        done(run(root, "undo"))
    again = json.loads(done(run(root, "import", shop, "--json")).stdout)
    assert (again["added"], again["updated"], again["unchanged"]) == (0, 0, 48)
    header, *steps = rows(run(root, "history"))
    assert header == ["step", "at", "action", "what", "state"]
    assert [(step[0], step[2], step[4]) for step in steps] == [
        ("4", "unhide", "undone"),
        ("3", "hide", "undone"),
        ("2", "remove", "undone"),
        ("1", "import", ""),
    ]
    assert steps[2][3] == "item-1, item-2"


def test_nothing_named_is_refused(run: Run, copied: Workspace) -> None:
    for command, hint in (("remove", "--where"), ("unhide", "--all")):
        refused = run(copied.root, command)
        assert refused.exit_code == 2
        assert hint in refused.stderr
    assert run(copied.root, "remove", "item-x").exit_code == 2
    assert run(copied.root, "remove", "item-1", "item-x").exit_code == 2
    assert "item-x" in run(copied.root, "unhide", "item-x").stderr
    assert len(rows(run(copied.root, "history"))) == 2


def test_undo_says_what_it_undid(run: Run, copied: Workspace) -> None:
    done(run(copied.root, "label", "set", "item-1", "colour=Red"))
    refused = run(copied.root, "undo")
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    undone = done(run(copied.root, "undo", "--yes"))
    assert "Undid step 1: import" in undone.stderr
    assert "datrnet index" in undone.stderr
    assert "nothing to undo" in done(run(copied.root, "undo")).stderr
    assert json.loads(done(run(copied.root, "undo", "--json")).stdout)["undone"] is None
    assert run(copied.root, "undo", 7).exit_code == 2
    for command in (("info",), ("doctor",), ("history",), ("attribute", "list")):
        assert "Traceback" not in run(copied.root, *command).output


def test_names_are_changed_and_listed(run: Run, copied: Workspace, shop: Path) -> None:
    root = copied.root
    renamed = done(run(root, "attribute", "rename", "colour=red", "crimson"))
    assert "Renamed colour=Red to crimson (step 2)" in renamed.stderr
    done(run(root, "attribute", "rename", "colour", "color"))
    merged = done(run(root, "attribute", "merge", "color", "blue", "black", "--into", "dark"))
    assert "Merged blue, black into dark" in merged.stderr
    assert "datrnet index" in merged.stderr
    header, *listed = rows(run(root, "attribute", "list"))
    assert header == ["super-category", "values", "labeled", "in files also"]
    assert [row[:2] + row[3:] for row in listed] == [
        ["color", "2", "colour"],
        ["pattern", "2", ""],
    ]
    _, *values = rows(run(root, "attribute", "list", "COLOUR"))
    assert [(row[0], row[2]) for row in values] == [("crimson", "Red"), ("dark", "Black, Blue")]
    again = json.loads(done(run(root, "import", shop, "--json")).stdout)
    assert (again["added"], again["updated"], again["unchanged"]) == (0, 0, 48)
    done(run(root, "search", "item-5", "--set", "color=crimson"))
    done(run(root, "search", "item-5", "--set", "colour=red"))
    forgotten = done(run(root, "attribute", "forget", "color=Red"))
    assert "as files have it (step 5)" in forgotten.stderr
    for _ in range(4):
        done(run(root, "undo"))
    assert [row[0] for row in rows(run(root, "attribute", "list"))[1:]] == ["colour", "pattern"]


def test_a_dropped_super_category_is_left_out_everywhere(
    run: Run, copied: Workspace, shop: Path
) -> None:
    root = copied.root

    def found() -> tuple[dict[str, float], list[str]]:
        answer = json.loads(done(run(root, "search", "item-5", "--json")).stdout)["substitutes"]
        return answer[0]["distance_squared_by_super_category"], [it["id"] for it in answer]

    assert found()[0].keys() == {"colour", "pattern"}
    dropped = done(run(root, "attribute", "drop", "pattern", "colour=Red"))
    assert "Dropped pattern (step 2)" in dropped.stderr
    assert "Dropped colour=Red (step 3)" in dropped.stderr
    assert "Searches go on without it" in dropped.stderr
    parts, ids = found()
    assert parts.keys() == {"colour"}
    for command in (("evaluate",), ("review", "doubts"), ("attribute", "list", "colour")):
        assert "pattern" not in done(run(root, *command)).stdout, command
    assert "'pattern'" in run(root, "search", "item-5", "--set", "pattern=x").stderr
    assert "Red" in run(root, "search", "item-5", "--set", "colour=Red").stderr
    index = json.loads(done(run(root, "index", "--json")).stdout)
    assert (index["num_embedded"], index["num_copied"]) == (0, 48)
    assert index["weights"].keys() == {"colour"}
    assert found() == (parts, ids)
    picture = shop.parent / "images" / "5.png"
    done(run(root, "search", picture, "--set", "colour=Blue"))
    refused = run(root, "attribute", "drop", "colour")
    assert refused.exit_code == 2
    assert "no other super-category" in refused.stderr
    assert json.loads(done(run(root, "attribute", "list", "--json")).stdout)[-1] == {
        "name": "pattern",
        "num_values": 0,
        "share_labeled": 0.0,
        "in_files": None,
    }
    assert rows(run(root, "attribute", "list", "colour"))[-1] == ["Red", "0", "dropped"]
    summary = done(run(root, "import", shop))
    assert "attribute forget pattern" in " ".join(summary.stdout.split())
    assert [row[0] for row in rows(run(root, "attribute", "list"))[1:]] == ["colour", "pattern"]
    done(run(root, "undo"))
    done(run(root, "undo"))
    assert found()[0].keys() == {"colour"}
    index = json.loads(done(run(root, "index", "--json")).stdout)
    assert found()[0].keys() == {"colour", "pattern"}
    done(run(root, "attribute", "drop", "colour", "pattern", "--yes"))
    assert "datrnet train" in run(root, "search", "item-5").stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rename", "=red", "x"), "NAME=VALUE"),
        (("rename", "colour=", "x"), "NAME=VALUE"),
        (("rename", "colr", "x"), "Did you mean colour"),
        (("rename", "colour=Red", "blue"), "attribute merge colour Red --into blue"),
        (("merge", "colour", "Red", "--into", "Red"), "only one value"),
        (("merge", "colour", "--into", "nothing"), "nothing"),
        (("drop", "colour", "colour=Rd"), "Did you mean Red"),
        (("forget", "colour"), "attribute list"),
    ],
)
def test_a_wrong_name_changes_nothing(
    run: Run, copied: Workspace, arguments: tuple[str, ...], words: str
) -> None:
    refused = run(copied.root, "attribute", *arguments)
    assert refused.exit_code == 2
    assert words in " ".join(refused.stderr.split())
    assert len(rows(run(copied.root, "history"))) == 2


def test_prune_tells_sizes_and_deletes_what_is_agreed(
    run: Run, copied: Workspace, tiny_config: Path
) -> None:
    root = copied.root
    assert "nothing to delete" in done(run(root, "prune")).stderr
    done(run(root, "index", "--rebuild"))
    with copied.open_store() as store:
        store.add_run("lost", "datrnet", "{}")
        store.add_run("stopped", "datrnet", "{}")
        store.update_run("stopped", status="interrupted")
    (copied.models / "stopped").mkdir()
    (copied.models / "stopped" / "weights").write_bytes(b"x" * 5000)
    (root / "import-0123").mkdir()
    shown = run(root, "prune")
    assert [(row[0], row[2].split(";")[0]) for row in rows(shown)[1:]] == [
        ("index", "an earlier index"),
        ("run", "its folder is gone"),
        ("run", "interrupted"),
        ("import", "left by an interrupted command"),
    ]
    assert "Nothing was deleted" in shown.stderr
    assert (copied.models / "stopped").is_dir()
    facts = json.loads(done(run(root, "prune", "--yes", "--json")).stdout)
    assert facts["deleted"] is True
    assert len(facts["surplus"]) == 4
    assert not (copied.models / "stopped").exists()
    assert not (root / "import-0123").exists()
    assert len(list(copied.indexes.iterdir())) == 1
    assert "nothing to delete" in done(run(root, "prune", "--yes")).stderr
    with copied.open_store() as store:
        assert [row.status for row in store.runs()] == ["finished"]
    done(run(root, "search", "item-5"))


def test_old_runs_and_features_go_only_if_asked_for(run: Run, copied: Workspace) -> None:
    with copied.open_store() as store:
        for name in ("older", "newest"):
            store.add_run(name, "datrnet", "{}")
            store.update_run(name, status="finished")
            (copied.models / name).mkdir()
    copied.features.mkdir()
    assert "nothing to delete" in done(run(copied.root, "prune")).stderr
    found = rows(run(copied.root, "prune", "--old-runs", "--features"))[1:]
    assert [(row[0], row[1]) for row in found] == [("run", "older"), ("features", "features")]
    done(run(copied.root, "prune", "--old-runs", "--yes"))
    assert not (copied.models / "older").exists()
    assert (copied.models / "newest").exists()
    assert copied.features.exists()


def test_a_read_only_workspace_is_told_before_any_work(run: Run, tmp_path: Path) -> None:
    for command in (("remove", "1"), ("undo",), ("prune",), ("attribute", "drop", "x")):
        refused = run(tmp_path / "none", *command)
        assert refused.exit_code == 1
        assert "datrnet import" in refused.stderr


def test_old_history_goes_but_ids_are_not_given_again(run: Run, copied: Workspace) -> None:
    with copied.open_store() as store:
        store.remove_items([48], "the last item")
        store.hide_items([1], "another")
        store.undo_step()
    assert "nothing to delete" in done(run(copied.root, "prune", "--history", 30)).stderr
    with copied.open_store() as store, store.writing() as db:
        db.execute("UPDATE history SET made_at = '2020-01-01T00:00:00+00:00'")
    (found,) = rows(run(copied.root, "prune", "--history", 30))[1:]
    assert found[:2] == ["history", "up to step 2"]
    done(run(copied.root, "prune", "--history", 30, "--yes"))
    assert [row[0] for row in rows(run(copied.root, "history"))[1:]] == ["3"]
    assert "nothing to undo" in done(run(copied.root, "undo")).stderr
    with copied.open_store() as store:
        (last,) = (step.id for step in store.history())
        assert last == 3
        store.upsert_items([NewItem(code="new", title="", picture_path="x", split="")])
        assert store.item_columns().ids.tolist()[-1] == 49


def test_undo_is_redone_until_something_changes(run: Run, copied: Workspace) -> None:
    root = copied.root
    assert "nothing to redo" in done(run(root, "redo")).stderr
    done(run(root, "attribute", "rename", "colour=Red", "Crimson"))
    assert "To redo: datrnet redo" in done(run(root, "undo")).stderr
    assert "Redid step 2: rename colour=Red to Crimson" in done(run(root, "redo")).stderr
    assert json.loads(done(run(root, "redo", "--json")).stdout)["redone"] is None
    done(run(root, "undo"))
    done(run(root, "label", "set", "item-1", "colour=Red"))
    assert "nothing to redo" in done(run(root, "redo")).stderr


def test_several_labels_are_set_at_once(run: Run, copied: Workspace) -> None:
    root = copied.root
    words = ("item-1", "item-2", "colour=Red", "pattern=striped")
    told = done(run(root, "label", "set", *words)).stderr
    assert told.count("(person)") == 4
    for wrong, why in {
        ("item-1",): "which label to set",
        ("colour=Red",): "No item is named",
        ("item-1", "colour=Red", "item-2"): "followed by an item",
        ("item-1", "colour=Red", "item-2", "pattern=plain"): "followed by an item",
        ("item-3", "colour=Blue", "pattern=checked"): "checked",
        ("item-3", "colour=Blue", "Colour=Red"): "named twice",
    }.items():
        refused = run(root, "label", "set", *wrong)
        assert refused.exit_code == 2
        assert why in refused.stderr
    assert len(rows(run(root, "label", "history"))) == 5


def test_items_that_a_file_lacks_are_not_removed_without_a_word(
    run: Run, copied: Workspace, shop: Path, tmp_path: Path
) -> None:
    root, part = copied.root, tmp_path / "part.csv"
    header, *lines = shop.read_text("utf-8").splitlines(keepends=True)
    removing = ("import", part, "--images", shop.parent, "--missing", "remove")
    for number, words in ((40, "8 of 48 items"), (10, "38 of 48 items")):
        part.write_text(header + "".join(lines[:number]), "utf-8")
        refused = run(root, *removing)
        assert refused.exit_code == 2
        assert f"would remove {words}" in refused.stderr
        assert "--yes" in refused.stderr
        assert "To be removed" in done(run(root, *removing, "--dry-run")).stdout
    assert len(rows(run(root, "history"))) == 2
    assert "Removed from earlier imports" in done(run(root, *removing, "--yes")).stdout


def test_an_import_that_hides_most_or_adds_super_categories_tells_the_way_back(
    run: Run, copied: Workspace, shop: Path, tmp_path: Path
) -> None:
    part = tmp_path / "part.csv"
    header, *lines = shop.read_text("utf-8").splitlines(keepends=True)
    part.write_text(header + "".join(lines[:10]), "utf-8")
    hiding = ("import", part, "--images", shop.parent, "--missing", "hide")
    told = done(run(copied.root, *hiding)).stderr
    assert "38 of 48 items. If the file is a part of it: datrnet undo" in told
    again = done(run(copied.root, *hiding))  # hidden ones are no news
    assert "undo" not in again.stderr
    assert "Hidden" not in again.stdout
    part.write_text(part.read_text("utf-8").replace("colour", "Option1 Value", 1), "utf-8")
    told = done(run(copied.root, *hiding)).stderr
    assert "New super-categories: Option1 Value. If they are none: datrnet undo" in told
