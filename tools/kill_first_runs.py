"""Kill first imports, first demos and upgrades of old workspaces, and count what does not open.

    python tools/kill_first_runs.py --kills 60

Each trial runs a command in a fresh workspace until SIGKILL ends it before one of the SQL
statements that it executes; the kills are spread evenly over all of them. Afterwards the same
command and ``datrnet info`` must succeed. To try an earlier revision, put it on the path under the
name of the package: ``PYTHONPATH=parent-of-its-datrnet-folder``.
"""

import argparse
import os
import shutil
import signal
import sqlite3
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

from PIL import Image

from datrnet.cli import main as datrnet

FIXTURES = Path(__file__).parents[1] / "tests" / "fixtures" / "workspaces"

NEVER = 1 << 60


def main() -> None:
    """Try every case and print a line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=40, help="of each command (default 40)")
    parser.add_argument("--demo-kills", type=int, default=12, help="a demo takes seconds")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        catalog = _draw_catalog(Path(folder, "shop"))
        root = Path(folder, "workspace")
        total = 0
        total += _try("first import", ["import", catalog], lambda: None, root, given.kills)
        for schema in (1, 2, 3, 4):

            def unpack(schema: int = schema) -> None:
                with tarfile.open(FIXTURES / f"schema-{schema}.tar.gz") as archive:
                    archive.extractall(root, filter="data")

            total += _try(f"schema {schema}", ["info"], unpack, root, given.kills)
        demo = ["demo", "--items", 60]
        if given.demo_kills:
            total += _try("first demo", demo, lambda: None, root, given.demo_kills)
    print(f"{total} failures")
    sys.exit(total > 0)


def _try(
    name: str, command: list[object], prepare: Callable[[], None], root: Path, kills: int
) -> int:
    """Kill a command at several statements; return how many workspaces did not survive it."""
    read_end, write_end = os.pipe()
    prepare()
    if _in_child(command, root, NEVER, write_end) != 0:
        sys.exit(f"{name}: the command fails even where nothing kills it")
    num_statements = int(os.read(read_end, 20))
    points = sorted({1 + number * num_statements // kills for number in range(kills)})
    failures = 0
    for point in points:
        shutil.rmtree(root, ignore_errors=True)
        prepare()
        killed = _in_child(command, root, point) == -signal.SIGKILL
        survived = _in_child(command, root) == 0 and _in_child(["info"], root) == 0
        failures += killed and not survived
        if not killed or not survived:
            print(f"  {name}, statement {point}: {'broken' if killed else 'ended before'}")
    shutil.rmtree(root)
    print(f"{name}: {len(points)} kills in {num_statements} statements, {failures} failures")
    return failures


def _in_child(command: list[object], root: Path, point: int = NEVER, report: int = -1) -> int:
    """Run a command in a child process that dies before a statement; return how it ended."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        numbers = _die_at(point)
        for descriptor in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        sys.argv = ["datrnet", *map(str, command), "--workspace", str(root)]
        datrnet()
        code = 0
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        if code == 0 and report >= 0:
            os.write(report, str(next(numbers) - 1).encode())
        os._exit(code)


def _die_at(point: int) -> Iterator[int]:
    """Kill this process before a statement on a file; return the counter of statements."""
    connect, numbers = sqlite3.connect, count(1)

    def see(_: str) -> None:
        if next(numbers) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def traced(*arguments: object, **options: object) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)  # type: ignore[call-overload]
        if arguments != (":memory:",):
            connection.set_trace_callback(see)
        return connection

    sqlite3.connect = traced  # type: ignore[assignment]
    return numbers


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
