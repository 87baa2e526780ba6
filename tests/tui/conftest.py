"""A small workspace with drawn pictures and an index, and the explorer run on it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from textual._compositor import Compositor
from textual.app import App
from textual.notifications import Notification
from textual.pilot import Pilot
from textual.screen import Screen
from textual.worker import WorkerCancelled

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.thumbnails import ThumbnailStore, make_thumbnail
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.config import Config, IndexConfig, ModelConfig
from datrnet.core.evaluation.ranking import Weights
from datrnet.core.indexing.generation_writer import Embedded, write_generation
from datrnet.core.models.datrnet import DAtRNet
from datrnet.core.models.run_folder import RunFolder, save_weights
from datrnet.core.retrieval.manipulation import Replacement
from datrnet.core.retrieval.prototypes import mean_embeddings
from datrnet.db.rows import NewItem
from datrnet.db.store import Store
from datrnet.tui.app import ExplorerApp
from datrnet.tui.screens.explorer_screen import ExplorerScreen
from datrnet.tui.screens.substitutes import SubstitutesScreen
from datrnet.tui.snapshot import Snapshot
from datrnet.tui.widgets.thumb_grid import ThumbGrid

COLORS = {"black": "#111111", "blue": "#2244cc", "green": "#22aa44", "red": "#cc2222"}
GARMENTS = ("dress", "shirt", "skirt")
SEASONS = ("summer", "winter")
SIZE = 16
TINY = ModelConfig(image_size=16, filters=4, num_ase=1, embedding_size=SIZE)

HANG_SECONDS = 240.0
"""No test takes this long: what has not happened by then never will."""

SOON_SECONDS = 0.02
"""A timer due sooner is waited for: what is debounced, not what blinks."""

RunExplorer = Callable[..., AbstractAsyncContextManager["Explorer"]]


def _draw(path: Path, colour: str, garment: str) -> None:
    picture = Image.new("RGB", (48, 64), "white")
    pen = ImageDraw.Draw(picture)
    top = {"dress": 8, "shirt": 10, "skirt": 28}[garment]
    pen.polygon([(16, top), (32, top), (42, 56), (6, 56)], fill=COLORS[colour])
    picture.save(path)


def _items(pictures: Path) -> list[NewItem]:
    items = []
    for number in range(48):
        colour = list(COLORS)[number % len(COLORS)]
        garment = GARMENTS[number // 4 % len(GARMENTS)]
        path = pictures / f"{number:02}.png"
        _draw(path, colour, garment)
        season = SEASONS[number // 12 % 2] if number % 5 else None
        items.append(
            NewItem(
                code=f"P-{number:03}",
                title=f"{colour.title()} {garment} number {number}",
                picture_path=f"pictures/{path.name}",
                split="",
                labels={"garment": garment, "colour": colour, "season": season},
            )
        )
    return items


def _write_index(workspace: Workspace, store: Store) -> None:
    """Write an index of embeddings that follow the labels; nobody taught it winter."""
    catalog, rng = Catalog.load(store), np.random.default_rng(0)
    blocks, prototypes = [], []
    for idx, category in enumerate(catalog.super_categories):
        labels = catalog.labels[:, idx]
        centers = rng.normal(size=(len(category.values) + 1, SIZE))
        block = centers[labels] + 0.1 * rng.normal(size=(catalog.num_items, SIZE))
        block = (block / np.linalg.norm(block, axis=1, keepdims=True)).astype(np.float32)
        taught = labels
        if category.name == "season":
            taught = np.where(labels == category.values.index("winter"), -1, labels)
        blocks.append(block)
        prototypes.append(
            mean_embeddings(block, taught.astype(np.int16), len(category.values), unit_length=True)
        )
    embedded = Embedded(
        run_name="made-up",
        super_categories=catalog.super_categories,
        item_ids=catalog.item_ids,
        embeddings=np.stack(blocks, axis=1),
        manipulation=Replacement(tuple(prototypes)),
        weights=Weights(blocks=(1.0, 1.0, 0.3), changed=3.0),
    )
    write_generation(workspace, store, embedded, IndexConfig(trees=4))


@pytest.fixture(autouse=True)
def quick_and_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests from waiting and from opening windows; what is shown stays until read."""
    monkeypatch.setattr("datrnet.tui.controllers.updates.CHECK_SECONDS", HANG_SECONDS)
    # a timer with a negative delay, as of a notice that is over, would never end
    monkeypatch.setattr(Notification, "time_left", HANG_SECONDS)
    monkeypatch.setattr("datrnet.tui.graphics.pictures.VIEWERS", {})
    monkeypatch.setattr(ExplorerScreen, "debounce", 0.001)
    monkeypatch.setattr(SubstitutesScreen, "settle_after", 600.0)


@pytest.fixture
def draws_frames() -> bool:
    """Whether every frame is drawn; modules that only read ``Explorer.text`` override it."""
    return True


@pytest.fixture(autouse=True)
def skip_frames(monkeypatch: pytest.MonkeyPatch, draws_frames: bool) -> None:
    """Keep Textual from drawing what a headless app throws away; ``Explorer.text`` draws."""
    if not draws_frames:
        monkeypatch.setattr(
            Compositor,
            "render_update",
            lambda compositor, *_, **__: compositor._dirty_regions.clear(),
        )


@pytest.fixture(scope="session")
def finished_shops(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The workspace without and with an index, made once."""
    bare, whole = (tmp_path_factory.mktemp("shops") / name for name in ("bare", "whole"))
    pictures = bare / "pictures"
    pictures.mkdir(parents=True)
    workspace = Workspace(bare)
    with workspace.create_store() as store:
        store.upsert_items(_items(pictures))
        catalog = Catalog.load(store)
    thumbnails = ThumbnailStore(workspace.thumbnails)
    for item_id, path in zip(catalog.item_ids, catalog.picture_paths, strict=True):
        thumbnails.put([(int(item_id), make_thumbnail(workspace.picture(path)))])
    thumbnails.close()
    copytree(bare, whole)
    with Workspace(whole).open_store() as store:
        _write_index(Workspace(whole), store)
    return bare, whole


@pytest.fixture
def index_again() -> Callable[[Workspace, Store], None]:
    """Write an index as another program does, for whatever the catalog holds then."""
    return _write_index


@pytest.fixture
def bare_workspace(finished_shops: tuple[Path, Path], tmp_path: Path) -> Workspace:
    """A catalog of 48 garments, in four colors by turns, without an index."""
    return Workspace(Path(copytree(finished_shops[0], tmp_path / "shop")))


@pytest.fixture
def workspace(finished_shops: tuple[Path, Path], tmp_path: Path) -> Workspace:
    """The same with an index."""
    return Workspace(Path(copytree(finished_shops[1], tmp_path / "shop")))


@pytest.fixture
def taught(workspace: Workspace) -> Workspace:
    """Return the workspace with the run of its index: networks of random weights."""
    torch.manual_seed(0)
    with workspace.open_store() as store:
        categories = Catalog.load(store).super_categories
    run = RunFolder(
        path=workspace.models / "made-up", config=Config(model=TINY), super_categories=categories
    )
    run.create()
    for idx in range(len(categories)):
        save_weights(DAtRNet(TINY), run.weights_path(idx))
    return workspace


class Explorer:
    """A running explorer, and what tests ask of it."""

    def __init__(self, pilot: Pilot[None]) -> None:
        self.pilot = pilot
        self.app = pilot.app

    @property
    def screen(self) -> Screen[object]:
        return self.app.screen

    @property
    def snapshot(self) -> Snapshot:
        return self.app.library.snapshot

    @property
    def grid(self) -> ThumbGrid:
        return self.screen.query_one(ThumbGrid)

    @property
    def code(self) -> str:
        """The code of the item under the cursor."""
        assert self.grid.row is not None
        return self.snapshot.catalog.codes[self.grid.row]

    @property
    def codes(self) -> list[str]:
        """The codes of all items in the grid."""
        return [self.snapshot.catalog.codes[row] for row in self.grid.listing.rows]

    def labels(self, name: str, first: int = 5) -> list[str | None]:
        """What the first items of the grid carry in a super-category."""
        rows = self.grid.listing.rows[:first]
        return [self.snapshot.catalog.labels_of(row)[name] for row in rows]

    def text(self) -> str:
        """What stands on the screen."""
        lines = self.screen._compositor.render_strips(self.app.size)
        return "\n".join(line.text for line in lines)

    def notices(self) -> str:
        return "\n".join(notice.message for notice in self.app._notifications)

    def steps(self) -> list[tuple[str, dict[str, object]]]:
        """What the session in the database holds."""
        store = self.app.library.store
        return [
            (step.action, json.loads(step.request_json))
            for session in store.sessions()
            for step in store.steps(session.id)
        ]

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.rest()

    async def rest(self, seconds: float = 0.01) -> None:
        """Wait until what is debounced has begun, and the workers have ended."""
        await asyncio.sleep(seconds)
        calm = 0
        while calm < 2:  # what a worker reports may begin another
            await workers_end(self.app)
            await self.pilot.pause()
            await loop_is_idle()
            calm = 0 if list(self.app.workers) else calm + 1

    async def until(self, is_true: Callable[[], object]) -> None:
        """Wait until a condition holds, however slow the machine is."""
        deadline = time.monotonic() + HANG_SECONDS
        while not is_true():
            assert time.monotonic() < deadline, self.text()
            await self.pilot.pause(0.01)


async def loop_is_idle(max_sleep: float = HANG_SECONDS) -> None:
    """Wait until the event loop has nothing to do and no timer is about to fire.

    Textual's pilot guesses by the processor time that the process gets, which is little on a busy
    machine whatever there is to do.
    """
    loop: Any = asyncio.get_running_loop()
    quiet, end = 0, loop.time() + max_sleep
    while quiet < 3 and loop.time() < end:
        await asyncio.sleep(0)
        due = [timer.when() for timer in loop._scheduled if not timer.cancelled()]
        wait = min(due, default=end) - loop.time()
        if loop._ready or wait < SOON_SECONDS:
            quiet = 0
            await asyncio.sleep(0 if loop._ready else max(wait, 0))
        else:
            quiet += 1


async def workers_end(app: App[Any]) -> None:
    """Wait until no worker is left; those overtaken by a newer one count as ended.

    However many overtake each other: each may have been cancelled while it was waited for.
    """
    while running := list(app.workers):
        outcomes = await asyncio.gather(
            *(worker.wait() for worker in running), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, WorkerCancelled):
                raise outcome


@pytest.fixture
def run_explorer() -> RunExplorer:
    """Run the explorer on a workspace, with everything at rest when it begins."""

    @asynccontextmanager
    async def run(
        workspace: Workspace,
        size: tuple[int, int] = (120, 40),
        *,
        notices: bool = False,
        **options: Any,
    ) -> AsyncIterator[Explorer]:
        app = ExplorerApp(workspace, **options)
        async with app.run_test(size=size, notifications=notices) as pilot:
            explorer = Explorer(pilot)
            await explorer.rest()
            yield explorer
            if app.screen_stack:
                explorer.text()  # whatever it came to can be drawn

    return run
