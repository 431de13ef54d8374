"""The last two models by digest, kept ready in memory."""

from __future__ import annotations

import time
from collections import OrderedDict

import numpy as np

from ml.bundle.predict import Predictor
from ml.store import Store

KEEP = 2
# A damaged bundle is not read again for every photo that asks for it.
REMEMBER_FAILURE_SECONDS = 30.0


class BundleRefused(Exception):
    """The model cannot be loaded; the text says why."""


class Sessions:
    """Loads a bundle on first need and forgets the one unused for longest."""

    def __init__(self, store: Store, keep: int = KEEP) -> None:
        self._store = store
        self._keep = keep
        self._ready: OrderedDict[str, Predictor] = OrderedDict()
        self._failed: dict[str, tuple[float, str]] = {}

    @property
    def digests(self) -> list[str]:
        """Digests in memory, the one used last at the end."""
        return list(self._ready)

    def get(self, digest: str, *, retry: bool = False) -> Predictor:
        """The predictor of that bundle. Raises BundleRefused.

        `retry` reads it again even if that failed a moment ago.
        """
        if digest in self._ready:
            self._ready.move_to_end(digest)
            return self._ready[digest]
        failed_at, why = self._failed.get(digest, (0.0, ""))
        if why and not retry and time.monotonic() - failed_at < REMEMBER_FAILURE_SECONDS:
            raise BundleRefused(why)
        try:
            predictor = Predictor.load(self._store.bundle_dir(digest))
            # onnxruntime lays out its memory during the first run: that belongs to loading too.
            side = predictor.preprocess.size
            predictor.predict_array(np.zeros((side, side, 3), np.uint8))
        # onnxruntime meets a damaged file with errors of its own: whatever it is, the worker must live on.
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            self._failed[digest] = (time.monotonic(), why)
            raise BundleRefused(why) from error
        self._failed.pop(digest, None)
        while len(self._ready) >= self._keep:
            self._ready.popitem(last=False)
        self._ready[digest] = predictor
        return predictor
