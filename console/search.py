"""`datrnet search`: read the request from the command line, search, and print the substitutes."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from typer import Argument, BadParameter, Option

from datrnet.console import options as opt
from datrnet.console.output import (
    is_terminal,
    local_time,
    print_json,
    print_rows,
    results,
    say,
    show_table,
)
from datrnet.core.api.json_text import json_text
from datrnet.core.errors import ConfigError, words_for_unknown
from datrnet.core.text import fold

if TYPE_CHECKING:  # the help loads none of the search
    from datrnet.core.api.answer import Answer
    from datrnet.core.api.items import Item
    from datrnet.core.api.shop import Shop
    from datrnet.core.catalog.workspace import Workspace

Ranking = Literal["distance", "match"]

TOP_IN_TERMINAL = 10
TOP = 30

ADD_ITEMS = "Press . on items in `datrnet browse`, or name another session."

Typed = Iterable[str] | None
"""An option as it was typed, each time that it was given."""

app = opt.command_app()


@app.command(
    epilog="Example: datrnet search 10045 --set color=black --set pattern=striped "
    '--where category=Shirts --where "price<50", datrnet search "like 10045 but black, no hood", '
    'datrnet search "red striped shirt"'
)
def search(
    items: Annotated[list[str] | None, Argument(metavar="ITEM|PICTURE|TEXT …")] = None,
    shortlist: Annotated[str | None, Option(metavar="SESSION")] = None,
    many: Annotated[str | None, Option("--items", metavar="FILE")] = None,
    change: Annotated[list[str] | None, Option("--set", metavar="NAME=VALUE")] = None,
    take: Annotated[list[str] | None, Option(metavar="NAME=ITEM|PICTURE")] = None,
    where: Annotated[list[str] | None, Option(metavar="CONDITION")] = None,
    any_of: Annotated[list[str] | None, Option("--any", metavar="NAME=VALUE")] = None,
    weight: Annotated[list[str] | None, Option(metavar="NAME=NUMBER")] = None,
    unlike: Annotated[list[str] | None, Option(metavar="NAME=ITEM|PICTURE")] = None,
    liked: Annotated[list[str] | None, Option(metavar="ITEM")] = None,
    disliked: Annotated[list[str] | None, Option(metavar="ITEM")] = None,
    within: Annotated[str | None, Option(metavar="NAME")] = None,
    match: Annotated[Literal["any", "all"], Option()] = "any",
    top: Annotated[
        int | None,
        Option("-k", "--top", min=1, metavar="N", show_default="10 in a terminal, else 30"),
    ] = None,
    page: Annotated[int | None, Option(min=1, metavar="N")] = None,
    max_distance: Annotated[float | None, Option(min=0, metavar="DISTANCE")] = None,
    ranking: Annotated[
        Ranking | None, Option(metavar="NAME", show_default="what datrnet index chose")
    ] = None,
    split: opt.Split | None = None,
    save: Annotated[str | None, Option(metavar="NAME")] = None,
    saved: Annotated[str | None, Option(metavar="NAME")] = None,
    pictures: Annotated[bool, Option("--pictures/--no-pictures")] = True,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Find substitutes, with some attributes changed, or items by words.

    A sentence may say the item and the changes: "like 10045 but black, no hood". Words such as "red
    striped shirt" list the items of the catalog that are so.

    Prints a table with pictures in a terminal, and tab-separated rows in a pipe. Distances are
    split by super-category, to show where a substitute is near and where it is not.

    Args:
        items: Item id, or a picture file. The mean of several items is the query, and what they
            agree on counts more. Or a sentence, or words: see above.
        shortlist: Search with the items on the shortlist of a session: its number, its name, or
            last.
        many: Search for each of these on its own: a file with one id per line, or - for standard
            input. Prints a line of JSON for each with --json, else rows that begin with its id.
        change: Change a super-category to this value; repeatable.
        take: Take this super-category from another item, as in "this, but in the color of that";
            repeatable.
        where: Only items with this label or fact, or without it, such as color=black,
            "color!=black", "price<50" or in_stock=true; repeatable. Several values of one name mean
            any of them, or all labels with --match all. All facts must hold for the same variant.
        any_of: Accept any of these values, all equally good; repeat it for each value.
        weight: Weight of a super-category: 2 counts double, 0 not at all; repeatable.
        unlike: Keep away from this item in a super-category; repeatable.
        liked: A good result: super-categories in which it is close get more weight; repeatable.
        disliked: A bad result: super-categories in which it is far get more weight; repeatable.
        within: Compute prototypes from items that share the query's value of this super-category:
            with category, a shirt gets the black of shirts.
        match: Whether a result must carry any or all of several values, those of --where and those
            of the query.
        top: Maximum number of substitutes.
        page: Number of the page, from 1; --top is its length. Pages rank all items exactly, so that
            they fit together.
        max_distance: Only items up to this distance.
        ranking: What orders the results: distance, or match, the probability that their values are
            the wanted ones. --within, --unlike and --max-distance apply to distances only.
        split: Only items of this split.
        save: Save the search by this name, as a session.
        saved: Run a saved search again, and tell what is new since.
        pictures: Show pictures in the table.
    """
    if many is not None and (items or shortlist):
        raise BadParameter("--items has queries of its own; leave out the others.")
    shop = opt.shop_at(workspace)
    lists = (items, change, take, where, any_of, weight, unlike, liked, disliked)
    others = (shortlist, many, within, top, page, max_distance, ranking, split, save)
    if saved is not None and (any(lists) or {*others} != {None} or match != "any"):
        raise BadParameter("--saved runs a search as it was saved; leave out its options.")
    if items and not (many or shortlist or saved) and _is_description(shop, items):
        refused = (change, take, any_of, weight, unlike, liked, disliked, within, ranking, save)
        if any(refused) or max_distance is not None or split is not None or match != "any":
            raise BadParameter(
                "Only --where, --top and --page apply to words. For changes, begin with: like ITEM"
            )
        k = top or (TOP_IN_TERMINAL if is_terminal() else TOP)
        _print_found(shop, items, where, k, ((page or 1) - 1) * k, as_json=as_json)
        return
    if saved is not None:
        answers = iter([shop.search_saved(saved, on_progress=_tell)])
    else:
        answers = answers_of(
            shop,
            items or (),
            shortlist=shortlist,
            many=None if many is None else _known(shop, opt.read_ids(many, command="search")),
            changes=change,
            taken=take,
            where=where,
            any_of=any_of,
            match=match,
            weights=weight,
            unlike=unlike,
            liked=liked,
            disliked=disliked,
            top=top,
            page=page,
            max_distance=max_distance,
            ranking=ranking,
            split=split,
            within=within,
        )
    if many is not None:
        if save is not None:
            raise BadParameter("--save keeps one search; leave out --items.")
        _print_many(answers, pictures=pictures, as_json=as_json)
        return
    (answer,) = answers
    if save is not None:
        answer.save(save)
        say(f"Saved. To run it again: datrnet search --saved {shlex.quote(save)}")
    if answer.understood is not None:
        say(
            f"Understood: like {answer.query_id or answer.query.title}, "
            f"{answer.understood.explained}"
        )
    _print(answer, pictures=pictures, as_json=as_json)
    if answer.since is not None:
        news = ", ".join(answer.new) or "nothing"
        say(f"New since {local_time(answer.since)}: {news}")
    if within is not None and not answer.plan.request.changes:
        say("--within has no effect without --set: it selects the prototype of a changed value.")
    for note in answer.notes:
        say(note, "yellow")


def _print(answer: "Answer", *, pictures: bool, as_json: bool) -> None:
    from datrnet.console import substitutes as shown

    if as_json:
        print_json(answer.to_facts())
    elif is_terminal():
        shown.show_answer(results(), answer, pictures=pictures)
    else:
        shown.print_answer_rows(answer)
        if answer.plan.request.changes and answer.plan.request.within is not None:
            say("\n".join(shown.prototype_lines(answer)))
        if lines := shown.weight_lines(answer):
            say("\n".join(lines))
        if not answer.substitutes:
            say(shown.nothing_found(answer))


def _is_description(shop: "Shop", items: Sequence[str]) -> bool:
    from datrnet.core.api.sentences import is_description, is_sentence

    return not is_sentence(" ".join(items)) and is_description(shop.catalog, items)


def _print_found(
    shop: "Shop", words: Sequence[str], where: Typed, k: int, offset: int, *, as_json: bool
) -> None:
    """Print the items that words describe, a page of them, and what was understood.

    Raises:
        UnknownNameError: The words name nothing, as if they were the id of an item.
    """
    found = shop.find(" ".join(words), where=where)
    if not (len(found) or found.understood.terms):
        shop.items[words[0]]  # tells similar ids
    if as_json:
        print_json(found.to_facts(k, offset))
        return
    shown = found[offset : offset + k]
    say(f"Understood: {found.understood.explained}")
    names = [category.name for category in shop.catalog.super_categories]
    header = ["id", "title", *names]
    rows = [[item.id, item.title, *(item.labels[name] or "" for name in names)] for item in shown]
    if is_terminal():
        show_table(header, rows)
    else:
        print_rows(header, rows)
    if not len(found):
        say("No item is so.")
    elif len(shown) < len(found):
        say(f"{len(shown):,} of {len(found):,} items; --page has more.")


def _print_many(answers: Iterable["Answer"], *, pictures: bool, as_json: bool) -> None:
    """Print a line of JSON, a table or rows for each answer."""
    from datrnet.console.substitutes import print_answer_rows, show_answer

    for number, answer in enumerate(answers):
        if as_json:
            print(json_text(answer.to_facts(), is_line=True))
        elif is_terminal():
            show_answer(results(), answer, pictures=pictures)
        else:
            print_answer_rows(answer, query=answer.query_id or "", with_header=number == 0)


def answer_of(workspace: "Workspace", items: str | Sequence[str], **typed: Any) -> "Answer":
    """Return the only answer of ``answers_of``."""
    (answer,) = answers_of(opt.shop_at(workspace.root), items, **typed)
    return answer


def answers_of(
    shop: "Shop",
    items: str | Sequence[str],
    *,
    shortlist: str | None = None,
    many: Iterable[str] | None = None,
    changes: Typed = None,
    taken: Typed = None,
    where: Typed = None,
    any_of: Typed = None,
    match: Literal["any", "all"] = "any",
    weights: Typed = None,
    unlike: Typed = None,
    liked: Typed = None,
    disliked: Typed = None,
    top: int | None = None,
    page: int | None = None,
    max_distance: float | None = None,
    ranking: Ranking | None = None,
    split: opt.Split | None = None,
    within: str | None = None,
) -> Iterator["Answer"]:
    """Search for the substitutes of items or a picture; the options are as typed.

    The items are one query, unless there are many, each of which has an answer.

    Raises:
        DatrnetError: There is no index, an option is malformed, a name does not exist, or all
            weights are 0.
    """
    k = top or (TOP_IN_TERMINAL if is_terminal() else TOP)
    options: dict[str, Any] = {
        "set": _once("--set", "color=black", changes),
        "take": _once("--take", "color=ITEM", taken),
        "where": where,
        "any": _grouped("--any", "category=Shirts", any_of),
        "weight": _once("--weight", "color=2", weights),
        "within": within,
        "match": match,
        "unlike": _grouped("--unlike", "color=ITEM", unlike),
        "liked": liked or (),
        "disliked": disliked or (),
        "k": k,
        "offset": None if page is None else (page - 1) * k,
        "max_distance": max_distance,
        "ranking": ranking,
        "split": split,
        "on_progress": _tell,
    }
    if many is not None:
        return shop.search_many(many, **options)
    return iter([shop.search(_subjects(shop, items, shortlist), **options)])


def _tell(step: str, *_: int) -> None:
    say(f"{step} …")


def _subjects(
    shop: "Shop", items: str | Sequence[str], shortlist: str | None
) -> "str | list[str | int | Item]":
    """Return a sentence; or the items that are named, and those of a session's shortlist."""
    from datrnet.core.api.sentences import is_sentence

    named = [items] if isinstance(items, str) else list(items)
    if shortlist is None and is_sentence(text := " ".join(named)):
        return text
    if shortlist is None:
        if not named:
            raise BadParameter("ITEM|PICTURE is missing.")
        return [*named]
    from datrnet.core.sessions.steps import session_of

    with shop.workspace.open_store() as store:
        listed = store.shortlist(session_of(store, shortlist).id)
    codes = [code for code in listed if shop.catalog.find_code(code) is not None]
    if len(codes) < len(listed):
        say(f"No longer in the catalog: {', '.join(sorted({*listed} - {*codes}))}", "yellow")
    if not codes:
        raise ConfigError(f"The shortlist of session {shortlist!r} is empty.", hint=ADD_ITEMS)
    return [*named, *codes]


def _known(shop: "Shop", ids: Sequence[str]) -> Sequence[str]:
    """Return the ids and pictures that exist, and name the others; all if none exists."""
    find = shop.catalog.find_code
    exists = {text: find(text) is not None or Path(text).expanduser().is_file() for text in ids}
    unknown = [text for text, is_there in exists.items() if not is_there]
    if len(unknown) == len(exists):
        return ids  # the search tells what is wrong with the first
    if unknown:
        say(words_for_unknown(unknown), "yellow")
    return [text for text in ids if exists[text]]


def _pairs(option: str, example: str, given: Typed) -> Iterator[tuple[str, str]]:
    for text in given or ():
        name, sign, value = (part.strip() for part in text.partition("="))
        if name.endswith(("!", "<", ">")):
            raise ConfigError(
                f"{option} {text!r} is a condition, not a super-category and its value.",
                hint=f'To leave out items: --where "{text}"',
            )
        if not (name and sign and value):
            raise ConfigError(
                f"{option} {text!r} is not of the form SUPER-CATEGORY=VALUE.",
                hint=f"For example: {option} {example}",
            )
        yield name, value


def _once(option: str, example: str, given: Typed) -> dict[str, str]:
    """Return the pairs of an option that may name a super-category only once."""
    pairs = list(_pairs(option, example, given))
    for idx, (name, _) in enumerate(pairs):
        if fold(name) in {fold(earlier) for earlier, _ in pairs[:idx]}:
            raise ConfigError(
                f"{option} names {name!r} twice.",
                hint="A result can be close to one value of a super-category; keep one of the two.",
            )
    return dict(pairs)


def _grouped(option: str, example: str, given: Typed) -> dict[str, list[Any]]:
    """Return the values of an option by super-category, which may have several."""
    grouped: dict[str, list[Any]] = {}
    for name, value in _pairs(option, example, given):
        grouped.setdefault(name, []).append(value)
    return grouped
