"""The preparing child: the only process in which an uploaded file is decoded.

`python -m ml.images.child --store ROOT` reads JSON lines `{"id", "sha256"}` and answers a JSON line each (see
docs/ml-contract.md). It is free of torch, limited in memory and in time per photo, and a bad photo is a
verdict, never the end. It ends when stdin closes or its parent dies. Besides the contract's verdicts it may
answer the code `store_full`: the disk's fault, not the photo's.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

# One thread each: there is a child per core, and each further BLAS thread reserves memory under the limit.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
    os.environ.setdefault(_name, "1")

import cv2  # noqa: E402

from ml.durable import StoreFull, write_atomic_many  # noqa: E402
from ml.family import die_with_parent  # noqa: E402
from ml.images.decode import MAX_BYTES  # noqa: E402
from ml.images.errors import Broken, DecodeError, OutOfMemory, TookTooLong, TooLarge  # noqa: E402
from ml.images.memory import keep_freed_memory  # noqa: E402
from ml.images.prepare import Prepared, prepare_photo  # noqa: E402
from ml.store import Store  # noqa: E402

MEMORY_BYTES = 2 * 1024**3
SECONDS = 20.0
_WRITES_AT_ONCE = 32
_DECODED_AHEAD = 32
_LINGER_SECONDS = 0.05

Answer = dict[str, Any]
Files = list[tuple[Path, bytes]]


class _Writer(threading.Thread):
    """Writes thumbnails durably and only then answers, so that decoding never waits for the disk.

    Takes whatever has gathered and syncs it together: a slow disk makes larger groups, not longer queues.
    """

    def __init__(self, out: BinaryIO) -> None:
        super().__init__(daemon=True)
        self._out = out
        self._waiting: queue.Queue[tuple[Answer, Files] | None] = queue.Queue(_DECODED_AHEAD)

    def put(self, answer: Answer, files: Files) -> None:
        """Hand over an answer and the files that must be on disk before it may be given."""
        self._waiting.put((answer, files))

    def finish(self) -> None:
        """Wait until everything handed over is written and answered."""
        self._waiting.put(None)
        self.join()

    def run(self) -> None:
        """Serve until `finish`; a broken pipe means that the parent is gone, and so are we."""
        try:
            while batch := self._next_batch():
                self._serve([one for one in batch if one is not None])
                if None in batch:
                    return
        except BrokenPipeError:
            os._exit(0)
        except BaseException:
            # A silent writer would look like a hang: better to die with the reason on stderr.
            sys.excepthook(*sys.exc_info())
            os._exit(1)

    def _next_batch(self) -> list[tuple[Answer, Files] | None]:
        batch = [self._waiting.get()]
        until = time.monotonic() + _LINGER_SECONDS
        with contextlib.suppress(queue.Empty):
            while batch[-1] is not None and len(batch) < _WRITES_AT_ONCE:
                batch.append(self._waiting.get(timeout=max(0.0, until - time.monotonic())))
        return batch

    def _serve(self, batch: list[tuple[Answer, Files]]) -> None:
        answers = [answer for answer, _ in batch]
        try:
            write_atomic_many([file for _, files in batch for file in files])
        except StoreFull as error:
            full = {"ok": False, "code": "store_full", "detail": str(error)}
            answers = [{"id": answer["id"], **full} for answer in answers]
        lines = "".join(json.dumps(answer, separators=(",", ":")) + "\n" for answer in answers)
        if lines:
            self._out.write(lines.encode("ascii"))
            self._out.flush()


def main(arguments: list[str] | None = None) -> int:
    """Serve until stdin ends; 0 then, 2 for bad arguments."""
    options = _parse(arguments)
    die_with_parent(options.parent)  # the end of stdin would do, were it not for a photo in work
    resource.setrlimit(resource.RLIMIT_AS, (options.memory, options.memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    cv2.setNumThreads(1)
    keep_freed_memory()
    # Answers have a channel of their own: whatever a library prints goes to stderr.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    writer = _Writer(out)
    writer.start()
    serve(Store(options.store), sys.stdin.buffer, writer, options.seconds)
    writer.finish()
    return 0


def serve(store: Store, requests: BinaryIO, writer: _Writer, seconds: float) -> None:
    """Answer every request line through the writer."""
    for line in requests:
        request = json.loads(line)
        name, sha256 = request["id"], request["sha256"]
        try:
            with _time_limit(seconds):
                prepared = prepare_photo(_read(store, sha256))
            answer, files = _answer(name, prepared), _files(store, sha256, prepared)
        except DecodeError as error:
            answer, files = _verdict(name, error), []
        except MemoryError:
            answer, files = _verdict(name, OutOfMemory()), []
        except Exception as error:
            if "Insufficient memory" in str(error):  # cv2 has no error class of its own for this
                answer, files = _verdict(name, OutOfMemory()), []
            else:
                sys.stderr.write(f"photo {sha256}: {type(error).__name__}: {error}\n")
                answer, files = _verdict(name, Broken()), []
        writer.put(answer, files)


def _read(store: Store, sha256: str) -> bytes:
    try:
        with store.open_blob(sha256) as blob:
            data = blob.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise Broken("The stored file is missing; upload the photo again.") from error
    if len(data) > MAX_BYTES:
        raise TooLarge
    return data


def _answer(name: object, prepared: Prepared) -> Answer:
    quality, sums = prepared.quality, prepared.channel_sums
    return {
        "id": name,
        "ok": True,
        "width": prepared.width,
        "height": prepared.height,
        "format": prepared.format,
        "phash": prepared.phash,
        "phash_mirror": prepared.phash_mirror,
        "brightness": quality.brightness,
        "sharpness": quality.sharpness,
        "entropy": quality.entropy,
        "channel_sums": {"n": sums.n, "sum": sums.sum, "sumsq": sums.sumsq},
        "exif_date": prepared.exif_date,
        "has_view": prepared.pictures.view is not None,
    }


def _files(store: Store, sha256: str, prepared: Prepared) -> Files:
    files = [(store.thumb_path(sha256), prepared.pictures.thumb)]
    if prepared.pictures.view is not None:
        files.append((store.view_path(sha256), prepared.pictures.view))
    return files


def _verdict(name: object, error: DecodeError) -> Answer:
    return {"id": name, "ok": False, "code": error.code, "detail": str(error)}


@contextlib.contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """TookTooLong when the body takes longer; a decoder that never returns to Python is ended by the pool."""

    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m ml.images.child", description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="data folder")
    parser.add_argument("--memory", type=int, default=MEMORY_BYTES, help="address space limit in bytes")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="time limit of one photo")
    parser.add_argument("--parent", type=int, help="process id of the parent; ends at once if it is another")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
