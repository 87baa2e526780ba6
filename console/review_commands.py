"""The commands of `datrnet review`: arguments and help."""

from typing import Annotated, Literal

import typer

from datrnet.console.options import FoundOption, JsonOption, WorkspaceOption

review_app = typer.Typer(
    no_args_is_help=True,
    help="Care for the catalogue: doubted labels, near-duplicates, requests without an answer.",
    epilog="Example: datrnet review doubts --super-category colour",
)
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--super-category", metavar="NAME", help="Only this one; may be repeated."),
]


@review_app.command("doubts", epilog="Example: datrnet review doubts --super-category colour -k 50")
def review_doubts(
    super_category: OnlyOption = None,
    unlabelled: Annotated[
        bool,
        typer.Option("--unlabelled", help="What items without a label would get, instead."),
    ] = False,
    top: FoundOption = 30,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List labels that the model doubts: the item is nearer another value's prototype.

    The surest doubt comes first; its margin lies between 0 and 1. What a person has set or
    confirmed with `datrnet label set` or in the explorer is not listed again.
    """
    from datrnet.console.review import ReviewOptions, run_doubts
    from datrnet.core.catalog.workspace import Workspace

    options = ReviewOptions(top=top, super_categories=tuple(super_category or ()), as_json=as_json)
    run_doubts(Workspace.locate(workspace), options, unlabelled=unlabelled)


@review_app.command("duplicates", epilog="Example: datrnet review duplicates -k 100 --json")
def review_duplicates(
    marked: Annotated[
        bool, typer.Option("--marked", help="The pairs that a person has marked, instead.")
    ] = False,
    top: FoundOption = 30,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List items that seem to be in the catalogue twice, the surest first.

    They name one picture file, have the same pixels, or are near in every block of the index and
    look alike. Pairs that a person has judged are not listed again.
    """
    from datrnet.console.review import ReviewOptions, run_duplicates
    from datrnet.core.catalog.workspace import Workspace

    options = ReviewOptions(top=top, as_json=as_json)
    run_duplicates(Workspace.locate(workspace), options, marked=marked)


@review_app.command("judge", epilog="Example: datrnet review judge 10045 10046 --as duplicate")
def review_judge(
    kept: Annotated[str, typer.Argument(metavar="ITEM", help="The one to keep.")],
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The other one.")],
    verdict: Annotated[
        Literal["duplicate", "distinct", "open"],
        typer.Option("--as", help="What the two are; open takes back what was said."),
    ],
    workspace: WorkspaceOption = None,
) -> None:
    """Say whether two items are one, so that they are not listed again."""
    from datrnet.console.review import run_judge
    from datrnet.core.catalog.workspace import Workspace

    said = None if verdict == "open" else verdict
    run_judge(Workspace.locate(workspace), kept, other, said)


@review_app.command("gaps", epilog="Example: datrnet review gaps --super-category category")
def review_gaps(
    super_category: Annotated[
        str | None,
        typer.Option("--super-category", metavar="NAME", help="Only with a value of this one."),
    ] = None,
    top: FoundOption = 30,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what no item is, although each of its values is popular or sessions asked for it.

    What sessions asked for in vain with labels kept exactly comes first, then by the items that
    would be so, were values spread evenly.
    """
    from datrnet.console.review import ReviewOptions, run_gaps
    from datrnet.core.catalog.workspace import Workspace

    only = () if super_category is None else (super_category,)
    run_gaps(
        Workspace.locate(workspace), ReviewOptions(top=top, super_categories=only, as_json=as_json)
    )
