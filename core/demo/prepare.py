"""Prepare the demo workspace: draw the catalog, import it, install the shipped run, index it.

Every step is skipped where its outcome is there, so that a second call only looks, and a call that
was interrupted resumes.
"""

import json
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.importer import ImportOptions, import_catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.demo.attributes import SUPER_CATEGORIES
from datrnet.core.demo.catalog import (
    PICTURES,
    TABLE_NAME,
    WRONG_NAME,
    read_wrong_labels,
    write_demo_catalog,
)
from datrnet.core.errors import (
    CheckpointError,
    DataError,
    IndexStaleError,
    UnknownNameError,
    requirement,
)
from datrnet.core.models.run_folder import RUN_FILE, RunFolder, write_atomically
from datrnet.core.progress import Progress, no_progress
from datrnet.core.retrieval.generation import Generation
from datrnet.db.store import Store

NUM_ITEMS = 2000
SEED = 0
RUN_NAME = "demo"
"""Name of the shipped run in the workspace."""

MARKER = "demo.json"
"""Records the arguments of the catalog; written before the first picture."""

COLOR_NAMES = ("color", "colour")
"""The super-category of colors, and its name in demos of version 0.1, which keep it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoShop:
    """The arguments of a demo catalog."""

    num_items: int = NUM_ITEMS
    seed: int = SEED

    @classmethod
    def of(cls, workspace: Workspace) -> "DemoShop | None":
        """Return the arguments of a workspace's demo, if it has a demo."""
        try:
            return cls(**json.loads((workspace.demo / MARKER).read_text("utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise DataError(
                f"{workspace.demo / MARKER} is damaged.", hint="Delete that folder and try again."
            ) from error


def prepare_demo(
    workspace: Workspace,
    num_items: int | None = None,
    seed: int | None = None,
    on_progress: Progress = no_progress,
) -> DemoShop:
    """Complete the demo of a workspace: catalog, run and index.

    Args:
        workspace: The workspace; created if absent.
        num_items: Number of items; None keeps the existing number, else ``NUM_ITEMS``.
        seed: Which shop to draw; None keeps the existing one, else ``SEED``.
        on_progress: Called with the progress of each step.

    Returns:
        The arguments of the catalog.

    Raises:
        DataError: The workspace holds another catalog, or work that a new demo would delete.
        MissingPackageError: There is no index yet, and the extra ``train`` is not installed.
        CheckpointError: The shipped weights are absent or damaged.
        DatabaseError: The workspace is read-only.
    """
    there = DemoShop.of(workspace)
    known = there or DemoShop()
    asked = {"num_items": num_items, "seed": seed}
    shop = replace(known, **{name: value for name, value in asked.items() if value is not None})
    if there is None and workspace.catalog_path.exists():
        raise DataError(
            f"{workspace.root} contains a catalog that is not the demo.",
            hint="Choose another folder with --workspace.",
        )
    if shop != there or not (workspace.demo / TABLE_NAME).exists():
        with requirement("The demo needs"):  # said before half a minute of drawing, not after it
            import torch  # noqa: F401
    Store.ensure_writable(workspace.catalog_path)
    if there is not None and (shop != there or _is_unfinished_demo_of_0_1(workspace)):
        _remove(workspace)
    workspace.demo.mkdir(parents=True, exist_ok=True)
    write_atomically(workspace.demo / MARKER, json.dumps(asdict(shop)))
    if not (workspace.demo / TABLE_NAME).exists():
        drawing = partial(on_progress, "Drawing garments")
        write_demo_catalog(workspace.demo, **asdict(shop), on_progress=drawing)
    with workspace.create_store() as store:
        if len(store.picture_stamps()) < shop.num_items:
            importing = partial(on_progress, "Importing")
            # named, because in a small shop a column can look like a description of single items
            options = ImportOptions(attributes=tuple(SUPER_CATEGORIES))
            import_catalog(workspace, workspace.demo / TABLE_NAME, options, importing)
        _install_run(workspace, store)
        _ensure_index(workspace, store, on_progress)
    return shop


def shipped_run() -> Path:
    """Return the folder of the run that ships with the package.

    Raises:
        CheckpointError: There is none.
    """
    with as_file(files("datrnet.core.demo") / "weights") as folder:
        if (folder / RUN_FILE).is_file():
            return folder
    raise CheckpointError(
        "This installation lacks the weights of the demo.", hint="Reinstall datrnet."
    )


def _install_run(workspace: Workspace, store: Store) -> None:
    """Copy the shipped run to the workspace's own ones, and note it as finished last."""
    row = next((run for run in store.runs() if run.name == RUN_NAME), None)
    if row is not None and row.status == "finished":
        return
    source, target = shipped_run(), workspace.models / RUN_NAME
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        if path.suffix in {".json", ".safetensors"}:
            shutil.copyfile(path, target / path.name)
    run = RunFolder.open(target)
    if row is None:
        store.add_run(RUN_NAME, "datrnet", json.dumps(run.config.to_dict()))
    store.update_run(RUN_NAME, status="finished")


def _ensure_index(workspace: Workspace, store: Store, on_progress: Progress) -> None:
    """Build the index where there is none that can be read.

    Like the networks that ship, it is made of the labels as they were drawn, without wrong ones.
    """
    try:
        Generation.current(workspace, store)
    except IndexStaleError:
        from datrnet.core.indexing.build import build_index

        run = RunFolder.open(workspace.models / RUN_NAME)
        catalog = Catalog.load(store, with_proposals=False)
        for wrong in read_wrong_labels(workspace.demo):
            with suppress(UnknownNameError):  # removed by the user
                row = catalog.row_of_code(wrong["id"])
                catalog = catalog.relabeled(row, wrong["super_category"], wrong["right"])
        build_index(workspace, store, catalog, run, on_progress)


def _remove(workspace: Workspace) -> None:
    """Remove a demo so that another can be drawn, unless it holds work of the user.

    Raises:
        DataError: The workspace holds anything that drawing the demo again would not bring back.
    """
    if own := _work_of_the_user(workspace):
        raise DataError(
            f"Drawing another demo in {workspace.root} would delete: {', '.join(own)}.",
            hint="Choose another folder with --workspace, or omit --items and --seed.",
        )
    for folder in (workspace.indexes, workspace.thumbnails, workspace.models / RUN_NAME):
        shutil.rmtree(folder, ignore_errors=True)
    for suffix in ("", "-wal", "-shm"):
        Path(f"{workspace.catalog_path}{suffix}").unlink(missing_ok=True)
    shutil.rmtree(workspace.demo)  # last, with the marker: an interrupt before can be repeated


def _is_unfinished_demo_of_0_1(workspace: Workspace) -> bool:
    """Tell whether version 0.1 began a demo, whose names do not fit the run that ships now."""
    try:
        header = (workspace.demo / TABLE_NAME).read_text("utf-8").partition("\n")[0].split(",")
    except OSError:
        return False
    if COLOR_NAMES[1] not in header:
        return False
    if not workspace.catalog_path.exists():
        return True
    with workspace.open_store() as store:
        return all((run.name, run.status) != (RUN_NAME, "finished") for run in store.runs())


def _work_of_the_user(workspace: Workspace) -> list[str]:
    """Return what a demo workspace holds beside what ``prepare_demo`` made, with counts."""
    known = {MARKER, TABLE_NAME, WRONG_NAME, PICTURES}
    # an interrupted drawing leaves partial files behind
    files = [
        path.name
        for path in workspace.demo.iterdir()
        if path.name not in known and path.suffix not in {".part", ".partial"}
    ]
    counts = {"files in its picture folder": len(files)}
    if workspace.catalog_path.exists():
        with workspace.open_store() as store, store.reading():
            stored = [
                workspace.picture(stamp.path).path for stamp in store.picture_stamps().values()
            ]
            names = {category.name for category in store.super_categories()}
            counts |= {
                "imported items": sum(not path.is_relative_to(workspace.demo) for path in stored),
                "imported super-categories": len(names - {*SUPER_CATEGORIES, *COLOR_NAMES}),
                "labels set manually": len(store.labels_by_person()),
                "label changes": len(store.label_history()),
                "verdicts on duplicates": len(store.pair_verdicts()),
                "sessions": len(store.sessions()) + len(store.deleted_sessions()),
                "training runs": sum(run.name != RUN_NAME for run in store.runs()),
                "evaluations": len(store.evaluations()),
            }
    return [f"{noun} ({number})" for noun, number in counts.items() if number]
