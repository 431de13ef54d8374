"""Near-duplicates for a person to look at: pairs that are near, and groups around the best copy of each.

Other bounds than those of `groups`: a split must not leak, so there doubt makes two photos near; a person is asked
about each pair, so here it does not. docs/choices.md tells what they were measured on.

A group is a star: each of its photos is near the best one, which would stay. Connected components would chain
look-alikes, and a photo could be given up for one that it does not resemble.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ml.images.nearness import Index, Measured, Nearness

# Without embeddings: differing bits of the hashes.
HASH_ALONE = 4
# With them: (bits, cosine); a pair is near where one of these holds. The more alike two photos are to the network, the
# less alike their hashes have to be: a crop moves every pixel, and another photo of one thing hardly any feature.
BOUNDS = ((4, 0.80), (18, 0.875), (26, 0.90), (64, 0.93))
# One photo pair in ten of TrashNet has a cosine below this. Where the network tells the photos of a data set less well
# apart (drawings, X-rays), the bounds move towards 1 by as much; but for the first, where the hashes say enough.
_USUAL = 0.19
_SURE_BITS = 4
_SAMPLE, _FEW = 600, 4

# More copies of one photo than a page shows side by side are asked about in turns.
LARGEST_GROUP = 24
_MOST_NEIGHBOURS = 64
_BLOCK = 2048
# More would share the processor's memory lanes and bring nothing; each holds some 30 MB.
_THREADS = min(4, os.cpu_count() or 1)
_SKETCH = 128
_FEW_BITS = 18
# A cosine of float32 numbers is good to about a millionth.
_ROUNDING = 1e-5

Progress = Callable[[int, int], None]
Bounds = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Near pairs by position, each once, and how alike they are. `crowded`: photos with more near ones than kept."""

    first: Index
    second: Index
    scores: NDArray[np.float32]
    crowded: frozenset[int]


def bounds_for(nearness: Nearness, n: int) -> Bounds:
    """The bounds for a data set of these n photos: BOUNDS, or tighter where all of it looks alike to the network."""
    if not nearness.has_embeddings or n < _FEW:
        return BOUNDS
    sample = np.unique(np.linspace(0, n - 1, min(n, _SAMPLE)).astype(np.int64))
    first, second = np.triu_indices(len(sample), 1)
    cosines = nearness.between(sample[first], sample[second]).cosines
    assert cosines is not None
    share = min(1.0, (1 - float(np.percentile(cosines, 10))) / (1 - _USUAL))
    return tuple(
        (bits, cosine if bits <= _SURE_BITS else 1 - share * (1 - cosine)) for bits, cosine in BOUNDS
    )


def near_pairs(
    nearness: Nearness,
    n: int,
    fresh: NDArray[np.bool_] | None = None,
    progress: Progress | None = None,
    bounds: Bounds = BOUNDS,
) -> Pairs:
    """The near pairs among n photos of which at least one is `fresh` (n,); all pairs without it.

    Every fresh photo is compared with every other, in blocks of 2,048 x 2,048: beside its input it needs a sketch of
    the embeddings (512 bytes a photo) and some 100 MB. `progress(done, total)` counts fresh photos.
    """
    order = np.arange(n) if fresh is None else np.argsort(~fresh, kind="stable")
    count = n if fresh is None else int(fresh.sum())
    sketch = nearness.sketch(_SKETCH)
    found = [(_no_index(), _no_index(), np.empty(0, np.float32))]
    crowded: set[int] = set()

    def compare(blocks: tuple[slice, slice]) -> tuple[Index, Index, NDArray[np.float32], list[int]]:
        rows, columns = blocks
        first, second = _candidates(nearness, sketch, order[rows], order[columns])
        if rows.start == columns.start:
            once = first < second
            first, second = first[once], second[once]
        first, second = order[rows][first], order[columns][second]
        kept, score = near(nearness.between(first, second), bounds)
        first, second, score = first[kept], second[kept], score[kept]
        places, more = _nearest(first, score)
        return first[places], second[places], score[places], more

    # NumPy lets go of Python's lock while it compares.
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="compare") as pool:
        for rows in _blocks(0, count):
            blocks = ((rows, columns) for columns in _blocks(rows.start, n))
            for first, second, score, more in pool.map(compare, blocks):
                found.append((first, second, score))
                crowded.update(more)
            if progress is not None:
                progress(rows.stop, count)
    firsts, seconds, scores = zip(*found, strict=True)
    return Pairs(np.concatenate(firsts), np.concatenate(seconds), np.concatenate(scores), frozenset(crowded))


def near(measured: Measured, bounds: Bounds = BOUNDS) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Which of the pairs are near, and how alike they are: from 1 for copies downwards."""
    bits, cosines = measured.bits, measured.cosines
    if cosines is None:
        return bits <= HASH_ALONE, (1 - bits / np.float32(64)).astype(np.float32)
    is_near = np.zeros(len(bits), np.bool_)
    for most, least in bounds:
        is_near |= (bits <= most) & (cosines >= least)
    return is_near, cosines


def _candidates(
    nearness: Nearness, sketch: NDArray[np.float32] | None, rows: Index, columns: Index
) -> tuple[Index, Index]:
    """Places in `rows` and `columns` of all pairs that can be near, and of some that are not.

    Few pairs have hashes within `_FEW_BITS`, so each of those is looked at; the others have to meet the least cosine
    that is asked of them, which one product of the sketches tells of all.
    """
    bits = nearness.bits(rows, columns)
    if sketch is None:
        return _places(bits <= HASH_ALONE)
    here, there = sketch[rows], sketch[columns]
    first, second = np.nonzero(bits <= _FEW_BITS)
    away = np.empty(len(first), np.float32)
    for start in range(0, len(first), _BLOCK * 16):
        part = slice(start, start + _BLOCK * 16)
        away[part] = ((here[first[part]] - there[second[part]]) ** 2).sum(axis=1)
    possible = away <= _squared_distance(min(least for _, least in BOUNDS))
    # Minus half the squared distance, in one product.
    ours = np.column_stack([here, -0.5 * (here**2).sum(axis=1), np.ones(len(here))]).astype(np.float32)
    theirs = np.column_stack([there, np.ones(len(there)), -0.5 * (there**2).sum(axis=1)]).astype(np.float32)
    least = min(least for most, least in BOUNDS if most > _FEW_BITS)
    alike = ours @ theirs.T >= -0.5 * _squared_distance(least)
    alike[first[possible], second[possible]] = True
    return _places(alike)


def _places(mask: NDArray[np.bool_]) -> tuple[Index, Index]:
    rows, columns = np.nonzero(mask)
    return np.asarray(rows, np.int64), np.asarray(columns, np.int64)


def _squared_distance(cosine: float) -> np.float32:
    return np.float32(2 * (1 - cosine) + _ROUNDING)


def _nearest(first: Index, score: NDArray[np.float32]) -> tuple[Index, list[int]]:
    """Places of the pairs to keep: at most so many of each photo, the nearest ones; and the photos that had more."""
    order = np.lexsort((-score, first))
    ranks = np.arange(len(order)) - np.searchsorted(first[order], first[order])
    more = [int(one) for one in np.unique(first[order][ranks >= _MOST_NEIGHBOURS])]
    return np.sort(order[ranks < _MOST_NEIGHBOURS]), more


def _blocks(start: int, stop: int) -> Iterator[slice]:
    for place in range(start, stop, _BLOCK):
        yield slice(place, min(place + _BLOCK, stop))


def _no_index() -> Index:
    return np.empty(0, np.int64)


@dataclass(frozen=True)
class Known:
    """What was known of the photos before, by position: whether new, in which open group (0: none), and the decided
    groups each was in: two photos that share one are not asked about again.
    """

    fresh: NDArray[np.bool_]
    groups: Sequence[int]
    decided: Sequence[frozenset[int]]

    def is_settled(self, first: int, second: int) -> bool:
        return not self.decided[first].isdisjoint(self.decided[second])


@dataclass(frozen=True)
class Arrangement:
    """Groups of positions, the best copy first; the open groups that they replace; and photos to compare anew next
    time, since a pair of theirs found no place in any group.
    """

    groups: list[list[int]] = field(default_factory=list)
    replaced: frozenset[int] = frozenset()
    left: frozenset[int] = frozenset()


def arrange(nearness: Nearness, known: Known, progress: Progress | None = None) -> Arrangement:
    """Find the new near pairs and put them into groups. Positions are in the order of worth, the best copy first."""
    n = len(known.groups)
    bounds = bounds_for(nearness, n)
    found = near_pairs(nearness, n, known.fresh, progress, bounds)
    edges = _Edges(known)
    edges.add(found)
    touched = {known.groups[place] for place in edges.near if known.groups[place]}
    # Pairs of photos that were there before were seen by an earlier look; in groups that change they count again.
    old = [
        place
        for place in range(n)
        if not known.fresh[place] and (known.groups[place] in touched or place in edges.near)
    ]
    names = np.array(old, np.int64)
    among = near_pairs(nearness.of(names), len(old), bounds=bounds)
    edges.add(Pairs(names[among.first], names[among.second], among.scores, frozenset()))
    groups, left = stars(edges.near, known.is_settled)
    return Arrangement(groups, frozenset(touched), frozenset(left) | found.crowded)


class _Edges:
    """Undecided near pairs as neighbours of each photo."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self.near: dict[int, dict[int, float]] = defaultdict(dict)

    def add(self, pairs: Pairs) -> None:
        rows = zip(pairs.first.tolist(), pairs.second.tolist(), pairs.scores.tolist(), strict=True)
        for first, second, score in rows:
            if not self._known.is_settled(first, second):
                self.near[first][second] = self.near[second][first] = score


def stars(
    near: Mapping[int, Mapping[int, float]], is_settled: Callable[[int, int], bool]
) -> tuple[list[list[int]], set[int]]:
    """Groups, each led by its best copy (the smallest position), and the photos of pairs that are in none of them.

    The best photo that is still free takes those near it, the nearest first. Two photos that were told apart do
    not come into one group.
    """
    home: dict[int, int] = {}
    groups: list[list[int]] = []
    for best in sorted(near):
        if best in home:
            continue
        members = _taken(best, (one for one in _by_likeness(near[best]) if one not in home), is_settled)
        if len(members) > 1:
            home |= dict.fromkeys(members, len(groups))
            groups.append(members)
    left = {
        max(first, second)
        for first, others in near.items()
        for second in others
        if first not in home or home[first] != home.get(second)
    }
    return groups, left


def _by_likeness(others: Mapping[int, float]) -> list[int]:
    return sorted(others, key=lambda one: (-others[one], one))


def _taken(best: int, others: Iterable[int], is_settled: Callable[[int, int], bool]) -> list[int]:
    members = [best]
    for one in others:
        if len(members) == LARGEST_GROUP:
            break
        if not any(is_settled(one, member) for member in members):
            members.append(one)
    return members
