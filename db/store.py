"""The database of a workspace.

    with Store.open(path) as store:
        store.search_titles("blue shirt")

Threads may share a store: they take turns. Every call is a transaction; to see the same state in
several calls, put them into ``with store.reading():``.
"""

from datrnet.db.items import ItemTables
from datrnet.db.labels import LabelTables
from datrnet.db.runs import RunTables
from datrnet.db.sessions import SessionTables


class Store(ItemTables, LabelTables, RunTables, SessionTables):
    """Items and labels, runs and indexes, sessions: see the classes that it is made of."""
