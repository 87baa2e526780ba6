"""A few generated catalog files; tools/fuzz_import.py reads as many as wanted."""

import runpy
from pathlib import Path

FUZZ = runpy.run_path(str(Path(__file__).parents[1] / "tools/fuzz_import.py"))
NUM_FILES = 150


def test_no_generated_file_ends_in_a_traceback_or_loses_a_row(tmp_path: Path) -> None:
    outcome = FUZZ["fuzz"](0, NUM_FILES, 7, tmp_path)
    assert outcome.faults == []
    assert outcome.by_kind.total() == NUM_FILES
    assert outcome.num_rows > NUM_FILES
