"""How long a map takes to draw, what memory, and how much of the neighbourhoods it keeps.

`python -m ml project` as the job runs it, beside umap-learn's own `fit_transform` on scikit-learn's 50 components, each
in a process of its own that loads and compiles what it needs. Embeddings are drawn around six centres for each of 55
classes and lie in the cache. “Kept” is the share of a photo's 15 nearest by embedding that are among its 15 nearest on
the map, over 1,000 photos.

Usage: python -m tests.bench.bench_map [--photos 2000 20000 100000] [--most-beside 20000]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from ml.backbones.embed import DEFAULT_BACKBONE, DEFAULT_SIZE, feature_cache
from ml.backbones.registry import backbone
from ml.store import Store
from tests.bench import report
from tests.bench.report import Row

ROOT = Path(__file__).resolve().parents[2]
MOST_SECONDS, MOST_GB = 120.0, 2.0
CLASSES, KINDS, NEIGHBOURS, ASKED = 55, 6, 15, 1000
ALONE = """
import sys, warnings; warnings.simplefilter("ignore")
import numpy as np, umap
from sklearn.decomposition import PCA
points = PCA(50, random_state=0).fit_transform(np.load(sys.argv[1]).astype(np.float32))
np.save(sys.argv[2], umap.UMAP(random_state=0, n_jobs=1).fit_transform(points))
"""


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--photos", type=int, nargs="+", default=[2000, 20_000, 100_000])
    parser.add_argument("--most-beside", type=int, default=20_000, metavar="N", help="no alternative beyond")
    arguments = parser.parse_args()
    result = {n: measure(n, beside=n <= arguments.most_beside) for n in arguments.photos}
    return report.finish([row(n, one) for n, one in result.items()], result, arguments.json)


def row(photos: int, one: dict[str, Any]) -> Row:
    alone = one.get("alone")
    return Row(
        f"{photos:,} photos",
        f"{one['seconds']:.1f} s, {one['gb']:.2f} GB, {one['kept']:.0%} kept",
        f"umap-learn alone: {alone['seconds']:.1f} s, {alone['gb']:.2f} GB, {alone['kept']:.0%} kept"
        if alone
        else "",
        one["seconds"] / alone["seconds"] if alone else None,
        f"≤ {MOST_SECONDS:.0f} s, ≤ {MOST_GB:.0f} GB",
        one["seconds"] <= MOST_SECONDS and one["gb"] <= MOST_GB,
    )


def measure(photos: int, *, beside: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), Path(folder) / "cache")
        keys, labels, embeddings = make(store, photos)
        listing, out = Path(folder) / "photos.jsonl", Path(folder) / "places.json"
        lines = zip(keys, labels.tolist(), strict=True)
        listing.write_text("".join(json.dumps({"sha256": key.hex(), "label": k}) + "\n" for key, k in lines))
        command = [
            sys.executable, "-m", "ml", "project", "--store", folder, "--list", str(listing), "--out", str(out),
        ]  # fmt: skip
        found: dict[str, Any] = timed(command)
        found["kept"] = kept(embeddings, np.array(json.loads(out.read_text())["places"]))
        if beside:
            np.save(Path(folder) / "embeddings.npy", embeddings)
            alone = timed([sys.executable, "-c", ALONE, f"{folder}/embeddings.npy", f"{folder}/alone.npy"])
            found["alone"] = {**alone, "kept": kept(embeddings, np.load(f"{folder}/alone.npy"))}
        return found


def make(store: Store, photos: int) -> tuple[list[bytes], Any, Any]:
    """Keys, classes and embeddings of length one (n, 1280) float16, also kept in the cache."""
    rng = np.random.default_rng(0)
    cache = feature_cache(store, DEFAULT_BACKBONE, DEFAULT_SIZE)
    width = backbone(DEFAULT_BACKBONE).embedding
    centres = rng.standard_normal((CLASSES, 1, width), np.float32)
    kinds = centres + 0.6 * rng.standard_normal((CLASSES, KINDS, width), np.float32)
    # What tells photos of a kind apart lies in few directions, as in real photos.
    looks = rng.standard_normal((8, width), np.float32)
    labels, kind = rng.integers(0, CLASSES, photos), rng.integers(0, KINDS, photos)
    keys = [int(n).to_bytes(32, "big") for n in range(photos)]
    embeddings = np.zeros((photos, width), np.float16)
    for start in range(0, photos, 5000):
        part = slice(start, start + 5000)
        rows = kinds[labels[part], kind[part]]
        rows = rows + 0.4 * rng.standard_normal((len(rows), 8), np.float32) @ looks
        rows += 0.3 * rng.standard_normal(rows.shape, np.float32)
        embeddings[part] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        vectors = np.zeros((len(rows), cache.width), np.float16)
        vectors[:, :width] = embeddings[part]
        cache.write(keys[part], vectors)
    return keys, labels, embeddings


def timed(command: list[str]) -> dict[str, float]:
    """Seconds and the peak of memory in GB."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    )
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return {"seconds": time.perf_counter() - begun, "gb": usage.ru_maxrss / 2**20}


def kept(embeddings: Any, places: Any) -> float:
    from sklearn.neighbors import NearestNeighbors

    asked = np.random.default_rng(1).choice(len(places), min(ASKED, len(places)), replace=False)

    def near(points: Any) -> Any:
        points = np.asarray(points, np.float32)
        return (
            NearestNeighbors(n_neighbors=NEIGHBOURS + 1)
            .fit(points)
            .kneighbors(points[asked], return_distance=False)[:, 1:]
        )

    pairs = zip(near(embeddings), near(places), strict=True)
    return float(np.mean([len(set(a) & set(b)) / NEIGHBOURS for a, b in pairs]))


if __name__ == "__main__":
    sys.exit(main())
