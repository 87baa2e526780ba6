"""The sections of the report: catalog, runs, index, evaluations and experiments."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import PositiveInt, TypeAdapter

from datrnet.core.catalog.catalog import UNLABELED, Catalog
from datrnet.core.catalog.value_sets import count_values
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import DataError, DatrnetError
from datrnet.core.evaluation.protocol import Assessment, Score, UseCase
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.research.experiments.charts import line_chart
from datrnet.core.research.experiments.plan import place_in_paper
from datrnet.core.research.experiments.result import (
    RESULT_FILE,
    Cell,
    StoredResult,
    Table,
    png_of,
    read_result,
    score_cells,
    score_columns,
    use_case_name,
)
from datrnet.core.research.report.parts import (
    NOTHING,
    HtmlPicture,
    ReportSection,
    Settings,
    duration,
    moment,
    percent,
    settings_of,
)
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.index_lag import IndexLag
from datrnet.core.retrieval.search import Searcher
from datrnet.db.rows import EvaluationRow, GenerationRow, RunRow
from datrnet.db.store import Store

SPLITS = ("train", "validation", "test", "")

FEW_EPOCHS = 15
"""Up to so many epochs each has its tick."""

ASSESSMENT = TypeAdapter(Assessment)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogSection:
    """Items and labels."""

    num_items: int
    tables: tuple[Table, ...]
    """Empty without items."""
    values: Mapping[str, Sequence[tuple[str, int]]]
    """The values of each super-category with their items, the most frequent first."""


def catalog_section(catalog: Catalog) -> CatalogSection:
    """Count items and labels."""
    shown = catalog.shown_rows
    num_items, counts = len(shown), Counter(map(str, catalog.splits[shown]))
    num_labeled = (catalog.labels[shown] != UNLABELED).sum(axis=0).tolist()
    values = {
        category.name: _value_counts(category.values, catalog.value_sets[shown, idx])
        for idx, category in enumerate(catalog.super_categories)
    }
    splits = Table(
        title="Items by split",
        columns=("split", "items", "share"),
        rows=tuple(
            (split or "none", counts[split], percent(counts[split] / num_items))
            for split in SPLITS
            if counts[split]
        ),
    )
    super_categories = Table(
        title="Super-categories",
        columns=("super-category", "values", "items labeled", "share labeled", "most frequent"),
        rows=tuple(
            _label_row(name, pairs, labeled, num_items)
            for (name, pairs), labeled in zip(values.items(), num_labeled, strict=True)
        ),
    )
    tables = tuple(table for table in (splits, super_categories) if num_items and table.rows)
    return CatalogSection(num_items=num_items, tables=tables, values=values)


def _value_counts(values: Sequence[str], sets: NDArray[np.int16]) -> list[tuple[str, int]]:
    counts = count_values(sets, len(values)).tolist()
    return sorted(zip(values, counts, strict=True), key=lambda pair: -pair[1])


def _label_row(
    name: str, counts: Sequence[tuple[str, int]], labeled: int, num_items: int
) -> tuple[Cell, ...]:
    share = percent(labeled / num_items if num_items else None)
    frequent = ", ".join(value for value, count in counts[:3] if count)
    return name, len(counts), labeled, share, frequent


# ── runs ─────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEpoch:
    """A line of a run's log."""

    super_category: str
    epoch: PositiveInt
    loss: float
    accuracy: float | None
    """None where it was not measured."""
    seconds: float


LOG_LINE = TypeAdapter(LoggedEpoch)


def run_section(workspace: Workspace, row: RunRow) -> ReportSection:
    """Read a run's figures and log, and draw its curves.

    Raises:
        ConfigError: There is a log, and the extra that draws charts is not installed.
    """
    config = json.loads(row.config_json)
    epochs, problems = _log_of(workspace, row)
    took = NOTHING
    if row.finished_at is not None:  # wall time, pauses included
        start, end = map(datetime.fromisoformat, (row.started_at, row.finished_at))
        took = duration((end - start).total_seconds())
    curves = {"validation accuracy": "accuracy", "loss": "loss"} if epochs else {}
    return ReportSection(
        title=row.name,
        aside=row.status,
        facts=(
            ("config", str(config.get("name", ""))),
            ("started", moment(row.started_at)),
            ("took", took),
        ),
        tables=_networks(row, epochs),
        pictures=tuple(_curve(row.name, epochs, *names) for names in curves.items()),
        settings=settings_of(config),
        problems=problems,
    )


def runs_overview(runs: Sequence[ReportSection]) -> Table:
    """Return a row for each run."""
    rows = []
    for run in runs:
        config, *times = (value for _, value in run.facts)
        rows.append((run.title, config, run.aside, *times))
    columns = ("run", "config", "status", "started", "took")
    return Table(title="All runs, the newest first", columns=columns, rows=tuple(rows))


def _log_of(workspace: Workspace, row: RunRow) -> tuple[list[LoggedEpoch], tuple[str, ...]]:
    """Return the epochs of a run's log and what is wrong with it."""
    try:
        path = RunFolder.open(workspace.models / row.name).log_path
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return [], ()  # imported weights have none
    except (DatrnetError, OSError) as error:
        return [], (f"Its log cannot be read: {error}",)
    epochs = []
    for line in lines:
        try:
            epochs.append(LOG_LINE.validate_json(line))
        except ValueError:  # counted below
            continue
    num_damaged = len(lines) - len(epochs)
    problem = f"Damaged lines of its log, skipped: {num_damaged}."
    return epochs, (problem,) if num_damaged else ()


def _networks(row: RunRow, epochs: Sequence[LoggedEpoch]) -> tuple[Table, ...]:
    """Return a row for each super-category: its stored figures, and what the log adds."""
    finished = json.loads(row.metrics_json) if row.metrics_json else {}
    rows: list[tuple[Cell, ...]] = []
    for name in dict.fromkeys((*finished, *(epoch.super_category for epoch in epochs))):
        logged = [epoch for epoch in epochs if epoch.super_category == name]
        facts = finished.get(name)
        if facts is None:  # still training, or interrupted: there is only the log
            best = max(logged, key=lambda epoch: -1 if epoch.accuracy is None else epoch.accuracy)
            facts = {"accuracy": best.accuracy, "best_epoch": best.epoch, "epochs": len(logged)}
        rows.append(
            (
                name,
                percent(facts["accuracy"]),
                facts["best_epoch"],
                facts["epochs"],
                logged[-1].loss if logged else None,
                round(sum(epoch.seconds for epoch in logged)) if logged else None,
            )
        )
    columns = ("super-category", "validation accuracy", "best epoch", "epochs", "loss", "seconds")
    title = "One network for each super-category"
    return (Table(title=title, columns=columns, rows=tuple(rows)),) if rows else ()


def _curve(run: str, epochs: Sequence[LoggedEpoch], what: str, attribute: str) -> HtmlPicture:
    """Draw a figure of every network, epoch by epoch; a network may have stopped early."""
    xs = range(1, max(epoch.epoch for epoch in epochs) + 1)
    lines = {epoch.super_category: [math.nan] * len(xs) for epoch in epochs}
    ends = dict.fromkeys(lines, math.nan)
    for epoch in epochs:
        if (value := getattr(epoch, attribute)) is not None:
            lines[epoch.super_category][epoch.epoch - 1] = ends[epoch.super_category] = value
    chart = line_chart(
        xs, lines, x_label="epoch", y_label=what, whole_xs=len(xs) <= FEW_EPOCHS, width=6.4
    )
    listed = ", ".join(f"{name} {end:.3f}" for name, end in ends.items())
    return HtmlPicture(
        caption=f"{what.capitalize()} by epoch",
        alt=f"Line chart of the {what} of run {run} over {len(xs)} epochs; at the end: {listed}.",
        png=png_of(chart),
        size=chart.size,
    )


# ── the index ────────────────────────────────────────────────────────────────


def index_section(
    workspace: Workspace, store: Store, catalog: Catalog, row: GenerationRow | None
) -> ReportSection | None:
    """Describe the current index; None without an index."""
    if row is None:
        return None
    try:
        generation = Searcher(catalog, Generation.current(workspace, store)).generation
    except DatrnetError as error:
        return ReportSection(title=row.name, problems=(str(error),))
    manifest = generation.manifest
    num_unindexed = len(IndexLag.of(workspace, catalog, generation, ()).new)
    # no super-category of an entangled block has a weight of its own
    weights = dict(zip(generation.block_names, manifest.weights, strict=True))
    table = Table(
        title="Weights of the super-categories",
        columns=("super-category", "values", "weight"),
        rows=tuple(
            (category.name, len(category.values), weights.get(category.name, "shared"))
            for category in generation.super_categories
        ),
    )
    return ReportSection(
        title=manifest.name,
        facts=(
            ("run", manifest.run_name),
            ("created", moment(manifest.created_at)),
            ("items", f"{manifest.num_items:,}"),
            ("items not yet indexed", f"{num_unindexed:,}"),
            ("length of an embedding", f"{manifest.embedding_size:,}"),
            ("recall@30 of Annoy against exact search", percent(manifest.recall_at_30)),
            ("nodes that Annoy visits", f"{manifest.nodes:,}"),
            ("extra weight of a change", f"{manifest.changed_weight:g}"),
        ),
        tables=(table,),
    )


# ── evaluations ──────────────────────────────────────────────────────────────


def evaluation_section(row: EvaluationRow) -> ReportSection:
    """Show an evaluation as tables; another version's may be unreadable."""
    title = f"{row.split} split"
    facts = (("run", row.run_name), ("index", row.generation), ("created", moment(row.made_at)))
    try:
        found = ASSESSMENT.validate_json(row.results_json)
    except (ValueError, DatrnetError):
        problem = "Another version of datrnet wrote it. Run `datrnet evaluate` again."
        return ReportSection(title=title, facts=facts, problems=(problem,))
    columns = score_columns(found.protocol.k)
    use_cases = Table(
        title="Use cases",
        columns=("use case", *columns),
        rows=tuple((_use_case(case), *_share_cells(case.overall)) for case in found.use_cases),
    )
    by_super_category = [
        Table(
            title="One change, by the super-category that is changed",
            columns=("super-category", *columns),
            rows=tuple(
                (name, *_share_cells(score))
                for name, score in (*case.by_super_category.items(), ("mean of these", case.macro))
                if score is not None
            ),
        )
        for case in found.use_cases
        if case.by_super_category
    ]
    return ReportSection(
        title=title,
        aside=_distinction(found),
        facts=(("items", f"{found.num_items:,}"), *facts),
        tables=(use_cases, *by_super_category),
        settings=(*settings_of(asdict(found.protocol)), *_weights(found)),
    )


def _distinction(found: Assessment) -> str:
    """Say what distinguishes an evaluation from others of the split."""
    protocol, weights = found.protocol, found.weights
    words = [
        f"top-{protocol.k}",
        "equal weights" if {*weights.blocks, weights.changed} == {1} else "weighted",
        f"at most {protocol.max_changes} changes",
    ]
    if found.queries:
        words.append(f"queries of {found.queries}")
    if found.ranking == "match":
        words.append("ranked by match scores")
    if protocol.match != "used":
        words.append(f"match {protocol.match}")
    if protocol.within is not None:
        words.append(f"prototypes within {protocol.within}")
    if protocol.query_takes_rank != "changed":
        words.append(f"query takes a rank {protocol.query_takes_rank}")
    return ", ".join(words)


def _use_case(case: UseCase) -> str:
    name, valid = use_case_name(case.num_changes), case.num_valid
    is_sample = case.overall.num_queries != valid
    return f"{name} (a sample of {valid:,} queries)" if is_sample else name


def _share_cells(score: Score) -> tuple[Cell, ...]:
    """Return the cells of a score, its accuracy as a percentage with the interval in brackets."""
    num_queries, accuracy, *others = score_cells(score)
    share = score.top_k_accuracy
    if math.isfinite(share.value):
        accuracy = f"{percent(share.value)} ({100 * share.low:.1f}–{100 * share.high:.1f})"
    return num_queries, accuracy, *others


def _weights(found: Assessment) -> Settings:
    blocks = zip(found.blocks, found.weights.blocks, strict=True)  # a single one if entangled
    return (
        *((f"weight of {name}", f"{weight:g}") for name, weight in blocks),
        ("extra weight of a change", f"{found.weights.changed:g}"),
    )


# ── experiments ──────────────────────────────────────────────────────────────


def experiment_folders(workspace: Workspace) -> list[Path]:
    """Return the folders of all finished experiments, the paper's in its order first."""
    folders = [file.parent for file in workspace.experiments.glob(f"*/{RESULT_FILE}")]
    return sorted(folders, key=lambda folder: (place_in_paper(folder.name), folder.name))


def experiment_section(folder: Path) -> ReportSection:
    """Read a result as far as it can be read."""
    try:
        return _experiment(read_result(folder))
    except DataError as error:
        problem = str(error)
    except (TypeError, ValueError, AttributeError, RecursionError):
        # JSON of the right names with values of another kind
        path = folder / RESULT_FILE
        problem = f"{path} is damaged. Run `datrnet experiment {folder.name}` again."
    return ReportSection(title=folder.name, name=folder.name, problems=(problem,))


def _experiment(result: StoredResult) -> ReportSection:
    facts = {
        name.removeprefix("num_").replace("_", " "): f"{fact:,}" if isinstance(fact, int) else fact
        for name, fact in result.facts.items()
    }
    facts |= {"created": moment(result.made_at), "took": duration(result.seconds)}
    pictures, problems = [], []
    for file in result.pictures:
        caption = Path(file).stem.replace("-", " ").replace("_", " ")
        alt = f"{result.title}: {caption}"
        try:
            if Path(file).name != file:
                raise DataError(f"The picture {file} is outside the experiment's folder.")
            pictures.append(HtmlPicture.read(result.folder / file, caption=caption, alt=alt))
        except (DataError, OSError) as error:
            problems.append(f"Its picture {file} cannot be shown: {error}")
    main = Table(title=f"Result of {result.name}", columns=result.columns, rows=result.rows)
    return ReportSection(
        title=result.title or result.name,
        name=result.name,
        command=result.command,
        facts=settings_of({**facts, "datrnet": result.version}),
        tables=tuple(table for table in (main, *result.further) if table.rows),
        notes=result.notes,
        pictures=tuple(pictures),
        settings=settings_of(result.config),
        problems=tuple(problems),
    )
