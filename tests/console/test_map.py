"""`datrnet map`: a picture of the map, or where its items are."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageColor

import datrnet
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.graphics.point_map import COLORS

Run = Callable[..., Any]


def test_a_map_is_drawn_with_the_colors_of_its_values(
    run: Run, copied: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "map.png"
    assert "Wrote 48 items" in run(copied.root, "map", path, "--super-category", "colour").stderr
    with Image.open(path) as picture:
        colors = {color for _, color in picture.convert("RGB").getcolors(1 << 24)}
    first, second, third, fourth = list(map(ImageColor.getrgb, COLORS.values()))[:4]
    assert {first, second, third} <= colors
    assert fourth not in colors


def test_places_are_listed_with_labels(run: Run, copied: Workspace) -> None:
    facts = json.loads(run(copied.root, "map", "--super-category", "colour", "--json").stdout)
    assert len(facts) == 48
    assert all(-1 <= fact[axis] <= 1 for fact in facts for axis in "xy")
    assert {fact["label"] for fact in facts} == {"Black", "Red", "Blue", None}
    lines = run(copied.root, "map", "--super-category", "colour").stdout.splitlines()
    assert lines[0].split("\t") == ["id", "title", "x", "y", "label", "predicted"]
    assert [line.split("\t")[0] for line in lines[1:]] == [fact["id"] for fact in facts]


def test_the_library_draws_and_lists_the_same(copied: Workspace) -> None:
    shop = datrnet.open(copied.root)
    found, facts = shop.map("colour"), shop.map_facts("colour")
    assert [round(x, 4) for x in found.points[:, 0].tolist()] == [fact["x"] for fact in facts]
    assert shop.map_picture("colour").height > 1000
    assert shop.map().super_category == shop.searcher.names[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("map.pgn",), "Did you mean .png"),
        (("map",), "not the name of a picture"),
        (("--super-category", "color"), "colour"),
        (("no/such/folder/map.png",), "cannot be written"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    run: Run, copied: Workspace, arguments: tuple[str, ...], words: str
) -> None:
    outcome = run(copied.root, "map", *arguments)
    assert words in outcome.stderr
