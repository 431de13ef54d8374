"""The training photos that look most like a photo, by the cosine of their embeddings. Exact. NumPy only."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.backbones.shards import ShardCache
from ml.bundle.familiarity import Matrix, unit
from ml.durable import write_atomic
from ml.evaluation.metrics import Labels

EMBEDDINGS_FILE = "embeddings.npz"
_CHUNK = 8192


class EmbeddingsError(Exception):
    """A run's embeddings are missing or unusable; the text says what to do."""


@dataclass(frozen=True)
class Embedded:
    """Photos' content hashes, class numbers (n,) and embeddings (n, d) by the run's own model."""

    sha256s: list[str]
    labels: Labels
    embeddings: Matrix

    def write(self, path: Path) -> None:
        """Write embeddings.npz durably, half precision."""
        out = io.BytesIO()
        hashes = np.frombuffer(b"".join(map(bytes.fromhex, self.sha256s)), np.uint8).reshape(-1, 32)
        np.savez(out, sha256=hashes, label=self.labels, embedding=self.embeddings.astype(np.float16))
        write_atomic(path, out.getvalue())

    @classmethod
    def read(cls, path: Path) -> Embedded:
        """Read embeddings.npz. EmbeddingsError where there is none or it is damaged."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                hashes, labels, embeddings = arrays["sha256"], arrays["label"], arrays["embedding"]
        except FileNotFoundError:
            raise EmbeddingsError(
                f"{path} is missing: runs made before it was written must be trained again"
            ) from None
        except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
            raise EmbeddingsError(f"{path} is damaged ({error}); train the run again") from error
        return cls([row.tobytes().hex() for row in hashes], labels, embeddings.astype(np.float32))


def most_alike(
    cache: ShardCache, keys: Sequence[bytes], target: bytes, k: int, columns: slice
) -> tuple[NDArray[np.int64], Matrix]:
    """Places in `keys` of the k photos most like `target`, and their cosines, nearest first; `columns` of the cached
    vectors are the embedding. Photos the cache lacks are left out. KeyError where it lacks `target` itself.
    """
    query = cache.read([target], columns)
    absent = set(cache.missing(keys))
    places = np.array([place for place in range(len(keys)) if place not in absent], np.int64)
    found, cosines = np.zeros(0, np.int64), np.zeros(0, np.float32)
    for start in range(0, len(places), _CHUNK):
        part = places[start : start + _CHUNK]
        rows, here = nearest(query, cache.read([keys[place] for place in part], columns), k)
        found, cosines = np.r_[found, part[rows[0]]], np.r_[cosines, here[0]]
        order = np.lexsort((found, -cosines))[:k]
        found, cosines = found[order], cosines[order]
    return found, cosines


def nearest(queries: Matrix, embeddings: Matrix, k: int) -> tuple[NDArray[np.int64], Matrix]:
    """Rows (q, k) of `embeddings` (n, d) nearest to each of `queries` (q, d), and their cosines, nearest first.

    Works through the rows in chunks, so that memory does not grow with n.
    """
    k = min(k, len(embeddings))
    points = unit(queries)
    rows = np.zeros((len(points), 0), np.int64)
    cosines = np.zeros((len(points), 0), np.float32)
    for start in range(0, len(embeddings), _CHUNK):
        here = points @ unit(embeddings[start : start + _CHUNK]).T
        best = np.argpartition(-here, min(k, here.shape[1]) - 1, axis=1)[:, :k]
        rows = np.concatenate([rows, start + best], axis=1)
        cosines = np.concatenate([cosines, np.take_along_axis(here, best, 1)], axis=1)
        order = np.lexsort((rows, -cosines), axis=1)[:, :k]  # equally near: the earlier row first
        rows, cosines = np.take_along_axis(rows, order, 1), np.take_along_axis(cosines, order, 1)
    return rows, cosines
