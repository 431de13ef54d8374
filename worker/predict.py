"""The predict worker: answers photos from a Redis list until it is told to stop.

Not a Celery task: a round trip through Celery cost 12 to 27 ms, and would keep the photo in the broker's log.
Start it with `python -m worker predict`. Several may run; each takes what is next.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ml.durable import make_folder
from ml.store import Store
from webapp.config.broker import broker_url
from webapp.publishing import wire
from worker.predict_decoder import Decoder, PhotoRefused
from worker.predict_sessions import BundleRefused, Sessions

log = logging.getLogger(__name__)

# How long one wait for a photo lasts: the time a stop takes at most when nothing is asked.
WAIT_SECONDS = 1
SWEEP_SECONDS = 600.0
# The heart stops beating for a worker whose loop has not come round for so long.
STUCK_SECONDS = 120.0
_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)

Answer = dict[str, Any]


class PredictWorker:
    """One process, one loop, one photo at a time; the heartbeat runs in a thread of its own."""

    def __init__(self, data: Path, url: str = "") -> None:
        self.store = Store(data)
        self.name = f"{socket.gethostname()}/{os.getpid()}/{int(time.time())}"
        self._url = url
        self._stop = threading.Event()
        self._last_round = time.monotonic()
        self._decoder = Decoder()
        self._sessions = Sessions(self.store)

    def stop(self, *_: object) -> None:
        """Finish the photo in hand, then end."""
        self._stop.set()

    def run(self, warm: Sequence[str] = ()) -> None:
        """Serve until `stop`. `warm`: digests to load before the first photo."""
        make_folder(self.store.spool)
        self._decoder.start()
        for digest in warm:
            self._warm(digest)
        heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        heart.start()
        try:
            self._serve()
        finally:
            self._stop.set()
            heart.join(timeout=5)
            self._decoder.close()

    # The loop.

    def _serve(self) -> None:
        failures, swept = 0, float("-inf")
        client: redis.Redis | None = None
        while not self._stop.is_set():
            self._last_round = time.monotonic()
            if self._last_round - swept > SWEEP_SECONDS:
                sweep_spool(self.store.spool)
                swept = self._last_round
            try:
                client = client or self._connect()
                popped = client.brpop([wire.QUEUE], timeout=WAIT_SECONDS)
                if popped:
                    self._reply(client, popped[1])
                failures = 0
            except (redis.RedisError, OSError) as error:
                if failures == 0:
                    log.warning("the broker does not answer (%s); trying again", type(error).__name__)
                client = None
                self._stop.wait(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
                failures += 1

    def _connect(self) -> redis.Redis:
        # Asked anew each time: an embedded broker that was started again may have another port.
        url = self._url or broker_url(os.environ.get("REDIS_URL", ""), self.store.root)
        if not url:
            raise redis.ConnectionError("no broker has been started here")
        # The loop has its own patience, and one that a stop can interrupt.
        retry = Retry(NoBackoff(), 0)
        return redis.Redis.from_url(
            url, socket_timeout=WAIT_SECONDS + 9, socket_connect_timeout=5, retry=retry
        )

    def _reply(self, client: redis.Redis, raw: bytes | str) -> None:
        request = _parse(raw)
        if request is None:
            log.warning("a request that cannot be read was dropped")
            return
        answer = self.answer(request)
        if answer is None:
            return
        key = wire.answer_key(request["id"])
        with client.pipeline(transaction=True) as pipe:
            pipe.lpush(key, json.dumps(answer))
            pipe.expire(key, wire.ANSWER_SECONDS)
            pipe.execute()

    # One request.

    def answer(self, request: dict[str, Any]) -> Answer | None:
        """The answer to one request, or None where nobody waits for it any more. Never raises."""
        path = self.store.spool / request["id"]
        try:
            if request["deadline"] < time.time():
                return None
            if request["kind"] == "warm":
                return self._warm(request["digest"], retry=True)
            return self._classify(request["digest"], path)
        except Exception:
            log.exception("a photo could not be classified")
            return {"ok": False, "code": "internal", "reason": "internal", "detail": ""}
        finally:
            path.unlink(missing_ok=True)

    def _warm(self, digest: str, *, retry: bool = False) -> Answer:
        try:
            self._sessions.get(digest, retry=retry)
        except BundleRefused as error:
            log.error("the bundle %s cannot be loaded: %s", digest[:12], error)
            return {"ok": False, "code": "bundle", "reason": "bundle", "detail": str(error)}
        return {"ok": True}

    def _classify(self, digest: str, path: Path) -> Answer:
        try:
            predictor = self._sessions.get(digest)
            pixels = self._decoder.decode(path, predictor.preprocess.size, predictor.preprocess.framing)
        except BundleRefused as error:
            return {"ok": False, "code": "bundle", "reason": "bundle", "detail": str(error)}
        except PhotoRefused as error:
            # A spool file that is not there is not the photo's fault: site and worker share no data folder.
            code = "internal" if error.code == "gone" else "photo"
            return {"ok": False, "code": code, "reason": error.code, "detail": str(error)}
        finally:
            path.unlink(missing_ok=True)
        guess = predictor.predict_array(pixels)
        return {
            "ok": True,
            "abstained": guess.abstained,
            "reason": guess.reason,
            "unfamiliarity": guess.unfamiliarity,
            "top": [[label.key, probability] for label, probability in guess.top],
        }

    # The heart.

    def _beat(self) -> None:
        client: redis.Redis | None = None
        while True:
            stopping = self._stop.wait(0.0 if client is None else wire.BEAT_SECONDS)
            try:
                client = client or self._connect()
                if stopping:
                    client.zrem(wire.ALIVE, self.name)
                    return
                if time.monotonic() - self._last_round < STUCK_SECONDS:
                    self._say_alive(client)
            except (redis.RedisError, OSError):
                if stopping:
                    return
                client = None
                self._stop.wait(1.0)

    def _say_alive(self, client: redis.Redis) -> None:
        now = time.time()
        with client.pipeline(transaction=True) as pipe:
            pipe.zadd(wire.ALIVE, {self.name: now})
            pipe.zremrangebyscore(wire.ALIVE, "-inf", now - 60)
            pipe.expire(wire.ALIVE, wire.ALIVE_SECONDS)
            pipe.execute()


def _parse(raw: bytes | str) -> dict[str, Any] | None:
    """A request with every field of the right kind, or None."""
    try:
        request = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(request, dict) or request.get("kind") not in ("photo", "warm"):
        return None
    if not wire.is_request_id(request.get("id")) or not wire.is_digest(request.get("digest")):
        return None
    return request if isinstance(request.get("deadline"), int | float) else None


def sweep_spool(spool: Path, older_than: float = wire.SPOOL_SECONDS) -> int:
    """Delete photos that a killed process left behind; returns how many."""
    removed, horizon = 0, time.time() - older_than
    for path in spool.glob(f"{wire.SPOOL_PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < horizon:
                path.unlink()
                removed += 1
    return removed


def current_digests() -> list[str]:
    """Digests of the models that the public pages use now, the one published last first.

    Empty where the table cannot be read, as before the first migration.
    """
    import django
    from django.db import DatabaseError, connection

    django.setup()
    from webapp.publishing.models import PublishedModel

    try:
        current = PublishedModel.objects.filter(is_current=True).order_by("-published_at")
        return list(current.values_list("bundle__digest", flat=True)[:2])
    except DatabaseError:
        return []
    finally:
        connection.close()


def main(argv: Sequence[str] | None = None) -> int:
    """`python -m worker predict`."""
    parser = argparse.ArgumentParser(
        prog="python -m worker predict", description="Answers photos sent to be classified."
    )
    parser.parse_args(argv)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.config.settings")
    from django.conf import settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    worker = PredictWorker(settings.DATA_DIR)
    signal.signal(signal.SIGTERM, worker.stop)
    signal.signal(signal.SIGINT, worker.stop)
    worker.run(warm=list(reversed(current_digests())))
    return 0
