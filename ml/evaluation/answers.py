"""What a bundle's model answers for many stored photos, each asked once and kept. Never imports torch.

One answer takes as long as an embedding, so that a large inbox takes an hour on two cores: answers are kept by the
bundle's digest and the photo's content, and a look that was broken off goes on where it stood.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.backbones.pipeline import Photo, Progress, batches, read_pixels
from ml.backbones.shards import ShardCache
from ml.bundle.predict import Predictor
from ml.store import Store
from ml.training.transforms import Pixels

_SHARD_ROWS = 512
_CHUNK = 8_192

Matrix = NDArray[np.float32]


class Answers:
    """A loaded bundle and the logits it has given before."""

    def __init__(self, store: Store, folder: Path) -> None:
        """BundleCorruptError or BundleIncompatibleError say what is wrong with the bundle."""
        self._store = store
        self.predictor = Predictor.load(folder)
        width = len(self.predictor.labels)
        self.cache = ShardCache(store.cache / "answers" / self.predictor.digest[:32], width)

    def missing(self, sha256s: Sequence[str]) -> list[int]:
        """Places of the photos that were not asked about yet."""
        return self.cache.missing([bytes.fromhex(one) for one in sha256s])

    def ask(self, sha256s: Sequence[str], progress: Progress | None = None) -> None:
        """Ask about those that are missing. UnreadablePhotoError where a photo cannot be used."""
        todo = [Photo(sha256s[place]) for place in self.missing(sha256s)]

        def load(photo: Photo) -> Pixels:
            return self.predictor.preprocess.picture(read_pixels(self._store, photo))

        keys: list[bytes] = []
        rows: list[Matrix] = []
        for places, batch in batches(todo, load, self.predictor.preprocess):
            keys += [bytes.fromhex(photo.sha256) for photo in todo[places]]
            rows.append(self.predictor.logits(batch)[0])
            if len(keys) >= _SHARD_ROWS or places.stop == len(todo):
                self.cache.write(keys, np.concatenate(rows))
                keys, rows = [], []
            if progress:
                progress(places.stop, len(todo))

    def probabilities(self, sha256s: Sequence[str]) -> Matrix:
        """Calibrated probabilities (n, c) of photos that were asked about."""
        out = np.empty((len(sha256s), self.cache.width), np.float32)
        for start in range(0, len(sha256s), _CHUNK):
            keys = [bytes.fromhex(one) for one in sha256s[start : start + _CHUNK]]
            out[start : start + len(keys)] = self.predictor.probabilities(self.cache.read(keys))
        return out
