"""Refuse files that do not end in one newline, trailing blanks, conflict marks and large files.

python tools/check_files.py [FILE ...]    all tracked files where none is named
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOST_BYTES = 1_000_000
"""Of a file; what is larger belongs into a release, not into the history."""

GENERATED = ("core/demo/weights/", "tests/tui/snapshots/")
"""What programs write: weights with their descriptions, expected screens."""


def main() -> int:
    """Print what is wrong with each file."""
    names = sys.argv[1:] or tracked()
    faults = [f"{name}: {fault}" for name in names for fault in faults_of(name)]
    print(*faults, sep="\n", end="\n" * bool(faults), file=sys.stderr)
    return bool(faults)


def tracked() -> list[str]:
    """Return the files that git knows."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def faults_of(name: str) -> list[str]:
    """Return what is wrong with a file."""
    content = (ROOT / name).read_bytes()
    faults = []
    if len(content) > MOST_BYTES:
        faults.append(f"{len(content):,} bytes; at most {MOST_BYTES:,} are allowed")
    if b"\0" in content or not content or name.startswith(GENERATED):
        return faults
    if not content.endswith(b"\n") or content.endswith(b"\n\n"):
        faults.append("must end in exactly one newline")
    if b"\r\n" in content:
        faults.append("has Windows line ends")
    if re.search(rb"[ \t]+$", content, re.MULTILINE):
        faults.append("has blanks at the end of a line")
    if re.search(rb"^(<{7}|>{7}) ", content, re.MULTILINE):
        faults.append("has a conflict that is not resolved")
    return faults


if __name__ == "__main__":
    raise SystemExit(main())
