"""A session asked again of the index of today."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DatrnetError
from datrnet.core.progress import StepProgress, no_progress
from datrnet.core.retrieval.request import Query, Substitute
from datrnet.core.retrieval.search import Searcher
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
    workspace: Workspace,
    searcher: Searcher,
    steps: Sequence[Step],
    k: int,
    on_progress: StepProgress = no_progress,
) -> tuple[Answered, ...]:
    """Return every step with its first ``k`` substitutes; one that cannot be asked says why."""
    query_of_picture = cache(lambda path: _query_of_picture(workspace, searcher, Path(path)))
    answers = []
    for done, step in enumerate(steps, start=1):
        answers.append(_answered(searcher, step, k, query_of_picture))
        on_progress(done, len(steps))
    return tuple(answers)


def _answered(
    searcher: Searcher, step: Step, k: int, query_of_picture: Callable[[str], Query]
) -> Answered:
    try:
        if step.picture:
            query = query_of_picture(step.picture)
        else:
            query = searcher.query_of_item(searcher.catalog.row_of_code(step.item))
        found = searcher.substitutes(query, step.request(searcher, k))
    except DatrnetError as error:
        return Answered(step=step, problem=str(error))
    return Answered(step=step, title=query.title, substitutes=tuple(found))


def _query_of_picture(workspace: Workspace, searcher: Searcher, path: Path) -> Query:
    # only a picture that is no item's needs the networks, and with them torch
    from datrnet.core.indexing.embedder import query_of_picture
    from datrnet.core.models.run_folder import RunFolder

    run = RunFolder.open(workspace.models / searcher.generation.manifest.run_name)
    return query_of_picture(run, path)
