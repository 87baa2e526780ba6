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

MOST_MODULES = 241
MOST_CODE_LINES = 25_050
"""Without docstrings, comments and blank lines. Both only go down."""

LARGER = {"tui/screens/substitutes.py": 560, "tui/widgets/pickers.py": 470}
"""Modules that are still too long, with how long they may be."""

PLUGS = {
    "datrnet.tui.textual_patches.compositor",
    "datrnet.tui.textual_patches.install",
    "datrnet.tui.textual_patches.late_replies",
    "datrnet.tui.widgets.prototype_line",
    "datrnet.tui.widgets.review_list",
    "datrnet.tui.widgets.tab_line",
}
"""Small modules with one importer that stay: entries of a registry, one of several backends,
patches that go when the library fixes what they work around."""

CIRCLES = 17
"""Modules that import each other, directly or through others, whenever they do."""

NOUNS = {"attribute_based", "drawing", "embedding", "indexing", "ranking", "setting", "training"}
"""Names that end like a participle and are none."""

PARTICIPLES = {"fitting", "listing", "opening", "renewing", "resuming", "writing"}
"""Names that are still to be replaced; none may be added."""


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


def circles() -> list[set[str]]:
    """Return the sets of modules that can all reach each other (Tarjan)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for target in imports()[name]:
            if target not in order:
                visit(target)
            if target in stack:
                lowest[name] = min(lowest[name], lowest[target])
        if lowest[name] == order[name]:
            place = stack.index(name)
            circle = set(stack[place:])
            del stack[place:]
            if len(circle) > 1:
                found.append(circle)

    for name in modules():
        if name not in order:
            visit(name)
    return found


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
        if num_lines(path) > LARGER.get(str(path.relative_to(ROOT)), MOST_LINES)
    }
    assert not long


def test_a_small_module_has_several_importers_or_is_a_plug() -> None:
    found = set(small_with_one_importer())
    assert found - PLUGS == set(), "merge each into the module that imports it"


def test_modules_import_each_other_in_one_direction_only() -> None:
    found = circles()
    assert len(set().union(*found)) <= CIRCLES, found


def test_the_package_keeps_its_budget() -> None:
    paths = modules().values()
    num_code_lines = sum(map(code_lines, paths))
    print(f"{len(paths)} modules of {MOST_MODULES}, {num_code_lines} lines of {MOST_CODE_LINES}")
    assert len(paths) <= MOST_MODULES
    assert num_code_lines <= MOST_CODE_LINES


def test_no_module_is_called_by_a_participle() -> None:
    names = {name.rpartition(".")[2] for name in modules()}
    bad = {name for name in names if re.search(r"(ing|ed)$", name.split("_")[-1])}
    assert bad - NOUNS - PARTICIPLES == set()
