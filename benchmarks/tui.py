"""How quick and how large the explorer is, driven through a pseudo-terminal of 140 x 45 cells.

    python benchmarks/tui.py [--workspace FOLDER] [--write FILE] [SIZE ...]

Makes a workspace of each size (10,000 and 100,000 items without any), unless FOLDER has it from an
earlier call. Prints the table of docs/results/tui.md; with --write, into that file.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from large_workspace import make_workspace
from terminal import COLUMNS, LINES, Area, Burst, Screen, Terminal

from datrnet.core.catalog.workspace import Workspace

STARTS = 5
REPEATS = 15
REST = 0.4
"""Seconds without a byte after which all that a key caused is taken to be there."""

MIDDLE = Area(first_line=3, end_line=LINES - 2, first_column=40, end_column=COLUMNS - 44)
"""Cells that pictures fill on every screen: no facets, pickers or details."""

BLOCKS = frozenset("▀▄▌▐▖▗▘▝▚▞▙▛▜▟█")
PYTHON = Path(sys.executable)


@dataclass
class Figures:
    """What was measured of one thing."""

    seconds: list[float] = field(default_factory=list)
    first_byte: list[float] = field(default_factory=list)
    bytes_till_done: list[int] = field(default_factory=list)
    num_bytes: list[int] = field(default_factory=list)


Rows = dict[str, Figures]


def main() -> None:
    """Measure every size named on the command line, and write the table."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("sizes", nargs="*", type=int, default=[10_000, 100_000])
    arguments.add_argument("--workspace", type=Path, help="where workspaces are kept for next time")
    arguments.add_argument("--write", type=Path, help="the page to write, in Markdown")
    given = arguments.parse_args()
    os.environ["PYTHONDONTWRITEBYTECODE"] = ""  # as of installed modules
    with tempfile.TemporaryDirectory() as folder:
        root = given.workspace or Path(folder)
        python = [seconds_of("-c", "pass") for _ in range(3 * STARTS)]
        textual = [seconds_of("-c", "import textual.app") for _ in range(STARTS)]
        measured, memory = {}, {}
        for size in given.sizes:
            workspace = Workspace(root.absolute() / str(size))
            make_workspace(workspace, size, say)
            say(f"Measuring at {size:,} items")
            measured[size], memory[size] = measure(workspace, size)
    page = "\n".join(page_lines(given.sizes, python, textual, measured, memory))
    print(page)
    if given.write:
        given.write.write_text(page + "\n", "utf-8")


def say(text: str) -> None:
    """Tell what is going on, apart from the table."""
    print(f"{text} …", file=sys.stderr, flush=True)


def seconds_of(*arguments: str) -> float:
    """Return how long Python takes for something."""
    began = time.perf_counter()
    subprocess.run([PYTHON, *arguments], check=True)
    return time.perf_counter() - began


# ── what is measured ─────────────────────────────────────────────────────────


def measure(workspace: Workspace, size: int) -> tuple[Rows, dict[str, int]]:
    """Return the figures of a workspace, and the most memory that was used, in bytes."""
    rows: Rows = {}
    command = [
        str(PYTHON),
        "-m",
        "datrnet",
        "browse",
        "--no-tour",
        "--workspace",
        str(workspace.root),
    ]
    for start in range(STARTS):
        screen = Screen()
        with Terminal(command) as terminal:
            started(terminal, screen, size, rows)
            if start == STARTS - 1:
                return rows, use(terminal, screen, rows)
    raise AssertionError("nothing was started")


def started(terminal: Terminal, screen: Screen, size: int, rows: Rows) -> None:
    """Note how long the start took, and check that it came to the catalog."""
    burst = terminal.listen(4 * REST, terminal.began)
    paint = thumbnail = 0.0
    for moment, piece in burst.pieces:
        screen.write(piece)
        text = screen.text()
        if not paint and " datrnet" in text:
            paint = moment - burst.began
        if not thumbnail and has_picture(text):
            thumbnail = moment - burst.began
    if f"{size:,} items" not in screen.text():
        raise SystemExit(f"The explorer did not come up:\n{screen.text()}")
    for name, seconds in (("paint", paint), ("thumbnail", thumbnail)):
        rows.setdefault(f"start to the first {name}", Figures()).seconds.append(seconds)


def has_picture(text: str) -> bool:
    """Tell whether block characters stand where pictures do."""
    lines = text.splitlines()[MIDDLE.first_line : MIDDLE.end_line]
    return any(BLOCKS & set(line[MIDDLE.first_column : MIDDLE.end_column]) for line in lines)


def use(terminal: Terminal, screen: Screen, rows: Rows) -> dict[str, int]:
    """Do what a user does, note how long each step took, and return the most memory used."""
    most: dict[str, int] = {}

    def do(name: str | None, keys: str, rest: float = REST) -> None:
        burst = terminal.press(keys, rest)
        seconds, bytes_till_done = until_done(screen, burst)
        for kind, num_bytes in terminal.memory().items():
            most[kind] = max(most.get(kind, 0), num_bytes)
        if name is not None and seconds:  # a key may change nothing in the middle
            figures = rows.setdefault(name, Figures())
            figures.seconds.append(seconds)
            figures.first_byte.append(burst.first_byte)
            figures.bytes_till_done.append(bytes_till_done)
            figures.num_bytes.append(burst.num_bytes)

    for _ in range(REPEATS):
        do("page down", " ")
    for key in ("l", "h") * (REPEATS // 2):
        do("cursor", key)
    for word in ("red", "shirt", "navy"):
        do(None, "/")
        for letter in word:
            do("letter typed in the search", letter)
        do(None, "\x1b")
    do(None, "f")
    do(None, "j")
    for _ in range(REPEATS // 3):
        do("facet", "j ")
        do("facet", " ")
    do(None, "f")
    do("substitutes of an item", "\r", 4 * REST)
    for key in "jjjjkkkkjjjjkkk"[:REPEATS]:
        do("attribute change", key)
    return most


def until_done(screen: Screen, burst: Burst) -> tuple[float, int]:
    """Return when the middle of the screen looked as in the end: after what seconds and bytes."""
    before, written, done = screen.look(MIDDLE), 0, (0.0, 0)
    for moment, piece in burst.pieces:
        screen.write(piece)
        written += len(piece)
        after = screen.look(MIDDLE)
        if after != before:
            before, done = after, (moment - burst.began, written)
    return done


# ── the page ─────────────────────────────────────────────────────────────────


def page_lines(
    sizes: list[int],
    python: list[float],
    textual: list[float],
    measured: dict[int, Rows],
    memory: dict[int, dict[str, int]],
) -> Iterator[str]:
    """Give the lines of docs/results/tui.md."""
    yield "# The explorer's speed, what it writes, and its memory"
    yield ""
    yield from INTRODUCTION.strip().format(columns=COLUMNS, lines=LINES).splitlines()
    yield ""
    yield "```text"
    yield f"$ python benchmarks/tui.py {' '.join(map(str, sizes))}"
    yield machine()
    yield "```"
    yield ""
    yield "| start | median | quickest |"
    yield "|---|--:|--:|"
    yield f"| Python, doing nothing | {milliseconds(python)} |"
    yield f"| Python, importing Textual | {milliseconds(textual)} |"
    for size, rows in measured.items():
        for name in ("start to the first paint", "start to the first thumbnail"):
            yield f"| {name}, {size:,} items | {milliseconds(rows[name].seconds)} |"
        beyond = [
            seconds - median(python) for seconds in rows["start to the first thumbnail"].seconds
        ]
        yield f"| the last without Python's own start, {size:,} items | {milliseconds(beyond)} |"
    for size, rows in measured.items():
        yield from ["", f"## {size:,} items", ""]
        yield "| what | first byte | all there | quickest | bytes till then | bytes in all |"
        yield "|---|--:|--:|--:|--:|--:|"
        for name, figures in rows.items():
            if not name.startswith("start"):
                yield table_line(name, figures)
        most = memory[size]
        yield ""
        yield (
            f"Memory: {megabytes(most['RssAnon'])} of its own; with the pages of files "
            f"{megabytes(most['VmHWM'])} at most."
        )


INTRODUCTION = """
Driven through a pseudo-terminal of {columns} x {lines} cells in true colors. Medians in
milliseconds, and the quickest. “All there” is when the middle of the screen, where the pictures
are, looks as it does in the end; times hold what the program itself waits for (30 ms of rest before
a search). The picture of the detail pane follows then, and is in the last column. Memory of its own
is what the system cannot take back (RssAnon), which the budget is about; pages of files are those
of libraries, the index and the thumbnails, which programs share and the system drops at need.
"""


def table_line(name: str, figures: Figures) -> str:
    """Return one thing's figures as a line of the table."""
    first = f"{1000 * median(figures.first_byte):.0f}"
    all_there = milliseconds(figures.seconds)
    till_then = f"{median(figures.bytes_till_done):,.0f}"
    return f"| {name} | {first} | {all_there} | {till_then} | {median(figures.num_bytes):,.0f} |"


def milliseconds(seconds: list[float]) -> str:
    """Return the median and the least, in two columns."""
    return f"{1000 * median(seconds):.0f} | {1000 * min(seconds):.0f}"


def megabytes(num_bytes: int) -> str:
    """Return a size in words."""
    return f"{num_bytes / 1e6:.0f} MB"


def machine() -> str:
    """Return what it ran on, in words."""
    load = f"{os.getloadavg()[0]:.1f} programs at work in the last minute"
    system = f"{platform.system()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores, {system}; {load}, this one among them"


if __name__ == "__main__":
    main()
