"""Write docs/results/README.md: which of the paper's claims hold here, by the stored outcomes.

python tools/write_claims.py WORKSPACE    after `datrnet compare`, `compare --pretrained`,
                                          `experiment ablation` and `experiment hyper-parameters`;
                                          what has not been run is said to be missing
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datrnet.core.errors import DataError
from datrnet.core.evaluation.metrics import Difference
from datrnet.core.research.experiments.result import (
    StoredResult,
    Table,
    markdown_table,
    read_result,
)

ROOT = Path(__file__).resolve().parent.parent

HEAD = """# What holds of the paper's claims

Written by `python tools/write_claims.py WORKSPACE` from the outcomes of the commands below, on
fashion-products; [comparison.md](comparison.md) has the whole comparison and how it was made.

A claim says that one row is better than others. Each pair is compared on the same queries, with the
95 % interval of a paired bootstrap over the query items (seeds averaged first). A claim **holds**
for a figure if every interval lies on its side of 0. It **does not hold** if one lies on the other
side. Else it **cannot be told**. Catalog, size and budget are not the paper's: what does not hold
here may hold there.
"""

FIGURES = ("query: top-", "query + attribute: top-", "query + attribute: NDCG@")
"""How the columns begin that claims are judged by: the paper's two figures, and NDCG with a change,
which says more where nearly every list has a hit."""

HEADINGS = ("query: top-k", "query + attribute: top-k", "query + attribute: NDCG")

NUMBER = re.compile(r"[-+]\d+\.\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """That the reference of a table is better than some rows, or worse."""

    text: str
    where: str
    """In the paper."""
    experiment: str
    rows: tuple[str, ...] = ()
    """Names that rows begin with; none for all of them."""
    reference: str = ""
    """Of the table of differences; none for the only one."""
    sign: int = -1
    """The side of 0 that the rows' differences to the reference are said to be on."""


SYSTEMS = ("Attribute-based", "AMNet", "FashionSearchNet", "ADDE-M")
"""Those that the paper compares with."""

MASKS = ("MSF + channel", "MSF + spatial", "MSF + height", "MSF + width")

CLAIMS = (
    Claim(
        text="DAtRNet is better than every other system, each trained from random weights.",
        where="tables 2 and 3",
        experiment="comparison",
        rows=SYSTEMS,
        reference="DAtRNet",
    ),
    Claim(
        text="DAtRNet is better than every other system, all on one pretrained backbone (the "
        "paper has none).",
        where="tables 2 and 3",
        experiment="comparison-pretrained",
        rows=SYSTEMS,
        reference="DAtRNet",
    ),
    Claim(
        text="Triplets and prototypes are better than a classifier on the same network.",
        where="section 3",
        experiment="comparison-pretrained",
        rows=("Plain classifier",),
        reference="DAtRNet",
    ),
    Claim(
        text="A network of its own for each super-category is better than heads on shared layers "
        "(one network of `best`).",
        where="section 3",
        experiment="comparison-pretrained",
        rows=("One network with shared",),
        reference="Best with one network",
    ),
    Claim(
        text="Attention is better than none (one network of `best`).",
        where="table 4",
        experiment="comparison-pretrained",
        rows=("One network without attention",),
        reference="Best with one network",
    ),
    Claim(
        text="The whole network is better than without any attention.",
        where="table 4",
        experiment="ablation",
        rows=("Only three MSF",),
    ),
    Claim(
        text="Three masks together are better than one of them, or a joint mask.",
        where="table 4",
        experiment="ablation",
        rows=MASKS,
    ),
    Claim(
        text="Multi-scale features are better than residual blocks.",
        where="table 4",
        experiment="ablation",
        rows=("ResNet replacing MSF",),
    ),
    Claim(
        text="Three ASE modules are better than one.",
        where="table 4",
        experiment="ablation",
        rows=("One ASE",),
    ),
    Claim(
        text="A kernel of 3 is better than one of 5.",
        where="section 4",
        experiment="hyper-parameters",
        rows=("kernel 5",),
    ),
    Claim(
        text="Larger pictures are better (96 px than 64).",
        where="section 4",
        experiment="hyper-parameters",
        rows=("image_size 96",),
        sign=1,
    ),
    Claim(
        text="32 first filters are better than 16.",
        where="section 4",
        experiment="hyper-parameters",
        rows=("filters 32",),
        sign=1,
    ),
    Claim(
        text="An embedding of 128 numbers is better than a shorter or longer one.",
        where="section 3",
        experiment="hyper-parameters",
        rows=("embedding_size",),
    ),
)
COMMANDS = {
    "comparison": "datrnet compare",
    "comparison-pretrained": "datrnet compare --pretrained",
    "ablation": "datrnet experiment ablation",
    "hyper-parameters": "datrnet experiment hyper-parameters",
}


def write_claims(workspace: Path) -> None:
    """Write the page."""
    results = {}
    for name in COMMANDS:
        try:
            results[name] = read_result(workspace / "experiments" / name)
        except DataError:
            continue  # the page says that it is missing
    (ROOT / "docs" / "results" / "README.md").write_text(page(results), "utf-8")


def page(results: dict[str, StoredResult]) -> str:
    """Return the page: a summary of all claims, then the differences behind each."""
    rows = []
    details = []
    for claim in CLAIMS:
        stored = results.get(claim.experiment)
        found = judged(claim, stored) if stored is not None else None
        words = found.words if found is not None else ("not measured",) * len(FIGURES)
        rows.append((f"{claim.text} ({claim.where})", *words))
        if found is not None:
            details += [f"### {claim.text}", sentence(claim, found), found.table]
        else:
            details += [f"### {claim.text}", f"Run `{COMMANDS[claim.experiment]}` to measure it."]
    commands = [
        f"$ {results[name].command}" if name in results else f"$ {command}    # not run yet"
        for name, command in COMMANDS.items()
    ]
    parts = [
        HEAD,
        "```text\n" + "\n".join(commands) + "\n```",
        markdown_table(("claim of the paper", *HEADINGS), rows),
        "## The figures",
        *details,
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was found of a claim."""

    words: tuple[str, ...]
    """By figure."""
    pairs: tuple[dict[str, Difference], ...]
    """By figure, the differences of the rows."""
    reference: str
    table: str


def judged(claim: Claim, stored: StoredResult) -> Judged | None:
    """Hold a claim against a stored outcome; None if it lacks the rows."""
    table = table_of(claim, stored)
    if table is None:
        return None
    chosen = [
        row
        for row in table.rows
        if not claim.rows or any(str(row[0]).startswith(name) for name in claim.rows)
    ]
    if not chosen:
        return None
    columns = [
        next(idx for idx, column in enumerate(table.columns) if column.startswith(figure))
        for figure in FIGURES
    ]
    pairs = tuple(
        {str(row[0]): it for row in chosen if (it := difference_of(row[idx])) is not None}
        for idx in columns
    )
    reference = table.title.removeprefix("Difference to ")
    shown = [(row[0], *(row[idx] for idx in columns)) for row in chosen]
    heading = f"less {reference}"
    return Judged(
        words=tuple(verdict([it.direction * claim.sign for it in each.values()]) for each in pairs),
        pairs=pairs,
        reference=reference,
        table=markdown_table((heading, *(table.columns[idx] for idx in columns)), shown),
    )


def table_of(claim: Claim, stored: StoredResult) -> Table | None:
    """Return the table of differences that a claim is about."""
    begin = f"Difference to {claim.reference}"
    found = [table for table in stored.further if table.title.startswith(begin)]
    exact = [table for table in found if not claim.reference or table.title == begin]
    return exact[0] if exact else None


def difference_of(cell: object) -> Difference | None:
    """Read a difference as the outcome has it: +0.012 (+0.003 to +0.021)."""
    numbers = [float(number) for number in NUMBER.findall(str(cell))]
    return Difference(*numbers) if len(numbers) == 3 else None


def verdict(sides: Sequence[int]) -> str:
    """Return what the sides of all pairs say: 1 as claimed, -1 the opposite, 0 neither."""
    if not sides:
        return "not measured"
    if min(sides) < 0:
        return "does not hold"
    return "holds" if min(sides) > 0 else "cannot be told"


def sentence(claim: Claim, found: Judged) -> str:
    """Say for each figure which pairs are as claimed, and which are not."""
    sentences = []
    for heading, word, pairs in zip(HEADINGS, found.words, found.pairs, strict=True):
        names = {1: "as claimed", -1: "the opposite", 0: "not told apart"}
        groups = []
        for side, title in names.items():
            rows = [name for name, it in pairs.items() if it.direction * claim.sign == side]
            if rows:
                groups.append(f"{title}: {', '.join(rows)}")
        sentences.append(f"- {heading[0].upper()}{heading[1:]}: {word}. {'; '.join(groups)}.")
    return "\n".join(sentences)


if __name__ == "__main__":
    write_claims(Path(sys.argv[1]).resolve())
