"""Write the parts of the documentation that commands produce.

make docs                                             docs/cli.md from every command's --help,
                                                      docs/keys.md from the explorer's bindings,
                                                      docs/settings.md from the schema
python tools/write_docs.py --check                    fail where one of them is out of date
python tools/write_docs.py --results WORKSPACE NAME   docs/results/NAME.md from a workspace
python tools/write_docs.py --experiments WORKSPACE NAME
                                                      docs/results/NAME/ from its experiments
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from textual.keys import format_key
from typer.testing import CliRunner

from datrnet.cli import COMMANDS, LazyCommand, app
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.preferences import settings_table, template
from datrnet.core.research.report.sections import experiment_folders
from datrnet.tui.keymap import default_entries

ROOT = Path(__file__).resolve().parent.parent
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
    pages = {"cli.md": cli_page(), "keys.md": keys_page(), "settings.md": settings_page()}
    for name, text in pages.items():
        path = ROOT / "docs" / name
        if "--check" not in sys.argv[1:]:
            path.write_text(text, "utf-8")
        elif path.read_text("utf-8") != text:
            print(f"docs/{name} is out of date; run `make docs`.", file=sys.stderr)
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
    names = " ".join(f"--attribute {one['name']}" for one in facts["super_categories"])
    run = json.loads((workspace / "models" / facts["index"]["run"] / "run.json").read_text("utf-8"))
    log = workspace / "models" / facts["index"]["run"] / "log.jsonl"
    epochs = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    minutes = sum(one["seconds"] for one in epochs) / 60
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
