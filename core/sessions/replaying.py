"""A session asked again of the index of today."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from datrnet.core.errors import DatrnetError
from datrnet.core.retrieval.search import Searcher, Substitute
from datrnet.core.sessions.steps import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A step and what is found for it."""

    step: Step
    title: str = ""
    """Of the query."""
    substitutes: tuple[Substitute, ...] = ()
    problem: str = ""
    """Why nothing can be found, as where an item is gone."""


def replayed(
    searcher: Searcher,
    steps: Sequence[Step],
    k: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Answered, ...]:
    """Return every step with its first ``k`` substitutes; one that cannot be asked says why."""
    answers = []
    for done, step in enumerate(steps, start=1):
        answers.append(_answered(searcher, step, k))
        on_progress(done, len(steps))
    return tuple(answers)


def _answered(searcher: Searcher, step: Step, k: int) -> Answered:
    try:
        query = searcher.query_of_item(searcher.catalog.row_of_code(step.item))
        found = searcher.substitutes(query, step.request(searcher, k))
    except DatrnetError as error:
        return Answered(step=step, problem=str(error))
    return Answered(step=step, title=query.title, substitutes=tuple(found))
