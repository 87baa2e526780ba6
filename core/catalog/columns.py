"""Tells what each column of a catalog is: by option, by mapping, by its name, or by its values.

A column is the id, a picture, the title, the split or the group of variants; an attribute, which
networks learn; a fact, which is shown, filtered and exported, but never learned; or nothing. The
plan gives the reason for each.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Literal

from datrnet.core.catalog.column_names import (
    DESCRIPTIONS,
    FACT_NAMES,
    NAMES,
    PERHAPS_GROUPS,
    SPLIT_WORDS,
    plain_name,
)
from datrnet.core.catalog.mappings.cells import split_texts
from datrnet.core.catalog.mappings.draft import Draft
from datrnet.core.catalog.mappings.mapping import ColumnMapping, Use
from datrnet.core.catalog.mappings.mapping import Mapping as CatalogMapping
from datrnet.core.catalog.plan import (
    CHOSEN,
    EMPTY,
    KNOWN,
    MIN_KIND_SHARE,
    ColumnChoices,
    ColumnPlan,
    TablePlan,
    check_pattern,
    is_of_kind,
)
from datrnet.core.catalog.sources.grid import is_picture_name, picture_separator
from datrnet.core.catalog.sources.table import Cell, texts_of
from datrnet.core.catalog.values import find_separator, is_placeholder
from datrnet.core.errors import ConfigError, DataError, UnknownNameError
from datrnet.core.text import clean, fold
from datrnet.db.rows import FactKind

ONLY_ONE: tuple[Use, ...] = ("id", "title", "split", "group")
"""What only one column is, if an option or the preview says which."""

MAX_VALUES = 200
"""A column with more different values is not a super-category, unless an option says so."""
MAX_VALUES_CHOSEN = 32_000
"""An option may ask for more, up to this: networks compare the values in pairs."""
MAX_VALUE_LENGTH = 60
MAX_TEXT_LENGTH = 200
"""A longer text is no fact that fits a line."""
MAX_DISTINCT_SHARE = 0.5
"""If a larger share of its filled cells differs, a column describes single items."""
MIN_SPLIT_SHARE = 0.9
"""Of a column's values that must be words of splits; the others are mistakes."""
MAX_GROUP_SIZE = 50
"""Rows of a group of variants, on average; more are a kind of product."""
NUM_EXAMPLES = 3


def plan_columns(
    draft: Draft,
    choices: ColumnChoices,
    mapping: CatalogMapping | None = None,
    known: Collection[str] = (),
    *,
    needs_pictures: bool = True,
) -> TablePlan:
    """Tell what each column means.

    Args:
        draft: The unpacked catalog.
        choices: What options name.
        mapping: What the catalog's format says.
        known: The super-categories that the workspace has. A column with such a name is one,
            whatever its values, unless ``choices`` names others.
        needs_pictures: Whether a catalog without pictures is an error; it can only update items.

    Raises:
        UnknownNameError: A chosen column does not exist.
        ConfigError: Two options name one column.
        DataError: No column contains pictures.
    """
    return _Planner(draft, choices, mapping, known, needs_pictures=needs_pictures).plan()


class _Planner:
    """Assigns uses to columns, the surest first."""

    def __init__(
        self,
        draft: Draft,
        choices: ColumnChoices,
        mapping: CatalogMapping | None,
        known: Collection[str],
        *,
        needs_pictures: bool,
    ) -> None:
        self._draft = draft
        self._needs_pictures = needs_pictures
        self._choices = choices
        self._mapping = mapping or CatalogMapping(name="")
        self._known = {fold(name) for name in known}
        self._kept = {fold(value) for value in choices.kept_values}
        self._plans: dict[str, ColumnPlan] = {}
        self._notes: list[str] = []

    def plan(self) -> TablePlan:
        """Return the plan.

        Raises:
            UnknownNameError: A chosen column does not exist.
            DataError: No column contains pictures.
        """
        pattern = self._chosen()
        self._mapped()
        pattern = pattern or (None if self._first("image") else self._mapping.image)
        self._named()
        if pattern is None and self._first("image") is None:
            self._take_pictures_by_values()
        if pattern is None and not (self._mapping.name or self._is_decided("image")):
            self._take_further_pictures()
        if self._first("id") is None:
            self._take_id_by_values()
        for column in self._draft.columns:
            if column not in self._plans:
                self._judge(column)
        order = [name for name in (self._draft.find(n) for n in self._mapping.columns) if name]
        chosen = [name for name, plan in self._plans.items() if plan.reason == CHOSEN]
        names = dict.fromkeys((*chosen, *order, *self._draft.columns))
        plan = TablePlan(
            columns=tuple(self._plans[name] for name in names if name in self._plans),
            image_pattern=pattern,
            notes=tuple(self._notes),
        )
        for attribute in plan.of_use("attribute"):
            if attribute.num_values > MAX_VALUES_CHOSEN:
                raise DataError(
                    f"{attribute.column!r} has {attribute.num_values:,} different values; a "
                    f"super-category has at most {MAX_VALUES_CHOSEN:,}.",
                    hint=f"Keep it as a fact, with --fact {attribute.column!r}.",
                )
        return self._with_missing_columns(plan)

    def _take(
        self, column: str, use: Use, reason: str, mapped: ColumnMapping | None = None
    ) -> None:
        """Assign a use to a column."""
        counts = Counter(self._texts(column))
        separator = None if mapped is None else mapped.separator
        if use in ("attribute", "image") and separator is None:
            find = picture_separator if use == "image" else find_separator
            separator = find(counts) or find_separator(counts)
        elif use == "tags" and separator is None:
            separator = ","
        separator = "" if self._is_whole(column) else separator
        if use in ("attribute", "tags"):
            counts = _parts(counts, separator or "")
        self._plans[column] = ColumnPlan(
            column=column,
            use=use,
            name=column if mapped is None else mapped.name or column,
            reason=reason,
            separator=separator or "",
            values={} if mapped is None else mapped.values,
            num_values=len(counts),
            examples=tuple(islice(counts, NUM_EXAMPLES)),
        )

    def _chosen(self) -> str | None:
        """Assign what options say, and return the pattern for pictures if there is one."""
        choices = self._choices
        pattern = None
        for name, use in choices.uses.items():
            self._take_chosen(self._existing(name), use)
        settled = dict(self._plans)
        uses: list[tuple[str, str, Use | Literal["fact"]]] = [
            *(("attribute", name, "attribute") for name in choices.attributes),
            *(("ignore", name, "ignore") for name in choices.ignored),
            *(("fact", name, "fact") for name in choices.facts),
        ]
        fields: tuple[tuple[str | None, Use], ...] = (
            (choices.id, "id"),
            (choices.title, "title"),
            (choices.split, "split"),
            (choices.group, "group"),
        )
        uses += [(use, name, use) for name, use in fields if name and self._first(use) is None]
        if choices.image and "{" in choices.image:
            pattern = choices.image
            check_pattern(pattern, self._draft)
        elif choices.image:
            uses.append(("image", choices.image, "image"))
        options: dict[str, str] = {}
        for option, name, use in uses:
            column = self._existing(name)
            if options.setdefault(column, option) != option:
                raise ConfigError(
                    f"--{options[column]} and --{option} name the same column, {column!r}.",
                    hint="Omit one of them: a column has one use.",
                )
            if column not in settled:
                self._take_chosen(column, use)
        return pattern

    def _take_chosen(self, column: str, use: Use | Literal["fact"]) -> None:
        kind = (self._fact_kind(column) or "text") if use == "fact" else use
        self._take(column, kind, CHOSEN, self._mapped_as(column, kind))

    def _mapped_as(self, column: str, use: Use) -> ColumnMapping | None:
        """Return how a column is read that is used otherwise than the format has it."""
        known = {self._draft.find(name): mapped for name, mapped in self._mapping.columns.items()}
        if (mapped := known.get(column)) is None:
            return None
        return mapped if mapped.use == use else ColumnMapping(use=use, name=mapped.name)

    def _mapped(self) -> None:
        """Assign what the format says."""
        for name, mapped in self._mapping.columns.items():
            column = self._draft.find(name)
            if column is None or column in self._plans or self._is_decided(mapped.use):
                continue
            if mapped.use == "attribute" and self._choices.attributes:
                continue
            if mapped.use in ONLY_ONE and mapped.use in self._choices.uses.values():
                continue
            source = self._draft.sources.get(column)
            reason = f"as {self._mapping.name} has it" if source is None else f"from {source}"
            if mapped.name is None and fold(column) != fold(name):
                mapped = mapped.model_copy(update={"name": name})
            self._take(column, mapped.use, reason, mapped)

    def _is_decided(self, use: Use) -> bool:
        """Tell whether options have settled a use that only they may give to columns."""
        settled = {
            "id": self._choices.id,
            "title": self._choices.title,
            "split": self._choices.split,
            "group": self._choices.group,
            "image": self._choices.image,
        }
        return settled.get(use) is not None

    def _named(self) -> None:
        """Assign id, pictures, title, split and group by the names of columns."""
        for use, names in NAMES.items():
            if self._first(use) is not None or self._is_decided(use):
                continue
            free = {c: plain_name(c) for c in self._draft.columns if c not in self._plans}
            candidates = [c for c, folded in free.items() if folded in names]
            candidates.sort(key=lambda column: names.index(free[column]))
            if use == "id" and len(candidates) > 1:
                candidates.sort(key=self._num_repeated)
            fitting = [c for c in candidates if fold(c) not in self._known]
            found = next((c for c in fitting if self._may_be(c, use)), None)
            if found is not None:
                self._take(found, use, "by its name")

    def _may_be(self, column: str, use: Use) -> bool:
        """Tell whether a column's values allow a use that its name suggests."""
        texts = self._texts(column)
        match use:
            case "split":
                num_words = sum(fold(text) in SPLIT_WORDS for text in texts)
                return num_words >= MIN_SPLIT_SHARE * len(texts)
            case "group":
                is_group = plain_name(column) not in PERHAPS_GROUPS or _are_identifiers(texts)
                return is_group and 1 < len(set(texts)) < len(texts)
            case "image":
                is_address = plain_name(column) in ("url", "link")
                return not is_address or (bool(texts) and all(map(is_picture_name, texts[:100])))
            case _:
                return True

    def _take_pictures_by_values(self) -> None:
        for column in self._draft.columns:
            texts = self._texts(column)
            num_pictures = sum(map(is_picture_name, texts))
            if column not in self._plans and num_pictures >= max(1, MIN_KIND_SHARE * len(texts)):
                self._take(column, "image", "its values are picture files")
                return
        if not self._needs_pictures:
            self._notes.append("No column contains pictures: items keep theirs.")
            return
        hint = 'Specify it with --image COLUMN, or a pattern such as --image "photos/{id}.jpg".'
        if len(self._draft.columns) == 1:
            hint = "There is only one; specify what separates columns with --delimiter."
        raise DataError(
            f"No column contains pictures; the columns are {', '.join(self._draft.columns)}.",
            hint=hint,
        )

    def _take_further_pictures(self) -> None:
        """Assign columns named as others with pictures, with a number: ``image 2``."""
        for column in self._draft.columns:
            name = re.sub(r"\d+|^(?:additional|further|extra|other)", "", plain_name(column))
            texts = self._texts(column) if column not in self._plans else []
            is_named = name in NAMES["image"] and name not in ("url", "link")
            if (
                is_named
                and texts
                and sum(map(is_picture_name, texts)) >= MIN_KIND_SHARE * len(texts)
            ):
                self._take(column, "image", "by its name")

    def _take_id_by_values(self) -> None:
        """Assign the leftmost column that has a different number or code in every row."""
        column = next((c for c in self._draft.columns if self._looks_like_ids(c)), None)
        if column is None:
            self._notes.append(
                "No id column: the picture's file name without its suffix is the id."
            )
        else:
            self._take(column, "id", "it differs in every row")
            self._notes.append(
                f"No column is named like an id: {column!r} is used, because it differs in every "
                "row."
            )

    def _looks_like_ids(self, column: str) -> bool:
        if column in self._plans or fold(column) in self._known | FACT_NAMES.keys():
            return False
        texts = self._texts(column)
        is_code = all(
            any(letter.isdigit() for letter in text)
            and all(letter.isalnum() or letter in "_/-" for letter in text)
            for text in texts
        )
        return len(texts) > 1 and self._is_unique(column) and is_code

    def _judge(self, column: str) -> None:
        """Assign a use by name and values: an attribute, a fact, or nothing."""
        texts = self._texts(column)
        is_known = fold(column) in self._known and not self._choices.attributes
        if is_known:
            return self._take(column, "attribute", KNOWN)
        if not texts:
            return self._take(column, "ignore", EMPTY)
        if plain_name(column) in (*DESCRIPTIONS, *NAMES["title"]):
            is_line = _are_short(Counter(texts), MAX_TEXT_LENGTH)
            return self._take(column, "text" if is_line else "ignore", "a further title or text")
        kind = self._fact_kind(column)
        if kind is not None:
            return self._take(column, kind, f"its values are of the kind {kind}")
        counts = Counter(texts)
        separator = "" if self._is_whole(column) else find_separator(counts)
        objection = _objection(_parts(counts, separator), self._num_items)
        if objection:
            is_line = _are_short(counts, MAX_TEXT_LENGTH)
            return self._take(column, "text" if is_line else "ignore", objection)
        if self._choices.attributes:
            return self._take(column, "text", "not chosen as an attribute")
        return self._take(column, "attribute", "few values, each of several items")

    def _fact_kind(self, column: str) -> FactKind | None:
        """Return the kind of fact that a column is, by values and name; None for an attribute."""
        texts = self._texts(column)
        folded = plain_name(column)
        named = FACT_NAMES.get(folded) or FACT_NAMES.get(folded.rpartition(".")[2])
        kinds: list[FactKind] = [named] if named else []
        kinds += ["link", "date", "boolean", "number", "money"]
        distinct = list(dict.fromkeys(texts))
        return next((kind for kind in kinds if distinct and is_of_kind(distinct, kind)), None)

    def _is_whole(self, column: str) -> bool:
        """Tell whether an option says that its cells are one value each."""
        return fold(column) in map(fold, self._choices.whole)

    @property
    def _num_items(self) -> int:
        return len(self._draft.lines)

    def _is_unique(self, column: str) -> bool:
        texts = self._texts(column)
        return len(texts) == self._num_items == len(set(texts))

    def _num_repeated(self, column: str) -> int:
        """Return how many rows lack a text of their own; 1 for a few, which are mistakes."""
        number = self._num_items - len(set(self._texts(column)))
        return min(number, 1) if number <= (1 - MIN_KIND_SHARE) * self._num_items else number

    def _first(self, use: Use) -> str | None:
        return next((c for c, plan in self._plans.items() if plan.use == use), None)

    def _existing(self, name: str) -> str:
        column = self._draft.find(clean(name)) or self._draft.find(name)
        if column is None:
            raise UnknownNameError("column", name, list(self._draft.columns))
        return column

    def _texts(self, column: str) -> list[str]:
        """Return the texts in a column, without placeholders."""
        cells: Sequence[Cell] = self._draft.columns[column]
        texts = (text for cell in cells for text in texts_of(cell))
        return [text for text in texts if not is_placeholder(text, self._kept)]

    def _with_missing_columns(self, plan: TablePlan) -> TablePlan:
        sentences = {
            "No title column: known items keep their titles, new ones have none.": plan.first(
                "title"
            ),
            "No split column: known items keep their splits; new ones are split by id, about 80 % "
            "train, 10 % validation, 10 % test.": plan.first("split"),
            "No column looks like a super-category; specify them with --attribute.": (
                plan.attributes
            ),
        }
        missing = tuple(words for words, found in sentences.items() if not found)
        return TablePlan(
            columns=plan.columns,
            image_pattern=plan.image_pattern,
            notes=(*plan.notes, *missing),
        )


def _are_identifiers(texts: Sequence[str]) -> bool:
    """Tell whether texts name single products: codes such as ``ST-04`` or ``harbor-shirt``."""
    num_values = len(set(texts))
    num_codes = sum(" " not in t and not set(t).isdisjoint("-_0123456789") for t in texts)
    is_code = num_codes >= MIN_KIND_SHARE * len(texts)
    return num_values > MAX_VALUES or (is_code and len(texts) <= MAX_GROUP_SIZE * num_values)


def _parts(counts: Counter[str], separator: str) -> Counter[str]:
    """Return how many cells have each value, given how many have each text."""
    parts: Counter[str] = Counter()
    for text, number in counts.items():
        for part in split_texts(text, separator):
            parts[part] += number
    return parts


def _objection(values: Counter[str], num_items: int) -> str:
    """Return why a column is not a super-category; empty if it looks like one."""
    number, num_values = values.total(), len(set(map(fold, values)))
    if num_values == 1 and num_items > 1:
        return "only one value"
    if num_values > MAX_VALUES:
        return f"more than {MAX_VALUES} different values"
    if num_values > max(MAX_DISTINCT_SHARE * number, min(number - 1, 10)):
        return "nearly every item has a different value"
    return "" if _are_short(values, MAX_VALUE_LENGTH) else "long text"


def _are_short(counts: Counter[str], limit: int) -> bool:
    """Tell whether texts are no longer than a limit, whatever a few of them are."""
    num_short = sum(number for text, number in counts.items() if len(text) <= limit)
    return num_short >= MIN_KIND_SHARE * counts.total()
