"""Write the parts of the documentation that commands produce.

make docs                                             docs/cli.md from every command's --help,
                                                      docs/keys.md from the explorer's bindings,
                                                      docs/settings.md from the schema,
                                                      the reference in docs/api.md from docstrings,
                                                      docs/json.md and its JSON Schema from types
python tools/write_docs.py --check                    fail where one of them is out of date
python tools/write_docs.py --results WORKSPACE NAME   docs/results/NAME.md from a workspace
python tools/write_docs.py --experiments WORKSPACE NAME
                                                      docs/results/NAME/ from its experiments
"""

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from json_schemas import attributes_of, json_page, schema_file
from PIL import Image
from textual.keys import format_key
from typer.testing import CliRunner

import datrnet
from datrnet.cli import COMMANDS, LazyCommand, app
from datrnet.core.api.answer import Answer, FoundItem
from datrnet.core.api.catalog import ImportChoices, MovedItems
from datrnet.core.api.export import ExportChoices
from datrnet.core.api.findings import Doubt, Doubts
from datrnet.core.api.items import Embeddings, Item, Items
from datrnet.core.api.shop import Shop, TrainedRun
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.preferences import settings_table, template
from datrnet.core.research.report.sections import experiment_folders
from datrnet.tui.keymap import default_entries

ROOT = Path(__file__).resolve().parent.parent
API = (
    *(Shop, Answer, FoundItem, Items, Item, Embeddings, Doubts, Doubt),
    *(ImportChoices, ExportChoices, TrainedRun, MovedItems),
)
"""The classes of the library's reference, in order."""

INTERNAL = {
    *("at", "card", "catalog", "picture_of", "plan", "predictions", "query"),
    *(
        "searcher",
        "substitutes",
        "asked",
        "to_facts",
        "thumbnails",
        "workspace",
        "start_run",
        "table",
    ),
    *("train_run", "unfinished_run", "finished_run"),
}
"""What the commands use and the promise does not cover."""

FENCE = "```"

REFERENCE = "# Reference\n"
"""The heading below which docs/api.md is written."""

WITH_PHOTOS = ("sheets", "activation-maps")
"""Kinds of experiments whose pictures show the catalog's own."""

WIDEST = 1400
"""Pixels of a picture in the docs."""

TRAINED = (
    ("index", "info"),
    ("the test split, weights chosen on validation", "evaluate --split test --changes 3"),
    (
        "the same with the paper's equal weights",
        "evaluate --split test --changes 3 --equal-weights",
    ),
    ("the validation split", "evaluate --split validation --changes 1"),
)
DEMO = (
    ("a shop that the shipped weights never saw", "demo --seed 202"),
    ("its whole catalog as the gallery", "evaluate --split all --changes 2"),
    ("its test split as the gallery", "evaluate --split test --changes 2"),
)


def main() -> int:
    """Do what the arguments ask for."""
    if sys.argv[1:2] == ["--results"]:
        workspace, name = str(Path(sys.argv[2]).resolve()), sys.argv[3]
        page = ROOT / "docs" / "results" / f"{name}.md"
        page.parent.mkdir(exist_ok=True)
        page.write_text(results_page(workspace, name), "utf-8")
        return 0
    if sys.argv[1:2] == ["--experiments"]:
        copy_experiments(Path(sys.argv[2]).resolve(), sys.argv[3])
        return 0
    stale = 0
    pages = {
        "docs/json.md": json_page(),
        "core/api/output.schema.json": schema_file(),
        "docs/api.md": api_page(),
        "docs/cli.md": cli_page(),
        "docs/keys.md": keys_page(),
        "docs/settings.md": settings_page(),
    }
    for name, text in pages.items():
        path = ROOT / name
        if "--check" not in sys.argv[1:]:
            path.write_text(text, "utf-8")
        elif path.read_text("utf-8") != text:
            print(f"{name} is out of date; run `make docs`.", file=sys.stderr)
            stale = 1
    return stale


def cli_page() -> str:
    """Return the page of all commands: the help of the live command tree, 100 columns wide."""
    os.environ |= {"COLUMNS": "100", "TERMINAL_WIDTH": "100", "NO_COLOR": "1", "TERM": "dumb"}
    runner, parts = CliRunner(), ["# Commands\n\nWritten by `make docs` from the live commands.\n"]
    for words in [[], *command_paths()]:
        shown = runner.invoke(app, [*words, "--help"], prog_name="datrnet", catch_exceptions=False)
        lines = "\n".join(line.rstrip() for line in shown.stdout.strip("\n").splitlines())
        parts.append(f"## {' '.join(['datrnet', *words])}\n\n```text\n{lines}\n```\n")
    return "\n".join(parts)


def command_paths() -> Iterator[list[str]]:
    """Yield the words of every command and subcommand, in the order of ``datrnet --help``."""
    for commands in COMMANDS.values():
        for name in commands:
            yield [name]
            command = LazyCommand(name).load()
            yield from ([name, subcommand] for subcommand in getattr(command, "commands", {}))


def api_page() -> str:
    """Return the page of the library: what is written by hand, and the reference."""
    by_hand = (ROOT / "docs" / "api.md").read_text("utf-8").partition(REFERENCE)[0]
    parts = [f"{by_hand}{REFERENCE}\n", "Written by `make docs` from the docstrings.\n"]
    for thing in (datrnet.open, *API):
        parts += [f"## {title_of(thing)}\n", markdown_of(thing)]
        parts += [f"### {name}\n\n{text}" for name, text in members_of(thing)]
    return "\n".join(parts)


def title_of(thing: Any, prefix: str = "") -> str:
    """Return the name of a function with its parameters, or that of a class."""
    name = f"datrnet.{thing.__name__}" if thing is datrnet.open else thing.__name__
    if isinstance(thing, type):
        return f"`{name}`"
    words = []
    for parameter in inspect.signature(thing).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in words:
            words.append("*")
        value = "" if parameter.default is parameter.empty else f"={default_of(parameter.default)}"
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        stars = "*" if parameter.kind is parameter.VAR_POSITIONAL else stars
        words += [] if parameter.name == "self" else [f"{stars}{parameter.name}{value}"]
    return f"`{prefix}{name}({', '.join(words)})`"


def default_of(value: Any) -> str:
    """Return the default of a parameter as it is written."""
    return value.__name__ if callable(value) else repr(value)


def members_of(thing: Any) -> Iterator[tuple[str, str]]:
    """Yield the public members of a class: their titles, and what they are."""
    if not isinstance(thing, type):
        return
    owners = [owner for owner in thing.__mro__[::-1] if owner.__module__.startswith("datrnet.")]
    told: set[str] = set()
    for owner in owners:
        for name, text in attributes_of(owner).items():
            if name not in told | INTERNAL:
                told.add(name)
                yield f"`{name}`", markdown(text)
        for name, member in vars(owner).items():
            is_public = not name.startswith("_") or name == "__getitem__"
            if not is_public or name in told | INTERNAL or not getattr(member, "__doc__", ""):
                continue
            if isinstance(member, property | cached_property):
                yield f"`{name}`", markdown_of(member)
            elif inspect.isfunction(member) and member.__module__.startswith("datrnet."):
                title = f"`{thing.__name__}[item_id]`"
                if name == "__getitem__" and "item_id" not in inspect.signature(member).parameters:
                    continue
                yield title if name == "__getitem__" else title_of(member), markdown_of(member)
            told.add(name)


def markdown_of(thing: Any) -> str:
    """Return the docstring of something as Markdown."""
    return markdown(inspect.getdoc(thing) or "")


def markdown(text: str) -> str:
    """Return a docstring as Markdown: its sections as lists, its examples as blocks."""
    parts = []
    for part in text.split("\n\n"):
        heading, _, rest = part.partition(":\n")
        if heading in ("Args", "Raises", "Returns"):
            entries = re.split(r"\n(?=\S)", textwrap.dedent(rest))
            lines = [" ".join(entry.replace("``", "`").split()) for entry in entries]
            if heading == "Returns":
                parts.append(f"Returns: {lines[0]}")
            else:
                title = {"Args": "Parameters", "Raises": "Errors"}[heading]
                pairs = [line.partition(": ") for line in lines]
                listed = "\n".join(f"- `{name}`: {words}" for name, _, words in pairs)
                parts.append(f"{title}:\n\n{listed}")
        elif part.startswith(">>>"):
            parts.append(f"{FENCE}pycon\n{part}\n{FENCE}")
        else:
            parts.append(part.replace("``", "`"))
    return "\n\n".join(parts) + "\n"


def keys_page() -> str:
    """Return the page of the explorer's keys, by the part of the screen they work in."""
    groups: dict[str, list[str]] = {}
    for entry in default_entries():
        keys = " ".join(f"`{sign_of(key)}`" for key in entry.default_keys)
        rows = groups.setdefault(entry.title, [])
        rows.append(f"| {keys} | {entry.description} | `{entry.id}` |")
    parts = [
        "# Keys of the explorer\n\n"
        "Written by `make docs`; `?` in the explorer shows those in force. Any of them can be\n"
        "changed by its name: [settings.md](settings.md).\n"
    ]
    for title, rows in groups.items():
        head = ["| keys | what they do | name |", "|---|---|---|"]
        parts.append("\n".join([f"## {title}\n", *head, *rows, ""]))
    return "\n".join(parts)


def sign_of(key: str) -> str:
    """Return how a key is written: a sign as itself, others by their names."""
    sign = format_key(key)
    return sign if len(sign) == 1 and sign.isascii() else key


def settings_page() -> str:
    """Return the page on the configuration file: its settings, names of keys, its template."""
    return f"""# Settings

Written by `make docs` from the schema.

The configuration file is TOML. `datrnet config path` prints where it is, the environment variable
`DATRNET_CONFIG` names another place, `datrnet config init` writes the template below. `set`,
`unset` and `edit` of `datrnet config` change it, and so does a theme chosen in the explorer;
comments stay. `datrnet config schema --json` prints a JSON Schema, for editors. Every mistake in
the file is reported with its line; the setting then has its default, and all others apply.

{settings_table()}

## Keys

Every action has a name, listed in [keys.md](keys.md) and by `datrnet config keys`. Under `[keys]`,
give an action other keys, separated by commas: signs as themselves or by name (`/` or `slash`,
`comma`), letters as typed (`G`), others by name (`pagedown`, `f5`), with `ctrl+`, `alt+` or
`shift+` before. Two actions available at the same time cannot share a key. Names that begin with
`catalogue.` are from version 0.1 and work until 0.3.

## The template

```toml
{template().rstrip()}
```
"""


def results_page(workspace: str, name: str) -> str:
    """Return the figures of a workspace, each below the command that gave them."""
    parts = [
        f"# Results on {name}\n\n"
        f"Written by `python tools/write_docs.py --results WORKSPACE {name}`; every block is the "
        "output of the command in its first line.\n"
    ]
    if name != "demo":
        parts.append(how_it_was_made(Path(workspace)))
    for title, command in DEMO if name == "demo" else TRAINED:
        text = output(*command.split(), "--workspace", workspace)
        text = text.replace(str(Path(workspace).resolve()), "WORKSPACE")
        parts.append(f"## {title}\n\n```text\n$ datrnet {command}\n{text}\n```\n")
    return "\n".join(parts)


def copy_experiments(workspace: Path, name: str) -> None:
    """Copy the pages and pictures of a workspace's experiments, small enough for a repository.

    A shop's photos are not ours to publish: only the demo's own drawings are.
    """
    target = ROOT / "docs" / "results" / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    listed = [
        f"# Experiments on {name}\n",
        f"Written by `python tools/write_docs.py --experiments WORKSPACE {name}` from the outcomes "
        "of `datrnet experiment`; every page names its command.\n",
        "The workspace is that of `datrnet demo`, with the weights that come along.\n"
        if name == "demo"
        else f"How the workspace was made: [../{name}.md](../{name}.md).\n",
    ]
    for folder in experiment_folders(Workspace(workspace)):
        facts = json.loads((folder / "outcome.json").read_text("utf-8"))
        page = (folder / f"{folder.name}.md").read_text("utf-8")
        for picture in facts["pictures"]:
            line = f"![{Path(picture).stem}]({picture})\n"
            if facts["kind"] in WITH_PHOTOS and name != "demo":
                page = page.replace(line, "The picture shows a shop's photos and stays with it.\n")
                continue
            copied = f"{folder.name}-{picture}" if picture != f"{folder.name}.png" else picture
            page = page.replace(f"]({picture})", f"]({copied})")
            with Image.open(folder / picture) as opened:
                opened.thumbnail((WIDEST, WIDEST))
                opened.quantize(128).save(target / copied, optimize=True)
        (target / f"{folder.name}.md").write_text(page, "utf-8")
        listed.append(f"- [{facts['title']}]({folder.name}.md)")
    (target / "README.md").write_text("\n".join([*listed, ""]), "utf-8")


def how_it_was_made(workspace: Path) -> str:
    """Return the commands before the first figure, and how long training took."""
    facts = json.loads(output("info", "--json", "--workspace", str(workspace)))
    names = " ".join(f"--attribute {category['name']}" for category in facts["super_categories"])
    run = json.loads((workspace / "models" / facts["index"]["run"] / "run.json").read_text("utf-8"))
    log = workspace / "models" / facts["index"]["run"] / "log.jsonl"
    epochs = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    minutes = sum(epoch["seconds"] for epoch in epochs) / 60
    return (
        "## how it was made\n\n```text\n"
        f"$ datrnet import catalog.csv {names}\n"
        f"$ datrnet train --config {run['config']['name']}\n"
        "$ datrnet index\n```\n\n"
        f"Training took {minutes:.0f} minutes: the sum over the {len(epochs)} epochs of "
        "`log.jsonl`, on two CPU cores.\n"
    )


def output(*arguments: str) -> str:
    """Return what a datrnet command prints, 100 columns wide, without color."""
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
