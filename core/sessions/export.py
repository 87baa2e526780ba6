"""Export sessions and shortlists as CSV, JSON, or an HTML page with pictures."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.pictures import Picture
from datrnet.core.catalog.thumbnails import inline_jpeg
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError, DataError, requirement
from datrnet.core.models.run_folder import write_atomically
from datrnet.core.retrieval.request import Substitute
from datrnet.core.sessions.steps import ReplayedStep, read_step
from datrnet.core.text import sanitize
from datrnet.db.connection import now
from datrnet.db.rows import SessionRow, StepRow

SUFFIXES = (".csv", ".json", ".html")

PICTURE_SIZE = 180
"""Side of a picture on a page, in pixels."""

STEP_COLUMNS = ("step", "action", "made_at", "item", "asked")
RESULT_COLUMNS = ("rank", "id", "title", "distance", "problem")

SIGNS = {True: "✓", False: "✗", None: "·"}
"""Whether a value is a wanted one; the page has a legend."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionSheet:
    """A replayed session to export."""

    workspace: Workspace
    catalog: Catalog
    session: SessionRow
    steps: tuple[ReplayedStep, ...]

    @classmethod
    def of_search(
        cls,
        workspace: Workspace,
        catalog: Catalog,
        facts: Mapping[str, Any],
        title: str,
        found: Sequence[Substitute],
    ) -> "SessionSheet":
        """Return the results of a search that need not be in a session.

        Args:
            workspace: Has the pictures.
            catalog: All items.
            facts: The search, as a step of a session keeps it.
            title: Title of the query.
            found: The results.
        """
        row = StepRow(
            id=0,
            session_id=0,
            position=1,
            action="query",
            request_json=json.dumps(facts),
            made_at=now(),
        )
        step = read_step(row)
        name = f"Substitutes of {step.subject}"
        return cls(
            workspace=workspace,
            catalog=catalog,
            session=SessionRow(id=0, name=name, started_at=row.made_at, updated_at=row.made_at),
            steps=(ReplayedStep(step=step, title=title, substitutes=tuple(found)),),
        )


def export_session(path: Path, sheet: SessionSheet) -> None:
    """Write a session to a .csv, .json or .html file.

    Raises:
        ConfigError: The suffix is another one, or Jinja2 is not installed.
        DataError: The file cannot be written.
    """
    page = {
        "session": sheet.session,
        "steps": sheet.steps,
        "verdicts": _verdicts,
        "picture": cache(partial(_jpeg, sheet.workspace, sheet.catalog)),
    }
    rows = [STEP_COLUMNS + RESULT_COLUMNS, *_session_rows(sheet)]
    _write(path, "session", rows, session_facts(sheet), page)


def export_shortlist(
    path: Path, workspace: Workspace, catalog: Catalog, name: str, codes: Sequence[str]
) -> None:
    """Write the items of a shortlist to a .csv, .json or .html file.

    Args:
        path: The file.
        workspace: Has the pictures.
        catalog: All items.
        name: Name of the session.
        codes: The items on its shortlist.

    Raises:
        ConfigError: The suffix is another one, or Jinja2 is not installed.
        DataError: The file cannot be written.
    """
    items = shortlist_facts(catalog, codes)
    names = [category.name for category in catalog.super_categories]
    rows = [
        [item["id"], item["title"] or "", *(item["labels"].get(name) or "" for name in names)]
        for item in items
    ]
    page = {"name": name, "items": items, "picture": cache(partial(_jpeg, workspace, catalog))}
    _write(path, "shortlist", [["id", "title", *names], *rows], items, page)


def session_facts(sheet: SessionSheet) -> dict[str, Any]:
    """Return a replayed session as plain values for JSON."""
    return {
        "session": sheet.session.id or None,
        "name": sheet.session.name,
        "started_at": sheet.session.started_at,
        "steps": [
            {
                **{name: value for name, value in asdict(replayed.step).items() if name != "trail"},
                "item": replayed.step.item or None,
                "picture": replayed.step.picture or None,
                "title": replayed.title,
                "problem": replayed.problem or None,
                "substitutes": [
                    {
                        "rank": found.rank,
                        "id": found.code,
                        "title": found.title,
                        "distance": found.distance,
                        "labels": found.label_texts,
                        "agreement": dict(found.agreement),
                    }
                    for found in replayed.substitutes
                ],
            }
            for replayed in sheet.steps
        ],
    }


def shortlist_facts(catalog: Catalog, codes: Sequence[str]) -> list[dict[str, Any]]:
    """Return items as plain values for JSON; a deleted item has no title and no labels."""
    items = []
    for code in codes:
        row = catalog.find_code(code)
        items.append(
            {
                "id": code,
                "title": catalog.titles[row] if row is not None else None,
                "labels": catalog.label_texts(row) if row is not None else {},
                "in_catalog": row is not None,
                "in_catalogue": row is not None,  # until 0.3 (spelling:keep)
            }
        )
    return items


def check_file(path: Path, what: str) -> None:
    """Raise if a file cannot be written, before its content is computed.

    Args:
        path: The file.
        what: Its content in a word, for the error.

    Raises:
        ConfigError: The suffix is unknown.
        DataError: The path is a folder, or its folder does not exist.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError(
            f"A {what} cannot be exported to {path.name!r}: unknown suffix.",
            hint=f"Use one of {', '.join(SUFFIXES)}.",
        )
    if path.is_dir() or not path.parent.is_dir():
        why = f"{path} is a folder" if path.is_dir() else f"there is no folder {path.parent}"
        raise DataError(f"The {what} cannot be written: {why}.", hint="Choose another file.")


def _write(
    path: Path,
    what: str,
    rows: Iterable[Sequence[object]],
    facts: object,
    page: Mapping[str, object],
) -> None:
    """Write rows, facts, or a page with the template's variables, as the path's suffix says."""
    check_file(path, what)
    match path.suffix.lower():
        case ".csv":
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(rows)
            content = text.getvalue()
        case ".json":
            content = json.dumps(facts, indent=1, ensure_ascii=False)
        case _:
            content = _rendered(f"{what}.html.j2", page)
    try:
        write_atomically(path, content)
    except OSError as error:
        raise DataError(
            f"The {what} cannot be written to {path}: {error.strerror}.",
            hint="Choose another file.",
        ) from error


def _session_rows(sheet: SessionSheet) -> Iterable[Sequence[object]]:
    """Yield a row for each result of each step; a step without results has one row."""
    for replayed in sheet.steps:
        step = replayed.step
        head = (step.position, step.action, step.made_at, step.subject, step.words)
        for found in replayed.substitutes:
            yield *head, found.rank, found.code, found.title, f"{found.distance:.6f}", ""
        if not replayed.substitutes:
            yield *head, "", "", "", "", replayed.problem


def _rendered(template: str, variables: Mapping[str, object]) -> str:
    """Return a self-contained page; all text is escaped and sanitized.

    Raises:
        ConfigError: Jinja2 is not installed.
    """
    with requirement("The page needs", otherwise="or export to .csv or .json."):
        from jinja2 import Environment, PackageLoader, StrictUndefined
    environment = Environment(
        loader=PackageLoader("datrnet.core.sessions"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: sanitize(value) if type(value) is str else value,
    )
    return environment.get_template(template).render(moment=_minute, **variables)


def _minute(stamp: str) -> str:
    """Return a UTC time to the minute."""
    return f"{stamp[:16].replace('T', ' ')} UTC"


def _verdicts(found: Substitute) -> Sequence[tuple[str, str]]:
    """Return each super-category with the value carried and its sign."""
    return [
        (name, f"{SIGNS[agrees]} {found.label_texts[name] or 'no label'}")
        for name, agrees in found.agreement.items()
    ]


def _jpeg(workspace: Workspace, catalog: Catalog, subject: str) -> str:
    """Return a JPEG in base64 for an item's code or a path; empty if it cannot be read."""
    row, source = catalog.find_code(subject), Picture(Path(subject))
    if row is not None:
        source = workspace.picture(catalog.picture_paths[row])
    return inline_jpeg(source, PICTURE_SIZE)
