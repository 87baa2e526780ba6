"""The part of a shop that changes its catalog: imports, labels, removals, undo."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from datrnet.core.api.gallery import ShopGallery
from datrnet.core.api.queries import several
from datrnet.core.catalog.upkeep import Fate, choose, move_items
from datrnet.core.catalog.upkeep import redo as redo_step
from datrnet.core.catalog.upkeep import undo as undo_step
from datrnet.core.errors import ConfigError, UnknownNameError
from datrnet.core.progress import Progress, no_progress
from datrnet.db.rows import AbsentItems, HistoryStep, LabelChange, joined, split_values

if TYPE_CHECKING:
    from datrnet.core.catalog.importer import CatalogSource, ImportOptions, ImportSummary
    from datrnet.core.catalog.sources.source import DataFrame


class ImportChoices(TypedDict, total=False):
    """What the columns of a catalog mean, and where its pictures are; as for ``datrnet import``."""

    images: str | Path
    """Folder that picture paths start from."""
    attribute: str | Iterable[str]
    """Columns that are super-categories, instead of those recognized."""
    fact: str | Iterable[str]
    """Columns to show, sort and filter by, but not to train on."""
    ignore: str | Iterable[str]
    """Columns to leave out."""
    id: str
    """Column with the item ids."""
    image: str
    """Column with the picture paths, or a pattern such as ``photos/{id}.jpg``."""
    title: str
    """Column with the titles."""
    split: str
    """Column with train, validation or test; ``none`` ignores one."""
    group: str
    """Column with the product that rows are variants of; ``none`` makes an item of every row."""
    whole: str | Iterable[str]
    """Columns whose cells are one value each, whatever separators they contain."""
    keep_value: str | Iterable[str]
    """Placeholders, such as N/A, that are values here."""
    missing: AbsentItems
    """What becomes of items of earlier imports that the catalog lacks: keep, hide or remove."""
    skip_bad: bool
    """Whether to import the good rows even if more than 5 % are bad."""
    mapping: str | Path
    """File that says what the columns mean."""
    delimiter: str
    """What separates the columns of a text file."""
    encoding: str
    """Encoding of a text file, such as cp1252."""


def import_options(choices: ImportChoices) -> "ImportOptions":
    """Return the options of an import.

    Raises:
        UnknownNameError: There is no such choice.
        ConfigError: The delimiter or encoding is none.
    """
    from datrnet.core.catalog.importer import ImportOptions  # imports pydantic
    from datrnet.core.catalog.sources.source import ReadOptions

    if unknown := choices.keys() - ImportChoices.__annotations__.keys():
        known = ImportChoices.__annotations__
        raise UnknownNameError("option of an import", sorted(unknown)[0], known)
    group = choices.get("group")
    images, mapping = choices.get("images"), choices.get("mapping")
    return ImportOptions(
        attributes=tuple(several(choices.get("attribute", ()))),
        facts=tuple(several(choices.get("fact", ()))),
        ignored=tuple(several(choices.get("ignore", ()))),
        whole=tuple(several(choices.get("whole", ()))),
        kept_values=tuple(several(choices.get("keep_value", ()))),
        id=choices.get("id"),
        image=choices.get("image"),
        title=choices.get("title"),
        split="" if choices.get("split") == "none" else choices.get("split"),
        group="" if group == "none" else group,
        folds_variants=group != "none",
        absent=choices.get("missing", "keep"),
        skips_bad=choices.get("skip_bad", False),
        reading=ReadOptions(delimiter=choices.get("delimiter"), encoding=choices.get("encoding")),
        images=None if images is None else Path(images),
        mapping=None if mapping is None else Path(mapping),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedItems:
    """What became of items that were removed, hidden or shown again."""

    num_items: int
    variants: tuple[str, ...]
    """The ids of single variants."""
    words: str
    """What they are, in words."""
    step: HistoryStep | None
    """In the history; None if nothing has changed."""


class ShopCatalog(ShopGallery):
    """The part of a shop that changes its catalog."""

    def import_frame(
        self,
        frame: "DataFrame | Iterable[Mapping[str, Any]]",
        *,
        on_progress: Progress = no_progress,
        **options: Unpack[ImportChoices],
    ) -> "ImportSummary":
        """Import a data frame of pandas or Polars, or dicts: add new items, update known ones.

        >>> rows = [{"id": "new", "image": "images/D00001.jpg", "color": "red"}]
        >>> shop.import_frame(rows, images="workspace/demo")
        <ImportSummary: 1 added, 0 updated, 0 unchanged, 0 skipped> No title column: ...

        Without a column of ids, a column that differs in every row is taken, else the names of the
        picture files; ``notes`` of the summary says so. An index with a name is a column.

        Args:
            frame: A row per item, or per variant of one.
            on_progress: Called after each picture that is checked.
            options: What the columns mean, and where the pictures are; see ``ImportChoices``.

        Raises:
            UnknownNameError: A named column, folder or option does not exist.
            DataError: There is no picture, or more than 5 % of the rows are bad.
            ConfigError: An option or the mapping is wrong.
        """
        return self._import(frame, options, on_progress)

    def import_file(
        self,
        file: str | Path,
        *,
        on_progress: Progress = no_progress,
        **options: Unpack[ImportChoices],
    ) -> "ImportSummary":
        """Import a catalog file, or a folder of pictures, as ``datrnet import`` does.

        Args:
            file: CSV, TSV, JSON, XML, Excel or Parquet, plain or with gzip; an export of a shop
                system; or a folder.
            on_progress: Called after each picture that is checked.
            options: As for ``import_frame``.

        Raises:
            UnknownNameError: The file, a named column, folder or option does not exist.
            DataError: It is no catalog, or more than 5 % of the rows are bad.
            ConfigError: An option or the mapping is wrong.
        """
        return self._import(Path(file), options, on_progress)

    def _import(
        self, source: "CatalogSource", choices: ImportChoices, on_progress: Progress
    ) -> "ImportSummary":
        from datrnet.core.catalog.importer import import_catalog  # imports pydantic

        checking = partial(on_progress, "Checking pictures")
        summary = import_catalog(self.workspace, source, import_options(choices), checking)
        self.refresh()
        return summary

    def label(
        self,
        items: str | Iterable[str],
        labels: Mapping[str, str | Iterable[str] | None],
    ) -> list[LabelChange]:
        """Set or confirm labels by hand. No import overwrites them; ``undo_label`` undoes.

        >>> [change.new_value for change in shop.label("D00002", {"color": "Blue"})]
        ['blue']

        Args:
            items: Id of an item, or several.
            labels: Value by super-category; several values as a list, None if no value applies.

        Returns:
            The changes; none for a label that was set by hand already.

        Raises:
            UnknownNameError: There is no such item, super-category or value; nothing is changed.
        """
        catalog, codes = self._catalog, list(several(items))
        rows = [catalog.row_of_code(code) for code in codes]
        texts = {}
        for name, given in labels.items():  # look up every value before the first change
            idx = catalog.super_category_idx(name)
            text = given if isinstance(given, str | None) else joined(given)
            for part in split_values(text, catalog.super_categories[idx].values):
                self._check_value(idx, part)
            texts[name] = text or None
        with self.workspace.open_store() as store:
            changes = [
                store.set_label(int(catalog.item_ids[row]), name, text, "person")
                for row in rows
                for name, text in texts.items()
            ]
        self._is_relabeled = True
        return [change for change in changes if change is not None]

    def _check_value(self, idx: int, value: str) -> None:
        """Refuse an unknown value, and tell how to set none."""
        try:
            self._catalog.value_idx(idx, value)
        except UnknownNameError as error:
            name = self._catalog.super_categories[idx].name
            hint = f"{error.hint} If no value applies, write {name}= (in Python: None)."
            raise UnknownNameError(f"{name} value", value, (), hint=hint) from error

    def undo_label(self, change: int | None = None) -> list[LabelChange]:
        """Undo changes of labels: the items have those before, with their sources.

        Args:
            change: Only the change of this number; by default the latest step that is not undone:
                one change, or all that were accepted together.

        Returns:
            The undone changes, the latest first; none if there is nothing to undo.

        Raises:
            UnknownNameError: There is no such change.
            ConfigError: It is undone already, or the label was changed again since.
        """
        with self.workspace.open_store() as store:
            undone = store.undo_label(change)
        self.refresh()
        return undone

    def redo_label(self) -> list[LabelChange]:
        """Redo the changes of labels that were undone last, unless another was made since.

        Returns:
            The changes; none if there is nothing to redo.

        Raises:
            UnknownNameError: Its super-category is gone.
        """
        with self.workspace.open_store() as store:
            redone = store.redo_label()
        self.refresh()
        return redone

    def label_history(self, item: str | None = None, *, k: int = 30) -> list[LabelChange]:
        """Return the latest label changes, of all items or of one, latest first.

        Raises:
            UnknownNameError: There is no such item.
        """
        item_id = None
        if item is not None:
            item_id = int(self.catalog.item_ids[self.catalog.row_of_code(item)])
        with self.workspace.open_store() as store:
            return store.label_history(item_id, k)

    def remove(
        self,
        items: str | Iterable[str] = (),
        *,
        where: str | Iterable[str] = (),
        hide: bool = False,
        variant: bool = False,
    ) -> MovedItems:
        """Remove items or single variants from the catalog, or hide items. ``undo`` undoes.

        Args:
            items: Their ids; by default those of all items that meet the conditions.
            where: Only items that meet these conditions, with all their variants.
            hide: Whether to keep them with their labels, but out of the gallery.
            variant: Whether an id that an item and one of its variants share means the variant.

        Raises:
            UnknownNameError: There is no such item, super-category, value or fact.
            ConfigError: Neither items nor conditions are given, or a condition is malformed.
        """
        return self._move(items, where, "hide" if hide else "remove", as_variants=variant)

    def unhide(
        self, items: str | Iterable[str] = (), *, where: str | Iterable[str] = (), all: bool = False
    ) -> MovedItems:
        """Show hidden items again.

        Args:
            items: Their ids; by default those of all items that meet the conditions.
            where: Only items that meet these conditions.
            all: Whether to show all that are hidden.

        Raises:
            UnknownNameError: There is no such item, super-category, value or fact.
            ConfigError: Nothing says which items, or a condition is malformed.
        """
        return self._move(items, where, "unhide", every=all)

    def _move(
        self,
        items: str | Iterable[str],
        where: str | Iterable[str],
        fate: Fate,
        *,
        every: bool = False,
        as_variants: bool = False,
    ) -> MovedItems:
        codes, conditions = list(several(items)), list(several(where))
        if not (codes or conditions or every):
            also = " To show all: --all" if fate == "unhide" else ""
            raise ConfigError(
                f"Nothing says which items to {fate}.",
                hint=f'Name them, or choose by a condition: --where "price>100".{also}',
            )
        self.refresh()
        with self.workspace.open_store(to_write=True) as store:
            catalog = self.catalog
            chosen = choose(catalog, codes, conditions, as_variants=as_variants)
            if fate != "remove":
                rows = chosen.rows[catalog.is_hidden[chosen.rows] == (fate == "unhide")]
                chosen = replace(chosen, rows=rows)
            step = move_items(store, catalog, chosen, fate, why=" ".join(conditions))
        self.refresh()
        return MovedItems(
            num_items=len(chosen.rows),
            variants=chosen.variants,
            words=chosen.described(catalog),
            step=step,
        )

    def history(self, k: int = 30) -> list[HistoryStep]:
        """Return the latest imports, removals and renames, latest first."""
        with self.workspace.open_store() as store:
            return store.history(k)

    def undo(self, step: int | None = None, *, loses_labels: bool = False) -> HistoryStep | None:
        """Undo an import, removal or rename; labels set by hand since then stay.

        Args:
            step: Its number; by default the latest that is not undone.
            loses_labels: Whether to remove items labeled by hand since the step added them.

        Returns:
            The undone step; None if there is nothing to undo.

        Raises:
            UnknownNameError: There is no such step.
            ConfigError: It is undone already, a later one is not, or labels would be lost.
        """
        with self.workspace.open_store(to_write=True) as store:
            undone = undo_step(self.workspace, store, step, loses_labels=loses_labels)
        self.refresh()
        return undone

    def redo(self) -> HistoryStep | None:
        """Redo the step that was undone last, unless the catalog was changed since.

        Returns:
            The step; None if there is nothing to redo.
        """
        with self.workspace.open_store(to_write=True) as store:
            redone = redo_step(self.workspace, store)
        self.refresh()
        return redone
