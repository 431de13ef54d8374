"""A manifest as arrays: what of an enhanced data set trains, and what is scored."""

from __future__ import annotations

import pytest

from ml.manifest import ClassInfo, Item, Manifest, Plan
from ml.training.data import part_of

TRANSFORMS = ("original", "hflip", "vflip")


def enhanced(rule: str) -> Manifest:
    """One photo a split, each with its two copies."""
    items = [
        Item(f"{place:064x}", "glass", split, place, transform)
        for place, split in enumerate(("train", "val", "test"))
        for transform in TRANSFORMS
    ]
    return Manifest("m", Plan(rule, enhanced=True), (ClassInfo("glass"),), tuple(items))


@pytest.mark.parametrize(("rule", "scored"), [("grouped", 1), ("random", 1), ("paper", 3)])
def test_copies_train_and_only_the_papers_rule_scores_them(rule, scored):
    manifest = enhanced(rule)
    assert [len(part_of(manifest, split)) for split in ("train", "val", "test")] == [3, scored, scored]


def test_a_part_knows_its_originals():
    part = part_of(enhanced("grouped"), "train")
    assert part.originals.tolist() == [True, False, False]
    assert [photo.flips for photo in part.photos] == [(False, False), (True, False), (False, True)]
