"""The demo's wrong labels: the review finds them, and the index does not know of them."""

from pathlib import Path

import datrnet
from datrnet.core.demo.catalog import read_wrong_labels


def test_the_review_finds_the_demos_wrong_labels_first(demo: Path) -> None:
    wrong = {
        (entry["id"], entry["super_category"]): entry for entry in read_wrong_labels(demo / "demo")
    }
    assert len(wrong) == 8  # of 160 training items
    shop = datrnet.open(demo)
    doubts = list(shop.doubts())
    found = [(doubt.id, doubt.super_category) in wrong for doubt in doubts]
    assert sum(found[:4]) == 4
    assert sum(found[:8]) >= 6
    assert sum(found[:16]) == 8
    assert len(doubts) < 40
    for doubt in doubts[:4]:
        entry = wrong[doubt.id, doubt.super_category]
        assert (doubt.label, doubt.guess) == (entry["label"], entry["right"])
