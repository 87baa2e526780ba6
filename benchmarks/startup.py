"""How long `datrnet --help` takes, as a multiple of `import typer, rich`.

Runs both in turn and compares the processor time (user and system) of each, so that what else the
machine does matters little. Prints the median of each and their ratio; at most 1.5 is the budget.

python benchmarks/startup.py [RUNS]
"""

import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

BASE = (sys.executable, "-c", "import typer, rich")
HELP = (str(Path(sys.executable).with_name("datrnet")), "--help")
BUDGET = 1.5


def main() -> None:
    """Measure, print, and say whether the budget holds."""
    num_runs = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    for command in (BASE, HELP):  # reads the files and compiles what is not compiled yet
        processor_seconds(command)
    pairs = [(processor_seconds(BASE), processor_seconds(HELP)) for _ in range(num_runs)]
    base, shown = (median(times) for times in zip(*pairs, strict=True))
    ratio = shown / base
    print(f"import typer, rich   {1000 * base:6.1f} ms")
    print(f"datrnet --help       {1000 * shown:6.1f} ms")
    print(f"ratio                {ratio:6.2f}     budget {BUDGET}, {num_runs} runs of each")
    sys.exit(ratio > BUDGET)


def processor_seconds(command: tuple[str, ...]) -> float:
    """Return the user and system time that a command takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # compiled modules are kept, as installed ones are
    environment = {**os.environ, "TERM": "dumb", "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
