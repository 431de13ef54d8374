"""`python -m ml neighbours`: the training photos that a run's model finds most like a photo."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.cli import shared


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command."""
    parser = subparsers.add_parser(
        "neighbours",
        help="find the training photos most like a photo",
        description="Prints one JSON object with the training photos nearest to IMAGE by the cosine of the run's own "
        "embeddings, nearest first: {sha256, label, cosine, path}. Runs keep the embeddings of at most 5,000 training "
        "photos, evenly over the classes.",
    )
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a finished run's folder")
    parser.add_argument("image", type=Path, metavar="IMAGE", help="a JPEG, PNG or WebP file")
    parser.add_argument("--k", type=int, default=8, metavar="N", help="how many (8)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Search and print one JSON object; the exit code."""
    from ml.bundle.predict import BundleCorruptError, BundleIncompatibleError, Predictor
    from ml.evaluation.neighbours import EMBEDDINGS_FILE, Embedded, EmbeddingsError, nearest
    from ml.images.decode import decode_image
    from ml.images.errors import DecodeError
    from ml.images.files import read_photo

    if args.k < 1:
        shared.say("neighbours", "--k must be at least 1")
        return shared.BAD_INPUT
    try:
        shared.check_finished(args.run_folder)
        manifest = shared.read_manifest(args.run_folder / "manifest.json")
        known = Embedded.read(args.run_folder / EMBEDDINGS_FILE)
        predictor = Predictor.load(args.run_folder / "bundle")
        pixels = decode_image(read_photo(args.image)).pixels
    except (
        shared.BadInputError, EmbeddingsError, BundleCorruptError, BundleIncompatibleError, DecodeError
    ) as error:  # fmt: skip
        shared.say("neighbours", error)
        return shared.BAD_INPUT
    except OSError as error:
        shared.say("neighbours", f"{args.image} cannot be read: {error.strerror}")
        return shared.BAD_INPUT
    rows, cosines = nearest(predictor.embed_array(pixels)[None], known.embeddings, args.k)
    items = {item.sha256: item for item in manifest.items}
    found = []
    for row, cosine in zip(rows[0], cosines[0], strict=True):
        item = items[known.sha256s[row]]
        found.append(
            {"sha256": item.sha256, "label": item.label, "cosine": round(float(cosine), 4), "path": item.path}
        )
    shared.answer({"path": str(args.image), "neighbours": found, "among": len(known.sha256s)})
    return 0
