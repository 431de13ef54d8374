"""How good and how fast the recipes are on TrashNet, over seeds (each with a split of its own).

    python -m tests.bench.bench_training --recipes linear_probe partial_finetune --seeds 0 1 2 3 4 --out FILE

Every run is a process of its own with a cold cache but for the exported trunk; `linear_probe` runs once more
with a warm one. Wall time means little on a machine with other work, so processor time stands beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ml.backbones.trunk import trunk
from ml.store import Store

ROOT = Path(__file__).resolve().parents[2]
TRASHNET = ROOT.parent / "shared" / "data" / "trashnet"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipes", nargs="+", default=["linear_probe", "partial_finetune"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--data", type=Path, default=TRASHNET)
    parser.add_argument("--out", type=Path, help="also write every figure there as JSON")
    args = parser.parse_args()
    if not args.data.is_dir():
        print(f"needs the TrashNet photos in {args.data}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        rows = measure_all(Path(folder), args)
    print_table(rows)
    if args.out:
        machine = {"processors": os.cpu_count(), "platform": platform.platform(), "load": os.getloadavg()}
        args.out.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1))
    return 0


def measure_all(folder: Path, args: argparse.Namespace) -> list[dict[str, Any]]:
    began = time.monotonic()
    trunks = trunk(Store(folder / "trunk"), "efficientnet_lite0").path.parent
    print(f"trunk exported in {time.monotonic() - began:.1f} s (not counted below)", file=sys.stderr)
    rows = []
    for recipe in args.recipes:
        for seed in args.seeds:
            store = folder / f"store-{recipe}-{seed}"
            shutil.copytree(trunks, store / "cache" / "trunks")
            manifest = folder / f"manifest-{seed}.json"
            if not manifest.exists():
                ml("split", args.data, "--out", manifest, "--seed", seed, quiet=True)
            for cache in ("cold", "warm") if recipe == "linear_probe" else ("cold",):
                row = measure(recipe, seed, cache, manifest, store, folder / "run", args.settings)
                rows.append(row)
                print(json.dumps(row), file=sys.stderr, flush=True)
            shutil.rmtree(store)
    return rows


def measure(
    recipe: str, seed: int, cache: str, manifest: Path, store: Path, run: Path, settings: list[str]
) -> dict[str, Any]:
    """One run in a process of its own: accuracies, wall and processor seconds, and where the time went."""
    chosen = [word for setting in settings for word in ("--set", setting)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    words = ["--manifest", manifest, "--recipe", recipe, "--seed", seed, "--store", store, "--out", run]
    answer = json.loads(ml("train", *words, *chosen))
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    epochs = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    best = json.loads((run / "run.json").read_text())["best_epoch"]
    shutil.rmtree(run)
    return {
        "recipe": recipe,
        "seed": seed,
        "cache": cache,
        "val": answer["val"]["accuracy"],
        "test": answer["test"]["accuracy"],
        "test_n": answer["test"]["n"],
        "wall_seconds": round(wall, 1),
        "processor_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "epoch_seconds": round(statistics.median(line["seconds"] for line in epochs), 2),
        "best_epoch": best,
        "val_by_epoch": [line["val_accuracy"] for line in epochs],
    }


def ml(*words: object, quiet: bool = False) -> str:
    command = [sys.executable, "-m", "ml", *map(str, words)]
    errors = subprocess.DEVNULL if quiet else None
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, check=True)
    return done.stdout


def print_table(rows: list[dict[str, Any]]) -> None:
    print("| recipe | cache | runs | test, mean ± sd | val | wall s (median) | processor s (median) |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for recipe, cache in dict.fromkeys((row["recipe"], row["cache"]) for row in rows):
        own = [row for row in rows if (row["recipe"], row["cache"]) == (recipe, cache)]
        tests = [100 * row["test"] for row in own]
        spread = statistics.stdev(tests) if len(tests) > 1 else 0.0
        val = statistics.mean(100 * row["val"] for row in own)
        wall = statistics.median(row["wall_seconds"] for row in own)
        processor = statistics.median(row["processor_seconds"] for row in own)
        print(
            f"| {recipe} | {cache} | {len(own)} | {statistics.mean(tests):.1f} ± {spread:.1f} % "
            f"| {val:.1f} % | {wall:.1f} | {processor:.1f} |"
        )


if __name__ == "__main__":
    sys.exit(main())
