"""The plan of the house: how large modules are, who imports them, what they are called."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("console", "core", "db", "tui")

MOST_LINES = 450
"""Of a module, all lines counted."""

FEWEST_LINES = 60
"""A module with fewer that only one other imports belongs into that one."""

MOST_MODULES = 291
MOST_CODE_LINES = 41_900
"""Without docstrings, comments and blank lines. Delete what a change makes unnecessary."""

NOUNS = {"attribute_based", "embedding", "indexing", "listing", "mapping", "ranking", "training"}
"""Names that end like a participle and are none."""


@cache
def modules() -> dict[str, Path]:
    """Return every module of the package with its path; a package by its own name."""
    folders = [(ROOT / name).rglob("*.py") for name in FOLDERS]
    paths = [*ROOT.glob("*.py"), *chain.from_iterable(folders)]
    names = {}
    for path in paths:
        parts = path.relative_to(ROOT).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        names[".".join(("datrnet", *parts))] = path
    return names


@cache
def imports() -> dict[str, set[str]]:
    """Return the modules that each module imports, in functions and for types only too."""
    known = modules()
    found: dict[str, set[str]] = defaultdict(set)
    for name, path in known.items():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = str(node.module)
                inner = [f"{base}.{alias.name}" for alias in node.names]
                targets = [target if target in known else base for target in inner]
            else:
                continue
            found[name].update(target for target in targets if target in known and target != name)
    return found


def code_lines(path: Path) -> int:
    """Return how many lines of a module are neither docstring, comment nor blank."""
    text = path.read_text("utf-8")
    told: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring
            told.update(range(node.lineno, (node.end_lineno or 0) + 1))
    lines = text.splitlines()
    return sum(
        1
        for number, line in enumerate(lines, start=1)
        if number not in told and line.strip() and not line.lstrip().startswith("#")
    )


def small_with_one_importer() -> Iterator[str]:
    """Yield the small modules that only one other module imports."""
    importers: dict[str, set[str]] = defaultdict(set)
    for name, targets in imports().items():
        for target in targets:
            importers[target].add(name)
    for name, path in modules().items():
        is_package = path.name == "__init__.py"
        if not is_package and len(importers[name]) == 1 and num_lines(path) < FEWEST_LINES:
            yield name


def num_lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def test_no_module_is_too_long() -> None:
    long = {
        str(path.relative_to(ROOT)): num_lines(path)
        for path in modules().values()
        if num_lines(path) > MOST_LINES
    }
    assert not long


def test_a_small_module_has_several_importers() -> None:
    assert not list(small_with_one_importer()), "merge each into the module that imports it"


def test_the_package_keeps_its_budget() -> None:
    paths = modules().values()
    num_code_lines = sum(map(code_lines, paths))
    print(f"{len(paths)} modules of {MOST_MODULES}, {num_code_lines} lines of {MOST_CODE_LINES}")
    assert len(paths) <= MOST_MODULES
    assert num_code_lines <= MOST_CODE_LINES


def test_no_module_is_called_by_a_participle() -> None:
    names = {name.rpartition(".")[2] for name in modules()}
    bad = {name for name in names if re.search(r"(ing|ed)$", name.split("_")[-1])}
    assert bad - NOUNS == set()


def test_no_class_name_is_used_twice() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for name, path in modules().items():
        for node in ast.parse(path.read_text("utf-8")).body:  # a widget's nested messages may agree
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(name)
    assert not {name: found for name, found in homes.items() if len(found) > 1}
