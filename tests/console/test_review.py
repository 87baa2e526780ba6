"""`datrnet review` and `datrnet label`: findings printed, labels set, undone and listed."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from datrnet.cli import app
from datrnet.core.catalog.workspace import Workspace
from datrnet.db import connection

Run = Callable[..., Result]


def _rows(result: Result) -> list[list[str]]:
    assert result.exit_code == 0, result.output
    return [line.split("\t") for line in result.stdout.splitlines()]


def test_doubts_are_rows_or_json_of_one_content(run: Run, ready: Path) -> None:
    header, *rows = _rows(run(ready, "review", "doubts", "-k", 500))
    facts = json.loads(run(ready, "review", "doubts", "-k", 500, "--json").stdout)
    assert header[:1] == ["id"]
    assert facts
    assert [
        [entry["id"], entry["super_category"], entry["label"], entry["guess"]] for entry in facts
    ] == [[row[0], *row[2:5]] for row in rows]
    assert all(entry["label"] != entry["guess"] for entry in facts)
    few = run(ready, "review", "doubts", "-k", 1)
    assert len(_rows(few)) == 2
    assert f"1 of {len(facts)} doubtful labels" in few.stderr
    only = json.loads(run(ready, "review", "doubts", "--super-category", "COLOUR", "--json").stdout)
    assert {entry["super_category"] for entry in only} <= {"colour"}


def test_guesses_are_of_items_without_a_label(run: Run, ready: Path) -> None:
    (guess,) = json.loads(run(ready, "review", "doubts", "--unlabelled", "--json").stdout)
    assert (guess["id"], guess["super_category"], guess["label"]) == ("item-11", "colour", None)


def test_a_judged_doubt_is_gone_and_undo_brings_it_back(run: Run, copied: Workspace) -> None:
    def doubts() -> list[tuple[str, str]]:
        found = run(copied.root, "review", "doubts", "-k", 500, "--json")
        return [(entry["id"], entry["super_category"]) for entry in json.loads(found.stdout)]

    before = doubts()
    (code, name), facts = (
        before[0],
        json.loads(run(copied.root, "review", "doubts", "--json").stdout),
    )
    done = run(copied.root, "label", "set", code, f"{name}={facts[0]['guess']}")
    assert done.exit_code == 0
    assert "Run `datrnet index` to update it" in done.stderr
    assert (code, name) not in doubts()
    assert "1 label changed since" in run(copied.root, "review", "doubts").stderr
    back = run(copied.root, "label", "undo")
    assert f"{name} is {facts[0]['label']} (shop) again" in back.stderr
    assert doubts() == before
    assert "again." in run(copied.root, "label", "redo").stderr
    assert (code, name) not in doubts()
    confirmed = run(copied.root, "label", "set", *before[1:2][0][:1], f"{before[1][1]}=")
    assert "none applies (person)" in confirmed.stderr
    assert before[1] not in doubts()


def test_codes_come_through_a_pipe(run: Run, copied: Workspace) -> None:
    rows = run(copied.root, "review", "doubts", "-k", 3).stdout
    piped = "".join(f"{line}\n" for line in rows.splitlines()[1:])
    codes = {line.split("\t")[0] for line in piped.splitlines()}
    assert codes
    done = CliRunner().invoke(
        app,
        ["label", "set", "-", "pattern=striped", "--workspace", str(copied.root)],
        input=f"{piped}\n",
    )
    assert done.exit_code == 0, done.output
    history = json.loads(run(copied.root, "label", "history", "--json").stdout)
    assert {change["code"] for change in history} == codes
    assert {change["new_value"] for change in history} == {"striped"}


def test_nothing_is_changed_where_one_code_is_wrong(run: Run, copied: Workspace) -> None:
    done = run(copied.root, "label", "set", "item-1", "item-999", "colour=Black")
    assert done.exit_code == 2
    assert "item-999" in done.stderr
    assert "No label has been changed" in run(copied.root, "label", "history").stderr
    assert "no label change to undo" in run(copied.root, "label", "undo").stderr
    assert "no label change to redo" in run(copied.root, "label", "redo").stderr


def test_history_says_who_said_so(run: Run, copied: Workspace) -> None:
    run(copied.root, "label", "set", "item-1", "colour=Black")
    run(copied.root, "label", "set", "item-11", "colour=Black")
    again = run(copied.root, "label", "set", "item-11", "colour=black")
    assert "already set by hand" in again.stderr
    shown = " ".join(run(copied.root, "label", "history").stdout.split())
    assert "item-11 colour no label Black (person)" in shown
    assert "item-1 colour Red (shop) Black (person)" in shown
    only = json.loads(run(copied.root, "label", "history", "item-1", "--json").stdout)
    assert [(entry["code"], entry["old_source"]) for entry in only] == [("item-1", "shop")]
    refused = run(copied.root, "label", "undo", 9)
    assert refused.exit_code == 2
    assert "datrnet label history" in refused.stderr


def test_duplicates_are_listed_judged_and_marked(run: Run, copied: Workspace) -> None:
    groups = json.loads(run(copied.root, "review", "duplicates", "-k", 99, "--json").stdout)
    assert groups  # the shop draws some pictures more than once
    keep, other = groups[0]["keep"], groups[0]["duplicates"][0]["id"]
    header, *rows = _rows(run(copied.root, "review", "duplicates", "-k", 99))
    assert header[:2] == ["keep", "duplicate"]
    assert rows[0][:2] == [keep, other]
    assert run(copied.root, "review", "judge", keep, other, "--as", "duplicate").exit_code == 0
    _, *rows = _rows(run(copied.root, "review", "duplicates", "-k", 99))
    assert other not in [code for row in rows for code in row[:2]]
    _, pair = _rows(run(copied.root, "review", "duplicates", "--marked"))
    assert pair[:2] == [keep, other]
    run(copied.root, "review", "judge", keep, other, "--as", "open")
    assert json.loads(run(copied.root, "review", "duplicates", "-k", 99, "--json").stdout) == groups
    assert run(copied.root, "review", "judge", keep, keep, "--as", "distinct").exit_code == 2


def test_gaps_name_a_search_that_comes_nearest(run: Run, copied: Workspace) -> None:
    with closing(sqlite3.connect(copied.catalog_path)) as db:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute(  # no striped black shirt any more
            "DELETE FROM item_attributes WHERE item_id IN (SELECT id FROM items WHERE title LIKE"
            " '%Black striped%') AND attribute_value_id = (SELECT id FROM attribute_values"
            " WHERE name = 'striped')"
        )
        db.commit()
    (gap,) = json.loads(run(copied.root, "review", "gaps", "--json").stdout)
    assert gap["wanted"] == {"colour": "Black", "pattern": "striped"}
    assert gap["sessions"] == 0
    words = [
        word
        for name, value in gap["ask"]["changes"].items()
        for word in ("--set", f"{name}={value}")
    ]
    found = json.loads(
        run(copied.root, "search", gap["ask"]["item"], *words, "-k", 1, "--json").stdout
    )
    assert found["substitutes"][0]["id"] == gap["nearest"]["id"]
    _, row = _rows(run(copied.root, "review", "gaps", "--super-category", "pattern"))
    assert row[0] == "colour Black, pattern striped"


def test_without_an_index_it_says_what_is_left(run: Run, shop: Path, tmp_path: Path) -> None:
    root = tmp_path / "bare"
    run(root, "import", shop)
    doubts = run(root, "review", "doubts")
    assert doubts.exit_code == 1
    assert "datrnet index" in doubts.stderr
    for words in (("review", "duplicates"), ("review", "gaps")):
        done = run(root, *words)
        assert done.exit_code == 0
        assert "datrnet index" in done.stderr
    changed = run(root, "label", "set", "item-1", "colour=Red")
    assert changed.exit_code == 0
    assert "→ Red" in changed.stderr
    assert "The index still uses" not in changed.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("label", "set", "item-1", "colour"), "Nothing says which label to set"),
        (("label", "set", "item-1", "=red"), "not of the form"),
        (("label", "set", "item-1", "colour=none"), "If no value applies, write colour="),
        (("label", "set", "item-1", "collar=bow"), "No super-category is called 'collar'"),
        (("label", "set", "item-1", "colour=Blak"), "Did you mean Black"),
        (("label", "history", "item-x"), "No item is called 'item-x'"),
        (("review", "doubts", "--super-category", "collar"), "No super-category"),
        (("review", "gaps", "--super-category", "collar"), "No super-category"),
        (("review", "judge", "item-1", "item-x", "--as", "distinct"), "No item is called"),
    ],
)
def test_a_mistake_is_one_line(run: Run, ready: Path, words: tuple[object, ...], said: str) -> None:
    done = run(ready, *words)
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_locked_database_is_told_and_nothing_is_lost(
    run: Run, copied: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_SECONDS", 0.05)
    with closing(sqlite3.connect(copied.catalog_path)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = run(copied.root, "label", "set", "item-1", "colour=Black")
        assert done.exit_code == 1
        assert "in use by another program" in done.stderr
        other.execute("ROLLBACK")
    assert run(copied.root, "label", "set", "item-1", "colour=Black").exit_code == 0


def test_several_values_are_set_and_undone_at_once(run: Run, copied: Workspace) -> None:
    done = run(copied.root, "label", "set", "item-1", "colour=Red| black")
    assert done.exit_code == 0
    assert "→ Red | Black (person)" in done.stderr
    facts = json.loads(run(copied.root, "search", "item-1", "-k", 1, "--json").stdout)
    assert facts["query"]["values"]["colour"] == ["Red", "Black"]
    assert facts["query"]["labels"]["colour"] == "Red"
    rows = run(copied.root, "search", "item-5", "-k", 48).stdout.splitlines()
    assert any("\tRed | Black\t" in row for row in rows)
    refused = run(copied.root, "label", "set", "item-1", "colour=Red | Blak")
    assert refused.exit_code != 0
    assert "Did you mean Black" in refused.stderr
    run(copied.root, "label", "undo")
    facts = json.loads(run(copied.root, "search", "item-1", "-k", 1, "--json").stdout)
    assert len(facts["query"]["values"]["colour"]) == 1


def test_a_search_can_want_all_of_several_values(run: Run, copied: Workspace) -> None:
    run(copied.root, "label", "set", "item-1", "item-2", "colour=Red | Black")
    where = ("--where", "colour=black", "--where", "colour=RED", "-k", 48, "--json")
    for match, expected in (("any", {"Red", "Black"}), ("all", None)):
        found = json.loads(run(copied.root, "search", "item-5", *where, "--match", match).stdout)
        values = [substitute["values"]["colour"] for substitute in found["substitutes"]]
        if expected is None:
            assert values == [["Red", "Black"]] * 2
        else:
            assert len(values) > 2
            assert all(expected & {*own} for own in values)


def test_info_counts_hidden_items_apart(run: Run, copied: Workspace) -> None:
    with copied.open_store() as store, store.writing() as db:
        db.execute("UPDATE items SET hidden_at = 'now' WHERE id < 3")
    facts = json.loads(run(copied.root, "info", "--json").stdout)
    assert (facts["num_items"], facts["num_hidden"]) == (48, 2)
    assert "2 items are hidden" in run(copied.root, "info").stdout
    found = run(copied.root, "search", "item-1", "-k", 48).stdout.splitlines()
    assert len(found) == 1 + 46
