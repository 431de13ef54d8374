"""`python -m ml weights`: which pretrained weights are on this machine, and which recipes can start."""

from __future__ import annotations

import argparse

from ml.cli import shared


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command."""
    parser = subparsers.add_parser(
        "weights",
        help="which pretrained weights are here",
        description="Prints one JSON object: backbone to null where its weights are on this machine, else "
        "the sentence that says how to get them; and the same for each recipe with its default backbone.",
    )
    shared.add_store(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look and print; always 0."""
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
