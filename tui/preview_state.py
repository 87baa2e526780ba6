"""What an import would do, and what was changed about it by hand: the preview, without an app."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal

from textual.content import Content

from datrnet.core.catalog.columns import ONLY_ONE
from datrnet.core.catalog.importer import ImportOptions
from datrnet.core.catalog.mappings.mapping import Use
from datrnet.core.catalog.picture_check import ParsedCatalog, check_share
from datrnet.core.catalog.plan import CHOSEN, ColumnPlan, TablePlan
from datrnet.core.errors import DataError, DatrnetError
from datrnet.core.text import sanitize
from datrnet.tui.widgets.text import MUTED, fitted

USE_WORDS: Mapping[Use, str] = {
    "attribute": "super-category",
    "money": "fact: price",
    "number": "fact: number",
    "date": "fact: date",
    "boolean": "fact: yes/no",
    "text": "fact: text",
    "tags": "fact: tags",
    "link": "fact: link",
    "id": "id",
    "title": "title",
    "image": "picture",
    "group": "group of variants",
    "split": "split",
    "ignore": "left out",
}
"""What a column can be used as, in the order in which keys go through it."""

LISTED_ROWS = 200
"""Skipped rows that are listed."""

CHANGED = "• "
USE_WIDTH = 18
COUNT_WIDTH = 7
REASON_WIDTH = 34
NARROW = 50
"""Below this width, a line has no more than the use."""
WIDE = 110
"""From this width on, a line has the reason, too."""


class PreviewState:
    """The columns of a catalog with their uses, and what importing it so would do."""

    def __init__(self, source: str, options: ImportOptions, plan: TablePlan) -> None:
        """Start with what was recognized.

        Args:
            source: What the catalog was read from, for messages.
            options: What the command line says.
            plan: What the columns are taken as.
        """
        self.source = source
        self._base = options
        self._plan = plan
        self._recognized = {column.column: column.use for column in plan.columns}
        """In the order in which the columns are shown."""
        self._uses: dict[str, Use | Literal["fact"]] = {}
        """What was changed, by column."""
        self.skips_bad = options.skips_bad
        self.skip_key = "b"
        """The key that imports the good rows, for messages."""
        self.parsed: ParsedCatalog | None = None
        """What would be imported; None while it is not known, or if there is an error."""
        self.error = ""
        """Why nothing could be imported."""
        self._seen: ImportOptions | None = None
        """The options that this is known of."""

    @property
    def options(self) -> ImportOptions:
        """The options of the import, with the changes."""
        uses = {**self._base.uses, **self._uses}
        return replace(self._base, uses=uses, skips_bad=self.skips_bad)

    @property
    def is_settled(self) -> bool:
        """Whether it is known what an import with these options would do."""
        return self._seen == self.options

    # ── changes ──────────────────────────────────────────────────────────────

    def use(self, column: str, use: Use) -> None:
        """Use a column as something."""
        if use in ONLY_ONE:
            self._uses = {name: own for name, own in self._uses.items() if own != use}
        if use == self._recognized[column]:
            self.reset(column)
        else:
            self._uses[column] = use

    def use_as_fact(self, column: str) -> None:
        """Use a column as a fact of the kind that its values have."""
        self._uses[column] = "fact"

    def step(self, column: str, step: int) -> None:
        """Use a column as the next of all uses."""
        uses = list(USE_WORDS)
        place = uses.index(self.column(column).use)
        self.use(column, uses[(place + step) % len(uses)])

    def reset(self, column: str) -> None:
        """Use a column as was recognized."""
        self._uses.pop(column, None)

    def show(self, options: ImportOptions, found: ParsedCatalog) -> None:
        """Show what an import with some options would do."""
        assert isinstance(found.plan, TablePlan)
        self._seen, self._plan, self.parsed, self.error = options, found.plan, found, ""
        try:
            items = [row.item for row in found.rows]
            check_share(
                self.source,
                found,
                items,
                found.problems,
                skips_bad=options.skips_bad,
                hint=f"Press {self.skip_key} to import the good ones.",
            )
        except DataError as error:
            self.error = str(error)

    def fail(self, options: ImportOptions, error: DatrnetError, plan: TablePlan | None) -> None:
        """Show why an import with some options is impossible."""
        self._seen, self._plan, self.parsed = options, plan or self._plan, None
        self.error = str(error)

    # ── what is shown ────────────────────────────────────────────────────────

    @property
    def columns(self) -> list[ColumnPlan]:
        """The columns with their uses, always in the same order."""
        by_name = {column.column: column for column in self._plan.columns}
        return [self._changed(by_name[name]) for name in self._recognized]

    def column(self, name: str) -> ColumnPlan:
        """Return a column."""
        return next(column for column in self.columns if column.column == name)

    def _changed(self, column: ColumnPlan) -> ColumnPlan:
        """Return a column with a change that the plan does not have yet."""
        wanted = self._uses.get(column.column, self._recognized[column.column])
        use = column.use if wanted == "fact" else wanted
        if self.is_settled or use == column.use:
            return column
        return replace(column, use=use, reason=CHOSEN)

    @property
    def summary(self) -> str:
        """How many items an import would bring."""
        if not self.is_settled:
            return "counting …"
        parsed = self.parsed
        if parsed is None:
            return "nothing to import"
        num_variants = sum(row.num_rows - 1 for row in parsed.rows)
        variants = f", {num_variants:,} variants" if num_variants else ""
        skipped = f", {len(parsed.problems):,} skipped" if parsed.problems else ""
        return f"{parsed.num_rows:,} rows: {len(parsed.rows):,} items{variants}{skipped}"

    def line(self, column: ColumnPlan, width: int) -> Content:
        """Return a column as a line of the list."""
        is_changed = column.column in self._uses
        cells = _cells(
            width,
            column.column,
            USE_WORDS[column.use],
            column.reason,
            f"{column.num_values:,}" if column.num_values else "",
            ", ".join(column.examples),
        )
        mark, (name, use), rest = CHANGED if is_changed else "  ", cells[:2], cells[2:]
        style = {"attribute": "bold $text-accent", "ignore": MUTED}.get(column.use, "")
        return Content.assemble(
            (mark, "$text-warning"), (name, style), (use, style), (" ".join(rest), MUTED)
        )

    @staticmethod
    def heading(width: int) -> str:
        """Return the heading above the lines."""
        name, use, *rest = _cells(width, "column", "used as", "because", "values", "for example")
        return f"  {name}{use}{' '.join(rest)}"

    def details(self, column: ColumnPlan | None) -> Content:
        """Return what there is to say of a column, of skipped rows, and of what was guessed."""
        parts: list[tuple[str, str]] = []
        if self.error and self.is_settled:
            parts += [(f"{sanitize(self.error)}\n\n", "$text-error")]
        if column is not None:
            parts += self._column_details(column)
        parsed = self.parsed
        if parsed is not None:
            parts += self._skipped(parsed)
        if self._plan.image_pattern:
            parts += [(f"Pictures: {sanitize(self._plan.image_pattern)}\n", "")]
        if parsed is not None:
            parts += [(f"{sanitize(note)}\n", "") for note in parsed.notes]
        return Content.assemble(*parts)

    def _column_details(self, column: ColumnPlan) -> Iterator[tuple[str, str]]:
        yield f"{sanitize(column.column)}: ", "bold"
        yield f"{sanitize(column.words)}", ""
        if column.use != "ignore":
            yield f"; {sanitize(column.reason)}", ""
        yield "\n", ""
        if column.examples:
            more = ", …" if column.num_values > len(column.examples) else ""
            words = ", ".join(map(sanitize, column.examples))
            yield f"{column.num_values:,} values: {words}{more}\n", MUTED
        yield "\n", ""

    def _skipped(self, parsed: ParsedCatalog) -> Iterator[tuple[str, str]]:
        """Yield the rows that would be skipped, and why."""
        if not parsed.problems:
            return
        number = len(parsed.problems)
        yield f"{number:,} row{'' if number == 1 else 's'} will be skipped\n", "bold $text-warning"
        for problem in parsed.problems[:LISTED_ROWS]:
            words = f"{problem.place}: {problem.message}"
            yield f"  {sanitize(words)}", ""
            yield f" {sanitize(problem.hint)}\n", MUTED
        if number > LISTED_ROWS:
            yield f"  … and {number - LISTED_ROWS:,} more\n", ""
        yield "\n", ""


def _cells(
    width: int, name: str, use: str, reason: str, count: str, examples: str
) -> tuple[str, ...]:
    """Return the cells of a line, each as wide as its column, as far as there is room."""
    if width < NARROW:
        return f"{fitted(name, max(1, width - USE_WIDTH - 2))} ", fitted(use, USE_WIDTH - 1)
    name_width = min(28, max(12, width // 4))
    room = width - name_width - USE_WIDTH - COUNT_WIDTH - 4
    reasons: tuple[str, ...] = ()
    if width >= WIDE:
        reasons, room = (fitted(reason, REASON_WIDTH),), room - REASON_WIDTH - 1
    count = f"{fitted(count, min(len(count), COUNT_WIDTH)):>{COUNT_WIDTH}}"
    return (
        f"{fitted(name, name_width - 1)} ",
        f"{fitted(use, USE_WIDTH - 1)} ",
        *reasons,
        f"{count} ",
        fitted(examples, max(room, 1)),
    )
