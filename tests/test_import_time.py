"""Start-up stays cheap: what a fresh interpreter loads, seen in ``sys.modules``."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "torchvision", "annoy")


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import datrnet", (*HEAVY, "numpy", "PIL", "textual", "sqlite_utils")),
        (
            "import datrnet; datrnet.open",
            (*HEAVY, "textual", "typer", "rich", "pydantic", "pandas"),
        ),
        ("import datrnet.cli", (*HEAVY, "textual")),
        ("import datrnet.db.store", (*HEAVY, "textual", "typer", "PIL")),
        ("import datrnet.core.retrieval.search", (*HEAVY, "textual", "typer", "rich")),
        ("import datrnet.tui.app", HEAVY),
    ],
)
def test_import_stays_light(statement: str, unwanted: tuple[str, ...]) -> None:
    probe = f"{statement}\nimport sys\nprint(*[m for m in {unwanted!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
