"""`python -m ml alike`: which of the stored photos look most like one of them.

Reads JSON lines `{"sha256"}` and writes `{"rows": [[line, cosine], …], "missing"}`, lines counted from 0, the nearest
first. Only photos whose embeddings are kept take part.
"""

from __future__ import annotations

import argparse
import json

from ml.cli.groups import add_options
from ml.cli.shared import BAD_INPUT, FAILED, answer, die_with_parent, open_store, read_photos, say
from ml.durable import write_atomic

COUNT = 300


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command `alike`."""
    parser = subparsers.add_parser("alike", help="stored photos that look most like one of them")
    add_options(parser, hashes=False)
    parser.add_argument(
        "--to", required=True, metavar="SHA256", help="the photo that the others are compared with"
    )
    parser.add_argument("--count", type=int, default=COUNT, metavar="N", help=f"how many ({COUNT})")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write what was found, print the count as JSON; 2 and a sentence for bad input, 1 without a backbone."""
    die_with_parent(args)
    try:
        keys = read_photos(args.list, lambda text: _key(json.loads(text)["sha256"]))
        target = _key(args.to)
        if args.count < 1:
            raise ValueError("--count must be at least 1")
    except (ValueError, OSError) as error:
        say("alike", error)
        return BAD_INPUT
    from ml.backbones.embed import DEFAULT_BACKBONE, DEFAULT_SIZE, feature_cache
    from ml.backbones.registry import backbone
    from ml.backbones.weights import WeightsCorruptError, WeightsMissingError
    from ml.evaluation.neighbours import most_alike

    try:
        cache = feature_cache(open_store(args), DEFAULT_BACKBONE, DEFAULT_SIZE)
    except (WeightsMissingError, WeightsCorruptError) as error:
        say("alike", error)
        return FAILED
    if cache.missing([target]):
        say("alike", "this photo was not looked at yet; that follows each upload and takes a while")
        return FAILED
    columns = slice(0, backbone(DEFAULT_BACKBONE).embedding)
    places, cosines = most_alike(cache, keys, target, args.count, columns)
    rows = [[int(place), round(float(cosine), 4)] for place, cosine in zip(places, cosines, strict=True)]
    missing = len(cache.missing(keys))
    write_atomic(args.out, json.dumps({"rows": rows, "missing": missing}).encode())
    answer({"images": len(keys), "found": len(rows), "missing": missing})
    return 0


def _key(sha256: str) -> bytes:
    key = bytes.fromhex(sha256)
    if len(key) != 32:
        raise ValueError("a sha256 has 64 digits")
    return key
