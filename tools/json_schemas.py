"""The JSON Schema of what commands print with ``--json``, and the page about it.

``make docs`` writes core/api/output.schema.json and docs/json.md from the types that the commands
are checked against.
"""

import ast
import inspect
import json
import textwrap
from collections import abc
from dataclasses import fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from datrnet.console.doctor import Finding
from datrnet.core.api import json_facts as facts
from datrnet.core.api import sentence_facts, session_facts
from datrnet.core.api.findings import Doubt, Suggestion
from datrnet.core.api.info import IndexState
from datrnet.core.api.json_text import VERSION
from datrnet.core.catalog.export import TableSummary
from datrnet.core.catalog.importer import ImportSummary
from datrnet.core.catalog.like import LikeSummary
from datrnet.core.catalog.picture_sets import PictureSetSummary
from datrnet.core.evaluation.metrics import Estimate
from datrnet.core.evaluation.protocol import Assessment
from datrnet.core.graphics.terminal import Terminal
from datrnet.core.research.adde_export import ExportSummary
from datrnet.core.sessions.steps import Step
from datrnet.db.rows import HistoryStep, LabelChange, SessionRow
from datrnet.tui.keymap import KeyEntry

Schema = dict[str, Any]

OUTPUTS: dict[str, Any] = {
    "search": facts.SearchFacts,
    "search TEXT": sentence_facts.FoundFacts,
    "browse --pick": list[facts.ShortlistFacts],
    "import": ImportSummary,
    "import --dry-run": facts.ImportPreviewFacts,
    "export": TableSummary,
    "export --like": LikeSummary,
    "export --format adde": ExportSummary,
    "export --format coco": PictureSetSummary,
    "train": facts.TrainFacts,
    "index": facts.IndexFacts,
    "index --shard": facts.ShardFacts,
    "evaluate": (Assessment, {"definition": str}),
    "info": (facts.WorkspaceFacts, {"index": IndexState}),
    "doctor": {
        "terminal": list[Finding],
        "software": list[Finding],
        "workspace": list[Finding],
        "answers": (Terminal, {"has_true_colours": bool | None}),  # spelling:keep
    },
    "map": list[facts.PointFacts],
    "review doubts": list[Doubt],
    "review duplicates": list[facts.DuplicateGroupFacts],
    "review duplicates --marked": list[facts.MarkedPairFacts],
    "review gaps": list[facts.GapFacts],
    "label history": list[LabelChange],
    "label suggest": list[Suggestion],
    "label suggest --apply": list[LabelChange],
    "attribute list": list[facts.AttributeFacts],
    "attribute list NAME": list[facts.ValueFacts],
    "remove": facts.MovedFacts,
    "unhide": facts.MovedFacts,
    "history": list[HistoryStep],
    "undo": {"undone": HistoryStep | None},
    "redo": {"redone": HistoryStep | None},
    "prune": facts.PruneFacts,
    "session list": list[session_facts.SessionFacts],
    "session show": (SessionRow, {"steps": list[Step]}),
    "session replay": session_facts.ReplayFacts,
    "session shortlist": list[facts.ShortlistFacts],
    "config show": {"path": str, "settings": list[dict[str, Any]]},
    "config keys": list[KeyEntry],
    "experiment": list[facts.ExperimentFacts],
    "experiment NAME": facts.OutcomeFacts,
    "compare": facts.OutcomeFacts,
}
"""What each command prints: a type; a type with further keys; or keys with their types."""

LEFT_OUT = {"Problem": {"file"}}
"""Keys that may be missing, by type."""


class Definitions:
    """The schemas of classes, each once."""

    def __init__(self) -> None:
        self.found: dict[str, Schema] = {}

    def of(self, hint: Any) -> Schema:
        """Return the schema of a type."""
        origin, parts = get_origin(hint), get_args(hint)
        if isinstance(hint, dict):
            return self._object(hint, {}, "")
        if isinstance(hint, tuple):
            kind, more = hint
            base = self.of_class(kind)
            return self._extended(base, more)
        if origin in (Union, UnionType):
            options = [self.of(part) for part in parts]
            plain = [it["type"] for it in options if set(it) == {"type"}]
            if len(plain) == len(options):
                return {"type": sorted(plain, key=lambda name: name == "null")}
            return {"anyOf": options}
        if origin is Literal:
            return {"enum": list(parts)}
        if origin is tuple and parts[-1] is not Ellipsis:
            return {"type": "array", "prefixItems": [self.of(part) for part in parts]}
        if origin in (list, tuple, abc.Sequence):
            return {"type": "array", "items": self.of(parts[0])}
        if origin in (dict, abc.Mapping):
            return {"type": "object", "additionalProperties": self.of(parts[1])}
        if is_typeddict(hint) or is_dataclass(hint):
            name = hint.__name__
            if name not in self.found:
                self.found[name] = {}  # a type may contain itself
                self.found[name] = self.of_class(hint)
            return {"$ref": f"#/$defs/{name}"}
        names = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}
        if hint in names:
            return {"type": names[hint]}
        return {"type": "string"} if hint is Path else {} if hint is Any else {"type": "object"}

    def of_class(self, kind: Any) -> Schema:
        """Return the schema of a class, written out."""
        hints = get_type_hints(kind)
        if kind is Estimate:  # NaN without queries
            hints = {name: hint | None for name, hint in hints.items()}
        shown = [it.name for it in fields(kind)] if is_dataclass(kind) else hints
        return self._object({name: hints[name] for name in shown}, attributes_of(kind), kind)

    def _object(self, hints: dict[str, Any], words: dict[str, str], kind: Any) -> Schema:
        properties = {}
        for name, hint in hints.items():
            schema = self.of(hint)
            if name in words:
                schema = {"description": plain(words[name]), **schema}
            properties[name] = schema
        optional = LEFT_OUT.get(getattr(kind, "__name__", ""), set())
        schema = {"type": "object", "properties": properties}
        if isinstance(kind, type) and kind.__doc__:
            schema = {"description": plain(inspect.cleandoc(kind.__doc__)), **schema}
        return schema | {"required": [name for name in properties if name not in optional]}

    def _extended(self, base: Schema, more: dict[str, Any]) -> Schema:
        further = self._object(more, {}, None)
        return base | {
            "properties": base["properties"] | further["properties"],
            "required": [*base["required"], *(it for it in more if it not in base["required"])],
        }


def plain(text: str) -> str:
    """Return a docstring as one line."""
    return " ".join(text.split()).replace("``", "`")


def attributes_of(owner: type) -> dict[str, str]:
    """Return the documented attributes of a class, from the strings below them."""
    found: dict[str, str] = {}
    for base in reversed(owner.__mro__):
        if not base.__module__.startswith("datrnet."):
            continue
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        assert isinstance(node, ast.ClassDef)
        made = [it for it in node.body if isinstance(it, ast.FunctionDef) and it.name == "__init__"]
        for body in (node.body, *(method.body for method in made)):
            for first, second in pairwise(body):
                target = first.target if isinstance(first, ast.AnnAssign) else None
                target = first.targets[0] if isinstance(first, ast.Assign) else target
                is_told = isinstance(second, ast.Expr) and isinstance(second.value, ast.Constant)
                if is_told and isinstance(target, ast.Name | ast.Attribute):
                    name = target.id if isinstance(target, ast.Name) else target.attr
                    found[name] = inspect.cleandoc(str(second.value.value))
    return found


def output_schema() -> Schema:
    """Return the schema of all outputs."""
    definitions = Definitions()
    outputs = {}
    for command, hint in OUTPUTS.items():
        is_class = is_typeddict(hint) or is_dataclass(hint)
        schema = definitions.of_class(hint) if is_class else definitions.of(hint)
        if schema["type"] == "object":
            versioned = {"version": {"const": VERSION}, **schema["properties"]}
            schema |= {"properties": versioned, "required": ["version", *schema["required"]]}
        outputs[command] = schema
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What the commands of datrnet print with --json",
        "version": VERSION,
        "outputs": outputs,
        "$defs": dict(sorted(definitions.found.items())),
    }


def schema_file() -> str:
    """Return the schema as the package ships it."""
    return json.dumps(output_schema(), indent=1, ensure_ascii=False) + "\n"


def json_page() -> str:
    """Return the page of all outputs: a table of keys for each command and each class."""
    schema = output_schema()
    parts = [HEAD]
    for command, output in schema["outputs"].items():
        is_list = output["type"] == "array"
        inner = output["items"] if is_list else output
        parts.append(f"## datrnet {command}\n")
        if "$ref" in inner:
            parts.append(f"A list of {link_of(inner)}.\n" if is_list else f"{link_of(inner)}.\n")
        else:
            parts.append(("A list of objects:\n\n" if is_list else "") + keys_of(inner))
    parts.append("# Objects\n")
    for name, definition in schema["$defs"].items():
        about = definition.get("description", "").replace("|", "\\|")
        parts.append(f"## {name}\n\n{about}\n\n{keys_of(definition)}")
    return "\n".join(parts)


def keys_of(schema: Schema) -> str:
    """Return the table of an object's keys."""
    rows = ["| key | value | |", "|---|---|---|"]
    for name, value in schema["properties"].items():
        about = value.get("description", "").replace("|", "\\|")
        optional = "" if name in schema["required"] else "may be missing; "
        rows.append(f"| `{name}` | {words_of(value)} | {optional}{about} |")
    return "\n".join([*rows, ""])


def words_of(schema: Schema) -> str:
    """Return a type in words."""
    if "$ref" in schema:
        return link_of(schema)
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(it)}`" for it in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(map(words_of, schema["anyOf"]))
    if "prefixItems" in schema:
        return f"[{', '.join(map(words_of, schema['prefixItems']))}]"
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {words_of(schema['items'])}"
    if "additionalProperties" in schema:
        return f"object of {words_of(schema['additionalProperties'])}"
    return " or ".join(kind) if isinstance(kind, list) else kind


def link_of(schema: Schema) -> str:
    """Return a link to the object that a reference names."""
    name = schema["$ref"].rpartition("/")[2]
    return f"[{name}](#{name.lower()})"


HEAD = f"""# What commands print with --json

Written by `make docs` from the types that the commands are checked against. The JSON Schema is
[core/api/output.schema.json](../core/api/output.schema.json), which the package ships as
`datrnet/core/api/output.schema.json`; below `outputs` it has each command.

The version is {VERSION}. An object has it as `version`; a list has none, so that its version
is that of the schema. The version changes when a key goes or gets another meaning; new keys may
come at any time. What cannot be computed is null, never NaN. All text is ASCII with escapes.
`datrnet config get`, `datrnet config schema` and `datrnet experiment --show` print a value or
settings as they are.

# Commands
"""
