"""Kill first imports, first demos and upgrades of old workspaces, and count what does not survive.

    python tools/kill_first_runs.py
    python tools/kill_first_runs.py --every 5 --only demo

Each trial runs the ``datrnet`` command in a workspace of its own, until SIGKILL ends it at one of
its writes to the database or the log beside it. Then the same command must succeed and the database
must be whole. To try an earlier revision, put it on the path under the name of the package:
``PYTHONPATH=parent-of-its-datrnet-folder``. Needs Linux and strace.
"""

import argparse
import signal
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from PIL import Image

FIXTURES = Path(__file__).parents[1] / "tests" / "fixtures" / "workspaces"

WRITE = "pwrite64"

KILLED = 128 + signal.SIGKILL


def main() -> None:
    """Try every case and print a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=1, help="kill at every n-th write only")
    parser.add_argument("--only", default="", help="cases whose name contains this text")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        catalog = _draw_catalog(Path(folder, "shop"))
        cases: dict[str, tuple[list[object], Callable[[Path], None]]] = {
            "first import": (["import", catalog], Path.mkdir),
            **{
                f"upgrade of schema {schema}": (["info"], partial(_unpack, schema))
                for schema in (1, 2, 3, 4)
            },
            "first demo": (["demo", "--items", 60], Path.mkdir),
        }
        failures = sum(
            _try(name, command, prepare, Path(folder, name), given.every)
            for name, (command, prepare) in cases.items()
            if given.only in name
        )
    print(f"{failures} failures")
    sys.exit(failures > 0)


def _try(
    name: str, command: list[object], prepare: Callable[[Path], None], folder: Path, every: int
) -> int:
    """Kill a command at its writes; return how many workspaces did not survive."""
    folder.mkdir()
    failures = 0
    write = 1
    while True:
        root = folder / str(write)
        prepare(root)
        code = _run(command, root, kill_at=write)
        if code != KILLED:
            break
        if _run(command, root) != 0 or not _is_whole(root / "catalog.db"):
            failures += 1
            print(f"  {name}: broken by a kill at write {write}", flush=True)
        write += every
    trials = len(range(1, write, every))
    print(f"{name}: {trials} kills, {failures} failures", flush=True)
    if code != 0:
        sys.exit(f"{name}: the command fails even if nothing kills it")
    return failures


def _run(command: list[object], root: Path, kill_at: int = 0) -> int:
    """Run a command in a workspace until a write, if any is given; return its exit code."""
    arguments = [sys.executable, "-m", "datrnet", *map(str, command), "--workspace", str(root)]
    if kill_at:
        inject = f"inject={WRITE}:signal=SIGKILL:when={kill_at}"
        tracer = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={WRITE}", "-e", inject]
        for suffix in ("", "-wal", "-journal"):
            tracer += ["-P", str(root / f"catalog.db{suffix}")]
        arguments = [*tracer, *arguments]
    done = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return KILLED if done.returncode == -signal.SIGKILL else done.returncode


def _is_whole(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _unpack(schema: int, root: Path) -> None:
    with tarfile.open(FIXTURES / f"schema-{schema}.tar.gz") as archive:
        archive.extractall(root, filter="data")


def _draw_catalog(folder: Path) -> Path:
    folder.mkdir()
    lines = ["id,image,title,color"]
    for number, color in enumerate(("black", "red", "blue") * 4):
        Image.new("RGB", (16, 16), color).save(folder / f"{number}.png")
        lines.append(f"{number},{number}.png,A {color} shirt,{color}")
    (folder / "catalog.csv").write_text("\n".join(lines))
    return folder / "catalog.csv"


if __name__ == "__main__":
    main()
