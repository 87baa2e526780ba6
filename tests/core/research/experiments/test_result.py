"""An outcome's folder says what was found, to programs and to people."""

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

from datrnet.core.errors import DataError
from datrnet.core.evaluation.metrics import Estimate
from datrnet.core.research.experiments.result import (
    ExperimentResult,
    Provenance,
    StoredResult,
    read_result,
    shown,
    write_result,
)

OUTCOME = ExperimentResult(
    title="Two networks",
    columns=("network", "queries", "top-30", "seconds"),
    rows=(
        ("with | attention", 1200, Estimate(0.5, 0.25, 0.75), 1.5),
        ("without", None, Estimate(float("nan"), float("nan"), float("nan")), float("nan")),
    ),
    notes=("The second was not trained.",),
    pictures={"bars": Image.new("RGB", (8, 4), (200, 0, 0))},
)


def write(folder: Path) -> StoredResult:
    provenance = Provenance(
        name=folder.name,
        kind="ablation",
        command="datrnet experiment two",
        config={"k": 30},
        facts={"split": "test"},
        seconds=2.04,
    )
    return write_result(folder, OUTCOME, provenance)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    stored = write(tmp_path / "two")
    assert stored == read_result(tmp_path / "two")
    assert stored.rows == (
        ("with | attention", 1200, "0.500 (0.250–0.750)", 1.5),
        ("without", None, "–", None),
    )
    assert (stored.command, stored.seconds, stored.config) == (
        "datrnet experiment two",
        2.0,
        {"k": 30},
    )
    with Image.open(tmp_path / "two" / stored.pictures[0]) as picture:
        assert picture.size == (8, 4)


def test_estimates_have_columns_of_their_own_for_programs(tmp_path: Path) -> None:
    write(tmp_path / "two")
    with (tmp_path / "two" / "two.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "network": "with | attention",
        "queries": "1200",
        "top-30": "0.5",
        "top-30 low": "0.25",
        "top-30 high": "0.75",
        "seconds": "1.5",
    }
    assert set(list(rows[1].values())[1:]) == {""}


def test_the_page_has_command_table_notes_and_pictures(tmp_path: Path) -> None:
    write(tmp_path / "two")
    lines = (tmp_path / "two" / "two.md").read_text("utf-8").splitlines()
    assert lines[0] == "# Two networks"
    assert "$ datrnet experiment two" in lines
    assert "| --- | ---: | ---: | ---: |" in lines
    assert r"| with \| attention | 1,200 | 0.500 (0.250–0.750) | 1.500 |" in lines
    assert "The second was not trained." in lines
    assert "![bars](bars.png)" in lines


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"columns": ["a"], "rows": [[1, 2]], "notes": [], "pictures": []}']
)
def test_a_damaged_outcome_says_what_to_run(tmp_path: Path, text: str) -> None:
    write(tmp_path / "two")
    (tmp_path / "two" / "outcome.json").write_text(text)
    with pytest.raises(DataError, match=r"damaged.*datrnet experiment two"):
        read_result(tmp_path / "two")


def test_no_outcome_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no results"):
        read_result(tmp_path / "two")


def test_an_outcome_is_plain_json(tmp_path: Path) -> None:
    write(tmp_path / "two")
    text = (tmp_path / "two" / "outcome.json").read_text("utf-8")
    assert "NaN" not in text
    assert json.loads(text)["facts"] == {"split": "test"}


def test_cells_are_shown_as_people_read_them() -> None:
    assert [shown(cell) for cell in (None, 12345, 0.12345, "text")] == [
        "–",
        "12,345",
        "0.123",
        "text",
    ]
