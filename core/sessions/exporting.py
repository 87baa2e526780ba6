"""A session in a file: CSV or JSON for programs, a page with pictures for people."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.retrieval.request import Substitute
from datrnet.core.sessions.files import PagePictures, page, write_by_ending
from datrnet.core.sessions.replaying import Answered
from datrnet.db.rows import SessionRow

TEMPLATE = "session.html.j2"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionSheet:
    """A session with its answers, and where the pictures lie."""

    workspace: Workspace
    catalog: Catalog
    session: SessionRow
    answers: tuple[Answered, ...]


def export_session(path: Path, sheet: SessionSheet) -> None:
    """Write a session into a file whose ending says how: .csv, .json or .html.

    Raises:
        ConfigError: The ending is another one, or the page's library is not installed.
        DataError: The file cannot be written.
    """
    writers: dict[str, Callable[[], str]] = {
        ".csv": lambda: _csv(sheet),
        ".json": lambda: json.dumps(facts_of(sheet), indent=1, ensure_ascii=False),
        ".html": lambda: _page(sheet),
    }
    write_by_ending(path, writers, "session")


def facts_of(sheet: SessionSheet) -> dict[str, Any]:
    """Return a session with its answers as plain values, for JSON."""
    return {
        "session": sheet.session.id,
        "name": sheet.session.name,
        "started_at": sheet.session.started_at,
        "steps": [
            {
                "position": one.step.position,
                "action": one.step.action,
                "made_at": one.step.made_at,
                "item": one.step.item or None,
                "picture": one.step.picture or None,
                "title": one.title,
                "changes": dict(one.step.changes),
                "taken": dict(one.step.taken),
                "within": one.step.within,
                "where": {name: list(values) for name, values in one.step.where.items()},
                "any_of": {name: list(values) for name, values in one.step.any_of.items()},
                "weights": dict(one.step.weights),
                "problem": one.problem or None,
                "substitutes": [
                    {
                        "rank": found.rank,
                        "id": found.code,
                        "title": found.title,
                        "distance": found.distance,
                        "labels": dict(found.labels),
                        "agreement": dict(found.agreement),
                    }
                    for found in one.substitutes
                ],
            }
            for one in sheet.answers
        ],
    }


CSV_COLUMNS = (
    "step",
    "action",
    "made_at",
    "item",
    "asked",
    "rank",
    "id",
    "title",
    "distance",
    "problem",
)


def _csv(sheet: SessionSheet) -> str:
    """Return a row for each substitute of each step; a step without any has one of its own."""
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(CSV_COLUMNS)
    for one in sheet.answers:
        step = one.step
        head = [step.position, step.action, step.made_at, step.subject, step.words]
        for found in one.substitutes:
            distance = f"{found.distance:.6f}"
            rows.writerow([*head, found.rank, found.code, found.title, distance, ""])
        if not one.substitutes:
            rows.writerow([*head, "", "", "", "", one.problem])
    return written.getvalue()


def _page(sheet: SessionSheet) -> str:
    return page(
        TEMPLATE,
        session=sheet.session,
        answers=sheet.answers,
        picture=PagePictures(sheet.workspace, sheet.catalog).of,
        verdicts=_verdicts,
    )


SIGNS = {True: "✓", False: "✗", None: "·"}
"""Whether a value is the wanted one; the page explains them."""


def _verdicts(found: Substitute) -> Sequence[tuple[str, str]]:
    """Return for each super-category its name, and the value carried with its sign."""
    return [
        (name, f"{SIGNS[agrees]} {found.labels[name] or 'no label'}")
        for name, agrees in found.agreement.items()
    ]
