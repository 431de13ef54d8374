"""What the site and the predict worker say to each other through Redis: key names, limits and checks.

Standard library only, because both sides import it. A photo never passes through the broker, whose log would
outlive it: the request names a spool file, and the answer is a few numbers.

request, pushed left, popped right
    {"kind": "photo" | "warm", "id", "digest", "deadline" (seconds since 1970)}
answer
    {"ok": true, "abstained", "reason", "unfamiliarity", "top": [[label, p], …]}
                                                                to a photo, the likeliest five
    {"ok": true}                                                to a warm request
    {"ok": false, "code": "photo" | "bundle" | "internal", "reason", "detail"}
"""

from __future__ import annotations

import re
import secrets

QUEUE = "sortyard:predict:queue"
# A sorted set of workers by their last beat. It expires as a whole, so one EXISTS tells whether anyone lives.
ALIVE = "sortyard:predict:alive"

MAX_WAITING = 32
ANSWER_SECONDS = 60
ALIVE_SECONDS = 10
BEAT_SECONDS = 3.0
SPOOL_PREFIX = "photo-"
SPOOL_SECONDS = 3600

_ID = re.compile(r"photo-[0-9a-f]{32}\Z")
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def new_id() -> str:
    """A request's name: unguessable, and the name of its spool file."""
    return SPOOL_PREFIX + secrets.token_hex(16)


def answer_key(request_id: str) -> str:
    """The list that the answer to this request is pushed to."""
    return f"sortyard:predict:answer:{request_id}"


def is_request_id(text: object) -> bool:
    """Whether it may be used as a file name in the spool."""
    return isinstance(text, str) and bool(_ID.match(text))


def is_digest(text: object) -> bool:
    """Whether it names a bundle."""
    return isinstance(text, str) and bool(_DIGEST.match(text))
