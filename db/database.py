"""SQL on an open file, with the names that sqlite-utils has for it.

sqlite-utils itself brings a command line and a parser of dates along, which takes a tenth of the
time in which the explorer is to be there; what it does well is asked of it when a file is made.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Parameters = Iterable[Any] | Mapping[str, Any]
"""What stands in a statement's question marks, or in its names."""


class Database:
    """A thin dress over a connection."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        """Dress an open connection."""
        self.conn = conn

    def execute(self, sql: str, parameters: Parameters = ()) -> sqlite3.Cursor:
        """Run one statement."""
        if not isinstance(parameters, Mapping):
            parameters = tuple(parameters)
        return self.conn.execute(sql, parameters)

    def query(self, sql: str, parameters: Parameters = ()) -> Iterator[dict[str, Any]]:
        """Give the rows of a question as dictionaries by column."""
        cursor = self.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        return (dict(zip(names, row, strict=True)) for row in cursor)

    def commit(self) -> None:
        """Keep what the transaction has written."""
        self.conn.commit()

    def rollback(self) -> None:
        """Take back what the transaction has written."""
        self.conn.rollback()

    def close(self) -> None:
        """Close the file."""
        self.conn.close()
