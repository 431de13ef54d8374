"""`python -m ml evaluate`: a finished run's figures, on its own or on another data set version."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from ml.cli import shared
from ml.cli.shared import BadInputError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="score a finished run again",
        description="Asks RUN/bundle about the val and test photos of the run's own data set version or of "
        "another (--manifest) and prints what evaluation.json holds. Photos that the run was trained on are "
        "left out and counted as `excluded`.",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a finished run's folder")
    parser.add_argument("--manifest", type=Path, metavar="FILE", help="another data set version")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="also write evaluation.json and predictions.jsonl there"
    )
    shared.add_store(parser)
    shared.add_die_with_parent(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score and print one JSON object; the exit code."""
    from tqdm import tqdm

    from ml.backbones.pipeline import UnreadablePhotoError
    from ml.bundle.predict import BundleCorruptError, BundleIncompatibleError
    from ml.evaluation.rerun import ClassesDifferError, evaluate_run
    from ml.store import make_folder, write_atomic

    shared.die_with_parent(args)
    try:
        own = shared.read_manifest(args.run_folder / "manifest.json")
        manifest = shared.read_manifest(args.manifest) if args.manifest else own
        with tqdm(unit="photo", file=sys.stderr, disable=not sys.stderr.isatty()) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            rerun = evaluate_run(args.run_folder, manifest, own, shared.open_store(args), progress)
    except (BadInputError, BundleCorruptError, BundleIncompatibleError, ClassesDifferError) as error:
        shared.say("evaluate", error)
        return shared.BAD_INPUT
    except UnreadablePhotoError as error:
        shared.say("evaluate", error)
        return shared.FAILED
    if args.out:
        make_folder(args.out)
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rerun.rows)
        write_atomic(args.out / "predictions.jsonl", lines.encode())
        write_atomic(
            args.out / "evaluation.json", json.dumps(rerun.content, ensure_ascii=False, indent=1).encode()
        )
    shared.answer(rerun.content)
    return 0
