"""The whole database of a workspace, behind one object.

    with Store.open(path) as store:
        store.search_titles("blue shirt")

A store may be shared between threads: they take turns. Every call is one transaction; to see one
state through several calls, put them in ``with store.reading():``.
"""

from datrnet.db.evaluations import EvaluationTable
from datrnet.db.items import ItemTables
from datrnet.db.labels import LabelTables
from datrnet.db.pairs import PairTable
from datrnet.db.runs import RunTables
from datrnet.db.sessions import SessionTables


class Store(ItemTables, LabelTables, PairTable, RunTables, EvaluationTable, SessionTables):
    """Items, labels, runs, generations, evaluations, sessions: see the classes it is made of."""
