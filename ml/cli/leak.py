"""`python -m ml leak`: what twins of test photos in the training set are worth."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ml.cli import shared
from ml.cli.folders import grouped_manifest, shown
from ml.cli.shared import BadInputError

if TYPE_CHECKING:
    from ml.backbones.pipeline import Photo
    from ml.evaluation.leak import Photos
    from ml.manifest import Item, Manifest
    from ml.store import Store

_BACKBONE = "efficientnet_lite0"
_MOST_PHOTOS = 10_000

_DETAILS = """\
Trains quick probes on equally many items, with and without the twins of the test photos (near-duplicates, and
the mirrored copies that the paper's order of flips first and split after puts into train), and scores both on
the same test originals. Prints the paired difference with a 95 % interval by resampling groups and seeds, and
what the paper's protocol and the grouped one would have reported. Photos are embedded three times (as they
are, mirrored, upside down) and kept in the store's cache, so only the first time takes long.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command."""
    parser = subparsers.add_parser(
        "leak", help="what a leaking split is worth", description=_DETAILS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    photos = parser.add_mutually_exclusive_group(required=True)
    photos.add_argument("--data", type=Path, metavar="FOLDER", help="a folder with one sub-folder per class")
    photos.add_argument("--manifest", type=Path, metavar="FILE", help="a frozen data set version")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="splits to repeat it on (5)")
    parser.add_argument("--size", type=int, default=224, metavar="PX", help="side of the pictures (224)")
    parser.add_argument(
        "--cap", type=int, metavar="N", help="the paper's cap: at most N items of a class after the flips"
    )
    parser.add_argument(
        "--photos", type=int, default=_MOST_PHOTOS, metavar="N",
        help="of more photos than that, whole groups are drawn by lot (10,000)",
    )  # fmt: skip
    shared.add_store(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one JSON object; the exit code."""
    from tqdm import tqdm

    from ml.backbones.pipeline import UnreadablePhotoError
    from ml.backbones.trunk import TrunkError
    from ml.backbones.weights import WeightsCorruptError, WeightsMissingError
    from ml.evaluation.leak import measure_leak

    began = time.monotonic()
    try:
        _check(args)
        store = shared.open_store(args)
        manifest = (
            shared.read_manifest(args.manifest)
            if args.manifest
            else grouped_manifest("leak", args.data, store, _BACKBONE, args.size)
        )
        photos = _photos(manifest, store, args)
        with tqdm(unit="probe", desc="training probes", file=sys.stderr) as bar:
            leak = measure_leak(photos, range(args.seeds), args.cap, shown(bar))
    except (BadInputError, ValueError) as error:
        shared.say("leak", error)
        return shared.BAD_INPUT
    except (UnreadablePhotoError, WeightsMissingError, WeightsCorruptError, TrunkError) as error:
        shared.say("leak", error)
        return shared.FAILED
    shared.answer(
        {
            "photos": len(photos.ids),
            "classes": photos.classes,
            "groups": len(set(photos.groups.tolist())),
            "seeds": args.seeds,
            "size": args.size,
            "cap": args.cap,
            "backbone": _BACKBONE,
            **leak.as_json(),
            "seconds": round(time.monotonic() - began, 1),
        }
    )
    return 0


def _check(args: argparse.Namespace) -> None:
    for name, least in (("seeds", 1), ("size", 32), ("photos", 1)):
        if getattr(args, name) < least:
            raise BadInputError(f"--{name} must be at least {least}, not {getattr(args, name)}")
    if args.cap is not None and args.cap < 1:
        raise BadInputError(f"--cap must be at least 1, not {args.cap}")


def _photos(manifest: Manifest, store: Store, args: argparse.Namespace) -> Photos:
    """The photos of a manifest with the features of each as it is, mirrored and upside down."""
    import numpy as np
    from tqdm import tqdm

    from ml.backbones.embed import pooled_features
    from ml.backbones.pipeline import Photo
    from ml.evaluation.leak import Photos
    from ml.manifest import TRANSFORMS

    items = list({item.sha256: item for item in manifest.items}.values())
    items = _drawn(items, args.photos)
    if len({item.label for item in items}) < 2:
        raise BadInputError("a leak can be measured with two or more classes; add photos of a second one")
    labels = sorted({item.label for item in items}, key=manifest.class_index.__getitem__)

    def turned(transform: str) -> list[Photo]:
        return [Photo(item.sha256, item.path, transform) for item in items]

    features = []
    for transform in TRANSFORMS:
        with tqdm(unit="photo", desc=f"features, {transform}", file=sys.stderr) as bar:
            features.append(pooled_features(store, turned(transform), shown(bar), _BACKBONE, args.size))
    return Photos(
        ids=[item.sha256 for item in items],
        labels=np.array([labels.index(item.label) for item in items], np.int64),
        groups=np.array([item.group for item in items], np.int64),
        features=np.stack(features, axis=1),
        classes=len(labels),
    )


def _drawn(items: list[Item], most: int) -> list[Item]:
    """All items, or whole groups drawn by lot until there are `most`."""
    import numpy as np

    if len(items) <= most:
        return items
    order = np.random.default_rng(0).permutation(sorted({item.group for item in items})).tolist()
    place = {group: number for number, group in enumerate(order)}
    return sorted(items, key=lambda item: place[item.group])[:most]
