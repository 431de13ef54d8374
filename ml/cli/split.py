"""`python -m ml split FOLDER --out MANIFEST`: a plain folder becomes a manifest with train, val and test."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ml.cli.shared import BAD_INPUT, BadInputError, answer, check_out, say
from ml.manifest import RULES


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `split`."""
    parser = subparsers.add_parser("split", help="make a manifest with splits from a folder per class")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--out", type=Path, required=True, metavar="MANIFEST")
    parser.add_argument("--val", type=float, default=0.1, help="fraction of each class for validation (0.1)")
    parser.add_argument("--test", type=float, default=0.1, help="fraction of each class for the test (0.1)")
    parser.add_argument(
        "--split", choices=RULES, default="grouped", help="grouped keeps near-duplicates on one side"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cap", type=int, metavar="N", help="at most N photos of a class")
    parser.add_argument(
        "--enhance",
        action="store_true",
        help="add each photo mirrored and upside down, before the cap and the split, as the paper did",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the manifest, print one JSON object; 2 and a sentence for bad input."""
    from tqdm import tqdm

    from ml.images.folder import manifest_from_folder
    from ml.manifest import SPLITS, Plan

    try:
        check_out(args.out)
        plan = Plan(args.split, args.val, args.test, args.seed, args.cap, args.enhance)
        with tqdm(unit="photo", file=sys.stderr, delay=0.5) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            manifest, report = manifest_from_folder(args.folder, plan=plan, progress=show)
        manifest.write(args.out)
    except (BadInputError, ValueError, OSError) as error:
        say("split", error)
        return BAD_INPUT
    for one in report.unreadable:
        say("split", f"left out {one.path}: {one.detail}")
    for twin in report.duplicates:
        say("split", f"left out {twin.path}: same bytes as {twin.kept}")
    for label, groups in report.split.too_small.items():
        say("split", f"{label}: only {groups} groups of photos, so all of them train")
    counts = {split: len(manifest.items_of(split)) for split in SPLITS}
    summary = {
        "manifest": str(args.out),
        "digest": manifest.digest,
        "classes": len(manifest.classes),
        **counts,
        "groups": len({item.group for item in manifest.items}),
        "unreadable": len(report.unreadable),
        "duplicates": len(report.duplicates),
    }
    answer(summary)
    return 0
