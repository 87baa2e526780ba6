"""The name of a session that nobody has named, and of the files that it is exported to."""

import re
import unicodedata
from datetime import date

from datrnet.core.text import sanitize

LONGEST_TITLE = 48
LONGEST_STEM = 60


def default_name(title: str, day: date) -> str:
    """Return the name of a session: the title of its first item, and the day."""
    shown = sanitize(title).strip()
    if len(shown) > LONGEST_TITLE:
        shown = f"{shown[: LONGEST_TITLE - 1].rstrip()}…"
    return f"{shown or 'Untitled'} · {day.isoformat()}"


def file_stem(name: str) -> str:
    """Return a file's name for a text, without an ending: ASCII letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    return words[:LONGEST_STEM].strip("-") or "session"
