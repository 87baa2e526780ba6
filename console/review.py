"""`datrnet review`: doubtful labels, near-duplicates and unmet requests."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Argument, Option

from datrnet.console import options as opt
from datrnet.console.output import counted, is_terminal, local_time, print_list, say
from datrnet.console.progress import JobProgress
from datrnet.core.errors import IndexStaleError

if TYPE_CHECKING:
    from datrnet.core.api.json_facts import MarkedPairFacts
    from datrnet.core.api.shop import Shop

NOTHING = "–"

NUMBERS = ("confidence", "margin", "difference", "expected", "sessions", "distance")
"""Headings of columns that are aligned to the right."""

app = opt.group_app("datrnet review doubts --super-category color")


@app.command("doubts", epilog="Example: datrnet review doubts --super-category color -k 50")
def review_doubts(
    super_category: opt.SuperCategories = None,
    unlabeled: Annotated[bool, Option("--unlabeled")] = False,
    top: opt.Top = 30,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """List doubtful labels, with the probability that the predicted value is right.

    The strongest doubt comes first. An index that is not calibrated has no probabilities: there
    the margin counts, by which the predicted value is nearer than the label. Labels that were set
    or confirmed by hand, here or in the explorer, are not listed.

    Args:
        unlabeled: List items without a label, with the predicted value.
    """
    found = opt.shop_at(workspace).doubts(super_category or (), unlabeled=unlabeled)
    if number := found.num_relabeled:
        say(
            f"{counted(number, 'label')} changed since the index was built. Run `datrnet index` "
            "to update its prototypes.",
            "yellow",
        )
    facts = list(map(asdict, found[:top]))
    header = ("id", "title", "super-category", "label", "predicted", "confidence", "margin")
    keys = ("id", "title", "super_category", "label", "guess")
    rows = [
        (
            *(fact[key] or NOTHING for key in keys),
            NOTHING if fact["confidence"] is None else f"{fact['confidence']:.3f}",
            f"{fact['margin']:.2f}",
        )
        for fact in facts
    ]
    noun = "item{} without a label" if unlabeled else "doubtful label{}"
    _print_findings(facts, header, rows, len(found), noun, as_json=as_json)


@app.command("duplicates", epilog="Example: datrnet review duplicates -k 100 --json")
def review_duplicates(
    marked: Annotated[bool, Option("--marked")] = False,
    top: opt.Top = 30,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """List items that seem to be in the catalog twice, the most certain first.

    They use the same picture file, have the same pixels, or are near in every block of the index
    and look alike. Judged pairs are not listed again.

    Args:
        marked: List the pairs marked as duplicates instead.
    """
    shop = opt.shop_at(workspace)
    if marked:
        _print_marked(shop.marked_duplicates(), as_json=as_json)
        return
    _tell_without_index(shop)
    with JobProgress() as progress:
        found = shop.duplicates(on_progress=progress)
    facts = found[:top]
    rows = [
        (g["keep"], d["id"], d["reason"], _figure(d["difference"]), g["title"], d["title"])
        for g in facts
        for d in g["duplicates"]
    ]
    header = ("keep", "duplicate", "why", "difference", "title", "title of duplicate")
    _print_findings(facts, header, rows, len(found), "group{} of duplicates", as_json=as_json)


@app.command("judge", epilog="Example: datrnet review judge 10045 10046 --as duplicate")
def review_judge(
    kept: Annotated[str, Argument(metavar="ITEM")],
    other: Annotated[str, Argument(metavar="OTHER")],
    verdict: Annotated[Literal["duplicate", "distinct", "open"], Option("--as")],
    workspace: opt.Workspace = None,
) -> None:
    """Mark two items as duplicates or as distinct, so that they are not listed again.

    Args:
        kept: Item to keep.
        other: The other item.
        verdict: Verdict; open withdraws an earlier verdict.
    """
    shop = opt.shop_at(workspace)
    shop.judge(kept, other, verdict)
    first, second = (shop.items[code].id for code in (kept, other))
    messages = {
        "duplicate": f"Marked {second} as a duplicate of {first}.",
        "distinct": f"Marked {first} and {second} as distinct items.",
        "open": f"Withdrew the verdict on {first} and {second}.",
    }
    say(messages[verdict])


@app.command("gaps", epilog="Example: datrnet review gaps --super-category category")
def review_gaps(
    super_category: Annotated[str | None, Option(metavar="NAME")] = None,
    top: opt.Top = 30,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """List combinations of values that no item has, although they are popular or requested.

    Combinations requested in sessions come first, then those with the most items expected if
    values were independent.

    Args:
        super_category: Only combinations with a value of this super-category.
    """
    shop = opt.shop_at(workspace)
    _tell_without_index(shop)
    found = shop.gaps(super_category, k=top)
    facts = found[:top]
    header = ("combination", "items with each", "expected", "sessions", "nearest", "distance")
    rows = [
        (
            ", ".join(f"{name} {value}" for name, value in gap["wanted"].items()),
            ", ".join(f"{number:,}" for number in gap["counts"].values()),
            f"{gap['expected']:.1f}",
            gap["sessions"] or NOTHING,
            f"{near['id']} {near['title']}" if near else NOTHING,
            _figure(near["distance"] if near else None),
        )
        for gap in facts
        for near in (gap["nearest"],)
    ]
    _print_findings(facts, header, rows, len(found), "gap{}", as_json=as_json)


def _tell_without_index(shop: "Shop") -> None:
    try:
        _ = shop.searcher
    except IndexStaleError as error:
        say(f"{error} Until then, only labels, files and pixels are compared.", "yellow")


def _print_findings(
    facts: Sequence[object],
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    total: int,
    noun: str,
    *,
    as_json: bool,
) -> None:
    """Print findings and how many more there are; a terminal shows no empty table.

    Args:
        facts: What JSON shows.
        header: The headings of the table.
        rows: One cell per heading.
        total: The number of findings, with those that are not shown.
        noun: What they are, with {} where the plural has an s.
        as_json: Print JSON.
    """
    if as_json or rows or not is_terminal():
        print_list(facts, header, rows, numbers=NUMBERS, as_json=as_json)
    if not total:
        say(f"There is no {noun.format('')}.")
    elif len(facts) < total:
        say(f"{len(facts):,} of {total:,} {noun.format('s')}; -k shows more.")


def _figure(number: float | None) -> str:
    return NOTHING if number is None else f"{number:.2f}"


def _print_marked(facts: "Sequence[MarkedPairFacts]", *, as_json: bool) -> None:
    """Print the pairs marked as duplicates."""
    header = ("keep", "duplicate", "marked")
    rows = [(fact["keep"], fact["duplicate"], local_time(fact["marked"])) for fact in facts]
    _print_findings(facts, header, rows, len(facts), "pair{} marked as duplicate", as_json=as_json)
