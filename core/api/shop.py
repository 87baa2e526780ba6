"""``Shop``: a workspace as an object, the way in for programs and for every command."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from datrnet.core.api.export import ShopExport
from datrnet.core.api.gallery import Split
from datrnet.core.api.queries import several
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import Config, PrecisionChoice, RankingChoice
from datrnet.core.errors import DatabaseError, UnknownNameError, check_choice, requirement
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.progress import (
    BatchDone,
    FeaturesCached,
    NetworkResult,
    PicturesRead,
    Progress,
    TrainEvent,
    no_progress,
)
from datrnet.core.retrieval.engines.engine import ENGINE_CHOICES, EngineChoice
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.prototypes import aligned
from datrnet.core.retrieval.request import Ranking

if TYPE_CHECKING:  # every command loads this module, and most need none of these
    from datrnet.core.api.info import InfoFacts
    from datrnet.core.evaluation.protocol import Assessment, Match, QueryTakesRank
    from datrnet.core.indexing.build import IndexReport
    from datrnet.core.indexing.shard_job import ShardReport

PARTS = 1000
"""Resolution of the progress of a network's training."""


def open(folder: str | Path | None = None, *, create: bool = False) -> "Shop":
    """Open a workspace.

    Args:
        folder: The workspace; by default that of the commands: ``$DATRNET_WORKSPACE``, then the
            setting, then the folder for user data.
        create: Whether to begin a new one where there is none.

    Raises:
        DatabaseError: There is no catalog in the folder, or it cannot be read.
    """
    workspace = Workspace.locate(None if folder is None else Path(folder))
    if create:
        workspace.create_store().close()
    elif not workspace.catalog_path.is_file():
        raise DatabaseError(
            f"There is no catalog in {workspace.root}.",
            hint="To begin one: datrnet.open(folder, create=True), then import_frame or "
            "import_file. To see one: `datrnet demo`.",
        )
    return Shop(workspace)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedRun:
    """What a training led to."""

    run: str
    """The name of the run."""
    results: tuple[NetworkResult, ...]
    """One per super-category, or one of a comparison system."""


class Shop(ShopExport):
    """A catalog with its networks and its index.

    It reads the catalog and the index when they are first needed and keeps them. Its own methods
    that change something read them again; ``refresh`` does after changes by another program.
    """

    def train(
        self,
        config: str | Path | Config = "small",
        *,
        super_category: str | Iterable[str] = (),
        seed: int | None = None,
        epochs: int | None = None,
        resume: bool = False,
        on_progress: Progress = no_progress,
        on_event: Callable[[TrainEvent], None] = no_progress,
    ) -> TrainedRun:
        """Train a network per super-category. An interrupted run loses at most its current epoch.

        Args:
            config: ``small``, ``paper``, ``best``, ``demo``, a TOML file based on one of them, or a
                ``Config``.
            super_category: Only these; by default all that can be trained.
            seed: Random seed, instead of the config's.
            epochs: Number of epochs, instead of the config's.
            resume: Continue the latest unfinished run with its own config.
            on_progress: Called with the super-category and the thousandths that are done.
            on_event: Called with each ``TrainEvent``: losses and validation accuracies.

        Raises:
            UnknownNameError: There is no such super-category or config.
            ConfigError: A setting is out of range, or nothing can be trained.
            DataError: A split has no picture.
            CheckpointError: There is no unfinished run to resume.
            DivergenceError: A loss is not finite.
        """
        if resume:
            run, _ = self.unfinished_run()
        else:
            chosen = config if isinstance(config, Config) else Config.load(str(config))
            chosen = chosen if seed is None else chosen.with_seed(seed)
            if epochs is not None:
                chosen = replace(chosen, train=replace(chosen.train, epochs=epochs))
            run, _ = self.start_run(chosen, tuple(several(super_category)))

        def on_both(event: TrainEvent) -> None:
            on_event(event)
            match event:
                case BatchDone():
                    on_progress(event.super_category, round(PARTS * event.share), PARTS)
                case PicturesRead() | FeaturesCached():
                    on_progress("Reading pictures", event.done, event.total)

        return TrainedRun(run=run.name, results=tuple(self.train_run(run, on_both)))

    def start_run(
        self, config: Config, super_categories: tuple[str, ...] = ()
    ) -> tuple[RunFolder, dict[str, str]]:
        """Make the folder of a new run; see ``core.training.run``.

        Returns:
            The run, and the super-categories that cannot be trained, with the reasons; none if some
            are named.
        """
        with requirement("Training needs"):
            from datrnet.core.training.run import start_run, untrainable_super_categories

        with self.workspace.open_store(to_write=True) as store:
            catalog = Catalog.load(store, with_proposals=False)
            run = start_run(self.workspace, store, catalog, config, super_categories)
        return run, {} if super_categories else untrainable_super_categories(catalog)

    def unfinished_run(self) -> tuple[RunFolder, list[str]]:
        """Return the latest run that can be resumed; see ``core.training.run``."""
        with requirement("Training needs"):
            from datrnet.core.training.run import unfinished_run

        with self.workspace.open_store(to_write=True) as store:
            return unfinished_run(self.workspace, store)

    def train_run(
        self, run: RunFolder, on_event: Callable[[TrainEvent], None] = no_progress
    ) -> list[NetworkResult]:
        """Train what is not finished of a run; see ``core.training.run``."""
        with requirement("Training needs"):
            from datrnet.core.training.run import train

        with self.workspace.open_store(to_write=True) as store:
            return train(
                self.workspace, store, Catalog.load(store, with_proposals=False), run, on_event
            )

    def index(
        self,
        *,
        run: str | None = None,
        rebuild: bool = False,
        choose_weights: bool = False,
        engine: EngineChoice | None = None,
        ranking: RankingChoice | None = None,
        uri: str | None = None,
        precision: PrecisionChoice | None = None,
        on_progress: Progress = no_progress,
    ) -> "IndexReport":
        """Build the index that searches use, or bring it up to date.

        >>> shop.index()
        <IndexReport ...: ... embedded, ... copied>

        Args:
            run: Run whose networks embed the items; by default the latest finished one.
            rebuild: Embed every item and build the search engine again.
            choose_weights: Choose the weights of the super-categories again, and what ranks.
            engine: ``annoy``, ``blocks``, ``exact``, ``milvus`` or ``auto``; by default that of
                the current index, else ``auto``.
            uri: Where Milvus is: the address of a server, or a file whose name ends in ``.db``; by
                default that of the current index.
            precision: ``float32``, ``bfloat16`` or ``auto``; by default what the current index was
                asked for, else ``auto``.
            ranking: What orders results: ``distance``, ``match`` or ``auto``; by default what does
                in the current index, else what the run's config says.
            on_progress: Called with the progress of each step.

        Raises:
            UnknownNameError: There is no such finished run.
            CheckpointError: There is no finished run, or its weights are missing or damaged.
            ConfigError: There is no such engine or precision, or it lacks its address.
            DataError: The catalog has no readable picture.
        """
        from datrnet.core.indexing.build import build_index

        check_choice("engine", engine, ENGINE_CHOICES)
        check_choice("precision", precision, get_args(PrecisionChoice))
        chosen = self.finished_run(run)
        with self.workspace.open_store(to_write=True) as store:
            report = build_index(
                self.workspace,
                store,
                Catalog.load(store, with_proposals=False),
                chosen,
                on_progress,
                rebuild=rebuild,
                choose=choose_weights,
                engine=engine,
                ranking=ranking,
                uri=uri,
                precision=precision,
            )
        self.refresh()
        return report

    def embed_shard(
        self,
        shard: str,
        *,
        run: str | None = None,
        rebuild: bool = False,
        precision: PrecisionChoice | None = None,
        on_progress: Progress = no_progress,
    ) -> "ShardReport":
        """Embed one of several shares of what the index lacks, which ``index`` then takes in.

        >>> [shop.embed_shard(shard).num_items for shard in ("1/2", "2/2")]
        [0, 0]

        Args:
            shard: Its number and their count, as in ``2/4``; each may be embedded by another
                process or machine.
            run: Run whose networks embed the items; by default the latest finished one.
            rebuild: Embed every item, for an ``index`` with ``rebuild``.
            precision: ``float32`` or ``bfloat16``; by default that of the index that is updated,
                else ``float32``.
            on_progress: Called with the progress.

        Raises:
            ConfigError: The shard is malformed, or there is no such precision.
            UnknownNameError: There is no such finished run.
            CheckpointError: There is no finished run, or its weights are missing or damaged.
        """
        from datrnet.core.indexing.shard_job import embed_shard
        from datrnet.core.indexing.shards import Shard

        check_choice("precision", precision, get_args(PrecisionChoice))
        share, chosen = Shard.parse(shard), self.finished_run(run)
        with self.workspace.open_store() as store:
            catalog = Catalog.load(store, with_proposals=False)
            return embed_shard(
                self.workspace,
                store,
                catalog,
                chosen,
                share,
                on_progress,
                rebuild=rebuild,
                precision=precision,
            )

    def finished_run(self, name: str | None = None) -> RunFolder:
        """Return a finished run by name, by default the latest.

        Raises:
            UnknownNameError: There is none of that name.
            CheckpointError: There is none at all.
        """
        from datrnet.core.indexing.build import newest_run

        with self.workspace.open_store(to_write=True) as store:
            if name is None:
                return newest_run(self.workspace, store)
            known = [run.name for run in store.runs() if run.status == "finished"]
        if name not in known:
            raise UnknownNameError("finished run", name, known)
        return RunFolder.open(self.workspace.models / Path(name).name)

    def evaluate(
        self,
        split: Split | Literal["all"] = "test",
        *,
        k: int = 30,
        changes: int = 3,
        match: "Match" = "used",
        within: str | None = None,
        queries: str | Path | None = None,
        ranking: Ranking | None = None,
        equal_weights: bool = False,
        query_takes_rank: "QueryTakesRank" = "changed",
        max_queries: int = 20_000,
        on_progress: Progress = no_progress,
    ) -> "Assessment":
        """Measure top-k retrieval accuracy on a split, and store the figures with the run.

        >>> figures = shop.evaluate(changes=1)
        >>> [case.num_changes for case in figures.use_cases]
        [0, 1]

        Args:
            split: Split whose items are queries and gallery; ``all`` for the whole catalog.
            k: List length.
            changes: Maximum number of changes per query.
            match: Super-categories that a hit must match: ``used``, ``known`` or ``all``.
            within: Compute prototypes among items that share the wanted value of this one.
            queries: Use the queries of a split folder in ADDE's format.
            ranking: What orders the items: ``distance``, or ``match``, the probability that their
                values are the wanted ones; by default what ``index`` chose.
            equal_weights: Weight all super-categories equally, as the paper does.
            query_takes_rank: Whether the query item is ranked: ``changed``, ``never``, ``always``.
            max_queries: Maximum queries per number of changes; 0 is no limit.
            on_progress: Called with the progress of each step.

        Raises:
            IndexStaleError: There is no index, or it is damaged.
            DataError: The split has no indexed item.
            ConfigError: A setting is out of range, or the system lacks what it needs.
        """
        from datrnet.core.evaluation.protocol import Protocol, assess, equal_weights_of

        protocol = Protocol(
            k=k,
            query_takes_rank=query_takes_rank,
            match=match,
            within=within,
            max_changes=changes,
            max_queries=max_queries,
        )
        with self.workspace.open_store() as store:
            catalog = Catalog.load(store, with_proposals=False)
            generation = aligned(Generation.current(self.workspace, store), catalog)
            given = None
            if queries is not None:
                from datrnet.core.research.split_folder import read_index_queries

                given = read_index_queries(Path(queries), catalog, generation, match=match)
            assessment = assess(
                catalog,
                generation,
                split,
                protocol,
                ranking=ranking,
                weights=equal_weights_of(generation) if equal_weights else None,
                queries=given,
                on_progress=on_progress,
            )
            assessment.keep(store)
        return assessment

    def info(self, *, check: bool = False) -> "InfoFacts":
        """Return what the workspace holds and the state of its index, as they are now.

        >>> facts = shop.info()
        >>> facts["num_items"], facts["index"].num_unindexed
        (200, 0)

        Args:
            check: Whether to read the index files and verify their checksums.

        Raises:
            DatabaseError: The database cannot be read.
        """
        from datrnet.core.api.info import info_of

        return info_of(self.workspace, check=check)
