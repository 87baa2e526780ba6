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
    """Look for garbage, if it was put off, and from then on only among what is made later.

    This takes less than a tenth of a second; call it when nobody waits for anything.
    """
    if not gc.isenabled():
        gc.collect()
        gc.freeze()
        gc.enable()
