import io

import numpy as np
import pytest

from ml.backbones.embed import embed_images, feature_cache, pooled_features
from ml.backbones.pipeline import Photo, UnreadablePhotoError
from tests.support.photos import jpeg


@pytest.fixture
def hashes(store) -> list[str]:
    return [store.put_blob(io.BytesIO(jpeg(seed))).sha256 for seed in range(5)]


def test_it_embeds_stored_photos_in_order_and_only_once(store, hashes):
    computed = []
    first = embed_images(store, hashes[:3], lambda done, total: computed.append((done, total)), size=96)
    assert first.shape == (3, 1280)
    assert first.dtype == np.float32
    assert computed == [(3, 3)]
    every = embed_images(store, hashes[::-1], lambda done, total: computed.append((done, total)), size=96)
    assert computed == [(3, 3), (2, 2)]
    assert np.array_equal(every[::-1][:3], first)


def test_a_photo_asked_for_twice_is_answered_twice(store, hashes):
    one, two = embed_images(store, [hashes[0], hashes[0]], size=96)
    assert np.array_equal(one, two)


def test_the_cache_is_apart_for_each_picture_size(store):
    assert (
        feature_cache(store, "efficientnet_lite0", 96).folder
        != feature_cache(store, "efficientnet_lite0", 224).folder
    )


def test_a_mirrored_photo_has_the_features_of_its_mirror_image(store, hashes):
    photo, mirror = Photo(hashes[0]), Photo(hashes[0], transform="hflip")
    plain = pooled_features(store, [photo], size=96)
    mirrored = pooled_features(store, [photo], size=96, mirrored=True)
    assert not np.array_equal(plain, mirrored)
    assert np.array_equal(pooled_features(store, [mirror], size=96), mirrored)
    assert np.array_equal(pooled_features(store, [mirror], size=96, mirrored=True), plain)


def test_textures_follow_what_is_pooled_and_are_kept_apart(store, hashes):
    photo = Photo(hashes[0])
    plain = pooled_features(store, [photo], size=96)
    textured = pooled_features(store, [photo], size=96, textured=True)
    assert textured.shape[1] > plain.shape[1]
    assert np.allclose(textured[:, : plain.shape[1]], plain, atol=1e-2)
    assert np.array_equal(pooled_features(store, [photo], size=96), plain)


def test_a_missing_photo_is_named(store):
    with pytest.raises(UnreadablePhotoError, match="f" * 64):
        embed_images(store, ["f" * 64], size=96)


def test_a_broken_photo_is_named_with_the_reason(store):
    broken = store.put_blob(io.BytesIO(jpeg(1)[:200])).sha256
    with pytest.raises(UnreadablePhotoError, match=broken):
        embed_images(store, [broken], size=96)


def test_framings_and_crops_are_kept_apart(store, hashes):
    photo = Photo(hashes[0])
    plain = pooled_features(store, [photo], size=96)
    whole = pooled_features(store, [photo], size=96, framing="whole")
    first, second = (pooled_features(store, [photo], size=96, framing="whole", crop=crop) for crop in (1, 2))
    assert not np.allclose(plain, whole, atol=1e-3)
    assert not np.allclose(first, second, atol=1e-3)
    assert np.array_equal(first, pooled_features(store, [photo], size=96, framing="whole", crop=1))
    assert np.array_equal(plain, pooled_features(store, [photo], size=96))
