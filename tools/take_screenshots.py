"""Take the pictures of the explorer in docs/, in an xterm with sixels that nobody sees.

python tools/take_screenshots.py WORKSPACE [NAME ...]     all of SCENES, or those named

WORKSPACE must be that of `datrnet demo`: what the pictures show is published. Xvfb, xterm, its font
DejaVu Sans Mono and ImageMagick's `import` must be installed.
"""

import contextlib
import fcntl
import os
import pty
import select
import subprocess
import sys
import tempfile
import termios
import time
import tty
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
SCREEN = "1600x1100x24"
TERMINAL = ("xterm", "-ti", "vt340", "-fa", "DejaVu Sans Mono", "-fs", "9", "-b", "0")
COLORS = 192
"""Of a picture in the docs: no eye sees that there are fewer."""

ENTER, TAB, ESCAPE, DOWN = "\r", "\t", "\x1b", "\x1b[B"
START, MOMENT, KEY = 9.0, 1.5, 0.15
"""Seconds: until nothing is said of the last session; before a picture is taken; after a key."""

NETWORK = 12.0
"""Seconds in which torch and a network are loaded."""

NAVY = 9
"""Steps down from the first shirt's own color, and on from the top."""

SCENES: dict[str, tuple[str, tuple[str | float, ...]]] = {
    # name: size of the terminal, and what is typed or waited for before the picture is taken
    "screenshot": (
        "140x42",
        ("/", "shirt", ENTER, MOMENT, ENTER, MOMENT, *("j",) * NAVY, MOMENT, TAB, "l"),
    ),
    "screenshot-catalog": ("140x42", ("l", "l", "j")),
    "screenshot-map": ("140x42", ("l", "l", "a", NETWORK, "a", NETWORK)),
    "screenshot-narrow": ("80x30", (ENTER, MOMENT, "j")),
    "screenshot-import": ("120x34", (DOWN,) * 5),
}

IMPORT = "screenshot-import"
"""The preview of an import, of the made-up shop's Shopify file instead of the workspace."""


def main() -> int:
    """Take what the arguments ask for."""
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    if sys.argv[1] == "--drive":
        drive(*sys.argv[2:])
        return 0
    workspace, names = Path(sys.argv[1]).resolve(), sys.argv[2:] or list(SCENES)
    if not (workspace / "demo").is_dir():
        print("Only pictures of the demo catalog may be published.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder, display() as name:
        shop = Path(folder, "shop")
        subprocess.run([sys.executable, ROOT / "tools" / "make_shop_exports.py", shop], check=True)
        for scene in names:
            source = shop if scene == IMPORT else workspace
            taken = Path(folder) / f"{scene}.png"
            command = [*TERMINAL, "-geometry", f"{SCENES[scene][0]}+0+0", "-e", sys.executable]
            command += [str(Path(__file__).resolve()), "--drive", str(source), scene, str(taken)]
            environment = os.environ | {"DISPLAY": name, "COLORTERM": "truecolor"}
            subprocess.run(command, check=True, env=environment, timeout=120)
            with Image.open(taken) as picture:
                small = picture.convert("RGB").quantize(COLORS, dither=Image.Dither.NONE)
                small.save(ROOT / "docs" / taken.name, optimize=True)
            print(f"docs/{taken.name}")
    return 0


@contextlib.contextmanager
def display() -> Iterator[str]:
    """Run a display that nobody sees, and give its name."""
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", SCREEN, "-nolisten", "tcp"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield f":{os.read(reading, 16).decode().strip()}"
    finally:
        server.terminate()
        server.wait()


def drive(source: str, scene: str, target: str) -> None:
    """Run the explorer within this terminal, type for it, and take the terminal's picture."""
    child, inside = pty.fork()
    if child == 0:
        program = Path(sys.executable).parent / "datrnet"
        arguments = ["browse", "--no-tour", "--workspace", source]
        if scene == IMPORT:
            arguments = ["import", f"{source}/shopify.csv", "--workspace", f"{source}/new"]
        os.execv(program, [str(program), *arguments])
    size = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
    fcntl.ioctl(inside, termios.TIOCSWINSZ, size)
    tty.setraw(sys.stdin.fileno())
    relay(inside, START)
    for step in SCENES[scene][1]:
        if isinstance(step, str):
            os.write(inside, step.encode())
        relay(inside, KEY if isinstance(step, str) else step)
    relay(inside, MOMENT)
    subprocess.run(["import", "-window", os.environ["WINDOWID"], target], check=True)
    os.write(inside, ESCAPE.encode())
    relay(inside, KEY)
    os.kill(child, 15)


def relay(inside: int, seconds: float) -> None:
    """Hand on what the explorer and the terminal tell each other, for some time."""
    outside = sys.stdin.fileno()
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        for source in select.select([inside, outside], [], [], left)[0]:
            told = os.read(source, 1 << 16)
            while told:
                target = sys.stdout.fileno() if source == inside else inside
                told = told[os.write(target, told) :]


if __name__ == "__main__":
    raise SystemExit(main())
