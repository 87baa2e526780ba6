"""What a shop has, and what it finds: items, embeddings, prototypes, substitutes."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from datrnet.core.api.answer import Answer
from datrnet.core.api.items import Embeddings, Items
from datrnet.core.api.queries import (
    QueryLike,
    QueryLikes,
    Values,
    Where,
    conditions_of,
    request_of,
    resolve,
    rows_of,
    several,
)
from datrnet.core.api.sentences import (
    FoundItems,
    find_items,
    like_sentence,
    text_parser,
    wishes_of,
)
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.conditions import Conditions
from datrnet.core.catalog.pictures import PictureSource
from datrnet.core.catalog.text_parser import TextParser
from datrnet.core.catalog.text_query import TextQuery
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.progress import Progress, no_progress
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.manipulation import Floats
from datrnet.core.retrieval.request import Query, Ranking, Request, ValueMatch
from datrnet.core.retrieval.search import Searcher
from datrnet.core.sessions.saved_search import record_run, saved_search

if TYPE_CHECKING:
    from datrnet.core.indexing.embedder import Embedder

Split = Literal["train", "validation", "test"]


class ShopGallery:
    """The part of a shop that reads its catalog and its index."""

    def __init__(self, workspace: Workspace) -> None:
        """Take a workspace, unread."""
        self.workspace = workspace
        self._text_parser: TextParser | None = None
        self._is_relabeled = False
        """Whether labels were set since the catalog was read: many may be, one at a time."""

    def __repr__(self) -> str:
        """Return the folder."""
        return f"<Shop {self.workspace.root}>"

    # ── what is there ────────────────────────────────────────────────────────

    @property
    def catalog(self) -> Catalog:
        """All items as columns."""
        if self._is_relabeled:
            self.refresh()
        return self._catalog

    @cached_property
    def _catalog(self) -> Catalog:
        """The catalog; its labels may be older than the last ones set."""
        with self.workspace.open_store() as store:
            return Catalog.load(store)

    @property
    def searcher(self) -> Searcher:
        """The catalog with the current index."""
        if self._is_relabeled:
            self.refresh()
        return self._searcher

    @cached_property
    def _searcher(self) -> Searcher:
        with self.workspace.open_store() as store:
            return Searcher(self._catalog, Generation.current(self.workspace, store))

    @cached_property
    def _networks(self) -> "tuple[RunFolder, Embedder]":
        """The run of the index, with its networks in memory."""
        from datrnet.core.indexing.build import run_of
        from datrnet.core.indexing.embedder import Embedder

        generation = self.searcher.generation
        run = run_of(self.workspace, generation)
        return run, Embedder(run, generation.manifest.arithmetic.precision)

    @property
    def has_index(self) -> bool:
        """Whether there is an index to search."""
        with self.workspace.open_store() as store:
            return store.current_generation() is not None

    def refresh(self) -> None:
        """Forget what was read, to see what another program has changed since."""
        self._is_relabeled = False
        for name in ("_catalog", "_searcher", "_networks"):
            self.__dict__.pop(name, None)

    @property
    def items(self) -> Items:
        """All items, by id.

        >>> shop.items["D00001"]
        <Item D00001: Brisa Jet Cardigan>
        >>> shop.items["D00001"].labels["sleeve"]
        'long'
        >>> shop.items.where("color=black", "sleeve!=long")
        <10 items with color, collar, fastening, neckline, pattern, sleeve>
        """
        return Items(self.workspace, self.catalog)

    @property
    def embeddings(self) -> Embeddings:
        """The embeddings of all indexed items.

        >>> shop.embeddings["D00001"].shape
        (6, 128)
        >>> shop.embeddings.block("color").shape
        (200, 128)

        Raises:
            IndexStaleError: There is no index, or it is damaged.
        """
        return Embeddings(self.searcher)

    def prototypes(self, super_category: str) -> dict[str, Floats]:
        """Return the prototype (E,) of every value of a super-category that has one.

        >>> shop.prototypes("color")["black"].shape
        (128,)

        Raises:
            UnknownNameError: There is no such super-category.
            IndexStaleError: There is no index, or it does not cover the super-category.
        """
        generation, idx = self.searcher.generation, self.searcher.block_index(super_category)
        values, found = generation.super_categories[idx].values, generation.prototypes_of(idx)
        return {
            value: prototype
            for value, prototype in zip(values, found, strict=True)
            if prototype[0] == prototype[0]  # NaN: no training item carries the value
        }

    # ── search ───────────────────────────────────────────────────────────────

    def search(
        self,
        query: QueryLikes,
        *,
        set: Mapping[str, str] | None = None,
        take: Mapping[str, QueryLike] | None = None,
        where: Where | None = None,
        any: Mapping[str, Values] | None = None,
        weight: Mapping[str, float | str] | None = None,
        unlike: Mapping[str, QueryLike | list[QueryLike] | tuple[QueryLike, ...]] | None = None,
        liked: Iterable[str] = (),
        disliked: Iterable[str] = (),
        within: str | None = None,
        match: ValueMatch = "any",
        k: int = 10,
        max_distance: float | None = None,
        ranking: Ranking | None = None,
        offset: int | None = None,
        split: Split | None = None,
        on_progress: Progress = no_progress,
    ) -> Answer:
        """Find substitutes for items or a picture, with some attributes changed.

        >>> answer = shop.search("D00002", set={"color": "black"}, weight={"pattern": 2}, k=3)
        >>> [found.labels["color"] for found in answer]
        ['black', 'black', 'black']
        >>> shop.search(["D00001", "D00002"], where="color!=black", k=2, offset=2)[0].rank
        3
        >>> shop.search("like D00002 but black, no hood", k=1).understood.words
        'color black · collar not hood'

        Args:
            query: An item's id; a sentence, as in "like D00002 but black"; several ids as a list or
                as ``shop.items.where(...)``, whose mean is the query, weighted by what they agree
                on; or a picture: its path, the contents of its file, a Pillow image, or an array
                (H, W, 3) of uint8.
            set: Value to change to, by super-category.
            take: Item or picture to take a super-category from: this, in the color of that.
            where: Only items with these labels and facts: ``["category=Shirts", "price<50"]``, or
                values by name.
            any: Equally good values, by super-category.
            weight: Weight by super-category: 2 counts double, 0 not at all.
            unlike: Item or picture to keep away from, or several, by super-category.
            liked: Ids of good results: super-categories in which they are close get more weight.
            disliked: Ids of bad results: super-categories in which they are far get more weight.
            within: Super-category whose value the items of a prototype share with the query.
            match: Whether a result must carry any or all of several values.
            k: Maximum number of substitutes.
            max_distance: Only items up to this distance.
            ranking: What orders the results: ``distance``, or ``match``, the probability that their
                values are the wanted ones; by default what ``index`` chose. ``within``, ``unlike``
                and ``max_distance`` apply to distances only.
            offset: Number of substitutes to skip; any number, 0 too, ranks all items exactly, so
                that pages fit together.
            split: Only items of this split.
            on_progress: Called before the networks are loaded, which a picture needs.

        Raises:
            UnknownNameError: There is no such item, super-category, value or fact.
            IndexStaleError: There is no index, or it does not cover the item or value.
            ConfigError: Parts of the request contradict each other, or are out of range.
            DataError: The picture cannot be read.
        """
        understood: TextQuery | None = None
        if isinstance(query, str) and (sentence := like_sentence(self.catalog, query)) is not None:
            query, wanted = sentence
            understood = self._parser.parse(wanted)
            wishes = wishes_of(self._parser, understood)
            set, any = {**wishes.changes, **(set or {})}, {**wishes.any_of, **(any or {})}
            where = [*wishes.conditions, *map(str, conditions_of(where))]
        request = self._request(
            set=set,
            take=take,
            where=where,
            any=any,
            weight=weight,
            unlike=unlike,
            liked=liked,
            disliked=disliked,
            within=within,
            match=match,
            k=k,
            max_distance=max_distance,
            ranking=ranking,
            offset=offset,
            split=split,
            on_progress=on_progress,
        )
        (answer,) = self._answers((query,), request, on_progress)
        return replace(answer, understood=understood)

    def find(self, text: str, *, where: Where | None = None) -> FoundItems:
        """Find the items that a text describes: by labels and facts, and the rest by titles.

        >>> found = shop.find("red, no hood")
        >>> found.understood.words
        'color red · collar not hood'
        >>> {item.labels["color"] for item in found}
        {'red'}

        Args:
            text: As a shopper types it; docs/queries.md has what is understood.
            where: Conditions as of ``search``.

        Raises:
            UnknownNameError: A condition names what does not exist.
            ConfigError: A condition, or the workspace's file of synonyms, is malformed.
        """
        met = Conditions.of(self.catalog, conditions_of(where)).matching(self.catalog)
        return find_items(self._parser, self.workspace, text, met)

    @property
    def _parser(self) -> TextParser:
        catalog = self.catalog
        if self._text_parser is None or self._text_parser.catalog is not catalog:
            self._text_parser = text_parser(self.workspace, catalog)
        return self._text_parser

    def search_many(
        self, queries: Iterable[QueryLikes] | None = None, **options: Any
    ) -> Iterator[Answer]:
        """Yield the answer of ``search`` for each of many queries, faster than one by one.

        >>> nearest = {answer.query_id: answer.ids for answer in shop.search_many(k=2)}
        >>> len(nearest)
        200

        Args:
            queries: Items or pictures; by default every indexed item.
            options: As for ``search``.

        Raises:
            DatrnetError: As for ``search``.
        """
        progress: Progress = options.pop("on_progress", no_progress)
        request = self._request(**options, on_progress=progress)
        asked = self.embeddings.ids if queries is None else several(queries)
        yield from self._answers(asked, request, progress)

    def search_saved(self, name: str, *, on_progress: Progress = no_progress) -> Answer:
        """Run a saved search again; the answer's ``new`` has what it had not found before.

        Liked and disliked items that are gone are left out; the answer's ``left_out`` has them.

        >>> shop.search("D00002", set={"color": "black"}, k=3).save("Black ones")
        >>> shop.search_saved("black ones").new
        ()

        Args:
            name: As it was saved, in any case.
            on_progress: As for ``search``.

        Raises:
            UnknownNameError: There is no such search, or it names what no longer exists.
            DatrnetError: As for ``search``.
        """
        with self.workspace.open_store() as store:
            saved = saved_search(store, name)
        step = saved.step
        codes = step.items or (step.item,)
        subject: QueryLikes = Path(step.picture) if step.picture else [*codes]
        request, left_out = saved.request(self.searcher)
        (answer,) = self._answers([subject], request, on_progress)
        with self.workspace.open_store() as store:
            new = record_run(store, saved, answer.ids)
        return replace(answer, since=step.made_at, new=new, left_out=left_out)

    def _request(
        self,
        *,
        take: Mapping[str, QueryLike] | None = None,
        unlike: Mapping[str, QueryLike | list[QueryLike] | tuple[QueryLike, ...]] | None = None,
        on_progress: Progress,
        **options: Any,
    ) -> Request:
        """Return the request of a search."""
        by_name = {name: options.get(name) for name in ("set", "any", "weight")}
        for name, option in {**by_name, "take": take, "unlike": unlike}.items():
            if not isinstance(option, Mapping | None):
                raise ConfigError(
                    f"{name} is {option!r}, not a dict by super-category.",
                    hint=f'For example: {name}={{"{self.searcher.names[0]}": …}}.',
                )
        names = {"set": "changes", "any": "any_of", "weight": "weights"}
        wanted = {names.get(name, name): option for name, option in options.items()}
        request = request_of(self.searcher.catalog, **wanted)
        taken = {name: self._query(other, on_progress)[0] for name, other in (take or {}).items()}
        away = {
            name: tuple(
                self._query(other, on_progress)[0]
                for other in (others if isinstance(others, list | tuple) else [others])
            )
            for name, others in (unlike or {}).items()
        }
        return replace(request, taken=taken, unlike=away)

    def _answers(
        self, queries: Iterable[QueryLikes], request: Request, on_progress: Progress
    ) -> Iterator[Answer]:
        """Yield the answers of one request for several queries."""
        searcher = self.searcher
        read = deque[tuple[Query, PictureSource]]()

        def asked() -> Iterator[Query]:
            for query in queries:
                read.append(self._query(query, on_progress))
                yield read[-1][0]

        for plan, substitutes in searcher.search_many(asked(), request):
            query, picture = read.popleft()
            yield Answer(
                workspace=self.workspace,
                searcher=searcher,
                query=query,
                picture=picture,
                plan=plan,
                substitutes=tuple(substitutes),
            )

    def _query(self, asked: QueryLikes, on_progress: Progress) -> tuple[Query, PictureSource]:
        """Return a query with its picture; of several items that of the first."""
        some = list(asked) if isinstance(asked, list | tuple | Items) else [asked]
        if len(some) != 1:
            query = self.searcher.query_of_items(rows_of(self.searcher.catalog, some))
            return query, self.workspace.picture(self.searcher.catalog.picture_paths[query.rows[0]])
        source = resolve(self.searcher.catalog, some[0])
        if isinstance(source, int):
            path = self.searcher.catalog.picture_paths[source]
            return self.searcher.query_of_item(source), self.workspace.picture(path)
        if "_networks" not in self.__dict__:
            on_progress("Loading the networks", 0, 1)
        from datrnet.core.indexing.embedder import query_of_picture

        run, embedder = self._networks
        return query_of_picture(run, source, embedder.precision, embedder), source
