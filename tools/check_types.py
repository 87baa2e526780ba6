"""Type-check the package under its import name.

No folder of the checkout is called ``datrnet``, so the checker gets a copy of the packages that are
shipped: ``build/typed/datrnet``.
"""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TYPED = ROOT / "build" / "typed"


def main() -> int:
    """Make a copy, then check it."""
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for package in settings["tool"]["setuptools"]["packages"]:
        copy = TYPED.joinpath(*package.split("."))
        copy.mkdir(parents=True, exist_ok=True)
        for module in ROOT.joinpath(*package.split(".")[1:]).glob("*.py"):
            shutil.copy(module, copy)
    return subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
