"""Write docs/results/comparison.md from what `datrnet compare` left in a workspace.

python tools/write_comparison.py WORKSPACE    of fashion-products, after the commands that the page
                                              names; a section whose command was not run stays
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from datrnet.core.catalog.catalog import Catalog, split_rows
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError
from datrnet.core.research.experiments.result import (
    StoredResult,
    Table,
    markdown_table,
    read_result,
)

ROOT = Path(__file__).resolve().parent.parent

WIDEST = 1400
"""Pixels of a chart in the docs."""

COMPARISON_HEAD = """# The systems side by side, on fashion-products

Written by `python tools/write_comparison.py WORKSPACE` from the outcomes of the commands below. The
workspace was made by `datrnet import catalog.csv` with the attributes category, colour, pattern,
gender, usage and season: {train:,} items train, {validation:,} validate, {test:,} are the test
split, which is queries and gallery here. [README.md](README.md) holds the claims of the paper
against these figures.
"""
COMPARISONS = (
    (
        "From random weights",
        "All rows at 64 px, with the same time of training for each. A few minutes are little for "
        "AlexNet, ResNet-50 and ViT-B/16, which nobody would train from random weights on so few "
        "pictures: the rows tell how far each gets with this budget. FashionSearchNet's regions "
        "are not tested: AlexNet's last map of 64 px has 3 × 3 places, and a region is nearly the "
        "whole map.",
        "comparison",
    ),
    (
        "On one pretrained backbone, its features kept",
        "EfficientNet-Lite0 with ImageNet weights, frozen: every system learns on the same "
        "numbers, so that nothing but the systems differ.",
        "comparison-pretrained",
    ),
)
FINDINGS_END = "Super-categories:"
"""How the note begins before which the notes say what was found."""

PLAIN = "Ranked by distance, equal weights"
AUTHORS_ADDE_M = {
    "query + attribute: top-30": 0.927,
    "query + attribute: NDCG@30": 0.643,
    "NDCG of the change": 0.409,
    "NDCG of the rest": 0.716,
}
"""What the code of ADDE-M's authors came to on such features and these queries."""

CHECK_TITLE = "ADDE-M beside its authors' own code"

CHECK_HEAD = f"""## {CHECK_TITLE}

The authors' code ran on frozen features of the same kind (160 px, mean and maximum, an 8 × 8
thumbnail), with 12 epochs of its first stage and 5 of its last one on 10,800 fixed triplets. It
chose its best epoch by the test queries; here the validation items choose it, and triplets are
drawn again for each epoch. The figures here are the means over the seeds above.
"""


def write_comparison(workspace: Path) -> None:
    """Write the page of both comparisons, from scratch and pretrained, with their charts."""
    target = ROOT / "docs" / "results"
    with Workspace(workspace).open_store() as store:
        catalog = Catalog.load(store)
    sizes = {name: len(split_rows(catalog, name)) for name in ("train", "validation", "test")}
    page = target / "comparison.md"
    written = sections(page.read_text("utf-8"))
    parts = [COMPARISON_HEAD.format(**sizes)]
    for title, about, name in COMPARISONS:
        try:
            stored = read_result(workspace / "experiments" / name)
        except DataError:
            parts.append(written[title])
            continue
        written[CHECK_TITLE] = checked(stored) or written.get(CHECK_TITLE, "")
        parts.append(f"## {title}\n\n{about}\n\n{section(stored)}")
        for picture in stored.pictures:
            with Image.open(stored.folder / picture) as chart:
                chart.thumbnail((WIDEST, WIDEST))
                chart.quantize(128).save(target / chart_name(stored, picture), optimize=True)
    parts.append(written.get(CHECK_TITLE, ""))
    text = "\n\n".join(part.strip("\n") for part in parts if part)
    page.write_text(text + "\n", "utf-8")


def sections(text: str) -> dict[str, str]:
    """Return the sections of a page by their titles."""
    found = {}
    for part in text.split("\n## ")[1:]:
        title, _, _ = part.partition("\n")
        found[title] = f"## {part}"
    return found


def chart_name(stored: StoredResult, picture: str) -> str:
    """Return what a chart is called beside the page; the main one by its experiment alone."""
    is_main = picture == stored.pictures[0]
    return f"{stored.name}.png" if is_main else f"{stored.name}-{picture}"


def section(stored: StoredResult) -> str:
    """Return a comparison: command, what was found, the tables behind it, and then the details."""
    end = next(
        (idx for idx, note in enumerate(stored.notes) if note.startswith(FINDINGS_END)),
        len(stored.notes),
    )
    found, notes = stored.notes[:end], stored.notes[end:]
    main = Table(title=stored.title, columns=stored.columns, rows=stored.rows)
    firsts = [
        it for it in stored.further if it.title.startswith(("Difference to", "The trade-off"))
    ]
    rest = [it for it in stored.further if it not in firsts]
    charts = [f"![{stored.name}: {Path(p).stem}]({chart_name(stored, p)})" for p in stored.pictures]
    return "\n\n".join(
        (
            f"```text\n$ {stored.command}\n```",
            *_drawn([main]),
            "### What is found",
            *(f"- {note}" for note in found),
            *_drawn(firsts),
            *charts,
            "### How to read it",
            *notes,
            *_drawn(rest),
        )
    )


def _drawn(tables: Sequence[Table]) -> list[str]:
    return [f"### {it.title}\n\n{markdown_table(it.columns, it.rows)}" for it in tables]


def checked(stored: StoredResult) -> str:
    """Return ADDE-M's figures beside those of its authors' own code on the same features.

    The authors rank by plain distance. Nothing without such a row.
    """
    plain = next((it for it in stored.further if it.title.startswith(PLAIN)), None)
    row = next((row for row in plain.rows if row[0] == "ADDE-M"), None) if plain else None
    if plain is None or row is None:
        return ""
    lines = ["| | the authors' code | here | difference |", "|---|---:|---:|---:|"]
    for name, theirs in AUTHORS_ADDE_M.items():
        ours = float(str(row[plain.columns.index(name)]).split()[0])
        lines.append(f"| {name} | {theirs:.3f} | {ours:.3f} | {ours - theirs:+.3f} |")
    return "\n".join([CHECK_HEAD, *lines])


if __name__ == "__main__":
    write_comparison(Path(sys.argv[1]).resolve())
