"""Asks the predict worker for an answer, and says in plain words what went wrong when there is none."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import redis
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from redis.backoff import NoBackoff
from redis.retry import Retry

from ml.durable import make_folder
from webapp.core.store import site_store
from webapp.publishing import wire
from webapp.publishing.models import Bundle, PublishedModel

ANSWER_TIMEOUT = 15.0
WARM_TIMEOUT = 60.0
_CHUNK = 1 << 20
_NO_WORKER, _FULL = -1, -2
UNFAMILIAR = "unfamiliar"

# One step, so that of many photos that arrive together no more are let in than may wait.
_PUSH = """
if redis.call('EXISTS', KEYS[2]) == 0 then return -1 end
if redis.call('LLEN', KEYS[1]) >= tonumber(ARGV[2]) then return -2 end
return redis.call('LPUSH', KEYS[1], ARGV[1])
"""

Sentence = str | Promise

_PHOTO_SENTENCES: dict[str, Sentence] = {
    "empty": _("The file is empty. Choose the photo again."),
    "truncated": _("The end of the photo is missing: its copy was cut short. Copy or take it again."),
    "not_an_image": _("This file is not a photo. Choose a JPEG, PNG or WebP picture."),
    "unsupported_format": _("This kind of picture cannot be read. Choose a JPEG, PNG or WebP picture."),
    "too_many_pixels": _("This picture has more than 50 million pixels. Make it smaller and try again."),
    "too_large": _("This file is too large. Make it smaller and try again."),
    "timeout": _("Opening this picture took too long. Try another photo."),
    "out_of_memory": _("Opening this picture needs too much memory. Make it smaller and try again."),
}
_BROKEN_PHOTO = _("This picture is damaged and cannot be opened. Try another photo.")


class ClassifyError(Exception):
    """No answer. `sentence` says why and what to do, `status` is the HTTP status that fits."""

    status = 500
    retry_after: int | None = None

    def __init__(self, sentence: Sentence, retry_after: int | None = None) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence
        if retry_after is not None:
            self.retry_after = retry_after


class BadPhoto(ClassifyError):
    """The photo is at fault."""

    status = 400


class PhotoTooLarge(BadPhoto):
    """More bytes than this page takes."""

    status = 413

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            gettext("This file is larger than %(n)d MB. Make it smaller and try again.")
            % {"n": max_bytes >> 20}
        )


class Busy(ClassifyError):
    """Too many photos wait already."""

    status = 503
    retry_after = 5

    def __init__(self) -> None:
        super().__init__(_("Many people are asking at this moment. Try again in a few seconds."))


class NotRunning(ClassifyError):
    """No predict worker lives, or the broker cannot be reached."""

    status = 503
    retry_after = 60

    def __init__(self) -> None:
        super().__init__(_("The classifier is not running just now. Try again in a few minutes."))


class Late(ClassifyError):
    """A worker lives but did not answer in time."""

    status = 503
    retry_after = 10

    def __init__(self) -> None:
        super().__init__(_("The answer took too long. Try again in a moment."))


class BrokenModel(ClassifyError):
    """The bundle cannot be loaded, or the worker failed over this photo."""

    status = 500

    def __init__(self, detail: str = "") -> None:
        super().__init__(_("The model cannot be used just now. Its keepers have to look at it."))
        self.detail = detail


@dataclass(frozen=True)
class Guess:
    """One class with its probability, 0 to 1. `bin` is "" where the class belongs to none."""

    key: str
    probability: float
    name_en: str = ""
    name_zh: str = ""
    category: str = ""
    category_en: str = ""
    category_zh: str = ""
    bin: str = ""
    colour: str = ""

    @property
    def name(self) -> str:
        """`category_label` in the data set's own naming; the label alone without a category."""
        return f"{self.category}_{self.key}" if self.category else self.key


@dataclass(frozen=True)
class Answer:
    """What the model says of one photo. `top` holds at most five guesses, the best first."""

    label: str
    name: str
    category: str
    bin: str
    probability: float
    abstained: bool
    top: list[Guess]
    milliseconds: float
    # Why the model does not stand by its answer: "unsure", "unfamiliar", or "" where it does.
    reason: str = ""
    # How unlike its training photos, 1 being the limit; None where the model cannot tell.
    unfamiliarity: float | None = None

    @property
    def is_unfamiliar(self) -> bool:
        """Whether the photo is unlike all that the model has learned from."""
        return self.reason == UNFAMILIAR

    @property
    def best(self) -> Guess:
        """The first guess, whether or not the model stands by it."""
        return self.top[0]

    def as_json(self) -> dict[str, Any]:
        """The contract of `classify`, without the path."""
        return {
            "name": self.name,
            "label": self.label,
            "category": self.category,
            "probability": self.probability,
            "abstained": self.abstained,
            "reason": self.reason,
            "unfamiliarity": self.unfamiliarity,
            "top": [[guess.key, guess.probability] for guess in self.top],
        }


def classify(
    model: PublishedModel | Bundle,
    stream: IO[bytes],
    *,
    max_bytes: int | None = None,
    timeout: float = ANSWER_TIMEOUT,
) -> Answer:
    """The answer of a model to a photo, read from `stream`, which is not kept. Raises a ClassifyError.

    `max_bytes`: what the public page takes, unless told otherwise. `timeout`: seconds.
    """
    bundle = model.bundle if isinstance(model, PublishedModel) else model
    started = time.monotonic()
    request_id = wire.new_id()
    path = site_store().spool / request_id
    try:
        _spool(path, stream, settings.MAX_PUBLIC_BYTES if max_bytes is None else max_bytes)
        reply = _ask({"kind": "photo", "id": request_id, "digest": bundle.digest}, timeout)
    finally:
        # The worker deletes it too; whoever comes first.
        path.unlink(missing_ok=True)
    return _answer(bundle, reply, 1000 * (time.monotonic() - started))


def warm(digest: str, *, timeout: float = WARM_TIMEOUT) -> None:
    """Have a worker load a bundle ahead of its first photo. Raises BrokenModel, NotRunning, Busy or Late."""
    _ask({"kind": "warm", "id": wire.new_id(), "digest": digest}, timeout)


def is_running() -> bool:
    """Whether a predict worker lives."""
    try:
        return bool(client().exists(wire.ALIVE))
    except (redis.RedisError, NotRunning):
        return False


def client() -> redis.Redis:
    """The broker's client for this process. Raises NotRunning where no broker is known."""
    if not settings.REDIS_URL:
        raise NotRunning
    return _client(settings.REDIS_URL)


@lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    # A read may last as long as the longest wait for an answer, and a little more.
    # One retry at once: a pooled connection may be of a broker that was started again since.
    return redis.Redis.from_url(
        url, socket_timeout=WARM_TIMEOUT + 10, socket_connect_timeout=2, retry=Retry(NoBackoff(), 1)
    )


def _spool(path: Path, stream: IO[bytes], max_bytes: int) -> None:
    """Write the photo where only this user can read it. Raises BadPhoto where it is empty or too large."""
    make_folder(path.parent)
    size = 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > max_bytes:
                raise PhotoTooLarge(max_bytes)
            file.write(chunk)
    if size == 0:
        raise BadPhoto(_PHOTO_SENTENCES["empty"])


def _ask(request: dict[str, Any], timeout: float) -> dict[str, Any]:
    """Send a request and wait for its answer; nothing is polled."""
    message = json.dumps({**request, "deadline": time.time() + timeout})
    try:
        broker = client()
        placed = broker.eval(_PUSH, 2, wire.QUEUE, wire.ALIVE, message, wire.MAX_WAITING)
        if placed == _NO_WORKER:
            raise NotRunning
        if placed == _FULL:
            raise Busy
        popped = broker.blpop([wire.answer_key(request["id"])], timeout=timeout)
    except redis.RedisError as error:
        raise NotRunning from error
    if popped is None:
        raise Late
    reply: dict[str, Any] = json.loads(popped[1])
    if not reply["ok"]:
        raise _error(reply)
    return reply


def _error(reply: dict[str, Any]) -> ClassifyError:
    if reply["code"] == "photo":
        return BadPhoto(_PHOTO_SENTENCES.get(reply["reason"], _BROKEN_PHOTO))
    return BrokenModel(str(reply.get("detail", "")))


def _answer(bundle: Bundle, reply: dict[str, Any], milliseconds: float) -> Answer:
    known = {one["key"]: one for one in classes_of(bundle)}
    names = ("name_en", "name_zh", "category", "category_en", "category_zh", "bin", "colour")
    top = [
        Guess(key, probability, **{name: known.get(key, {}).get(name, "") for name in names})
        for key, probability in reply["top"][:5]
    ]
    best = top[0]
    return Answer(
        label=best.key,
        name=best.name,
        category=best.category,
        bin=best.bin,
        probability=best.probability,
        abstained=bool(reply["abstained"]),
        top=top,
        milliseconds=round(milliseconds, 1),
        # Absent from the answer of a worker that was started before these were known.
        reason=str(reply.get("reason", "")),
        unfamiliarity=reply.get("unfamiliarity"),
    )


def classes_of(bundle: Bundle) -> list[dict[str, str]]:
    """The classes of a bundle in the order of its output, each with key, names, category and bin."""
    labels = bundle.labels
    return list(labels["classes"] if isinstance(labels, dict) else labels)
