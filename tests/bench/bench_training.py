"""How good and how fast the recipes are on TrashNet, over seeds (each with a split of its own).

    python -m tests.bench.bench_training --recipes linear_probe partial_finetune --seeds 0 1 2 3 4 --out FILE

Every run is a process of its own with a cold cache but for the exported trunk; `linear_probe` runs once more
with a warm one. Wall time means little on a machine with other work, so processor time stands beside it.
"""

from __future__ import annotations

import argparse
import json
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
from tests.bench import report
from tests.bench.report import Row

ROOT = Path(__file__).resolve().parents[2]
# What is trained: a recipe, or a recipe and its preset.
CHOICES = ("linear_probe", "kernel_probe", "partial_finetune", "partial_finetune/best")
# (accuracy in per cent, wall seconds) that each was meant to reach.
AIMS = {
    ("linear_probe", "cold"): (86, 60),
    ("linear_probe", "warm"): (86, 5),
    ("kernel_probe", "cold"): (93, 480),
    ("partial_finetune", "cold"): (93, 480),
    ("partial_finetune/best", "cold"): (95, 3600),
}


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--recipes", nargs="+", default=list(CHOICES), choices=CHOICES)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--set", action="append", default=[], dest="settings")
    parser.add_argument("--data", type=Path, default=report.TRASHNET)
    parser.add_argument("--resume", nargs="*", type=Path, default=[], metavar="FILE",
                        help="what earlier rounds wrote with --json: those runs are not made again")  # fmt: skip
    args = parser.parse_args()
    if report.photos_missing(args.data):
        return 2
    with tempfile.TemporaryDirectory() as folder:
        result = measure_all(Path(folder), args)
    notes = [f"Put together from {len(args.resume) + 1} sittings."] if args.resume else []
    return report.finish(rows(result), result, args.json, notes)


def measure_all(folder: Path, args: argparse.Namespace) -> list[dict[str, Any]]:
    began = time.monotonic()
    trunks = trunk(Store(folder / "trunk"), "efficientnet_lite0").path.parent
    print(f"trunk exported in {time.monotonic() - began:.1f} s (not counted below)", file=sys.stderr)
    found = [row for file in args.resume for row in json.loads(file.read_text())["result"]]
    made = {(row["recipe"], row["seed"]) for row in found}
    for recipe in args.recipes:
        for seed in args.seeds:
            if (recipe, seed) in made:
                continue
            store = folder / f"store-{recipe.replace('/', '-')}-{seed}"
            shutil.copytree(trunks, store / "cache" / "trunks")
            manifest = folder / f"manifest-{seed}.json"
            if not manifest.exists():
                ml("split", args.data, "--out", manifest, "--seed", seed, quiet=True)
            for cache in ("cold", "warm") if recipe == "linear_probe" else ("cold",):
                row = measure(recipe, seed, cache, manifest, store, folder / "run", args.settings)
                found.append(row)
                print(json.dumps(row), file=sys.stderr, flush=True)
                if args.json:  # hours of work: an interruption loses one run
                    report.write_json(args.json, found)
            shutil.rmtree(store)
    return sorted(found, key=lambda row: (CHOICES.index(row["recipe"]), row["seed"], row["cache"]))


def measure(
    recipe: str, seed: int, cache: str, manifest: Path, store: Path, run: Path, settings: list[str]
) -> dict[str, Any]:
    """One run in a process of its own: accuracies, wall and processor seconds, and where the time went."""
    chosen = [word for setting in settings for word in ("--set", setting)]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    name, _, preset = recipe.partition("/")
    words = ["--manifest", manifest, "--recipe", name, "--seed", seed, "--store", store, "--out", run]
    if preset:
        words += ["--preset", preset]
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


def rows(result: list[dict[str, Any]]) -> list[Row]:
    found = []
    for name, cache in dict.fromkeys((row["recipe"], row["cache"]) for row in result):
        own = [row for row in result if (row["recipe"], row["cache"]) == (name, cache)]
        tests = [100 * row["test"] for row in own]
        mean, spread = statistics.mean(tests), statistics.stdev(tests) if len(tests) > 1 else 0.0
        wall = statistics.median(row["wall_seconds"] for row in own)
        processor = statistics.median(row["processor_seconds"] for row in own)
        accuracy, seconds = AIMS[name, cache]
        found.append(
            Row(
                f"{name}, {cache} cache: test accuracy over {len(own)} splits",
                f"{mean:.1f} ± {spread:.1f} %, median {wall:.0f} s (processor {processor:.0f} s)",
                aim=f"≥ {accuracy} % in ≤ {seconds} s", holds=mean >= accuracy and wall <= seconds,
            )
        )  # fmt: skip
    return found


if __name__ == "__main__":
    sys.exit(main())
