"""Copies among a crawl's candidates, and of photos that are there already: named by place, in blocks of any size."""

from __future__ import annotations

import numpy as np
import pytest

from ml.evaluation import copies
from ml.evaluation.copies import Looks, copied, near_groups

WIDTH = 64


def looks(
    n: int, *, embeddings: bool = True, without: tuple[int, ...] = ()
) -> tuple[Looks, np.ndarray, np.ndarray]:
    """`n` photos of which no two are near; their hashes and embeddings may be changed before they are used."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, n, dtype=np.uint64)
    mirrored = rng.integers(0, 2**64, n, dtype=np.uint64)
    vectors = rng.standard_normal((n, WIDTH)).astype(np.float32)
    vectors[list(without)] = 0
    return Looks(hashes, mirrored, (lambda places: vectors[places]) if embeddings else None), hashes, vectors


def places(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def test_a_candidate_names_the_accepted_photo_that_it_copies():
    some, hashes, _ = looks(6)
    hashes[1] = hashes[4] ^ np.uint64(0b111)
    assert copied(some, places(0, 1, 2), places(3, 4, 5)) == [None, 4, None]


def test_of_several_the_nearest_is_named():
    some, hashes, vectors = looks(6)
    hashes[3:5] = hashes[0]
    vectors[5] = vectors[0]
    assert copied(some, places(0), places(3, 4, 5)) == [5]
    vectors[5] = -vectors[0]
    vectors[4] = vectors[0] + 0.1
    assert copied(some, places(0), places(3, 4, 5)) == [4]


def test_a_crop_is_told_by_its_embedding_and_a_mirrored_copy_by_its_hash():
    some, hashes, vectors = looks(6)
    vectors[0] = vectors[4] * 3
    some.mirrored[5] = hashes[1]
    assert copied(some, places(0, 1), places(3, 4, 5)) == [4, 5]


def test_photos_without_an_embedding_are_told_by_hashes_alone():
    some, hashes, _ = looks(6, without=(0, 1, 3, 4))
    hashes[0] = hashes[3]
    assert copied(some, places(0, 1), places(3, 4, 5)) == [3, None]
    assert near_groups(some, places(0, 1, 2)) == [None, None, None]
    plain, hashes, _ = looks(6, embeddings=False)
    hashes[0] = hashes[3]
    assert copied(plain, places(0, 1), places(3, 4, 5)) == [3, None]


def test_nothing_is_a_copy_of_nothing():
    some, _, _ = looks(3)
    assert copied(some, places(), places(0, 1)) == []
    assert copied(some, places(0, 1), places()) == [None, None]
    assert near_groups(some, places()) == []


def test_near_candidates_share_a_number_from_nought_and_others_have_none():
    some, hashes, _ = looks(7)
    hashes[[1, 3]] = hashes[1]
    hashes[[2, 5, 6]] = hashes[2]
    assert near_groups(some, places(0, 1, 2, 3, 4, 5)) == [None, 0, 1, 0, None, 1]


@pytest.mark.parametrize("block", [1, 2, 5, 4096])
def test_the_size_of_the_blocks_changes_nothing(monkeypatch, block):
    some, hashes, vectors = looks(40)
    hashes[3], hashes[8], vectors[9], vectors[19] = hashes[25], hashes[39], vectors[30], vectors[9]
    monkeypatch.setattr(copies, "_CANDIDATES", block)
    monkeypatch.setattr(copies, "_PHOTOS", block)
    told: list[tuple[int, int]] = []
    found = copied(some, np.arange(20), np.arange(20, 40), lambda done, total: told.append((done, total)))
    assert {place: one for place, one in enumerate(found) if one is not None} == {3: 25, 8: 39, 9: 30, 19: 30}
    assert told[-1] == (20, 20)
