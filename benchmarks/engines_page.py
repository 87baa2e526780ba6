"""The page and the picture that ``engines.py`` writes."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

DOCS = Path(__file__).resolve().parents[1] / "docs" / "results"
PAGE = Path(__file__).with_name("engines.md")
"""The page around the tables, written by hand; what it says changes with them."""

COLUMNS = ("equal", "index", "free", "0.1%", "1.0%", "10.0%", "50.0%")
TARGET = 0.99
WIDTH = 170


def show(engines: list[dict[str, Any]]) -> Table:
    """Return the table of one size."""
    table = Table("engine", *COLUMNS, "built, s", "MB", box=box.SIMPLE)
    for engine in engines:
        cells = [_cell(engine["cells"].get(name)) for name in COLUMNS]
        built = "" if engine["built"] is None else f"{engine['built']:,.0f}"
        megabytes = f"{engine['megabytes']:,.0f}" if engine["megabytes"] else ""
        table.add_row(engine["name"], *cells, built, megabytes)
    return table


def _cell(measured: list[float] | None) -> str:
    """Return milliseconds and recall as text."""
    if measured is None:
        return "–"
    milliseconds, recall = measured
    return f"{milliseconds:,.{0 if milliseconds > 99 else 2}f} / {recall:.3f}"


def write_page(kept: dict[str, Any], source: str) -> None:
    """Write the page and its picture, from what was measured of each size.

    Args:
        kept: What was measured, by size.
        source: What the vectors are, as a sentence.
    """
    sizes = sorted(kept, key=int)
    tables = [line for size in sizes for line in _section(int(size), kept[size])]
    text = PAGE.read_text("utf-8").replace("{source}", source)
    text = text.replace("{tables}", "\n".join(tables).rstrip())
    (DOCS / "performance.md").write_text(text, "utf-8")
    draw_picture(kept, DOCS / "performance.png")


def _section(size: int, measured: dict[str, Any]) -> list[str]:
    """Return the lines about one size."""
    out = io.StringIO()
    Console(width=WIDTH, file=out).print(show(measured["engines"]))
    effort, search = measured["effort"], measured["search"]
    notes = [
        f"Block codes are opened in {measured['opened']:.0f} ms. They score {effort['share']:.0%} "
        f"of the items, {effort['num_sketched']:,} by sketches, {effort['num_ranked']:,} exactly.",
        f"Processor milliseconds a query of 256: one by one {search['alone']:.2f}, `search_many` "
        f"{search['together']:.2f}, with one request for all {search['one request']:.2f}.",
    ]
    if "additions" in measured:
        shares = ", ".join(f"{share} {of:.4f}" for share, of in measured["additions"].items())
        notes.append(f"Recall by the share of items that the codebook has seen: {shares}.")
    lines = [line.rstrip() for line in out.getvalue().splitlines() if line.strip()]
    bullets = (f"- {note}" for note in notes)
    return [f"## {size:,} items", "", "```text", *lines, "```", "", *bullets, ""]


def draw_picture(kept: dict[str, Any], path: Path) -> None:
    """Draw the time of each engine against the filter, a panel for each size."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    sizes = sorted(kept, key=int)
    columns = [*COLUMNS[:3], *COLUMNS[:2:-1]]
    names = list(dict.fromkeys(row["name"] for size in sizes for row in kept[size]["engines"]))
    figure, panels = plt.subplots(1, len(sizes), figsize=(4.2 * len(sizes), 4), sharey=True)
    lines = {}
    for size, panel in zip(sizes, np.atleast_1d(panels), strict=True):
        for engine in kept[size]["engines"]:
            name = engine["name"]
            cells = [engine["cells"].get(column) for column in columns]
            good = [cell[0] if cell and cell[1] >= TARGET - 0.0005 else np.nan for cell in cells]
            is_ours = name.startswith("datrnet")
            (lines[name],) = panel.plot(
                columns,
                good,
                marker="o" if is_ours else ".",
                linestyle="-" if is_ours else ":",
                color=f"C{names.index(name)}",
            )
        panel.set_yscale("log")
        panel.set_title(f"{int(size):,} items")
        panel.tick_params(axis="x", rotation=60)
        panel.grid(alpha=0.3)
    np.atleast_1d(panels)[0].set_ylabel("ms a query, where recall@30 is 0.99")
    figure.legend(lines.values(), lines.keys(), loc="lower center", ncol=5, fontsize=8)
    figure.tight_layout(rect=(0, 0.12, 1, 1))
    figure.savefig(path, dpi=110)
