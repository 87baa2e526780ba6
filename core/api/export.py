"""The part of a shop that writes its catalog for other programs."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

from datrnet.core.api.review import ShopReview
from datrnet.core.errors import ConfigError, IndexStaleError
from datrnet.core.progress import Progress, no_progress

if TYPE_CHECKING:  # every command loads this module, and most need none of these
    from datrnet.core.catalog.export import Recognition, TableSummary
    from datrnet.core.catalog.like import LikeSummary
    from datrnet.core.catalog.picture_sets import PictureSetSummary
    from datrnet.core.research.adde_export import ExportSummary

ExportFormat = Literal["adde", "coco", "fiftyone"]
"""A folder for other programs."""


class ExportChoices(TypedDict, total=False):
    """What only some kinds of exports take."""

    variants: bool
    """Of a table: write a row per variant, such as a size, instead of one per item."""
    mapping: str | Path
    """Of ``like``: the file that says what its columns mean, if it was imported with one."""
    delimiter: str
    """Of ``like``: what separates its columns."""
    encoding: str
    """Of ``like``: its encoding, such as cp1252."""
    triplets: int
    """Of ADDE's format: number of triplets to sample."""
    seed: int
    """Of ADDE's format: random seed."""
    with_validation: bool
    """Of ADDE's format: whether validation items join the train split; else they are left out."""


class ShopExport(ShopReview):
    """The part of a shop that writes its catalog for other programs."""

    def export(
        self,
        target: str | Path,
        *,
        format: ExportFormat | None = None,
        like: str | Path | None = None,
        force: bool = False,
        on_progress: Progress = no_progress,
        **options: Unpack[ExportChoices],
    ) -> "TableSummary | LikeSummary | PictureSetSummary | ExportSummary":
        """Write the corrected catalog as a table, or for other programs.

        Importing the table changes nothing.

        >>> shop.export("corrected.csv").num_items
        200

        Args:
            target: A file that ends with .csv, .tsv, .jsonl, .json, .xlsx or .parquet; with a
                format, a folder.
            format: Of a folder: ``adde``, which is also meant by a target without a suffix,
                ``coco`` or ``fiftyone``.
            like: Write this CSV, TSV or Excel file again; only the labels that were corrected since
                its import are changed.
            force: Write over an existing file, or into a folder that holds other files.
            on_progress: Called after each item.
            options: See ``ExportChoices``.

        Returns:
            What was written: a ``TableSummary``, whose ``notes`` say what was left out, or the
            summary of the format or of the file written again.

        Raises:
            ConfigError: The suffix names no format, a library for it is missing, or an option is of
                another kind of export.
            UnknownNameError: There is no file to write like, or no such column.
            DataError: There is such a file, it cannot be written, or the format is too small.
        """
        path, writing = Path(target), partial(on_progress, "Writing")
        given = {name: it for name, it in options.items() if it is not None and it is not False}
        of_like = {name: given.get(name) for name in ("mapping", "delimiter", "encoding")}
        of_tables = {"variants": given.get("variants"), "like": like, **of_like}
        of_adde = {name: given.get(name) for name in ("triplets", "seed", "with_validation")}
        if format == "adde" or (format is None and _is_folder(path)):
            _refuse(of_tables, "a file", "Name a file, such as catalog.csv")
            from datrnet.core.research.adde_export import ExportOptions, export_adde

            names = {"triplets": "num_triplets"}
            chosen = {names.get(name, name): it for name, it in of_adde.items() if it is not None}
            return export_adde(
                self.workspace,
                path,
                ExportOptions(force=force, **chosen),  # type: ignore[arg-type]
                on_progress,
            )
        _refuse(of_adde, "--format adde", "Add --format adde")
        if format is not None:
            _refuse(of_tables, "a file", "Omit --format")
            from datrnet.core.catalog.picture_sets import export_picture_set

            return export_picture_set(self.workspace, path, format, writing, force=force)
        if like is not None:
            _refuse({"variants": given.get("variants")}, "a table of datrnet's own", "Omit --like")
            from datrnet.core.api.catalog import import_options
            from datrnet.core.catalog.like import export_like

            choices = import_options(of_like)  # type: ignore[arg-type]
            return export_like(self.workspace, Path(like), path, choices, force=force)
        _refuse(of_like, "--like", "Add --like FILE")
        from datrnet.core.catalog.export import export_table

        recognized, notes = self._recognitions()
        variants = options.get("variants", False)
        summary = export_table(
            self.workspace, path, recognized, writing, variants=variants, force=force
        )
        return replace(summary, notes=notes)

    def _recognitions(self) -> "tuple[dict[str, Recognition], tuple[str, ...]]":
        """Return what the model takes the items for, or why that is unknown."""
        from datrnet.core.review.label_issues import recognitions

        if not self.has_index:
            return {}, ()
        try:
            return recognitions(self.searcher), ()
        except IndexStaleError as error:
            return {}, (f"The columns of the model are left out. {error}",)


def _is_folder(target: Path) -> bool:
    """Tell whether a target without a format is a folder: by default in ADDE's."""
    return str(target) != "-" and (target.is_dir() or not target.suffix)


def _refuse(given: Mapping[str, object], owner: str, hint: str) -> None:
    """Refuse an option of another kind of export.

    Raises:
        ConfigError: There is one.
    """
    for name, value in given.items():
        if value is not None:
            option = f"--{name.replace('_', '-')}"
            raise ConfigError(f"{option} is for {owner} only.", hint=f"{hint}, or omit {option}.")
