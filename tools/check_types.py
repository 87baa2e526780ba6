"""Type-check the package under its import name.

No folder of the checkout is called ``datrnet``, so the checker gets an ordinary installed copy:
``build/typed/datrnet``.
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TYPED = ROOT / "build" / "typed"


def run(*command: str) -> int:
    """Run one Python module in the repository root and return its exit status."""
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=False).returncode


def main() -> int:
    """Install a copy, then check it."""
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    if run("pip", "install", "--quiet", "--no-deps", "--target", str(TYPED), *sys.argv[1:], "."):
        return 1
    return run("mypy")


if __name__ == "__main__":
    raise SystemExit(main())
