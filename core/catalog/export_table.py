"""The table that an export writes, and that an import reads back without a change.

It has fixed columns, then three or more for each super-category, then one for each fact, whose kind
is in the name: ``color``, ``color set by``, ``price (money)``. A fact of the kind text needs none.
Where variants are rows, ``item`` names the item that they belong to; else ``variant facts`` has
them all as JSON.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from datrnet.core.catalog.mappings.draft import Draft
from datrnet.core.catalog.mappings.mapping import ColumnMapping, Use
from datrnet.core.catalog.mappings.mapping import Mapping as CatalogMapping
from datrnet.core.catalog.picture_check import ParsedRow, stored_path
from datrnet.core.catalog.plan import TablePlan
from datrnet.core.catalog.products import CatalogRow
from datrnet.core.catalog.sources.table import CatalogTable, Problem, Unit
from datrnet.core.catalog.values import fact_text, number_of
from datrnet.core.errors import DataError
from datrnet.db.rows import FACT_KINDS, FactColumn, LabelSource, NewItem, NewVariant, Unstated

FORMAT = "datrnet export"

FIXED: Mapping[str, Use] = {
    "id": "id",
    "title": "title",
    "picture": "image",
    "further pictures": "image",
    "split": "split",
    "group": "group",
    "hidden": "ignore",
}
"""Columns that every export has."""

ITEM = "item"
"""In a table of variants: the id of the item that a row belongs to."""
VARIANT_FACTS = "variant facts"
"""In a table of items: all variants, as JSON."""
ITEM_FACTS = "item facts"
"""In a table of variants: the item's own facts as JSON, where its first variant has others."""

OWNER, MODEL, CONFIDENCE = " set by", " model", " confidence"
"""After the name of a super-category: who set the label, what a model takes it for, how surely."""

ATTRIBUTE = "attribute"

_KIND = re.compile(rf"(.+) \(({'|'.join((ATTRIBUTE, *FACT_KINDS))})\)")
_PART = re.compile(r"((?:[^\\|]|\\.|\\$)*)(?:\||$)")
"""Of a cell with bars between texts, none of them after a backslash."""

_RESERVED = {*FIXED, ITEM, VARIANT_FACTS, ITEM_FACTS}

QUOTED_FORMATS = ("CSV", "TSV", "Excel workbook")
"""Files that spreadsheets open, in which a cell may be taken for a formula."""


# ── cells ────────────────────────────────────────────────────────────────────


def quoted(text: str) -> str:
    """Return a text with an apostrophe before it where a spreadsheet would take it for a formula.

    Numbers are left alone: ``-5`` does no harm.
    """
    is_formula = text.lstrip("'").startswith(("=", "+", "-", "@"))
    return f"'{text}" if is_formula and number_of(text) is None else text


def unquoted(text: str) -> str:
    """Return a text as it was before ``quoted``."""
    plain = text.removeprefix("'")
    return plain if quoted(plain) == text else text


def cell_of_texts(texts: Sequence[str]) -> str:
    """Return texts as one cell, with bars between them; a bar in a text gets a backslash."""
    escaped = (text.replace("\\", "\\\\").replace("|", "\\|") for text in texts)
    return " | ".join(escaped)


def texts_of_cell(text: str) -> tuple[str, ...]:
    """Return the texts of a cell of ``cell_of_texts``, or one written like it by hand."""
    plain = (re.sub(r"\\([\\|])", r"\1", part).strip() for part in _PART.findall(text))
    return tuple(part for part in plain if part)


# ── columns ──────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ExportColumns:
    """The names of the columns that super-categories and facts have."""

    attributes: Mapping[str, str]
    """By super-category."""
    facts: Mapping[str, str]
    """By fact."""

    @classmethod
    def of(cls, super_categories: Sequence[str], facts: Sequence[FactColumn]) -> "ExportColumns":
        """Return names that differ from one another and tell what they are."""
        taken = set(_RESERVED)
        attributes = {}
        for name in super_categories:
            attributes[name] = _column_name(name, ATTRIBUTE, taken, is_plain=True)
        for column in attributes.values():
            taken |= {(column + suffix).casefold() for suffix in (OWNER, MODEL, CONFIDENCE)}
        by_fact = {
            fact.name: _column_name(fact.name, fact.kind, taken, is_plain=fact.kind == "text")
            for fact in facts
        }
        return cls(attributes, by_fact)


def _column_name(name: str, kind: str, taken: set[str], *, is_plain: bool) -> str:
    is_telling = name.endswith((OWNER, MODEL, CONFIDENCE)) or _KIND.fullmatch(name) is not None
    if not is_plain or is_telling or name.casefold() in taken:
        name = f"{name} ({kind})"
    taken.add(name.casefold())
    return quoted(name)


def mapping_of_export(header: Sequence[str]) -> CatalogMapping | None:
    """Return what the columns of an export mean; None if it is a table of somebody else."""
    if not FIXED.keys() <= set(header):
        return None
    owners = {name.removesuffix(OWNER) for name in header if name.endswith(OWNER)}
    columns = {name: _mapped(name, owners) for name in header}
    return CatalogMapping(name=FORMAT, columns=columns)


def _mapped(column: str, owners: set[str]) -> ColumnMapping:
    """Return what a column is; the plain names of super-categories are among the owners."""
    if column in FIXED:
        return ColumnMapping(use=FIXED[column], separator="")
    suffixes = (OWNER, MODEL, CONFIDENCE)
    is_about_label = any(column.endswith(s) and column.removesuffix(s) in owners for s in suffixes)
    if column in _RESERVED or (is_about_label and column not in owners):
        return ColumnMapping(use="ignore")
    kind: Use = "attribute" if column in owners else "text"
    name = unquoted(column)
    if found := _KIND.fullmatch(name):
        kinds: dict[str, Use] = {ATTRIBUTE: "attribute", **{k: k for k in FACT_KINDS}}
        name, kind = found[1], kinds[found[2]]
    return ColumnMapping(use=kind, name=name, separator="")


def draft_of_export(table: CatalogTable, mapping: CatalogMapping) -> Draft:
    """Return the table of an export with the cells of several texts taken apart."""
    draft = Draft.of(table)
    lists = {name for name, column in mapping.columns.items() if column.use == "attribute"}
    for name, cells in draft.columns.items():
        if table.format in QUOTED_FORMATS:
            cells[:] = [unquoted(cell) if isinstance(cell, str) else cell for cell in cells]
        if name in lists or name == "further pictures":
            cells[:] = [texts_of_cell(cell) if isinstance(cell, str) else cell for cell in cells]
    return draft


# ── items ────────────────────────────────────────────────────────────────────


def items_of_export(
    draft: Draft, plan: TablePlan, rows: Sequence[CatalogRow], root: Path, unit: Unit
) -> tuple[list[ParsedRow], list[Problem]]:
    """Return the items of an export, with what only exports say.

    Args:
        draft: The table.
        plan: What its columns mean.
        rows: Its good rows.
        root: The workspace's folder.
        unit: What the line numbers count.
    """
    place = {line: row for row, line in enumerate(draft.lines)}
    cards: dict[str, list[CatalogRow]] = {}
    for row in rows:
        cards.setdefault(draft.text(ITEM, place[row.line]) or row.code, []).append(row)
    items: list[ParsedRow] = []
    problems: list[Problem] = []
    reader = _ExportReader(draft, plan, root)
    for code, same in cards.items():
        try:
            items.append(reader.item(code, same, place[same[0].line]))
        except DataError as error:
            line, message, hint = same[0].line, error.message, error.hint
            problems.append(Problem(line=line, message=message, hint=hint, unit=unit))
    return items, problems


class _ExportReader:
    """Makes items of the rows of an export."""

    def __init__(self, draft: Draft, plan: TablePlan, root: Path) -> None:
        self._draft = draft
        self._root = root
        self._kinds = {column.name: kind for column, kind in plan.fact_columns}
        self._owners = {column.name: column.column + OWNER for column in plan.of_use("attribute")}
        has_variants = ITEM in draft.columns or VARIANT_FACTS in draft.columns
        self._unstated: frozenset[Unstated] = plan.unstated
        if not has_variants:
            self._unstated |= {"variants"}

    def item(self, code: str, rows: Sequence[CatalogRow], place: int) -> ParsedRow:
        """Return an item.

        Args:
            code: Its id.
            rows: The rows of its variants, or its only row.
            place: The first one's place in the table.

        Raises:
            DataError: A cell of JSON is damaged.
        """
        leader = rows[0]
        facts = leader.facts
        if own := self._draft.text(ITEM_FACTS, place):
            facts = self._facts(_parsed(own, ITEM_FACTS, dict))
        pictures = leader.pictures
        item = NewItem(
            code=code,
            title=leader.title,
            picture_path=stored_path(pictures[0], self._root) if pictures else "",
            split=leader.split,
            group=leader.group,
            labels=leader.labels,
            facts=facts,
            variants=tuple(self._variants(code, rows, place, facts)),
            is_hidden=fact_text("boolean", self._draft.text("hidden", place)) == "yes",
            sources=dict(self._sources(place)),
            unstated=self._unstated if pictures else self._unstated | {"picture"},
        )
        return ParsedRow(
            line=leader.line,
            item=item,
            picture=pictures[0] if pictures else None,
            views=pictures[1:],
            num_rows=len(rows),
        )

    def _sources(self, place: int) -> Iterator[tuple[str, LabelSource]]:
        known: dict[str, LabelSource] = {source: source for source in get_args(LabelSource)}
        for name, column in self._owners.items():
            if (source := known.get(self._draft.text(column, place))) is not None:
                yield name, source

    def _variants(
        self, code: str, rows: Sequence[CatalogRow], place: int, own: Mapping[str, str]
    ) -> Iterator[NewVariant]:
        if len(rows) > 1 or rows[0].code != code:
            yield from (NewVariant(code=row.code, facts=row.facts) for row in rows)
        elif packed := self._draft.text(VARIANT_FACTS, place):
            for variant in _parsed(packed, VARIANT_FACTS, list):
                if not isinstance(variant, dict) or not isinstance(variant.get("id"), str):
                    raise _damaged(VARIANT_FACTS)
                facts = variant.get("facts")
                stated = {**own, **facts} if isinstance(facts, dict) else own
                yield NewVariant(code=variant["id"], facts=self._facts(stated))

    def _facts(self, facts: Mapping[str, object]) -> dict[str, str]:
        """Return facts in canonical form, empty where there is none; what cannot be read is not."""
        read = {
            name: fact_text(self._kinds.get(name, "text"), str(fact)) if fact else ""
            for name, fact in facts.items()
        }
        return {name: text for name, text in read.items() if text is not None}


def packed_variants(variants: Sequence[NewVariant], own: Mapping[str, str]) -> str:
    """Return variants as one cell of JSON: what differs from the item's own facts, null if lacking.

    Args:
        variants: Of an item; without any, the cell is empty.
        own: The item's facts.
    """
    lacking = dict.fromkeys(own)
    packed = [
        {
            "id": variant.code,
            "facts": {
                name: text
                for name, text in {**lacking, **variant.facts}.items()
                if text != own.get(name)
            },
        }
        for variant in variants
    ]
    return json.dumps(packed, ensure_ascii=False) if packed else ""


def _parsed(text: str, column: str, kind: type) -> Any:
    """Return the list or object that a cell holds.

    Raises:
        DataError: It is not JSON, or of another kind.
    """
    try:
        value = json.loads(text)
    except ValueError:
        raise _damaged(column) from None
    if not isinstance(value, kind):
        raise _damaged(column)
    return value


def _damaged(column: str) -> DataError:
    return DataError(
        f"The cell of {column!r} is not the JSON that datrnet wrote.",
        hint=f"Export the catalog again, or remove the column {column!r}.",
    )
