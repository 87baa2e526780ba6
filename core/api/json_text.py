"""Facts as the JSON that commands print, with its version."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

VERSION = 1
"""Of what is printed: it changes when a key goes or gets another meaning."""


def json_text(facts: Any, *, version: int | None = VERSION, is_line: bool = False) -> str:
    """Return facts as JSON in ASCII, safe in every terminal and encoding.

    Args:
        facts: An object, whose first key becomes its version, or a list.
        version: None omits it.
        is_line: Whether all of it is in one line, as in JSON Lines.
    """
    plain = _jsonable(facts)
    if isinstance(plain, dict) and version is not None:
        plain = {"version": version, **plain}
    return json.dumps(plain, indent=None if is_line else 1)


def _jsonable(facts: Any) -> Any:
    """Replace NaN and infinity, which JSON lacks, by null."""
    if is_dataclass(facts) and not isinstance(facts, type):
        facts = asdict(facts)
    if isinstance(facts, Mapping):
        return {str(key): _jsonable(value) for key, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [_jsonable(item) for item in facts]
    return None if isinstance(facts, float) and not math.isfinite(facts) else facts
