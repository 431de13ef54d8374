"""Time until validation reaches 90 %: the fastest recipe beside the same backbone fully fine-tuned by a plain loop.

    python -m tests.bench.bench_accuracy [--splits 0 1 2 3 4] [--loop-splits 0 1] [--json FILE]

Ours starts from a cold cache on every split (the one-time export of the trunk not counted) as `python -m ml train`,
process start and imports included, and runs to its end; the clock stops when the first metrics line with validation
at the mark is on disk, and the test split is read once, at the end. The loop (`tests.bench.plain_loop`) gets the best
of three rates, chosen by one epoch each on the first split; that sweep is not counted against it.
"""

from __future__ import annotations

import argparse
import json
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
MARK = 0.90
RATES = (3e-5, 1e-4, 3e-4)
RECIPE = ("--recipe", "kernel_probe")
LOOP_EPOCHS = 10


def main() -> int:
    parser = report.parser(__doc__)
    parser.add_argument("--splits", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--loop-splits", nargs="*", type=int, default=[0, 1])
    parser.add_argument("--data", type=Path, default=report.TRASHNET)
    parser.add_argument(
        "--resume", type=Path, metavar="FILE", help="what a round that was cut off wrote with --json"
    )
    args = parser.parse_args()
    if report.photos_missing(args.data):
        return 2
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), args)
    cut = ["Cut off once between the splits and gone on with."] if args.resume else []
    return report.finish(rows(result), result, args.json, [*notes(result), *cut])


def measure(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    trunks = trunk(Store(folder / "trunk"), "efficientnet_lite0").path.parent
    manifests = {}
    for split in sorted({*args.splits, *args.loop_splits}):
        manifests[split] = folder / f"split-{split}.json"
        run("ml", "split", args.data, "--out", manifests[split], "--seed", split)
    before = json.loads(args.resume.read_text())["result"] if args.resume else {}
    ours, loop, sweep = before.get("ours", []), before.get("loop", []), before.get("sweep", {})
    for split in sorted({*args.splits} - {row["split"] for row in ours}):
        store = folder / f"store-{split}"
        shutil.copytree(trunks, Store(store).cache / "trunks")
        ours.append({"split": split, **train_until(folder / f"run-{split}", store, manifests[split], split)})
        print(json.dumps(ours[-1]), file=sys.stderr, flush=True)
        if args.json:
            report.write_json(args.json, {"ours": ours})
        shutil.rmtree(store)
    if args.loop_splits and not sweep:
        first = manifests[args.loop_splits[0]]
        sweep = {f"{rate:g}": plain_loop(first, rate, epochs=1)[-1]["val_accuracy"] for rate in RATES}
    best = float(max(sweep, key=lambda rate: sweep[rate])) if sweep else 0.0
    print(f"sweep of the plain loop: {sweep}; taking {best:g}", file=sys.stderr, flush=True)
    for split in sorted({*args.loop_splits} - {row["split"] for row in loop}):
        epochs = plain_loop(manifests[split], best, epochs=LOOP_EPOCHS, until=MARK)
        loop.append({"split": split, "lr": best, "epochs": epochs})
        print(json.dumps(loop[-1]), file=sys.stderr, flush=True)
    return {"mark": MARK, "recipe": RECIPE, "ours": ours, "sweep": sweep, "loop": loop}


def train_until(out: Path, store: Path, manifest: Path, seed: int) -> dict[str, Any]:
    """Seconds until the mark, validation by epoch, and the figures at the end of the run."""
    began = time.monotonic()
    words = ["train", "--manifest", manifest, *RECIPE, "--seed", seed, "--store", store, "--out", out]
    process = subprocess.Popen(
        [sys.executable, "-m", "ml", *map(str, words)], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    reached = None
    while process.poll() is None:
        if reached is None and any(line >= MARK for line in validation(out)):
            reached = round(time.monotonic() - began, 1)
        time.sleep(0.1)
    assert process.stdout is not None
    answer = json.loads(process.stdout.read())
    seconds = round(time.monotonic() - began, 1)
    return {
        "seconds_to_mark": reached, "seconds": seconds, "val_by_epoch": validation(out),
        "val": answer["val"]["accuracy"], "test": answer["test"]["accuracy"], "test_n": answer["test"]["n"],
    }  # fmt: skip


def validation(out: Path) -> list[float]:
    try:
        lines = (out / "metrics.jsonl").read_text().splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line)["val_accuracy"] for line in lines]


def plain_loop(manifest: Path, lr: float, *, epochs: int, until: float = 2.0) -> list[dict[str, Any]]:
    words = ["--manifest", manifest, "--lr", lr, "--epochs", epochs, "--until", until]
    output = run("tests.bench.plain_loop", *words)
    return [json.loads(line) for line in output.splitlines()]


def run(module: str, *words: object) -> str:
    command = [sys.executable, "-m", module, *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def rows(result: dict[str, Any]) -> list[Row]:
    ours = [row["seconds_to_mark"] or float("inf") for row in result["ours"]]
    loops = [row["epochs"][-1]["seconds"] for row in result["loop"]]
    # A loop that never came there is counted with the time it was given: the ratio is then too small, not too large.
    missed = sum(row["epochs"][-1]["val_accuracy"] < result["mark"] for row in result["loop"])
    ratio = statistics.median(loops) / statistics.median(ours) if loops else None
    beside = ""
    if loops:
        least = "at least " if missed else ""
        beside = f"plain loop, lr {result['loop'][0]['lr']:g}: {least}{statistics.median(loops):.0f} s"
        beside += f" (median of {len(loops)} splits, {missed} of which never came there)" if missed else ""
    tests = [100 * row["test"] for row in result["ours"]]
    spread = statistics.stdev(tests) if len(tests) > 1 else 0.0
    return [
        Row(
            f"validation at {result['mark']:.0%} from a cold cache, median of {len(ours)} splits",
            f"{statistics.median(ours):.1f} s", beside, ratio, "≥ 10 × sooner", None if ratio is None else ratio >= 10,
        ),
        Row("  test accuracy of these runs, read once", f"{statistics.mean(tests):.1f} ± {spread:.1f} %"),
    ]  # fmt: skip


def notes(result: dict[str, Any]) -> list[str]:
    ours = ", ".join(f"{row['seconds_to_mark']}" for row in result["ours"])
    loops = "; ".join(
        f"split {row['split']}: "
        + ", ".join(f"{epoch['val_accuracy']:.1%} after {epoch['seconds']:.0f} s" for epoch in row["epochs"])
        for row in result["loop"]
    )
    sweep = ", ".join(f"{accuracy:.1%} at {float(rate):g}" for rate, accuracy in result["sweep"].items())
    return [f"Ours by split (s): {ours}. The loop's sweep, one epoch each: {sweep}. The loop: {loops}."]


if __name__ == "__main__":
    sys.exit(main())
