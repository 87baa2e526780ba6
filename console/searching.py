"""`datrnet search`: from words on the command line to a query, and its substitutes shown."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from datrnet.console.output import counted, is_terminal, print_json, results, say
from datrnet.console.pictures import Pictures
from datrnet.console.substitutes import (
    NOTHING_FOUND,
    Answer,
    facts_of,
    print_answer_rows,
    prototype_lines,
    show_answer,
)
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.pictures import Picture
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.errors import ConfigError
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.request import Query, Request
from datrnet.core.retrieval.search import Searcher, resolve_query

TOP_ON_TERMINAL = 10
TOP = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """What a person asks for, as typed."""

    changes: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    top: int | None = None
    split: str | None = None
    within: str | None = None

    def request(self, catalog: Catalog) -> Request:
        """Return the request that is meant.

        Raises:
            ConfigError: An option is not of its form.
            UnknownNameError: A name of ``--where``, ``--any`` or ``--within`` does not exist.
        """
        return Request(
            changes=_once("--set", "colour=black", self.changes),
            where=_grouped(catalog, "--where", self.where),
            any_of=_grouped(catalog, "--any", self.any_of),
            weights={
                name: _factor(name, factor)
                for name, factor in _once("--weight", "colour=2", self.weights).items()
            },
            k=self.top or (TOP_ON_TERMINAL if is_terminal() else TOP),
            split=self.split,
            within=_known(catalog, self.within),
        )


def run_search(
    workspace: Workspace, asked: str, options: SearchOptions, *, pictures: bool, as_json: bool
) -> None:
    """Search, and print the substitutes in the form that the reader wants.

    Raises:
        DatrnetError: There is no index, or a name does not exist.
    """
    answer = answer_of(workspace, asked, options)
    if as_json:
        print_json(facts_of(answer))
    elif is_terminal():
        show_answer(results(), answer, Pictures(workspace) if pictures else None)
    else:
        print_answer_rows(answer)
        if answer.request.changes and answer.request.within is not None:
            say("\n".join(prototype_lines(answer)))
        if not answer.substitutes:
            say(NOTHING_FOUND)
    if answer.request.within is not None and not answer.request.changes:
        say("--within chooses what stands for a wanted value; without --set it changes nothing.")
    missing = answer.searcher.num_unindexed
    if missing:
        verb = "is" if missing == 1 else "are"
        say(
            f"{counted(missing, 'item')} {verb} not in the index yet. Run `datrnet index`.",
            "yellow",
        )


def answer_of(workspace: Workspace, asked: str, options: SearchOptions) -> Answer:
    """Return the substitutes of an item or picture.

    Raises:
        DatrnetError: There is no index, a name does not exist, or all weights are 0.
    """
    with workspace.open_store() as store:
        catalog = Catalog.load(store)
        generation = Generation.current(workspace, store)
    searcher = Searcher(catalog, generation)
    request = options.request(catalog)
    taken = _once("--take", "colour=ITEM", options.taken)
    query, picture = _query(workspace, searcher, asked)
    others = {name: _query(workspace, searcher, other)[0] for name, other in taken.items()}
    plan = searcher.plan(query, replace(request, taken=others))
    return Answer(
        workspace=workspace,
        searcher=searcher,
        query=query,
        picture=picture,
        plan=plan,
        substitutes=tuple(plan.substitutes()),
    )


def _query(workspace: Workspace, searcher: Searcher, asked: str) -> tuple[Query, Picture]:
    """Return the query and its picture."""
    source = resolve_query(searcher.catalog, asked)
    if isinstance(source, int):
        path = searcher.catalog.picture_paths[source]
        return searcher.query_of_item(source), workspace.picture(path)
    # only a new picture needs the networks, and with them torch
    say("Loading the networks …")
    from datrnet.core.indexing.embedder import query_of_picture
    from datrnet.core.models.run_folder import RunFolder

    run = RunFolder.open(workspace.models / searcher.generation.manifest.run_name)
    return query_of_picture(run, source), Picture(source)


def _pairs(option: str, example: str, given: Iterable[str]) -> list[tuple[str, str]]:
    pairs = []
    for one in given:
        name, sign, value = (part.strip() for part in one.partition("="))
        if not (name and sign and value):
            raise ConfigError(
                f"{option} {one!r} is not of the form SUPER-CATEGORY=VALUE.",
                mend=f"For example: {option} {example}",
            )
        pairs.append((name, value))
    return pairs


def _once(option: str, example: str, given: Iterable[str]) -> dict[str, str]:
    """Return the pairs of an option that names each super-category at most once."""
    found: dict[str, str] = {}
    for name, value in _pairs(option, example, given):
        if name.casefold() in (one.casefold() for one in found):
            raise ConfigError(
                f"{option} names {name!r} twice.",
                mend="An item carries one value of a super-category; keep one of the two.",
            )
        found[name] = value
    return found


def _grouped(catalog: Catalog, option: str, given: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Return the values by super-category; several of one mean any of them."""
    grouped: dict[str, tuple[str, ...]] = {}
    for name, value in _pairs(option, "category=Shirts", given):
        known = catalog.super_categories[catalog.super_category_idx(name)].name
        grouped[known] = (*grouped.get(known, ()), value)
    return grouped


def _known(catalog: Catalog, name: str | None) -> str | None:
    """Return a super-category as the catalogue spells it."""
    if name is None:
        return None
    return catalog.super_categories[catalog.super_category_idx(name)].name


def _factor(name: str, text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not (math.isfinite(factor) and factor >= 0):
        raise ConfigError(
            f"--weight {name}={text} is no number of 0 or more.",
            mend=f"For example: --weight {name}=2",
        )
    return factor
