"""Writes a split folder in ADDE's format; ``adde.py`` reads it and documents its files.

An additional ``values.json`` has the names that the format lacks, as ``datrnet import --names``
reads them.
"""

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datrnet.core.errors import DataError
from datrnet.core.progress import StepProgress, no_progress
from datrnet.core.research.datasets.adde import (
    COUNTS,
    QUERY_FILES,
    SPLITS,
    TRIPLET_FILES,
    AddeFolder,
    one_hot,
)

NAMES = "values.json"
README = "README.md"
FIRST_LINE = "# A split folder in ADDE's format, written by datrnet"
"""Marks a folder that may be overwritten."""

ROWS = 8192
"""Rows of labels that are turned into text at a time."""

_SPLIT_FILES = tuple(f"{kind}_{split}.txt" for split in SPLITS for kind in ("imgs", "labels"))
FILES = (COUNTS, *_SPLIT_FILES, *QUERY_FILES, *TRIPLET_FILES, NAMES, README)


def write_adde(
    folder: Path,
    content: AddeFolder,
    names: Mapping[str, tuple[str, ...]],
    readme: str,
    on_progress: StepProgress = no_progress,
) -> None:
    """Write a split folder; earlier files are replaced once all new ones are complete.

    Args:
        folder: Created if it does not exist.
        content: What to write.
        names: Values in the order of their columns, by super-category.
        readme: The folder's README, without its first line.
        on_progress: Called with the number of files done and of all files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as temporary:
        staging = Path(temporary)
        steps = _steps(staging, content)
        for done, step in enumerate(steps, start=1):
            step()
            on_progress(done, len(steps))
        text = json.dumps(names, ensure_ascii=False, indent=1)
        (staging / NAMES).write_text(text + "\n", "utf-8")
        (staging / README).write_text(f"{FIRST_LINE}\n\n{readme}", "utf-8")
        for name in FILES:
            if (staging / name).exists():
                os.replace(staging / name, folder / name)
            else:  # from an earlier export with queries or triplets
                (folder / name).unlink(missing_ok=True)


def refuse_foreign(folder: Path) -> None:
    """Check that no foreign files would be overwritten.

    Raises:
        DataError: It is a file, or a folder with files that are not from an earlier export.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file.", mend="Name a folder to write to.")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    try:
        is_ours = (folder / README).read_text("utf-8").startswith(FIRST_LINE)
    except (OSError, UnicodeDecodeError):
        is_ours = False
    if not is_ours:
        raise DataError(
            f"{folder} contains files that datrnet has not exported.",
            mend="Name an empty folder, or write into this one with --force.",
        )


def _steps(folder: Path, content: AddeFolder) -> list[Callable[[], object]]:
    """Return functions that write the files."""
    counts = content.counts
    steps: list[Callable[[], object]] = [
        lambda: (folder / COUNTS).write_text(" ".join(map(str, counts)) + "\n", "utf-8")
    ]
    for name, split in content.splits.items():
        lines = "".join(f"{path}\n" for path in split.paths)
        steps.append(_text_step(folder / f"imgs_{name}.txt", lines))
        steps.append(_rows_step(folder / f"labels_{name}.txt", split.labels, None, counts))
    if (queries := content.queries) is not None:
        before = content.splits["test"].labels[queries.references]
        references, changes, targets = (folder / name for name in QUERY_FILES)
        steps.append(_numbers_step(references, queries.references))
        steps.append(_rows_step(changes, queries.targets, before, counts))
        steps.append(_rows_step(targets, queries.targets, None, counts))
    if (triplets := content.triplets) is not None:
        labels = content.splits["train"].labels
        before, after = (labels[triplets.items[:, column]] for column in (0, 1))
        items, changes = (folder / name for name in TRIPLET_FILES)
        steps.append(_numbers_step(items, triplets.items))
        steps.append(_rows_step(changes, after, before, counts))
    return steps


def _text_step(path: Path, text: str) -> Callable[[], object]:
    return lambda: path.write_text(text, "utf-8", newline="\n")


def _numbers_step(path: Path, numbers: NDArray[np.int64]) -> Callable[[], object]:
    rows = (numbers[:, None] if numbers.ndim == 1 else numbers).tolist()
    return _text_step(
        path, "".join(chain.from_iterable((" ".join(map(str, row)), "\n") for row in rows))
    )


def _rows_step(
    path: Path,
    labels: NDArray[np.int16],
    before: NDArray[np.int16] | None,
    counts: tuple[int, ...],
) -> Callable[[], object]:
    """Return a function that writes labels (n, A), or their difference from ``before``."""

    def write() -> None:
        with path.open("wb") as file:
            for start in range(0, len(labels), ROWS):
                part = slice(start, start + ROWS)
                matrix = one_hot(labels[part], counts)
                if before is not None:
                    matrix -= one_hot(before[part], counts)
                file.write(_text_of(matrix))

    return write


def _text_of(matrix: NDArray[np.int8]) -> bytes:
    """Return numbers from -1 to 1 (n, S) as lines of words."""
    text = np.empty((*matrix.shape, 3), dtype=np.uint8)
    text[..., 0] = ord("-")
    text[..., 1] = ord("0") + np.abs(matrix)
    text[..., 2] = ord(" ")
    text[:, -1, 2] = ord("\n")
    is_written = np.ones(text.shape, dtype=bool)
    is_written[..., 0] = matrix < 0
    return text[is_written].tobytes()
