"""Text of strangers made inert: nothing in it steers a terminal or reorders a line."""

import unicodedata

CONTROL_PICTURES = 0x2400
"""Where Unicode keeps a visible sign for each of the first 32 control characters."""

DELETE_PICTURE = "\N{SYMBOL FOR DELETE}"
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def inert(text: str) -> str:
    """Return text as one line that a terminal can do nothing with but show.

    White space becomes single spaces, control characters become visible signs (escape is ␛), and
    what is invisible or turns the direction of writing is left out.
    """
    if text.isascii() and text.isprintable():
        return text
    seen = "".join(one for one in text if unicodedata.category(one) != "Cf")
    return "".join(_harmless(character) for character in " ".join(seen.split()))


def _harmless(character: str) -> str:
    match unicodedata.category(character):
        case "Cc" if character < " ":
            return chr(CONTROL_PICTURES + ord(character))
        case "Cc":
            return DELETE_PICTURE if character == "\x7f" else REPLACEMENT
        case "Cs" | "Co" | "Cn" | "Zl" | "Zp":
            return REPLACEMENT
        case _:
            return character
