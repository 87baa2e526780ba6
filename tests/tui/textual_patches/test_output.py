"""A terminal that goes away."""

import io
from codecs import getincrementaldecoder
from collections.abc import Callable

import pytest
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate
from textual.drivers._writer_thread import WriterThread
from textual.strip import Strip

from datrnet.tui.textual_patches import (
    _run_writer,
    decoder_until_end,
    render_segments,
    run_writer,
)

ORIGINAL = ChopsUpdate.render_segments
"""Textual's own: nothing is patched before an app starts."""


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


@pytest.mark.parametrize(
    ("render", "written"),
    [
        (render_segments, "\x1b[1;4Hdef\x1b[1;9Hij"),
        (ORIGINAL, "\x1b[1;1Habcdef\x1b[1;9Hij"),
    ],
    ids=["patched", "plain Textual"],
)
def test_only_the_changed_columns_are_written(
    render: Callable[[ChopsUpdate, Console], str], written: str
) -> None:
    chops = [{0: Strip([Segment("abcdefgh", Style())]), 8: Strip([Segment("ijkl", Style())])}]
    update = ChopsUpdate(chops, [(0, 3, 6), (0, 8, 10)], [[8, 12]])
    assert render(update, Console(color_system=None)) == written


@pytest.mark.parametrize("is_patched", [True, False], ids=["patched", "plain Textual"])
def test_the_end_of_the_input_is_told(is_patched: bool) -> None:
    decoder = (decoder_until_end if is_patched else getincrementaldecoder)("utf-8")()
    assert decoder.decode("é".encode()[:1]) == ""  # half a letter is no end
    assert decoder.decode("é".encode()[1:]) == "é"
    assert decoder.decode(b"", final=True) == ""
    if is_patched:
        with pytest.raises(EOFError):
            decoder.decode(b"")
    else:
        assert decoder.decode(b"") == ""
