"""`python -m ml embed`: fill the embedding cache for stored photos."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

from ml.cli import shared
from ml.cli.shared import BadInputError


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command."""
    parser = subparsers.add_parser(
        "embed",
        help="compute embeddings of stored photos",
        description="Computes what the cache lacks and prints {images, computed, seconds}. The list has one "
        "JSON object a line with the key sha256.",
    )
    parser.add_argument(
        "--list", type=Path, required=True, metavar="FILE", help="photos, one JSON object a line"
    )
    parser.add_argument("--progress", type=Path, metavar="FILE", help="keep a progress.json there")
    shared.add_store(parser)
    shared.add_die_with_parent(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Embed and print one JSON object; the exit code."""
    from tqdm import tqdm

    from ml.backbones.embed import embed_images
    from ml.backbones.pipeline import UnreadablePhotoError
    from ml.backbones.trunk import TrunkError
    from ml.backbones.weights import WeightsCorruptError, WeightsMissingError
    from ml.training.progress import Progress

    shared.die_with_parent(args)
    began = time.monotonic()
    computed = 0
    try:
        hashes = read_list(args.list)
        report = (
            Progress(args.progress, {"embed": ("features", len(hashes) / 110)}) if args.progress else None
        )
        if report:
            report.stage("embed", "Looking at the photos")
        with tqdm(total=len(hashes), unit="photo", file=sys.stderr, disable=not sys.stderr.isatty()) as bar:

            def progress(done: int, total: int) -> None:
                nonlocal computed
                computed = done
                bar.total = total
                bar.update(done - bar.n)
                if report:
                    report.update(done, total)

            embed_images(shared.open_store(args), hashes, progress)
        if report:
            report.finish("Finished")
    except BadInputError as error:
        shared.say("embed", error)
        return shared.BAD_INPUT
    except (UnreadablePhotoError, WeightsMissingError, WeightsCorruptError, TrunkError) as error:
        shared.say("embed", error)
        return shared.FAILED
    shared.answer(
        {"images": len(hashes), "computed": computed, "seconds": round(time.monotonic() - began, 2)}
    )
    return 0


def read_list(path: Path) -> list[str]:
    """The sha256 of each line; BadInputError names the first bad one."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BadInputError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path} is not UTF-8 text") from error
    hashes = []
    for number, line in enumerate(lines, 1):
        try:
            row: Any = json.loads(line)
            digest = row["sha256"]
        except (ValueError, KeyError, TypeError) as error:
            raise BadInputError(f"{path}, line {number}: a JSON object with sha256 is needed") from error
        if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
            raise BadInputError(f"{path}, line {number}: sha256 must be 64 lower-case hex digits")
        hashes.append(digest)
    return hashes
