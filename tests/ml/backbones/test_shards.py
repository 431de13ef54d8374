import hashlib
import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from ml.backbones.shards import ShardCache


def key(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def rows(*numbers: int, width: int = 6) -> np.ndarray:
    return np.array([[number + column / 8 for column in range(width)] for number in numbers], np.float32)


@pytest.fixture
def cache(tmp_path) -> ShardCache:
    return ShardCache(tmp_path / "cache", 6)


def test_it_gives_back_what_was_written_in_the_order_asked(cache):
    cache.write([key(1), key(2)], rows(1, 2))
    cache.write([key(3)], rows(3))
    assert np.array_equal(cache.read([key(3), key(1), key(3)]), rows(3, 1, 3))


def test_it_reads_only_the_columns_asked_for(cache):
    cache.write([key(1), key(2)], rows(1, 2))
    assert np.array_equal(cache.read([key(2)], slice(0, 2)), rows(2)[:, :2])


def test_it_names_what_is_missing_once(cache):
    cache.write([key(1)], rows(1))
    assert cache.missing([key(2), key(1), key(2), key(3)]) == [0, 3]


def test_another_process_sees_what_was_written_later(cache, tmp_path):
    other = ShardCache(tmp_path / "cache", 6)
    assert other.missing([key(1)]) == [0]
    cache.write([key(1)], rows(1))
    assert other.missing([key(1)]) == []


@pytest.mark.parametrize("damage", ["cut", "flip", "header"])
def test_a_damaged_shard_is_dropped_and_the_rest_stays(cache, tmp_path, damage):
    cache.write([key(1)], rows(1))
    (bad,) = (tmp_path / "cache").glob("*.shard")
    cache.write([key(2)], rows(2))
    data = bytearray(bad.read_bytes())
    if damage == "cut":
        data = data[:-3]
    elif damage == "flip":
        data[-1] ^= 1
    else:
        data[0] ^= 1
    bad.write_bytes(data)
    fresh = ShardCache(tmp_path / "cache", 6)
    assert fresh.missing([key(1), key(2)]) == [0]
    assert np.array_equal(fresh.read([key(2)]), rows(2))
    assert not bad.exists()


def test_a_file_left_by_a_crash_is_ignored(cache, tmp_path):
    cache.write([key(1)], rows(1))
    (tmp_path / "cache" / ".0123.shard.aside").write_bytes(b"half")
    assert ShardCache(tmp_path / "cache", 6).missing([key(1)]) == []


def test_small_shards_are_merged_and_nothing_is_lost(cache, tmp_path):
    for number in range(60):
        cache.write([key(number)], rows(number))
    assert len(list((tmp_path / "cache").glob("*.shard"))) < 60
    fresh = ShardCache(tmp_path / "cache", 6)
    assert np.array_equal(fresh.read([key(n) for n in range(60)]), rows(*range(60)))


def _write_many(folder: Path, start: int) -> None:
    cache = ShardCache(folder, 6)
    for number in range(start, start + 60):
        cache.write([key(number)], rows(number))


def test_several_writers_at_once_lose_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(tmp_path / "cache", 60 * n)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    found = ShardCache(tmp_path / "cache", 6).read([key(n) for n in range(180)])
    assert np.array_equal(found, rows(*range(180)))


def test_vectors_of_another_width_are_refused(cache):
    with pytest.raises(ValueError, match="do not fit"):
        cache.write([key(1)], rows(1, width=5))
