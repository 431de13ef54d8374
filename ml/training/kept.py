"""Pictures as they are before chance changes them: made once, then kept on disk until the process ends.

Decoding and shrinking a photo takes several times as long as cutting a random square out of the result. A network
that is trained on a GPU waits for just that.
"""

from __future__ import annotations

import logging
import math
import mmap
import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from ml.backbones.pipeline import Photo
from ml.durable import make_folder
from ml.training.transforms import Pixels

log = logging.getLogger(__name__)

CAP_BYTES = 16 * 1024**3


class KeptPictures:
    """Pictures (h, w, 3) of photos, each made by `make` when it is first asked for. They may not be changed.

    They lie in one file without a name in `folder`, so that nothing is left however the process ends. Once `cap_bytes`
    are used, or the disk is full, further pictures are made anew each time. May be asked by several threads at once.
    """

    def __init__(self, folder: Path, make: Callable[[Photo], Pixels], cap_bytes: int = CAP_BYTES) -> None:
        self._make = make
        self._cap = cap_bytes
        self._places: dict[Photo, Pixels] = {}
        self._end = 0
        self._lock = threading.Lock()
        self._map: mmap.mmap | None = None
        make_folder(folder)
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - lives as long as this object
        try:
            # Of its full length from the start, but empty: only what is written takes room on the disk.
            self._file.truncate(cap_bytes)
            self._map = mmap.mmap(self._file.fileno(), cap_bytes, prot=mmap.PROT_READ)
        except OSError as error:
            self._stop(error)

    def picture(self, photo: Photo) -> Pixels:
        """The photo's picture, to be read only."""
        kept = self._places.get(photo)
        if kept is None:
            kept = self._make(photo)
            self._keep(photo, kept)
        return kept

    def close(self) -> None:
        """Give the disk space back once nobody holds a picture any more."""
        self._places = {}
        self._cap = 0
        with suppress(BufferError):  # still read by somebody, who is then the one to close it
            if self._map is not None:
                self._map.close()
        self._file.close()

    def _keep(self, photo: Photo, picture: Pixels) -> None:
        size = math.prod(picture.shape)
        with self._lock:
            start, end = self._end, self._end + size
            if end > self._cap:
                return
            self._end = end
        try:
            # Written through the file and not the map: a full disk is an error then, and not the end of the process.
            written = os.pwrite(self._file.fileno(), np.ascontiguousarray(picture).reshape(-1).data, start)
        except OSError as error:
            self._stop(error)
            return
        if written == size and self._map is not None:
            flat = np.frombuffer(self._map, np.uint8, size, start)
            self._places[photo] = flat.reshape(picture.shape)

    def _stop(self, error: OSError) -> None:
        log.info("no more pictures are kept between epochs: %s", error.strerror)
        self._cap = 0
