"""A storm of random keys, clicks, palette commands and terminal sizes over the explorer.

    python tools/storm.py [--events 20000] [--seed 0] [--workspace FOLDER]

Without a workspace, a small demo is made in a temporary folder. Prints how many events each screen
took, and the traceback of each exception with the events before it. The exit status is 1 after an
exception. The same seed sends the same events.
"""

import argparse
import asyncio
import os
import random
import tempfile
import traceback
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from textual import events
from textual.geometry import Size

from datrnet.core.catalog.workspace import Workspace
from datrnet.core.demo.prepare import prepare_demo
from datrnet.tui.app import ExplorerApp

EVENTS_PER_RUN = 400
LONGEST_BURST = 8
PATIENCE = 60.0
"""Seconds after which a burst that has not been worked off counts as a hang."""

KEYS = (
    *"abcdefghijklmnoprstuvwxyz",
    *"ABCFGIJKLMNPRSTVW0123456789",
    *("up", "down", "left", "right", "pageup", "pagedown", "home", "end", "enter", "space"),
    *("tab", "shift+tab", "escape", "backspace", "delete", "slash", "colon", "question_mark"),
    *("full_stop", "number_sign", "plus", "minus", "equals_sign", "less_than_sign"),
    *("greater_than_sign", "left_square_bracket", "right_square_bracket", "f1"),
    *("ctrl+d", "ctrl+u", "ctrl+r", "ctrl+a", "ctrl+c", "ctrl+k"),
)
PATHS = (
    ("enter",), ("s",), ("v",), ("S",), ("L",), ("question_mark",), ("colon",), ("i",),
    ("number_sign",), ("t",), ("f",), ("slash",), ("full_stop",), ("m",), ("2",), ("3",),
    ("colon", *"theme", "enter"), ("colon", *"tour", "enter"), ("colon", *"name", "enter"),
    ("colon", "q", "pageup"), ("colon", "pagedown"), ("v", "2"), ("v", "3"), ("v", "e"),
    ("S", "v"), ("S", "e"), ("S", "r"), ("full_stop", "right", "full_stop", "L"), ("L", "e"),
)  # fmt: skip
"""Ways to the screens, so that all of them get their share."""

SIZES = (*((width, height) for width in (1, 2, 10, 39, 60, 100) for height in (1, 3, 5, 13)),)
PLAIN_SIZES = ((80, 24), (120, 40), (140, 45), (60, 20), (40, 12))


@dataclass
class Outcome:
    """What came of a storm."""

    num_events: int = 0
    by_screen: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


async def storm(
    open_app: Callable[[], ExplorerApp], num_events: int, seed: int, outcome: Outcome | None = None
) -> Outcome:
    """Send random events to explorers until there have been enough; a fault starts the next.

    Args:
        open_app: Makes an explorer.
        num_events: How many events to send.
        seed: Of the random numbers.
        outcome: What to add to, to be read while the storm goes on.
    """
    outcome, rng = outcome or Outcome(), random.Random(seed)
    while outcome.num_events < num_events:
        most = min(EVENTS_PER_RUN, num_events - outcome.num_events)
        sent: deque[str] = deque(maxlen=40)
        try:
            await _storm_once(open_app(), most, rng, outcome, sent)
        except Exception:
            told = "".join(traceback.format_exc().splitlines(keepends=True)[-24:])
            outcome.faults.append(f"{' '.join(sent)}\n{told}")
    return outcome


async def _storm_once(
    app: ExplorerApp, num_events: int, rng: random.Random, outcome: Outcome, sent: deque[str]
) -> None:
    size = rng.choice(PLAIN_SIZES)
    async with app.run_test(size=size, notifications=True) as pilot:
        end = outcome.num_events + num_events
        while outcome.num_events < end and app.is_running and app._exception is None:
            burst = _burst(app, rng)
            for event, words in burst:
                outcome.num_events += 1
                outcome.by_screen[type(app.screen).__name__] += 1
                sent.append(words)
                app.post_message(event)
                if rng.random() < 0.3:
                    await asyncio.sleep(0)
            await asyncio.wait_for(pilot.pause(), PATIENCE)
            if rng.random() < 0.2:
                await asyncio.sleep(0.05)  # for what is debounced, and for threads


def _burst(app: ExplorerApp, rng: random.Random) -> list[tuple[events.Event, str]]:
    """Return events that come without a pause between them."""
    kind = rng.random()
    if kind < 0.08:
        return [_resize(*rng.choice(PLAIN_SIZES if rng.random() < 0.6 else SIZES))]
    if kind < 0.10:
        return [_resize(rng.randint(1, 160), rng.randint(1, 50))]
    if kind < 0.30:
        return _clicks(app, rng)
    if kind < 0.45:
        return [_key(key) for key in rng.choice(PATHS)]
    if kind < 0.46:
        return [(events.Paste("no such picture.png"), "paste")]
    if kind < 0.6:
        return [_key(rng.choice(KEYS))] * rng.randint(1, LONGEST_BURST)
    return [_key(rng.choice(KEYS)) for _ in range(rng.randint(1, LONGEST_BURST))]


def _key(key: str) -> tuple[events.Event, str]:
    names = {"slash": "/", "colon": ":", "question_mark": "?", "full_stop": ".", "space": " "}
    character = names.get(key, key if len(key) == 1 else None)
    return events.Key(key, character), key


def _resize(width: int, height: int) -> tuple[events.Event, str]:
    return events.Resize(Size(width, height), Size(width, height)), f"<{width}x{height}>"


def _clicks(app: ExplorerApp, rng: random.Random) -> list[tuple[events.Event, str]]:
    """Return clicks, drags or turns of the wheel, mostly on what is there; toasts come often."""
    width, height = app.size
    x, y = rng.randrange(max(1, width)), rng.randrange(max(1, height))
    toasts = list(app.screen.query("Toast"))
    if toasts and rng.random() < 0.5:
        region = rng.choice(toasts).region
        x, y = region.x + region.width // 2, region.y + region.height // 2
    found: list[tuple[events.Event, str]] = []
    if rng.random() < 0.15:
        wheel = rng.choice((events.MouseScrollDown, events.MouseScrollUp))
        return [_mouse(wheel, x, y) for _ in range(rng.randint(1, 4))]
    for _ in range(rng.randint(1, 3)):
        found.append(_mouse(events.MouseMove, x, y))
        found.append(_mouse(events.MouseDown, x, y))
        if rng.random() < 0.3:  # a drag, which selects text
            x, y = rng.randrange(max(1, width)), rng.randrange(max(1, height))
            found.append(_mouse(events.MouseMove, x, y, delta=1))
        found.append(_mouse(events.MouseUp, x, y))
    return found


def _mouse(
    kind: type[events.MouseEvent], x: int, y: int, delta: int = 0
) -> tuple[events.Event, str]:
    event = kind(None, x, y, delta, delta, 1, False, False, False, screen_x=x, screen_y=y)
    return event, f"<{kind.__name__} {x},{y}>"


def main() -> None:
    """Raise a storm over a demo."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--events", type=int, default=20_000)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--workspace", type=Path)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace((given.workspace or Path(folder) / "demo").absolute())
        if given.workspace is None:
            prepare_demo(workspace, num_items=60)
        os.chdir(folder)  # where exports go
        import datrnet.tui.graphics.pictures

        datrnet.tui.graphics.pictures.VIEWERS = {}
        outcome = asyncio.run(storm(lambda: ExplorerApp(workspace), given.events, given.seed))
    print(f"{outcome.num_events:,} events, {len(outcome.faults)} exceptions")
    for name, number in outcome.by_screen.most_common():
        print(f"  {name:20} {number:7,}")
    for fault in outcome.faults:
        print(f"\n{fault}")
    raise SystemExit(bool(outcome.faults))


if __name__ == "__main__":
    main()
