"""`python -m ml preview IMAGE`: what the random changes of training make of a photo."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.cli.shared import BAD_INPUT, BadInputError, answer, check_out, say
from ml.specs import SETTINGS

_MOST = 100
_SIDES = (16, 1024)
_DETAILS = """\
Writes a contact sheet: first the photo as it is judged (the centred square), then as many random variants as
asked for, as training draws them. Prints one JSON object with the sheet's path and layout.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add this command."""
    parser = subparsers.add_parser(
        "preview", help="what augmentation makes of a photo", description=_DETAILS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("image", type=Path, metavar="IMAGE")
    parser.add_argument(
        "--augment", choices=SETTINGS["augment"].choices, default="crops_flips", help="default: crops_flips"
    )
    parser.add_argument("--count", type=int, default=8, metavar="N", help="how many variants (8)")
    parser.add_argument("--size", type=int, default=224, metavar="PX", help="side of each picture (224)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other variants (0)")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the sheet: .jpg, .png or .webp"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the sheet, print one JSON object; 2 and a sentence for bad input."""
    from ml.images.decode import decode_image
    from ml.images.errors import DecodeError
    from ml.images.files import read_photo
    from ml.training.preview import contact_sheet, preview, write_picture
    from ml.training.transforms import eval_picture

    try:
        _check(args)
        check_out(args.out, args.image)
        pixels = decode_image(read_photo(args.image)).pixels
        variants = preview(pixels, args.size, args.augment, args.seed, args.count)
        sheet = contact_sheet([eval_picture(pixels, args.size), *variants])
        write_picture(sheet, args.out)
    except DecodeError as error:
        say("preview", f"{args.image} cannot be used: {error}")
        return BAD_INPUT
    except (ValueError, BadInputError) as error:
        say("preview", error)
        return BAD_INPUT
    answer(
        {
            "image": str(args.image),
            "sheet": str(args.out),
            "augment": args.augment,
            "count": args.count,
            "size": args.size,
            "seed": args.seed,
            "width": sheet.shape[1],
            "height": sheet.shape[0],
        }
    )
    return 0


def _check(args: argparse.Namespace) -> None:
    if not 1 <= args.count <= _MOST:
        raise ValueError(f"--count must be from 1 to {_MOST}, not {args.count}")
    if not _SIDES[0] <= args.size <= _SIDES[1]:
        raise ValueError(f"--size must be from {_SIDES[0]} to {_SIDES[1]}, not {args.size}")
    if args.seed < 0:
        raise ValueError(f"--seed must be 0 or more, not {args.seed}")
