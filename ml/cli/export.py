"""`python -m ml export`: copy a run's bundle to a folder of its own."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from ml.cli import shared


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command."""
    parser = subparsers.add_parser(
        "export",
        help="copy a run's finished model",
        description="Copies RUN/bundle (model.onnx, labels, preprocessing, calibration, what is familiar, card, "
        "recipe, weights, checksums) after checking every hash, and prints {bundle, digest, files}.",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a finished run's folder")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="must be empty or not exist"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Copy and print one JSON object; the exit code."""
    from ml.bundle.predict import BundleCorruptError, listed_files, verify
    from ml.durable import make_folder, write_atomic

    source: Path = args.run_folder / "bundle"
    try:
        shared.check_finished(args.run_folder)
    except shared.BadInputError as error:
        shared.say("export", error)
        return shared.BAD_INPUT
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        shared.say("export", f"{args.out} is not an empty folder; choose another")
        return shared.BAD_INPUT
    try:
        verify(source)
        make_folder(args.out)
        files = listed_files(source)
        for name in files:
            write_atomic(args.out / name, (source / name).read_bytes())
        digest = verify(args.out)
    except BundleCorruptError as error:
        shared.say("export", error)
        return shared.BAD_INPUT
    except OSError as error:
        shutil.rmtree(args.out, ignore_errors=True)
        shared.say("export", f"{args.out} cannot be written: {error.strerror}")
        return shared.FAILED
    shared.answer({"bundle": str(args.out), "digest": digest, "files": files})
    return 0
