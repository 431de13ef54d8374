"""`python -m ml explain`: where in a photo the model saw what it answered."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.cli import shared


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command."""
    parser = subparsers.add_parser(
        "explain",
        help="show where in a photo the model saw its answer",
        description="Prints one JSON object: the class asked about, its probability, and `evidence`, 14 × 14 numbers "
        "over the photo's centred square, above 0 where that part speaks for the class and below 0 where it speaks "
        "against it. `method` is “class activation” (exact: with a constant they add up to the score) or “covering” "
        "(parts of the photo covered in turn). --out paints what speaks for the class over the photo.",
    )
    parser.add_argument(
        "bundle", type=Path, metavar="BUNDLE", help="a run's bundle folder, for example RUN/bundle"
    )
    parser.add_argument("image", type=Path, metavar="IMAGE", help="a JPEG, PNG or WebP file")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write the painted photo there, as PNG or JPEG"
    )
    parser.add_argument("--label", metavar="CLASS", help="ask about this class (default: the answer)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Explain and print one JSON object; the exit code."""
    import cv2

    from ml.bundle.predict import BundleCorruptError, BundleIncompatibleError
    from ml.durable import write_atomic
    from ml.evaluation.saliency import Explainer, overlay
    from ml.images.decode import decode_image
    from ml.images.errors import DecodeError
    from ml.images.files import read_photo

    if args.out and args.out.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        shared.say("explain", f"--out must end in .png or .jpg, not {args.out.name!r}")
        return shared.BAD_INPUT
    try:
        if args.out:
            shared.check_out(args.out, args.image)
        explainer = Explainer(args.bundle)
        pixels = decode_image(read_photo(args.image)).pixels
    except (shared.BadInputError, BundleCorruptError, BundleIncompatibleError, DecodeError) as error:
        shared.say("explain", error)
        return shared.BAD_INPUT
    except OSError as error:
        shared.say("explain", f"{args.image} cannot be read: {error.strerror}")
        return shared.BAD_INPUT
    keys = [label.key for label in explainer.predictor.labels]
    if args.label is not None and args.label not in keys:
        shared.say("explain", f"the model knows no class {args.label!r}; it knows {', '.join(keys)}")
        return shared.BAD_INPUT
    saliency = explainer.explain(pixels, None if args.label is None else keys.index(args.label))
    if args.out:
        picture = overlay(pixels, saliency)
        encoded = cv2.imencode(args.out.suffix.lower(), picture[:, :, ::-1])[1]
        try:
            write_atomic(args.out, encoded.tobytes())
        except OSError as error:
            shared.say("explain", f"{args.out} cannot be written: {error.strerror}")
            return shared.FAILED
    top = explainer.predictor.predict_array(pixels, len(keys)).top
    shares = {label.key: share for label, share in top}
    label = keys[saliency.label]
    shared.answer(
        {
            "path": str(args.image),
            "label": label,
            "probability": shares[label],
            "method": saliency.method,
            "evidence": [[round(float(value), 5) for value in row] for row in saliency.evidence],
            "out": str(args.out) if args.out else None,
        }
    )
    return 0
