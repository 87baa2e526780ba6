"""A session in a file: CSV or JSON for programs, a page with pictures for people."""

import base64
import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from datrnet.core.data.catalog import Catalog
from datrnet.core.data.inert_text import inert
from datrnet.core.data.pictures import read_picture
from datrnet.core.data.workspace import Workspace
from datrnet.core.errors import ConfigError, DataError
from datrnet.core.models.run_folder import write_atomically
from datrnet.core.retrieval.search import Substitute
from datrnet.core.sessions.replaying import Answered
from datrnet.db.rows import SessionRow

TEMPLATE = "session.html.j2"

SIDE = 180
"""Pixels of a picture on the page."""

QUALITY = 82
"""Of its JPEG."""


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
    writers: dict[str, Callable[[SessionSheet], str]] = {
        ".csv": _csv,
        ".json": lambda one: json.dumps(facts_of(one), indent=1, ensure_ascii=False),
        ".html": _page,
    }
    if path.suffix.lower() not in writers:
        raise ConfigError(
            f"{path.name} has none of the endings that a session can be exported to.",
            mend=f"Use one of {', '.join(writers)}.",
        )
    content = writers[path.suffix.lower()](sheet)
    try:
        write_atomically(path, content)
    except OSError as error:
        raise DataError(
            f"The session cannot be written to {path}: {error.strerror}.",
            mend="Name another file.",
        ) from error


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
                "item": one.step.item,
                "title": one.title,
                "changes": dict(one.step.changes),
                "taken": dict(one.step.taken),
                "within": one.step.within,
                "where": {name: list(values) for name, values in one.step.where.items()},
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
        head = [step.position, step.action, step.made_at, step.item, step.words]
        for found in one.substitutes:
            distance = f"{found.distance:.6f}"
            rows.writerow([*head, found.rank, found.code, found.title, distance, ""])
        if not one.substitutes:
            rows.writerow([*head, "", "", "", "", one.problem])
    return written.getvalue()


def _page(sheet: SessionSheet) -> str:
    """Return a page that needs no other file; every text is escaped and made inert."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise ConfigError(
            "The page needs jinja2, which is absent.",
            mend='Install it with: pip install "datrnet[experiments]", or export to .csv or .json.',
        ) from error
    environment = Environment(
        loader=PackageLoader("datrnet.core.sessions"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: inert(value) if type(value) is str else value,
    )
    pictures = _Pictures(sheet)
    return environment.get_template(TEMPLATE).render(
        session=sheet.session,
        answers=sheet.answers,
        picture=pictures.of,
        verdicts=_verdicts,
        moment=_moment,
    )


SIGNS = {True: "✓", False: "✗", None: "·"}
"""Whether a value is the wanted one; the page explains them."""


def _verdicts(found: Substitute) -> Sequence[tuple[str, str]]:
    """Return for each super-category its name, and the value carried with its sign."""
    return [
        (name, f"{SIGNS[agrees]} {found.labels[name] or 'no label'}")
        for name, agrees in found.agreement.items()
    ]


def _moment(stamp: str) -> str:
    """Return a time in UTC to the minute."""
    return f"{stamp[:16].replace('T', ' ')} UTC"


class _Pictures:
    """The pictures of a page, each read once."""

    def __init__(self, sheet: SessionSheet) -> None:
        self._sheet = sheet
        self._known: dict[str, str] = {}

    def of(self, code: str) -> str:
        """Return an item's picture as a JPEG in base64, empty where there is none."""
        if code not in self._known:
            self._known[code] = self._read(code)
        return self._known[code]

    def _read(self, code: str) -> str:
        catalog = self._sheet.catalog
        if not catalog.has_code(code):
            return ""
        stored = catalog.picture_paths[catalog.row_of_code(code)]
        try:
            picture = read_picture(self._sheet.workspace.picture(stored), SIDE)
        except DataError:
            return ""
        written = io.BytesIO()
        white = (255, 255, 255)
        square = ImageOps.pad(picture, (SIDE, SIDE), Image.Resampling.LANCZOS, color=white)
        square.save(written, "JPEG", quality=QUALITY)
        return base64.b64encode(written.getvalue()).decode("ascii")
