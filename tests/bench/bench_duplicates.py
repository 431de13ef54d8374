"""The search for near-duplicates among 100,000 photos: random hashes alone, and with embeddings; time and memory.

Each in a process of its own, so that its peak of memory is its own. The embeddings are drawn to lie as those of photos
do (one pair in ten below a cosine of 0.2, a thousandth of them above 0.7); some photos are copies, which must be found.

Usage: python -m tests.bench.bench_duplicates [--photos 100000] [--new 1000]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import Any

from tests.bench import report
from tests.bench.report import Row

COPIES = 0.01
WIDTH = 1280
MOST_SECONDS, MOST_GIGABYTES = 60.0, 4.0


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--new", type=int, default=1000, help="photos that arrive later")
    parser.add_argument("--only", choices=("hashes", "embeddings", "new"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        sys.stdout.write(json.dumps(search(arguments.only, arguments.photos, arguments.new)))
        return 0
    command = [sys.executable, "-m", "tests.bench.bench_duplicates", "--photos", str(arguments.photos)]
    command += ["--new", str(arguments.new), "--only"]
    result = {
        name: json.loads(subprocess.run([*command, name], stdout=subprocess.PIPE, check=True).stdout)
        for name in ("hashes", "embeddings", "new")
    }
    return report.finish(rows(result, arguments.photos, arguments.new), result, arguments.json)


def rows(result: dict[str, dict[str, Any]], photos: int, new: int) -> list[Row]:
    pairs = f"{photos * (photos - 1) // 2:,} pairs"
    aim = f"≤ {MOST_SECONDS:.0f} s, ≤ {MOST_GIGABYTES:.0f} GB"
    made = []
    for name, what, beside in (
        ("hashes", f"{photos:,} random hashes", pairs),
        ("embeddings", f"{photos:,} hashes and embeddings", pairs),
        ("new", f"{new:,} new photos beside {photos:,}", f"{result['embeddings']['seconds']:.1f} s for all"),
    ):
        one = result[name]
        figure = (
            f"{one['seconds']:.1f} s, {one['gigabytes']:.2f} GB, {one['found']} of {one['copies']} copies"
        )
        ratio = one["seconds"] / result["embeddings"]["seconds"] if name == "new" else None
        holds = one["seconds"] <= MOST_SECONDS and one["gigabytes"] <= MOST_GIGABYTES
        made.append(Row(what, figure, beside, ratio, aim, holds))
    return made


def search(name: str, photos: int, new: int) -> dict[str, Any]:
    """Seconds, peak memory, and how many of the planted copies were found."""
    import numpy as np

    from ml.images.duplicates import bounds_for, near_pairs
    from ml.images.nearness import Nearness

    rng = np.random.default_rng(0)
    copies = int(COPIES * photos)
    originals = rng.permutation(photos - copies)[:copies]
    hashes = rng.integers(0, 2**64, photos, dtype=np.uint64)
    mirrored = rng.integers(0, 2**64, photos, dtype=np.uint64)
    hashes[-copies:] = hashes[originals] ^ np.uint64(0b101)
    embeddings = None
    if name != "hashes":
        # Some directions count for much more than others, as in a network's features; and all share a mean.
        scale = (np.arange(1, WIDTH + 1) ** -0.45).astype(np.float32)
        embeddings = rng.standard_normal((photos, WIDTH), dtype=np.float32)
        embeddings *= scale
        embeddings += 0.65 * scale
        embeddings[-copies:] = embeddings[originals]
        embeddings[-copies:] += 0.2 * scale * rng.standard_normal((copies, WIDTH), dtype=np.float32)
    fresh = np.arange(photos) >= photos - new if name == "new" else None
    nearness = Nearness(hashes, mirrored, embeddings)
    del embeddings
    begun = time.perf_counter()
    found = near_pairs(nearness, photos, fresh, bounds=bounds_for(nearness, photos))
    seconds = time.perf_counter() - begun
    pairs = {frozenset(pair) for pair in zip(found.first.tolist(), found.second.tolist(), strict=True)}
    wanted = {
        frozenset(pair)
        for pair in zip(originals.tolist(), range(photos - copies, photos), strict=True)
        if fresh is None or fresh[max(pair)]
    }
    return {
        "seconds": round(seconds, 2),
        "gigabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "pairs": len(pairs),
        "copies": len(wanted),
        "found": len(wanted & pairs),
    }


if __name__ == "__main__":
    raise SystemExit(main())
