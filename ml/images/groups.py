"""Near-duplicate groups: photos that must not stand on two sides of a split.

Two photos are near if their mirror-aware perceptual hashes differ by at most 8 bits, or their embeddings have
a cosine of at least 0.85 and the hashes differ by at most 18, or the cosine is at least 0.97. Groups are the
connected components (single linkage). Look-alikes chain, so a component larger than max(10, 5 % of its class)
is cut by average linkage, and the near pairs that cross the cut are reported.

Doubt: the bounds were set on mirrored, cropped, resized and recompressed copies of photos. Two photos of one
object from two angles are near to no hash, and drawn pictures may be near without being copies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ml.images.nearness import Index, Nearness

SMALLEST_LIMIT, LIMIT_SHARE = 10, 0.05
_BLOCK = 2048
_MOST_EDGES = 10_000_000
# Average linkage needs all distances of a component at once: 4,000 photos take 128 MB.
_LARGEST_LINKAGE = 4000
# Average distances at which a component is cut, where 1 is the bound of nearness; the next one is tried only
# on what is still too large.
_CUTS = (1.0, 0.75, 0.5, 0.25)
_MOST_EXAMPLES = 200


@dataclass(frozen=True, slots=True)
class Cut:
    """A component that was too large: its photos, their main class, and what it was cut into."""

    size: int
    label: str
    parts: int
    largest: int


@dataclass(frozen=True, slots=True)
class GroupReport:
    """What was found, and what a cut had to separate.

    `groups` counts those of at least two photos, `grouped` the photos in them; `crossing` counts the pairs
    that are near and yet in two groups, `examples` holds up to 200 of them as positions in the input.
    """

    images: int
    groups: int
    grouped: int
    largest: int
    cuts: tuple[Cut, ...]
    crossing: int
    examples: tuple[tuple[int, int], ...]
    used_embeddings: bool

    def as_json(self) -> dict[str, Any]:
        """Plain values; positions of the example pairs are left to the caller to name."""
        return {
            "images": self.images,
            "near_duplicate_groups": self.groups,
            "grouped_images": self.grouped,
            "largest_group": self.largest,
            "cuts": [asdict(cut) for cut in self.cuts],
            "crossing_pairs": self.crossing,
            "used_embeddings": self.used_embeddings,
        }


@dataclass(frozen=True, slots=True)
class Groups:
    """`ids`: (n,) int64, a group number per photo, numbered from 0 in order of first appearance.

    `pairs`: (m, 2) positions of near pairs, as many as were asked for.
    """

    ids: Index
    report: GroupReport
    pairs: Index


def find_groups(
    hashes: NDArray[np.uint64],
    mirrored: NDArray[np.uint64],
    embeddings: NDArray[np.float32] | None = None,
    labels: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    most_pairs: int = 0,
) -> Groups:
    """Group n photos by (n,) hashes, (n,) hashes of their mirror images and (n, d) embeddings, if any.

    Works in blocks of 2,048: beside its input it needs a normalised copy of the embeddings and some 300 MB,
    whatever n is. `labels` give the size of a class (all photos are one class without them).
    `progress(done, total)` counts blocks of rows. The first `most_pairs` near pairs are answered, too.
    ValueError when lengths differ.
    """
    n = len(hashes)
    if len(mirrored) != n or (embeddings is not None and len(embeddings) != n):
        raise ValueError("hashes, mirrored hashes and embeddings must be of equal length")
    if labels is not None and len(labels) != n:
        raise ValueError("labels must be as many as hashes")
    nearness = Nearness(hashes, mirrored, embeddings)
    kept = _KeptPairs(most_pairs)
    components = _components(nearness, n, progress, kept)
    ids, cuts, crossing, examples = _cut_large(nearness, components, list(labels) if labels else [""] * n)
    ids = _renumber(ids)
    sizes = np.bincount(ids, minlength=0)
    report = GroupReport(
        images=n,
        groups=int((sizes > 1).sum()),
        grouped=int(sizes[sizes > 1].sum()),
        largest=int(sizes.max(initial=0)),
        cuts=tuple(cuts),
        crossing=crossing,
        examples=tuple(examples),
        used_embeddings=embeddings is not None,
    )
    return Groups(ids, report, kept.rows())


class _KeptPairs:
    """The first so many near pairs."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._parts: list[Index] = []

    def add(self, first: Index, second: Index) -> None:
        part = np.stack([first[: self._left], second[: self._left]], axis=1)
        self._left -= len(part)
        self._parts.append(part)

    def rows(self) -> Index:
        return np.concatenate([np.zeros((0, 2), np.int64), *self._parts])


def _blocks(n: int) -> Iterator[slice]:
    for start in range(0, n, _BLOCK):
        yield slice(start, min(start + _BLOCK, n))


def _near_pairs(nearness: Nearness, rows: slice, columns: slice) -> tuple[Index, Index]:
    """Positions of near pairs, each once: the first is smaller than the second."""
    first, second = np.nonzero(nearness.near(rows, columns))
    first, second = first + rows.start, second + columns.start
    once = first < second
    return first[once], second[once]


def _components(
    nearness: Nearness, n: int, progress: Callable[[int, int], None] | None, kept: _KeptPairs
) -> Index:
    """(n,) component numbers; edges are folded into components whenever they grow too many."""
    labels: Index = np.arange(n)
    firsts: list[Index] = []
    seconds: list[Index] = []
    held = 0
    for rows in _blocks(n):
        for columns in _blocks(n):
            if columns.start < rows.start:
                continue
            first, second = _near_pairs(nearness, rows, columns)
            kept.add(first, second)
            firsts.append(first)
            seconds.append(second)
            held += len(first)
            if held > _MOST_EDGES:
                labels = _join(labels, firsts, seconds)
                firsts, seconds, held = [], [], 0
        if progress is not None:
            progress(rows.stop, n)
    return _join(labels, firsts, seconds)


def _join(labels: Index, firsts: list[Index], seconds: list[Index]) -> Index:
    """Component numbers after these edges are added to the components there were."""
    if not len(labels):
        return labels
    # A representative per old component stands for its edges.
    _, representative = np.unique(labels, return_index=True)
    n = len(labels)
    first = np.concatenate([np.arange(n), *firsts])
    second = np.concatenate([representative[labels], *seconds])
    graph = coo_matrix((np.ones(len(first), np.bool_), (first, second)), shape=(n, n))
    _, joined = connected_components(graph, directed=False)
    return np.asarray(joined, np.int64)


def _cut_large(
    nearness: Nearness, components: Index, labels: list[str]
) -> tuple[Index, list[Cut], int, list[tuple[int, int]]]:
    """Cut components above their limit; returns ids, the cuts, and the near pairs that now cross."""
    class_sizes = Counter(labels)
    ids = components.copy()
    following = int(ids.max(initial=-1)) + 1
    cuts: list[Cut] = []
    crossing = 0
    examples: list[tuple[int, int]] = []
    sizes = np.bincount(components, minlength=0)
    for component in np.flatnonzero(sizes > SMALLEST_LIMIT):
        members: Index = np.flatnonzero(components == component)
        counts = Counter(labels[place] for place in members)
        label = min(counts, key=lambda name: (-counts[name], name))
        limit = max(SMALLEST_LIMIT, int(LIMIT_SHARE * class_sizes[label]))
        if len(members) <= limit:
            continue
        parts = _cut(nearness, members, limit)
        ids[members] = following + parts
        following += int(parts.max()) + 1
        pairs = _count_crossing(nearness, members, parts, examples)
        crossing += pairs
        part_sizes = np.bincount(parts)
        cuts.append(Cut(len(members), label, len(part_sizes), int(part_sizes.max())))
    return ids, cuts, crossing, examples


def _cut(nearness: Nearness, members: Index, limit: int) -> Index:
    """(m,) part numbers from 0. A part stays above the limit where all its photos are near copies."""
    parts: Index = np.zeros(len(members), np.int64)
    following = 1
    waiting = [np.arange(len(members))]
    while waiting:
        places = waiting.pop()
        if len(places) > _LARGEST_LINKAGE:
            halves = _bisect(nearness.features(members[places]))
            waiting.extend(places[halves == side] for side in (False, True))
            continue
        pieces = _average_linkage(nearness.distances(members[places]), limit)
        parts[places] = following + pieces
        following += int(pieces.max()) + 1
    return _renumber(parts)


def _average_linkage(distances: NDArray[np.float32], limit: int) -> Index:
    """(m,) cluster numbers from 0: the first cut of `_CUTS` at which each cluster is within the limit."""
    if len(distances) < 2:
        return np.zeros(len(distances), np.int64)
    upper = np.triu_indices(len(distances), 1)
    tree = linkage(distances[upper], method="average")
    chosen: Index = np.zeros(len(distances), np.int64)
    for cut in _CUTS:
        clusters = np.asarray(fcluster(tree, cut, criterion="distance"), np.int64)
        # The cuts are nested: what was small enough before keeps its cluster.
        sizes = np.bincount(chosen)
        too_large = sizes[chosen] > limit
        if not too_large.any():
            break
        chosen = np.where(too_large, chosen.max() + 1 + clusters, chosen)
        chosen = _renumber(chosen)
    return chosen


def _bisect(features: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(m,) bool: two halves along the direction in which the photos differ most, by power iteration."""
    centred = features - features.mean(axis=0)
    axis = centred[int(np.argmax((centred**2).sum(axis=1)))].copy()
    for _ in range(10):
        axis = centred.T @ (centred @ axis)
        length = float(np.linalg.norm(axis))
        if length == 0:
            break
        axis /= length
    order = np.argsort(centred @ axis, kind="stable")
    side = np.zeros(len(features), np.bool_)
    side[order[len(order) // 2 :]] = True
    return side


def _count_crossing(nearness: Nearness, members: Index, parts: Index, examples: list[tuple[int, int]]) -> int:
    """How many near pairs of a component lie in two parts; adds to `examples` up to its limit."""
    count = 0
    for rows in _blocks(len(members)):
        for columns in _blocks(len(members)):
            if columns.start < rows.start:
                continue
            crossing = nearness.near(members[rows], members[columns])
            crossing &= parts[rows][:, None] != parts[columns][None, :]
            first, second = np.nonzero(crossing)
            first, second = first + rows.start, second + columns.start
            once = first < second
            count += int(once.sum())
            room = _MOST_EXAMPLES - len(examples)
            pairs = zip(first[once][:room], second[once][:room], strict=True)
            examples.extend((int(members[a]), int(members[b])) for a, b in pairs)
    return count


def _renumber(ids: Index) -> Index:
    """The same groups, numbered from 0 in order of first appearance."""
    if not len(ids):
        return ids
    _, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[inverse], np.int64)
