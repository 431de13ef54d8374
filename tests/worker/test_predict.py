"""The predict worker as a real process on a real broker."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.bundle.predict import Predictor
from ml.store import Store
from tests.webapp.publishing import world
from webapp.publishing import wire
from webapp.publishing.classify import (
    BadPhoto,
    BrokenModel,
    Busy,
    Late,
    NotRunning,
    classify,
    is_running,
    warm,
)
from webapp.publishing.models import Bundle
from worker.predict import sweep_spool
from worker.predict_decoder import Decoder, PhotoRefused
from worker.predict_sessions import BundleRefused, Sessions


@pytest.fixture
def data(data_dir: Path) -> Path:
    return data_dir


@pytest.fixture
def broker(tmp_path: Path, settings) -> Iterator[world.Broker]:
    with world.running_broker(tmp_path) as broker:
        settings.REDIS_URL = broker.url
        yield broker


@pytest.fixture
def bundle(data: Path) -> Bundle:
    return Bundle(digest=world.make_bundle(data), labels=world.CLASSES)


def ask(bundle: Bundle, content: bytes, **options: float):
    return classify(bundle, io.BytesIO(content), **options)


def test_photos_are_answered_refused_and_forgotten_whatever_they_are(data, broker, bundle):
    with world.running_worker(data, broker.url) as worker:
        answer = ask(bundle, world.photo(world.RED))
        assert (answer.label, answer.name, answer.bin) == ("tin", "可回收物_tin", "recyclable")
        assert not answer.abstained
        assert answer.best.key == "tin"
        assert ask(bundle, world.photo(world.GREEN, kind="PNG")).label == "peel"
        assert ask(bundle, world.photo(world.BLUE, (3000, 2000), "WEBP")).label == "glass"
        assert ask(bundle, world.photo(world.GREY)).abstained

        for name, content in world.hostile_files().items():
            with pytest.raises(BadPhoto):
                ask(bundle, content)
            assert ask(bundle, world.photo(world.RED)).label == "tin", f"after a file that is {name}"
        with pytest.raises(BadPhoto, match="empty"):
            ask(bundle, b"")
        with pytest.raises(BadPhoto, match="10 MB"):
            ask(bundle, world.photo(world.RED) + bytes(11 * 2**20))

        assert worker.poll() is None
        assert list((data / "spool").iterdir()) == []
        assert broker.client().llen(wire.QUEUE) == 0


def test_the_answer_is_the_predictors_own_for_the_same_file(data, broker, bundle, trashnet):
    path = sorted(trashnet.glob("metal/*.jpg"))[0]
    own = Predictor.load(Store(data).bundle_dir(bundle.digest)).predict_file(path)
    with world.running_worker(data, broker.url):
        answer = ask(bundle, path.read_bytes())
    assert [(guess.key, guess.probability) for guess in answer.top] == [(one.key, p) for one, p in own.top]


def test_a_corrupt_bundle_is_an_answer_and_no_end_of_the_worker(data, broker, bundle):
    broken = Bundle(digest=world.make_bundle(data, sharpness=3.0), labels=world.CLASSES)
    model = Store(data).bundle_dir(broken.digest) / "model.onnx"
    model.write_bytes(model.read_bytes()[:-7])
    with world.running_worker(data, broker.url):
        with pytest.raises(BrokenModel) as caught:
            warm(broken.digest)
        assert "damaged" in caught.value.detail
        with pytest.raises(BrokenModel):
            ask(broken, world.photo(world.RED))
        with pytest.raises(BrokenModel):
            warm("f" * 64)
        warm(bundle.digest)
        assert ask(bundle, world.photo(world.RED)).label == "tin"


def test_it_ends_cleanly_when_told_to_and_is_then_known_to_be_gone(data, broker, bundle):
    with world.running_worker(data, broker.url) as worker:
        assert is_running()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) == 0
    assert not is_running()
    with pytest.raises(NotRunning):
        ask(bundle, world.photo(world.RED))
    assert list((data / "spool").iterdir()) == []


def test_it_survives_a_broker_that_goes_and_comes_back(data, broker, bundle):
    with world.running_worker(data, broker.url) as worker:
        assert ask(bundle, world.photo(world.RED)).label == "tin"
        broker.stop()
        with pytest.raises(NotRunning):
            ask(bundle, world.photo(world.RED))
        broker.start()
        world.wait_until(is_running, "the worker has found the new broker")
        assert ask(bundle, world.photo(world.GREEN)).label == "peel"
        assert worker.poll() is None


def test_requests_it_cannot_read_or_nobody_waits_for_are_dropped(data, broker, bundle):
    secret = data / "secret"
    secret.write_bytes(world.photo(world.RED))
    stale_id = wire.new_id()
    (data / "spool" / stale_id).write_bytes(world.photo(world.RED))
    whole = {"kind": "photo", "digest": bundle.digest, "deadline": time.time() + 60}
    client = broker.client()
    for request in (
        "no json",
        "[]",
        json.dumps({**whole, "id": "../secret"}),
        json.dumps({**whole, "id": 7}),
    ):
        client.lpush(wire.QUEUE, request)
    client.lpush(wire.QUEUE, json.dumps({**whole, "id": stale_id, "deadline": time.time() - 1}))
    with world.running_worker(data, broker.url):
        assert ask(bundle, world.photo(world.RED)).label == "tin"
    assert secret.exists()
    assert not (data / "spool" / stale_id).exists()
    assert not client.exists(wire.answer_key(stale_id))


def test_a_full_list_is_busy_and_lets_nobody_else_in(data, broker, bundle):
    client = broker.client()
    client.zadd(wire.ALIVE, {"somebody": 1})
    client.lpush(wire.QUEUE, *["waiting"] * wire.MAX_WAITING)
    with pytest.raises(Busy) as caught:
        ask(bundle, world.photo(world.RED))
    assert caught.value.retry_after
    assert client.llen(wire.QUEUE) == wire.MAX_WAITING
    assert list((data / "spool").iterdir()) == []


def test_a_waiting_photo_is_readable_by_its_owner_alone_and_gone_when_the_answer_is_late(
    data, broker, bundle
):
    broker.client().zadd(wire.ALIVE, {"somebody who never answers": 1})
    seen: list[int] = []

    def look() -> None:
        world.wait_until(lambda: list((data / "spool").iterdir()), "the photo is spooled")
        seen.extend(path.stat().st_mode & 0o777 for path in (data / "spool").iterdir())

    watcher = threading.Thread(target=look)
    watcher.start()
    with pytest.raises(Late):
        ask(bundle, world.photo(world.RED), timeout=2.0)
    watcher.join()
    assert seen == [0o600]
    assert list((data / "spool").iterdir()) == []


def test_without_a_broker_it_says_that_nothing_runs(data, bundle, settings):
    settings.REDIS_URL = ""
    with pytest.raises(NotRunning):
        ask(bundle, world.photo(world.RED))
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(NotRunning):
        ask(bundle, world.photo(world.RED))


def test_a_decode_child_that_hangs_or_dies_is_replaced(tmp_path):
    good = tmp_path / "good.jpg"
    good.write_bytes(world.photo(world.RED))
    decoder = Decoder(timeout=60.0)
    try:
        assert decoder.decode(good, 32).shape == (32, 32, 3)
        first = decoder.pid
        os.kill(first, signal.SIGSTOP)
        decoder.timeout = 0.3
        with pytest.raises(PhotoRefused) as caught:
            decoder.decode(good, 32)
        assert caught.value.code == "timeout"
        decoder.timeout = 60.0
        assert decoder.decode(good, 16).shape == (16, 16, 3)
        assert decoder.pid != first
        os.kill(decoder.pid, signal.SIGKILL)
        assert decoder.decode(good, 32).shape == (32, 32, 3)
    finally:
        decoder.close()


def test_the_decode_child_says_which_fault_a_file_has(tmp_path):
    decoder = Decoder(timeout=60.0)
    expected = {"text": "not_an_image", "truncated": "truncated", "huge": "too_many_pixels",
                "svg": "unsupported_format", "damaged": "broken"}  # fmt: skip
    try:
        for name, content in world.hostile_files().items():
            (tmp_path / name).write_bytes(content)
            with pytest.raises(PhotoRefused) as caught:
                decoder.decode(tmp_path / name, 32)
            assert caught.value.code == expected[name]
        with pytest.raises(PhotoRefused) as caught:
            decoder.decode(tmp_path / "absent", 32)
        assert caught.value.code == "gone"
    finally:
        decoder.close()


def test_the_last_two_models_stay_in_memory(data):
    one, two, three = (world.make_bundle(data, sharpness=sharpness) for sharpness in (2.0, 3.0, 4.0))
    sessions = Sessions(Store(data))
    first = sessions.get(one)
    sessions.get(two)
    assert sessions.get(one) is first
    sessions.get(three)
    assert sessions.digests == [one, three]


def test_a_bundle_that_was_damaged_is_read_again_only_when_asked_to(data):
    digest = world.make_bundle(data)
    card = Store(data).bundle_dir(digest) / "card.md"
    whole = card.read_bytes()
    card.write_bytes(b"changed")
    sessions = Sessions(Store(data))
    with pytest.raises(BundleRefused, match=r"card\.md"):
        sessions.get(digest)
    card.write_bytes(whole)
    with pytest.raises(BundleRefused):
        sessions.get(digest)
    assert sessions.get(digest, retry=True).digest == digest


def test_photos_left_behind_by_a_killed_process_are_swept_after_an_hour(tmp_path):
    old, young, other = tmp_path / wire.new_id(), tmp_path / wire.new_id(), tmp_path / "upload.part"
    for path in (old, young, other):
        path.write_bytes(b"photo")
    hour_ago = time.time() - 3700
    os.utime(old, (hour_ago, hour_ago))
    os.utime(other, (hour_ago, hour_ago))
    assert sweep_spool(tmp_path) == 1
    assert not old.exists()
    assert young.exists()
    assert other.exists()
