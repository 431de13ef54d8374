"""`python -m ml project`: a map of stored photos, on which those that look alike lie together.

Reads JSON lines `{"sha256", "label": number or null}`; labels only decide which photos of a large set the map is learnt
from. Embeds what is not embedded yet. Writes `{"places": [[x, y] or null, …], "missing", "why"}`, one place a line, in
the unit square; `missing` counts the photos that could not be embedded, `why` says what stood in the way.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.cli.embedding import embed_readable
from ml.cli.groups import NearnessProgress, add_options
from ml.cli.shared import BAD_INPUT, FAILED, answer, die_with_parent, open_store, read_photos, say
from ml.durable import StoreFull, write_atomic

if TYPE_CHECKING:
    from ml.backbones.shards import ShardCache
    from ml.store import Store

UNLABELLED = -1
_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """A photo of the list."""

    sha256: str
    label: int

    @property
    def key(self) -> bytes:
        """Of its embedding in the cache."""
        return bytes.fromhex(self.sha256)

    @classmethod
    def read(cls, text: str) -> Line:
        """ValueError, KeyError or TypeError where it is none."""
        entry: Any = json.loads(text)
        sha256, label = str(entry["sha256"]), entry["label"]
        if len(bytes.fromhex(sha256)) != 32:
            raise ValueError("a sha256 has 64 digits")
        if label is not None and int(label) < 0:
            raise ValueError("a label is a number from 0")
        return cls(sha256, UNLABELLED if label is None else int(label))


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `project`."""
    parser = subparsers.add_parser("project", help="a map of stored photos: alike ones lie together")
    add_options(parser, hashes=False)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="another seed, another map (0)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the places, print the counts as JSON; 2 and a sentence for bad input, 1 without a backbone or a photo."""
    die_with_parent(args)
    try:
        lines = read_photos(args.list, Line.read)
        if args.seed < 0:
            raise ValueError("--seed must be 0 or more")
    except (ValueError, OSError) as error:
        say("project", error)
        return BAD_INPUT
    from ml.backbones.embed import DEFAULT_BACKBONE, DEFAULT_SIZE, feature_cache
    from ml.backbones.weights import WeightsCorruptError, WeightsMissingError

    store, progress = open_store(args), MapProgress(args.progress)
    try:
        cache = feature_cache(store, DEFAULT_BACKBONE, DEFAULT_SIZE)
    except (WeightsMissingError, WeightsCorruptError) as error:
        say("project", error)
        return FAILED
    why = embed_missing(store, cache, lines, progress)
    absent = absent_lines(cache, lines)
    if lines and len(absent) == len(lines):
        say("project", why)
        return FAILED
    keep_compiled(store)
    there = [one for place, one in enumerate(lines) if place not in absent]
    found = iter(places(cache, there, args.seed, progress))
    content = {
        "places": [None if place in absent else next(found) for place in range(len(lines))],
        "missing": len(absent),
        "why": why,
    }
    write_atomic(args.out, json.dumps(content).encode())
    answer({"images": len(lines), "placed": len(there), "missing": len(absent)})
    return 0


def absent_lines(cache: ShardCache, lines: list[Line]) -> set[int]:
    """Places of the photos without an embedding, each of a photo that is listed twice."""
    keys = [one.key for one in lines]
    lost = {keys[place] for place in cache.missing(keys)}
    return {place for place, key in enumerate(keys) if key in lost}


def embed_missing(store: Store, cache: ShardCache, lines: list[Line], progress: MapProgress) -> str:
    """Embed what is not yet; why not all could be, or nothing. One unreadable photo must not cost the others their map.

    StoreFull.
    """
    todo = [lines[place].sha256 for place in cache.missing([one.key for one in lines])]
    try:
        return embed_readable("project", store, cache, todo, progress) if todo else ""
    except StoreFull:
        raise
    except Exception as error:  # a trunk that cannot be made: it has a sentence of its own
        say("project", f"by what is embedded already: {error}")
        return str(error)


def places(cache: ShardCache, lines: list[Line], seed: int, progress: MapProgress) -> list[list[float]]:
    """[x, y] of each photo; all of them have an embedding."""
    import numpy as np

    from ml.backbones.embed import DEFAULT_BACKBONE
    from ml.backbones.registry import backbone
    from ml.evaluation.projection import project

    columns = slice(0, backbone(DEFAULT_BACKBONE).embedding)
    found = project(
        lambda start, stop: cache.read([one.key for one in lines[start:stop]], columns),
        np.array([one.label for one in lines], np.int64),
        seed=seed,
        progress=progress.drawing,
    )
    return [[round(float(x), _DIGITS), round(float(y), _DIGITS)] for x, y in found]


def keep_compiled(store: Store) -> None:
    """umap-learn compiles parts of itself and keeps them beside its own files.

    Where those may not be written, as in an image for another user, it is the cache that keeps them.
    """
    spec = importlib.util.find_spec("umap")
    if spec is not None and spec.origin and not os.access(Path(spec.origin).parent, os.W_OK):
        os.environ.setdefault("NUMBA_CACHE_DIR", str(store.cache / "numba"))


class MapProgress(NearnessProgress):
    """Progress of a map: embedding, where anything is to be embedded, is the first half of it."""

    # What is done, with its message and the part of the drawing that it begins at.
    STEPS = {
        "compare": ("Comparing the photos", 0.0, 0.2),
        "lay_out": ("Laying out the map", 0.2, 0.8),
        "place": ("Placing the other photos", 0.8, 1.0),
    }

    def __init__(self, path: Path | None) -> None:
        super().__init__(path)
        self._begin = 0.0

    def embedding(self, done: int, total: int) -> None:
        """Photos embedded so far."""
        self._begin = 0.5
        self._write("features", done, total, self._begin * done / max(total, 1), "Embedding photos")

    def drawing(self, what: str, share: float) -> None:
        """The share that is done of what `project` does now."""
        message, start, stop = self.STEPS[what]
        fraction = self._begin + (1 - self._begin) * (start + (stop - start) * share)
        self._write("map", int(100 * share), 100, fraction, message)
