"""Write docs/results/comparison.md from what `datrnet compare` left in a workspace.

python tools/write_comparison.py WORKSPACE    of fashion-products, after the two commands that the
                                              page names
"""

import sys
from pathlib import Path

from PIL import Image

from datrnet.core.research.experiments.result import StoredResult, read_result

ROOT = Path(__file__).resolve().parent.parent

WIDEST = 1400
"""Pixels of a chart in the docs."""

COMPARISON_HEAD = """# The systems side by side, on fashion-products

Written by `python tools/write_comparison.py WORKSPACE` from the outcomes of the commands below. The
workspace was made by `datrnet import catalog.csv` with the attributes category, colour, pattern,
gender, usage and season: 6,800 items train, 872 validate, 941 are the test split, which is queries
and gallery here.
"""
COMPARISONS = (
    (
        "From scratch, ten minutes of one CPU core each",
        "All ten rows of the paper's table 3 at 64 px, from random weights. The process had one "
        "core to itself (`taskset -c 0`). Ten minutes are little: ViT-B/16 sees each picture "
        "about once, and nobody would train these backbones from scratch on 6,800 pictures. What "
        "the rows can tell is how far each gets with the same small budget. Learning rates: 1e-3 "
        "for ResNet-50, which the validation items preferred to 1e-4 after 90 seconds; 1e-4 for "
        "AlexNet, the best of three; DAtRNet's are those of the config `small`.\n\n"
        "The rows of FashionSearchNet with and without localization do not test it: AlexNet's "
        "last map of 64 px has 3 × 3 places, and the region is the whole map for nearly all "
        "pictures. AMNet on ViT fills its memory within its ten minutes, which is a pass over all "
        "training items and takes a third of them; the seconds below count epochs only.",
        "comparison",
    ),
    (
        "On one pretrained backbone, its features kept",
        "EfficientNet-Lite0 with ImageNet weights, frozen: every system learns on the same "
        "numbers. Learning rates were chosen on the validation items, between 4e-4 and one or two "
        "of 1e-4 and 1e-3. ADDE-M's stages (12 and 5 epochs) and its batches of 128 triplets are "
        "those of the check below. It ran in parts with other work on the machine, so that "
        "seconds and milliseconds are rough.",
        "comparison-pretrained",
    ),
)
AUTHORS_ADDE_M = {
    "query + attribute: top-30": 0.927,
    "query + attribute: NDCG@30": 0.643,
    "NDCG of the change": 0.409,
    "NDCG of the rest": 0.716,
}
"""What the code of ADDE-M's authors came to on such features and these queries."""

CHECK_HEAD = """
## ADDE-M beside its authors' own code

The authors' code ran on frozen features of the same kind (160 px, mean and maximum, an 8 × 8
thumbnail), with 12 epochs of its first stage and 5 of its last one on 10,800 fixed triplets. It
chose its best epoch by the test queries; here the validation items choose it, and triplets are
drawn again for each epoch. The figures here are the means over the seeds above.
"""


def write_comparison(workspace: Path) -> None:
    """Write the page of both comparisons, from scratch and pretrained, with their charts."""
    target = ROOT / "docs" / "results"
    parts = [COMPARISON_HEAD]
    for title, about, name in COMPARISONS:
        folder = workspace / "experiments" / name
        page = (folder / f"{name}.md").read_text("utf-8")
        page = page.replace("\n## ", "\n### ").replace("\n# ", "\n### ")
        page = page.removeprefix("# ").replace("](accuracy.png)", f"]({name}.png)")
        parts.append(f"## {title}\n\n{about}\n\n### {page}")
        with Image.open(folder / "accuracy.png") as chart:
            chart.thumbnail((WIDEST, WIDEST))
            chart.quantize(128).save(target / f"{name}.png", optimize=True)
    stored = read_result(workspace / "experiments" / "comparison-pretrained")
    parts.append(checked(stored))
    (target / "comparison.md").write_text("\n".join(parts), "utf-8")


def checked(stored: StoredResult) -> str:
    """Return ADDE-M's figures beside those of its authors' own code on the same features."""
    (row,) = [row for row in stored.rows if row[0] == "ADDE-M"]
    lines = ["| | the authors' code | here | difference |", "|---|---:|---:|---:|"]
    for name, theirs in AUTHORS_ADDE_M.items():
        ours = float(str(row[stored.columns.index(name)]).split()[0])
        lines.append(f"| {name} | {theirs:.3f} | {ours:.3f} | {ours - theirs:+.3f} |")
    return "\n".join([CHECK_HEAD, *lines, ""])


if __name__ == "__main__":
    write_comparison(Path(sys.argv[1]).resolve())
