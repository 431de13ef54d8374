"""`python -m ml predict`: which class is this photo?"""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.cli import shared


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command."""
    parser = subparsers.add_parser(
        "predict",
        help="classify photos with a finished bundle",
        description="One JSON line per photo on stdout, in the order given. A photo that cannot be read gets "
        "a line with `path` and `error`, the others their answers, and the exit code is 2.",
    )
    parser.add_argument(
        "bundle", type=Path, metavar="BUNDLE", help="a run's bundle folder, for example RUN/bundle"
    )
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="JPEG, PNG or WebP files")
    parser.add_argument("--top", type=int, default=5, metavar="N", help="how many classes to name (5)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Answer every photo; the exit code."""
    from ml.bundle.predict import BundleCorruptError, BundleIncompatibleError, Predictor
    from ml.images.errors import DecodeError

    if args.top < 1:
        shared.say("predict", "--top must be at least 1")
        return shared.BAD_INPUT
    try:
        predictor = Predictor.load(args.bundle)
    except (BundleCorruptError, BundleIncompatibleError) as error:
        shared.say("predict", error)
        return shared.BAD_INPUT
    broken = 0
    for path in args.images:
        try:
            shared.answer(predictor.predict_file(path, args.top).to_json(path))
        except (DecodeError, OSError, MemoryError) as error:
            sentence = (
                getattr(error, "strerror", None) or str(error) or "there is not enough memory for this photo"
            )
            shared.answer({"path": path, "error": sentence})
            broken += 1
    if broken:
        shared.say("predict", f"{broken} of {len(args.images)} photos could not be read")
    return shared.BAD_INPUT if broken else 0
