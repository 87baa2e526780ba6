"""Install the wheel in `dist` into a fresh environment and run it there, far from the checkout.

The environment borrows the dependencies of this one, the package itself only from the wheel.
"""

import json
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IN_SOURCES = ("tests/conftest.py", "docs/cli.md", "tools/write_docs.py", "Makefile", "CHANGELOG.md")
"""Some files that the source distribution must hold besides the package."""


def main() -> None:
    """Check the source distribution's files, then the wheel at work."""
    (sources,), (wheel,) = ROOT.glob("dist/*.tar.gz"), ROOT.glob("dist/*.whl")
    with tarfile.open(sources) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    if missing := [name for name in IN_SOURCES if name not in names]:
        raise SystemExit(f"{sources.name} lacks {', '.join(missing)}: see MANIFEST.in.")
    with tempfile.TemporaryDirectory() as folder:
        try_out(wheel, Path(folder))
    print(f"{wheel.name} works in a fresh environment; {sources.name} has {len(names)} files.")


def try_out(wheel: Path, folder: Path) -> None:
    """Install a wheel and use it: a demo, a search, its version."""
    environment = folder / "environment"
    venv.create(environment)
    python = environment / "bin" / "python"
    installed = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"))
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (installed / "borrowed.pth").write_text("\n".join([*borrowed, ""]))
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps")
    run(*pip, wheel)
    place = run(python, "-c", "import datrnet; print(datrnet.__file__)", cwd=folder)
    assert Path(place).is_relative_to(environment.resolve()), place
    datrnet, workspace = environment / "bin" / "datrnet", folder / "workspace"
    run(datrnet, "demo", "--items", "60", "--workspace", workspace, cwd=folder)
    facts = json.loads(run(datrnet, "info", "--json", "--workspace", workspace, cwd=folder))
    assert facts["num_items"] == 60, facts
    assert run(datrnet, "--version", cwd=folder).split()[-1] == wheel.name.split("-")[1]


def run(*command: object, cwd: Path | None = None) -> str:
    """Run a command; return what it prints. What goes wrong is shown as it is."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


if __name__ == "__main__":
    main()
