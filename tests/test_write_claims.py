"""The page of claims says what the stored differences say, and no more."""

import runpy
from pathlib import Path

import pytest

from datrnet.core.evaluation.metrics import Difference
from datrnet.core.research.experiments.result import (
    Cell,
    ExperimentResult,
    Provenance,
    StoredResult,
    Table,
    write_result,
)

TOOLS = Path(__file__).parents[1] / "tools"
CLAIMS = runpy.run_path(str(TOOLS / "write_claims.py"))
COMPARISON = runpy.run_path(str(TOOLS / "write_comparison.py"))

COLUMNS = (
    "network",
    "query: top-30",
    "query: NDCG@30",
    "query + attribute: top-30",
    "query + attribute: NDCG@30",
    "NDCG of the change",
    "NDCG of the rest",
)
BELOW, ABOVE, UNKNOWN = (
    Difference(-0.05, -0.07, -0.03),
    Difference(0.05, 0.03, 0.07),
    Difference(0.01, -0.02, 0.04),
)


def stored(folder: Path, rows: dict[str, Difference], reference: str = "DAtRNet") -> StoredResult:
    """Write an outcome whose rows differ from the reference in all figures alike."""
    cells: list[tuple[Cell, ...]] = [(name, *[it] * 6) for name, it in rows.items()]
    result = ExperimentResult(
        title="Rows",
        columns=COLUMNS,
        rows=((reference, *[0.5] * 6),),
        further=(
            Table(title=f"Difference to {reference}", columns=COLUMNS, rows=tuple(cells)),
            Table(
                title="Ranked by distance, equal weights (the paper)",
                columns=COLUMNS,
                rows=(("ADDE-M", *[0.6] * 6),),
            ),
        ),
        notes=("All are below.", "Super-categories: colour."),
    )
    provenance = Provenance(
        name=folder.name,
        kind="any",
        command=f"datrnet experiment {folder.name}",
        config={},
        facts={},
        seconds=1,
    )
    return write_result(folder, result, provenance)


def summary(page: str, claim: str) -> str:
    return next(line for line in page.splitlines() if line.startswith(f"| {claim}"))


def test_sentences_follow_the_figures(tmp_path: Path) -> None:
    results = {
        "comparison": stored(tmp_path / "comparison", {"AMNet": BELOW, "ADDE-M": BELOW}),
        "comparison-pretrained": stored(
            tmp_path / "comparison-pretrained",
            {"AMNet": BELOW, "ADDE-M": ABOVE, "FashionSearchNet": UNKNOWN, "Best": ABOVE},
        ),
        "ablation": stored(
            tmp_path / "ablation",
            {
                "Only three MSF modules": BELOW,
                "MSF + channel attention": BELOW,
                "MSF + height": UNKNOWN,
                "ResNet replacing MSF": ABOVE,
            },
        ),
        "hyper-parameters": stored(
            tmp_path / "hyper-parameters", {"filters 32": ABOVE, "image_size 96": BELOW}, "base: x"
        ),
    }
    page = CLAIMS["page"](results)
    for claim, word in {
        "DAtRNet is better than every other system, each": "holds",
        "DAtRNet is better than every other system, all": "does not hold",
        "The whole network is better than without": "holds",
        "Three masks together": "cannot be told",
        "Multi-scale features": "does not hold",
        "Three ASE modules": "not measured",
        "32 first filters": "holds",
        "Larger pictures": "does not hold",
    }.items():
        assert summary(page, claim).count(f"| {word}") == 3, claim
    assert "as claimed: AMNet; the opposite: ADDE-M; not told apart: FashionSearchNet." in page
    assert "+0.050 (+0.030 to +0.070)" in page
    assert "$ datrnet experiment ablation" in page


def test_what_was_not_run_is_missing(tmp_path: Path) -> None:
    page = CLAIMS["page"](
        {"comparison": stored(tmp_path / "comparison", {"AMNet": BELOW}, "ADDE-M")}
    )
    assert "Run `datrnet experiment ablation` to measure it." in page
    assert summary(page, "DAtRNet is better than every other system, each").count("not meas") == 3
    assert "$ datrnet compare --pretrained    # not run yet" in page


@pytest.mark.parametrize(
    ("sides", "word"),
    [
        ([1, 1], "holds"),
        ([1, 0], "cannot be told"),
        ([1, 0, -1], "does not hold"),
        ([], "not measured"),
    ],
)
def test_a_claim_needs_every_pair(sides: list[int], word: str) -> None:
    assert CLAIMS["verdict"](sides) == word


def test_the_page_of_the_comparison_has_the_findings_before_the_details(tmp_path: Path) -> None:
    result = stored(tmp_path / "comparison", {"A": BELOW})
    page = COMPARISON["section"](result)
    places = [
        page.index(part)
        for part in (
            "$ datrnet experiment comparison",
            "### Rows",
            "- All are below.",
            "### Difference to DAtRNet",
            "### How to read it",
            "Super-categories: colour.",
            "### Ranked by distance",
        )
    ]
    assert places == sorted(places)
    assert "| query + attribute: top-30 | 0.927 | 0.600 | -0.327 |" in COMPARISON["checked"](result)
