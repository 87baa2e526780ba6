"""The explorer between pipes: ids in, a person at the terminal, ids out."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from datrnet.console.output import is_terminal, print_json
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, DataError, DatrnetError
from datrnet.core.text import inert

TERMINAL = "/dev/tty"
"""The terminal that the program was started from, wherever its streams lead."""


@contextmanager
def terminal_streams() -> Iterator[None]:
    """Let all three standard streams be the terminal, and afterwards be what they were.

    The change is made to the numbers 0, 1 and 2 themselves: whatever asks for the terminal's size,
    its keys or its abilities then finds it, in this program and in those that it starts.

    Raises:
        DatrnetError: There is no terminal.
    """
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, f"__{name}__") is None:  # closed by the caller
            setattr(sys, f"__{name}__", getattr(sys, name))
    redirected = [number for number in (0, 1, 2) if not os.isatty(number)]
    if not redirected:
        yield
        return
    _flush()
    terminal = _open_terminal()
    kept = {number: os.dup(number) for number in redirected}
    try:
        for number in redirected:
            os.dup2(terminal, number)
        yield
    finally:
        _flush()
        for number, own in kept.items():
            os.dup2(own, number)
            os.close(own)
        os.close(terminal)


def _open_terminal() -> int:
    try:
        return os.open(TERMINAL, os.O_RDWR)
    except OSError as error:
        raise DatrnetError(
            "The explorer needs a terminal.", mend="Use `datrnet search` in scripts."
        ) from error


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()


def read_ids(source: str) -> tuple[str, ...]:
    """Return the ids of items, one a line, from a file or with ``-`` from standard input.

    Raises:
        ConfigError: Standard input is the keyboard, which the explorer needs.
        DataError: The file cannot be read.
    """
    if source == "-":
        if sys.stdin.isatty():
            raise ConfigError(
                "There are no ids on standard input.",
                mend="Pipe them in, one a line: cut -f1 ids.txt | datrnet browse --items -",
            )
        content = sys.stdin.buffer.read()
    else:
        try:
            content = Path(source).expanduser().read_bytes()
        except OSError as error:
            raise DataError(
                f"{source} cannot be read: {error.strerror}.",
                mend="Name a file of ids, one a line, or - for standard input.",
            ) from error
    lines = content.decode("utf-8-sig", "replace").splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def print_picked(workspace: Workspace, codes: Sequence[str], *, as_json: bool) -> None:
    """Print what was picked: an id a line, or objects with titles and labels.

    Raises:
        DatabaseError: The catalogue cannot be read.
    """
    if not as_json:
        for code in codes:
            print(inert(code) if is_terminal() else code)
        return
    from datrnet.core.sessions.shortlists import items_of

    with workspace.open_store() as store:
        print_json(items_of(Catalog.load(store), codes))
