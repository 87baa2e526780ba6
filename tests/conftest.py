"""What holds for all tests, and a shop of a few dozen pictures, imported, trained and indexed."""

import csv
import gc
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from filelock import FileLock
from PIL import Image, ImageDraw
from typer.testing import CliRunner, Result

from datrnet.cli import app
from datrnet.core import preferences_file
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.demo.prepare import prepare_demo
from datrnet.core.preferences_file import CONFIG_VARIABLE, PreferencesFile

# Tiny networks gain nothing from threads, and threads that wait for each other on a busy machine
# are slower by far. Must be said before torch is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test asks the terminal that the tests are run in.
sys.__stdin__ = None  # type: ignore[assignment]

# No example fails for being slow: the machine may be. Every run tries the same few, as others would
# find nothing in code that has not changed; the profile "thorough" looks for new ones.
hypothesis.settings.register_profile("quick", deadline=None, derandomize=True, max_examples=40)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

Run = Callable[..., Result]

HANG_SECONDS = 240.0
"""No test takes this long: what has not happened by then never will."""

COLORS = {"Black": (20, 20, 20), "Red": (200, 30, 30), "Blue": (30, 30, 200)}
PATTERNS = ("plain", "striped")
SPLITS = ("train", "train", "validation", "test")

TINY = """
base = "paper"
[model]
image_size = 16
filters = 4
num_ase = 1
embedding_size = 8
[train]
triplets = 32
epochs = 2
batch_triplets = 8
[index]
trees = 4
"""


def pytest_collection_finish() -> None:
    """Collect garbage rarely, and never among what was imported: a fifth of the processor time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(autouse=True)
def settings_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> PreferencesFile:
    """Keep a person's own configuration and state out; the file is not there at first."""
    for name in ("COLUMNS", "LINES"):  # set where tests run side by side
        monkeypatch.delenv(name, raising=False)
    home = tmp_path_factory.mktemp("home", numbered=True)
    monkeypatch.setenv(CONFIG_VARIABLE, str(home / "config.toml"))
    monkeypatch.setattr(preferences_file, "user_state_path", lambda *_, **__: home / "state")
    return PreferencesFile(home / "config.toml")


@pytest.fixture(scope="session")
def eventually() -> Callable[[Callable[[], object]], None]:
    """Wait until a condition holds, however slow the machine is."""

    def wait(is_true: Callable[[], object]) -> None:
        deadline = time.monotonic() + HANG_SECONDS
        while not is_true():
            assert time.monotonic() < deadline, "It never happened."
            time.sleep(0.01)

    return wait


def _made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return a folder that the first process that wants it fills for all that run side by side."""
    own = factory.getbasetemp()
    common = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    folder, is_made = common / name, common / f"{name}.made"
    with FileLock(common / f"{name}.lock"):
        if not is_made.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what failed halfway
            folder.mkdir()
            make(folder)
            is_made.touch()
    return folder


def _own_copy(factory: pytest.TempPathFactory, made: Path) -> Path:
    """Copy a workspace: one that another process reads has files that come and go."""
    return Path(shutil.copytree(made, factory.mktemp(made.name) / "workspace"))


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog file of 48 items with their pictures beside it."""

    def make(folder: Path) -> None:
        rows = [_draw(folder, number) for number in range(48)]
        with (folder / "catalog.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    return _made_once(tmp_path_factory, "shop", make) / "catalog.csv"


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config that trains within a second."""
    path = tmp_path_factory.mktemp("config") / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def ready(tmp_path_factory: pytest.TempPathFactory, shop: Path, tiny_config: Path) -> Path:
    """A workspace after import, train and index; do not change it."""

    def make(root: Path) -> None:
        for arguments in (
            ("import", shop),
            ("train", "--config", tiny_config),
            ("index",),
        ):
            result = _run(root, *arguments)
            assert result.exit_code == 0, result.output

    return _own_copy(tmp_path_factory, _made_once(tmp_path_factory, "ready", make))


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the demo's first 200 items; do not change it."""
    made = _made_once(
        tmp_path_factory, "demo", lambda root: prepare_demo(Workspace(root), num_items=200)
    )
    return _own_copy(tmp_path_factory, made)


@pytest.fixture
def copied(ready: Path, tmp_path: Path) -> Workspace:
    """A copy of the ready workspace, to be changed."""
    return Workspace(shutil.copytree(ready, tmp_path / "workspace"))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in a workspace given first."""
    monkeypatch.setenv("NO_COLOR", "1")
    return _run


def _run(root: Path, *arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments), "--workspace", str(root)])


def _draw(folder: Path, number: int) -> dict[str, str]:
    colour, pattern = list(COLORS)[number % 3], PATTERNS[number // 3 % 2]
    picture = Image.new("RGB", (24, 32), (240, 240, 240))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((4, 4, 20, 28), fill=COLORS[colour])
    if pattern == "striped":
        for top in range(5, 28, 6):
            draw.rectangle((4, top, 20, top + 2), fill=(250, 250, 200))
    path = f"images/{number}.png"
    (folder / "images").mkdir(exist_ok=True)
    picture.save(folder / path)
    return {
        "id": f"item-{number}",
        "image": path,
        "title": f"[red]{colour} {pattern}[/] shirt number {number}",
        "split": SPLITS[number // 6 % 4],
        "colour": "" if number == 11 else colour,
        "pattern": pattern,
    }
