"""Photos through an ONNX session: decoding in a few threads beside the inference. Never imports torch."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ml.backbones.sessions import cpu_count
from ml.images.decode import decode_image
from ml.images.errors import DecodeError
from ml.images.files import read_photo
from ml.store import Store
from ml.training.transforms import Pixels, Preprocess, flip

BATCH = 32
# Two even on one processor: one reads while the other decodes. More than a GPU can follow are of no use.
_DECODERS, _MOST_DECODERS = 2, 8
_AHEAD = 3

Progress = Callable[[int, int], None]
Batch = NDArray[np.float32]
Named = TypeVar("Named")


class UnreadablePhotoError(Exception):
    """A photo of the data set is missing or cannot be decoded; the message names it and the reason."""


@dataclass(frozen=True)
class Photo:
    """One photo: its content hash, its file (empty: in the store) and how the snapshot mirrors it."""

    sha256: str
    path: str = ""
    transform: str = "original"

    @property
    def flips(self) -> tuple[bool, bool]:
        """(left to right, upside down)."""
        return self.transform == "hflip", self.transform == "vflip"


def photo_path(store: Store, photo: Photo) -> Path:
    """The file that holds the photo's bytes."""
    return Path(photo.path) if photo.path else store.blob_path(photo.sha256)


def read_pixels(store: Store, photo: Photo, at_least: int = 0) -> Pixels:
    """The upright RGB pixels (h, w, 3), mirrored as the snapshot says. Raises UnreadablePhotoError.

    `at_least` as in `decode_image`: a large photo may come smaller, with that many pixels on its shorter side.
    """
    path = photo_path(store, photo)
    try:
        data = read_photo(path)
        # What is worked out of a photo is kept under its hash: other bytes would spoil it for every later run.
        if hashlib.sha256(data).hexdigest() != photo.sha256:
            raise UnreadablePhotoError(
                f"the photo {path} is no longer the one that was meant: its bytes have changed; "
                "put the original back, or split the folder again"
            )
        pixels = decode_image(data, at_least=at_least).pixels
    except OSError as error:
        raise UnreadablePhotoError(f"the photo {path} cannot be read: {error.strerror}") from error
    except DecodeError as error:
        raise UnreadablePhotoError(f"the photo {path} cannot be used: {error}") from error
    return flip(pixels, *photo.flips)


def batches(
    photos: Sequence[Named],
    load: Callable[[Named], Pixels],
    preprocess: Preprocess,
    size: int = BATCH,
    *,
    channels_last: bool = False,
) -> Iterator[tuple[slice, Batch]]:
    """Ready input batches in order, decoded ahead by threads: (places, (n, 3, s, s) float32).

    `load` makes a picture of whatever names one: a photo, or a photo with what is to be changed in it. With
    `channels_last` the same numbers lie in memory by pixel, as torch's convolutions like them.
    """
    cv2.setNumThreads(1)  # the threads here are the parallelism
    write = _by_pixel(preprocess) if channels_last else preprocess.fill

    def fill(photo: Named, out: NDArray[np.float32]) -> None:
        write(load(photo), out)

    starts = iter(range(0, len(photos), size))
    pending: deque[tuple[slice, Batch, list[Future[None]]]] = deque()
    decoders = min(max(_DECODERS, cpu_count()), _MOST_DECODERS)
    with ThreadPoolExecutor(decoders, thread_name_prefix="decode") as pool:

        def submit() -> None:
            start = next(starts, None)
            if start is None:
                return
            part = photos[start : start + size]
            out = _empty(len(part), preprocess.size, channels_last)
            futures = [pool.submit(fill, photo, place) for photo, place in zip(part, out, strict=True)]
            pending.append((slice(start, start + len(part)), out, futures))

        try:
            for _ in range(_AHEAD):
                submit()
            while pending:
                places, out, futures = pending.popleft()
                submit()
                for future in futures:
                    future.result()
                yield places, out
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _empty(count: int, side: int, channels_last: bool) -> Batch:
    if channels_last:
        return np.empty((count, side, side, 3), np.float32).transpose(0, 3, 1, 2)
    return np.empty((count, 3, side, side), np.float32)


def _by_pixel(preprocess: Preprocess) -> Callable[[Pixels, NDArray[np.float32]], None]:
    """`preprocess.fill` for an `out` (3, s, s) whose memory is by pixel: the same numbers, looked up in a table."""
    table = np.empty((3, 1, 256), np.float32)
    every_value = np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(3, axis=2)
    preprocess.fill(every_value, table)
    table = np.ascontiguousarray(table.transpose(1, 2, 0))

    def fill(picture: Pixels, out: NDArray[np.float32]) -> None:
        cv2.LUT(picture, table, dst=out.transpose(1, 2, 0))

    return fill


def infer(
    session: ort.InferenceSession,
    outputs: list[str],
    photos: Sequence[Photo],
    load: Callable[[Photo], Pixels],
    preprocess: Preprocess,
    progress: Progress | None = None,
) -> Iterator[tuple[slice, list[NDArray[np.float32]]]]:
    """The session's `outputs` batch by batch, in the order of `photos`.

    `progress(done, total)` after each.
    """
    for places, batch in batches(photos, load, preprocess):
        yield places, session.run(outputs, {"image": batch})
        if progress:
            progress(places.stop, len(photos))
