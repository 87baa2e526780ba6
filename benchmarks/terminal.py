"""A terminal without a window: a program runs in it, and what it writes is kept with the time.

Writing is noted first and read afterwards, so that reading costs the program no time.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

COLUMNS, LINES = 140, 45

ANSWERS = {
    b"\x1b[14t": b"\x1b[4;900;1400t",
    b"\x1b[16t": b"\x1b[6;20;10t",
    b"\x1b[c": b"\x1b[?62;22c",
}
"""What a terminal without pixel pictures says to who asks how large its cells are, and what it is.

In this order: who asks waits for the last one, and what came after it would count as keys.
"""

LONGEST = 60.0
"""Seconds after which a program that goes on writing is no longer waited for."""

_TOKEN = re.compile(
    r"\x1b\[(?P<line>\d+);(?P<column>\d+)H"
    r"|\x1b\[(?P<style>[0-9;]*)m"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[PX^_][^\x1b]*\x1b\\"
    r"|\x1b[^\[\]PX^_]"
    r"|(?P<text>[^\x00-\x1f\x7f]+)"
    r"|[\x00-\x1a\x1c-\x1f\x7f]"
)


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle of cells, counted from 0; the ends are outside."""

    first_line: int
    end_line: int
    first_column: int
    end_column: int


class Screen:
    """What stands in the cells, as a terminal would show it."""

    def __init__(self) -> None:
        """Begin empty."""
        self._cells = [[(" ", "")] * COLUMNS for _ in range(LINES)]
        self._line = self._column = 0
        self._style = ""
        self._rest = b""

    def write(self, written: bytes) -> None:
        """Take what a program has written; an escape cut off at the end waits for its rest."""
        text = (self._rest + written).decode("utf-8", "surrogateescape")
        place = 0
        while (token := _TOKEN.match(text, place)) is not None:
            self._take(token)
            place = token.end()
        self._rest = text[place:].encode("utf-8", "surrogateescape")

    def _take(self, token: re.Match[str]) -> None:
        if token["line"] is not None:
            self._line, self._column = int(token["line"]) - 1, int(token["column"]) - 1
        elif token["style"] is not None:
            self._style = "" if token["style"] in {"", "0"} else self._style + token["style"] + "m"
        elif token["text"] is not None:
            self._put(token["text"])
        elif token[0] == "\r":
            self._column = 0
        elif token[0] == "\n":
            self._line += 1

    def _put(self, text: str) -> None:
        if self._line < LINES:
            end = min(self._column + len(text), COLUMNS)
            shown = text[: end - self._column]
            self._cells[self._line][self._column : end] = [
                (character, self._style) for character in shown
            ]
        self._column += len(text)

    def text(self) -> str:
        """Return all characters, line by line."""
        return "\n".join("".join(character for character, _ in line) for line in self._cells)

    def look(self, area: Area) -> int:
        """Return a number that changes when anything in an area does."""
        return hash(
            tuple(
                cell
                for line in self._cells[area.first_line : area.end_line]
                for cell in line[area.first_column : area.end_column]
            )
        )


@dataclass(slots=True)
class Burst:
    """What a program wrote until it rested."""

    began: float
    pieces: list[tuple[float, bytes]] = field(default_factory=list)

    @property
    def num_bytes(self) -> int:
        """How much it was."""
        return sum(len(piece) for _, piece in self.pieces)

    @property
    def first_byte(self) -> float:
        """Seconds until anything came."""
        return self.pieces[0][0] - self.began if self.pieces else float("nan")


class Terminal:
    """A program with a pseudo-terminal of its own."""

    def __init__(self, command: Sequence[str], *, colors: str = "truecolor") -> None:
        """Start a program.

        Args:
            command: The program with its arguments.
            colors: What the terminal promises in COLORTERM.
        """
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("TMUX")
        }
        environment |= {"TERM": "xterm-256color", "COLORTERM": colors}
        self.began = time.perf_counter()
        self.pid, self._end = pty.fork()
        if self.pid == 0:
            try:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
                os.execvpe(command[0], command, environment)
            finally:
                os._exit(127)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the program, whatever it does."""
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass  # it has ended
        os.close(self._end)

    def press(self, keys: str, rest: float) -> Burst:
        """Type keys and return what comes until nothing has for ``rest`` seconds."""
        began = time.perf_counter()
        os.write(self._end, keys.encode())
        return self.listen(rest, began)

    def listen(self, rest: float, began: float) -> Burst:
        """Return what comes until nothing has for ``rest`` seconds."""
        burst = Burst(began)
        while time.perf_counter() - began < LONGEST:
            ready, _, _ = select.select([self._end], [], [], rest if burst.pieces else LONGEST)
            if not ready:
                break
            try:
                piece = os.read(self._end, 1 << 20)
            except OSError:  # the program has closed its side
                break
            if not piece:
                break
            burst.pieces.append((time.perf_counter(), piece))
            for question, answer in ANSWERS.items():
                if question in piece:
                    os.write(self._end, answer)
        return burst

    def memory(self) -> dict[str, int]:
        """Return what Linux says of the program's memory, in bytes, by its own names."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as lines:
            pairs = (line.partition(":")[::2] for line in lines)
            return {
                name: int(value.split()[0]) << 10 for name, value in pairs if value.endswith("kB\n")
            }
