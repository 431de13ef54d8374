"""Near-duplicate groups: copies are found, chains are cut, and numbers do not depend on chance."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ml.images import groups, nearness
from ml.images.groups import find_groups
from ml.images.hashes import grey_of, pack_hashes, perceptual_hashes


def hashed(images: list[Image.Image]) -> tuple[np.ndarray, np.ndarray]:
    pairs = [perceptual_hashes(grey_of(np.asarray(image.convert("RGB")))) for image in images]
    return pack_hashes([plain for plain, _ in pairs]), pack_hashes([mirrored for _, mirrored in pairs])


def recompressed(image: Image.Image) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=40)
    return Image.open(out)


COPIES = {
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "resized": lambda image: image.resize((image.width // 3, image.height // 3)),
    "recompressed": recompressed,
}


@pytest.mark.parametrize("kind", COPIES)
def test_a_copy_of_a_real_photo_lands_in_its_group(trashnet, kind):
    originals = [Image.open(path).convert("RGB") for path in sorted(trashnet.glob("*/*"))[::20]]
    n = len(originals)
    found = find_groups(*hashed(originals + [COPIES[kind](image) for image in originals]))
    recall = np.mean(found.ids[:n] == found.ids[n:])
    assert recall >= 0.98


def test_different_real_photos_mostly_stay_apart(trashnet):
    originals = [Image.open(path) for path in sorted(trashnet.glob("*/*"))[::4]]
    assert find_groups(*hashed(originals)).report.grouped < 0.1 * len(originals)


def far_hashes(n: int) -> np.ndarray:
    """Hashes of which no two are within 18 bits."""
    rng = np.random.default_rng(0)
    chosen: list[int] = []
    while len(chosen) < n:
        new = int(rng.integers(0, 2**63))
        if all((new ^ old).bit_count() > 18 for old in chosen):
            chosen.append(new)
    return np.array(chosen, np.uint64)


def together(hashes, embeddings=None, mirrored=None) -> bool:
    """Whether the first two photos are one group."""
    mirrored = far_hashes(40)[-len(hashes) :] if mirrored is None else mirrored
    ids = find_groups(hashes, mirrored, embeddings).ids
    return bool(ids[0] == ids[1])


def bits(n: int) -> np.ndarray:
    return np.array([0, (1 << n) - 1], np.uint64)


def at_cosine(cosine: float) -> np.ndarray:
    return np.array([[3, 0], [7 * cosine, 7 * np.sqrt(1 - cosine**2)]], np.float32)


def test_the_three_bounds_are_those_of_the_protocol():
    assert together(bits(8))
    assert not together(bits(9))
    assert together(bits(18), at_cosine(0.86))
    assert not together(bits(19), at_cosine(0.86))
    assert not together(bits(18), at_cosine(0.84))
    assert together(bits(40), at_cosine(0.975))
    assert not together(bits(40), at_cosine(0.965))


def test_a_mirror_image_is_found_by_its_mirrored_hash():
    hashes = np.array([0b1111, 0xFFFF_0000_FFFF], np.uint64)
    assert together(hashes, mirrored=hashes[::-1].copy())


def test_a_photo_without_any_embedding_joins_nobody_by_it():
    assert not together(bits(40), np.zeros((2, 4), np.float32))


def test_blocks_give_the_same_groups_as_one_piece(monkeypatch):
    rng = np.random.default_rng(1)
    hashes = rng.integers(0, 2**63, 40, dtype=np.uint64)
    hashes = np.concatenate([hashes, hashes[:25] ^ np.uint64(5)])
    whole = find_groups(hashes, hashes).ids
    monkeypatch.setattr(groups, "_BLOCK", 7)
    monkeypatch.setattr(nearness, "_STRIP", 2)
    monkeypatch.setattr(groups, "_MOST_EDGES", 10)
    assert (find_groups(hashes, hashes).ids == whole).all()
    assert len(set(whole)) == 40


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=10))
def test_groups_are_the_connected_components_of_nearness(values):
    hashes = np.array(values, np.uint64)
    ids = find_groups(hashes, hashes).ids
    places = range(len(values))
    component = list(places)
    for _ in places:
        component = [
            min(component[b] for b in places if (values[a] ^ values[b]).bit_count() <= 8) for a in places
        ]
    assert all((ids[a] == ids[b]) == (component[a] == component[b]) for a in places for b in places)


def chain(n: int) -> np.ndarray:
    """Each a few bits from the next, the ends far apart: single linkage makes one group of it."""
    return np.array([((1 << 64) - 1) >> (64 - 4 * place) if place else 0 for place in range(n)], np.uint64)


def test_a_chain_of_look_alikes_is_cut_and_the_crossing_pairs_are_reported():
    hashes = chain(16)
    mirrored = far_hashes(16)
    found = find_groups(hashes, mirrored, labels=["a"] * 16)
    (cut,) = found.report.cuts
    assert (cut.size, cut.label) == (16, "a")
    assert cut.largest <= 10
    assert cut.parts == len(set(found.ids)) > 1
    crossing = [
        (a, b)
        for a in range(16)
        for b in range(a + 1, 16)
        if found.ids[a] != found.ids[b] and (int(hashes[a]) ^ int(hashes[b])).bit_count() <= 8
    ]
    assert found.report.crossing == len(crossing) > 0
    assert sorted(found.report.examples) == crossing


def test_in_a_large_class_the_same_chain_is_left_whole():
    hashes = np.concatenate([chain(16), far_hashes(40)])
    labels = ["a"] * 16 + ["b"] * 40
    many = np.concatenate([hashes, np.full(400, hashes[20])])
    mirrored = np.full(len(many), np.uint64(0x5A5A_1234_9999_F0F0))
    found = find_groups(many, mirrored, labels=labels + ["a"] * 400)
    assert len(set(found.ids[:16])) == 1


def test_true_copies_stay_together_however_many_there_are():
    hashes = np.full(60, 123, np.uint64)
    found = find_groups(hashes, hashes, labels=["a"] * 60)
    assert len(set(found.ids)) == 1
    assert found.report.crossing == 0


def test_a_component_too_large_for_linkage_is_halved_first(monkeypatch):
    monkeypatch.setattr(groups, "_LARGEST_LINKAGE", 20)
    hashes = np.full(60, 123, np.uint64)
    found = find_groups(hashes, hashes, labels=["a"] * 60)
    assert found.report.largest <= 20
    assert found.report.crossing > 0


def test_no_photos_make_no_groups():
    empty = np.array([], np.uint64)
    assert find_groups(empty, empty).report.images == 0


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="equal length"):
        find_groups(bits(1), bits(1)[:1])


def test_near_pairs_are_answered_as_many_as_asked_for():
    hashes = far_hashes(30)
    hashes[[3, 17, 20]] = hashes[5]
    mirrored = far_hashes(60)[30:]
    found = find_groups(hashes, mirrored, most_pairs=100)
    assert {tuple(pair) for pair in found.pairs.tolist()} == {
        (3, 5), (3, 17), (3, 20), (5, 17), (5, 20), (17, 20),
    }  # fmt: skip
    assert len(find_groups(hashes, mirrored, most_pairs=4).pairs) == 4
    assert len(find_groups(hashes, mirrored).pairs) == 0
