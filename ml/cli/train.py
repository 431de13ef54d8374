"""`python -m ml train`: a run from photos to a finished bundle."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ml.cli import shared
from ml.cli.shared import BadInputError
from ml.specs import DEFAULT_RECIPE, RECIPES, SpecError, TrainSpec, make_spec

if TYPE_CHECKING:
    from ml.manifest import Manifest
    from ml.store import Store

_DETAILS = """\
Give photos either as a folder with one sub-folder per class (--data), which is split by near-duplicate
groups, or as a manifest made by `split` or by the site (--manifest).

Started again with the same --out, settings and data, an interrupted run goes on after its last epoch,
and a finished one prints its result again.

With several GPUs, or to try it on processors: torchrun --nproc-per-node N -m ml train … shares every batch
among N processes, of which the first writes.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command."""
    recipes = "\n".join(f"  {info.name:18}{info.description}" for info in RECIPES.values())
    parser = subparsers.add_parser(
        "train", help="train a classifier", description=f"{_DETAILS}\nRecipes:\n{recipes}",
        epilog=_settings_help(), formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    photos = parser.add_mutually_exclusive_group(required=True)
    photos.add_argument("--data", type=Path, metavar="FOLDER", help="a folder with one sub-folder per class")
    photos.add_argument("--manifest", type=Path, metavar="FILE", help="a frozen data set version")
    parser.add_argument("--recipe", default=DEFAULT_RECIPE, metavar="NAME", help=f"default: {DEFAULT_RECIPE}")
    parser.add_argument(
        "--preset", default="", metavar="NAME", help="a named choice of the recipe's settings, listed below"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings", help="change a setting"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="the run's folder")
    parser.add_argument("--seed", type=int, default=0, help="of the split, the shuffling and the start (0)")
    parser.add_argument(
        "--takeover", action="store_true", help="end another trainer that is at work in this run folder first"
    )
    shared.add_store(parser)
    shared.add_die_with_parent(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train and print one JSON object; the exit code."""
    shared.die_with_parent(args)
    try:
        spec = _spec(args)
        store = shared.open_store(args)
        manifest = (
            shared.read_manifest(args.manifest) if args.manifest else _from_folder(args.data, args.seed)
        )
    except BadInputError as error:
        shared.say("train", error)
        return shared.BAD_INPUT
    return _train(args, manifest, spec, store)


def _train(args: argparse.Namespace, manifest: Manifest, spec: TrainSpec, store: Store) -> int:
    from ml.training.errors import StopRequestedError, TrainingProblemError
    from ml.training.team import team
    from ml.training.train import RunFailedError, train

    if team().leads:
        shared.log_to_stderr()
    try:
        result = train(manifest, spec, args.out, store, takeover=args.takeover)
        if team().leads:
            shared.answer(result)
    except TrainingProblemError as error:
        shared.say("train", error)
        return shared.BAD_INPUT
    except RunFailedError as error:
        shared.say("train", error)
        return shared.FAILED
    except StopRequestedError:
        shared.say("train", "stopped by request")
        return shared.STOPPED
    return 0


def _spec(args: argparse.Namespace) -> TrainSpec:
    overrides = {}
    for text in args.settings:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise BadInputError(f"--set needs NAME=VALUE, not {text!r}")
        overrides[name.strip()] = value
    try:
        return make_spec(args.recipe, overrides, args.seed, args.preset)
    except SpecError as error:
        raise BadInputError(error) from error


def _from_folder(folder: Path, seed: int) -> Manifest:
    """A manifest of a plain folder, split by near-duplicate groups; what is left out is told on stderr."""
    from ml.images.folder import manifest_from_folder
    from ml.manifest import Plan

    try:
        manifest, report = manifest_from_folder(folder, plan=Plan(seed=seed))
    except (ValueError, OSError) as error:
        raise BadInputError(error) from error
    for one in report.unreadable:
        shared.say("train", f"left out {one.path}: {one.detail}")
    for twin in report.duplicates:
        shared.say("train", f"left out {twin.path}: same bytes as {twin.kept}")
    return manifest


def _settings_help() -> str:
    lines = ["settings for --set, with each recipe's default:"]
    for info in RECIPES.values():
        pairs = ", ".join(f"{name}={info.defaults[name]}" for name in info.editable)
        lines.append(f"  {info.name}: {pairs}")
    lines += ["", "presets, which --set may change further:"]
    for info in RECIPES.values():
        for preset in info.presets.values():
            pairs = ", ".join(f"{name}={value}" for name, value in preset.values.items())
            lines.append(f"  {info.name} --preset {preset.name}: {pairs}")
    return "\n".join(lines)
