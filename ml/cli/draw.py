"""`python -m ml draw --out FOLDER`: a data set of drawn photos with known faults, for a demo."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from ml.cli import shared


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command."""
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
    """Draw and print one JSON object; the exit code."""
    from tqdm import tqdm

    from ml.drawn.classes import CLASSES
    from ml.drawn.dataset import draw_dataset
    from ml.images.memory import keep_freed_memory

    keep_freed_memory()  # planes are made and dropped by the hundred
    started = time.perf_counter()
    try:
        with tqdm(total=len(CLASSES) * max(args.per_class, 0), unit="photo", file=sys.stderr) as bar:
            planted = draw_dataset(
                args.out,
                per_class=args.per_class,
                seed=args.seed,
                size=args.size,
                progress=lambda done, total: bar.update(done - bar.n),
            )
    except ValueError as error:
        shared.say("draw", error)
        return shared.BAD_INPUT
    except OSError as error:
        shared.say("draw", f"{args.out} cannot be written: {error.strerror}")
        return shared.FAILED
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
    shared.answer(summary)
    return 0
