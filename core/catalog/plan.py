"""What each column of a catalog is taken as, and what options say of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Literal

from datrnet.core.catalog.mappings.draft import Draft
from datrnet.core.catalog.mappings.mapping import ColumnMapping, Use
from datrnet.core.catalog.mappings.mapping import Mapping as CatalogMapping
from datrnet.core.catalog.sources.table import texts_of
from datrnet.core.catalog.values import SHARES, fact_text, is_placeholder
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.text import fold
from datrnet.db.rows import FACT_KINDS, FactKind, Unstated
from datrnet.db.synonyms import Synonyms

CHOSEN = "chosen"
"""The reason of a use that an option names."""
KNOWN = "a super-category of the workspace"
"""The reason of a column that the workspace has."""
EMPTY = "empty"
"""The reason why a column without values is left out."""

MIN_KIND_SHARE = 0.95
"""Of a column's values that must be of a kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChoices:
    """The meanings of columns that options name; the others are recognized."""

    attributes: tuple[str, ...] = ()
    """The columns that are super-categories; empty to recognize them."""
    id: str | None = None
    image: str | None = None
    """A column, or a pattern with columns in braces: ``photos/{id}.jpg``."""
    title: str | None = None
    split: str | None = None
    """A column; an empty text for none."""
    group: str | None = None
    """A column; an empty text for none."""
    facts: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    uses: Mapping[str, Use | Literal["fact"]] = field(default_factory=dict)
    """Any use by column, as chosen in a preview; it counts more than the options before. A ``fact``
    is of the kind that its values have."""
    whole: tuple[str, ...] = ()
    """Attributes whose cells are one value each, whatever signs they contain."""
    kept_values: tuple[str, ...] = ()
    """Placeholders that are values here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnPlan:
    """What a column was taken as."""

    column: str
    use: Use
    name: str
    """Of the super-category or fact."""
    reason: str
    """Why, in a few words."""
    separator: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    """Other words for values, by the word in lower case."""
    num_values: int = 0
    examples: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The use in words, for a summary."""
        match self.use:
            case "attribute":
                renamed = "" if self.name == self.column else f" {self.name!r}"
                several = f", several values separated by {self.separator!r}"
                several = ", values with shares" if self.separator == SHARES else several
                return f"super-category{renamed}{several if self.separator else ''}"
            case "ignore":
                return f"skipped: {self.reason}"
            case "image":
                return "picture"
            case "id" | "title" | "split":
                return self.use
            case "group":
                return "group of variants"
            case kind:
                renamed = "" if self.name == self.column else f" {self.name!r}"
                return f"fact{renamed}, {kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePlan:
    """What each column of a catalog was taken as."""

    columns: tuple[ColumnPlan, ...]
    image_pattern: str | None = None
    notes: tuple[str, ...] = ()
    """What replaces a missing column, as sentences."""

    def of_use(self, *uses: Use) -> tuple[ColumnPlan, ...]:
        """Return the columns of these uses."""
        return tuple(column for column in self.columns if column.use in uses)

    def first(self, use: Use) -> str | None:
        """Return the first column of a use; None if there is none."""
        return next((column.column for column in self.of_use(use)), None)

    @property
    def attributes(self) -> tuple[str, ...]:
        """The super-categories, each once."""
        return tuple(dict.fromkeys(column.name for column in self.of_use("attribute")))

    @property
    def fact_columns(self) -> tuple[tuple[ColumnPlan, FactKind], ...]:
        """The columns of facts, with their kinds."""
        kinds = {kind: kind for kind in FACT_KINDS}
        return tuple((c, kinds[c.use]) for c in self.columns if c.use in kinds)

    @property
    def has_pictures(self) -> bool:
        """Whether the catalog says where the pictures are."""
        return self.image_pattern is not None or self.first("image") is not None

    @property
    def unstated(self) -> frozenset[Unstated]:
        """The fields of items that no column says."""
        fields: dict[Unstated, bool] = {
            "title": self.first("title") is not None,
            "split": self.first("split") is not None,
            "group": self.first("group") is not None,
            "variants": self.has_pictures,
        }
        return frozenset(field for field, is_stated in fields.items() if not is_stated)

    def with_names(self, synonyms: Synonyms) -> "TablePlan":
        """Return the plan with super-categories as the catalog calls them, if it still has them."""
        return replace(self, columns=tuple(_with_name(plan, synonyms) for plan in self.columns))

    def with_facts(self, draft: Draft, kinds: Mapping[str, FactKind]) -> "TablePlan":
        """Return the plan with the facts of a workspace as what they are there.

        What was chosen stays, and so does a column whose cells are of another kind.

        Args:
            draft: The catalog.
            kinds: Of the facts, by name.
        """
        known = {fold(name): kind for name, kind in kinds.items()}
        columns = (_as_fact(plan, draft, known.get(fold(plan.name))) for plan in self.columns)
        return replace(self, columns=tuple(columns))

    def meanings(self) -> list[tuple[str, str]]:
        """Return every column with its meaning, for a summary."""
        pattern = [(self.image_pattern, "picture")] if self.image_pattern else []
        return [*pattern, *((column.column, column.words) for column in self.columns)]

    def to_mapping(self, mapping: CatalogMapping | None) -> CatalogMapping:
        """Return the plan as a mapping that reads the same file the same way."""
        columns = {
            plan.column: ColumnMapping(
                use=plan.use,
                name=None if plan.name == plan.column else plan.name,
                separator=plan.separator if plan.use in ("attribute", "image", "tags") else None,
                values=dict(plan.values),
            )
            for plan in self.columns
        }
        base = mapping or CatalogMapping(name="")
        name = base.name or "My shop"
        update = {"name": name, "columns": columns, "image": self.image_pattern}
        return base.model_copy(update=update)


def _with_name(plan: ColumnPlan, synonyms: Synonyms) -> ColumnPlan:
    if plan.use != "attribute":
        return plan
    if name := synonyms.category(plan.name):
        return replace(plan, name=name)
    reason = f"it was dropped; to take it again: datrnet attribute forget {plan.name}"
    return replace(plan, use="ignore", reason=reason)


def _as_fact(plan: ColumnPlan, draft: Draft, known: FactKind | None) -> ColumnPlan:
    if known is None or plan.use == known or plan.reason in (CHOSEN, KNOWN):
        return plan
    if plan.use not in (*FACT_KINDS, "attribute") and plan.reason != EMPTY:
        return plan
    if known in ("text", "tags") and plan.use == "money":  # an earlier file had words in it
        return plan
    texts = chain.from_iterable(map(texts_of, draft.columns[plan.column]))
    if not is_of_kind([text for text in dict.fromkeys(texts) if not is_placeholder(text)], known):
        return plan
    return replace(plan, use=known, values={}, reason="a fact of the workspace")


def is_of_kind(texts: Sequence[str], kind: FactKind) -> bool:
    """Tell whether nearly all texts can be read as facts of a kind."""
    fitting = sum(fact_text(kind, text) is not None for text in texts)
    return fitting >= MIN_KIND_SHARE * len(texts)


def check_pattern(pattern: str, draft: Draft) -> None:
    """Check that a pattern for pictures names columns that exist.

    Raises:
        UnknownNameError: A column does not exist.
        ConfigError: The pattern is malformed.
    """
    cells = {name.casefold(): "0" for name in draft.columns} | {"id": "0"}
    try:
        fill_pattern(pattern, cells)
    except KeyError as error:
        raise UnknownNameError("column", str(error.args[0]), list(draft.columns)) from None
    except (ValueError, IndexError, AttributeError) as error:
        raise ConfigError(
            f"The pattern {pattern!r} for pictures is malformed: {error}.",
            hint='Write columns in braces, as in "photos/{id}.jpg".',
        ) from None


def fill_pattern(pattern: str, cells: Mapping[str, str]) -> str:
    """Return a pattern with cells in place of columns; ``{id:.3}`` is the id's first three signs.

    Args:
        pattern: With columns in braces.
        cells: By column, in lower case.

    Raises:
        KeyError: A column does not exist.
        ValueError: The pattern is malformed.
    """
    return pattern.format_map(_Folding(cells))


class _Folding(dict[str, str]):
    def __missing__(self, name: str) -> str:
        if name != name.casefold():
            return self[name.casefold()]
        raise KeyError(name)
