"""The wheel holds what the repository holds."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from datrnet.core.errors import EXTRAS

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("console", "core", "db", "tui")


def test_every_package_is_listed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    on_disk = {
        "datrnet." + ".".join(init.parent.relative_to(ROOT).parts)
        for name in PACKAGES
        for init in (ROOT / name).rglob("__init__.py")
    }
    assert set(settings["packages"]) == on_disk | {"datrnet"}


def test_every_data_file_is_shipped() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    shipped = {
        path
        for package, patterns in settings["package-data"].items()
        for pattern in patterns
        for path in ROOT.joinpath(*package.split(".")[1:]).glob(pattern)
    }
    ignored = {"__pycache__"}
    present = {
        path
        for name in PACKAGES
        for path in (ROOT / name).rglob("*")
        if path.is_file() and path.suffix != ".py" and not ignored & set(path.parts)
    }
    assert present <= shipped


def test_every_module_lies_in_a_package() -> None:
    for name in PACKAGES:
        for module in (ROOT / name).rglob("*.py"):
            assert (module.parent / "__init__.py").exists(), f"{module.parent} lacks __init__.py"


def test_root_holds_no_stray_module() -> None:
    # every *.py in the root is shipped as datrnet.<name>
    assert {path.name for path in ROOT.glob("*.py")} == {"__init__.py", "__main__.py", "cli.py"}


# ── dependencies ─────────────────────────────────────────────────────────────

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PRIVATE = ("captum", "efficientnet-lite-pytorch", "textual", "torch", "typer")
"""Distributions whose private or unstable parts are used: a newer release may break them."""


TRAIN = (
    "core/indexing/activations.py",
    "core/models/datrnet.py",
    "core/models/embedding.py",
    "core/models/inference.py",
    "core/research/",
    "core/training/",
)
"""Modules that only load with the extra ``train``; others import them in a ``requirement``."""


def canonical(name: str) -> str:
    """Return a distribution's name as it is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*extras: str) -> dict[str, str]:
    """Return the requirement of each distribution that the package needs, with some extras."""
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return {canonical(re.split(r"[<>=!~;\[ ]", line)[0]): line for line in lines}


@cache
def distributions() -> dict[str, list[str]]:
    """Return the distributions that bring each package; one not installed has the same name."""
    found = packages_distributions()
    return {name: [name] for name in ("pymilvus", "milvus_lite", "openvino")} | dict(found)


@cache
def third_party(path: Path) -> frozenset[tuple[str, bool]]:
    """Return the third-party packages that a module imports, and whether it does so on loading."""
    return frozenset(_third_party(path))


def all_imported() -> set[str]:
    """Return the third-party packages that any module imports."""
    return {name for path in modules() for name, _ in third_party(path)}


def _third_party(path: Path) -> Iterator[tuple[str, bool]]:
    tree = ast.parse(path.read_text("utf-8"))
    deferred = {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.If)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [str(node.module)]
        else:
            continue
        for name in {name.partition(".")[0] for name in names}:
            if name not in sys.stdlib_module_names and name != "datrnet":
                yield name, id(node) not in deferred


def modules() -> list[Path]:
    """Return every module that is shipped."""
    return [
        *ROOT.glob("*.py"),
        *(path for name in PACKAGES for path in (ROOT / name).rglob("*.py")),
    ]


def test_every_import_is_declared() -> None:
    known = declared("experiments", "fast", "parquet", "pretrained", "scale", "train").keys()
    owners = distributions()
    missing = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules()
        for name, _ in third_party(path)
        if not known & {canonical(owner) for owner in owners[name]}
    }
    assert not missing


def test_what_only_an_extra_brings_is_not_needed_to_load_a_module() -> None:
    of_all, owners = declared().keys(), distributions()
    with_train = declared("train").keys()
    needed = {
        f"{path.relative_to(ROOT)} needs {name}"
        for path in modules()
        for name, on_loading in third_party(path)
        if on_loading
        and not (with_train if path.relative_to(ROOT).as_posix().startswith(TRAIN) else of_all)
        & {canonical(owner) for owner in owners[name]}
    }
    assert not needed


def test_an_error_names_the_extra_that_brings_what_is_missing() -> None:
    plain, owners = declared().keys(), distributions()
    imported = {name: {canonical(owner) for owner in owners[name]} for name in all_imported()}
    assert {name for name, of in imported.items() if not of & plain} == EXTRAS.keys()
    for name, extra in EXTRAS.items():
        assert imported[name] & declared(extra).keys(), f"{extra} does not bring {name}"


def test_every_dependency_is_imported() -> None:
    owners = distributions()
    imported = {canonical(owner) for name in all_imported() for owner in owners[name]}
    assert declared("experiments", "pretrained", "train").keys() <= imported


@pytest.mark.parametrize("name", PRIVATE)
def test_what_may_change_without_notice_has_an_upper_bound(name: str) -> None:
    assert "<" in declared("experiments", "pretrained", "train")[name]
