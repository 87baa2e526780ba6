"""`datrnet map`: the catalog as a picture of points, or a list of their places."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from datrnet.console import options as opt
from datrnet.console.output import counted, print_list, say
from datrnet.console.progress import JobProgress
from datrnet.core.errors import ConfigError, DataError, nearest

NOTHING = "–"
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")

app = opt.command_app()


@app.command(epilog="Example: datrnet map colors.png --super-category color")
def map(
    file: Annotated[Path | None, Argument(metavar="[PICTURE]")] = None,
    super_category: Annotated[str | None, Option(metavar="NAME")] = None,
    workspace: opt.Workspace = None,
    as_json: opt.Json = False,
) -> None:
    """Draw the catalog as a map on which near items look alike.

    Without a picture to write, list the places of the items, with predicted values where labels are
    doubtful. The places are computed once and kept with the index.

    Args:
        file: Picture to write: .png, .jpg or .webp.
        super_category: What items are compared by; by default the first super-category.
    """
    if file is not None and file.suffix.lower() not in SUFFIXES:
        hint = nearest(file.suffix.lower(), SUFFIXES) or f"Use one of {', '.join(SUFFIXES)}."
        raise ConfigError(f"{file} is not the name of a picture.", hint=hint)
    shop = opt.shop_at(workspace)
    with JobProgress() as progress:
        facts = shop.map_facts(super_category, on_progress=progress)
        if file is not None:
            try:
                shop.map_picture(super_category).save(file)
            except OSError as error:
                raise DataError(f"{file} cannot be written: {error}.") from error
    num_doubts = sum(fact["guess"] is not None for fact in facts)
    if file is not None:
        say(f"Wrote {counted(len(facts), 'item')}, {num_doubts:,} of them doubtful, to {file}.")
    if file is None or as_json:
        rows = [
            (
                fact["id"],
                fact["title"],
                f"{fact['x']:.3f}",
                f"{fact['y']:.3f}",
                fact["label"] or NOTHING,
                fact["guess"] or NOTHING,
            )
            for fact in facts
        ]
        header = ("id", "title", "x", "y", "label", "predicted")
        print_list(facts, header, rows, numbers=("x", "y"), as_json=as_json)
