"""The preparing child and its pool: real processes, killed, stopped and starved."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.images.pool import PreparePool, PreparePoolError, PrepareRequest, PrepareResult
from ml.store import Store
from tests.ml.images.odd_files import bomb_png, encoded, jpeg, picture, with_orientation, with_place_and_date

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def put(store: Store, *contents: bytes) -> list[PrepareRequest]:
    stored = [store.put_blob(io.BytesIO(content)) for content in contents]
    return [PrepareRequest(place, blob.sha256) for place, blob in enumerate(stored)]


def prepared(store: Store, requests: list[PrepareRequest], **options: float) -> list[PrepareResult]:
    """Results in the order of the requests."""
    with PreparePool(store, **options) as pool:
        results = {result.id: result for result in pool.prepare(requests)}
    assert results.keys() == {request.id for request in requests}
    return [results[request.id] for request in requests]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_photo_is_measured_and_its_pictures_are_on_disk(store):
    (result,) = prepared(store, put(store, with_place_and_date()), processes=1)
    assert result.ok
    assert (result.width, result.height, result.format) == (700, 500, "JPEG")
    assert len(result.phash) == len(result.phash_mirror) == 16
    assert 0 < result.brightness < 1
    assert result.sharpness > 0
    assert 0 < result.entropy <= 8
    assert result.channel_sums is not None
    assert result.channel_sums.n == 350_000
    assert result.exif_date == "2024-05-06T07:08:09"
    assert result.has_view
    for path in (store.thumb_path(result.sha256), store.view_path(result.sha256)):
        assert b"SECRET" not in path.read_bytes()
    assert Image.open(store.thumb_path(result.sha256)).size == (384, 274)


def test_width_and_height_are_those_of_the_upright_photo(store):
    (result,) = prepared(store, put(store, with_orientation(picture(64, 48), 6)), processes=1)
    assert (result.width, result.height, result.has_view) == (64, 48, False)
    assert not store.view_path(result.sha256).exists()


def test_every_odd_file_gets_its_verdict_and_the_good_ones_theirs(store):
    odd = {
        "empty": b"",
        "truncated": jpeg()[:-20],
        "not_an_image": b"text named .jpg",
        "unsupported_format": encoded(picture(), "GIF"),
        "too_many_pixels": bomb_png(),
        "broken": encoded(picture(), "PNG")[:60] + bytes(30) + encoded(picture(), "PNG")[90:],
    }
    results = prepared(store, put(store, *odd.values(), jpeg(seed=1), jpeg(seed=2)))
    assert [result.code for result in results] == [*odd, "", ""]
    assert all(result.detail for result in results[:-2])


def test_a_stored_file_that_is_gone_is_a_verdict(store):
    (result,) = prepared(store, [PrepareRequest("lost", "ab" * 32)], processes=1)
    assert (result.id, result.code) == ("lost", "broken")
    assert "missing" in result.detail


def test_a_photo_of_fifty_megapixels_fits_into_the_default_memory(store):
    pixels = np.random.default_rng(0).integers(0, 256, (70, 100, 3), dtype=np.uint8)
    large = Image.fromarray(pixels).resize((8165, 6120), Image.Resampling.NEAREST)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(large, "JPEG", quality=50, exif=exif)
    contents = [turned, encoded(large.convert("RGBA"), "PNG", compress_level=1)]
    results = prepared(store, put(store, *contents), processes=1, seconds=60)
    assert [(result.ok, result.width, result.height) for result in results] == [
        (True, 6120, 8165),
        (True, 8165, 6120),
    ]


def test_a_photo_that_needs_more_memory_than_allowed_is_a_verdict(store):
    large = encoded(Image.new("RGB", (7000, 7000)), "PNG", compress_level=1)
    requests = put(store, large, jpeg())
    results = prepared(store, requests, processes=1, memory=600 * 1024 * 1024)
    assert [result.code for result in results] == ["out_of_memory", ""]


def test_a_photo_that_takes_too_long_is_a_verdict(store):
    slow = encoded(Image.new("RGBA", (7000, 7000), (9, 9, 9, 9)), "PNG", compress_level=1)
    results = prepared(store, put(store, slow, jpeg(16, 16)), processes=1, seconds=0.4)
    assert [result.code for result in results] == ["timeout", ""]


@pytest.mark.parametrize("processes", [1, 2])
def test_killed_children_cost_nothing_but_time(store, processes):
    requests = put(store, *[jpeg(seed=seed) for seed in range(120)])
    with PreparePool(store, processes=processes) as pool:
        results = []
        for result in pool.prepare(requests):
            results.append(result)
            if len(results) in (10, 60):
                os.kill(pool.pids[0], signal.SIGKILL)
    assert sorted(result.id for result in results) == list(range(120))
    assert all(result.ok for result in results)


def test_a_child_that_hangs_is_replaced_and_its_photos_are_done(store):
    requests = put(store, *[jpeg(seed=seed) for seed in range(80)])
    with PreparePool(store, hang_after=3.0) as pool:
        results = []
        for result in pool.prepare(requests):
            results.append(result)
            if len(results) == 5:
                stopped = pool.pids[0]
                os.kill(stopped, signal.SIGSTOP)
    assert sorted(result.id for result in results) == list(range(80))
    assert all(result.ok for result in results)
    assert not is_running(stopped)


def test_children_are_recycled_and_none_is_left(store):
    requests = put(store, *[jpeg(seed=seed) for seed in range(50)])
    seen: set[int] = set()
    with PreparePool(store, recycle_after=10) as pool:
        for result in pool.prepare(requests):
            assert result.ok
            seen |= set(pool.pids)
        seen |= set(pool.pids)
    assert len(seen) >= 5
    assert not any(is_running(pid) for pid in seen)


def test_a_pool_serves_one_list_after_another(store):
    requests = put(store, *[jpeg(seed=seed) for seed in range(6)])
    with PreparePool(store) as pool:
        pids = pool.pids
        assert sum(result.ok for result in pool.prepare(requests[:3])) == 3
        assert sum(result.ok for result in pool.prepare(requests[3:])) == 3
        assert list(pool.prepare([])) == []
        assert pool.pids == pids


def test_a_list_left_in_the_middle_leaves_no_answers_to_the_next(store):
    requests = put(store, *[jpeg(seed=seed) for seed in range(60)])
    with PreparePool(store) as pool:
        for result in pool.prepare(requests):
            assert result.ok
            break
        again = [result.id for result in pool.prepare(requests[:5])]
    assert sorted(again) == [0, 1, 2, 3, 4]


def test_requests_are_taken_only_as_they_can_be_held(store):
    requests = put(store, *[jpeg(seed=seed) for seed in range(3)])
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield requests[taken % 3]

    with PreparePool(store) as pool:
        results = pool.prepare(endless())
        for _ in range(20):
            next(results)
        assert taken < 200
        results.close()


def test_children_that_cannot_start_are_an_error_of_the_pool(store):
    requests = put(store, jpeg())
    with PreparePool(store, processes=1, memory=1024 * 1024) as pool, pytest.raises(PreparePoolError):
        list(pool.prepare(requests))


def test_the_child_speaks_the_contracts_lines_and_ends_with_its_input(store):
    requests = put(store, jpeg(), b"")
    lines = "".join(json.dumps({"id": r.id, "sha256": r.sha256}) + "\n" for r in requests)
    done = subprocess.run(
        [sys.executable, "-m", "ml.images.child", "--store", str(store.root)],
        input=lines,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    answers = {answer["id"]: answer for answer in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 0
    assert answers[0].keys() == {
        *("id", "ok", "width", "height", "format", "phash", "phash_mirror", "brightness", "sharpness"),
        *("entropy", "channel_sums", "exif_date", "has_view"),
    }
    assert answers[1].keys() == {"id", "ok", "code", "detail"}
    assert (answers[1]["ok"], answers[1]["code"]) == (False, "empty")


def test_children_die_with_their_parent(store):
    code = (
        "import sys, time; from pathlib import Path; from ml.images.pool import PreparePool; "
        "from ml.store import Store; pool = PreparePool(Store(Path(sys.argv[1]))).__enter__(); "
        "print(*pool.pids, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(store.root)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 20
    while any(is_running(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(is_running(pid) for pid in pids)


def test_the_pool_loads_no_decoder_and_the_child_no_torch():
    for module, banned in (
        ("ml.images.pool", {"cv2", "numpy", "PIL"}),
        ("ml.images.child", {"torch", "scipy", "timm", "onnxruntime", "django"}),
    ):
        code = f"import {module}, sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        assert not banned & set(done.stdout.split())
