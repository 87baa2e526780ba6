"""Where in a TOML file a value stands: parsers tell of lines only where the syntax is wrong."""

import re

NAME = r"""[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'"""
NAMES = rf"(?:{NAME})(?:\s*\.\s*(?:{NAME}))*"
HEADER = re.compile(rf"\s*\[{{1,2}}\s*({NAMES})\s*\]{{1,2}}")
ASSIGNMENT = re.compile(rf"\s*({NAMES})\s*=")


def line_of(text: str, path: tuple[str, ...]) -> int | None:
    """Return the line, counted from 1, of the value at a path, or of the table around it."""
    table: tuple[str, ...] = ()
    best, best_line = 0, None
    for number, line in enumerate(text.splitlines(), 1):
        if header := HEADER.match(line):
            found = table = _names(header[1])
        elif assignment := ASSIGNMENT.match(line):
            found = (*table, *_names(assignment[1]))
        else:
            continue
        if len(found) > best and _leads_to(found, path):
            best, best_line = len(found), number
    return best_line


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip("\"'") for name in re.findall(NAME, text))


def _leads_to(found: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Tell whether names begin a path; several without quotes may be one name of it."""
    return ".".join((*path, "")).startswith(".".join((*found, "")))
