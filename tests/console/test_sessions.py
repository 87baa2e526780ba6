"""`datrnet session`: what was asked in the explorer, listed, asked again and handed on."""

import csv
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from datrnet.core.catalog.workspace import Workspace

Run = Callable[..., Result]

STEPS = (
    ("query", {"item": "item-1", "changes": {}, "within": None, "k": 60}),  # of an older version
    ("change", {"item": "item-1", "changes": {"colour": "Black"}, "taken": {}, "within": None}),
    (
        "change",
        {
            "item": "item-1",
            "changes": {"pattern": "striped"},
            "taken": {"colour": "item-2"},
            "within": "pattern",
            "where": {"pattern": ["striped"]},
            "weights": {"colour": 2.0},
        },
    ),
    ("query", {"item": "item-99", "changes": {}, "taken": {}, "within": None}),
)


@pytest.fixture
def root(copied: Workspace) -> Path:
    """A workspace with two sessions; the last step of the newer one is of an item that is gone."""
    with copied.open_store() as store:
        store.add_step(store.start_session("explorer"), *_stored(STEPS[0]))
        newer = store.start_session("explorer")
        for step in STEPS:
            store.add_step(newer, *_stored(step))
    return copied.root


def _stored(step: tuple[str, dict[str, object]]) -> tuple[str, str]:
    return step[0], json.dumps(step[1])


def test_sessions_are_listed_the_newest_first(run: Run, root: Path) -> None:
    found = json.loads(run(root, "session", "list", "--json").stdout)
    assert [(session["id"], session["steps"]) for session in found] == [(2, 4), (1, 1)]
    lines = run(root, "session", "list").stdout.splitlines()
    assert [line.split()[0] for line in lines if line.strip()[:1].isdigit()] == ["2", "1"]


def test_steps_are_shown_in_words(run: Run, root: Path) -> None:
    shown = run(root, "session", "show").stdout
    for words in (
        "no change",
        "colour → Black",
        "colour → as item-2",
        "within pattern",
        "colour ×2",
        "item-99",
    ):
        assert words in shown
    facts = json.loads(run(root, "session", "show", 1, "--json").stdout)
    assert [(step["action"], step["item"]) for step in facts["steps"]] == [("query", "item-1")]


def test_a_replay_finds_what_a_search_finds(run: Run, root: Path) -> None:
    facts = json.loads(run(root, "session", "replay", "-k", 4, "--json").stdout)
    searches = (
        (),
        ("--set", "colour=Black"),
        (
            *("--set", "pattern=striped", "--take", "colour=item-2", "--within", "pattern"),
            *("--where", "pattern=striped", "--weight", "colour=2"),
        ),
    )
    for step, words in zip(facts["steps"], searches, strict=False):
        searched = json.loads(run(root, "search", "item-1", *words, "-k", 4, "--json").stdout)
        assert [substitute["id"] for substitute in step["substitutes"]] == [
            substitute["id"] for substitute in searched["substitutes"]
        ]
        assert step["problem"] is None
    assert "No item is called 'item-99'" in facts["steps"][3]["problem"]
    assert facts["steps"][3]["substitutes"] == []
    shown = run(root, "session", "replay", "-k", 4).stdout
    assert "3. item-1" in shown
    assert facts["steps"][1]["substitutes"][0]["id"] in shown
    assert "No item is called 'item-99'" in shown


def test_the_files_tell_the_same(run: Run, root: Path, tmp_path: Path) -> None:
    for name in ("one.json", "one.csv", "one.html"):
        done = run(root, "session", "export", tmp_path / name, "-k", 3)
        assert done.exit_code == 0, done.output
        assert "1 step could not be repeated" in done.stderr
    facts = json.loads((tmp_path / "one.json").read_text("utf-8"))
    printed = json.loads(run(root, "session", "replay", "-k", 3, "--json").stdout)
    assert printed == {"version": 1, **facts}
    with (tmp_path / "one.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["step"], row["id"]) for row in rows] == [
        (str(step["position"]), found["id"])
        for step in facts["steps"]
        for found in step["substitutes"] or [{"id": ""}]
    ]
    assert rows[-1]["problem"] == facts["steps"][3]["problem"]
    page = (tmp_path / "one.html").read_text("utf-8")
    for step in facts["steps"]:
        for found in step["substitutes"]:
            assert f"{found['rank']}. {found['id']}" in page
    # the query and three substitutes of three steps; the item that is gone has no picture
    assert page.count("data:image/jpeg;base64,") == 12
    assert page.count("no picture") == 1
    assert "http" not in page
    assert "<script" not in page


def test_titles_reach_the_page_escaped_and_inert(run: Run, root: Path, tmp_path: Path) -> None:
    with sqlite3.connect(root / "catalog.db") as db:
        db.execute("UPDATE items SET title = ?", ["<b>bold</b> \x1b[31m \u202e & co"])
    db.close()
    assert run(root, "session", "export", tmp_path / "one.html").exit_code == 0
    page = (tmp_path / "one.html").read_text("utf-8")
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>bold" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", 7), "No session is called '7'"),
        (("replay", 7), "No session is called '7'"),
        (("export", "one.pdf"), "Use one of .csv, .json, .html"),
        (("export", "nowhere/one.csv"), "there is no folder"),
        (("export", "."), "unknown suffix"),
    ],
)
def test_a_mistake_is_one_line(
    run: Run, root: Path, tmp_path: Path, words: tuple[object, ...], said: str
) -> None:
    if words[0] == "export":
        words = ("export", tmp_path / str(words[1]))
    done = run(root, "session", *words)
    assert done.exit_code in (1, 2)
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert "Searching" not in done.stderr  # what cannot be done is said before the work


def test_without_a_session_it_says_where_they_come_from(run: Run, ready: Path) -> None:
    assert "starts one with the first search" in run(ready, "session", "list").stderr
    done = run(ready, "session", "show")
    assert done.exit_code == 2
    assert "datrnet browse" in done.stderr


def test_a_damaged_step_says_so(run: Run, root: Path) -> None:
    with sqlite3.connect(root / "catalog.db") as db:
        db.execute("UPDATE session_steps SET request_json = '{' WHERE session_id = 2")
    db.close()
    done = run(root, "session", "show")
    assert done.exit_code == 1
    assert "Step 1 of session 2 is damaged" in done.stderr
    assert run(root, "session", "show", 1).exit_code == 0


def test_the_session_used_last_is_meant_where_none_is_named(run: Run, root: Path) -> None:
    with sqlite3.connect(root / "catalog.db") as db:
        db.execute("UPDATE sessions SET updated_at = '9999' WHERE id = 1")
    db.close()
    facts = json.loads(run(root, "session", "show", "--json").stdout)
    assert facts["id"] == 1


def test_a_session_is_renamed_deleted_and_restored(run: Run, root: Path) -> None:
    def listed(*words: str) -> list[tuple[int, str]]:
        found = json.loads(run(root, "session", "list", "--json", *words).stdout)
        return [(session["id"], session["name"]) for session in found]

    assert "to spring" in run(root, "session", "rename", 1, " spring ").stderr
    assert listed() == [(2, "explorer"), (1, "spring")]
    told = run(root, "session", "delete", 2).stderr
    assert "Deleted session 2, explorer, with 4 steps" in told
    assert "datrnet session restore 2" in told
    assert listed() == [(1, "spring")]
    assert listed("--deleted") == [(2, "explorer")]
    gone = run(root, "session", "show", 2)
    assert gone.exit_code == 2
    assert "datrnet session restore 2" in " ".join(gone.stderr.split())
    assert "Restored session 2, explorer." in run(root, "session", "restore").stderr
    assert "It was not deleted, or is restored" in run(root, "session", "restore", 2).stderr
    assert "No session is deleted." in run(root, "session", "restore", 9).stderr
    assert listed() == [(2, "explorer"), (1, "spring")]
    assert len(json.loads(run(root, "session", "show", 2, "--json").stdout)["steps"]) == 4
    assert "no deleted session" in run(root, "session", "restore").stderr


def test_a_session_is_named_by_number_by_name_or_as_the_last(run: Run, root: Path) -> None:
    run(root, "session", "rename", 1, "Coats for spring")
    for word in (1, "coats for SPRING"):
        assert json.loads(run(root, "session", "show", word, "--json").stdout)["id"] == 1
    with sqlite3.connect(root / "catalog.db") as db:
        db.execute("UPDATE sessions SET updated_at = '9999' WHERE id = 2")
    db.close()
    assert json.loads(run(root, "session", "replay", "last", "--json").stdout)["session"] == 2
    run(root, "session", "rename", 1, "explorer")
    twice = run(root, "session", "show", "explorer")
    assert twice.exit_code == 2
    assert "Use number 2 or 1" in twice.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rename", 7, "x"), "No session is called '7'"),
        (("rename", 1, "  "), "must not be empty"),
        (("restore", 1), "No deleted session is called '1'"),
        (("show", "coats"), "No session is called 'coats'"),
        (("delete", 7), "No session is called '7'"),
        (("shortlist", "--session", 7), "No session is called '7'"),
        (("shortlist", "list.pdf"), "Use one of .csv, .json, .html"),
    ],
)
def test_mistakes_change_nothing(
    run: Run, root: Path, words: tuple[object, ...], said: str
) -> None:
    done = run(root, "session", *words)
    assert done.exit_code in (1, 2)
    assert said in " ".join(done.stderr.split())
    assert len(json.loads(run(root, "session", "list", "--json").stdout)) == 2


def test_a_shortlist_is_printed_and_exported(run: Run, root: Path, tmp_path: Path) -> None:
    with Workspace(root).open_store() as store:
        store.set_shortlist(2, ["item-5", "gone", "item-3"])
    assert run(root, "session", "shortlist", "--session", 2).stdout == "item-5\ngone\nitem-3\n"
    facts = json.loads(run(root, "session", "shortlist", "--session", 2, "--json").stdout)
    assert [(entry["id"], entry["in_catalog"]) for entry in facts] == [
        ("item-5", True),
        ("gone", False),
        ("item-3", True),
    ]
    assert facts[0]["labels"]["pattern"] == "striped"
    path = tmp_path / "list.html"
    assert run(root, "session", "shortlist", path, "--session", 2).exit_code == 0
    page = path.read_text("utf-8")
    assert page.count("data:image/jpeg;base64,") == 2
    assert "no longer in the catalog" in page
    assert "[red]" in page  # a title is text, whatever it looks like
