"""Errors of the command line: one line on standard error that names the fix, and an exit code."""

import os
import re
import sys
from difflib import get_close_matches
from typing import Any

import typer

from datrnet.console.output import say, show_error
from datrnet.core.errors import ConfigError, DatrnetError, MissingPackageError

INTERRUPTED_EXIT = 130
BROKEN_PIPE_EXIT = 141
"""What shells report of a program that SIGINT or SIGPIPE has ended."""

INTERRUPTED = {
    "demo": "Finished steps are kept. Run `datrnet demo` to continue.",
    "import": "The catalog is unchanged. Run the same command again.",
    "train": "Finished epochs are kept. Run `datrnet train --resume` to continue.",
    "index": "The previous index is still in use. Run the same command again.",
    "experiment": "Trained networks and finished epochs are kept. Run the same command again.",
    "compare": "Finished systems and epochs are kept. Run the same command again.",
    "export": "The folder is unchanged. Run the same command again.",
    **dict.fromkeys(
        ("remove", "unhide", "undo", "attribute"),
        "The catalog is unchanged. Run the same command again.",
    ),
    "prune": "What is still there can be deleted by the same command.",
}
"""What an interrupted command keeps, and how to continue it."""

USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
"""Base of everything Typer refuses; Typer does not export it."""


def _no_command(found: re.Match[str]) -> str:
    close = (found[2] or "").replace("', '", ", ")
    return f"There is no command {found[1]}" + (f". Did you mean {close}?" if close else "")


def _not_one_of(found: re.Match[str]) -> str:
    choices = re.findall("'(.*?)'", found[2])
    close = get_close_matches(found[1], choices)
    words = f"must be {' or '.join(choices)}, not {found[1]!r}"
    return words + (f". Did you mean {close[0]}?" if close else "")


WORDINGS: tuple[tuple[str, Any], ...] = (
    (r"Input should be greater than or equal to (\S+)", r"must be \1 or more"),
    (r"(\S+) is not in the range x>=(\S+?)\.?", r"must be \2 or more, not \1"),
    (r"Input should be a valid integer.*|'.*' is not a valid int.*", "must be a whole number"),
    (r"Input should be a valid number.*|'.*' is not a valid float.*", "must be a number"),
    (r"Input should be (.+)", r"must be \1"),
    (r"(?:Value error, )?'(.*)' is not one of (.+?)\.?", _not_one_of),
    (r"(?:Value error, )?\w+ ('.*') is a file\.?", r"must be a folder; \1 is a file"),
    (r"(?:Value error, )?\w+ ('.*') is a directory\.?", r"must be a file; \1 is a folder"),
    (r"(?:Value error, )?\w+ ('.*') is not readable\.?", r"\1 cannot be read"),
    (r"No such command '(.+?)'\.(?: Did you mean '(.+)'\?)?", _no_command),
    (r"Got unexpected extra argument.*? \((.*)\)", r"Unexpected argument: \1"),
    (r"Option '(.+)' requires an argument\.", r"\1 needs a value"),
    (r"Option '(.+)' requires (\d+) arguments\.", r"\1 needs \2 values"),
)
"""What Typer says of a mistake, in its versions since 0.20, and how datrnet says it."""


def report(error: BaseException, command: str = "") -> int:
    """Print an error of a command in one line and return the exit code.

    A bug is raised again, with its traceback.
    """
    match error:
        case DatrnetError():
            known = error
        case KeyboardInterrupt():
            say(f"Interrupted. {INTERRUPTED.get(command, '')}".strip())
            return INTERRUPTED_EXIT
        case BrokenPipeError():
            drop_unwritable_output()
            return BROKEN_PIPE_EXIT
        case MemoryError():
            known = DatrnetError("Out of memory.", hint="Choose a smaller config.")
        case OSError():  # a full disk, a folder without permission
            drop_unwritable_output()
            place = f"{error.filename}: " if error.filename else ""
            known = DatrnetError(f"{place}{error.strerror or error}.")
        case RuntimeError() if "home directory" in str(error).lower():
            hint = "Set HOME, or --workspace and DATRNET_CONFIG."
            known = ConfigError("There is no home folder.", hint=hint)
        case ModuleNotFoundError() if not str(error.name).startswith("datrnet"):
            known = MissingPackageError(str(error.name).partition(".")[0])
        case _ if isinstance(error, USAGE_ERROR):
            return _report_usage(error, f"datrnet {command}".strip())
        case _:
            raise error
    show_error(known)
    return known.exit_code


def drop_unwritable_output() -> None:
    """Keep Python from failing once more, when it ends, at what is still buffered."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report_usage(error: Any, command: str) -> int:
    """Print a wrong option, value or argument; without arguments, a group prints its help."""
    if type(error).__name__ == "NoArgsIsHelpError":
        if help_text := error.format_message():
            typer.echo(help_text)
        return ConfigError.exit_code
    command = error.ctx.command_path if error.ctx else command
    hint = f"Run `{command} --help` for usage."
    option = str(getattr(error, "option_name", ""))
    if type(error).__name__ == "NoSuchOption" and not option.startswith("--"):
        # of -1042, Typer names only -1
        option = next((word for word in sys.argv[1:] if word.startswith(option)), option)
        sentence = f"There is no option {option}."
        if any(param.param_type_name == "argument" for param in error.ctx.command.params):
            hint = f"If {option} is a value, write `--` before it: {command} -- {option}"
    else:
        sentence = _sentence(error)
    show_error(ConfigError(sentence, hint=hint))
    return ConfigError.exit_code


def _sentence(error: Any) -> str:
    """Return what is wrong in one sentence."""
    param = getattr(error, "param", None)
    if type(error).__name__ == "MissingParameter" and param is not None:
        return f"{_name(param)} is missing."
    if type(error).__name__ == "NoSuchOption":
        close = " or ".join(sorted(error.possibilities or ())[:3])
        guess = f" Did you mean {close}?" if close else ""
        return f"There is no option {error.option_name}.{guess}"
    words = str(error.message).split("\n")[0].strip()
    for pattern, wording in WORDINGS:
        words = re.sub(f"^(?:{pattern})$", wording, words)
    if param is not None:
        words = f"{_name(param)}{'' if words.startswith('must ') else ':'} {words}"
    return words if words.endswith(("?", ".")) else f"{words}."


def _name(param: Any) -> str:
    """Return the name of an option or argument as the help shows it."""
    if param.param_type_name == "option":
        return "/".join(param.opts)
    return str(param.metavar or param.name).strip("[]{}")
