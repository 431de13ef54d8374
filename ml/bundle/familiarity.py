"""How unlike the training photos a photo is, from its embedding. NumPy only.

Mahalanobis distance to the nearest class mean with one covariance for all classes (Lee et al. 2018, A Simple
Unified Framework for Detecting Out-of-Distribution Samples), on embeddings of length one, which measured better
here than any other score (docs/calibration.md; also Müller and Hein 2025, Mahalanobis++). The covariance is kept
as its main directions and one variance for all others (Tipping and Bishop 1999), so that it takes half a megabyte.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FAMILIARITY_FILE = "familiarity.npz"

Matrix = NDArray[np.float32]

_NAMES = ("means", "basis", "variances", "rest")


class FamiliarityError(ValueError):
    """The file holds something else; the text says what."""


@dataclass(frozen=True)
class Familiarity:
    """`means` (c, d) of the classes' unit embeddings; `basis` (k, d) of unit length with `variances` (k,); `rest`:
    the variance in each of the other d - k directions.
    """

    means: Matrix
    basis: Matrix
    variances: Matrix
    rest: float

    @property
    def width(self) -> int:
        """Length of the embeddings it was made from."""
        return int(self.means.shape[1])

    def distances(self, embeddings: Matrix) -> Matrix:
        """Squared distance (n,) of embeddings (n, d) to the nearest class, divided by d: about 1 for the familiar.

        ValueError where their length is another.
        """
        if embeddings.ndim != 2 or embeddings.shape[1] != self.width:
            raise ValueError(f"embeddings of shape {embeddings.shape} do not fit a width of {self.width}")
        points = unit(embeddings).astype(np.float64)
        means, basis = self.means.astype(np.float64), self.basis.astype(np.float64)
        whole = _square_distances(points, means)
        inside, centres = points @ basis.T, means @ basis.T
        outside = np.maximum(whole - _square_distances(inside, centres), 0)
        scale = 1 / np.sqrt(self.variances.astype(np.float64))
        total = _square_distances(inside * scale, centres * scale) + outside / self.rest
        return np.asarray(total.min(1) / self.width, np.float32)

    def to_bytes(self) -> bytes:
        """The content of familiarity.npz: the same numbers, the same bytes."""
        out = io.BytesIO()
        np.savez(
            out,
            means=self.means.astype(np.float16),
            basis=self.basis.astype(np.float16),
            variances=self.variances.astype(np.float32),
            rest=np.float64(self.rest),
        )
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Familiarity:
        """Read familiarity.npz, nothing in it being executed. FamiliarityError where it holds something else."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                means, basis, variances, rest = (arrays[name] for name in _NAMES)
        except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            # NumPy's own sentences speak of its settings, which nobody here can change.
            raise FamiliarityError(f"it holds no {', '.join(_NAMES)} that can be read") from error
        fits = means.ndim == basis.ndim == 2 and basis.shape == (*variances.shape, means.shape[1])
        if not fits or not len(means) or rest.shape != () or not rest > 0 or not (variances > 0).all():
            raise FamiliarityError("its arrays do not fit each other")
        return cls(means.astype(np.float32), basis.astype(np.float32), variances, float(rest))


def unit(embeddings: Matrix) -> Matrix:
    """Rows (n, d) scaled to length one; a row of zeros stays."""
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(lengths, 1e-12), np.float32)


def _square_distances(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, d) and (c, d) -> (n, c)."""
    squares = (points**2).sum(1)[:, None] + (centres**2).sum(1) - 2 * points @ centres.T
    return np.asarray(np.maximum(squares, 0))
