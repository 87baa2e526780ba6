"""`datrnet index`: build the index from a trained run, and print its figures."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

from typer import Option

from datrnet.console import options as opt
from datrnet.console.output import counted, percent, print_json, say, show_table
from datrnet.console.progress import JobProgress
from datrnet.core.api.json_facts import IndexFacts, ShardFacts
from datrnet.core.api.shop import Shop
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import PrecisionChoice, RankingChoice
from datrnet.core.errors import ConfigError
from datrnet.core.indexing.torchrun import Ranks
from datrnet.core.progress import no_progress
from datrnet.core.retrieval.engines.engine import EngineChoice
from datrnet.core.retrieval.index_lag import RESTORE
from datrnet.core.retrieval.manipulation import Replacement, WeightedReplacement

if TYPE_CHECKING:
    from datrnet.core.indexing.build import IndexReport
    from datrnet.core.indexing.shard_job import ShardReport
    from datrnet.core.retrieval.manifest import Arithmetic, Manifest

LISTED = 10
"""Unreadable pictures listed by name; the rest is counted."""

ENGINE_FILES = {
    "annoy": "Annoy's file",
    "blocks": "the block codes",
    "exact": "no file",
    "milvus": "Milvus' collection",
}

app = opt.command_app()


@app.command(epilog="Example: datrnet index")
def index(
    run: Annotated[
        str | None, Option(metavar="NAME", show_default="the latest finished run")
    ] = None,
    rebuild: Annotated[bool, Option("--rebuild")] = False,
    choose_weights: Annotated[bool, Option("--choose-weights")] = False,
    engine: Annotated[
        EngineChoice | None,
        Option(metavar="NAME", show_default="that of the current index, else auto"),
    ] = None,
    uri: Annotated[
        str | None, Option(metavar="ADDRESS", show_default="that of the current index")
    ] = None,
    precision: Annotated[
        PrecisionChoice | None,
        Option(metavar="NAME", show_default="that of the current index, else auto"),
    ] = None,
    shard: Annotated[str | None, Option(metavar="NUMBER/COUNT")] = None,
    ranking: Annotated[
        RankingChoice | None,
        Option(metavar="NAME", show_default="that of the current index, else the config's"),
    ] = None,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Build the index that searches use, or bring it up to date.

    If the current index is of the same run, only new items and items with new pictures are
    embedded. Block codes take in new items; beside Annoy's file new items are ranked exactly, until
    they are more than a tenth of all. The weights of the super-categories are chosen on the
    validation split when a run is first indexed; the probabilities that match scores are made of
    are calibrated there each time. The previous index stays in use until the new one is complete.

    Args:
        run: Run whose networks embed the items.
        rebuild: Embed every item and build the search engine again.
        choose_weights: Choose the weights again, and what orders the results.
        engine: What finds the items near a query: annoy, blocks, exact, milvus, or auto, which
            takes Annoy for up to 4,096 items and block codes for more.
        ranking: What orders the results of a search: distance, match (the probability that values
            are the wanted ones), or auto, which takes what ranks the validation items better.
        uri: Where Milvus is: http://HOST:19530, or FILE.db for a file (docs/scale.md).
        precision: Arithmetic of the embeddings: float32, bfloat16, or auto, which tries both when
            there is much to embed, and takes bfloat16 where it is clearly faster and near enough.
        shard: Only embed one of several shares of the items, as in 2/4. When all are embedded,
            here or on other machines, `datrnet index` makes the index. Under torchrun, which gives
            each process its share, `datrnet index` does both.
    """
    shop = Shop(Workspace.locate(workspace))
    name = shop.finished_run(run).name
    ranks = None if shard else Ranks.of_torchrun()
    if shard is not None:
        if engine or uri or choose_weights:
            raise ConfigError(
                "A shard is embedded without an engine or weights.",
                hint="Give --engine, --uri and --choose-weights to the `datrnet index` after it.",
            )
        say(f"Embedding shard {shard} with run {name}.")
        _tell_shard(name, _embed(shop, shard, name, rebuild, precision), as_json=as_json)
        return
    if ranks is not None:
        with ranks.together():
            _embed(shop, str(ranks.shard), name, rebuild, precision, is_shown=ranks.is_first)
        if not ranks.is_first:
            return
    say(f"Indexing with run {name}.")
    with JobProgress() as progress:
        report = shop.index(
            run=name,
            rebuild=rebuild,
            choose_weights=choose_weights,
            engine=engine,
            ranking=ranking,
            uri=uri,
            precision=precision,
            on_progress=progress,
        )
    manifest, arithmetic = report.manifest, report.manifest.arithmetic
    match = manifest.match
    weights = dict(zip(manifest.block_names, manifest.weights, strict=True))
    if as_json:
        facts: IndexFacts = {
            "index": manifest.name,
            "run": manifest.run_name,
            "num_items": manifest.num_items,
            "engine": manifest.engine,
            "engine_reason": manifest.engine_reason,
            "precision": arithmetic.precision,
            "precision_reason": arithmetic.precision_reason,
            "recall_at_30": manifest.recall_at_30,
            "nodes": manifest.nodes,
            "weights": weights,
            "changed_weight": manifest.changed_weight,
            "calibrations": dict(zip(manifest.block_names, match.calibrations, strict=False)),
            "ranking": manifest.ranking,
            "ranking_reason": manifest.ranking_reason,
            "match_weights": dict(zip(manifest.block_names, match.weights, strict=False)),
            "match_changed_weight": match.changed_weight,
            "unreadable": report.unreadable,
            "num_embedded": report.num_embedded,
            "num_from_shards": report.num_from_shards,
            "num_copied": report.num_copied,
            "num_exact": report.num_exact,
            "is_engine_new": report.is_engine_new,
            "is_new": report.is_new,
        }
        print_json(facts)
    else:
        rows = [
            ("run", manifest.run_name),
            ("items", f"{manifest.num_items:,}"),
            ("engine", f"{manifest.engine}: {manifest.engine_reason}"),
            ("embeddings", _embeddings(arithmetic)),
            ("ranking", f"{manifest.ranking}: {manifest.ranking_reason}"),
            ("recall@30 of changed queries", percent(manifest.recall_at_30)),
            ("a query looks at", _effort(manifest)),
            *((f"weight of {name}", f"{weight:g}") for name, weight in weights.items()),
            ("extra weight of a change", f"{manifest.changed_weight:g}"),
        ]
        show_table(("index", manifest.name), rows)
        if match.calibrations:
            _show_calibrations(manifest)
        elif manifest.manipulation in (Replacement.kind, WeightedReplacement.kind):
            say("There are no match scores, because no validation item is labeled.", "yellow")
    if report.unreadable:
        names = ", ".join(report.unreadable[:LISTED])
        more = ", …" if len(report.unreadable) > LISTED else ""
        items = counted(len(report.unreadable), "item")
        say(f"Skipped {items} with unreadable pictures: {names}{more}. {RESTORE}", "yellow")
    say(_outcome(report))
    say("Next: datrnet search ITEM, datrnet browse or datrnet evaluate")


def _show_calibrations(manifest: "Manifest") -> None:
    """Print how probable the values of the validation items are, and what match scores weigh."""
    match = manifest.match
    rows = [
        (
            name,
            f"{each.temperature:.3g}",
            f"{each.num_items:,}",
            percent(each.error_before) if each.num_items else "–",
            percent(each.error_after) if each.num_items else "–",
            percent(each.error_by_chance) if each.num_items else "–",
            f"{weight:g}",
        )
        for name, each, weight in zip(
            manifest.block_names, match.calibrations, match.weights, strict=True
        )
    ]
    numbers = ("validation items", "error before", "after", "by chance", "weight")
    head = ("match scores", "temperature", *numbers)
    show_table(head, rows, numbers=numbers)
    say(
        "The error after calibration is cross-validated. As few items would show about the error "
        "by chance even if all probabilities were right."
    )
    say(f"Extra weight of a change in match scores: {match.changed_weight:g}.")
    pairs = zip(manifest.super_categories, match.calibrations, strict=True)
    for category in (category for category, each in pairs if not each.num_items):
        if len(category.values) < 2:
            say(f"{category.name} has one value, which ranks nothing in match scores.", "yellow")
        else:
            say(
                f"{category.name} has no labeled validation item, so its probabilities are not "
                "calibrated: it has the mean temperature of the others.",
                "yellow",
            )


def _embed(
    shop: Shop,
    shard: str,
    run: str,
    rebuild: bool,
    precision: PrecisionChoice | None,
    *,
    is_shown: bool = True,
) -> "ShardReport":
    """Embed a shard, and show the progress if this is the process that shows it."""
    with JobProgress() if is_shown else nullcontext() as progress:
        return shop.embed_shard(
            shard,
            run=run,
            rebuild=rebuild,
            precision=precision,
            on_progress=progress or no_progress,
        )


def _tell_shard(run: str, report: "ShardReport", *, as_json: bool) -> None:
    """Say what a shard embedded, and what is next."""
    if as_json:
        facts: ShardFacts = {
            "run": run,
            "shard": report.shard,
            "num_items": report.num_items,
            "num_embedded": report.num_embedded,
            "unreadable": report.unreadable,
        }
        print_json(facts)
    items = counted(report.num_embedded, "item")
    share = f"of {report.num_items:,} in shard {report.shard}"
    say(f"Embedded {items} {share}; the index is as it was.")
    say("Next: datrnet index, when all shards are embedded")


def _outcome(report: "IndexReport") -> str:
    """Return what was done, as a sentence."""
    if not report.is_new:
        return f"The index was current: {counted(report.num_copied, 'item')}, nothing to do."
    name = ENGINE_FILES[report.manifest.engine]
    engine = f"{'built' if report.is_engine_new else 'kept'} {name}"
    shards = f", {report.num_from_shards:,} by shards" if report.num_from_shards else ""
    items = f"{counted(report.num_embedded, 'item')}{shards}"
    done = f"Embedded {items}, copied {report.num_copied:,}, {engine}"
    return f"{done}; {report.num_exact:,} beside it." if report.num_exact else f"{done}."


def _embeddings(arithmetic: "Arithmetic") -> str:
    """Return what computed the embeddings, in words."""
    return f"{arithmetic.precision} {arithmetic.precision_reason}".strip()


def _effort(manifest: "Manifest") -> str:
    """Return how much a query looks at, in words."""
    if manifest.engine == "annoy" and manifest.nodes:
        return f"{manifest.nodes:,} nodes of Annoy"
    if manifest.engine == "milvus":
        return f"{manifest.nodes:,} nodes of Milvus' graph"
    if manifest.engine == "blocks":
        effort = manifest.effort
        return (
            f"{effort.share:.0%} of the groups, {effort.num_sketched:,} sketches, "
            f"{effort.num_ranked:,} embeddings"
        )
    return "every item"
