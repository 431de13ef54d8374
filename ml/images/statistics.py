"""Mean and standard deviation of a data set's channels, in one parallel pass over its photos.

Two estimators: the exact one over all pixels, and the usual loop's (the mean of per-image values), which
weighs a small photo like a large one and leaves the spread between photos out of the std.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ml.images.decode import decode_image
from ml.images.errors import DecodeError
from ml.images.memory import keep_freed_memory
from ml.images.quality import channel_moments

Triple = tuple[float, float, float]
_CHUNK = 16


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that was left out, with its contract code and a sentence."""

    path: Path
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Statistics:
    """Per channel (r, g, b) in 0..1. `seed_mean`, `seed_std`: means of the per-image means and stds."""

    images: int
    mean: Triple
    std: Triple
    seed_mean: Triple
    seed_std: Triple
    seconds: float
    unreadable: tuple[Unreadable, ...]

    def as_json(self) -> dict[str, Any]:
        """The object that `ml stats` prints."""
        return {
            "images": self.images,
            "mean": list(self.mean),
            "std": list(self.std),
            "seed_estimator": {"mean": list(self.seed_mean), "std": list(self.seed_std)},
            "seconds": round(self.seconds, 3),
        }


class _Sums:
    """Running sums of one thread."""

    def __init__(self) -> None:
        self.images = 0
        self.pixels = 0
        # Rows: sum, sum of squares, per-image means, per-image stds.
        self.totals: NDArray[np.float64] = np.zeros((4, 3))
        self.unreadable: list[Unreadable] = []

    def add(self, path: Path) -> None:
        try:
            pixels = decode_image(path.read_bytes()).pixels
        except DecodeError as error:
            self.unreadable.append(Unreadable(path, error.code, str(error)))
            return
        n = pixels.shape[0] * pixels.shape[1]
        mean, std = channel_moments(pixels)
        # torch's std, which the usual loop calls, divides by n - 1.
        self.totals += (n * mean, n * (std**2 + mean**2), mean, std * (n / max(1, n - 1)) ** 0.5)
        self.images += 1
        self.pixels += n


def measure_statistics(
    paths: Sequence[Path],
    *,
    workers: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> Statistics:
    """Read every photo once, by `workers` threads (default one a core; decoders let go of the interpreter).

    `progress` is told how many photos were just done. Unreadable files are reported, not fatal; ValueError
    when no photo can be read.
    """
    started = time.perf_counter()
    keep_freed_memory()
    workers = workers or os.cpu_count() or 1
    chunks, lock = _chunks(paths), threading.Lock()

    def work() -> _Sums:
        sums = _Sums()
        while True:
            with lock:
                chunk = next(chunks, None)
            if chunk is None:
                return sums
            for path in chunk:
                sums.add(path)
            if progress is not None:
                with lock:
                    progress(len(chunk))

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


def _conclude(parts: Sequence[_Sums], seconds: float) -> Statistics:
    images, pixels = sum(part.images for part in parts), sum(part.pixels for part in parts)
    if not images:
        raise ValueError("No photo could be read; give a folder that holds JPEG, PNG or WebP photos.")
    totals = np.sum([part.totals for part in parts], axis=0)
    mean = totals[0] / pixels
    std = np.sqrt(np.maximum(totals[1] / pixels - mean**2, 0))
    unreadable = sorted((one for part in parts for one in part.unreadable), key=lambda one: one.path)
    return Statistics(
        images=images,
        mean=_triple(mean),
        std=_triple(std),
        seed_mean=_triple(totals[2] / images),
        seed_std=_triple(totals[3] / images),
        seconds=seconds,
        unreadable=tuple(unreadable),
    )


def _triple(values: NDArray[np.float64]) -> Triple:
    return float(values[0]), float(values[1]), float(values[2])
