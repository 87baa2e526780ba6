"""A shortlist in a file: CSV or JSON for programs, a page with pictures for people."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.sessions.files import PagePictures, page, write_by_ending

TEMPLATE = "shortlist.html.j2"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShortlistSheet:
    """A shortlist, and where its items and pictures lie."""

    workspace: Workspace
    catalog: Catalog
    name: str
    """Of the session."""
    codes: tuple[str, ...]


def export_shortlist(path: Path, sheet: ShortlistSheet) -> None:
    """Write a shortlist into a file whose ending says how: .csv, .json or .html.

    Raises:
        ConfigError: The ending is another one, or the page's library is not installed.
        DataError: The file cannot be written.
    """
    items = items_of(sheet.catalog, sheet.codes)
    writers: dict[str, Callable[[], str]] = {
        ".csv": lambda: _csv(sheet.catalog, items),
        ".json": lambda: json.dumps(items, indent=1, ensure_ascii=False),
        ".html": lambda: page(
            TEMPLATE,
            name=sheet.name,
            items=items,
            picture=PagePictures(sheet.workspace, sheet.catalog).of,
        ),
    }
    write_by_ending(path, writers, "shortlist")


def items_of(catalog: Catalog, codes: Sequence[str]) -> list[dict[str, Any]]:
    """Return items as plain values, for JSON; one that is gone has no title and no labels."""
    items = []
    for code in codes:
        row = catalog.find_code(code)
        items.append(
            {
                "id": code,
                "title": catalog.titles[row] if row is not None else None,
                "labels": catalog.labels_of(row) if row is not None else {},
                "in_catalogue": row is not None,
            }
        )
    return items


def _csv(catalog: Catalog, items: Sequence[dict[str, Any]]) -> str:
    """Return a row for each item, with a column for each super-category."""
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    names = [one.name for one in catalog.super_categories]
    rows.writerow(["id", "title", *names])
    for item in items:
        labels = [item["labels"].get(name) or "" for name in names]
        rows.writerow([item["id"], item["title"] or "", *labels])
    return written.getvalue()
