"""A terminal that goes away."""

import io
from collections.abc import Callable

import pytest
from textual.drivers._writer_thread import WriterThread

from datrnet.tui.textual_patches import _run_writer, run_writer


class Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")

    def flush(self) -> None:
        raise OSError(5, "Input/output error")


def queued(file: io.StringIO, *texts: str) -> WriterThread:
    """Return a writer with texts to write, and the sign to end after them."""
    thread = WriterThread(file)
    for text in (*texts, None):
        thread._queue.put(text)
    return thread


def test_what_nobody_reads_is_dropped() -> None:
    thread = queued(Gone(), "abc", "def")
    run_writer(thread)
    assert thread._queue.empty()  # nobody waits for a place in the queue


def test_plain_textual_ends_at_the_first_error() -> None:
    thread = queued(Gone(), "abc", "def")
    with pytest.raises(OSError, match="Input/output"):
        _run_writer(thread)


@pytest.mark.parametrize("run", [run_writer, _run_writer])
def test_what_is_read_arrives_in_order(run: Callable[[WriterThread], None]) -> None:
    file = io.StringIO()
    run(queued(file, "abc", "def"))
    assert file.getvalue() == "abcdef"
