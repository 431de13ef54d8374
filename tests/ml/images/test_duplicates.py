"""Pairs are exactly those within the bounds, whatever the blocks; groups are stars that respect what was decided."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.__main__ import main
from ml.images import duplicates
from ml.images.duplicates import BOUNDS, HASH_ALONE, Known, arrange, bounds_for, near_pairs, stars
from ml.images.nearness import Nearness


def world(n: int = 120, width: int = 300, seed: int = 0) -> Nearness:
    """Photos of which each third is near the one before it, by hash, by embedding or by both."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, n, dtype=np.uint64)
    mirrored = rng.integers(0, 2**64, n, dtype=np.uint64)
    embeddings = rng.standard_normal((n, width)).astype(np.float32)
    for place in range(1, n, 3):
        noise = rng.uniform(0.1, 0.8)
        embeddings[place] = embeddings[place - 1] + noise * rng.standard_normal(width).astype(np.float32)
        flipped = rng.choice(64, rng.integers(0, 30), replace=False)
        hashes[place] = hashes[place - 1] ^ np.bitwise_or.reduce(
            np.uint64(1) << flipped.astype(np.uint64), initial=np.uint64(0)
        )
        if place % 2:
            hashes[place], mirrored[place - 1] = rng.integers(0, 2**64, dtype=np.uint64), hashes[place]
    return Nearness(hashes, mirrored, embeddings)


def by_hand(nearness: Nearness, n: int, fresh: np.ndarray | None = None) -> set[frozenset[int]]:
    found = set()
    for a, b in combinations(range(n), 2):
        measured = nearness.between(np.array([a]), np.array([b]))
        bits, cosine = int(measured.bits[0]), float(measured.cosines[0])
        is_near = any(bits <= most and cosine >= least for most, least in BOUNDS)
        if is_near and (fresh is None or fresh[a] or fresh[b]):
            found.add(frozenset({a, b}))
    return found


def pairs_of(found: duplicates.Pairs) -> list[frozenset[int]]:
    return [frozenset(pair) for pair in zip(found.first.tolist(), found.second.tolist(), strict=True)]


@pytest.mark.parametrize(("block", "width"), [(2048, 128), (7, 128), (16, 8)])
def test_pairs_are_those_within_the_bounds_each_once_in_whatever_blocks(monkeypatch, block, width):
    monkeypatch.setattr(duplicates, "_BLOCK", block)
    monkeypatch.setattr(duplicates, "_SKETCH", width)
    nearness = world()
    expected = by_hand(nearness, 120)
    assert len(expected) > 15
    got = pairs_of(near_pairs(nearness, 120))
    assert len(got) == len(set(got))
    assert set(got) == expected


def test_only_pairs_with_something_new_are_looked_at(monkeypatch):
    monkeypatch.setattr(duplicates, "_BLOCK", 16)
    nearness = world()
    fresh = np.random.default_rng(3).random(120) < 0.3
    assert set(pairs_of(near_pairs(nearness, 120, fresh))) == by_hand(nearness, 120, fresh)


def test_without_embeddings_the_hashes_have_to_be_nearer():
    hashes = np.array([0, (1 << HASH_ALONE) - 1, (1 << 20) - 1], np.uint64)
    far = np.array([0xAAAA << 40, 0x5555 << 44, 0xFF0F << 36], np.uint64)
    assert pairs_of(near_pairs(Nearness(hashes, far, None), 3)) == [frozenset({0, 1})]


def test_nothing_and_one_photo_make_no_pair():
    for n in (0, 1):
        empty = np.zeros(n, np.uint64)
        nearness = Nearness(empty, empty, np.ones((n, 400), np.float32))
        assert len(near_pairs(nearness, n, bounds=bounds_for(nearness, n)).first) == 0


def test_a_data_set_that_all_looks_alike_to_the_network_gets_tighter_bounds():
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**64, 200, dtype=np.uint64)
    usual = Nearness(hashes, hashes, rng.standard_normal((200, 50)) + 0.6)
    alike = Nearness(hashes, hashes, rng.standard_normal((200, 50)) + 5)
    assert bounds_for(usual, 200) == BOUNDS
    tighter = bounds_for(alike, 200)
    assert tighter[0] == BOUNDS[0]
    assert all(new > old for (_, new), (_, old) in zip(tighter[1:], BOUNDS[1:], strict=True))
    assert len(near_pairs(alike, 200, bounds=tighter).first) == 0


def test_more_neighbours_than_are_kept_are_noted(monkeypatch):
    monkeypatch.setattr(duplicates, "_MOST_NEIGHBOURS", 3)
    same = np.full(10, 5, np.uint64)
    found = near_pairs(Nearness(same, same, None), 10)
    assert len(found.first) < 45
    assert found.crowded == frozenset(range(6))


def graph(*edges: tuple[int, int, float]) -> dict[int, dict[int, float]]:
    near: dict[int, dict[int, float]] = {}
    for a, b, score in edges:
        near.setdefault(a, {})[b] = near.setdefault(b, {})[a] = score
    return near


def never(_first: int, _second: int) -> bool:
    return False


def test_each_photo_of_a_group_is_near_its_best_and_a_chain_is_not_one_group():
    groups, left = stars(graph((0, 1, 0.9), (1, 2, 0.9), (2, 3, 0.9)), never)
    assert groups == [[0, 1], [2, 3]]
    assert left == {2}


def test_photos_that_were_told_apart_come_into_no_group_together():
    groups, left = stars(graph((0, 1, 0.95), (0, 2, 0.9)), lambda a, b: {a, b} == {1, 2})
    assert groups == [[0, 1]]
    assert left == {2}


def test_a_group_takes_its_nearest_up_to_the_limit(monkeypatch):
    monkeypatch.setattr(duplicates, "LARGEST_GROUP", 3)
    groups, left = stars(graph((0, 1, 0.9), (0, 2, 0.99), (0, 3, 0.95), (1, 3, 0.9)), never)
    assert groups == [[0, 2, 3]]
    assert left == {1, 3}


@settings(deadline=None, max_examples=60)
@given(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] < pair[1])))
def test_groups_are_disjoint_stars_and_every_pair_is_in_one_or_left(edges):
    near = graph(*((a, b, 0.9) for a, b in edges))
    groups, left = stars(near, never)
    members = [one for group in groups for one in group]
    assert len(members) == len(set(members))
    assert all(one in near[group[0]] for group in groups for one in group[1:])
    assert all(group[0] == min(group) for group in groups)
    together = {pair for group in groups for pair in combinations(sorted(group), 2)}
    assert all(pair in together or left & set(pair) for pair in edges)


def known(
    n: int, fresh: set[int], groups: dict[int, int] | None = None, decided: dict | None = None
) -> Known:
    return Known(
        np.array([place in fresh for place in range(n)], np.bool_),
        [(groups or {}).get(place, 0) for place in range(n)],
        [frozenset((decided or {}).get(place, ())) for place in range(n)],
    )


def test_a_new_photo_joins_the_open_group_of_what_it_is_near_and_others_are_left_alone():
    hashes = np.array([0, 1, 0xFFFF_0000, 0xFFFF_0001, 3], np.uint64)
    far = np.array(
        [0x1234_5678_0000_0000 * (place + 1) % 2**64 | 0xF0F0_F0F0 for place in range(5)], np.uint64
    )
    nearness = Nearness(hashes, far, None)
    found = arrange(nearness, known(5, {4}, {0: 7, 1: 7, 2: 8, 3: 8}))
    assert found.groups == [[0, 1, 4]]
    assert found.replaced == {7}
    assert not found.left


def test_the_command_writes_groups_with_what_lies_between_their_photos(tmp_path, capsys):
    names = [f"{place:064x}" for place in range(3)]
    lines = [
        {"sha256": name, "phash": phash, "phash_mirror": "f" * 16, "fresh": True, "group": 0, "decided": []}
        for name, phash in zip(names, ("0" * 16, "0" * 15 + "3", "00ff00ff00ff00ff"), strict=True)
    ]
    listing, out = tmp_path / "photos.jsonl", tmp_path / "groups.json"
    listing.write_text("\n".join(json.dumps(line) for line in lines))
    assert main(["duplicates", "--list", str(listing), "--out", str(out), "--hashes-only"]) == 0
    content = json.loads(out.read_text())
    assert content["groups"] == [{"members": names[:2], "pairs": [[0, 1, None, 2, False]]}]
    assert (content["replaced"], content["left"], content["used_embeddings"]) == ([], [], False)
    assert json.loads(capsys.readouterr().out)["groups"] == 1


@pytest.mark.parametrize("line", ["{}", "nonsense", '{"sha256": "a", "phash": "zz"}'])
def test_a_list_that_is_none_is_refused_with_the_line(tmp_path, capsys, line):
    listing = tmp_path / "photos.jsonl"
    listing.write_text(line)
    assert main(["duplicates", "--list", str(listing), "--out", str(tmp_path / "out.json")]) == 2
    assert "line 1" in capsys.readouterr().err
