"""Mean and standard deviation of a data set's channels, in one parallel pass over its photos.

The figures themselves, and the two estimators, are those of ml/images/moments.py.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2

from ml.images.decode import decode_image
from ml.images.errors import DecodeError
from ml.images.files import read_photo
from ml.images.memory import keep_freed_memory
from ml.images.moments import Moments, Tally
from ml.images.quality import ChannelSummer

_CHUNK = 16


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that was left out, with its contract code and a sentence."""

    path: Path
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Statistics:
    """The figures of the photos that could be read, and how long the pass took."""

    moments: Moments
    seconds: float
    unreadable: tuple[Unreadable, ...]

    def as_json(self) -> dict[str, Any]:
        """The object that `ml stats` prints."""
        return {**self.moments.as_json(), "seconds": round(self.seconds, 3)}


@dataclass(slots=True)
class _Share:
    """What one thread has seen."""

    tally: Tally = field(default_factory=Tally)
    unreadable: list[Unreadable] = field(default_factory=list)
    sums_of: ChannelSummer = field(default_factory=ChannelSummer)

    def add(self, path: Path) -> None:
        try:
            pixels = decode_image(read_photo(path)).pixels
        except DecodeError as error:
            self.unreadable.append(Unreadable(path, error.code, str(error)))
            return
        sums = self.sums_of(pixels)
        self.tally.add(sums.n, sums.sum, sums.sumsq)


def measure_statistics(
    paths: Sequence[Path],
    *,
    workers: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Statistics:
    """Read every photo once, by `workers` threads (default one a core; decoders let go of the interpreter).

    `progress` is told how many photos were just done; what it raises ends the pass. Unreadable files are
    reported, not fatal; ValueError when no photo can be read.
    """
    started = time.perf_counter()
    keep_freed_memory()
    workers = workers or os.cpu_count() or 1
    chunks, lock, broken = _chunks(paths), threading.Lock(), threading.Event()

    def work() -> _Share:
        share = _Share()
        try:
            while not broken.is_set():
                with lock:
                    chunk = next(chunks, None)
                if chunk is None:
                    break
                for path in chunk:
                    share.add(path)
                if progress is not None:
                    with lock:
                        progress(len(chunk))
        except BaseException:
            broken.set()  # the others need not go on to the end
            raise
        return share

    threads_before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(workers) as pool:
            parts = [job.result() for job in [pool.submit(work) for _ in range(workers)]]
    finally:
        cv2.setNumThreads(threads_before)
    return _conclude(parts, time.perf_counter() - started)


def _chunks(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    for start in range(0, len(paths), _CHUNK):
        yield paths[start : start + _CHUNK]


def _conclude(parts: Sequence[_Share], seconds: float) -> Statistics:
    whole = Tally()
    for part in parts:
        whole.merge(part.tally)
    if not whole.images:
        raise ValueError("No photo could be read; give a folder that holds JPEG, PNG or WebP photos.")
    unreadable = sorted((one for part in parts for one in part.unreadable), key=lambda one: one.path)
    return Statistics(whole.moments(), seconds, tuple(unreadable))
