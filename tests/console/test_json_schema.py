"""What commands print with --json is what the schema in the package says, key by key."""

import json
import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from typer.testing import Result

from datrnet.core.catalog.workspace import Workspace

Run = Callable[..., Result]

SCHEMA = json.loads((files("datrnet.core.api") / "output.schema.json").read_text("utf-8"))

TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "null": (type(None),),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}


def faults(value: Any, schema: Any, place: str = "") -> Iterator[str]:
    """Yield where a value is not as a schema says, or has a key that it does not name."""
    if "$ref" in schema:
        yield from faults(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], place)
        return
    if "anyOf" in schema:
        if all(list(faults(value, option, place)) for option in schema["anyOf"]):
            yield f"{place}: {value!r} is none of {schema['anyOf']}"
        return
    if "const" in schema or "enum" in schema:
        if value not in schema.get("enum", [schema.get("const")]):
            yield f"{place}: {value!r}"
        return
    kinds = schema.get("type", list(TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    is_flag = isinstance(value, bool) and "boolean" not in kinds
    if is_flag or not any(isinstance(value, TYPES[kind]) for kind in kinds):
        yield f"{place}: {value!r} is no {' or '.join(kinds)}"
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from faults(item, schema.get("items", {}), f"{place}[{number}]")
    elif isinstance(value, dict) and "properties" in schema:
        known = schema["properties"]
        for name in {*value, *schema["required"]}:
            if name not in value or name not in known:
                yield f"{place}.{name} is {'missing' if name not in value else 'not in the schema'}"
            else:
                yield from faults(value[name], known[name], f"{place}.{name}")
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from faults(item, schema.get("additionalProperties", {}), f"{place}.{name}")


def check(result: Result, output: str) -> Any:
    """Compare what a command printed with the schema of an output, and return it."""
    assert result.exit_code in (0, 1), result.output
    printed = json.loads(result.stdout)
    assert list(faults(printed, SCHEMA["outputs"][output])) == []
    assert isinstance(printed, list) or printed["version"] == SCHEMA["version"]
    return printed


def test_what_only_reads_prints_what_the_schema_says(run: Run, ready: Path, shop: Path) -> None:
    for output, *words in (
        ("search", "search", "item-1", "--set", "colour=black", "--where", "pattern=plain"),
        ("search", "search", shop.parent / "images" / "3.png", "--take", "colour=item-3"),
        ("import --dry-run", "import", shop, "--dry-run"),
        ("evaluate", "evaluate", "--changes", 2),
        ("info", "info", "--check"),
        ("doctor", "doctor"),
        ("map", "map"),
        ("review doubts", "review", "doubts"),
        ("review doubts", "review", "doubts", "--unlabeled"),
        ("review duplicates", "review", "duplicates"),
        ("review gaps", "review", "gaps"),
        ("attribute list", "attribute", "list"),
        ("attribute list NAME", "attribute", "list", "colour"),
        ("session list", "session", "list"),
        ("experiment", "experiment"),
    ):
        check(run(ready, *words, "--json"), output)


def test_what_changes_prints_what_the_schema_says(
    run: Run, copied: Workspace, shop: Path, tmp_path: Path
) -> None:
    with copied.open_store() as store:
        session = store.start_session("explorer")
        for item in ("item-1", "item-99"):
            step = {"item": item, "changes": {"colour": "Black"}, "weights": {"pattern": 2}}
            store.add_step(session, "change", json.dumps(step))
        store.set_shortlist(session, ["item-2", "item-99"])
    run(copied.root, "label", "set", "item-1", "colour=blue")
    run(copied.root, "review", "judge", "item-1", "item-7", "--as", "duplicate")
    for output, *words in (
        ("label history", "label", "history"),
        ("review duplicates --marked", "review", "duplicates", "--marked"),
        ("remove", "remove", "item-5", "--hide"),
        ("unhide", "unhide", "--all"),
        ("undo", "undo"),
        ("redo", "redo"),
        ("history", "history"),
        ("import", "import", shop),
        ("index", "index"),
        ("session show", "session", "show"),
        ("session replay", "session", "replay"),
        ("session shortlist", "session", "shortlist"),
        ("prune", "prune", "--yes"),
        ("export", "export", tmp_path / "out.csv"),
        ("export --format coco", "export", tmp_path / "coco", "--format", "coco"),
    ):
        assert check(run(copied.root, *words, "--json"), output)


def test_the_schema_refuses_what_it_does_not_name(run: Run, ready: Path) -> None:
    printed = json.loads(run(ready, "search", "item-1", "-k", 1, "--json").stdout)
    printed["substitutes"][0]["rank"] = "1"
    printed["surplus"] = 1
    del printed["index"]
    found = "\n".join(sorted(faults(printed, SCHEMA["outputs"]["search"])))
    assert re.findall(r"^\.([\w.\[\]]+)", found, re.MULTILINE) == [
        "index",
        "substitutes[0].rank",
        "surplus",
    ]
