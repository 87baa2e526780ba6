"""How many labels made wrong on purpose the review brings to the top, and how long it takes.

    python benchmarks/review.py demo=WORKSPACE fashion-products=WORKSPACE
        [--trained demo=WORKSPACE --epochs 6 --super-category color …] [--speed 100000]
        [--page docs/results/review.md]

Of every super-category a share of the labels is exchanged for another value, drawn as often as it
occurs. "After training": the networks were taught the right labels, the prototypes are made again
of the wrong ones. "Before training", with --trained: a copy of the workspace is given the wrong
labels, trained and indexed with them, as a shop's own errors are.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from large_workspace import make_workspace

from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import Replacement
from datrnet.core.retrieval.prototypes import mean_embeddings
from datrnet.core.retrieval.search import Searcher
from datrnet.core.review.duplicates import duplicates_of
from datrnet.core.review.label_issues import LabelIssue, label_issues
from datrnet.core.review.unmet_requests import unmet_requests

Wrong = set[tuple[int, str]]
"""Row and super-category of each label that was exchanged."""

SHARES = (0.02, 0.05, 0.10)
SEEDS = (0, 1, 2)
TRAINED_SHARE = 0.05


def main() -> None:
    """Measure what the arguments name, and print or write the page."""
    given = _arguments()
    parts = [HEAD]
    for workspace in given.workspaces:
        name, _, folder = workspace.partition("=")
        parts.append(after_training(name, Workspace(Path(folder).absolute())))
    if given.trained:
        name, _, folder = given.trained.partition("=")
        names = given.super_category or []
        parts.append(before_training(name, Workspace(Path(folder)), names, given.epochs))
    if given.speed:
        parts.append(speed(given.speed))
    page = "\n".join(parts)
    if given.page is None:
        print(page)
    else:
        given.page.write_text(page, "utf-8")


HEAD = """# What the review finds

Written by `python benchmarks/review.py`; its first lines say how wrong labels are made. Precision
at n is the share of wrong labels among the n surest doubts; "as many" is n = the number of labels
made wrong, where precision and recall are one figure. Labels that a catalog had wrong from the
first count as mistakes of the review, so that the figures are lower bounds.
"""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workspaces", nargs="*", metavar="NAME=WORKSPACE")
    parser.add_argument("--trained", metavar="NAME=WORKSPACE")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--super-category", action="append")
    parser.add_argument("--speed", type=int, metavar="ITEMS")
    parser.add_argument("--page", type=Path)
    return parser.parse_args()


def after_training(name: str, workspace: Workspace) -> str:
    """Return the figures of a workspace whose networks were taught the right labels."""
    rows = []
    for share in SHARES:
        measured = [_figures(*_exchanged(workspace, share, seed)) for seed in SEEDS]
        rows.append((f"{share:.0%}", *_means(measured)))
    with workspace.open_store() as store:
        searcher = Searcher(Catalog.load(store), Generation.current(workspace, store))
    run = searcher.generation.manifest.run_name
    return (
        f"## {name}, wrong after training\n\n"
        f"{searcher.catalog.num_items:,} items, {', '.join(searcher.names)}; the run `{run}`; "
        f"means of {len(SEEDS)} draws. With the labels as they are, "
        f"{len(label_issues(searcher, set())):,} of "
        f"{int((searcher.catalog.labels != UNLABELED).sum()):,} are doubted.\n\n"
        + _table(("labels made wrong", *FIGURES), rows)
    )


def _exchanged(workspace: Workspace, share: float, seed: int) -> tuple[list[LabelIssue], Wrong]:
    """Return the doubts after a share of the labels was exchanged and prototypes made of them."""
    with workspace.open_store() as store:
        searcher = Searcher(Catalog.load(store), Generation.current(workspace, store))
    catalog, generation = searcher.catalog, searcher.generation
    wrong = exchange(catalog, searcher.names, share, np.random.default_rng(seed))
    labels = catalog.encode_labels(generation.super_categories)[searcher.indexed_rows]
    taught = catalog.splits[searcher.indexed_rows] == "train"
    prototypes = tuple(
        mean_embeddings(
            np.asarray(generation.embeddings[:, idx]),
            np.where(taught, labels[:, idx], UNLABELED).astype(np.int16),
            len(category.values),
            unit_length=generation.manifest.unit_prototypes,
        )
        for idx, category in enumerate(generation.super_categories)
    )
    assert isinstance(generation.manipulation, Replacement)
    generation.manipulation = replace(generation.manipulation, prototypes=prototypes)
    return label_issues(searcher, set()), wrong


def exchange(
    catalog: Catalog, names: Sequence[str], share: float, rng: np.random.Generator
) -> Wrong:
    """Exchange a share of the labels of some super-categories, in memory, for others."""
    wrong = set()
    for name in names:
        labels = catalog.labels[:, catalog.super_category_idx(name)]
        labeled = np.flatnonzero(labels != UNLABELED)
        occurring = labels[labeled].copy()
        for row in rng.permutation(labeled)[: round(share * len(labeled))]:
            labels[row] = rng.choice(occurring[occurring != labels[row]])
            wrong.add((int(row), name))
    return wrong


FIGURES = (
    "number",
    "precision at 20",
    "at 50",
    "as many",
    "recall at twice as many",
    "of all doubts",
)


def _figures(doubts: Sequence[LabelIssue], wrong: Wrong) -> tuple[float, ...]:
    hits = np.array([(doubt.row, doubt.super_category) in wrong for doubt in doubts])
    number = len(wrong)
    labels = max(len(doubts), 1)
    return (
        number,
        float(hits[:20].mean()),
        float(hits[:50].mean()),
        float(hits[:number].mean()),
        float(hits[: 2 * number].sum() / number),
        number / labels,
    )


def _means(measured: Sequence[tuple[float, ...]]) -> list[str]:
    number, *shares = np.mean(measured, axis=0)
    return [f"{number:,.0f}", *(f"{100 * share:.0f} %" for share in shares)]


def before_training(name: str, workspace: Workspace, names: Sequence[str], epochs: int) -> str:
    """Return the figures of networks that were taught the wrong labels themselves."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Workspace(Path(folder) / "workspace")
        ignored = shutil.ignore_patterns("models", "indexes", "experiments", "features")
        shutil.copytree(workspace.root, copy.root, ignore=ignored)
        wrong = _exchange_on_disk(copy, names)
        chosen = [word for name in names for word in ("--super-category", name)]
        _datrnet(copy, "train", "--config", "small", "--epochs", str(epochs), *chosen)
        _datrnet(copy, "index")
        with copy.open_store() as store:
            searcher = Searcher(Catalog.load(store), Generation.current(copy, store))
        wrong = {label for label in wrong if label[1] in searcher.names}
        doubts = label_issues(searcher, set())
        catalog = searcher.catalog
        rows = []
        for split in ("train", "validation", "test"):
            inside = set(catalog.rows_in(split).tolist())
            some = [doubt for doubt in doubts if doubt.row in inside]
            rows.append((split, *_means([_figures(some, {w for w in wrong if w[0] in inside})])))
        rows.append(("all", *_means([_figures(doubts, wrong)])))
    return (
        f"\n## {name}, wrong before training\n\n"
        f"{TRAINED_SHARE:.0%} of the labels of {', '.join(searcher.names)} made wrong, then "
        f"`datrnet train --config small --epochs {epochs}` and `datrnet index`. Networks are "
        "taught the train items' wrong labels; those of the other splits they never see.\n\n"
        + _table(("items", *FIGURES), rows)
    )


def _exchange_on_disk(workspace: Workspace, names: Sequence[str]) -> Wrong:
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        chosen = names or [category.name for category in catalog.super_categories]
        wrong = exchange(catalog, chosen, TRAINED_SHARE, np.random.default_rng(0))
        for row, name in sorted(wrong):
            value = catalog.labels_of(row)[name]
            store.set_label(int(catalog.item_ids[row]), name, value, "shop")
    return wrong


def _datrnet(workspace: Workspace, *words: str) -> None:
    command = [sys.executable, "-m", "datrnet", *words, "--workspace", str(workspace.root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def speed(number: int) -> str:
    """Return how long each review takes on a made-up catalog."""
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder) / "large")
        make_workspace(workspace, number, print)
        with workspace.open_store() as store:
            searcher = Searcher(Catalog.load(store), Generation.current(workspace, store))
        catalog = searcher.catalog
        reviews: dict[str, Callable[[], object]] = {
            "doubted labels": lambda: label_issues(searcher, set()),
            "near-duplicates": lambda: duplicates_of(workspace, catalog, searcher, []),
            "gaps": lambda: unmet_requests(catalog),
        }
        rows = []
        for name, review in reviews.items():
            started = time.perf_counter()
            review()
            rows.append((name, f"{time.perf_counter() - started:.1f} s"))
    return (
        f"\n## Time at {number:,} items\n\nThe demo's garments over and over, with noise; two "
        "cores, shared.\n\n" + _table(("review", "time"), rows)
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    main()
