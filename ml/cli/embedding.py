"""Embedding for commands that can do without some of their photos."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.cli.groups import NearnessProgress
from ml.cli.shared import say

if TYPE_CHECKING:
    from ml.backbones.shards import ShardCache
    from ml.store import Store


def embed_readable(
    command: str, store: Store, cache: ShardCache, sha256s: list[str], progress: NearnessProgress
) -> str:
    """Embed what the cache lacks. Photos that cannot be read are named on stderr and left out; the first reason.

    Raises what embedding raises besides: StoreFull, TrunkError.
    """
    from ml.backbones.embed import embed_images
    from ml.backbones.pipeline import UnreadablePhotoError

    try:
        embed_images(store, sha256s, progress.embedding)
    except UnreadablePhotoError:
        # One lost photo ends the pass, and must not take all the others with it.
        missing = [sha256s[place] for place in cache.missing([bytes.fromhex(one) for one in sha256s])]
        reasons = {one: _why_unreadable(store, one) for one in missing}
        for reason in filter(None, reasons.values()):
            say(command, reason)
        embed_images(store, [one for one, reason in reasons.items() if not reason], progress.embedding)
        return next(filter(None, reasons.values()), "")
    return ""


def _why_unreadable(store: Store, sha256: str) -> str:
    from ml.backbones.pipeline import Photo, UnreadablePhotoError, read_pixels

    try:
        read_pixels(store, Photo(sha256))
    except UnreadablePhotoError as error:
        return str(error)
    return ""
