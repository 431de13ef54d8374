"""How near photos are, by mirror-aware perceptual hashes and by embeddings: a block at a time, or pair by pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Bounds of the protocol of splits; see `groups`.
HASH_NEAR = 8
COSINE_LIKELY, HASH_LIKELY = 0.85, 18
COSINE_NEAR = 0.97
_STRIP = 16
# Pairs measured at once: two rows of 1,280 numbers each make 40 MB of 4,096.
_PAIRS = 4096
# Photos that a sketch's directions are taken from.
_SAMPLE = 4096

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Measured:
    """What lies between the photos of pairs, each (n,): differing bits, whether the mirrored hash was the nearer one,
    and the cosine of the embeddings (None without them).
    """

    bits: NDArray[np.uint8]
    turned: NDArray[np.bool_]
    cosines: NDArray[np.float32] | None


class Nearness:
    """How near photos are, a block at a time."""

    def __init__(
        self,
        hashes: NDArray[np.uint64],
        mirrored: NDArray[np.uint64],
        embeddings: NDArray[np.float32] | None,
    ) -> None:
        self._hashes = np.asarray(hashes, np.uint64)
        self._mirrored = np.asarray(mirrored, np.uint64)
        self._units: NDArray[np.float32] | None = None
        if embeddings is not None:
            units = np.array(embeddings, np.float32)
            norms = np.linalg.norm(units, axis=1, keepdims=True)
            units /= np.where(norms > 0, norms, 1)
            self._units = units

    @property
    def has_embeddings(self) -> bool:
        return self._units is not None

    def of(self, places: Index) -> Nearness:
        """That of some of the photos, at their new positions."""
        units = None if self._units is None else self._units[places]
        return Nearness(self._hashes[places], self._mirrored[places], units)

    def near(self, rows: Index | slice, columns: Index | slice) -> NDArray[np.bool_]:
        """(rows, columns) bool: whether two photos are near."""
        bits = self.bits(rows, columns)
        edges: NDArray[np.bool_] = bits <= HASH_NEAR
        if self._units is not None:
            cosine = self._units[rows] @ self._units[columns].T
            edges |= (cosine >= COSINE_LIKELY) & (bits <= HASH_LIKELY)
            edges |= cosine >= COSINE_NEAR
        return edges

    def distances(self, members: Index) -> NDArray[np.float32]:
        """(m, m) float32 of one component, at most 1 exactly where two photos are near."""
        bits = self.bits(members, members).astype(np.float32)
        distance = bits / HASH_NEAR
        if self._units is not None:
            away = np.maximum(1 - self._units[members] @ self._units[members].T, 0)
            distance = np.minimum(distance, away / (1 - COSINE_NEAR))
            distance = np.minimum(distance, np.maximum(away / (1 - COSINE_LIKELY), bits / HASH_LIKELY))
        return distance.astype(np.float32)

    def features(self, members: Index) -> NDArray[np.float32]:
        """(m, d) float32 for bisecting a component that is too large for linkage."""
        if self._units is not None:
            return self._units[members]
        packed = self._hashes[members].astype(">u8").view(np.uint8).reshape(-1, 8)
        return np.unpackbits(packed, axis=1).astype(np.float32)

    def bits(self, rows: Index | slice, columns: Index | slice) -> NDArray[np.uint8]:
        """Smallest number of differing bits of the two pictures, either way round."""
        here, there, turned = self._hashes[rows], self._hashes[columns], self._mirrored[columns]
        bits = np.empty((len(here), len(there)), np.uint8)
        # In strips that stay in the processor's cache.
        for start in range(0, len(here), _STRIP):
            strip = here[start : start + _STRIP, None]
            np.minimum(
                np.bitwise_count(strip ^ there),
                np.bitwise_count(strip ^ turned),
                out=bits[start : start + _STRIP],
            )
        return bits

    def between(self, first: Index, second: Index) -> Measured:
        """The measures of the pairs (first[i], second[i])."""
        plain = np.bitwise_count(self._hashes[first] ^ self._hashes[second])
        turned = np.bitwise_count(self._hashes[first] ^ self._mirrored[second])
        cosines = None
        if self._units is not None:
            cosines = np.empty(len(first), np.float32)
            for start in range(0, len(first), _PAIRS):
                part = slice(start, start + _PAIRS)
                here, there = self._units[first[part]], self._units[second[part]]
                np.einsum("nd,nd->n", here, there, out=cosines[part])
        return Measured(np.minimum(plain, turned), turned < plain, cosines)

    def sketch(self, width: int) -> NDArray[np.float32] | None:
        """(n, at most `width`) float32: the unit embeddings in the directions in which they differ most.

        Directions at right angles to each other make no distance longer, so photos that are near are near here too.
        """
        if self._units is None or self._units.shape[1] <= width or len(self._units) < 2:
            return self._units
        sample = self._units[:: max(1, len(self._units) // _SAMPLE)].astype(np.float64)
        _, axes = np.linalg.eigh(np.cov(sample, rowvar=False))
        return self._units @ np.ascontiguousarray(axes[:, -width:], np.float32)
