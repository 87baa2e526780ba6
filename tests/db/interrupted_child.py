"""Opens databases in children that die on the way; a process of its own, which is cheap to fork.

Each line that it reads says how the child ends, the place where, how many children open the
database at once, and its path; it answers with their exit codes, negative if a signal killed one.
"""

import json
import os
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

from datrnet.core.errors import DatabaseError
from datrnet.db.store import Store

OPENED, REFUSED = 0, 3


def main() -> None:
    """Answer every line until there are no more."""
    for line in sys.stdin:
        kind, place, number, path = json.loads(line)
        children = [open_in_child(Path(path), ENDS[kind], place) for _ in range(number)]
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(json.dumps(codes), flush=True)


def open_in_child(path: Path, prepare: Callable[[int], None], place: int) -> int:
    """Open a store in a child process, and return the child's id."""
    child = os.fork()
    if child == 0:
        try:
            prepare(place)
            Store.create(path).close()
            os._exit(OPENED)
        except DatabaseError:
            os._exit(REFUSED)
        finally:
            os._exit(1)
    return child


def exit_at_statement(number: int) -> None:
    """Let this process die before the n-th statement that it executes on a file."""
    connect, numbers = sqlite3.connect, count(1)

    def die(_: str) -> None:
        if next(numbers) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def connect_traced(*arguments: object, **options: object) -> sqlite3.Connection:
        connection = connect(*arguments, **options)  # type: ignore[call-overload]
        if arguments != (":memory:",):
            connection.set_trace_callback(die)
        return connection  # type: ignore[no-any-return]

    sqlite3.connect = connect_traced  # type: ignore[assignment]


def fail_beyond(num_bytes: int) -> None:
    """Let a write beyond a size fail, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, num_bytes))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def exit_beyond(num_bytes: int) -> None:
    """Let a write beyond a size kill this process."""
    fail_beyond(num_bytes)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)


ENDS: Mapping[str, Callable[[int], None]] = {
    "killed": exit_beyond,
    "disk full": fail_beyond,
    "statement": exit_at_statement,
    "none": lambda _: None,
}

if __name__ == "__main__":
    main()
