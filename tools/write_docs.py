"""Write the parts of the documentation that commands produce.

make docs                                             docs/cli.md from every command's --help
python tools/write_docs.py --check                    fail where docs/cli.md is out of date
python tools/write_docs.py --results WORKSPACE NAME   docs/results/NAME.md from a workspace
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLI_PAGE = ROOT / "docs" / "cli.md"
COMMANDS = ("demo", "import", "train", "index", "search", "evaluate", "browse", "info")
RESULTS = (
    ("index", "info"),
    ("the test split, weights chosen on validation", "evaluate --split test --changes 3"),
    (
        "the same with the paper's equal weights",
        "evaluate --split test --changes 3 --equal-weights",
    ),
    ("the validation split", "evaluate --split validation --changes 1"),
)


def main() -> int:
    """Do what the arguments ask for."""
    if sys.argv[1:2] == ["--results"]:
        workspace, name = sys.argv[2:4]
        page = ROOT / "docs" / "results" / f"{name}.md"
        page.parent.mkdir(exist_ok=True)
        page.write_text(results_page(workspace, name), "utf-8")
        return 0
    page = cli_page()
    if "--check" in sys.argv[1:]:
        if CLI_PAGE.read_text("utf-8") == page:
            return 0
        print("docs/cli.md is out of date; run `make docs`.", file=sys.stderr)
        return 1
    CLI_PAGE.write_text(page, "utf-8")
    return 0


def cli_page() -> str:
    """Return the page of all commands."""
    parts = ["# Commands\n\nWritten by `make docs` from each command's `--help`.\n"]
    for command in COMMANDS:
        parts.append(f"## datrnet {command}\n\n```text\n{output(command, '--help')}\n```\n")
    return "\n".join(parts)


def results_page(workspace: str, name: str) -> str:
    """Return the figures of a workspace, each below the command that gave them."""
    parts = [
        f"# Results on {name}\n\n"
        f"Written by `python tools/write_docs.py --results WORKSPACE {name}`; every block is the "
        "output of the command in its first line.\n"
    ]
    for title, command in RESULTS:
        text = output(*command.split(), "--workspace", workspace)
        text = text.replace(str(Path(workspace).resolve()), "WORKSPACE")
        parts.append(f"## {title}\n\n```text\n$ datrnet {command}\n{text}\n```\n")
    return "\n".join(parts)


def output(*arguments: str) -> str:
    """Return what a datrnet command prints, 100 columns wide, without colour."""
    settings = {"COLUMNS": "100", "NO_COLOR": "1", "TERMINAL_WIDTH": "100", "TERM": "dumb"}
    done = subprocess.run(
        [sys.executable, "-m", "datrnet", *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT / "docs",  # in the root, `-m datrnet` would find nothing of that name
        env=os.environ | settings,
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").splitlines())


if __name__ == "__main__":
    raise SystemExit(main())
