"""Kitty's protocol: what is sent can be put together again."""

import base64
import io
import re
import unicodedata

import numpy as np
from PIL import Image

from datrnet.core.graphics.protocols import (
    DIACRITICS,
    PLACEHOLDER,
    payload,
    placeholder,
    removal,
    transmission,
)


def commands(sent: str) -> list[tuple[dict[str, str], str]]:
    found = re.findall(r"\x1b_G([^;\x1b]*);?([^\x1b]*)\x1b\\", sent)
    assert "".join(f"\x1b_G{keys};{data}\x1b\\" for keys, data in found) == sent or not found[0][1]
    return [(dict(pair.split("=") for pair in keys.split(",")), data) for keys, data in found]


def test_a_picture_arrives_whole_in_pieces_that_a_terminal_takes() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    sent = commands(transmission(payload(Image.fromarray(pixels)), 77, 4, 9))
    assert len(sent) > 2
    first, _ = sent[0]
    assert (first["i"], first["r"], first["c"], first["U"], first["q"]) == (
        "77",
        "4",
        "9",
        "1",
        "2",
    )
    assert [keys["m"] for keys, _ in sent] == ["1"] * (len(sent) - 1) + ["0"]
    assert all(len(data) <= 4096 for _, data in sent)
    file = base64.standard_b64decode("".join(data for _, data in sent))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(file))), pixels)


def test_a_picture_is_forgotten_by_its_number() -> None:
    ((keys, _),) = commands(removal(77))
    assert keys == {"a": "d", "d": "I", "q": "2", "i": "77"}


def test_a_placeholder_is_one_cell_with_two_marks() -> None:
    assert placeholder(1, 0) == PLACEHOLDER + "\u030d\u0305"
    assert len(set(DIACRITICS)) == len(DIACRITICS) == 64
    assert all(unicodedata.combining(mark) == 230 for mark in DIACRITICS)
