"""Text from outside, made harmless: cells of a catalog, and anything that a terminal shows."""

import re
import unicodedata

CONTROL_PICTURES = 0x2400
"""Where Unicode has a visible sign for each of the first 32 control characters."""

DELETE_PICTURE = "\N{SYMBOL FOR DELETE}"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_MISLEADING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Characters that change the writing direction, and surrogates."""
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def clean(text: str) -> str:
    """Return a cell as it is stored: one line, single spaces, NFC, nothing misleading."""
    if not (text.isascii() and text.isprintable()):
        text = unicodedata.normalize("NFC", _MISLEADING.sub("", _CONTROL.sub(" ", text)))
    return " ".join(text.split())


def fold(text: str) -> str:
    """Return text for comparing names as people see them: whatever its case, width and spaces."""
    if text.isascii():
        return " ".join(text.casefold().split())
    return clean(unicodedata.normalize("NFKC", text).casefold())


def clean_path(text: str) -> str:
    """Return a cell that names a file, without outer spaces and control characters."""
    return _CONTROL.sub("", text).encode("utf-8", "ignore").decode("utf-8").strip()


def sanitize(text: str) -> str:
    """Return text as one line that a terminal can only show: nothing steers or reorders it.

    White space becomes single spaces, control characters become visible signs (escape is ␛);
    invisible characters and those that change the writing direction are dropped.
    """
    if text.isascii() and text.isprintable():
        return text
    visible = "".join(character for character in text if unicodedata.category(character) != "Cf")
    return "".join(map(_printable, " ".join(visible.split())))


def _printable(character: str) -> str:
    match unicodedata.category(character):
        case "Cc" if character < " ":
            return chr(CONTROL_PICTURES + ord(character))
        case "Cc":
            return DELETE_PICTURE if character == "\x7f" else REPLACEMENT
        case "Cs" | "Co" | "Cn" | "Zl" | "Zp":
            return REPLACEMENT
        case _:
            return character
