import io
import os

import numpy as np
import pytest

from ml.backbones.pipeline import Photo
from ml.backbones.trunk import trunk
from ml.training.data import Part
from ml.training.midlevel import MidLevel, trim
from tests.support.photos import jpeg


@pytest.fixture
def part(store) -> Part:
    photos = [Photo(store.put_blob(io.BytesIO(jpeg(seed))).sha256) for seed in range(4)]
    return Part(photos, np.zeros(4, np.int64), np.arange(4))


@pytest.fixture
def maps(store, part) -> MidLevel:
    return MidLevel(store, trunk(store, "efficientnet_lite0"), part, 96, 5, "crops_flips", 7)


def test_views_differ_from_each_other_and_stay_the_same_when_made_again(store, maps, part):
    first, second = np.array(maps.view(0)), np.array(maps.view(1))
    assert first.shape == (4, 112, 6, 6)
    assert first.dtype == np.float16
    assert not np.array_equal(first, second)
    for path in (store.cache / "midlevel").rglob("*.npy"):
        path.unlink()
    assert np.array_equal(maps.view(0), first)


def test_a_finished_view_is_found_again_and_an_interrupted_one_is_not(store, part, maps):
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        maps.view(0, stop)
    assert not maps.has(0)
    assert list((store.cache / "midlevel").rglob("*.aside")) == []
    maps.view(0)
    again = MidLevel(store, trunk(store, "efficientnet_lite0"), part, 96, 5, "crops_flips", 7)
    assert again.has(0)
    assert not MidLevel(store, trunk(store, "efficientnet_lite0"), part, 96, 5, "crops_flips", 8).has(0)


def test_the_evaluation_view_is_not_random(store, part, maps):
    other_seed = MidLevel(store, trunk(store, "efficientnet_lite0"), part, 96, 5, "none", 1)
    assert np.array_equal(maps.view(None), other_seed.view(None))


def test_the_least_recently_used_views_go_first(store):
    room = store.cache / "midlevel"
    for age, name in enumerate(("new", "middle", "old")):
        (room / name).mkdir(parents=True)
        (room / name / "view-000.npy").write_bytes(b"x" * 1000)
        os.utime(room / name, (1_000_000 - age, 1_000_000 - age))
    trim(store, cap_bytes=2500)
    assert sorted(path.name for path in room.iterdir()) == ["middle", "new"]
