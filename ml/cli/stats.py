"""`python -m ml stats FOLDER|MANIFEST`: mean and std of the channels, exact and by the usual loop."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ml.cli.shared import BAD_INPUT, add_store, answer, open_store, say
from ml.store import Store


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `stats`."""
    parser = subparsers.add_parser("stats", help="mean and std of a data set's colour channels")
    parser.add_argument("data", type=Path, metavar="FOLDER|MANIFEST")
    add_store(parser)
    parser.add_argument("--workers", type=int, metavar="N", help="threads (default: one a core)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one JSON object; files that cannot be read are told on stderr. 2 and a sentence for bad input."""
    from tqdm import tqdm

    from ml.images.statistics import measure_statistics

    try:
        paths = _photos_of(args.data, open_store(args))
        with tqdm(total=len(paths), unit="photo", file=sys.stderr) as bar:
            statistics = measure_statistics(paths, workers=args.workers, progress=lambda n: bar.update(n))
    except (ValueError, OSError) as error:
        say("stats", error)
        return BAD_INPUT
    for one in statistics.unreadable:
        say("stats", f"left out {one.path}: {one.detail}")
    answer(statistics.as_json())
    return 0


def _photos_of(data: Path, store: Store) -> list[Path]:
    """The photo files of a folder (class folders or loose), or of a manifest's originals."""
    from ml.images.folder import PICTURE_SUFFIXES
    from ml.manifest import Manifest

    if data.is_dir():
        paths = sorted(path for path in data.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
        if not paths:
            raise ValueError(f"there are no photos in {data}; put JPEG, PNG or WebP files in it")
        return paths
    if not data.exists():
        raise ValueError(f"there is no folder or manifest {data}")
    items = Manifest.read(data).items
    # A mirrored copy has the same pixels: each photo counts once.
    unique = {item.sha256: item for item in items}
    return [Path(item.path) if item.path else store.blob_path(item.sha256) for item in unique.values()]
