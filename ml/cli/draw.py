"""`python -m ml draw --out FOLDER`: a data set of drawn photos with known faults, for a demo."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("draw", help="draw a small data set of household objects")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="must be empty or not exist"
    )
    parser.add_argument(
        "--per-class", type=int, default=40, metavar="N", help="photos of each of the 12 classes (40)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=320, metavar="PX", help="long side in pixels (320)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw, print one JSON object, return the exit code (2 and a sentence for bad input)."""
    from tqdm import tqdm

    from ml.drawn.dataset import draw_dataset

    started = time.perf_counter()
    try:
        with tqdm(total=12 * max(args.per_class, 0), unit="photo", file=sys.stderr) as bar:
            planted = draw_dataset(
                args.out,
                per_class=args.per_class,
                seed=args.seed,
                size=args.size,
                progress=lambda done, total: bar.update(done - bar.n),
            )
    except (ValueError, OSError) as error:
        print(f"ml draw: {error}", file=sys.stderr)
        return 2
    summary = {
        "out": str(args.out),
        "photos": planted.files,
        "classes": len(planted.classes),
        "wrong_labels": len(planted.wrong_labels),
        "near_duplicates": len(planted.near_duplicates),
        "exact_duplicates": len(planted.exact_duplicates),
        "broken": len(planted.broken),
        "seconds": round(time.perf_counter() - started, 2),
    }
    print(json.dumps(summary, ensure_ascii=False))
    return 0
