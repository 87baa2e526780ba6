"""The report opened in a real browser: every picture is shown, the console stays empty."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import Result

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.research.experiments.result import ExperimentResult, Provenance, write_result

Run = Callable[..., Result]

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--enable-logging=stderr",
    "--v=0",
    "--dump-dom",
]

pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"none is installed of {', '.join(NAMES)}")

PROBE = """
<script>
addEventListener("load", () => {
  const pictures = [...document.images];
  document.documentElement.dataset.pictures = pictures.length;
  document.documentElement.dataset.broken = pictures.filter(one => !one.naturalWidth).length;
});
</script>
"""


@pytest.fixture
def html(run: Run, copied: Workspace) -> str:
    """A report with curves, an experiment's picture, and text that would run if it could."""
    result = ExperimentResult(
        title="<script>console.error('hit')</script><img src=x>",
        columns=("variant",),
        rows=(("\"><img src=x onerror=console.error('hit')>",),),
        pictures={"picture": Image.new("RGB", (40, 30), "red")},
    )
    provenance = Provenance(
        name="table", kind="table", command="datrnet", config={}, facts={}, seconds=1.0
    )
    write_result(copied.root / "experiments" / "table", result, provenance)
    assert run(copied.root, "report").exit_code == 0
    return (copied.root / "report.html").read_text("utf-8")


def test_every_picture_is_shown_and_nothing_is_complained_of(html: str, tmp_path: Path) -> None:
    assert opened(html, tmp_path) == (3, 0, [])


def test_a_broken_picture_a_foreign_one_and_an_error_would_be_seen(
    html: str, tmp_path: Path
) -> None:
    faults = (
        '<img src="data:image/png;base64,iVBORw0KGgo=" alt="broken">'
        '<img src="http://127.0.0.1:9/x.png" alt="foreign">'
        "<script>console.error('planted')</script>"
    )
    pictures, broken, complaints = opened(html.replace("</main>", f"{faults}</main>"), tmp_path)
    assert (pictures, broken) == (5, 2)
    assert any("planted" in line for line in complaints)
    assert any("Content Security Policy" in line for line in complaints)


def opened(html: str, folder: Path) -> tuple[int, int, list[str]]:
    """Open a page in a browser.

    Returns:
        How many pictures it has, how many of them are broken, and what the console says.
    """
    # the page itself allows no script at all, not even the one that looks at its pictures
    allowed = html.replace("default-src 'none';", "default-src 'none'; script-src 'unsafe-inline';")
    copy = folder / "page.html"
    copy.write_text(allowed.replace("</body>", f"{PROBE}</body>"), "utf-8")
    profile = f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run(
        [str(BROWSER), *FLAGS, profile, "--virtual-time-budget=2000", copy.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "HOME": str(folder)},
    )
    head = done.stdout[: done.stdout.index("<head>")]
    counts = dict(re.findall(r'data-(\w+)="(\d+)"', head))
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return int(counts["pictures"]), int(counts["broken"]), console
