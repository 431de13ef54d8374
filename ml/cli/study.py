"""`python -m ml study`: whether doubt can be trusted, over many splits."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.cli import shared
from ml.cli.folders import grouped_manifest, shown
from ml.cli.shared import BadInputError

if TYPE_CHECKING:
    from ml.backbones.embed import Matrix
    from ml.evaluation.trials import Photos
    from ml.store import Store
    from ml.training.transforms import Pixels

_BACKBONE = "efficientnet_lite0"
_FAR_PICTURES = 200

_DETAILS = """\
calibration  chooses temperature and threshold as a run does and counts, on test photos not used for that, how well
             confidence and the promised accuracy hold.
unknown      chooses the limit of familiarity as a run does and counts which pictures lie beyond it: noise, drawn
             screens, Fashion-MNIST (Debian's dataset-fashion-mnist; left out where absent), and the photos of each
             class when a model was made without it; beside the loss among the test photos.

Both split the photos anew for every seed, grouped, and fit the probe of `linear_probe` on cached features. With
--runs they judge finished runs of any recipe by what these wrote instead.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command."""
    parser = subparsers.add_parser(
        "study", help="whether calibration and familiarity keep what they promise", description=_DETAILS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("what", choices=("calibration", "unknown"), help="what to study")
    photos = parser.add_mutually_exclusive_group(required=True)
    photos.add_argument("--data", type=Path, metavar="FOLDER", help="a folder with one sub-folder per class")
    photos.add_argument("--manifest", type=Path, metavar="FILE", help="a frozen data set version")
    photos.add_argument("--runs", type=Path, nargs="+", metavar="RUN", help="folders of finished runs")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="splits (5)")
    parser.add_argument("--size", type=int, default=224, metavar="PX", help="side of the pictures (224)")
    parser.add_argument(
        "--compare", action="store_true", help="unknown: measure the other scores too (several times as long)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the JSON object there")
    shared.add_store(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Study and print one JSON object; the exit code."""
    from ml.backbones.pipeline import UnreadablePhotoError
    from ml.backbones.trunk import TrunkError
    from ml.backbones.weights import WeightsCorruptError, WeightsMissingError
    from ml.bundle.predict import BundleCorruptError, BundleIncompatibleError
    from ml.durable import write_atomic

    began = time.monotonic()
    try:
        if args.seeds < 1:
            raise BadInputError(f"--seeds must be at least 1, not {args.seeds}")
        if args.out:
            shared.check_out(args.out)
        content = _of_runs(args) if args.runs else _of_photos(args)
    except (BadInputError, BundleCorruptError, BundleIncompatibleError) as error:
        shared.say("study", error)
        return shared.BAD_INPUT
    except (UnreadablePhotoError, WeightsMissingError, WeightsCorruptError, TrunkError) as error:
        shared.say("study", error)
        return shared.FAILED
    content = {"study": args.what, **content, "seconds": round(time.monotonic() - began, 1)}
    if args.out:
        write_atomic(args.out, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())
    shared.answer(content)
    return 0


def _of_runs(args: argparse.Namespace) -> dict[str, Any]:
    from ml.evaluation import study_calibration, study_unknown

    try:
        if args.what == "calibration":
            return study_calibration.judge_runs(args.runs)
        pictures, left_out = _far()
        return {**study_unknown.judge_runs(args.runs, pictures), "kinds_left_out": left_out}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"--runs needs finished runs with test photos: {error}") from error


def _of_photos(args: argparse.Namespace) -> dict[str, Any]:
    from tqdm import tqdm

    from ml.evaluation.study_calibration import study_calibration
    from ml.evaluation.trials import draw_trial

    store = shared.open_store(args)
    photos = _photos(args, store)
    seeds = range(args.seeds)
    try:  # before an hour's work
        for seed in seeds:
            draw_trial(photos, seed)
    except ValueError as error:
        raise BadInputError(error) from error
    facts = {
        "photos": len(photos.ids), "classes": len(photos.keys), "groups": len(set(photos.groups.tolist())),
        "seeds": args.seeds, "size": args.size, "backbone": _BACKBONE,
    }  # fmt: skip
    if args.what == "calibration":
        with tqdm(total=args.seeds, unit="split", file=sys.stderr) as bar:
            return {**facts, **study_calibration(photos, seeds, lambda: _tick(bar))}
    return {**facts, **_unknown(args, store, photos)}


def _unknown(args: argparse.Namespace, store: Store, photos: Photos) -> dict[str, Any]:
    from tqdm import tqdm

    from ml.evaluation.scores import SCORES
    from ml.evaluation.study_unknown import compare_scores, study_unknown

    pictures, left_out = _far()
    far = _features(store, pictures, args.size)
    seeds = range(args.seeds)
    with tqdm(total=args.seeds * (1 + len(photos.keys)), unit="fit", file=sys.stderr) as bar:
        content = study_unknown(photos, far, seeds, lambda: _tick(bar))
    if args.compare:
        with tqdm(total=args.seeds * len(SCORES), unit="score", file=sys.stderr) as bar:
            content["scores"] = compare_scores(photos, far, seeds, lambda: _tick(bar))
    return {**content, "far_pictures": _FAR_PICTURES, "kinds_left_out": left_out}


def _photos(args: argparse.Namespace, store: Store) -> Photos:
    from tqdm import tqdm

    from ml.evaluation.trials import load_photos

    try:
        manifest = (
            shared.read_manifest(args.manifest)
            if args.manifest
            else grouped_manifest("study", args.data, store, _BACKBONE, args.size)
        )
        with tqdm(unit="photo", desc="features", file=sys.stderr) as bar:
            return load_photos(store, manifest, shown(bar), args.size)
    except (ValueError, OSError) as error:
        raise BadInputError(error) from error


def _far() -> tuple[dict[str, list[Pixels]], dict[str, str]]:
    """The far unknowns, and the kinds that are not on this machine; these are told."""
    from ml.evaluation.far import far_pictures

    pictures, left_out = far_pictures(_FAR_PICTURES, 0)
    for kind, reason in left_out.items():
        shared.say("study", f"left out {kind}: {reason}")
    return pictures, left_out


def _features(store: Store, pictures: Mapping[str, Sequence[Pixels]], size: int) -> dict[str, Matrix]:
    """Multi-level features of each kind of picture."""
    import numpy as np

    from ml.backbones.trunk import pooled_model, session, trunk
    from ml.training.transforms import Preprocess, eval_picture

    source = trunk(store, _BACKBONE)
    model = session(pooled_model(source))
    preprocess = Preprocess(size, source.backbone.mean, source.backbone.std)
    found = {}
    for kind, given in pictures.items():
        batches = [given[start : start + 32] for start in range(0, len(given), 32)]
        ready = (preprocess.batch([eval_picture(picture, size) for picture in part]) for part in batches)
        found[kind] = np.concatenate([model.run(["features"], {"image": batch})[0] for batch in ready])
    return found


def _tick(bar: Any) -> None:
    bar.update(1)
