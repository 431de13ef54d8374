"""Mid-level feature maps of augmented views, computed by ONNX Runtime and kept on disk as float16.

One view of one photo is 112 x 14 x 14 numbers (44 kB) after block 4. A view is one file, written aside and
renamed when whole, so an interrupted run finds its finished views again. Files live in the cache, and the
least recently used go when they exceed the cap.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.backbones.pipeline import Photo, Progress, infer, read_pixels
from ml.backbones.trunk import TRUNK_VERSION, Trunk, block_model, session
from ml.durable import StoreFull, make_folder
from ml.store import Store
from ml.training.data import Part
from ml.training.transforms import CENTRE, PREPROCESS_VERSION, Pixels, Preprocess, train_picture

CAP_BYTES = 12 * 1024**3

Maps = NDArray[np.float16]


class MidLevel:
    """Feature maps of one split after block `frozen_blocks - 1`.

    View 0 … are random; `None` is the evaluation view.
    """

    def __init__(
        self,
        store: Store,
        source: Trunk,
        part: Part,
        size: int,
        frozen_blocks: int,
        augment: str,
        seed: int,
        framing: str = CENTRE,
    ) -> None:
        self.photos = part.photos
        self._store = store
        self._source = source
        self._block = frozen_blocks - 1
        self._augment = augment
        self._seed = seed
        info = source.backbone
        self._preprocess = Preprocess(size, info.mean, info.std, framing)
        self._folder = store.cache / "midlevel" / self._key()

    def has(self, view: int | None) -> bool:
        """Whether that view is on disk."""
        return self._path(view).is_file()

    def view(self, view: int | None, progress: Progress | None = None) -> Maps:
        """The maps (n, c, h, w) of all photos, computed if they are not there. StoreFull on a full disk."""
        if not self.has(view):
            self._compute(view, progress)
        os.utime(self._folder)  # for the least recently used rule
        return np.asarray(np.load(self._path(view), mmap_mode="r"))

    def _compute(self, view: int | None, progress: Progress | None) -> None:
        def load(photo: Photo) -> Pixels:
            pixels = read_pixels(self._store, photo)
            if view is None:
                return self._preprocess.picture(pixels)
            # By photo, not by place: a photo's view does not change because another photo came.
            rng = np.random.default_rng([self._seed, view, int(photo.sha256[:12], 16)])
            return train_picture(pixels, self._preprocess.size, rng, self._augment, self._preprocess.framing)

        name = f"block{self._block}"
        run = infer(
            session(block_model(self._source, self._block)),
            [name],
            self.photos,
            load,
            self._preprocess,
            progress,
        )
        make_folder(self._folder)
        aside = self._path(view).with_suffix(f".{os.getpid()}.aside")
        try:
            _write(aside, len(self.photos), (maps for _, (maps,) in run))
            aside.rename(self._path(view))
        except OSError as error:
            if error.errno in (28, 122):  # ENOSPC, EDQUOT
                raise StoreFull(self._folder) from error
            raise
        finally:
            aside.unlink(missing_ok=True)

    def _path(self, view: int | None) -> Path:
        return self._folder / ("eval.npy" if view is None else f"view-{view:03d}.npy")

    def _key(self) -> str:
        photos = "".join(f"{photo.sha256}{photo.transform}" for photo in self.photos)
        facts = [
            self._source.weights_sha256, TRUNK_VERSION, PREPROCESS_VERSION, self._preprocess.size,
            self._block, self._augment, self._seed, hashlib.sha256(photos.encode()).hexdigest(),
            self._preprocess.framing,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _write(path: Path, count: int, parts: Iterator[NDArray[np.float32]]) -> None:
    """Stream batches (b, c, h, w) into one .npy file of float16."""
    with path.open("xb") as file:
        for place, part in enumerate(parts):
            if place == 0:
                header = {"descr": "<f2", "fortran_order": False, "shape": (count, *part.shape[1:])}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(part.astype(np.float16).tobytes())
        file.flush()
        os.fsync(file.fileno())


def trim(store: Store, cap_bytes: int = CAP_BYTES) -> None:
    """Delete the least recently used sets of views until all together fit `cap_bytes`."""
    room = store.cache / "midlevel"
    if not room.is_dir():
        return
    folders = sorted(
        (path for path in room.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime
    )
    sizes = {path: sum(file.stat().st_size for file in path.iterdir()) for path in folders}
    total = sum(sizes.values())
    for path in folders:
        if total <= cap_bytes:
            return
        shutil.rmtree(path, ignore_errors=True)
        total -= sizes[path]
