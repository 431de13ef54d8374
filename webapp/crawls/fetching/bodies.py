"""Bodies, unpacked in bounded pieces and counted as they come."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from webapp.crawls.fetching import errors
from webapp.crawls.fetching.errors import FetchError

PIECE = 1 << 16


def unpacked(chunks: Iterable[bytes], encoding: str, host: str) -> Iterator[bytes]:
    """The body behind a `Content-Encoding`, in pieces of at most PIECE bytes where it was packed.

    A server may pack though it was asked not to. Only gzip and zlib are undone, and only once: packing twice is what
    bombs do.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        yield from chunks
    elif name in ("gzip", "x-gzip", "deflate"):
        yield from _inflated(chunks, host)
    else:
        raise FetchError("network", errors.ENCODING % {"host": host})


def limited(chunks: Iterable[bytes], length: str, most: int) -> Iterator[bytes]:
    """The chunks, as long as there are no more than `most` bytes.

    `length` is what the server claims: it is believed if it claims too much, and never if it claims little.
    """
    if length.isascii() and length.isdigit() and (len(length) > 18 or int(length) > most):
        raise _too_large(most)
    count = 0
    for chunk in chunks:
        count += len(chunk)
        if count > most:
            raise _too_large(most)
        yield chunk


def _inflated(chunks: Iterable[bytes], host: str) -> Iterator[bytes]:
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)  # told apart by their first bytes
    try:
        for chunk in chunks:
            piece = inflate.decompress(chunk, PIECE)
            while piece:
                yield piece
                piece = inflate.decompress(inflate.unconsumed_tail, PIECE)
            if inflate.eof:
                return  # zlib would hoard whatever follows
    except zlib.error as error:
        raise FetchError("network", errors.ENCODING % {"host": host}) from error
    raise FetchError("network", errors.ENCODING % {"host": host})


def _too_large(most: int) -> FetchError:
    size = f"{most / (1 << 20):.3g} MB" if most >= 1 << 20 else f"{most} B"
    return FetchError("too_large", errors.TOO_LARGE % {"size": size})
