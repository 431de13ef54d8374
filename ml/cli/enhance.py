"""`python -m ml enhance FOLDER|MANIFEST`: photos with mirrored copies, as the paper on waste sorting made them."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ml.cli.shared import (
    BAD_INPUT,
    FAILED,
    BadInputError,
    add_die_with_parent,
    add_store,
    answer,
    die_with_parent,
    open_store,
    read_manifest,
    say,
)

if TYPE_CHECKING:
    from ml.images.flips import Wanted
    from ml.store import Store

_DETAILS = """\
A folder with one sub-folder a class is taken as it lies: each photo, its copy mirrored left to right and the one upside
down (cv2.flip), then at most --cap of them a class, drawn by --seed. A manifest is taken as it was frozen. --out ends
in .zip for one ZIP, else it names a new folder. With --thumbnails only small flipped pictures are written into the
store, for the photos whose sha256 stand in the given file, one a line.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `enhance`."""
    parser = subparsers.add_parser(
        "enhance", help="photos with mirrored copies, as folders or a ZIP", description=_DETAILS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("data", type=Path, nargs="?", metavar="FOLDER|MANIFEST")
    parser.add_argument("--out", type=Path, metavar="FILE.zip|FOLDER", help="what to write")
    parser.add_argument(
        "--cap", type=int, metavar="N", help="of a folder: at most N files a class, copies counted"
    )
    parser.add_argument("--seed", type=int, default=0, help="another seed draws others (0)")
    parser.add_argument("--thumbnails", type=Path, metavar="LIST", help="flip the thumbnails of these photos")
    parser.add_argument("--progress", type=Path, metavar="FILE", help="keep the progress in this JSON file")
    add_store(parser)
    add_die_with_parent(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the files and print one JSON object; 2 and a sentence for bad input, 1 for a full disk."""
    from ml.durable import StoreFull

    die_with_parent(args)
    try:
        _check(args)
        return _thumbnails(args) if args.thumbnails else _enhance(args)
    except (BadInputError, ValueError) as error:
        say("enhance", error)
        return BAD_INPUT
    except FileExistsError:
        say("enhance", f"{args.out} is not empty; name a new folder or a file that ends in .zip")
        return BAD_INPUT
    except StoreFull:
        say(
            "enhance",
            "The disk is full. Free some space, then start this again: nothing that was stored is damaged.",
        )
        return FAILED


def _check(args: argparse.Namespace) -> None:
    if args.thumbnails is None and (args.data is None or args.out is None):
        raise BadInputError("name a folder or a manifest, and with --out what to write")
    if args.cap is not None and args.cap < 1:
        raise BadInputError(f"--cap must be at least 1, not {args.cap}")
    if args.seed < 0:
        raise BadInputError(f"--seed must be 0 or more, not {args.seed}")


def _enhance(args: argparse.Namespace) -> int:
    from ml.images.flips import write_folder, write_zip

    started = time.monotonic()
    wanted = _wanted(args, open_store(args))
    write = write_zip if args.out.suffix.lower() == ".zip" else write_folder
    written = write(args.out, wanted, _teller(args.progress, "Writing photos and copies"))
    for path, sentence in written.unreadable:
        say("enhance", f"left out {path}: {sentence}")
    answer(
        {
            "files": written.files,
            "photos": written.photos,
            "left_out": len(written.unreadable),
            "out": str(args.out),
            "seconds": round(time.monotonic() - started, 3),
        }
    )
    return 0


def _wanted(args: argparse.Namespace, store: Store) -> list[Wanted]:
    from ml.images.flips import wanted_of_folder, wanted_of_manifest
    from ml.images.folder import list_photos

    if args.data.is_dir():
        return wanted_of_folder(list_photos(args.data), cap=args.cap, seed=args.seed)
    if args.cap is not None:
        raise BadInputError("--cap is for folders: the cap of a manifest is part of it")
    return wanted_of_manifest(read_manifest(args.data), store)


def _thumbnails(args: argparse.Namespace) -> int:
    from ml.images.flips import flip_thumbnails

    digests = [line.strip() for line in args.thumbnails.read_text().splitlines() if line.strip()]
    told = _teller(args.progress, "Mirroring the small pictures")
    answer({"written": flip_thumbnails(open_store(args), digests, told)})
    return 0


def _teller(path: Path | None, message: str) -> Callable[[int, int], None]:
    """Writes how far it is into the progress file, if there is one."""
    from ml.training.progress import Progress

    if path is None:
        return lambda done, total: None
    progress = Progress(path, {"write": ("prepare", 10.0)})
    progress.stage("write", message)
    return lambda done, total: progress.update(done, total, message)
