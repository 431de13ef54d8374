"""`python -m ml weights`: which pretrained weights are on this machine, and how to fetch others."""

from __future__ import annotations

import argparse

from ml.cli import shared
from ml.pretrained import PRETRAINED

_DETAILS = """\
Prints one JSON object: each backbone to null where its weights are on this machine, else the sentence that
says how to get them; and the same for each recipe with its default backbone.

With --fetch it gets the weights of one ResNet from torchvision's server into the data folder and prints
which file that is. Nothing is fetched twice; what is fetched is checked against the hash in its name.
On a machine without a network, put the file into the folder `weights` of the data folder instead.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command."""
    parser = subparsers.add_parser(
        "weights", help="which pretrained weights are here, and fetching them", description=_DETAILS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--fetch", metavar="BACKBONE", help=f"one of {', '.join(PRETRAINED)}")
    shared.add_store(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look or fetch, and print; 2 where nothing could be fetched."""
    if args.fetch is not None:
        return _fetch(args)
    from ml.backbones.registry import REGISTRY
    from ml.backbones.weights import backbone_available
    from ml.specs import RECIPES

    store = shared.open_store(args)
    backbones = {name: backbone_available(store, name) for name in REGISTRY}
    recipes = {
        name: None if name == "scratch" else backbones[str(info.defaults["backbone"])]
        for name, info in RECIPES.items()
    }
    shared.answer({"backbones": backbones, "recipes": recipes})
    return 0


def _fetch(args: argparse.Namespace) -> int:
    if args.fetch not in PRETRAINED:
        shared.say("weights", f"there is no backbone {args.fetch!r}; there are {', '.join(PRETRAINED)}")
        return shared.BAD_INPUT
    from ml.backbones.fetch import FetchError, fetch_weights

    try:
        weights = fetch_weights(shared.open_store(args), args.fetch)
    except FetchError as error:
        shared.say("weights", error)
        return shared.BAD_INPUT
    shared.answer({"backbone": weights.backbone, "file": str(weights.path), "sha256": weights.sha256})
    return 0
