"""`datrnet review`: doubted labels, near-duplicates and gaps, as tables, rows or JSON."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from datrnet.console.output import (
    counted,
    is_terminal,
    print_json,
    print_table,
    say,
)
from datrnet.console.progress import StepProgress
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import IndexStaleError
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.search import Searcher
from datrnet.core.review.doubts import Doubt, doubts_of, guesses_of
from datrnet.core.review.duplicates import DuplicateGroup, duplicates_of
from datrnet.core.review.gaps import Gap, Stopgap, asked_in, gaps_of, stopgap_of
from datrnet.db.rows import PairVerdict, Verdict
from datrnet.db.store import Store

NOTHING = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewOptions:
    """What a person wants to see."""

    top: int
    super_categories: tuple[str, ...] = ()
    as_json: bool = False


def run_doubts(workspace: Workspace, options: ReviewOptions, *, unlabelled: bool) -> None:
    """Print the labels that are doubted, or what items without one would get.

    Raises:
        DatrnetError: There is no index, it can tell nothing, or a name does not exist.
    """
    with workspace.open_store() as store:
        searcher = _searcher(workspace, store)
        settled = store.labels_by_person()
        find = guesses_of if unlabelled else doubts_of
        found = find(searcher, settled, options.super_categories)
        _tell_stale(store, searcher)
    shown = found[: options.top]
    header = ("id", "title", "super-category", "label", "nearer", "margin")
    _print(
        options,
        facts=[_doubt_facts(searcher.catalog, one) for one in shown],
        header=header,
        rows=[_doubt_row(searcher.catalog, one) for one in shown],
        numbers=("margin",),
    )
    noun = "item without a label" if unlabelled else "doubted label"
    _tell_total(len(found), len(shown), noun, "items without a label" if unlabelled else "")


def run_duplicates(workspace: Workspace, options: ReviewOptions, *, marked: bool) -> None:
    """Print the groups of items that seem to be one, or the pairs that a person has marked.

    Raises:
        DatrnetError: The catalogue cannot be read, or the index is damaged.
    """
    with workspace.open_store() as store:
        catalog, verdicts = Catalog.load(store), store.pair_verdicts()
        if marked:
            _print_marked(catalog, verdicts, options)
            return
        searcher = _searcher_if_any(workspace, store, catalog)
    with StepProgress() as progress:
        found = duplicates_of(
            workspace,
            catalog,
            searcher,
            verdicts,
            lambda done, total: progress("Comparing", done, total),
        )
    shown = found[: options.top]
    _print(
        options,
        facts=[_group_facts(catalog, one) for one in shown],
        header=("keep", "duplicate", "why", "difference", "title", "its title"),
        rows=[row for one in shown for row in _group_rows(catalog, one)],
        numbers=("difference",),
    )
    _tell_total(len(found), len(shown), "group")


def run_gaps(workspace: Workspace, options: ReviewOptions) -> None:
    """Print what no item of the catalogue is, although it is popular or was asked for.

    Raises:
        DatrnetError: The catalogue cannot be read, or a name does not exist.
    """
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        asked = asked_in(store)
        searcher = _searcher_if_any(workspace, store, catalog)
    name = options.super_categories[0] if options.super_categories else None
    found = gaps_of(catalog, asked, name)
    shown = [
        (one, None if searcher is None else stopgap_of(searcher, one))
        for one in found[: options.top]
    ]
    header = ("wanted together", "items of each", "expected", "sessions", "nearest", "distance")
    _print(
        options,
        facts=[_gap_facts(catalog, *one) for one in shown],
        header=header,
        rows=[_gap_row(catalog, *one) for one in shown],
        numbers=("expected", "sessions", "distance"),
    )
    _tell_total(len(found), len(shown), "gap")


def run_judge(workspace: Workspace, kept: str, other: str, verdict: Verdict | None) -> None:
    """Remember what a person says of two items.

    Raises:
        DatrnetError: There is no such item, or it is the same one.
    """
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        rows = [catalog.row_of_code(code) for code in (kept, other)]
        kept_id, other_id = (int(catalog.item_ids[row]) for row in rows)
        store.judge_pair(kept_id, other_id, verdict)
    first, second = (catalog.codes[row] for row in rows)
    said = {
        "duplicate": f"{second} is marked as a duplicate of {first}.",
        "distinct": f"{first} and {second} are two items.",
        None: f"Nothing is said of {first} and {second} any more.",
    }
    say(said[verdict])


# ── what is asked ────────────────────────────────────────────────────────────


def _searcher(workspace: Workspace, store: Store) -> Searcher:
    return Searcher(Catalog.load(store), Generation.current(workspace, store))


def _searcher_if_any(workspace: Workspace, store: Store, catalog: Catalog) -> Searcher | None:
    try:
        return Searcher(catalog, Generation.current(workspace, store))
    except IndexStaleError as error:
        say(f"{error} Until then only labels, files and pixels are compared.", "yellow")
        return None


def _tell_stale(store: Store, searcher: Searcher) -> None:
    number = store.num_relabelled_since(searcher.generation.manifest.created_at)
    if number:
        verb = "has" if number == 1 else "have"
        say(
            f"{counted(number, 'label')} {verb} been changed since the index was built; its "
            "prototypes are of the old ones. `datrnet index` renews them.",
            "yellow",
        )


# ── how it is printed ────────────────────────────────────────────────────────


def _print(
    options: ReviewOptions,
    *,
    facts: Sequence[dict[str, Any]],
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[str],
) -> None:
    """Print findings in the form that the reader wants."""
    if options.as_json:
        print_json(facts)
    elif rows or not is_terminal():
        print_table(header, rows, numbers=numbers)


def _tell_total(total: int, shown: int, noun: str, plural: str = "") -> None:
    if not total:
        say(f"There is no {noun}.")
    elif shown < total:
        say(f"{shown:,} of {total:,} {plural or noun + 's'}; -k shows more.")


def _doubt_facts(catalog: Catalog, doubt: Doubt) -> dict[str, Any]:
    facts = asdict(doubt)
    row = facts.pop("row")
    return {"id": catalog.codes[row], "title": catalog.titles[row], **facts}


def _doubt_row(catalog: Catalog, doubt: Doubt) -> tuple[str, ...]:
    return (
        catalog.codes[doubt.row],
        catalog.titles[doubt.row],
        doubt.super_category,
        doubt.label or NOTHING,
        doubt.guess,
        f"{doubt.margin:.2f}",
    )


def _group_facts(catalog: Catalog, group: DuplicateGroup) -> dict[str, Any]:
    return {
        "keep": catalog.codes[group.keep],
        "title": catalog.titles[group.keep],
        "duplicates": [
            {
                "id": catalog.codes[one.row],
                "title": catalog.titles[one.row],
                "reason": one.reason,
                "difference": one.difference,
            }
            for one in group.others
        ],
    }


def _group_rows(catalog: Catalog, group: DuplicateGroup) -> list[tuple[str, ...]]:
    return [
        (
            catalog.codes[group.keep],
            catalog.codes[one.row],
            one.reason,
            NOTHING if one.difference is None else f"{one.difference:.2f}",
            catalog.titles[group.keep],
            catalog.titles[one.row],
        )
        for one in group.others
    ]


def _print_marked(
    catalog: Catalog, verdicts: Sequence[PairVerdict], options: ReviewOptions
) -> None:
    codes = dict(zip(catalog.item_ids.tolist(), catalog.codes, strict=True))
    pairs = [
        (codes[one.kept_id], codes[one.other_id], one.judged_at)
        for one in verdicts
        if one.verdict == "duplicate"
    ]
    header = ("keep", "duplicate", "marked")
    _print(
        options,
        facts=[dict(zip(header, pair, strict=True)) for pair in pairs],
        header=header,
        rows=pairs,
        numbers=(),
    )
    _tell_total(len(pairs), len(pairs), "pair marked as duplicate")


def _gap_facts(catalog: Catalog, gap: Gap, stopgap: Stopgap | None) -> dict[str, Any]:
    nearest = None if stopgap is None else stopgap.nearest
    return {
        "wanted": dict(gap.wanted),
        "expected": gap.expected,
        "counts": dict(gap.counts),
        "sessions": gap.sessions,
        "ask": None
        if stopgap is None
        else {"item": catalog.codes[stopgap.row], "changes": dict(stopgap.changes)},
        "nearest": None
        if nearest is None
        else {"id": nearest.code, "title": nearest.title, "distance": nearest.distance},
    }


def _gap_row(catalog: Catalog, gap: Gap, stopgap: Stopgap | None) -> tuple[str, ...]:
    nearest = None if stopgap is None else stopgap.nearest
    return (
        gap.words,
        ", ".join(f"{number:,}" for number in gap.counts.values()),
        f"{gap.expected:.1f}",
        str(gap.sessions or NOTHING),
        NOTHING if nearest is None else f"{nearest.code} {nearest.title}",
        NOTHING if nearest is None else f"{nearest.distance:.2f}",
    )
