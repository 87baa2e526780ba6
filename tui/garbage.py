"""Python's search for garbage, put off until the first page is there.

What a start makes stays until the end. Looking through it for garbage, again and again as it
grows, takes a seventh of the start; afterwards it need not be looked through either.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def garbage_left_at_first() -> Iterator[None]:
    """Look for no garbage until ``look_for_garbage`` is called, or the end."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def look_for_garbage() -> None:
    """Look for garbage again, if it was put off, and leave alone what is there by now."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
