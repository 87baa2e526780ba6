"""The steps of a mapping backward: which cells of a file must change for a corrected label.

Each step is undone for single cells. Where rows share a cell of their product, it changes only if
all of them agree; what a file cannot say in its own way is refused with the reason.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from datrnet.core.catalog.mappings.cells import split_texts, unpack
from datrnet.core.catalog.mappings.draft import Draft
from datrnet.core.catalog.mappings.steps import (
    Blank,
    Default,
    Fill,
    Json,
    MergeRows,
    Overrides,
    OwnPictures,
    Packed,
    Pairs,
    Parents,
    Paths,
    Pivot,
    Step,
    Words,
    first_rows,
)
from datrnet.core.catalog.sources.table import CatalogTable, Cell, texts_of
from datrnet.core.catalog.values import SHARES
from datrnet.core.text import fold

Place = tuple[int, str]
"""A cell: the line of its row, and its column."""

Texts = tuple[str, ...]
"""What a cell should say; nothing empties it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A cell to change."""

    texts: Texts
    sources: frozenset[Place]
    """The cells of the unpacked table that it is changed for."""


@dataclass(slots=True)
class Edits:
    """The cells of a table to change, and those of the unpacked table that cannot be."""

    cells: dict[Place, Edit]
    refused: dict[Place, str] = field(default_factory=dict)
    """With the reason."""


def undo_steps(
    table: CatalogTable,
    steps: Sequence[Step],
    wanted: Mapping[Place, Texts],
    free_lines: Collection[int] = (),
    other_names: Mapping[str, str] | None = None,
) -> Edits:
    """Return what to change in a table, so that its steps give what is wanted.

    Args:
        table: As it is in the file.
        steps: What unpacks it.
        wanted: What cells of the unpacked table should say.
        free_lines: Rows that agree with any change, since they are no items of the catalog.
        other_names: Columns by the folded names that the steps have for them.
    """
    drafts = [Draft.of(table, other_names)]
    for step in steps:
        drafts.append(drafts[-1].copy())
        step.apply(drafts[-1])
    edits = {place: Edit(texts, frozenset((place,))) for place, texts in wanted.items()}
    refused: dict[Place, str] = {}
    for step, before in zip(reversed(steps), reversed(drafts[:-1]), strict=True):
        undone = _Undone(before, refused, frozenset(free_lines))
        _UNDO[type(step)](step, undone, edits)
        edits = undone.edits
    for place in [place for place in edits if place[1] not in table.columns]:
        refused |= dict.fromkeys(edits.pop(place).sources, "The file has no column for it.")
    return Edits(edits, refused)


def join_texts(texts: Texts, separator: str, like: str) -> str | None:
    """Return the texts of a cell as one; None if several cannot be separated.

    Args:
        texts: The texts.
        separator: Between them; empty if there is none.
        like: A cell with the same separator, which tells whether a space follows it.
    """
    if len(texts) > 1 and not separator:
        return None
    separator = "," if separator == SHARES else separator
    is_new = separator not in like
    is_spaced = f"{separator} " in like or (is_new and separator in (",", ";"))
    return (f"{separator} " if is_spaced else separator).join(texts)


class _Undone:
    """The table before a step, with the cells to change."""

    def __init__(self, before: Draft, refused: dict[Place, str], free_lines: Set[int]) -> None:
        self.before = before
        self.edits: dict[Place, Edit] = {}
        self._refused = refused
        self._free_lines = free_lines
        self._row_of = {line: row for row, line in enumerate(before.lines)}

    def row(self, place: Place) -> int:
        """Return the row of a cell."""
        return self._row_of[place[0]]

    def cell(self, row: int, column: str) -> Cell:
        """Return a cell as it is before the step, without a change."""
        cells = self.before.column(column)
        return "" if cells is None else cells[row]

    def text(self, row: int, column: str) -> str | None:
        """Return a cell as one text, with its change if there is one; None if it is a list."""
        place = (self.before.lines[row], self.before.find(column) or column)
        cell = self.cell(row, column)
        if place in self.edits:
            return "".join(self.edits[place].texts)
        return cell if isinstance(cell, str) else None

    def put(self, row: int, column: str, texts: Texts, edit: Edit) -> None:
        """Change a cell, for the sake of another change."""
        place = (self.before.lines[row], self.before.find(column) or column)
        earlier = self.edits.get(place)
        sources = edit.sources | (earlier.sources if earlier else frozenset())
        self.edits[place] = Edit(texts, sources)

    def refuse(self, edit: Edit, reason: str) -> None:
        """Leave a change out."""
        self._refused |= dict.fromkeys(edit.sources, reason)

    def put_shared(
        self, row: int, column: str, sharers: Collection[int], by_row: Mapping[int, Edit]
    ) -> None:
        """Change a cell that several rows inherit, if all of them want the same."""
        texts = {edit.texts for edit in by_row.values()}
        disagreeing = {r for r in sharers if self.before.lines[r] not in self._free_lines}
        sources = frozenset[Place]().union(*(edit.sources for edit in by_row.values()))
        edit = Edit(next(iter(texts)), sources)
        if len(texts) == 1 and by_row.keys() >= disagreeing:
            self.put(row, column, edit.texts, edit)
        else:
            reason = "Its product has one cell for all its versions; correct the others too."
            self.refuse(edit, reason)


_Undo = Callable[[Any, _Undone, Mapping[Place, Edit]], None]


def _undo_fill(step: Fill, undone: _Undone, edits: Mapping[Place, Edit]) -> None:
    before = undone.before
    keys = before.column(step.key) or [""] * len(before.lines)
    first = first_rows(keys)
    rows_of: dict[Cell, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        rows_of[key].append(row)
    left_out = {before.find(name) for name in (step.key, *step.besides)}
    shared: dict[tuple[int, str], dict[int, Edit]] = defaultdict(dict)
    for place, edit in edits.items():
        row, column = undone.row(place), place[1]
        lead = first[keys[row]]
        inherits = lead == row or not undone.cell(row, column)
        if keys[row] and inherits and before.find(column) not in left_out:
            shared[lead, column][row] = edit
        else:
            undone.put(row, column, edit.texts, edit)
    for (lead, column), by_row in shared.items():
        sharers = [r for r in rows_of[keys[lead]] if r == lead or not undone.cell(r, column)]
        undone.put_shared(lead, column, sharers, by_row)


def _undo_merge_rows(step: MergeRows, undone: _Undone, edits: Mapping[Place, Edit]) -> None:
    for place, edit in edits.items():
        if undone.before.find(place[1]) == undone.before.find(step.into):
            undone.refuse(edit, f"Several rows give {step.into!r} together.")
        else:
            undone.put(undone.row(place), place[1], edit.texts, edit)


def _undo_pivot(step: Pivot, undone: _Undone, edits: Mapping[Place, Edit]) -> None:
    before = undone.before
    is_long = None not in map(before.find, (step.key, step.name, step.value))
    for place, edit in edits.items():
        row, column = undone.row(place), place[1]
        if not is_long or before.find(column) is not None:
            undone.put(row, column, edit.texts, edit)
            continue
        key, name = undone.cell(row, step.key), fold(column)
        rows = [
            other
            for other in range(row, len(before.lines))
            if undone.cell(other, step.key) == key and fold(before.text(step.name, other)) == name
        ]
        if len(rows) == len(edit.texts) == 1:
            undone.put(rows[0], step.value, edit.texts, edit)
        else:
            undone.refuse(edit, f"The item has no single row for {column!r}.")


def _undo_nothing(_: Step, undone: _Undone, edits: Mapping[Place, Edit]) -> None:
    for place, edit in edits.items():
        undone.put(undone.row(place), place[1], edit.texts, edit)


def _undo_json(step: Json, undone: _Undone, edits: Mapping[Place, Edit]) -> None:
    for place, edit in edits.items():
        row, column = undone.row(place), place[1]
        packed = undone.text(row, step.column)
        try:
            record = json.loads(packed or "null")
        except ValueError:
            record = None
        fields = {fold(name): name for name in record} if isinstance(record, dict) else {}
        if undone.before.find(column) is not None:
            undone.put(row, column, edit.texts, edit)
        elif fold(column) in fields:
            value = list(edit.texts) if len(edit.texts) != 1 else edit.texts[0]
            text = json.dumps({**record, fields[fold(column)]: value}, ensure_ascii=False)
            undone.put(row, step.column, (text,), edit)
        else:
            undone.refuse(edit, f"{step.column!r} does not say it as a plain field.")


def _undo_pairs(step: Pairs, undone: _Undone, edits: Mapping[Place, Edit]) -> None:
    before = undone.before
    numbers = range(1, step.MOST)
    pairs = [(step.name.format(n=n), step.value.format(n=n)) for n in numbers]
    pairs = [pair for pair in pairs if all(map(before.find, pair))]
    for place, edit in edits.items():
        row, column = undone.row(place), place[1]
        folded = column.casefold()
        named = [value for name, value in pairs if before.text(name, row).casefold() == folded]
        if named:
            _put_joined(undone, row, named[-1], step.separator, edit)
        elif before.find(column) is not None:
            undone.put(row, column, edit.texts, edit)
        else:
            undone.refuse(edit, f"The row has no pair of columns for {column!r}.")


def _put_joined(undone: _Undone, row: int, column: str, separator: str, edit: Edit) -> None:
    text = join_texts(edit.texts, separator, undone.text(row, column) or "")
    if text is None:
        undone.refuse(edit, "The file has one value there.")
    else:
        undone.put(row, column, (text,), edit)


def _undo_packed(step: Packed, undone: _Undone, edits: Mapping[Place, Edit]) -> None:
    for place, edit in edits.items():
        row, column = undone.row(place), place[1]
        packed = undone.text(row, step.column)
        is_packed = undone.before.find(step.column) is not None and packed is not None
        fields = {name.casefold() for name in unpack(packed or "", step.separator, step.assign)}
        is_elsewhere = undone.cell(row, column) and column.casefold() not in fields
        value = join_texts(edit.texts, step.values, packed or "")
        if not is_packed or is_elsewhere:
            undone.put(row, column, edit.texts, edit)
        elif value is None or packed is None:
            undone.refuse(edit, "The file has one value there.")
        else:
            text = with_field(packed, column, value, step.separator, step.assign)
            undone.put(row, step.column, (text,), edit)


def with_field(text: str, name: str, value: str, separator: str, assign: str) -> str:
    """Return a packed text with another value of a field; an empty one removes the field."""
    kept: list[str] = []
    is_field, place, space = False, None, ""
    for part in text.split(separator) if text else []:
        head, sign, old = part.partition(assign)
        if sign and head.strip():
            is_field = head.strip().strip('"').casefold() == name.casefold()
            if is_field:
                place, name = len(kept), head
                space = old[: len(old) - len(old.lstrip())]
        if not is_field:
            kept.append(part)
    if value:
        needs_quotes = separator in value or assign in value
        doubled = value.replace('"', '""')
        packed = f'"{doubled}"' if needs_quotes else value
        kept.insert(len(kept) if place is None else place, f"{name}{assign}{space}{packed}")
    return separator.join(kept)


def _undo_paths(step: Paths, undone: _Undone, edits: Mapping[Place, Edit]) -> None:
    before = undone.before
    known = {w.casefold(): name for name, words in step.words.items() for w in words}
    is_path = before.find(step.column) is not None
    names = {name.casefold() for name in (step.leaf, *step.words)}
    for place, edit in edits.items():
        row, column = undone.row(place), place[1]
        text = undone.text(row, step.column)
        parts = _deepest(text or "", step)
        places = [p for p in parts if _path_column(p[1], known, step.leaf) == column.casefold()]
        if (
            not is_path
            or column.casefold() not in names
            or (not places and undone.cell(row, column))
        ):
            undone.put(row, column, edit.texts, edit)
        elif text is None or len(edit.texts) != 1 or not places:
            undone.refuse(edit, f"{step.column!r} cannot say it in a path.")
        else:
            start, old = places[-1]
            changed = text[:start] + edit.texts[0] + text[start + len(old) :]
            undone.put(row, step.column, (changed,), edit)


def _path_column(part: str, known: Mapping[str, str], leaf: str) -> str:
    return known.get(part.casefold(), leaf).casefold()


def _deepest(text: str, step: Paths) -> list[tuple[int, str]]:
    """Return the parts of the deepest path with the places where they start."""
    best: list[tuple[int, str]] = []
    start = 0
    for path in text.split(step.paths) if step.paths else [text]:
        parts, place = [], start
        for part in path.split(step.separator):
            if part.strip():
                parts.append((place + len(part) - len(part.lstrip()), part.strip()))
            place += len(part) + len(step.separator)
        best = max(best, parts, key=len)
        start += len(path) + len(step.paths)
    return best


def _undo_words(step: Words, undone: _Undone, edits: Mapping[Place, Edit]) -> None:
    known = {w.casefold(): name.casefold() for name, words in step.words.items() for w in words}
    names = {name.casefold() for name in step.words}
    for place, edit in edits.items():
        row, column = undone.row(place), place[1]
        text, folded = undone.text(row, step.column), column.casefold()
        has_tags = undone.before.find(step.column) is not None and text is not None
        if not has_tags or folded not in names or undone.cell(row, column):
            undone.put(row, column, edit.texts, edit)
            continue
        if any(known.get(value.casefold()) != folded for value in edit.texts):
            undone.refuse(edit, f"{edit.texts[0]!r} would not be recognized among the tags.")
            continue
        tags = split_texts(text or "", step.separator)
        old = next((n for n, t in enumerate(tags) if known.get(t.casefold()) == folded), len(tags))
        tags[old : old + 1] = edit.texts
        joined = join_texts(tuple(tags), step.separator, text or "")
        undone.put(row, step.column, (joined or "",), edit)


def _undo_parents(step: Parents, undone: _Undone, edits: Mapping[Place, Edit]) -> None:
    before = undone.before
    parent_of = step.parent_of(before)
    variants_of: dict[int, list[int]] = defaultdict(list)
    for variant, parent in parent_of.items():
        variants_of[parent].append(variant)
    shared: dict[tuple[int, str], dict[int, Edit]] = defaultdict(dict)
    for place, edit in edits.items():
        row, column = undone.row(place), place[1]
        if before.find(column) is None:
            undone.refuse(edit, "The file has no column for it.")
        elif row in parent_of and not undone.cell(row, column):
            shared[parent_of[row], column][row] = edit
        else:
            undone.put(row, column, edit.texts, edit)
            if row in parent_of:
                _put_in_lists(
                    step, undone, parent_of[row], variants_of[parent_of[row]], place, edit
                )
    for (parent, column), by_row in shared.items():
        sharers = [row for row in variants_of[parent] if not undone.cell(row, column)]
        undone.put_shared(parent, column, sharers, by_row)


def _put_in_lists(
    step: Parents, undone: _Undone, parent: int, variants: Sequence[int], place: Place, edit: Edit
) -> None:
    """Change a value in the lists that a product has of its variants."""
    before, column = undone.before, place[1]
    own = undone.cell(parent, column)
    listed = list(texts_of(own))
    if set(texts_of(undone.cell(undone.row(place), column))) <= set(listed):
        now: dict[str, None] = {}
        for row in variants:
            changed = undone.edits.get((before.lines[row], before.find(column) or column))
            now |= dict.fromkeys(changed.texts if changed else texts_of(undone.cell(row, column)))
        kept = [text for text in listed if text in now]
        if isinstance(own, tuple) or len(now) == 1:
            undone.put(parent, column, (*kept, *(text for text in now if text not in kept)), edit)
    children = undone.text(parent, step.children) if step.children else None
    if children is not None and step.children:
        key = before.text(step.key, undone.row(place))
        parts = [
            with_field(child, column, "/".join(edit.texts), ",", "=")
            if _is_child(child, step.key, key, column)
            else child
            for child in children.split("|")
        ]
        undone.put(parent, step.children, ("|".join(parts),), edit)


def _is_child(text: str, key_column: str, key: str, column: str) -> bool:
    """Tell whether a packed variant has a key and a field."""
    fields = {name.casefold(): value for name, value in unpack(text, ",", "=").items()}
    return fields.get(key_column.casefold()) == key and column.casefold() in fields


_UNDO: Mapping[type[Step], _Undo] = {
    Fill: _undo_fill,
    MergeRows: _undo_merge_rows,
    Pivot: _undo_pivot,
    **dict.fromkeys((Blank, Default, Overrides, OwnPictures), _undo_nothing),
    Json: _undo_json,
    Pairs: _undo_pairs,
    Packed: _undo_packed,
    Paths: _undo_paths,
    Words: _undo_words,
    Parents: _undo_parents,
}
