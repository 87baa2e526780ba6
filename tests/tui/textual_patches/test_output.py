"""A terminal that goes away."""

import io
import sys

from datrnet.tui.textual_patches.terminal import SteadyOutput, steady_output


class Gone(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")

    def flush(self) -> None:
        raise OSError(5, "Input/output error")


def test_what_nobody_reads_is_dropped() -> None:
    output = SteadyOutput(Gone())
    assert output.write("abc") == 3
    output.flush()


def test_what_is_read_arrives_and_the_rest_is_the_files_own() -> None:
    file = io.StringIO()
    output = SteadyOutput(file)
    output.write("abc")
    assert file.getvalue() == "abc"
    assert output.getvalue() == "abc"


def test_textual_writes_through_it_and_not_for_ever() -> None:
    before = sys.__stderr__
    with steady_output():
        assert isinstance(sys.__stderr__, SteadyOutput)
    assert sys.__stderr__ is before
